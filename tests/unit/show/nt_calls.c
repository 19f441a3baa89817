// SPDX-License-Identifier: GPL-2.0-or-later
/* NT's calls: made-up records, and how they are shown. */
#include "print.h"

#include <string.h>

/* clang-format off: cmocka wants these before it */
#include <cmocka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* clang-format on */

#define SERVICES                                                                                                       \
    "1 NtCreateFile, 2 NtReadFile, 3 NtWaitForSingleObject, 4 NtAllocateVirtualMemory, 5 NtDeviceIoControlFile, "      \
    "6 NtQuerySymbolicLinkObject, 7 NtProtectVirtualMemory, 8 NtSetValueKey, 9 NtTerminateProcess, 10 NtAddAtom, "     \
    "11 NtQueryInformationFile, 12 NtSetEvent, 13 NtOpenProcess, 14 NtSetSystemEnvironmentValueEx, 4097 "              \
    "NtUserGetMessage"

struct shot {
    const char *want;
    uint32_t nr;
    uint8_t abi;
    uint8_t nargs;
    uint64_t args[11];
    uint64_t result;
    struct print_piece piece[10];
};

static void pieces(struct build *b, const struct shot *shot, bool out)
{
    for (const struct print_piece *p = shot->piece; p->addr; p++) {
        if (p->out == out)
            build__snippet(b, QBK_SNIP_MEM, p->addr, p->bytes, p->len, p->len, 0, 0, 0);
    }
}

/* The spaces that fill the line up to the result's column become one. */
static char *without_padding(char *line)
{
    char *equals = g_strrstr(line, " = "), *from = equals;
    while (from && from > line && from[-1] == ' ')
        from--;
    if (from)
        memmove(from, equals, strlen(equals) + 1);
    return line;
}

static void check(const struct shot *shot)
{
    struct show_options options;
    struct build b;
    char *want = g_strdup_printf("71    %s\n", shot->want);
    build__init(&b);
    build__guest(&b, "os", "nt", "how", "told", "services", SERVICES, NULL);
    build__thread(&b, 1, 71, "a");
    b.abi = shot->abi ? shot->abi : QBK_ABI_NT_X64;
    uint64_t call = build__enter(&b, 1, shot->nr, shot->nargs, shot->args);
    pieces(&b, shot, false);
    build__return(&b, 1, call, QBK_END_RETURNED, shot->result);
    pieces(&b, shot, true);
    show_options__init(&options);
    shown__is(without_padding(shown(&b, "strace", &options)), want);
    build__free(&b);
    g_free(want);
}

static void check_all(const struct shot *shots, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(&shots[i]);
}

/* Length, MaximumLength, Buffer */
#define STRING_64(bytes, at) LONGS((bytes) | (bytes) << 16, at)

static void names_and_rights(void **state)
{
    const struct shot shots[] = {
        {"NtCreateFile([0x44], FILE_GENERIC_READ, {ObjectName=\"\\\\??\\\\C:\\\\x\", Attributes=OBJ_CASE_INSENSITIVE, "
         "...}, "
         "{Status=STATUS_SUCCESS, Information=1}, NULL, FILE_ATTRIBUTE_NORMAL, FILE_SHARE_READ, FILE_OPEN, "
         "FILE_SYNCHRONOUS_IO_NONALERT|FILE_NON_DIRECTORY_FILE, NULL, 0) = 0",
         1,
         0,
         11,
         {0x1000, 0x120089, 0x2000, 0x3000, 0, 0x80, 1, 1, 0x60, 0, 0},
         0,
         {IN_MEMORY(0x2000, LONGS(48, 0, 0x2100, 0x40, 0, 0)), IN_MEMORY(0x2100, STRING_64(16ull, 0x2200)),
          IN_MEMORY(0x2200, u"\\??\\C:\\x"), OUT_MEMORY(0x1000, LONGS(0x44)), OUT_MEMORY(0x3000, LONGS(0, 1))}},
        /* 32 bits: the same structs, half as wide; the root directory and what else is not 0 */
        {"NtCreateFile(0x1000, FILE_READ_DATA|SYNCHRONIZE, {RootDirectory=0x8, "
         "ObjectName=\"a\\u{202e}\\u{d800}\\\"\xc3\xa4\", "
         "Attributes=0, SecurityDescriptor=0x7, ...}, 0x3000, NULL, 0, 0, 0x9 /* FILE_??? */, 0, NULL, 0)"
         " = 0xc0000034 STATUS_OBJECT_NAME_NOT_FOUND",
         1,
         QBK_ABI_NT_X86,
         11,
         {0x1000, 0x100001, 0x2000, 0x3000, 0, 0, 0, 9, 0, 0, 0},
         0xc0000034,
         {IN_MEMORY(0x2000, INTS(24, 8, 0x2100, 0, 7, 0)), IN_MEMORY(0x2100, INTS(10 | 12 << 16, 0x2200)),
          IN_MEMORY(0x2200, ((const uint16_t[]){'a', 0x202e, 0xd800, '"', 0xe4}))}},
        {"NtOpenProcess([0x10], PROCESS_VM_READ|PROCESS_QUERY_INFORMATION, {ObjectName=NULL, Attributes=0, ...}, "
         "{UniqueProcess=1234, UniqueThread=0}) = 0",
         13,
         0,
         4,
         {0x1000, 0x410, 0x2000, 0x3000},
         0,
         {IN_MEMORY(0x2000, LONGS(48, 0, 0, 0, 0, 0)), IN_MEMORY(0x3000, LONGS(1234, 0)),
          OUT_MEMORY(0x1000, LONGS(0x10))}},
    };
    (void)state;
    check_all(shots, sizeof(shots) / sizeof(shots[0]));
}

