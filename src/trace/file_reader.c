// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "trace/file_layout.h"
#include "trace/record.h"

#define STORED_MAX ZSTD_COMPRESSBOUND(BLOCK_MAX)

struct trace_reader {
    char *path;
    int fd;
    bool follow;
    bool have_header;
    struct file_header header;
    uint64_t offset; /* of the header or block that `in` holds the beginning of */
    uint8_t *in;     /* what was read of it so far */
    size_t in_len;
    struct file_block block; /* the one that is in `raw` */
    uint8_t *raw;
    size_t at; /* of the next record in `raw` */
    uint32_t given;
    uint64_t last;    /* seq of the record given last */
    uint64_t records; /* in all blocks before this one */
    ZSTD_DCtx *zstd;
    bool goes_on;
    enum trace_status status; /* once it is neither OK nor AGAIN it stays */
    GError *why;
};

static enum trace_status stop(struct trace_reader *r, enum trace_status status, const char *what, GError **error)
{
    r->status = status;
    if (status != TRACE_END) {
        g_set_error(&r->why, G_FILE_ERROR, status == TRACE_FAILED ? G_FILE_ERROR_IO : G_FILE_ERROR_INVAL,
                    "%s: %s at byte %" G_GUINT64_FORMAT ": %s", r->path,
                    status == TRACE_CUT       ? "cut off"
                    : status == TRACE_DAMAGED ? "damaged"
                                              : "cannot be read",
                    r->offset, what);
        if (error)
            *error = g_error_copy(r->why);
    }
    return status;
}

/* A file that is followed must not become shorter than what was read of it. */
static bool became_shorter(const struct trace_reader *r)
{
    struct stat st;

    return fstat(r->fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size < r->offset + r->in_len;
}

/* Have `want` bytes in `in`. OK, or why not (END: the file ends exactly where `in` begins). */
static enum trace_status fill(struct trace_reader *r, size_t want, GError **error)
{
    while (r->in_len < want) {
        ssize_t n = read(r->fd, r->in + r->in_len, want - r->in_len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN && r->follow)
            return TRACE_AGAIN;
        if (n < 0)
            return stop(r, TRACE_FAILED, g_strerror(errno), error);
        if (n == 0 && r->follow)
            return became_shorter(r) ? stop(r, TRACE_DAMAGED, "the file became shorter", error) : TRACE_AGAIN;
        if (n == 0)
            return r->in_len == 0 ? TRACE_END : TRACE_CUT;
        r->in_len += (size_t)n;
    }
    return TRACE_OK;
}

/* What is wrong with the beginning of a file of which `len` bytes are there; NULL: nothing. */
static const char *header_fault(const struct file_header *h, size_t len)
{
    if (len == 0)
        return "empty file";
    if (memcmp(h->magic, FILE_MAGIC, MIN(len, sizeof(h->magic))) != 0)
        return "not a qebek trace";
    if (len < sizeof(*h))
        return "a qebek trace cut off in its first bytes";
    if (h->crc != file__crc(h, offsetof(struct file_header, crc)))
        return "a qebek trace with a damaged header";
    if (h->version != QBK_FORMAT_VERSION)
        return "a qebek trace of another version";
    return NULL;
}

/* Read the file's header. OK; AGAIN; else *fault tells. */
static enum trace_status read_header(struct trace_reader *r, const char **fault, GError **error)
{
    enum trace_status status = fill(r, sizeof(r->header), error);

    *fault = NULL;
    if (status == TRACE_FAILED || status == TRACE_DAMAGED)
        return status;
    memcpy(&r->header, r->in, r->in_len);
    *fault = header_fault(&r->header, r->in_len);
    /* A header that is still being written is no fault as long as what is there is right. */
    if (status == TRACE_AGAIN && (r->in_len == 0 || memcmp(r->in, FILE_MAGIC, MIN(r->in_len, 8)) == 0)) {
        *fault = NULL;
        return TRACE_AGAIN;
    }
    if (*fault)
        return TRACE_DAMAGED;
    r->have_header = true;
    r->offset = sizeof(r->header);
    r->in_len = 0;
    return TRACE_OK;
}

static struct trace_reader *open_fd(const char *path, bool follow, GError **error)
{
    struct trace_reader *r = g_new0(struct trace_reader, 1);
    struct stat st;

    r->follow = follow;
    if (strcmp(path, "-") == 0) {
        r->path = g_strdup("standard input");
        r->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    } else {
        r->path = g_strdup(path);
        r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    }
    if (r->fd >= 0 && fstat(r->fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        close(r->fd);
        r->fd = -1;
        errno = EISDIR;
    }
    if (r->fd < 0) {
        g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "cannot open %s: %s", r->path,
                    g_strerror(errno));
        trace__close(r);
        return NULL;
    }
    return r;
}

struct trace_reader *trace__open(const char *path, bool follow, GError **error)
{
    struct trace_reader *r = open_fd(path, follow, error);
    const char *fault = NULL;
    enum trace_status status;

    if (!r)
        return NULL;
    r->in = g_malloc(sizeof(struct file_block) + STORED_MAX);
    r->raw = g_malloc(BLOCK_MAX);
    r->zstd = ZSTD_createDCtx();
    if (!r->zstd) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOMEM, "%s: %s", r->path, g_strerror(ENOMEM));
        trace__close(r);
        return NULL;
    }
    status = read_header(r, &fault, error);
    if (status == TRACE_OK || status == TRACE_AGAIN)
        return r;
    if (fault && r->in_len == sizeof(r->header) && r->header.version != QBK_FORMAT_VERSION &&
        r->header.crc == file__crc(&r->header, offsetof(struct file_header, crc)))
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: %s: %u; this qebek reads %u", r->path, fault,
                    r->header.version, QBK_FORMAT_VERSION);
    else if (fault)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: %s", r->path, fault);
    trace__close(r);
    return NULL;
}

