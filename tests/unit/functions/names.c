/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions as users name them: what is understood, what is refused in which words, and which symbols it means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "functions/function.h"

static void specs_are_understood(void **state)
{
    static const struct {
        const char *text;
        enum function_where where;
        const char *process, *module, *name;
        uint64_t address;
        bool wild, known;
        unsigned convention, n_args;
    } rows[] = {
        {"kernel:vfs_read", FUNCTION_KERNEL, NULL, NULL, "vfs_read", 0, false, false, FUNCTION_SYSV, 0},
        {"kernel:tcp_*", FUNCTION_KERNEL, NULL, NULL, "tcp_*", 0, true, false, FUNCTION_SYSV, 0},
        {"kernel:do_sys_open?", FUNCTION_KERNEL, NULL, NULL, "do_sys_open?", 0, true, false, FUNCTION_SYSV, 0},
        {"libc.so.6:malloc", FUNCTION_MODULE, NULL, "libc.so.6", "malloc", 0, false, false, FUNCTION_SYSV, 0},
        {"libstdc++.so.6:_Znwm", FUNCTION_MODULE, NULL, "libstdc++.so.6", "_Znwm", 0, false, false, FUNCTION_SYSV, 0},
        {"libc.so.6:memcpy@GLIBC_2.14", FUNCTION_MODULE, NULL, "libc.so.6", "memcpy@GLIBC_2.14", 0, false, false,
         FUNCTION_SYSV, 0},
        {"/usr/sbin/sshd:main", FUNCTION_FILE_PATH, NULL, "/usr/sbin/sshd", "main", 0, false, false, FUNCTION_SYSV, 0},
        {"/opt/a(b)/c:main(x: int)", FUNCTION_FILE_PATH, NULL, "/opt/a(b)/c", "main", 0, false, true, FUNCTION_SYSV, 1},
        {"/opt/a:b/c:main", FUNCTION_FILE_PATH, NULL, "/opt/a:b/c", "main", 0, false, false, FUNCTION_SYSV, 0},
        {"ntdll.dll:LdrLoadDll", FUNCTION_MODULE, NULL, "ntdll.dll", "LdrLoadDll", 0, false, false, FUNCTION_MICROSOFT,
         0},
        {"NTOSKRNL.EXE:NtReadFile()", FUNCTION_MODULE, NULL, "NTOSKRNL.EXE", "NtReadFile", 0, false, true,
         FUNCTION_MICROSOFT, 0},
        {"sshd:libcrypto.so.3+0x1f40", FUNCTION_OFFSET, "sshd", "libcrypto.so.3", NULL, 0x1f40, false, false,
         FUNCTION_SYSV, 0},
        {"a:libstdc++.so.6+0x10(p: pointer)", FUNCTION_OFFSET, "a", "libstdc++.so.6", NULL, 0x10, false, true,
         FUNCTION_SYSV, 1},
        {"0xffffffff81000000", FUNCTION_ADDRESS, NULL, NULL, NULL, 0xffffffff81000000, false, false, FUNCTION_SYSV, 0},
        {"0x401000 (a: int, b: string) -> int", FUNCTION_ADDRESS, NULL, NULL, NULL, 0x401000, false, true,
         FUNCTION_SYSV, 2},
        {"libc.so.6:getenv(name: string) -> string", FUNCTION_MODULE, NULL, "libc.so.6", "getenv", 0, false, true,
         FUNCTION_SYSV, 1},
        {"a.so:f(x: int) -> int [stdcall]", FUNCTION_MODULE, NULL, "a.so", "f", 0, false, true, FUNCTION_STDCALL, 1},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        struct function_spec spec;
        if (!function__read_spec(rows[i].text, &spec, &error))
            fail_msg("%s: %s", rows[i].text, error->message);
        assert_int_equal(spec.where, rows[i].where);
        assert_true(g_strcmp0(spec.process, rows[i].process) == 0);
        assert_true(g_strcmp0(spec.module, rows[i].module) == 0);
        assert_true(g_strcmp0(spec.name, rows[i].name) == 0);
        assert_int_equal(spec.address, rows[i].address);
        assert_int_equal(spec.wild, rows[i].wild);
        assert_int_equal(spec.prototype.known, rows[i].known);
        assert_int_equal(spec.prototype.convention, rows[i].convention);
        assert_int_equal(spec.prototype.n_args, rows[i].n_args);
        function__spec_clear(&spec);
    }
}

