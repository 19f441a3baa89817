// SPDX-License-Identifier: GPL-2.0-or-later
/* JSON Lines: every line is JSON, and nothing of what the guest said is lost or changed in it. */
#include "shown.h"

#include <jansson.h>
#include <string.h>

static struct build records;
static struct show_options options;
static GPtrArray *objects;

static void unref(gpointer data)
{
    json_decref(data);
}

static int setup(void **state)
{
    (void)state;
    build__init(&records);
    show_options__init(&options);
    objects = g_ptr_array_new_with_free_func(unref);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    build__free(&records);
    g_ptr_array_free(objects, TRUE);
    return 0;
}

/* Runs the records through; each line must be one object without the same key twice. */
static void run(void)
{
    char *text = shown(&records, "jsonl", &options);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (unsigned i = 0; *lines[i]; i++) {
        json_error_t error;
        json_t *object = json_loads(lines[i], JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);

        if (!object)
            fail_msg("%s in %s", error.text, lines[i]);
        g_ptr_array_add(objects, object);
    }
    g_free(text);
}

static json_t *get(unsigned i, const char *key)
{
    assert_true(i < objects->len);
    json_t *value = json_object_get(objects->pdata[i], key);
    if (!value)
        fail_msg("object %u has no %s", i, key);
    return value;
}

static void is_string(json_t *value, const char *want)
{
    assert_true(json_is_string(value));
    assert_string_equal(json_string_value(value), want);
}

static void has_not(unsigned i, const char *key)
{
    assert_null(json_object_get(objects->pdata[i], key));
}

static void is_bytes(json_t *value, const void *want, size_t len)
{
    gsize n;
    g_autofree guchar *bytes = g_base64_decode(json_string_value(value), &n);

    assert_int_equal(n, len);
    assert_memory_equal(bytes, want, len);
}

/* The example of docs/json-lines.md, in short: what a call looks like. */
static void test_call(void **state)
{
    uint64_t call;

    (void)state;
    build__thread(&records, 5, 71, "cat")->uid = 33;
    call = build__enter(&records, 5, 257, 4, (uint64_t[]){0xffffff9c, 0x225bc, 0, 0});
    build__snippet(&records, QBK_SNIP_MEM, 0x225bc, "/etc/passwd", 12, 12, QBK_SNIP_STRING, 1, 0);
    build__return(&records, 5, call, QBK_END_RETURNED, (uint64_t)-2);
    run();
    assert_int_equal(objects->len, 3); /* process, thread, call */
    is_string(get(2, "type"), "call");
    assert_int_equal(json_integer_value(get(2, "seq")), call);
    is_string(get(2, "ts"), "2023-11-14T22:13:20.000001000Z");
    is_string(get(2, "os"), "linux");
    is_string(get(2, "name"), "openat");
    assert_int_equal(json_integer_value(get(2, "uid")), 33);
    is_string(get(2, "end"), "returned");
    assert_int_equal(json_integer_value(get(2, "ret")), -2);
    is_string(get(2, "error"), "ENOENT");
    assert_int_equal(json_integer_value(get(2, "duration_ns")), 1000);
    json_t *args = get(2, "args"), *dirfd = json_array_get(args, 0), *path = json_array_get(args, 1);
    assert_int_equal(json_integer_value(json_object_get(dirfd, "value")), -100);
    is_string(json_object_get(dirfd, "text"), "AT_FDCWD");
    assert_int_equal(json_integer_value(json_object_get(path, "value")), 0x225bc);
    is_string(json_object_get(path, "string"), "/etc/passwd");
    assert_null(json_object_get(path, "string_bytes"));
}

/* A number without a row has a name, and its registers are there. Numbers that a double would round come twice. */
static void test_numbers(void **state)
{
    uint64_t exact = UINT64_C(1) << 53;
    uint64_t call = build__enter(&records, 1, 500, 3, (uint64_t[]){exact, exact + 1, UINT64_MAX});

    (void)state;
    build__return(&records, 1, call, QBK_END_RETURNED, (uint64_t)INT64_MIN);
    call = build__enter(&records, 1, 8, 3, (uint64_t[]){3, exact + 1, 0});
    build__return(&records, 1, call, QBK_END_RETURNED, (uint64_t)-22);
    run();
    is_string(json_object_get(json_array_get(get(1, "args"), 1), "value_hex"), "0x20000000000001");
    is_string(get(0, "name"), "syscall_0x1f4");
    json_t *args = get(0, "args");
    is_string(json_object_get(json_array_get(args, 2), "name"), "arg2");
    assert_null(json_object_get(json_array_get(args, 0), "value_hex"));
    is_string(json_object_get(json_array_get(args, 1), "value_hex"), "0x20000000000001");
    is_string(json_object_get(json_array_get(args, 2), "value_hex"), "0xffffffffffffffff");
    assert_true(json_integer_value(json_object_get(json_array_get(args, 1), "value")) == (json_int_t)exact + 1);
    assert_true(json_integer_value(json_object_get(json_array_get(args, 2), "value")) == -1);
    is_string(get(0, "ret_hex"), "0x8000000000000000");
    assert_true(json_integer_value(get(0, "ret")) == INT64_MIN);
}

