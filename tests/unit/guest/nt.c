/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding an NT kernel: getters in the shapes that compilers give them, stubs, and images that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "guest/find/image.h"
#include "guest/find/nt/code.h"
#include "guest/find/nt/nt.h"
#include "pe_build.h"

struct shape {
    const char *what, *code;
    size_t len;
    bool is_64;
    enum code_result result;
    uint32_t offset;
};
#define SHAPE(what, bits, result, offset, code)                                                                        \
    {                                                                                                                  \
        what, code, sizeof(code) - 1, bits == 64, result, offset                                                       \
    }

static const struct shape shapes[] = {
    SHAPE("mov rax, [rcx+440h]; ret", 64, CODE_FIELD, 0x440, "\x48\x8b\x81\x40\x04\x00\x00\xc3"),
    SHAPE("mov eax, [rcx+20h]; ret", 64, CODE_FIELD, 0x20, "\x8b\x41\x20\xc3"),
    SHAPE("lea rax, [rcx+5a8h]; ret", 64, CODE_ADDRESS, 0x5a8, "\x48\x8d\x81\xa8\x05\x00\x00\xc3"),
    SHAPE("add rcx, 5a8h; mov rax, rcx; ret", 64, CODE_ADDRESS, 0x5a8, "\x48\x81\xc1\xa8\x05\x00\x00\x48\x89\xc8\xc3"),
    SHAPE("mov rax, gs:[188h]; mov rax, [rax+b8h]; ret", 64, CODE_THREAD_FIELD, 0xb8,
          "\x65\x48\x8b\x04\x25\x88\x01\x00\x00\x48\x8b\x80\xb8\x00\x00\x00\xc3"),
    SHAPE("endbr64, sub rsp, add rsp around it", 64, CODE_FIELD, 0x10,
          "\xf3\x0f\x1e\xfa\x48\x83\xec\x28\x48\x8b\x41\x10\x48\x83\xc4\x28\xc3"),
    SHAPE("mov eax, [esp+4]; mov eax, [eax+84h]; ret 4", 32, CODE_FIELD, 0x84,
          "\x8b\x44\x24\x04\x8b\x80\x84\x00\x00\x00\xc2\x04\x00"),
    SHAPE("mov edi, edi; push ebp; mov ebp, esp; mov eax, [ebp+8]; mov eax, [eax+84h]; pop ebp; ret 4", 32, CODE_FIELD,
          0x84, "\x8b\xff\x55\x8b\xec\x8b\x45\x08\x8b\x80\x84\x00\x00\x00\x5d\xc2\x04\x00"),
    SHAPE("mov edi, edi; push ebp; mov ebp, esp; mov eax, [ebp+8]; add eax, 174h; pop ebp; ret 4", 32, CODE_ADDRESS,
          0x174, "\x8b\xff\x55\x8b\xec\x8b\x45\x08\x05\x74\x01\x00\x00\x5d\xc2\x04\x00"),
    SHAPE("mov eax, fs:[124h]; mov eax, [eax+44h]; ret", 32, CODE_THREAD_FIELD, 0x44,
          "\x64\xa1\x24\x01\x00\x00\x8b\x40\x44\xc3"),
    SHAPE("mov eax, [ffdff124h]; mov eax, [eax+44h]; ret", 32, CODE_THREAD_FIELD, 0x44,
          "\xa1\x24\xf1\xdf\xff\x8b\x40\x44\xc3"),
    SHAPE("push ebp; mov ebp, esp; call (mov eax, fs:[124h]; ret); mov eax, [eax+38h]; pop ebp; ret", 32,
          CODE_THREAD_FIELD, 0x38, "\x55\x89\xe5\xe8\x05\x00\x00\x00\x8b\x40\x38\x5d\xc3\x64\xa1\x24\x01\x00\x00\xc3"),
    SHAPE("sub rsp, 28h; call (mov rax, gs:[188h]; ret); mov rax, [rax+b8h]; add rsp, 28h; ret", 64, CODE_THREAD_FIELD,
          0xb8,
          "\x48\x83\xec\x28\xe8\x0c\x00\x00\x00\x48\x8b\x80\xb8\x00\x00\x00\x48\x83\xc4\x28\xc3"
          "\x65\x48\x8b\x04\x25\x88\x01\x00\x00\xc3"),
    SHAPE("mov eax, 174h; add eax, [esp+4]; ret 4", 32, CODE_ADDRESS, 0x174,
          "\xb8\x74\x01\x00\x00\x03\x44\x24\x04\xc2\x04\x00"),
    /* What must be refused, not misread. */
    SHAPE("mov eax, 174h; add eax, [esp+8]; ret 4", 32, CODE_NOTHING, 0,
          "\xb8\x74\x01\x00\x00\x03\x44\x24\x08\xc2\x04\x00"),
    SHAPE("mov eax, 174h; add eax, [ecx+4]; ret", 64, CODE_NOTHING, 0, "\xb8\x74\x01\x00\x00\x03\x41\x04\xc3"),
    SHAPE("two loads", 64, CODE_NOTHING, 0, "\x48\x8b\x41\x10\x48\x8b\x40\x20\xc3"),
    SHAPE("with an index", 64, CODE_NOTHING, 0, "\x48\x8b\x04\x11\xc3"),
    SHAPE("of the second argument", 64, CODE_NOTHING, 0, "\x48\x8b\x42\x10\xc3"),
    SHAPE("behind a condition", 64, CODE_NOTHING, 0, "\x48\x85\xc9\x74\x05\x48\x8b\x41\x10\xc3\x33\xc0\xc3"),
    SHAPE("behind a call", 64, CODE_NOTHING, 0, "\xe8\x00\x00\x00\x00\x48\x8b\x41\x10\xc3"),
    SHAPE("of a register that a call spoils", 64, CODE_NOTHING, 0,
          "\xe8\x05\x00\x00\x00\x48\x8b\x41\x10\xc3\x65\x48\x8b\x04\x25\x88\x01\x00\x00\xc3"),
    SHAPE("behind a call that takes an argument", 32, CODE_NOTHING, 0,
          "\xe8\x04\x00\x00\x00\x8b\x40\x38\xc3\x64\xa1\x24\x01\x00\x00\xc2\x04\x00"),
    SHAPE("behind a call that returns the process", 32, CODE_NOTHING, 0,
          "\xe8\x04\x00\x00\x00\x8b\x40\x38\xc3\x64\xa1\x24\x01\x00\x00\x8b\x40\x44\xc3"),
    SHAPE("behind calls without end", 32, CODE_NOTHING, 0, "\xe8\xfb\xff\xff\xff\x8b\x40\x38\xc3"),
    SHAPE("behind a call out of the image", 32, CODE_NOTHING, 0, "\xe8\x00\x00\x00\x70\x8b\x40\x38\xc3"),
    SHAPE("another field of the KPCR by its address", 32, CODE_NOTHING, 0, "\xa1\x20\xf1\xdf\xff\x8b\x40\x44\xc3"),
    SHAPE("the KPCR's address behind fs", 32, CODE_NOTHING, 0, "\x64\xa1\x24\xf1\xdf\xff\x8b\x40\x44\xc3"),
    SHAPE("a constant", 64, CODE_NOTHING, 0, "\xb8\x10\x00\x00\x00\xc3"),
    SHAPE("before the object", 64, CODE_NOTHING, 0, "\x48\x8b\x41\xf0\xc3"),
    SHAPE("far behind it", 64, CODE_NOTHING, 0, "\x48\x8b\x81\x00\x00\x10\x00\xc3"),
    SHAPE("another field of the KPCR", 64, CODE_NOTHING, 0,
          "\x65\x48\x8b\x04\x25\x90\x01\x00\x00\x48\x8b\x80\xb8\x00\x00\x00\xc3"),
    SHAPE("the second argument on the stack", 32, CODE_NOTHING, 0, "\x8b\x44\x24\x08\x8b\x40\x10\xc3"),
    SHAPE("no end", 64, CODE_NOTHING, 0, "\x90\x90\x90\x90"),
};

