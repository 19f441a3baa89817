/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A buffered stream of text. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "show/output.h"

#define FLUSH_AT 65536u

struct stream {
    int fd;
    bool owned;
    char *where;
    GString *buffer;
};

struct stream *stream__open(const char *where, int fallback_fd, GError **error)
{
    struct stream *s = g_new0(struct stream, 1);
    s->owned = strcmp(where, "-") != 0;
    s->fd = s->owned ? open(where, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : fallback_fd;
    if (s->fd < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "cannot write '%s': %s", where,
                    g_strerror(errno));
        g_free(s);
        return NULL;
    }
    s->where = g_strdup(s->owned ? where : "the standard stream");
    s->buffer = g_string_sized_new(FLUSH_AT + 8192);
    return s;
}

GString *stream__buffer(struct stream *s)
{
    return s->buffer;
}

int stream__flush(struct stream *s, bool now, GError **error)
{
    size_t done = 0;
    if (!now && s->buffer->len < FLUSH_AT)
        return 0;
    while (done < s->buffer->len) {
        ssize_t n = write(s->fd, s->buffer->str + done, s->buffer->len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "cannot write '%s': %s", s->where,
                        g_strerror(errno));
            g_string_truncate(s->buffer, 0);
            return -1;
        }
        done += (size_t)n;
    }
    g_string_truncate(s->buffer, 0);
    return 0;
}

int stream__close(struct stream *s, GError **error)
{
    int err = stream__flush(s, true, error);
    if (s->owned && close(s->fd) != 0 && err == 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "cannot write '%s': %s", s->where,
                    g_strerror(errno));
        err = -1;
    }
    g_string_free(s->buffer, TRUE);
    g_free(s->where);
    g_free(s);
    return err;
}
