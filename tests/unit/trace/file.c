// SPDX-License-Identifier: GPL-2.0-or-later
/* Kept traces: written, followed, on a full disk, through pipes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build.h"
#include "file_help.h"
#include "trace/file.h"
#include "trace/file_layout.h"

static void test_round_trip(void **state)
{
    char *path = file_help__path("a.qbk");
    char *message;
    struct build b;
    enum trace_status status;
    struct stat st;

    (void)state;
    build__init(&b);
    build__sample(&b);
    file_help__write(path, &b, NULL);
    assert_int_equal(file_help__read_back(path, &b, &status, &message), b.records->len);
    assert_int_equal(status, TRACE_END);
    assert_null(message);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    build__free(&b);
    g_free(path);
}

/* Random sizes up to the largest, over many blocks. */
static void test_large(void **state)
{
    char *path = file_help__path("large.qbk");
    char *message;
    struct build b;
    enum trace_status status;
    uint32_t x = 7;

    (void)state;
    build__init(&b);
    for (unsigned i = 0; i < 3000; i++) {
        size_t len;
        struct qbk_text *t;

        x = x * 1664525u + 1013904223u;
        len = i % 500 == 499 ? QBK_RECORD_MAX - sizeof(*t) : x >> 20;
        t = build__add(&b, QBK_LOG, 0, sizeof(*t) + len);
        t->len = (uint32_t)len;
        for (size_t k = 0; k < len; k++)
            t->text[k] = (char)(k % 13 == 0 ? x >> (k & 15) : 'a');
    }
    file_help__write(path, &b, NULL);
    assert_int_equal(file_help__read_back(path, &b, &status, &message), b.records->len);
    assert_int_equal(status, TRACE_END);
    build__free(&b);
    g_free(path);
}

static void test_crc(void **state)
{
    (void)state;
    assert_int_equal(file__crc("123456789", 9), 0xcbf43926u);
    assert_int_equal(file__crc("", 0), 0);
    assert_int_equal(file__crc("The quick brown fox jumps over the lazy dog", 43), 0x414fa339u);
}

/* The file appears byte by byte under a reader that follows it. */
static void test_follow(void **state)
{
    struct file_small s;
    char *path = file_help__path("grow.qbk");
    struct trace_reader *r;
    const struct qbk_record *rec = NULL;
    unsigned n = 0;
    int fd;

    (void)state;
    file_help__small_make(&s);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    r = trace__open(path, true, NULL);
    assert_non_null(r);
    for (size_t i = 0; i < s.len; i++) {
        assert_int_equal(trace__read(r, &rec, NULL), TRACE_AGAIN);
        assert_int_equal(write(fd, s.bytes + i, 1), 1);
        while (n < s.whole[i + 1]) {
            assert_int_equal(trace__read(r, &rec, NULL), TRACE_OK);
            assert_memory_equal(rec, s.b.records->pdata[n], rec->size);
            n++;
        }
    }
    assert_int_equal(trace__read(r, &rec, NULL), TRACE_END);
    assert_int_equal(n, s.b.records->len);
    assert_false(trace__goes_on(r));
    trace__close(r);
    close(fd);
    g_free(path);
    file_help__small_free(&s);
}

static void test_full(void **state)
{
    struct trace_writer_options opts = {.flush_ms = 1};
    GError *error = NULL;
    struct trace_writer *w;

    (void)state;
    assert_null(trace__create("/dev/full", NULL, &error));
    file_help__tells(&error, "/dev/full", "No space left");
    w = trace__create("/nowhere/at/all", &opts, &error);
    assert_null(w);
    file_help__tells(&error, "/nowhere/at/all", "");
}