static void getters(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        struct built *b = build(shapes[i].is_64, "ntoskrnl.exe");
        uint32_t rva = export(b, "PsGetProcessId", shapes[i].code, shapes[i].len), offset = 0;
        struct pe pe;
        assert_true(pe__open(&b->image, 0, &pe));
        enum code_result result = code__getter(&pe, rva, &offset);
        if (result != shapes[i].result || (result != CODE_NOTHING && offset != shapes[i].offset))
            fail_msg("%s: result %d, offset %#x", shapes[i].what, (int)result, offset);
        free(b);
    }
}

static void stub(const char *code, size_t len, bool is_64, bool is_one, uint32_t wanted, uint8_t wanted_bytes)
{
    struct built *b = build(is_64, "ntdll.dll");
    uint32_t rva = export(b, "NtClose", code, len), number = 0;
    uint8_t bytes = 0;
    struct pe pe;
    assert_true(pe__open(&b->image, 0, &pe));
    assert_int_equal(code__stub(&pe, rva, &number, &bytes), is_one);
    if (is_one) {
        assert_int_equal(number, wanted);
        assert_int_equal(bytes, wanted_bytes);
    }
    free(b);
}
#define STUB(code, ...) stub(code, sizeof(code) - 1, __VA_ARGS__)

static void stubs(void **state)
{
    (void)state;
    STUB("\x4c\x8b\xd1\xb8\x0f\x00\x00\x00\xf6\x04\x25\x08\x03\xfe\x7f\x01\x75\x03\x0f\x05\xc3\xcd\x2e\xc3", true, true,
         0xf, 0xff);
    STUB("\x4c\x8b\xd1\xb8\x0c\x00\x00\x00\x0f\x05\xc3", true, true, 0xc, 0xff);
    STUB("\xb8\x19\x00\x00\x00\xba\x00\x03\xfe\x7f\xff\x12\xc2\x04\x00", false, true, 0x19, 4);
    STUB("\xb8\x06\x10\x00\x00\x0f\x05\xc3", true, true, 0x1006, 0xff);
    STUB("\xb8\x0f\x00\x00\x00\xc3", true, false, 0, 0);         /* enters nothing */
    STUB("\xb8\xff\xff\x00\x00\x0f\x05\xc3", true, false, 0, 0); /* no number of a service */
    STUB("\x48\xb8\x0f\x00\x00\x00\x00\x00\x00\x00\xc3", true, false, 0, 0);
}

