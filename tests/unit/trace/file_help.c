// SPDX-License-Identifier: GPL-2.0-or-later
#include "file_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace/file_layout.h"

static char *dir;

char *file_help__path(const char *name)
{
    return g_build_filename(dir, name, NULL);
}

const char *file_help__dir(void)
{
    return dir;
}

int file_help__make_dir(void **state)
{
    (void)state;
    dir = g_dir_make_tmp("qebek-file-XXXXXX", NULL);
    return dir ? 0 : -1;
}

int file_help__remove_dir(void **state)
{
    GDir *d = g_dir_open(dir, 0, NULL);
    const char *name;

    (void)state;
    while (d && (name = g_dir_read_name(d)) != NULL) {
        char *path = file_help__path(name);

        unlink(path);
        g_free(path);
    }
    if (d)
        g_dir_close(d);
    rmdir(dir);
    g_free(dir);
    return 0;
}

void file_help__write(const char *path, struct build *b, const struct trace_writer_options *opts)
{
    struct trace_writer *w = trace__create(path, opts, NULL);

    assert_non_null(w);
    for (unsigned i = 0; i < b->records->len; i++)
        assert_int_equal(trace__write(w, b->records->pdata[i], NULL), 0);
    assert_int_equal(trace__finish(w, NULL), 0);
}

void file_help__put(const char *path, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

void file_help__busy(struct build *b)
{
    uint64_t flying[40];
    uint32_t x = 3;

    build__init(b);
    build__meta(b, "qebek", "0.1.0", NULL);
    build__guest(b, "os", "linux", NULL);
    for (uint64_t t = 1; t <= 40; t++) {
        build__thread(b, t, (int32_t)t + 100, "worker");
        flying[t - 1] = build__enter(b, t, 0, 3, (uint64_t[]){3, 0x1000, t});
    }
    for (unsigned i = 0; i < 20000; i++) {
        unsigned t;
        char data[64];

        x = x * 1664525u + 1013904223u;
        t = (x >> 16) % 39 + 1; /* the first thread stays in its call all the time */
        build__return(b, t + 1, flying[t], QBK_END_RETURNED, x);
        for (unsigned k = 0; k < sizeof(data); k++)
            data[k] = (char)((x = x * 1664525u + 1013904223u) >> 24);
        build__snippet(b, QBK_SNIP_MEM, 0x1000, data, sizeof(data), sizeof(data), 0, 1, 0);
        flying[t] = build__enter(b, t + 1, i, 1, (uint64_t[]){x});
    }
    for (uint64_t t = 1; t <= 40; t++) {
        build__return(b, t, flying[t - 1], QBK_END_IN_FLIGHT, 0);
        build__thread_exit(b, t, 0);
    }
    build__summary(b);
}

unsigned file_help__read_back(const char *path, struct build *b, enum trace_status *status, char **message)
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

void file_help__tells(GError **error, const char *text, const char *also)
{
    if (!*error || !strstr((*error)->message, text) || !strstr((*error)->message, also))
        fail_msg("\"%s\" instead of \"%s\" and \"%s\"", *error ? (*error)->message : "nothing", text, also);
    g_clear_error(error);
}

void file_help__message(const char *path, const char *text)
{
    GError *error = NULL;

    assert_null(trace__open(path, false, &error));
    file_help__tells(&error, text, path);
}

void file_help__small_make(struct file_small *s)
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

void file_help__small_free(struct file_small *s)
{
    build__free(&s->b);
    g_free(s->path);
    g_free(s->bytes);
    g_free(s->whole);
}
