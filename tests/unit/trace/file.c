// SPDX-License-Identifier: GPL-2.0-or-later
/* Kept traces: written, cut, damaged, followed, on a full disk, through pipes. */
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
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build.h"
#include "file_help.h"
#include "trace/file.h"
#include "trace/file_layout.h"

/* Read to the end, compare with what was built; returns how many records came. */
static unsigned read_back(const char *path, struct build *b, enum trace_status *status, char **message)
{
    GError *error = NULL;
    struct trace_reader *r = trace__open(path, false, &error);
    const struct qbk_record *rec = NULL;
    unsigned n = 0;

    if (!r) {
        *status = TRACE_FAILED;
        assert_non_null(error);
        *message = g_strdup(error->message);
        g_error_free(error);
        return 0;
    }
    while ((*status = trace__read(r, &rec, &error)) == TRACE_OK) {
        const struct qbk_record *want;

        assert_true(n < b->records->len);
        want = b->records->pdata[n++];
        assert_int_equal(rec->size, want->size);
        assert_memory_equal(rec, want, want->size);
    }
    *message = NULL;
    if (error) {
        *message = g_strdup(error->message);
        g_clear_error(&error);
    }
    /* It stays so. */
    assert_int_equal(trace__read(r, &rec, NULL), *status);
    trace__close(r);
    return n;
}

/* Does the error tell this? Clears it. */
static void assert_tells(GError **error, const char *text, const char *also)
{
    if (!*error || !strstr((*error)->message, text) || !strstr((*error)->message, also))
        fail_msg("\"%s\" instead of \"%s\" and \"%s\"", *error ? (*error)->message : "nothing", text, also);
    g_clear_error(error);
}

static void assert_message(const char *path, const char *text)
{
    GError *error = NULL;

    assert_null(trace__open(path, false, &error));
    assert_tells(&error, text, path);
}

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
    assert_int_equal(read_back(path, &b, &status, &message), b.records->len);
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
    assert_int_equal(read_back(path, &b, &status, &message), b.records->len);
    assert_int_equal(status, TRACE_END);
    build__free(&b);
    g_free(path);
}

/* A trace of several blocks, as bytes; the number of records that are whole in the first n bytes. */
struct small {
    struct build b;
    char *path;
    uint8_t *bytes;
    size_t len;
    unsigned *whole;
};

static void small_make(struct small *s)
{
    struct trace_writer_options opts = {.flush_ms = 1};
    struct trace_writer *w;
    char *bytes;
    struct stat st;
    size_t seen = sizeof(struct file_header);
    unsigned *at = g_new0(unsigned, 1 << 16);

    s->path = file_help__path("small.qbk");
    build__init(&s->b);
    build__sample(&s->b);
    w = trace__create(s->path, &opts, NULL);
    assert_non_null(w);
    for (unsigned i = 0; i < s->b.records->len; i++) {
        assert_int_equal(trace__write(w, s->b.records->pdata[i], NULL), 0);
        if (i % 6 == 5) {
            g_usleep(12000);
            assert_int_equal(trace__tick(w, NULL), 0);
        }
        assert_int_equal(stat(s->path, &st), 0);
        if ((size_t)st.st_size > seen) {
            seen = (size_t)st.st_size;
            at[seen] = i + 1;
        }
    }
    assert_int_equal(trace__finish(w, NULL), 0);
    assert_true(g_file_get_contents(s->path, &bytes, &s->len, NULL));
    s->bytes = (uint8_t *)bytes;
    assert_true(s->len < 1 << 16);
    at[s->len - sizeof(struct file_block)] = s->b.records->len;
    for (size_t i = 1; i <= s->len; i++)
        at[i] = MAX(at[i], at[i - 1]);
    s->whole = at;
    assert_true(at[s->len / 2] > 0);
    assert_true(at[s->len / 2] < s->b.records->len);
}

static void small_free(struct small *s)
{
    build__free(&s->b);
    g_free(s->path);
    g_free(s->bytes);
    g_free(s->whole);
}