static void memory_and_waiting(void **state)
{
    const struct shot shots[] = {
        {"NtAllocateVirtualMemory(NtCurrentProcess(), [NULL] => [0x7f0000], 0, [100] => [4096], "
         "MEM_COMMIT|MEM_RESERVE, "
         "PAGE_GUARD|PAGE_EXECUTE_READWRITE) = 0",
         4,
         0,
         6,
         {UINT64_MAX, 0x1000, 0, 0x1100, 0x3000, 0x140},
         0,
         {IN_MEMORY(0x1000, LONGS(0)), IN_MEMORY(0x1100, LONGS(100)), OUT_MEMORY(0x1000, LONGS(0x7f0000)),
          OUT_MEMORY(0x1100, LONGS(4096))}},
        {"NtProtectVirtualMemory(NtCurrentProcess(), [0x1234], [16], PAGE_READONLY, [PAGE_GUARD|PAGE_READWRITE]) = 0",
         7,
         QBK_ABI_NT_X86,
         5,
         {UINT32_MAX, 0x1000, 0x1100, 2, 0x1200},
         0,
         {IN_MEMORY(0x1000, INTS(0x1234)), IN_MEMORY(0x1100, INTS(16)), OUT_MEMORY(0x1000, INTS(0x1234)),
          OUT_MEMORY(0x1100, INTS(16)), OUT_MEMORY(0x1200, INTS(0x104))}},
        {"NtWaitForSingleObject(0x40, TRUE, [-15000000 /* 1.5 s */]) = 0x102 STATUS_TIMEOUT",
         3,
         0,
         3,
         {0x40, 0xff01, 0x1000},
         0x102,
         {IN_MEMORY(0x1000, ((const int64_t[]){-15000000}))}},
        {"NtSetEvent(NtCurrentThread(), NULL) = 0xc0000024 STATUS_OBJECT_TYPE_MISMATCH",
         12,
         0,
         2,
         {UINT64_MAX - 1, 0},
         0xc0000024,
         {{0}}},
        {"NtTerminateProcess(NULL, STATUS_CONTROL_C_EXIT) = 0xe0000001", 9, 0, 2, {0, 0xc000013a}, 0xe0000001, {{0}}},
    };
    (void)state;
    check_all(shots, sizeof(shots) / sizeof(shots[0]));
}