/* The code of x64 that chooses between the service tables; two of it that do not agree leave them unknown. */
static void service_tables(void **state)
{
    struct built *b = build(true, "ntoskrnl.exe");
    uint8_t *code = b->bytes + CODE + 0xff8; /* it goes over a page's end */
    static const uint8_t leas[14] = {0x4c, 0x8d, 0x15, 0, 0, 0, 0, 0x4c, 0x8d, 0x1d};
    uint64_t plain = 1, shadow = 1;
    struct pe pe;
    (void)state;
    assert_true(pe__open(&b->image, 0, &pe));
    assert_false(code__service_tables(&pe, &plain, &shadow));
    assert_int_equal(plain, 0);
    memcpy(code, leas, sizeof(leas));
    put(code + 3, 0x7000 - (CODE + 0xff8 + 7), 4);
    put(code + 10, 0x7040 - (CODE + 0xff8 + 14), 4);
    assert_true(code__service_tables(&pe, &plain, &shadow));
    assert_int_equal(plain, BASE + 0x7000);
    assert_int_equal(shadow, BASE + 0x7040);
    memcpy(code + 0x100, code, 14); /* elsewhere, so it means others */
    assert_false(code__service_tables(&pe, &plain, &shadow));
    put(code + 0x103, 0x00700000, 4); /* outside of the image: something else */
    assert_true(code__service_tables(&pe, &plain, &shadow));
    free(b);
    b = build(false, "ntoskrnl.exe");
    uint32_t rva = export(b, "KeServiceDescriptorTable", "\0", 1);
    assert_true(pe__open(&b->image, 0, &pe));
    assert_true(code__service_tables(&pe, &plain, &shadow));
    assert_int_equal(plain, BASE + rva);
    assert_int_equal(shadow, 0);
    free(b);
}