static void test_cut_everywhere(void **state)
{
    struct small s;
    char *cut = file_help__path("cut.qbk");

    (void)state;
    small_make(&s);
    for (size_t len = 0; len < s.len; len++) {
        enum trace_status status;
        char *message = NULL;
        unsigned n;

        file_help__put(cut, s.bytes, len);
        n = read_back(cut, &s.b, &status, &message);
        assert_non_null(message);
        if (len < sizeof(struct file_header)) {
            assert_int_equal(status, TRACE_FAILED);
            assert_non_null(strstr(message, len == 0 ? "empty" : "cut off"));
        } else {
            assert_int_equal(status, TRACE_CUT);
            assert_int_equal(n, s.whole[len]);
            assert_non_null(strstr(message, "byte"));
        }
        g_free(message);
    }
    g_free(cut);
    small_free(&s);
}

/* A bit wrong anywhere: found, and never a wrong record. */
static void test_flip_everywhere(void **state)
{
    struct small s;
    char *bad = file_help__path("flip.qbk");

    (void)state;
    small_make(&s);
    for (size_t i = 0; i < s.len; i++) {
        enum trace_status status;
        char *message = NULL;
        unsigned n;

        s.bytes[i] ^= (uint8_t)(1u << (i % 8));
        file_help__put(bad, s.bytes, s.len);
        s.bytes[i] ^= (uint8_t)(1u << (i % 8));
        n = read_back(bad, &s.b, &status, &message);
        assert_non_null(message);
        assert_int_equal(status, i < sizeof(struct file_header) ? TRACE_FAILED : TRACE_DAMAGED);
        assert_int_equal(n, i < sizeof(struct file_header) ? 0 : s.whole[i]);
        g_free(message);
    }
    g_free(bad);
    small_free(&s);
}

static void test_not_a_trace(void **state)
{
    char *path = file_help__path("other");
    struct file_header h = {.magic = FILE_MAGIC, .version = QBK_FORMAT_VERSION + 1};
    GError *error = NULL;
    char *none = file_help__path("none");

    (void)state;
    file_help__put(path, "", 0);
    assert_message(path, "empty file");
    file_help__put(path, "#!/bin/sh\necho this is no trace, but longer\n", 43);
    assert_message(path, "not a qebek trace");
    file_help__put(path, "QEBEx", 5);
    assert_message(path, "not a qebek trace");
    file_help__put(path, "QEBEKTRC", 8);
    assert_message(path, "cut off in its first bytes");
    h.crc = file__crc(&h, offsetof(struct file_header, crc));
    file_help__put(path, &h, sizeof(h));
    assert_message(path, "another version: 2; this qebek reads 1");
    h.crc++;
    file_help__put(path, &h, sizeof(h));
    assert_message(path, "damaged header");
    assert_message(file_help__dir(), "directory");
    assert_message(none, "No such file");
    assert_null(trace__create(file_help__dir(), NULL, &error));
    assert_tells(&error, file_help__dir(), "");
    g_free(none);
    g_free(path);
}

static void test_crc(void **state)
{
    (void)state;
    assert_int_equal(file__crc("123456789", 9), 0xcbf43926u);
    assert_int_equal(file__crc("", 0), 0);
    assert_int_equal(file__crc("The quick brown fox jumps over the lazy dog", 43), 0x414fa339u);
}

/* Bytes that are right by every checksum and still lie. */
static void test_lies(void **state)
{
    struct small s;
    char *path = file_help__path("lie.qbk");
    struct file_block b;
    uint8_t *at;
    char *message = NULL;
    enum trace_status status;

    (void)state;
    small_make(&s);
    at = s.bytes + sizeof(struct file_header);
    memcpy(&b, at, sizeof(b));
    for (unsigned lie = 0; lie < 6; lie++) {
        struct file_block l = b;

        l.raw += lie == 0 ? 8 : 0;
        l.records += lie == 1;
        l.first += lie == 2;
        l.last += lie == 3;
        l.raw = lie == 4 ? 0xffffffffu : l.raw;
        l.stored = lie == 5 ? 0xffffffffu : l.stored;
        l.header_crc = file__crc(&l, offsetof(struct file_block, header_crc));
        memcpy(at, &l, sizeof(l));
        file_help__put(path, s.bytes, s.len);
        read_back(path, &s.b, &status, &message);
        assert_int_equal(status, TRACE_DAMAGED);
        g_free(message);
    }
    memcpy(at, &b, sizeof(b));
    /* An end mark that counts one record too many; something after the end. */
    at = s.bytes + s.len - sizeof(b);
    memcpy(&b, at, sizeof(b));
    b.first++;
    b.header_crc = file__crc(&b, offsetof(struct file_block, header_crc));
    memcpy(at, &b, sizeof(b));
    file_help__put(path, s.bytes, s.len);
    assert_int_equal(read_back(path, &s.b, &status, &message), s.b.records->len);
    assert_int_equal(status, TRACE_DAMAGED);
    g_free(message);
    file_help__put(path, s.bytes, s.len);
    g_free(path);
    small_free(&s);
}