/* The disk fills up in the middle: said once with the reason, refused from then on, all before it readable. */
static void test_limit(void **state)
{
    struct rlimit old;
    struct rlimit limit;
    char *path = file_help__path("limit.qbk");
    GError *error = NULL;
    struct trace_writer *w;
    struct build b;
    unsigned i;
    enum trace_status status;
    char *message;
    unsigned n;

    (void)state;
    file_help__busy(&b);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = 500000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    w = trace__create(path, NULL, NULL);
    assert_non_null(w);
    for (i = 0; i < b.records->len; i++)
        if (trace__write(w, b.records->pdata[i], &error) < 0)
            break;
    assert_true(i < b.records->len);
    file_help__tells(&error, path, g_strerror(EFBIG));
    assert_int_equal(trace__write(w, b.records->pdata[0], &error), -1);
    file_help__tells(&error, "earlier write failed", "");
    assert_int_equal(trace__tick(w, NULL), -1);
    assert_int_equal(trace__finish(w, NULL), -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    n = file_help__read_back(path, &b, &status, &message);
    assert_int_equal(status, TRACE_CUT);
    assert_in_range(n, 1000, i);
    g_free(message);
    build__free(&b);
    g_free(path);
}

struct copy {
    int fd;
    GByteArray *bytes;
};

static void *copy_out(void *arg)
{
    struct copy *c = arg;
    uint8_t buf[4096];
    ssize_t n;

    while ((n = read(c->fd, buf, sizeof(buf))) > 0)
        g_byte_array_append(c->bytes, buf, (guint)n);
    return NULL;
}

/* Standard output and input, as pipes. */
static void test_pipe(void **state)
{
    struct trace_writer_options rotating = {.max_bytes = 1000};
    struct build b;
    int pipes[2];
    int keep_out = dup(STDOUT_FILENO);
    int keep_in = dup(STDIN_FILENO);
    struct copy c = {.bytes = g_byte_array_new()};
    pthread_t thread;
    char *message;
    enum trace_status status;
    char *path = file_help__path("pipe.qbk");

    (void)state;
    file_help__busy(&b);
    assert_null(trace__create("-", &rotating, NULL));
    assert_int_equal(pipe(pipes), 0);
    c.fd = pipes[0];
    assert_int_equal(pthread_create(&thread, NULL, copy_out, &c), 0);
    fflush(stdout);
    dup2(pipes[1], STDOUT_FILENO);
    close(pipes[1]);
    file_help__write("-", &b, NULL);
    dup2(keep_out, STDOUT_FILENO);
    close(keep_out);
    pthread_join(thread, NULL);
    close(pipes[0]);
    file_help__put(path, c.bytes->data, c.bytes->len);
    assert_int_equal(file_help__read_back(path, &b, &status, &message), b.records->len);
    assert_int_equal(status, TRACE_END);
    pipes[0] = open(path, O_RDONLY);
    dup2(pipes[0], STDIN_FILENO);
    close(pipes[0]);
    assert_int_equal(file_help__read_back("-", &b, &status, &message), b.records->len);
    assert_int_equal(status, TRACE_END);
    dup2(keep_in, STDIN_FILENO);
    close(keep_in);
    g_byte_array_free(c.bytes, TRUE);
    build__free(&b);
    g_free(path);
}

static void test_closed_pipe(void **state)
{
    int pipes[2];
    int keep = dup(STDOUT_FILENO);
    GError *error = NULL;
    struct trace_writer *w;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(pipes), 0);
    close(pipes[0]);
    fflush(stdout);
    dup2(pipes[1], STDOUT_FILENO);
    close(pipes[1]);
    w = trace__create("-", NULL, &error);
    dup2(keep, STDOUT_FILENO);
    close(keep);
    assert_null(w);
    file_help__tells(&error, "standard output", "Broken pipe");
}

static void test_refuses_nonsense(void **state)
{
    char *path = file_help__path("nonsense.qbk");
    struct trace_writer *w = trace__create(path, NULL, NULL);
    struct qbk_record rec = {.size = 40, .type = QBK_LOG};
    static const uint32_t bad[] = {0, 8, 24, 33, QBK_RECORD_MAX + 8, 0xfffffff8u};

    (void)state;
    assert_non_null(w);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        rec.size = bad[i];
        assert_int_equal(trace__write(w, &rec, NULL), -1);
    }
    rec.size = sizeof(rec);
    rec.type = QBK_PAD;
    assert_int_equal(trace__write(w, &rec, NULL), -1);
    rec.type = 77; /* unknown to this version */
    assert_int_equal(trace__write(w, &rec, NULL), 0);
    assert_int_equal(trace__finish(w, NULL), 0);
    g_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_large),       cmocka_unit_test(test_crc),
        cmocka_unit_test(test_follow),     cmocka_unit_test(test_full),        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_pipe),       cmocka_unit_test(test_closed_pipe), cmocka_unit_test(test_refuses_nonsense),
    };

    return cmocka_run_group_tests(tests, file_help__make_dir, file_help__remove_dir);
}