/* A whole kernel: what is told, and what is said to be missing. */
static struct built *kernel(void)
{
    struct built *b = build_kernel(true, "ntkrnlmp.exe");
    EXPORT(b, "PsGetThreadId", "\x48\x8b\x81\x80\x04\x00\x00\xc3");
    EXPORT(b, "PsGetThreadProcessId", "\x48\x8b\x81\x78\x04\x00\x00\xc3");
    EXPORT(b, "PsGetThreadTeb", "\x33\xc0\xc3");
    EXPORT(b, "ZwClose", "\x48\x8b\xc4\xfa\x48\x83\xec\x10\x50\x9c\x6a\x10\xb8\x0f\x00\x00\x00\xe9\x00\x00\x00\x00");
    EXPORT(b, "Zw,Evil", "\xb8\x10\x00\x00\x00\xe9\x00\x00\x00\x00");
    put(b->extra + 0x26c, 10, 4);
    b->image.extra = b->extra;
    return b;
}

static void whole(void **state)
{
    struct built *b = kernel();
    struct link_found *found = calloc(1, sizeof(*found));
    struct find_nt *nt = calloc(1, sizeof(*nt));
    (void)state;
    assert_true(find_nt__kernel(nt, &b->image, NULL, found));
    assert_int_equal(found->os, LINK_OS_NT);
    assert_true(nt_layout__valid(&nt->layout));
    assert_true(nt_layout__usable(&nt->layout));
    assert_int_equal(nt->layout.offset[NT_THREAD_CID], 0x478);
    assert_int_equal(nt->layout.offset[NT_THREAD_PROCESS], 0xb8);
    assert_int_equal(nt->layout.offset[NT_PROCESS_ID], 0x440);
    assert_int_equal(nt->layout.offset[NT_THREAD_TEB], NT_NONE);
    assert_non_null(strstr(value_of(found, "missing"), "KTHREAD.Teb"));
    assert_string_equal(value_of(found, "release"), "10.0.19041");
    assert_string_equal(value_of(found, "pdb"), "k.pdb");
    assert_string_equal(value_of(found, "pdb_id"), "0102030405060708090A0B0C0D0E0F10-2");
    assert_non_null(strstr(value_of(found, "services"), "15 NtClose"));
    assert_true(nt->layout.row[0][15] != 0);
    assert_non_null(
        strstr(value_of(found, "how"), "1 names of services from its Zw exports, numbers by build table ("));
    find_nt__clear(nt);
    free(nt);
    free(found);
    free(b);
}

/* Two getters that disagree leave the field unknown. */
static void conflict(void **state)
{
    struct built *b = kernel();
    struct link_found *found = calloc(1, sizeof(*found));
    struct find_nt *nt = calloc(1, sizeof(*nt));
    (void)state;
    EXPORT(b, "IoGetCurrentProcess", "\x65\x48\x8b\x04\x25\x88\x01\x00\x00\x48\x8b\x80\xc0\x00\x00\x00\xc3");
    assert_true(find_nt__kernel(nt, &b->image, NULL, found));
    assert_int_equal(nt->layout.offset[NT_THREAD_PROCESS], NT_NONE);
    find_nt__clear(nt);
    free(nt);
    free(found);
    free(b);
}

#define EXPORT_STUB(b, name, low, high)                                                                                \
    EXPORT(b, name, "\x4c\x8b\xd1\xb8" low high "\x00\x00\x0f\x05\xc3") /* mov r10, rcx; mov eax, N; syscall; ret */

/* What stubs tell stands, whatever the table of the kernel's build has for the number. */
static void stubs_against_table(void **state)
{
    struct built *b = kernel(), *ntdll = build(true, "ntdll.dll");
    struct link_found *found = calloc(1, sizeof(*found));
    struct find_nt *nt = calloc(1, sizeof(*nt));
    (void)state;
    assert_true(find_nt__kernel(nt, &b->image, NULL, found));
    assert_non_null(strstr(value_of(found, "services"), ", 51 NtOpenFile,")); /* build 19041 */
    EXPORT_STUB(ntdll, "NtOpenKey", "\x33", "\x00");
    assert_true(find_nt__stubs(nt, &ntdll->image, found));
    assert_non_null(strstr(value_of(found, "services"), "15 NtClose, 51 NtOpenKey"));
    assert_null(strstr(value_of(found, "services"), "NtOpenFile"));
    assert_non_null(strstr(value_of(found, "missing"), "numbers by build table (its own names are others)"));
    find_nt__clear(nt);
    free(nt);
    free(found);
    free(ntdll);
    free(b);
}

