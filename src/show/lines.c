/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "show/output.h"

#define THREAD_BUFFER 4096u /* of ten thousand threads, 40 MB in all */

struct lines {
    struct stream *stream; /* NULL: one file a thread */
    int dir;
    char *prefix, *suffix;
    GHashTable *buffers; /* tid -> GString: what is not written yet */
    GHashTable *begun;   /* tid: its file is this trace's already, and not one that lay there */
};

static void free_buffer(gpointer data)
{
    g_string_free(data, TRUE);
}

/* A file name with %p in it, split; the directory is opened, files are made as threads come. */
static bool open_dir(struct lines *l, const char *where, GError **error)
{
    const char *slash = strrchr(where, '/');
    g_autofree char *dir = slash ? g_strndup(where, (size_t)(slash - where) + 1) : g_strdup(".");
    const char *name = slash ? slash + 1 : where, *at = strstr(name, "%p");

    if (!at) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%%p belongs into the file's name, not a directory's: '%s'", where);
        return false;
    }
    l->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (l->dir < 0 || faccessat(l->dir, ".", W_OK | X_OK, 0) != 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "cannot write files in '%s': %s", dir,
                    g_strerror(errno));
        return false;
    }
    l->prefix = g_strndup(name, (size_t)(at - name));
    l->suffix = g_strdup(at + 2);
    l->buffers = g_hash_table_new_full(NULL, NULL, NULL, free_buffer);
    l->begun = g_hash_table_new(NULL, NULL);
    return true;
}

static void lines_free(struct lines *l)
{
    if (l->dir >= 0)
        close(l->dir);
    g_free(l->prefix);
    g_free(l->suffix);
    g_clear_pointer(&l->buffers, g_hash_table_destroy);
    g_clear_pointer(&l->begun, g_hash_table_destroy);
    g_free(l);
}

struct lines *lines__open(const char *where, int fallback_fd, GError **error)
{
    struct lines *l = g_new0(struct lines, 1);
    bool ok;

    l->dir = -1;
    if (strstr(where, "%p")) {
        ok = open_dir(l, where, error);
    } else {
        l->stream = stream__open(where, fallback_fd, error);
        ok = l->stream != NULL;
    }
    if (ok)
        return l;
    lines_free(l);
    return NULL;
}

bool lines__split(const struct lines *l)
{
    return !l->stream;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Opened for each write: a machine has more threads than a process may have files. */
static int write_thread(struct lines *l, gpointer tid, GString *buffer, GError **error)
{
    g_autofree char *name = NULL;
    int fd, err;

    if (buffer->len == 0)
        return 0;
    name = g_strdup_printf("%s%d%s", l->prefix, GPOINTER_TO_INT(tid), l->suffix);
    fd = openat(l->dir, name,
                O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW |
                    (g_hash_table_contains(l->begun, tid) ? 0 : O_TRUNC),
                0666);
    err = fd < 0 ? -1 : write_all(fd, buffer->str, buffer->len);
    if (fd >= 0 && close(fd) != 0)
        err = -1;
    g_string_truncate(buffer, 0);
    if (err == 0) {
        g_hash_table_add(l->begun, tid);
        return 0;
    }
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "cannot write '%s': %s", name, g_strerror(errno));
    return -1;
}

int lines__put(struct lines *l, int32_t tid, const GString *text, GError **error)
{
    gpointer key = GINT_TO_POINTER(tid);
    GString *buffer;

    if (l->stream) {
        g_string_append_len(stream__buffer(l->stream), text->str, (gssize)text->len);
        return stream__flush(l->stream, false, error);
    }
    buffer = g_hash_table_lookup(l->buffers, key);
    if (!buffer) {
        buffer = g_string_new(NULL);
        g_hash_table_insert(l->buffers, key, buffer);
    }
    g_string_append_len(buffer, text->str, (gssize)text->len);
    return buffer->len < THREAD_BUFFER ? 0 : write_thread(l, key, buffer, error);
}

int lines__gone(struct lines *l, int32_t tid, GError **error)
{
    gpointer key = GINT_TO_POINTER(tid);
    GString *buffer = l->stream ? NULL : g_hash_table_lookup(l->buffers, key);
    int err = buffer ? write_thread(l, key, buffer, error) : 0;

    if (buffer)
        g_hash_table_remove(l->buffers, key);
    return err;
}

int lines__flush(struct lines *l, GError **error)
{
    GHashTableIter it;
    gpointer tid, buffer;
    int err = 0;

    if (l->stream)
        return stream__flush(l->stream, true, error);
    g_hash_table_iter_init(&it, l->buffers);
    while (g_hash_table_iter_next(&it, &tid, &buffer)) {
        if (write_thread(l, tid, buffer, err ? NULL : error) != 0)
            err = -1;
    }
    return err;
}

int lines__close(struct lines *l, GError **error)
{
    int err = l->stream ? stream__close(l->stream, error) : lines__flush(l, error);

    lines_free(l);
    return err;
}
