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
    const char *name;
    struct qbk_value what;
    uint64_t raw;
    const char *item, *bytes;
    size_t have;
    bool more;
    const char *shown;
} rows[] = {
    {"n", {.kind = QBK_VALUE_INT, .size = 4}, 0xfffffffe, NULL, NULL, 0, false, "n=-2"},
    {"n", {.kind = QBK_VALUE_INT, .size = 4}, 0xdead000000000007, NULL, NULL, 0, false, "n=7"},
    {"n", {.kind = QBK_VALUE_INT, .size = 8}, 0xfffffffffffffffe, NULL, NULL, 0, false, "n=-2"},
    {"n", {.kind = QBK_VALUE_INT, .size = 1}, 0x80, NULL, NULL, 0, false, "n=-128"},
    {"n", {.kind = QBK_VALUE_UINT, .size = 4}, 0xdead0000fffffffe, NULL, NULL, 0, false, "n=4294967294"},
    {"n", {.kind = QBK_VALUE_UINT, .size = 8}, UINT64_MAX, NULL, NULL, 0, false, "n=18446744073709551615"},
    {"n", {.kind = QBK_VALUE_UINT, .size = 2}, 0x12345, NULL, NULL, 0, false, "n=9029"},
    {"n", {.kind = QBK_VALUE_UINT, .size = 16}, 1, NULL, NULL, 0, false, "n={...}"},
    {"", {.kind = QBK_VALUE_BOOL, .size = 1}, 0x100, NULL, NULL, 0, false, "false"},
    {"", {.kind = QBK_VALUE_BOOL, .size = 1}, 1, NULL, NULL, 0, false, "true"},
    {"", {.kind = QBK_VALUE_CHAR, .size = 1}, 'a', NULL, NULL, 0, false, "'a'"},
    {"", {.kind = QBK_VALUE_CHAR, .size = 1}, '\'', NULL, NULL, 0, false, "'\\''"},
    {"", {.kind = QBK_VALUE_CHAR, .size = 1}, 0x1b, NULL, NULL, 0, false, "'\\33'"},
    {"p", {.kind = QBK_VALUE_HEX, .size = 8}, 0, NULL, NULL, 0, false, "p=NULL"},
    {"p", {.kind = QBK_VALUE_HEX, .size = 8}, 0xffff888000001000, NULL, NULL, 0, false, "p=0xffff888000001000"},
    {"p", {.kind = QBK_VALUE_HEX, .size = 4}, 0x123400001000, NULL, NULL, 0, false, "p=0x1000"},
    {"e", {.kind = QBK_VALUE_ENUM, .size = 4}, 1, "TCP_SYN_SENT", NULL, 0, false, "e=TCP_SYN_SENT"},
    {"e", {.kind = QBK_VALUE_ENUM, .size = 4}, 0xffffffff, NULL, NULL, 0, false, "e=-1"},
    {"s", {.kind = QBK_VALUE_STRUCT, .size = 24}, 1, NULL, NULL, 0, false, "s={...}"},
    {"s", {.kind = QBK_VALUE_STRING, .size = 8}, 0x1000, NULL, "HOME", 4, false, "s=\"HOME\""},
    {"s", {.kind = QBK_VALUE_STRING, .size = 8}, 0x1000, NULL, NULL, 0, false, "s=0x1000"},
    {"s", {.kind = QBK_VALUE_STRING, .size = 8}, 0, NULL, NULL, 0, false, "s=NULL"},
    {"s", {.kind = QBK_VALUE_STRING, .size = 8}, 0x1000, NULL, "a\033[2J\"", 6, true, "s=\"a\\33[2J\\\"\"..."},
    {"s",
     {.kind = QBK_VALUE_BYTES, .size = 8},
     0x1000,
     NULL,
     MANY,
     40,
     false,
     "s=\"01234567890123456789012345678901\"..."},
    {"s", {.kind = QBK_VALUE_WIDE, .size = 8}, 0x1000, NULL, "h\0i\0\033\0", 7, false, "s=\"hi\\u{1b}\""},
    {"file",
     {.kind = QBK_VALUE_FILE, .size = 8},
     0xffff888000001000,
     NULL,
     "/etc/passwd",
     11,
     false,
     "file=0xffff888000001000\"/etc/passwd\""},
    {"file",
     {.kind = QBK_VALUE_FILE, .size = 8},
     0xffff888000001000,
     NULL,
     "/" MANY,
     41,
     false,
     "file=0xffff888000001000\"/" MANY "\""},
    {"path", {.kind = QBK_VALUE_PATH, .size = 8}, 0, NULL, NULL, 0, false, "path=NULL"},
    {"x\033", {.kind = 77, .size = 8}, 5, NULL, NULL, 0, false, "x\\33=0x5"},
};

static void arguments_are_shown_by_their_kind(void **state)
{
    struct show_options options;
    (void)state;
    show_options__init(&options);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) to = g_string_new(NULL);
        const struct print_function_value value = {.what = &rows[i].what,
                                                   .name = rows[i].name,
                                                   .raw = rows[i].raw,
                                                   .item = rows[i].item,
                                                   .bytes = (const void *)rows[i].bytes,
                                                   .have = rows[i].have,
                                                   .more = rows[i].more};
        print__function_argument(to, &options, &value);
        assert_string_equal(to->str, rows[i].shown);
    }
    show_options__clear(&options);
}

static void results_tell_errors(void **state)
{
    static const struct {
        struct qbk_value what;
        uint64_t raw;
        const char *shown;
    } results[] = {
        {{.kind = QBK_VALUE_VOID}, 5, "void"},
        {{.kind = QBK_VALUE_INT, .size = 8, .flags = QBK_VALUE_MAY_FAIL}, 832, "832"},
        {{.kind = QBK_VALUE_INT, .size = 8, .flags = QBK_VALUE_MAY_FAIL},
         (uint64_t)-2,
         "-2 ENOENT (No such file or directory)"},
        {{.kind = QBK_VALUE_INT, .size = 4, .flags = QBK_VALUE_MAY_FAIL},
         0xfffffffe,
         "-2 ENOENT (No such file or directory)"},
        {{.kind = QBK_VALUE_INT, .size = 4}, 0xfffffffe, "-2"},
        {{.kind = QBK_VALUE_INT, .size = 8, .flags = QBK_VALUE_MAY_FAIL}, (uint64_t)-4095, "-4095"},
        {{.kind = QBK_VALUE_INT, .size = 8, .flags = QBK_VALUE_MAY_FAIL}, (uint64_t)-4096, "-4096"},
        {{.kind = QBK_VALUE_HEX, .size = 8, .flags = QBK_VALUE_MAY_FAIL},
         (uint64_t)-13,
         "-13 EACCES (Permission denied)"},
        {{.kind = QBK_VALUE_HEX, .size = 8, .flags = QBK_VALUE_MAY_FAIL}, (uint64_t)-4096, "0xfffffffffffff000"},
        {{.kind = QBK_VALUE_HEX, .size = 8, .flags = QBK_VALUE_MAY_FAIL}, 0xffff888000001000, "0xffff888000001000"},
        {{.kind = QBK_VALUE_BOOL, .size = 1}, 1, "true"},
    };
    struct show_options options;
    (void)state;
    show_options__init(&options);
    for (size_t i = 0; i < G_N_ELEMENTS(results); i++) {
        g_autoptr(GString) to = g_string_new(NULL);
        const struct print_function_value value = {.what = &results[i].what, .name = "", .raw = results[i].raw};
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