/* Bytes that are no text: the string is valid, and the truth beside it. */
static void test_bytes(void **state)
{
    static const char path[] = "a\"\\\n\x7f\xc3\xa4\xff\xe2\x80\xa8\xed\xa0\x80 end", comm[] = "\xff\x1b[31m";
    uint64_t call;

    (void)state;
    build__thread(&records, 1, 10, comm);
    call = build__enter(&records, 1, 2, 2, (uint64_t[]){0x1000, 0});
    build__snippet(&records, QBK_SNIP_MEM, 0x1000, path, sizeof(path), sizeof(path), QBK_SNIP_STRING, 0, 0);
    build__return(&records, 1, call, QBK_END_RETURNED, 3);
    build__name(&records, 1, 3, "/tmp/\xfe");
    run();
    json_t *arg = json_array_get(get(2, "args"), 0);
    is_string(json_object_get(arg, "string"), "a\"\\\n\x7f\xc3\xa4\xef\xbf\xbd\xe2\x80\xa8"
                                              "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd end");
    is_bytes(json_object_get(arg, "string_bytes"), path, sizeof(path) - 1);
    is_bytes(get(2, "comm_bytes"), comm, sizeof(comm) - 1);
    is_bytes(get(3, "path_bytes"), "/tmp/\xfe", 6);
}

/* A buffer is given whole whatever -s is, and what was not captured is told. */
static void test_buffer(void **state)
{
    uint8_t data[100];
    uint64_t call = build__enter(&records, 1, 0, 3, (uint64_t[]){3, 0x2000, 4096});

    (void)state;
    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 37);
    options.string_limit = 4;
    build__return(&records, 1, call, QBK_END_RETURNED, 4096);
    build__snippet(&records, QBK_SNIP_MEM, 0x2000, data, sizeof(data), 4096, QBK_SNIP_TRUNCATED, 1, 0);
    run();
    json_t *arg = json_array_get(get(0, "args"), 1);
    is_bytes(json_object_get(arg, "bytes"), data, sizeof(data));
    is_string(json_object_get(arg, "truncated"), "limit");
    assert_int_equal(json_integer_value(json_object_get(arg, "length")), 4096);
}

/* Threads and processes: two threads, the first gone first; its status is the process's. */
static void test_processes(void **state)
{
    static const char *const want[][3] = {
        {"process", "start", "10"}, {"thread", "start", "10"}, {"thread", "start", "11"}, {"thread", "change", "10"},
        {"thread", "exit", "10"},   {"process", "exec", "10"}, {"thread", "exit", "10"},  {"process", "exit", "10"},
        {"process", "seen", "20"},  {"thread", "seen", "20"},
    };
    struct qbk_thread *t;

    (void)state;
    build__thread(&records, 1, 10, "a");
    build__thread(&records, 2, 11, "a")->pid = 10;
    build__thread(&records, 1, 10, "b")->why = QBK_THREAD_CHANGED;
    build__thread_exit(&records, 1, 3 << 8);
    t = build__thread(&records, 2, 10, "c"); /* an exec by the other one: it takes the first one's number */
    t->why = QBK_THREAD_EXEC;
    build__thread_exit(&records, 2, 11 | 0x80);
    build__thread(&records, 3, 20, "d")->why = QBK_THREAD_SEEN;
    run();
    assert_int_equal(objects->len, G_N_ELEMENTS(want));
    for (unsigned i = 0; i < objects->len; i++) {
        is_string(get(i, "type"), want[i][0]);
        is_string(get(i, "event"), want[i][1]);
        assert_int_equal(json_integer_value(get(i, "tid")), strtol(want[i][2], NULL, 10));
    }
    assert_int_equal(json_integer_value(get(4, "exit")), 3);
    is_string(get(7, "signal"), "SIGSEGV");
    assert_true(json_is_true(get(7, "core_dumped")));
    assert_int_equal(json_integer_value(get(7, "status")), 11 | 0x80);
    has_not(0, "status");
}

/* The status of a process is that of the thread it is named after, though another went last. */
static void test_process_status(void **state)
{
    (void)state;
    build__thread(&records, 1, 10, "a");
    build__thread(&records, 2, 11, "a")->pid = 10;
    build__thread_exit(&records, 1, 3 << 8);
    build__thread_exit(&records, 2, 0);
    run();
    is_string(get(5, "type"), "process");
    assert_int_equal(json_integer_value(get(5, "exit")), 3);
}