static const char *block_fault(const struct file_block *b)
{
    if (b->magic != BLOCK_MAGIC && b->magic != END_MAGIC)
        return "no block begins here";
    if (b->header_crc != file__crc(b, offsetof(struct file_block, header_crc)))
        return "wrong checksum of a block's header";
    if (b->magic == END_MAGIC)
        return b->stored != 0 || b->raw != 0 ? "impossible end mark" : NULL;
    if (b->raw > BLOCK_MAX || b->stored > STORED_MAX || b->records == 0 ||
        b->raw / sizeof(struct qbk_record) < b->records)
        return "impossible lengths";
    return NULL;
}

/* The end mark was read. */
static enum trace_status at_end(struct trace_reader *r, const struct file_block *b, GError **error)
{
    uint8_t more;
    ssize_t n = 0;

    if (b->first != r->records)
        return stop(r, TRACE_DAMAGED, "the end mark counts other records than there are", error);
    if (!r->follow)
        do
            n = read(r->fd, &more, 1);
        while (n < 0 && errno == EINTR);
    r->offset += sizeof(*b);
    if (n < 0)
        return stop(r, TRACE_FAILED, g_strerror(errno), error);
    if (n > 0)
        return stop(r, TRACE_DAMAGED, "something follows the end mark", error);
    r->goes_on = b->records != 0;
    return stop(r, TRACE_END, NULL, error);
}

/* Get the next block into `raw`. */
static enum trace_status next_block(struct trace_reader *r, GError **error)
{
    struct file_block b;
    enum trace_status status = fill(r, sizeof(b), error);
    const char *fault;
    size_t n;

    if (status == TRACE_END)
        return stop(r, TRACE_CUT, "the end mark is missing", error);
    if (status == TRACE_CUT)
        return stop(r, TRACE_CUT, "in a block's header", error);
    if (status != TRACE_OK)
        return status;
    memcpy(&b, r->in, sizeof(b));
    fault = block_fault(&b);
    if (fault)
        return stop(r, TRACE_DAMAGED, fault, error);
    if (b.magic == END_MAGIC)
        return at_end(r, &b, error);
    status = fill(r, sizeof(b) + b.stored, error);
    if (status == TRACE_CUT)
        return stop(r, TRACE_CUT, "in a block", error);
    if (status != TRACE_OK)
        return status;
    if (b.data_crc != file__crc(r->in + sizeof(b), b.stored))
        return stop(r, TRACE_DAMAGED, "wrong checksum of a block", error);
    n = ZSTD_decompressDCtx(r->zstd, r->raw, b.raw, r->in + sizeof(b), b.stored);
    if (ZSTD_isError(n) || n != b.raw)
        return stop(r, TRACE_DAMAGED, "a block that cannot be decompressed", error);
    r->block = b;
    r->at = 0;
    r->given = 0;
    r->offset += sizeof(b) + b.stored;
    r->in_len = 0;
    return TRACE_OK;
}

/* All of the block was given: is that what its header says? */
static const char *block_mismatch(const struct trace_reader *r)
{
    if (r->given != r->block.records)
        return "the block before holds other records than its header says";
    if (r->given > 0 && r->last != r->block.last)
        return "the block before ends with another record than its header says";
    return NULL;
}

enum trace_status trace__read(struct trace_reader *r, const struct qbk_record **rec, GError **error)
{
    const struct qbk_record *next;

    if (r->status != TRACE_OK) {
        if (r->why && error)
            *error = g_error_copy(r->why);
        return r->status;
    }
    if (!r->have_header) {
        const char *fault = NULL;
        enum trace_status status = read_header(r, &fault, error);

        if (status != TRACE_OK)
            return fault ? stop(r, TRACE_DAMAGED, fault, error) : status;
    }
    if (r->at == r->block.raw) {
        const char *fault = block_mismatch(r);
        enum trace_status status;

        if (fault)
            return stop(r, TRACE_DAMAGED, fault, error);
        r->records += r->given;
        r->block.raw = 0;
        r->block.records = 0;
        r->at = 0;
        r->given = 0;
        status = next_block(r, error);
        if (status != TRACE_OK)
            return status;
    }
    next = (const struct qbk_record *)(const void *)(r->raw + r->at);
    if (!record__valid(next, r->block.raw - r->at) || next->type == QBK_PAD ||
        (r->given == 0 && next->seq != r->block.first))
        return stop(r, TRACE_DAMAGED, "the block before holds something that is not a record", error);
    r->at += next->size;
    r->given++;
    r->last = next->seq;
    *rec = next;
    return TRACE_OK;
}

bool trace__is_continuation(const struct trace_reader *r)
{
    return (r->header.flags & FILE_CONTINUATION) != 0;
}

bool trace__goes_on(const struct trace_reader *r)
{
    return r->goes_on;
}

void trace__close(struct trace_reader *r)
{
    if (!r)
        return;
    if (r->fd >= 0)
        close(r->fd);
    ZSTD_freeDCtx(r->zstd);
    g_clear_error(&r->why);
    g_free(r->in);
    g_free(r->raw);
    g_free(r->path);
    g_free(r);
}
