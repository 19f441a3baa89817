// SPDX-License-Identifier: GPL-2.0-or-later
/* Calls of hooked functions, through the outputs that show them. */
#include "shown.h"

#include <string.h>

#define NR_READ 0

static struct build records;
static struct show_options options;

static int setup(void **state)
{
    (void)state;
    build__init(&records);
    show_options__init(&options);
    records.time_ns = UINT64_C(1000000000) * 3600;
    build__thread(&records, 1, 71, "cat");
    build__thread(&records, 2, 72, "dog");
    build__function(&records, 1, "outer");
    build__function(&records, 2, "inner");
    build__function(&records, 3, "in\x1b[31m");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    build__free(&records);
    return 0;
}

static uint64_t enter(uint64_t thread, uint32_t id, uint32_t depth)
{
    return build__function_enter(&records, thread, id, depth, 16 * id);
}

static void returns(uint64_t thread, uint64_t call, uint32_t id)
{
    build__function_return(&records, thread, call, id, QBK_FUNCTION_RETURNED, 7);
}

/* The calls of the graph alone, with duration: each line from there on; what comes before it is compared apart. */
static void graph_is(const char *want)
{
    g_autofree char *text = shown(&records, "graph", &options);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    GString *got = g_string_new(NULL);
    assert_string_equal(lines[0], "# vCPU, thread          |   DURATION       | CALLS");
    for (unsigned i = 1; lines[i] && *lines[i]; i++) {
        const char *name = strstr(lines[i], ") "), *calls = strchr(lines[i], '|');
        assert_non_null(name);
        assert_non_null(calls);
        assert_int_equal(calls - lines[i], 25);
        assert_int_equal(calls[19], '|');
        g_string_append_printf(got, "%.3s%s\n", name + 2, calls + 1);
    }
    shown__is(g_string_free(got, FALSE), want);
}

static void calls_inside_one_another(void **state)
{
    (void)state;
    uint64_t call = build__enter(&records, 1, NR_READ, 3, (uint64_t[]){5, 0, 0});
    uint64_t outer = enter(1, 1, 0);
    uint64_t first = enter(1, 2, 1);
    returns(1, first, 2);
    uint64_t second = enter(1, 2, 1);
    uint64_t third = enter(1, 3, 2);
    returns(1, third, 3);
    build__function_return(&records, 1, second, 2, QBK_FUNCTION_UNWOUND, 0);
    records.time_ns += 20000000;
    returns(1, outer, 1);
    build__return(&records, 1, call, QBK_END_RETURNED, 0);
    graph_is("cat                  | read(5, ...) {\n"
             "cat                  |   outer(0x10) {\n"
             "cat         1.000 us |     inner(0x20) = 0x7;\n"
             "cat                  |     inner(0x20) {\n"
             "cat         1.000 us |       in\\33[31m(0x30) = 0x7;\n"
             "cat         3.000 us |     } = ? <unwound>\n"
             "cat*    20007.000 us |   } = 0x7\n"
             "cat*    20009.000 us | } = 0\n");
}

/* Lines of each thread stay together as they are; those of the kernel's own are told apart by their objects. */
static void threads_beside_one_another(void **state)
{
    (void)state;
    uint64_t a = enter(1, 1, 0), b = enter(2, 1, 0), c = enter(0, 1, 0);
    uint64_t in_a = enter(1, 2, 1), in_b = enter(2, 2, 1);
    returns(1, in_a, 2);
    build__thread_exit(&records, 2, 0);
    returns(2, in_b, 2);
    returns(1, a, 1);
    returns(0, c, 1);
    returns(2, b, 1);
    graph_is("cat                  | outer(0x10) {\n"
             "dog                  | outer(0x10) {\n"
             "cat         2.000 us |   inner(0x20) = 0x7;\n"
             "dog         3.000 us |   inner(0x20) = 0x7;\n"
             "cat         8.000 us | } = 0x7\n"
             "ker         7.000 us | outer(0x10) = 0x7;\n"
             "dog         9.000 us | } = 0x7\n");
}

/* On another stack an inner call goes on while an outer one ends; entries alone; records that are missing. */
static void ends_out_of_order(void **state)
{
    (void)state;
    uint64_t outer = enter(1, 1, 0), inner = enter(1, 2, 1);
    returns(1, outer, 1);
    uint64_t once = enter(1, 3, 1);
    build__function_return(&records, 1, once, 3, QBK_FUNCTION_ENTRY_ONLY, 0);
    returns(1, inner, 2);
    returns(1, 4711, 2);
    enter(1, 1, 0);
    enter(1, 2, 1);
    uint64_t last = enter(1, 2, 0);
    returns(1, last, 2);
    enter(1, 1, 0);
    graph_is("cat                  | outer(0x10) {\n"
             "cat                  |   inner(0x20) {\n"
             "cat         2.000 us | } /* outer */ = 0x7\n"
             "cat                  |   in\\33[31m(0x30) = ? <entry_only>;\n"
             "cat         4.000 us | } = 0x7\n"
             "cat                  | inner(...) = 0x7;\n"
             "cat                  | outer(0x10) {\n"
             "cat                  |   inner(0x20) {\n"
             "cat                  |   } /* its end was lost */\n"
             "cat                  | } /* its end was lost */\n"
             "cat         1.000 us | inner(0x20) = 0x7;\n"
             "cat                  | outer(0x10) {\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls_inside_one_another, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_beside_one_another, setup, teardown),
        cmocka_unit_test_setup_teardown(ends_out_of_order, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
