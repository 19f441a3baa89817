// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "trace/file_layout.h"

#define LEVEL         1
#define FLUSH_MS      200
#define TARGET_LEAST  4096u
#define FILE_LEAST    65536u /* a smaller max_bytes would give files that mostly repeat */
#define ROTATE_SHARES 8u     /* blocks in a file of max_bytes, at least: they say how near to the limit a file ends */

struct trace_writer {
    char *path; /* the first file's; "-" */
    struct trace_writer_options opts;
    char *name; /* of the file that is written now, for messages */
    int fd;
    unsigned index;     /* of this file: 0 is PATH, then PATH.1 … */
    unsigned oldest;    /* the first that was not deleted */
    uint64_t bytes;     /* of this file */
    uint64_t preamble;  /* of these: what it repeats, and its header */
    uint64_t n_records; /* in this file */
    size_t target;
    struct file_state *state; /* NULL without rotation */
    ZSTD_CCtx *zstd;
    uint8_t *raw;
    size_t raw_len;
    uint32_t raw_records;
    uint64_t first, last;
    int64_t oldest_ms; /* when the first record in `raw` came */
    uint8_t *stored;   /* a block's header and compressed bytes */
    size_t stored_size;
    bool failed;
};

static int64_t now_ms(void)
{
    struct timespec ts = {0, 0};

    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static uint64_t real_ns(void)
{
    struct timespec ts = {0, 0};

    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int fail(struct trace_writer *w, GError **error, int err)
{
    w->failed = true;
    g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(err), "cannot write %s: %s", w->name,
                g_strerror(err));
    return -1;
}

static int put(struct trace_writer *w, const void *data, size_t len, GError **error)
{
    const uint8_t *at = data;

    while (len > 0) {
        ssize_t n = write(w->fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(w, error, n < 0 ? errno : EIO);
        at += n;
        len -= (size_t)n;
        w->bytes += (uint64_t)n;
    }
    return 0;
}

static int put_header(struct trace_writer *w, GError **error)
{
    struct file_header h = {.version = QBK_FORMAT_VERSION, .created_ns = real_ns()};

    memcpy(h.magic, FILE_MAGIC, sizeof(h.magic));
    h.flags = w->index > 0 ? FILE_CONTINUATION : 0;
    h.crc = file__crc(&h, offsetof(struct file_header, crc));
    return put(w, &h, sizeof(h), error);
}

/* Write the collected records as a block. */
static int flush(struct trace_writer *w, GError **error)
{
    struct file_block b = {.magic = BLOCK_MAGIC, .first = w->first, .last = w->last};
    uint8_t *data = w->stored + sizeof(b);
    size_t n;

    if (w->raw_records == 0)
        return 0;
    n = ZSTD_compressCCtx(w->zstd, data, w->stored_size - sizeof(b), w->raw, w->raw_len, LEVEL);
    if (ZSTD_isError(n))
        return fail(w, error, ENOMEM); /* the room suffices for the worst case: only its own memory can lack */
    b.stored = (uint32_t)n;
    b.raw = (uint32_t)w->raw_len;
    b.records = w->raw_records;
    b.data_crc = file__crc(data, n);
    b.header_crc = file__crc(&b, offsetof(struct file_block, header_crc));
    memcpy(w->stored, &b, sizeof(b));
    w->n_records += w->raw_records;
    w->raw_len = 0;
    w->raw_records = 0;
    return put(w, w->stored, sizeof(b) + n, error);
}

/* Write the mark of a clean end. */
static int put_end(struct trace_writer *w, bool goes_on, GError **error)
{
    struct file_block b = {.magic = END_MAGIC, .records = goes_on, .first = w->n_records, .last = w->last};

    b.data_crc = file__crc(NULL, 0);
    b.header_crc = file__crc(&b, offsetof(struct file_block, header_crc));
    return put(w, &b, sizeof(b), error);
}

static char *name_of(const struct trace_writer *w, unsigned index)
{
    return index == 0 ? g_strdup(w->path) : g_strdup_printf("%s.%u", w->path, index);
}

static int open_next(struct trace_writer *w, GError **error)
{
    g_free(w->name);
    w->name = name_of(w, w->index);
    w->bytes = 0;
    w->n_records = 0;
    if (strcmp(w->path, "-") == 0) {
        w->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        g_free(w->name);
        w->name = g_strdup("standard output");
    } else {
        /* What a machine reads and writes is its user's business: nobody else may read it. */
        w->fd = open(w->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
    }
    if (w->fd < 0)
        return fail(w, error, errno);
    return put_header(w, error);
}

static int add(struct trace_writer *w, const struct qbk_record *rec, GError **error)
{
    if (w->raw_len + rec->size > w->target && flush(w, error) < 0)
        return -1;
    if (w->raw_records == 0) {
        w->first = rec->seq;
        w->oldest_ms = now_ms();
    }
    memcpy(w->raw + w->raw_len, rec, rec->size);
    w->raw_len += rec->size;
    w->raw_records++;
    w->last = rec->seq;
    return 0;
}

struct repeat {
    struct trace_writer *w;
    GError **error;
};

static int repeat_one(void *opaque, const struct qbk_record *rec)
{
    struct repeat *r = opaque;

    return add(r->w, rec, r->error);
}

static int close_file(struct trace_writer *w, GError **error)
{
    int fd = w->fd;

    w->fd = -1;
    if (fd >= 0 && close(fd) < 0 && errno != EINTR)
        return fail(w, error, errno);
    return 0;
}

static void delete_oldest(struct trace_writer *w)
{
    while (w->opts.max_files > 0 && w->index - w->oldest + 1 > w->opts.max_files) {
        char *name = name_of(w, w->oldest++);

        /* If it cannot be deleted, the trace is none the worse for it. */
        (void)unlink(name);
        g_free(name);
    }
}

/* End this file and begin the next. */
static int rotate(struct trace_writer *w, GError **error)
{
    struct repeat r = {w, error};

    if (flush(w, error) < 0 || put_end(w, true, error) < 0 || close_file(w, error) < 0)
        return -1;
    w->index++;
    delete_oldest(w);
    if (open_next(w, error) < 0 || file_state__repeat(w->state, repeat_one, &r) != 0 || flush(w, error) < 0)
        return -1;
    w->preamble = w->bytes;
    return 0;
}

/* Full, and more in it than what it only repeats (which may be longer than max_bytes by itself). */
static bool rotation_due(const struct trace_writer *w)
{
    return w->state && w->bytes >= w->opts.max_bytes && w->bytes - w->preamble >= w->opts.max_bytes / 4;
}

static void writer_free(struct trace_writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    file_state__free(w->state);
    ZSTD_freeCCtx(w->zstd);
    g_free(w->raw);
    g_free(w->stored);
    g_free(w->path);
    g_free(w->name);
    g_free(w);
}

struct trace_writer *trace__create(const char *path, const struct trace_writer_options *opts, GError **error)
{
    struct trace_writer *w = g_new0(struct trace_writer, 1);

    if (opts)
        w->opts = *opts;
    if (w->opts.flush_ms == 0)
        w->opts.flush_ms = FLUSH_MS;
    w->fd = -1;
    w->path = g_strdup(path);
    w->name = g_strdup(path);
    w->target = BLOCK_TARGET;
    if (w->opts.max_bytes > 0) {
        w->opts.max_bytes = MAX(w->opts.max_bytes, FILE_LEAST);
        w->target = (size_t)CLAMP(w->opts.max_bytes / ROTATE_SHARES, TARGET_LEAST, BLOCK_TARGET);
        w->state = file_state__new();
    }
    w->raw = g_malloc(BLOCK_MAX);
    w->stored_size = sizeof(struct file_block) + ZSTD_compressBound(BLOCK_MAX);
    w->stored = g_malloc(w->stored_size);
    w->zstd = ZSTD_createCCtx();
    if (!w->zstd) {
        fail(w, error, ENOMEM);
    } else if (w->state && strcmp(path, "-") == 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "standard output cannot be split into several files");
        w->failed = true;
    } else if (open_next(w, error) == 0) {
        w->preamble = w->bytes;
        return w;
    }
    writer_free(w);
    return NULL;
}

static int refuse(struct trace_writer *w, GError **error)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "cannot write %s: an earlier write failed", w->name);
    return -1;
}

int trace__tick(struct trace_writer *w, GError **error)
{
    if (w->failed)
        return refuse(w, error);
    if (w->raw_records > 0 && now_ms() - w->oldest_ms >= (int64_t)w->opts.flush_ms)
        return flush(w, error);
    return 0;
}

int trace__write(struct trace_writer *w, const struct qbk_record *rec, GError **error)
{
    if (w->failed)
        return refuse(w, error);
    if (rec->size < sizeof(*rec) || rec->size > BLOCK_MAX || rec->size % 8 != 0 || rec->type == QBK_PAD) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "cannot write %s: not a record", w->name);
        return -1;
    }
    if (rotation_due(w) && rotate(w, error) < 0)
        return -1;
    if (w->state)
        file_state__see(w->state, rec);
    if (add(w, rec, error) < 0)
        return -1;
    return trace__tick(w, error);
}

int trace__finish(struct trace_writer *w, GError **error)
{
    int status = -1;

    if (w->failed)
        refuse(w, error);
    else if (flush(w, error) == 0 && put_end(w, false, error) == 0)
        status = close_file(w, error);
    writer_free(w);
    return status;
}
