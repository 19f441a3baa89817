// SPDX-License-Identifier: GPL-2.0-or-later
/* What NT's handles stand for: told in records, followed from call to call. */
#include <string.h>

#include "shown.h"

#define SERVICES                                                                                                       \
    "1 NtCreateFile, 2 NtOpenKey, 3 NtClose, 4 NtSetEvent, 5 NtDuplicateObject, 6 NtWaitForMultipleObjects, 7 "        \
    "NtOpenFile"
#define OK QBK_END_RETURNED

static void begin(struct build *b)
{
    build__init(b);
    build__guest(b, "os", "nt", "how", "told", "services", SERVICES, NULL);
    build__thread(b, 1, 71, "a");
    build__thread(b, 2, 72, "b");
    b->abi = QBK_ABI_NT_X64;
}

static void memory(struct build *b, uint64_t at, const void *bytes, uint32_t len)
{
    build__snippet(b, QBK_SNIP_MEM, at, bytes, len, len, 0, 0, 0);
}

/* NtOpenKey or NtCreateFile of a name below a root. */
static void opens(struct build *b, uint64_t thread, uint32_t nr, uint64_t root, const uint16_t *name, uint64_t handle)
{
    uint64_t len = 0, args[11] = {0x1000, 0, 0x2000, 0x4000};
    while (name[len])
        len++;
    const uint64_t object[6] = {48, root, 0x2100, 0x40, 0, 0}, string[2] = {2 * len | 2 * len << 16, 0x2200};
    uint64_t call = build__enter(b, thread, nr, nr == 2 ? 3 : 11, args);
    memory(b, 0x2000, object, sizeof(object));
    memory(b, 0x2100, string, sizeof(string));
    memory(b, 0x2200, name, (uint32_t)(2 * len));
    build__return(b, thread, call, OK, 0);
    memory(b, 0x1000, &handle, sizeof(handle));
}

static void uses(struct build *b, uint64_t thread, uint32_t nr, uint64_t handle, uint64_t status)
{
    uint64_t call = build__enter(b, thread, nr, nr == 4 ? 2 : 1, (uint64_t[]){handle, 0});
    build__return(b, thread, call, OK, status);
}

static void tells(struct build *b, uint64_t handle, const char *type_and_name, uint32_t len)
{
    uint64_t call = build__enter(b, 1, 4, 2, (uint64_t[]){handle, 0});
    build__snippet(b, QBK_SNIP_HANDLE, handle, type_and_name, len, len, 0, 0, 0);
    build__return(b, 1, call, OK, 0);
}
#define TELLS(b, handle, text) tells(b, handle, text, sizeof(text) - 1)

/* The lines, with one space wherever there are more. */
static void check(struct build *b, bool names, const char *want)
{
    struct show_options options;
    show_options__init(&options);
    options.fd_names = names;
    char *got = shown(b, "strace", &options), *to = got;
    for (const char *from = got; *from; from++) {
        if (from[0] != ' ' || from[1] != ' ')
            *to++ = *from;
    }
    *to = 0;
    shown__is(got, want);
    build__free(b);
}

static void told_by_the_kernel(void **state)
{
    struct build b;
    (void)state;
    begin(&b);
    TELLS(&b, 0x44, "File\0C:\\x <1>\xe2\x80\xae\xed\xa0\x80");
    TELLS(&b, 0x48, "Event\0");
    TELLS(&b, 0x4c, "Mutant\0\\BaseNamedObjects\\m");
    uses(&b, 1, 4, 0x45, 0); /* the lowest two bits do not count */
    uses(&b, 2, 4, 0x44, 0); /* another process */
    check(&b, true,
          "71 NtSetEvent(0x44<C:\\x \\u{3c}1\\u{3e}\\u{202e}\\u{d800}>, NULL) = 0\n"
          "71 NtSetEvent(0x48<Event>, NULL) = 0\n"
          "71 NtSetEvent(0x4c<Mutant \\BaseNamedObjects\\m>, NULL) = 0\n"
          "71 NtSetEvent(0x45<C:\\x \\u{3c}1\\u{3e}\\u{202e}\\u{d800}>, NULL) = 0\n"
          "72 NtSetEvent(0x44, NULL) = 0\n");
    begin(&b);
    TELLS(&b, 0x44, "File\0C:\\x");
    check(&b, false, "71 NtSetEvent(0x44, NULL) = 0\n");
}