static void wrong_specs_say_what_to_do(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "no function is named"},
        {"(a: int)", "no function is named"},
        {"vfs_read", "say where the function is: kernel:NAME"},
        {":vfs_read", "nothing stands before the colon"},
        {"kernel:", "'*' for all of them"},
        {"usr/lib/x.so:f", "a path must begin with '/'"},
        {"kernel:vfs_read x", "there is a space in the name"},
        {"kernel:a\033[2J", "there is a space in the name"},
        {"0x", "not an address"},
        {"0x12g", "not an address"},
        {"0x10000000000000000", "not an address"},
        {"0x8000000000000000", "no processor has such an address"},
        {"libc.so.6+0x10", "PROCESS:MODULE+0xOFFSET"},
        {"sshd:+0x10", "PROCESS:MODULE+0xOFFSET"},
        {"sshd:libc.so.6+0x", "not an offset"},
        {"sshd:libc.so.6+0xzz", "not an offset"},
        {"kernel:vfs_*(a: int)", "a prototype belongs to one function"},
        {"libc.so.6:f(", "an argument is written 'name: type'"},
        {"libc.so.6:f(a)", "an argument is written 'name: type', not 'a'"},
        {"libc.so.6:f(int)", "an argument is written 'name: type', not 'int'"},
        {"libc.so.6:f(a: flot)", "the types are void, int"},
        {"libc.so.6:f(a: flot)", "not 'flot'"},
        {"libc.so.6:f(a: double)", "floating-point values are not read"},
        {"libc.so.6:f(a: void)", "only a result can be void"},
        {"libc.so.6:f(a: int, a: int)", "two arguments have the name 'a'"},
        {"libc.so.6:f(a: int) int", "behind its end stands 'int'"},
        {"libc.so.6:f(a: int) ->", "the types are"},
        {"libc.so.6:f(a: int) -> int [pascal]", "not 'pascal'"},
        {"libc.so.6:f(a: int [cdecl])", "there is no ',' or ')'"},
        {"libc.so.6:f(a: int) [cdecl", "there is no ']'"},
        {"libc.so.6:f(..., a: int)", "nothing may follow '...'"},
        {"libc.so.6:f(a: bytes)", "bytes[64]"},
        {"libc.so.6:f(a: bytes[])", "a number or a name is missing in the brackets"},
        {"libc.so.6:f(a: bytes[0])", "not a number from 1 to 65536: '0'"},
        {"libc.so.6:f(a: bytes[65537])", "not a number from 1 to 65536"},
        {"libc.so.6:f(a: bytes[9x])", "not a number from 1 to 65536"},
        {"libc.so.6:f(a: bytes[n)", "there is no ']'"},
        {"libc.so.6:f(a: bytes[n])", "no argument that is a number has the name 'n'"},
        {"libc.so.6:f(a: bytes[n], n: string)", "no argument that is a number has the name 'n'"},
        {"libc.so.6:f(a: bytes[min(n)], n: int)", "bytes[min(ret, count)]"},
        {"libc.so.6:f(a: bytes[min(n, )], n: int)", "a number or a name is missing"},
        {"libc.so.6:f(a: bytes[ret]) -> int", "write 'out' before the type of 'a'"},
        {"libc.so.6:f(a: out bytes[ret])", "'ret' is for functions whose result is a number"},
        {"libc.so.6:f(a: out int)", "'out' and 'inout' are for what is pointed at"},
        {"libc.so.6:f(a: string*)", "a star stands behind numbers only"},
        {"libc.so.6:f() -> bytes[ret]", "no argument that is a number has the name 'ret'"},
        {"libc.so.6:f(a1: int, a2: int, a3: int, a4: int, a5: int, a6: int, a7: int, a8: int, a9: int, a10: int, "
         "a11: int, a12: int, a13: int)",
         "at most 12 arguments"},
        {"libc.so.6:f(abcdefghijabcdefghijabcdefghijabcdefghij: int)", "more than 39 characters"},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        struct function_spec spec;
        if (function__read_spec(rows[i].text, &spec, &error))
            fail_msg("'%s' was taken", rows[i].text);
        if (!strstr(error->message, rows[i].says))
            fail_msg("'%s' is told as: %s", rows[i].text, error->message);
        assert_null(strchr(error->message, '\n'));
        assert_null(spec.name);
    }
}