/* A thread whose end was lost, and whose number another has now: nothing of it goes on. Idle threads are all 0. */
static void test_number_used_again(void **state)
{
    static const char *const want[] = {"process", "thread", "call",   "process", "thread",
                                       "process", "thread", "thread", "call",    "call"};

    (void)state;
    build__thread(&records, 1, 10, "a");
    build__enter(&records, 1, 34, 0, NULL);
    build__thread(&records, 2, 10, "b");
    build__thread(&records, 3, 0, "idle");
    build__enter(&records, 3, 34, 0, NULL);
    build__thread(&records, 4, 0, "idle");
    build__enter(&records, 2, 34, 0, NULL);
    run();
    assert_int_equal(objects->len, G_N_ELEMENTS(want));
    for (unsigned i = 0; i < objects->len; i++)
        is_string(get(i, "type"), want[i]);
    is_string(get(2, "end"), "lost");
    assert_int_equal(json_integer_value(get(2, "thread")), 1);
    is_string(get(8, "end"), "in_flight");
    is_string(get(9, "end"), "in_flight");
}

static void test_ends(void **state)
{
    uint64_t call;

    (void)state;
    call = build__enter(&records, 1, 39, 0, NULL);
    build__return(&records, 1, call, QBK_END_INTERRUPTED, (uint64_t)-512);
    ((struct qbk_return *)build__last(&records))->flags = QBK_RETURN_HAS_RESULT | QBK_RETURN_HANDLER;
    build__enter(&records, 1, 34, 0, NULL);
    build__enter(&records, 1, 34, 0, NULL);               /* at the same depth: the one before has lost its return */
    build__return(&records, 2, 999, QBK_END_RETURNED, 0); /* and this one its entry */
    run();
    is_string(get(0, "end"), "interrupted");
    is_string(get(0, "error"), "ERESTARTSYS");
    assert_true(json_is_true(get(0, "handler")));
    is_string(get(1, "end"), "lost");
    has_not(1, "ret");
    assert_true(json_is_true(get(2, "entry_lost")));
    is_string(get(3, "end"), "in_flight");
}

static void test_enter(void **state)
{
    uint64_t call;

    (void)state;
    options.enter_events = true;
    call = build__enter(&records, 1, 39, 0, NULL);
    build__return(&records, 1, call, QBK_END_RETURNED, 10);
    run();
    is_string(get(0, "type"), "enter");
    has_not(0, "end");
    is_string(get(1, "type"), "call");
}

/* Keys of settings may come several times: all values are kept. Text may hold anything. */
static void test_facts(void **state)
{
    (void)state;
    build__meta(&records, "qebek", "0.1", "trace", "open", "host", "x\"y", "trace", "%file", "k\xff", "\xfe", "k\xfe",
                "\xc3\xa4", NULL);
    build__text(&records, QBK_LOG, "line\nwith \x1b[1m");
    run();
    json_t *facts = get(0, "facts"), *trace = json_object_get(facts, "trace");
    assert_int_equal(json_integer_value(get(0, "version")), 1);
    is_string(json_object_get(facts, "host"), "x\"y");
    is_string(json_array_get(trace, 0), "open");
    is_string(json_array_get(trace, 1), "%file");
    is_string(json_object_get(facts, "k\\377"), "\\376"); /* bytes that are no text: as strace escapes them */
    is_string(json_object_get(facts, "k\\376"), "\xc3\xa4");
    is_string(get(1, "text"), "line\nwith \x1b[1m");
}

/* A record that has fewer arguments than the call takes: what is not there is not looked at. */
static void test_few_arguments(void **state)
{
    uint64_t call = build__enter(&records, 1, 1, 2, (uint64_t[]){1, 0x1000});

    (void)state;
    build__return(&records, 1, call, QBK_END_RETURNED, 0);
    run();
    assert_int_equal(json_array_size(get(0, "args")), 2);
    assert_null(json_object_get(json_array_get(get(0, "args"), 1), "bytes"));
}

/* Every type of record, as a whole trace: only how many objects; tests/unit/show/schema validates them. */
static void test_sample(void **state)
{
    (void)state;
    build__sample(&records);
    run();
    is_string(get(0, "type"), "meta");
    is_string(get(objects->len - 1, "type"), "summary");
    assert_int_equal(json_integer_value(json_object_get(get(objects->len - 1, "counters"), "entries")), 7);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_call),      CASE(test_numbers),        CASE(test_bytes),         CASE(test_buffer),
        CASE(test_processes), CASE(test_process_status), CASE(test_ends),          CASE(test_enter),
        CASE(test_facts),     CASE(test_sample),         CASE(test_few_arguments), CASE(test_number_used_again),
    };

    return cmocka_run_group_tests_name("jsonl", tests, NULL, NULL);
}