static void followed(void **state)
{
    struct build b;
    (void)state;
    begin(&b);
    opens(&b, 1, 2, 0, u"\\REGISTRY\\MACHINE", 0x10);
    opens(&b, 1, 2, 0x10, u"Sub", 0x14);
    uint64_t call = build__enter(&b, 1, 5, 7, (uint64_t[]){UINT64_MAX, 0x14, UINT64_MAX, 0x1000, 0, 0, 2});
    build__return(&b, 1, call, OK, 0);
    memory(&b, 0x1000, (uint64_t[]){0x18}, 8);
    uses(&b, 1, 3, 0x14, 0);          /* closed: still named in the call that closes it */
    uses(&b, 1, 4, 0x14, 0xc0000008); /* … and no more */
    uses(&b, 1, 3, 0x18, 0xc0000008); /* not closed */
    uses(&b, 1, 4, 0x18, 0);
    check(&b, true,
          "71 NtOpenKey([0x10<\\REGISTRY\\MACHINE>], 0, {ObjectName=\"\\\\REGISTRY\\\\MACHINE\", "
          "Attributes=OBJ_CASE_INSENSITIVE, ...}) = 0\n"
          "71 NtOpenKey([0x14<\\REGISTRY\\MACHINE\\Sub>], 0, {RootDirectory=0x10<\\REGISTRY\\MACHINE>, "
          "ObjectName=\"Sub\", "
          "Attributes=OBJ_CASE_INSENSITIVE, ...}) = 0\n"
          "71 NtDuplicateObject(NtCurrentProcess(), 0x14<\\REGISTRY\\MACHINE\\Sub>, NtCurrentProcess(), "
          "[0x18<\\REGISTRY\\MACHINE\\Sub>], 0, 0, DUPLICATE_SAME_ACCESS) = 0\n"
          "71 NtClose(0x14<\\REGISTRY\\MACHINE\\Sub>) = 0\n"
          "71 NtSetEvent(0x14, NULL) = 0xc0000008 STATUS_INVALID_HANDLE\n"
          "71 NtClose(0x18<\\REGISTRY\\MACHINE\\Sub>) = 0xc0000008 STATUS_INVALID_HANDLE\n"
          "71 NtSetEvent(0x18<\\REGISTRY\\MACHINE\\Sub>, NULL) = 0\n");
}

/* Another thread closes and opens while a call is under way: its handle keeps the name that it had. */
static void as_it_was_at_the_entry(void **state)
{
    struct build b;
    uint64_t call;
    (void)state;
    begin(&b);
    build__thread(&b, 3, 71, "a")->tid = 73;
    TELLS(&b, 0x44, "Event\0\\old");
    call = build__enter(&b, 3, 6, 5, (uint64_t[]){2, 0x3000, 0, 0, 0});
    memory(&b, 0x3000, (uint64_t[]){0x44, 0x99}, 16);
    TELLS(&b, 0x44, "Event\0\\new");
    build__return(&b, 3, call, OK, 0);
    check(&b, true,
          "71 NtSetEvent(0x44<Event \\old>, NULL) = 0\n"
          "73 NtWaitForMultipleObjects(2, [0x44<Event \\old>, 0x99], WaitAll, FALSE, NULL <unfinished ...>\n"
          "71 NtSetEvent(0x44<Event \\new>, NULL) = 0\n"
          "73 <... NtWaitForMultipleObjects resumed>) = 0\n");
}

/* An open that fails has no handle: the name that it asked for is that of its root and what comes behind it. */
static void fails(struct build *b, uint64_t root, const uint16_t *name)
{
    opens(b, 1, 2, root, name, 0);
    ((struct qbk_return *)build__last(b))->result = 0xc0000034;
}

static void by_path(void **state)
{
    static const char *const paths[] = {"\\registry\\MACHINE\\sub", "\\??\\c:\\X", "C:\\x"};
    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++) {
        struct show_options options;
        struct build b;
        begin(&b);
        opens(&b, 1, 2, 0, u"\\REGISTRY\\MACHINE", 0x10);
        fails(&b, 0x10, u"Sub");
        fails(&b, 0x10, u"Subs");
        fails(&b, 0, u"\\DosDevices\\C:\\x");
        uses(&b, 1, 4, 0x10, 0);
        show_options__init(&options);
        g_ptr_array_add(options.paths, (gpointer)(uintptr_t)paths[i]);
        g_autofree char *got = shown(&b, "strace", &options);
        assert_non_null(strstr(got, i ? "ObjectName=\"\\\\DosDevices\\\\C:\\\\x\"" : "ObjectName=\"Sub\""));
        assert_ptr_equal(strchr(got, '\n') + 1, got + strlen(got)); /* one line */
        build__free(&b);
    }
}

/* No NUL, nothing at all, bytes that are no text. */
static void hostile(void **state)
{
    struct build b;
    (void)state;
    begin(&b);
    tells(&b, 0x44, "File", 4);
    tells(&b, 0x48, "\0", 1);
    tells(&b, 0x4c, "\0a\0\xff", 4);
    check(&b, true,
          "71 NtSetEvent(0x44, NULL) = 0\n"
          "71 NtSetEvent(0x48<>, NULL) = 0\n"
          "71 NtSetEvent(0x4c< a\\u{0}\\u{fffd}>, NULL) = 0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(told_by_the_kernel),     cmocka_unit_test(followed), cmocka_unit_test(by_path),
        cmocka_unit_test(as_it_was_at_the_entry), cmocka_unit_test(hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