static void too_long_a_spec_is_refused(void **state)
{
    g_autofree char *name = g_strnfill(5000, 'a');
    g_autofree char *text = g_strconcat("kernel:", name, NULL);
    g_autoptr(GError) error = NULL;
    struct function_spec spec;
    (void)state;
    assert_false(function__read_spec(text, &spec, &error));
    assert_non_null(strstr(error->message, "too long"));
    assert_true(strlen(error->message) < 400);
}

static struct function_prototype prototype_of(const char *text)
{
    g_autoptr(GError) error = NULL;
    struct function_prototype p;
    if (!function__read_prototype(text, FUNCTION_SYSV, &p, &error))
        fail_msg("%s: %s", text, error->message);
    return p;
}

static void types_have_their_sizes(void **state)
{
    static const struct {
        const char *text;
        uint8_t kind, size;
    } rows[] = {
        {"(a: int)", FUNCTION_INT, 4},
        {"(a: long)", FUNCTION_INT, 8},
        {"(a: long) [microsoft]", FUNCTION_INT, 4},
        {"(a: ulong) [cdecl]", FUNCTION_UINT, 4},
        {"(a: size_t)", FUNCTION_UINT, 8},
        {"(a: size_t) [microsoft]", FUNCTION_UINT, 8},
        {"(a: size_t) [stdcall]", FUNCTION_UINT, 4},
        {"(a: int64) [cdecl]", FUNCTION_INT, 8},
        {"( a :bool ) ", FUNCTION_BOOL, 1},
        {"(a: string) [fastcall]", FUNCTION_STRING, 4},
        {"(a: wstring)", FUNCTION_WIDE, 8},
        {"(a: out int*)", FUNCTION_TO_INT, 8},
        {"(a: inout ulong *) [stdcall]", FUNCTION_TO_UINT, 4},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct function_prototype p = prototype_of(rows[i].text);
        assert_int_equal(p.arg[0].kind, rows[i].kind);
        assert_int_equal(p.arg[0].size, rows[i].size);
        assert_int_equal(p.result.kind, FUNCTION_VOID);
    }
}

static void lengths_may_be_named_before_they_come(void **state)
{
    struct function_prototype p = prototype_of("(fd: int, buf: bytes[count], count: size_t, ...) -> ssize_t");
    (void)state;
    assert_int_equal(p.n_args, 3);
    assert_int_equal(p.variadic, 1);
    assert_int_equal(p.arg[1].length_arg, 2);
    assert_int_equal(p.arg[0].length_arg, FUNCTION_NO_ARG);
    assert_int_equal(p.result.kind, FUNCTION_INT);
    p = prototype_of("(key: bytes[16])");
    assert_int_equal(p.arg[0].length_arg, FUNCTION_NO_ARG);
    assert_int_equal(p.arg[0].length, 16);
}

