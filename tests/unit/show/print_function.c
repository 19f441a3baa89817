/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of functions as they are shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "show/print_function.h"

#define MANY "0123456789012345678901234567890123456789"

static const struct {
    struct function_value what;
    uint64_t raw;
    const char *item, *bytes;
    size_t have;
    bool more;
    const char *shown;
} rows[] = {
    {{.name = "n", .kind = FUNCTION_INT, .size = 4}, 0xfffffffe, NULL, NULL, 0, false, "n=-2"},
    {{.name = "n", .kind = FUNCTION_INT, .size = 4}, 0xdead000000000007, NULL, NULL, 0, false, "n=7"},
    {{.name = "n", .kind = FUNCTION_INT, .size = 8}, 0xfffffffffffffffe, NULL, NULL, 0, false, "n=-2"},
    {{.name = "n", .kind = FUNCTION_INT, .size = 1}, 0x80, NULL, NULL, 0, false, "n=-128"},
    {{.name = "n", .kind = FUNCTION_UINT, .size = 4}, 0xdead0000fffffffe, NULL, NULL, 0, false, "n=4294967294"},
    {{.name = "n", .kind = FUNCTION_UINT, .size = 8}, UINT64_MAX, NULL, NULL, 0, false, "n=18446744073709551615"},
    {{.name = "n", .kind = FUNCTION_UINT, .size = 2}, 0x12345, NULL, NULL, 0, false, "n=9029"},
    {{.name = "n", .kind = FUNCTION_UINT, .size = 16}, 1, NULL, NULL, 0, false, "n={...}"},
    {{.kind = FUNCTION_BOOL, .size = 1}, 0x100, NULL, NULL, 0, false, "false"},
    {{.kind = FUNCTION_BOOL, .size = 1}, 1, NULL, NULL, 0, false, "true"},
    {{.kind = FUNCTION_CHAR, .size = 1}, 'a', NULL, NULL, 0, false, "'a'"},
    {{.kind = FUNCTION_CHAR, .size = 1}, '\'', NULL, NULL, 0, false, "'\\''"},
    {{.kind = FUNCTION_CHAR, .size = 1}, 0x1b, NULL, NULL, 0, false, "'\\33'"},
    {{.name = "p", .kind = FUNCTION_HEX, .size = 8}, 0, NULL, NULL, 0, false, "p=NULL"},
    {{.name = "p", .kind = FUNCTION_HEX, .size = 8}, 0xffff888000001000, NULL, NULL, 0, false, "p=0xffff888000001000"},
    {{.name = "p", .kind = FUNCTION_HEX, .size = 4}, 0x123400001000, NULL, NULL, 0, false, "p=0x1000"},
    {{.name = "e", .kind = FUNCTION_ENUM, .size = 4}, 1, "TCP_SYN_SENT", NULL, 0, false, "e=TCP_SYN_SENT"},
    {{.name = "e", .kind = FUNCTION_ENUM, .size = 4}, 0xffffffff, NULL, NULL, 0, false, "e=-1"},
    {{.name = "s", .kind = FUNCTION_STRUCT, .size = 24}, 1, NULL, NULL, 0, false, "s={...}"},
    {{.name = "s", .kind = FUNCTION_STRING, .size = 8}, 0x1000, NULL, "HOME", 4, false, "s=\"HOME\""},
    {{.name = "s", .kind = FUNCTION_STRING, .size = 8}, 0x1000, NULL, NULL, 0, false, "s=0x1000"},
    {{.name = "s", .kind = FUNCTION_STRING, .size = 8}, 0, NULL, NULL, 0, false, "s=NULL"},
    {{.name = "s", .kind = FUNCTION_STRING, .size = 8}, 0x1000, NULL, "a\033[2J\"", 6, true, "s=\"a\\33[2J\\\"\"..."},
    {{.name = "s", .kind = FUNCTION_BYTES, .size = 8},
     0x1000,
     NULL,
     MANY,
     40,
     false,
     "s=\"01234567890123456789012345678901\"..."},
    {{.name = "s", .kind = FUNCTION_WIDE, .size = 8}, 0x1000, NULL, "h\0i\0\033\0", 7, false, "s=\"hi\\u{1b}\""},
    {{.name = "file", .kind = FUNCTION_FILE, .size = 8},
     0xffff888000001000,
     NULL,
     "/etc/passwd",
     11,
     false,
     "file=0xffff888000001000\"/etc/passwd\""},
    {{.name = "file", .kind = FUNCTION_FILE, .size = 8},
     0xffff888000001000,
     NULL,
     "/" MANY,
     41,
     false,
     "file=0xffff888000001000\"/" MANY "\""},
    {{.name = "path", .kind = FUNCTION_PATH, .size = 8}, 0, NULL, NULL, 0, false, "path=NULL"},
    {{.name = "x\033", .kind = 77, .size = 8}, 5, NULL, NULL, 0, false, "x\\33=0x5"},
};

static void arguments_are_shown_by_their_kind(void **state)
{
    struct show_options options;
    (void)state;
    show_options__init(&options);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) to = g_string_new(NULL);
        const struct print_function_value value = {
            &rows[i].what, rows[i].raw, rows[i].item, (const void *)rows[i].bytes, rows[i].have, rows[i].more};
        print__function_argument(to, &options, &value);
        assert_string_equal(to->str, rows[i].shown);
    }
    show_options__clear(&options);
}

static void results_tell_errors(void **state)
{
    static const struct {
        struct function_value what;
        uint64_t raw;
        const char *shown;
    } results[] = {
        {{.kind = FUNCTION_VOID}, 5, "void"},
        {{.kind = FUNCTION_INT, .size = 8, .may_fail = 1}, 832, "832"},
        {{.kind = FUNCTION_INT, .size = 8, .may_fail = 1}, (uint64_t)-2, "-2 ENOENT (No such file or directory)"},
        {{.kind = FUNCTION_INT, .size = 4, .may_fail = 1}, 0xfffffffe, "-2 ENOENT (No such file or directory)"},
        {{.kind = FUNCTION_INT, .size = 4}, 0xfffffffe, "-2"},
        {{.kind = FUNCTION_INT, .size = 8, .may_fail = 1}, (uint64_t)-4095, "-4095"},
        {{.kind = FUNCTION_INT, .size = 8, .may_fail = 1}, (uint64_t)-4096, "-4096"},
        {{.kind = FUNCTION_HEX, .size = 8, .may_fail = 1}, (uint64_t)-13, "-13 EACCES (Permission denied)"},
        {{.kind = FUNCTION_HEX, .size = 8, .may_fail = 1}, (uint64_t)-4096, "0xfffffffffffff000"},
        {{.kind = FUNCTION_HEX, .size = 8, .may_fail = 1}, 0xffff888000001000, "0xffff888000001000"},
        {{.kind = FUNCTION_BOOL, .size = 1}, 1, "true"},
    };
    struct show_options options;
    (void)state;
    show_options__init(&options);
    for (size_t i = 0; i < G_N_ELEMENTS(results); i++) {
        g_autoptr(GString) to = g_string_new(NULL);
        const struct print_function_value value = {.what = &results[i].what, .raw = results[i].raw};
        print__function_result(to, &options, &value);
        assert_string_equal(to->str, results[i].shown);
    }
    show_options__clear(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_are_shown_by_their_kind),
        cmocka_unit_test(results_tell_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