/* Functions of user32 that are stubs themselves, under the names that programs call. */
static void second_names(void **state)
{
    struct built *b = kernel(), *user32 = build(true, "USER32.dll"), *gdi32 = build(true, "GDI32.dll");
    struct link_found *found = calloc(1, sizeof(*found));
    struct find_nt *nt = calloc(1, sizeof(*nt));
    (void)state;
    EXPORT_STUB(user32, "ShowWindow", "\x07", "\x10");
    EXPORT_STUB(user32, "CopyAcceleratorTableW", "\x08", "\x10");
    EXPORT_STUB(user32, "NoServiceOfThatName", "\x09", "\x10");
    EXPORT_STUB(user32, "SetFocus", "\x0a", "\x00"); /* a number of the kernel's table */
    EXPORT(user32, "EndPaint", "\x33\xc0\xc3");
    EXPORT_STUB(gdi32, "SelectPalette", "\x0b", "\x10"); /* NtUserSelectPalette */
    EXPORT_STUB(gdi32, "BRUSHOBJ_pvGetRbrush", "\x0c", "\x10");
    assert_true(find_nt__kernel(nt, &b->image, NULL, found));
    assert_true(find_nt__stubs(nt, &user32->image, found));
    assert_false(find_nt__stubs(nt, &user32->image, found)); /* nothing new */
    assert_true(find_nt__stubs(nt, &gdi32->image, found));
    assert_non_null(strstr(value_of(found, "how"), ", 2 from user32, 1 from gdi32"));
    assert_non_null(strstr(value_of(found, "missing"), "win32u"));
    assert_string_equal(strstr(value_of(found, "services"), "NtClose"),
                        "NtClose, 4103 NtUserShowWindow, 4104 NtUserCopyAcceleratorTable, 4108 "
                        "NtGdiBRUSHOBJ_pvGetRbrush");
    assert_int_equal(nt->layout.stubs[1].start, 0); /* calls from there are still told as coming from elsewhere */
    find_nt__clear(nt);
    free(nt);
    free(found);
    free(gdi32);
    free(user32);
    free(b);
}

static void others(void **state)
{
    struct built *b = build(true, "hal.dll");
    struct link_found *found = calloc(1, sizeof(*found));
    struct find_nt *nt = calloc(1, sizeof(*nt));
    (void)state;
    assert_false(find_nt__kernel(nt, &b->image, NULL, found)); /* another image of the system */
    assert_false(find_nt__stubs(nt, &b->image, found));        /* before any kernel is known */
    find_nt__clear(nt);
    free(nt);
    free(found);
    free(b);
}

/* Any bytes of the image may be anything, and any page absent: nothing but an answer comes of it. */
static void hostile(void **state)
{
    struct link_found *found = calloc(1, sizeof(*found));
    struct find_nt *nt = calloc(1, sizeof(*nt));
    uint64_t random = 1;
    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        struct built *b = kernel();
        for (unsigned n = 0; n < 1 + round % 24; n++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            uint32_t where = (uint32_t)(random >> 33);
            /* mostly in the headers and the export directory */
            where = n % 2 ? where % 0x200 : EXPORTS + where % 0x40;
            b->bytes[where] = (uint8_t)(random >> 20);
            if (random >> 60 == 0)
                b->present[0] = (uint8_t)(random >> 28);
        }
        memset(found, 0, sizeof(*found));
        if (find_nt__kernel(nt, &b->image, NULL, found))
            assert_true(nt_layout__valid(&nt->layout));
        (void)find_nt__stubs(nt, &b->image, found);
        free(b);
    }
    find_nt__clear(nt);
    free(nt);
    free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(getters),
                                       cmocka_unit_test(stubs),
                                       cmocka_unit_test(whole),
                                       cmocka_unit_test(conflict),
                                       cmocka_unit_test(stubs_against_table),
                                       cmocka_unit_test(second_names),
                                       cmocka_unit_test(others),
                                       cmocka_unit_test(hostile),
                                       cmocka_unit_test(service_tables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
