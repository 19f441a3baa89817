// SPDX-License-Identifier: GPL-2.0-or-later
/* The tree of processes, as text and as JSON. */
#include "shown.h"

#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>

#define NR_EXECVE 59
#define NR_GETPID 39
#define PATH      0x7f0000
#define ARGV      0x7f1000
#define WORD      0x7f2000

static struct build records;
static struct show_options options;

static int setup(void **state)
{
    (void)state;
    build__init(&records);
    show_options__init(&options);
    records.time_ns = UINT64_C(1000000000) * 3600;
    build__thread(&records, 1, 100, "init")->why = QBK_THREAD_SEEN;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    build__free(&records);
    return 0;
}

static void born(uint64_t thread, uint64_t parent, const char *comm)
{
    struct qbk_thread *t = build__thread(&records, thread, (int32_t)(100 * thread), comm);
    t->parent_thread = parent;
    t->why = QBK_THREAD_BORN;
}

static void runs(uint64_t thread, const char *word)
{
    const uint64_t argv[] = {WORD, 0};
    uint32_t len = (uint32_t)strlen(word) + 1;
    uint64_t call = build__enter(&records, thread, NR_EXECVE, 3, (uint64_t[]){PATH, ARGV, 0});
    build__snippet(&records, QBK_SNIP_MEM, PATH, "/bin/x", 7, 7, QBK_SNIP_STRING, 0, 0);
    build__snippet(&records, QBK_SNIP_MEM, ARGV, argv, sizeof(argv), sizeof(argv), 0, 1, 0);
    build__snippet(&records, QBK_SNIP_MEM, WORD, word, len, len, QBK_SNIP_STRING, 1, 1);
    build__return(&records, thread, call, QBK_END_RETURNED, 0);
}

static void fails(uint64_t thread)
{
    uint64_t call = build__enter(&records, thread, NR_GETPID, 0, NULL);
    build__return(&records, thread, call, QBK_END_RETURNED, (uint64_t)-2);
}

static void each_below_its_parent(void **state)
{
    (void)state;
    born(2, 1, "sh");
    born(3, 2, "a");
    born(4, 1, "b");
    runs(3, "first");
    runs(3, "then\x1b[2J");
    fails(3);
    build__thread_exit(&records, 3, 3 << 8);
    build__thread_exit(&records, 4, 9);
    g_autofree char *text = shown(&records, "tree", &options);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    assert_string_equal(lines[0], "from 1970-01-01 01:00:00.000 to 1970-01-01 01:00:00.000 UTC: 4 processes");
    assert_true(g_str_has_prefix(lines[1], "100 init  [uid 0, before 01:00:00.000, still there, 0 calls, 0 failed]"));
    assert_true(g_str_has_prefix(lines[2], "  200 sh  [uid 0, 01:00:00.000, still there"));
    assert_string_equal(lines[3],
                        "    300 'then\\33[2J'  [uid 0, 01:00:00.000 to 01:00:00.000, exit 3, 3 calls, 1 failed, "
                        "2 programs]");
    assert_string_equal(lines[4],
                        "  400 b  [uid 0, 01:00:00.000 to 01:00:00.000, killed by SIGKILL, 0 calls, 0 failed]");
    assert_string_equal(lines[5], "");
}

static void a_number_used_again_is_another_process(void **state)
{
    (void)state;
    born(2, 1, "one");
    build__thread_exit(&records, 2, 0);
    born(3, 1, "two");
    ((struct qbk_thread *)build__last(&records))->pid = ((struct qbk_thread *)build__last(&records))->tid = 200;
    g_autofree char *text = shown(&records, "tree", &options);
    assert_non_null(strstr(text, "  200 one  ["));
    assert_non_null(strstr(text, "  200 two  ["));
}

static void a_long_line_of_descent_as_json(void **state)
{
    const unsigned n = 10000;
    g_autofree char *folder = g_dir_make_tmp("qebek-tree-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "tree.json", NULL), *spec = g_strdup_printf("tree:%s", path);
    json_error_t error;
    (void)state;
    for (uint64_t i = 2; i <= n; i++)
        born(i, i - 1, "\xff\"{");
    g_free(shown(&records, spec, &options));
    json_t *tree = json_load_file(path, 0, &error), *p, *list = json_object_get(tree, "processes");
    size_t i;
    if (!tree)
        fail_msg("%s at %d", error.text, error.position);
    assert_int_equal(json_array_size(list), n);
    json_array_foreach(list, i, p)
    {
        assert_int_equal(json_integer_value(json_object_get(p, "process")), i + 1);
        assert_int_equal(json_integer_value(json_object_get(p, "parent")), i);
    }
    json_decref(tree);
    g_unlink(path);
    g_rmdir(folder);
}

static void a_full_disk_is_told(void **state)
{
    (void)state;
    struct show *show = show__new(&options, NULL);
    assert_int_equal(show__add_output(show, "tree:/dev/full", 1, NULL), 0);
    for (unsigned i = 0; i < records.records->len; i++)
        assert_int_equal(show__record(show, records.records->pdata[i]), 1);
    assert_int_equal(show__finish(show), -1);
    show__free(show);
    show_options__clear(&options);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_below_its_parent),
        TEST(a_number_used_again_is_another_process),
        TEST(a_long_line_of_descent_as_json),
        TEST(a_full_disk_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
