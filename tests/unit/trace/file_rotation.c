// SPDX-License-Identifier: GPL-2.0-or-later
/* Kept traces split into files: each stands alone and passes the check by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>

#include "build.h"
#include "file_help.h"
#include "trace/check.h"
#include "trace/file.h"

struct part {
    unsigned records, metas, threads, enters;
    uint64_t first, last;
    bool continuation, goes_on, has_first_call;
};

static bool read_part(const char *path, struct part *p)
{
    struct trace_reader *r = trace__open(path, false, NULL);
    const struct qbk_record *rec = NULL;
    const struct check_result *result;
    struct check *c;
    bool repeating;

    memset(p, 0, sizeof(*p));
    if (!r)
        return false;
    p->continuation = trace__is_continuation(r);
    repeating = p->continuation;
    c = check__new(p->continuation);
    while (trace__read(r, &rec, NULL) == TRACE_OK) {
        check__feed(c, rec);
        p->records++;
        repeating = repeating && trace__is_repeatable(rec);
        p->metas += rec->type == QBK_META;
        p->threads += rec->type == QBK_THREAD;
        p->enters += repeating && rec->type == QBK_ENTER;
        p->has_first_call = p->has_first_call || (rec->type == QBK_ENTER && rec->thread == 1 && rec->seq == 4);
        p->last = rec->seq;
    }
    assert_int_equal(trace__read(r, &rec, NULL), TRACE_END);
    p->goes_on = trace__goes_on(r);
    result = check__finish(c);
    if (result->violations)
        fail_msg("%s: %s", path, (char *)result->messages->pdata[0]);
    if (result->has_summary == p->goes_on)
        fail_msg("%s: goes on %d, summary %d, %u records", path, p->goes_on, result->has_summary, p->records);
    check__free(c);
    trace__close(r);
    return true;
}

static void test_rotation(void **state)
{
    struct trace_writer_options opts = {.max_bytes = 200000};
    char *path = file_help__path("rot.qbk");
    struct build b;
    struct part p;
    unsigned index = 0;
    uint64_t last = 0;

    (void)state;
    file_help__busy(&b);
    file_help__write(path, &b, &opts);
    for (;; index++) {
        char *name = index ? g_strdup_printf("%s.%u", path, index) : g_strdup(path);
        struct stat st;

        assert_true(read_part(name, &p));
        assert_int_equal(stat(name, &st), 0);
        assert_in_range(st.st_size, 1000, 260000);
        assert_int_equal(p.continuation, index > 0);
        assert_int_equal(p.metas, 1);
        assert_int_equal(p.threads, 40);
        assert_true(p.has_first_call);
        assert_true(p.last > last);
        if (index > 0)
            assert_in_range(p.enters, 39, 41);
        last = p.last;
        g_free(name);
        if (!p.goes_on)
            break;
    }
    assert_true(index >= 5);
    assert_int_equal(last, b.next_seq - 1);
    build__free(&b);
    g_free(path);
}

static void test_rotation_deletes(void **state)
{
    struct trace_writer_options opts = {.max_bytes = 200000, .max_files = 2};
    char *path = file_help__path("del.qbk");
    struct build b;
    unsigned left = 0;
    struct part p;
    bool ended = false;

    (void)state;
    file_help__busy(&b);
    file_help__write(path, &b, &opts);
    for (unsigned i = 0; i < 100; i++) {
        char *name = i ? g_strdup_printf("%s.%u", path, i) : g_strdup(path);

        if (read_part(name, &p)) {
            left++;
            assert_true(i >= 4);
            ended = !p.goes_on;
        }
        g_free(name);
    }
    assert_int_equal(left, 2);
    assert_true(ended);
    build__free(&b);
    g_free(path);
}

static void add_noise(struct build *b, uint32_t *x)
{
    uint8_t data[1000];

    for (unsigned k = 0; k < sizeof(data); k++)
        data[k] = (uint8_t)((*x = *x * 1664525u + 1013904223u) >> 24);
    build__snippet(b, QBK_SNIP_MEM, 0x1000, data, sizeof(data), sizeof(data), 0, 1, 0);
}

/* Each file must repeat more than may be in one: it still gets on, with something new in each. */
static void test_rotation_small(void **state)
{
    struct trace_writer_options opts = {.max_bytes = 1};
    char *path = file_help__path("small-limit.qbk");
    uint64_t flying[200];
    struct build b;
    struct part p = {.goes_on = true};
    unsigned index = 0;
    uint64_t last = 0;
    uint32_t x = 5;

    (void)state;
    build__init(&b);
    build__meta(&b, "qebek", "0.1.0", NULL);
    for (uint64_t t = 0; t < 200; t++) {
        build__thread(&b, t + 1, (int32_t)t, "worker");
        flying[t] = build__enter(&b, t + 1, 0, 0, NULL);
        add_noise(&b, &x);
    }
    for (unsigned i = 0; i < 300; i++) {
        build__return(&b, 1, flying[0], QBK_END_RETURNED, 0);
        flying[0] = build__enter(&b, 1, 0, 0, NULL);
        add_noise(&b, &x);
    }
    for (uint64_t t = 0; t < 200; t++)
        build__return(&b, t + 1, flying[t], QBK_END_IN_FLIGHT, 0);
    build__summary(&b);
    file_help__write(path, &b, &opts);
    for (; p.goes_on; index++) {
        char *name = index ? g_strdup_printf("%s.%u", path, index) : g_strdup(path);

        assert_true(read_part(name, &p));
        assert_true(p.last > last);
        last = p.last;
        g_free(name);
    }
    assert_in_range(index, 10, 40);
    assert_int_equal(last, b.next_seq - 1);
    build__free(&b);
    g_free(path);
}