static void what_is_written_is_read_at_the_return(void **state)
{
    struct function_prototype p =
        prototype_of("(buf: out bytes[min(ret, size)], size: size_t, pos: inout long*, name: out string) -> ssize_t");
    (void)state;
    assert_int_equal(p.arg[0].when, FUNCTION_OUT);
    assert_int_equal(p.arg[0].length_arg, FUNCTION_RETURN);
    assert_int_equal(p.arg[0].most_arg, 1);
    assert_int_equal(p.arg[0].length, 0);
    assert_int_equal(p.arg[1].when, FUNCTION_IN);
    assert_int_equal(p.arg[2].when, FUNCTION_INOUT);
    assert_int_equal(p.arg[2].length, 8);
    assert_int_equal(p.arg[3].when, FUNCTION_OUT);
    p = prototype_of("(a: bytes[min(n, 64)], n: int, b: out long*) [microsoft]");
    assert_int_equal(p.arg[0].length_arg, 1);
    assert_int_equal(p.arg[0].most_arg, FUNCTION_NO_ARG);
    assert_int_equal(p.arg[0].length, 64);
    assert_int_equal(p.arg[2].length, 4);
}

#define S FUNCTION_STACK

static void arguments_are_where_the_convention_puts_them(void **state)
{
    static const struct {
        const char *text;
        unsigned popped;
        struct function_place place[8];
    } rows[] = {
        {"(a: int, b: int, c: int, d: int, e: int, f: int, g: int, h: int)",
         0,
         {{FUNCTION_RDI, 1, 0},
          {FUNCTION_RSI, 1, 0},
          {FUNCTION_RDX, 1, 0},
          {FUNCTION_RCX, 1, 0},
          {FUNCTION_R8, 1, 0},
          {FUNCTION_R9, 1, 0},
          {S, 1, 8},
          {S, 1, 16}}},
        {"(a: int, b: int, c: int, d: int, e: int, f: int) [microsoft]",
         0,
         {{FUNCTION_RCX, 1, 0},
          {FUNCTION_RDX, 1, 0},
          {FUNCTION_R8, 1, 0},
          {FUNCTION_R9, 1, 0},
          {S, 1, 0x28},
          {S, 1, 0x30}}},
        {"(a: int, b: int64, c: char) [cdecl]", 0, {{S, 1, 4}, {S, 2, 8}, {S, 1, 16}}},
        {"(a: int, b: int64, c: char) [stdcall]", 16, {{S, 1, 4}, {S, 2, 8}, {S, 1, 16}}},
        {"(a: int, b: int64, c: char, d: int) [fastcall]",
         12,
         {{FUNCTION_RCX, 1, 0}, {S, 2, 4}, {FUNCTION_RDX, 1, 0}, {S, 1, 12}}},
        {"() [stdcall]", 0, {{0}}},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct function_place place[FUNCTION_ARGS_MAX];
        struct function_prototype p = prototype_of(rows[i].text);
        assert_int_equal(function__places(&p, place), rows[i].popped);
        for (unsigned a = 0; a < p.n_args; a++) {
            assert_int_equal(place[a].where, rows[i].place[a].where);
            assert_int_equal(place[a].words, rows[i].place[a].words);
            assert_int_equal(place[a].offset, rows[i].place[a].offset);
        }
    }
}

static void patterns_match_names(void **state)
{
    static const struct {
        const char *pattern, *name;
        bool matches;
    } rows[] = {
        {"tcp_*", "tcp_sendmsg", true},
        {"tcp_*", "tcp_", true},
        {"tcp_*", "udp_tcp_x", false},
        {"*", "", true},
        {"?", "", false},
        {"*read*", "vfs_readv", true},
        {"vfs_????", "vfs_read", true},
        {"vfs_????", "vfs_readv", false},
        {"*a*b", "aab", true},
        {"*a*b", "aba", false},
        {"a**", "a", true},
        {"[a]", "a", false},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (function__name_matches(rows[i].pattern, rows[i].name) != rows[i].matches)
            fail_msg("%s and %s", rows[i].pattern, rows[i].name);
    }
}