static void test_trailing(void **state)
{
    struct small s;
    char *path = file_help__path("trail.qbk");
    char *message;
    enum trace_status status;

    (void)state;
    small_make(&s);
    s.bytes = g_realloc(s.bytes, s.len + 1);
    s.bytes[s.len] = 0;
    file_help__put(path, s.bytes, s.len + 1);
    assert_int_equal(read_back(path, &s.b, &status, &message), s.b.records->len);
    assert_int_equal(status, TRACE_DAMAGED);
    g_free(message);
    g_free(path);
    small_free(&s);
}

/* The file appears byte by byte under a reader that follows it. */
static void test_follow(void **state)
{
    struct small s;
    char *path = file_help__path("grow.qbk");
    struct trace_reader *r;
    const struct qbk_record *rec = NULL;
    unsigned n = 0;
    int fd;

    (void)state;
    small_make(&s);
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
    small_free(&s);
}

static void test_follow_bad(void **state)
{
    struct small s;
    char *path = file_help__path("grow.qbk");
    struct trace_reader *r;
    const struct qbk_record *rec = NULL;
    GError *error = NULL;

    (void)state;
    small_make(&s);
    file_help__put(path, "#!/", 3);
    assert_null(trace__open(path, true, &error));
    g_clear_error(&error);
    file_help__put(path, "QEB", 3);
    r = trace__open(path, true, NULL);
    assert_non_null(r);
    file_help__put(path, "QEBXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", 36);
    assert_int_equal(trace__read(r, &rec, &error), TRACE_DAMAGED);
    g_clear_error(&error);
    trace__close(r);
    file_help__put(path, s.bytes, s.len - 10);
    r = trace__open(path, true, NULL);
    assert_non_null(r);
    while (trace__read(r, &rec, NULL) == TRACE_OK)
        ;
    assert_int_equal(trace__read(r, &rec, NULL), TRACE_AGAIN);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(trace__read(r, &rec, &error), TRACE_DAMAGED);
    assert_tells(&error, "shorter", "");
    trace__close(r);
    g_free(path);
    small_free(&s);
}

static void test_full(void **state)
{
    struct trace_writer_options opts = {.flush_ms = 1};
    GError *error = NULL;
    struct trace_writer *w;

    (void)state;
    assert_null(trace__create("/dev/full", NULL, &error));
    assert_tells(&error, "/dev/full", "No space left");
    w = trace__create("/nowhere/at/all", &opts, &error);
    assert_null(w);
    assert_tells(&error, "/nowhere/at/all", "");
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
    assert_tells(&error, path, g_strerror(EFBIG));
    assert_int_equal(trace__write(w, b.records->pdata[0], &error), -1);
    assert_tells(&error, "earlier write failed", "");
    assert_int_equal(trace__tick(w, NULL), -1);
    assert_int_equal(trace__finish(w, NULL), -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    n = read_back(path, &b, &status, &message);
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
    assert_int_equal(read_back(path, &b, &status, &message), b.records->len);
    assert_int_equal(status, TRACE_END);
    pipes[0] = open(path, O_RDONLY);
    dup2(pipes[0], STDIN_FILENO);
    close(pipes[0]);
    assert_int_equal(read_back("-", &b, &status, &message), b.records->len);
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
    assert_tells(&error, "standard output", "Broken pipe");
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
        cmocka_unit_test(test_crc),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_cut_everywhere),
        cmocka_unit_test(test_flip_everywhere),
        cmocka_unit_test(test_not_a_trace),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_trailing),
        cmocka_unit_test(test_follow),
        cmocka_unit_test(test_follow_bad),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_pipe),
        cmocka_unit_test(test_closed_pipe),
        cmocka_unit_test(test_refuses_nonsense),
    };

    return cmocka_run_group_tests(tests, file_help__make_dir, file_help__remove_dir);
}