static void lengths_and_codes(void **state)
{
    const struct shot shots[] = {
        /* the status block says how much of the buffer holds something, not the length that was asked for */
        {"NtReadFile(0x8, NULL, NULL, NULL, {Status=STATUS_SUCCESS, Information=3}, \"abc\", 4096, NULL, NULL) = 0",
         2,
         0,
         9,
         {8, 0, 0, 0, 0x1000, 0x2000, 4096, 0, 0},
         0,
         {OUT_MEMORY(0x1000, LONGS(0, 3)), OUT_TEXT(0x2000, "abc")}},
        /* argument 1 is the status block: that does not mean hexadecimal */
        {"NtQueryInformationFile(0x8, {Status=STATUS_BUFFER_OVERFLOW, Information=2}, \"ab\", 2, FileNameInformation)"
         " = 0x80000005 STATUS_BUFFER_OVERFLOW",
         11,
         0,
         5,
         {8, 0x1000, 0x2000, 2, 9},
         0x80000005,
         {OUT_MEMORY(0x1000, LONGS(0x80000005, 2)), OUT_TEXT(0x2000, "ab")}},
        {"NtDeviceIoControlFile(0x8, NULL, NULL, NULL, 0x1000, IOCTL_AFD_CONNECT, NULL, 0, NULL, 0)"
         " = 0x103 STATUS_PENDING",
         5,
         0,
         10,
         {8, 0, 0, 0, 0x1000, 0x12007, 0, 0, 0, 0},
         0x103,
         {{0}}},
        {"NtDeviceIoControlFile(0x8, NULL, NULL, NULL, 0x1000, "
         "CTL_CODE(0x8844, 0x801, METHOD_NEITHER, FILE_READ_ACCESS), \"x\", 1, NULL, 0)"
         " = 0xc0000010 STATUS_INVALID_DEVICE_REQUEST",
         5,
         0,
         10,
         {8, 0, 0, 0, 0x1000, 0x88446007, 0x2000, 1, 0, 0},
         0xc0000010,
         {IN_MEMORY(0x2000, BYTES('x'))}},
        {"NtSetValueKey(0x8, NULL, 0, REG_DWORD, \"\\1\\0\\0\\0\", 4) = 0",
         8,
         0,
         6,
         {8, 0x1000, 0, 4, 0x2000, 4},
         0,
         {IN_MEMORY(0x1000, LONGS(0, 0)), IN_MEMORY(0x2000, INTS(1))}},
        {"NtQuerySymbolicLinkObject(0x8, \"ok\", NULL) = 0",
         6,
         0,
         3,
         {8, 0x1000, 0},
         0,
         {IN_MEMORY(0x1000, LONGS(64ull << 16, 0x2000)), OUT_MEMORY(0x1000, LONGS(4 | 64ull << 16, 0x2000)),
          OUT_MEMORY(0x2000, u"ok")}},
        {"NtAddAtom(\"hi\", 4, [49152]) = 0",
         10,
         0,
         3,
         {0x1000, 4, 0x2000},
         0,
         {IN_MEMORY(0x1000, u"hi"), OUT_MEMORY(0x2000, ((const uint16_t[]){0xc000}))}},
        {"NtSetSystemEnvironmentValueEx(\"a\", {12345678-9abc-def0-0102-030405060708}, NULL, 0, 0x7) = 0",
         14,
         0,
         5,
         {0x1000, 0x1100, 0, 0, 7},
         0,
         {IN_MEMORY(0x1000, STRING_64(2ull, 0x2000)), IN_MEMORY(0x2000, u"a"),
          IN_MEMORY(0x1100, BYTES(0x78, 0x56, 0x34, 0x12, 0xbc, 0x9a, 0xf0, 0xde, 1, 2, 3, 4, 5, 6, 7, 8))}},
        /* no NTSTATUS comes back from the graphics */
        {"NtUserGetMessage(0x1, 0x2, 0, 0) = 0xffffffffc0000005", 4097, 0, 4, {1, 2, 0, 0}, 0xffffffffc0000005, {{0}}},
    };
    (void)state;
    check_all(shots, sizeof(shots) / sizeof(shots[0]));
}

/* Who made it, where that was neither ntdll nor win32u. Names are hostile. */
static void direct(void **state)
{
    static const struct {
        const char *name, *want;
    } shots[] = {{"evil.dll", " [direct, from evil.dll at 0x401000]\n"},
                 {"\033[2J", " [direct, from \\33[2J at 0x401000]\n"},
                 {"", " [direct, from no image at 0x401000]\n"}};
    struct show_options options;
    (void)state;
    for (size_t i = 0; i < sizeof(shots) / sizeof(shots[0]); i++) {
        uint8_t bytes[40] = {0x00, 0x10, 0x40};
        size_t len = strlen(shots[i].name);
        struct build b;
        show_options__init(&options);
        memcpy(bytes + sizeof(struct qbk_origin), shots[i].name, len);
        build__init(&b);
        build__guest(&b, "os", "nt", "how", "told", "services", SERVICES, NULL);
        build__thread(&b, 1, 71, "a");
        b.abi = QBK_ABI_NT_X64;
        uint64_t call = build__enter(&b, 1, 12, 2, (uint64_t[]){4, 0});
        ((struct qbk_enter *)build__last(&b))->flags |= QBK_ENTER_DIRECT;
        build__snippet(&b, QBK_SNIP_ORIGIN, 0, bytes, (uint32_t)(sizeof(struct qbk_origin) + len),
                       sizeof(struct qbk_origin) + len, 0, 0xff, 0);
        build__return(&b, 1, call, QBK_END_RETURNED, 0);
        char *text = shown(&b, "text", &options);
        if (!g_str_has_suffix(text, shots[i].want))
            fail_msg("%s, not %s", text, shots[i].want);
        g_free(text);
        build__free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_rights),
        cmocka_unit_test(memory_and_waiting),
        cmocka_unit_test(lengths_and_codes),
        cmocka_unit_test(direct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
