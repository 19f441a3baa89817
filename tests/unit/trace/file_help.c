// SPDX-License-Identifier: GPL-2.0-or-later
#include "file_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

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