/* Names may be chosen by the guest so that a matcher that tries every split would not end before the sun does. */
static void hostile_names_take_no_time(void **state)
{
    g_autofree char *name = g_strnfill(500, 'a');
    (void)state;
    assert_false(function__name_matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
}

static const struct function_symbol symbols[] = {
    {"vfs_read", 0x1000, 0},
    {"vfs_readv", 0x1100, 0},
    {"vfs_write", 0x1200, 0},
    {"ksys_write", 0x1300, 0},
    {"vfs_read.cold", 0x9000, 0},
    {"__pfx_vfs_read", 0x0ff0, 0},
    {"cleanup", 0x2000, 1},
    {"cleanup", 0x2100, 1},
    {"cleanup", 0x2200, 1},
    {"vfs_alias", 0x1200, 0},
    {"copy_page_to.isra.0", 0x3000, 0},
    {"init", 0x4000, 0},
    {"exit_once", 0x5000, 1},
    {"exit_once", 0x5000, 1},
};

static GArray *match(const char *text, size_t max, GError **error)
{
    struct function_spec spec;
    GArray *found;
    if (!function__read_spec(text, &spec, error))
        fail_msg("%s", text);
    found = function__match(&spec, symbols, G_N_ELEMENTS(symbols), max, error);
    function__spec_clear(&spec);
    return found;
}

static void names_mean_functions(void **state)
{
    static const struct {
        const char *text;
        unsigned n;
        guint index[5];
    } rows[] = {
        {"kernel:vfs_read", 1, {0}},      {"kernel:vfs_*", 3, {0, 1, 2}},    {"kernel:*_write", 2, {2, 3}},
        {"kernel:vfs_read.cold", 1, {4}}, {"kernel:cleanup*", 3, {6, 7, 8}}, {"kernel:vfs_alias", 1, {9}},
        {"kernel:exit_once", 1, {12}},    {"kernel:copy_page_to*", 1, {10}},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GArray) found = match(rows[i].text, 100, &error);
        if (!found)
            fail_msg("%s: %s", rows[i].text, error->message);
        assert_int_equal(found->len, rows[i].n);
        for (unsigned k = 0; k < found->len; k++)
            assert_int_equal(g_array_index(found, guint, k), rows[i].index[k]);
    }
}

static void what_is_not_found_is_told_with_what_is_near(void **state)
{
    static const struct {
        const char *text;
        size_t max;
        const char *says;
    } rows[] = {
        {"kernel:vfs_raed", 10, "the kernel has no function vfs_raed; near it: vfs_read, vfs_readv"},
        {"kernel:VFS_READ", 10, "near it: vfs_read, vfs_readv"},
        {"kernel:copy_page_to", 10, "near it: copy_page_to.isra.0"},
        {"kernel:intt", 10, "near it: init"},
        {"libc.so.6:vfs_writ", 10, "libc.so.6 has no function vfs_writ; near it: vfs_write"},
        {"kernel:zzzzzzzzzz", 10, "the kernel has no function zzzzzzzzzz"},
        {"kernel:zz*", 10, "the kernel has no function zz*"},
        {"kernel:cleanup", 10, "3 functions with the name cleanup: name one by its address (0x2000, 0x2100, 0x2200)"},
        {"kernel:*", 5, "* matches 10 functions of the kernel, and --hook-max is 5: name fewer, or raise it"},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GArray) found = match(rows[i].text, rows[i].max, &error);
        if (found)
            fail_msg("%s was found", rows[i].text);
        if (!strstr(error->message, rows[i].says))
            fail_msg("%s is told as: %s", rows[i].text, error->message);
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) all = match("kernel:*", 10, &error);
    assert_non_null(all);
    g_autoptr(GArray) nothing = match("kernel:zzzzzzzzzz", 9, &error);
    assert_null(nothing);
    assert_null(strstr(error->message, "near"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(specs_are_understood),
        cmocka_unit_test(wrong_specs_say_what_to_do),
        cmocka_unit_test(too_long_a_spec_is_refused),
        cmocka_unit_test(types_have_their_sizes),
        cmocka_unit_test(lengths_may_be_named_before_they_come),
        cmocka_unit_test(what_is_written_is_read_at_the_return),
        cmocka_unit_test(arguments_are_where_the_convention_puts_them),
        cmocka_unit_test(patterns_match_names),
        cmocka_unit_test(hostile_names_take_no_time),
        cmocka_unit_test(names_mean_functions),
        cmocka_unit_test(what_is_not_found_is_told_with_what_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