/* What a file says before anything new. */
struct preamble {
    unsigned objects, names;
    uint64_t inode;   /* behind descriptor 5 of thread 1 */
    char image[2][8]; /* that threads 2 and 3 run */
};

static void read_preamble(const char *path, struct preamble *p)
{
    struct trace_reader *r = trace__open(path, false, NULL);
    const struct qbk_record *rec = NULL;

    memset(p, 0, sizeof(*p));
    assert_non_null(r);
    while (trace__read(r, &rec, NULL) == TRACE_OK && trace__is_repeatable(rec)) {
        const struct qbk_object *o = (const void *)rec;
        const struct qbk_name *n = (const void *)rec;

        p->objects += rec->type == QBK_OBJECT;
        p->names += rec->type == QBK_NAME;
        assert_true(rec->thread != 4 || rec->type == QBK_THREAD || rec->type == QBK_ENTER); /* which is gone */
        if (rec->type == QBK_OBJECT && rec->thread == 1 && o->fd == 5)
            p->inode = o->inode;
        if (rec->type == QBK_NAME && n->fd == QBK_NAME_EXE && (rec->thread == 2 || rec->thread == 3))
            memcpy(p->image[rec->thread - 2], n->path, MIN(n->len, 7u));
    }
    trace__close(r);
}

static void some_calls(struct build *b, unsigned count, uint32_t *x)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t call = build__enter(b, 1, 1, 0, NULL);

        add_noise(b, x);
        build__return(b, 1, call, QBK_END_RETURNED, 0);
    }
}

/* What descriptors stand for is told once, and must be known in each file; also what a thread has from a dead one. */
static void test_rotation_names(void **state)
{
    struct trace_writer_options opts = {.max_bytes = 65536};
    char *path = file_help__path("names.qbk");
    struct build b;
    struct preamble p;
    uint32_t x = 7;

    (void)state;
    build__init(&b);
    build__meta(&b, "qebek", "0.1.0", NULL);
    build__thread(&b, 1, 101, "server");
    build__thread(&b, 4, 104, "shell");
    build__name(&b, 4, QBK_NAME_EXE, "/bin/sh");
    build__object(&b, 4, 5, 9);
    build__thread(&b, 2, 102, "child")->parent_thread = 4;
    build__thread(&b, 3, 103, "child")->parent_thread = 4;
    build__name(&b, 3, QBK_NAME_EXE, "/bin/ls");
    build__thread_exit(&b, 4, 0);
    build__object(&b, 1, 5, 77);
    build__object(&b, 1, 5, 78);
    build__object(&b, 1, 6, 79);
    some_calls(&b, 400, &x);
    build__object(&b, 1, 5, 80);
    for (uint32_t fd = 0; fd < 5000; fd++) /* more than is kept of one thread */
        build__object(&b, 2, fd, fd + 1000);
    some_calls(&b, 800, &x);
    build__thread_exit(&b, 1, 0);
    build__thread_exit(&b, 2, 0);
    build__thread_exit(&b, 3, 0);
    build__summary(&b);
    file_help__write(path, &b, &opts);
    for (unsigned i = 1;; i++) {
        g_autofree char *name = g_strdup_printf("%s.%u", path, i);
        struct part part;

        assert_true(read_part(name, &part));
        read_preamble(name, &p);
        assert_string_equal(p.image[0], "/bin/sh");
        assert_string_equal(p.image[1], "/bin/ls");
        assert_int_equal(p.names, 2);
        assert_true(p.inode == 78 || p.inode == 80);
        if (i == 2)
            assert_int_equal(p.objects, 2);
        if (!part.goes_on)
            break;
    }
    assert_int_equal(p.inode, 80);
    assert_int_equal(p.objects, 2 + 4095); /* its image is one of its 4096 */
    build__free(&b);
    g_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_rotation_deletes),
        cmocka_unit_test(test_rotation_small),
        cmocka_unit_test(test_rotation_names),
    };

    return cmocka_run_group_tests(tests, file_help__make_dir, file_help__remove_dir);
}
