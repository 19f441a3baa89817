/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/files/content.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "show/files/store.h"

#define RANGES_MAX 65536u /* of one file; one that is written in more pieces is not whole */
#define READ_BITE  65536u

struct range {
    uint64_t from, to;
};

struct content {
    struct store *store;
    unsigned number;
    bool has_file; /* there is a file of ours */
    GArray *known; /* struct range, in order, not touching each other */
    uint64_t size; /* at least so long; exactly, if size_known */
    bool size_known;
    bool cramped;      /* there was no room for some of it */
    uint64_t reserved; /* bytes that our file may have */
};

static int fail(GError **error, const char *what)
{
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "%s: %s", what, g_strerror(errno));
    return -1;
}

/* ---- ranges ---- */

static struct range *range(const struct content *c, guint i)
{
    return &g_array_index(c->known, struct range, i);
}

/* The first that ends at or behind `at`. */
static guint range_at(const struct content *c, uint64_t at)
{
    guint low = 0, high = c->known->len;

    while (low < high) {
        guint mid = low + (high - low) / 2;

        if (range(c, mid)->to < at)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void know(struct content *c, uint64_t from, uint64_t to)
{
    guint first = range_at(c, from), last = first;
    struct range all = {from, to};

    if (from >= to)
        return;
    while (last < c->known->len && range(c, last)->from <= to) {
        all.from = MIN(all.from, range(c, last)->from);
        all.to = MAX(all.to, range(c, last)->to);
        last++;
    }
    if (last == first && c->known->len >= RANGES_MAX)
        return; /* one piece less is known */
    if (last > first)
        g_array_remove_range(c->known, first, last - first);
    g_array_insert_val(c->known, first, all);
}

static void forget(struct content *c, uint64_t from, uint64_t to)
{
    guint i = range_at(c, from);

    while (from < to && i < c->known->len && range(c, i)->from < to) {
        struct range *r = range(c, i), rest = {to, r->to};
        bool before = r->from<from, behind = r->to> to;

        if (before)
            r->to = MIN(r->to, from);
        else if (behind)
            r->from = to;
        else
            g_array_remove_index(c->known, i);
        if (before && behind) {
            g_array_insert_val(c->known, i + 1, rest);
            return;
        }
        i += before;
        if (behind)
            return;
    }
}

/* How many of the bytes from `at` on are known, at most len. */
static uint64_t known_from(const struct content *c, uint64_t at, uint64_t len)
{
    guint i = range_at(c, at + 1);

    if (i >= c->known->len || range(c, i)->from > at)
        return 0;
    return MIN(len, range(c, i)->to - at);
}

/* ---- content ---- */

struct content *content__new(struct store *store, bool empty)
{
    struct content *c = g_new0(struct content, 1);

    c->store = store;
    c->known = g_array_new(FALSE, FALSE, sizeof(struct range));
    c->number = store__number(store);
    if (empty) { /* all that it may ever grow by is zeros */
        know(c, 0, UINT64_MAX);
        c->size_known = true;
    }
    return c;
}

void content__free(struct content *c)
{
    if (!c)
        return;
    if (c->has_file)
        store__drop(c->store, c->number);
    store__release(c->store, c->reserved);
    g_array_free(c->known, TRUE);
    g_free(c);
}

static int file_of(struct content *c, GError **error)
{
    int fd = store__file(c->store, c->number, !c->has_file, error);

    c->has_file |= fd >= 0;
    return fd;
}

static uint64_t limit_of(const struct content *c)
{
    return store__limits(c->store)->size;
}

static uint64_t end_of(uint64_t offset, uint64_t len)
{
    return len > UINT64_MAX - offset ? UINT64_MAX : offset + len;
}

int content__write(struct content *c, uint64_t offset, const uint8_t *bytes, size_t len, GError **error)
{
    uint64_t end = end_of(offset, len), room = offset < limit_of(c) ? limit_of(c) - offset : 0;
    size_t stored = (size_t)MIN((uint64_t)len, room);

    c->size = MAX(c->size, end);
    if (stored > 0 && offset + stored > c->reserved) {
        if (!store__reserve(c->store, offset + stored - c->reserved)) {
            c->cramped = true;
            forget(c, offset, end);
            return 0;
        }
        c->reserved = offset + stored;
    }
    know(c, offset, end);
    if (stored > 0) {
        int fd = file_of(c, error);

        if (fd < 0 || store__write_all(fd, bytes, stored, offset, error) != 0)
            return -1;
    }
    return 0;
}

int content__truncate(struct content *c, uint64_t size, GError **error)
{
    c->size = size;
    c->size_known = true;
    know(c, size, UINT64_MAX);
    if (c->has_file) { /* what is cut off must not come back */
        int fd = file_of(c, error);

        if (fd < 0)
            return -1;
        if (ftruncate(fd, (off_t)MIN(size, limit_of(c))) != 0)
            return fail(error, "cannot cut a file of ours");
    }
    return 0;
}

int content__read(struct content *c, uint64_t offset, uint8_t *bytes, size_t len, size_t *got, GError **error)
{
    uint64_t end = MIN(limit_of(c), c->size), room = offset < end ? end - offset : 0;
    ssize_t n = 0;
    int fd;

    *got = (size_t)known_from(c, offset, MIN((uint64_t)len, room));
    if (*got == 0)
        return 0;
    memset(bytes, 0, *got);
    fd = c->has_file ? file_of(c, error) : -1;
    if (c->has_file && fd < 0)
        return -1;
    if (fd >= 0) /* short at the end of ours: what follows is zeros */
        n = pread(fd, bytes, *got, (off_t)offset);
    return n < 0 ? fail(error, "cannot read a file of ours") : 0;
}

void content__unknown(struct content *c, uint64_t offset, uint64_t len)
{
    uint64_t end = end_of(offset, len);

    forget(c, offset, end);
    c->size = MAX(c->size, end);
}

void content__astray(struct content *c)
{
    g_array_set_size(c->known, 0);
    c->size_known = false;
}

void content__set_size(struct content *c, uint64_t size)
{
    if (size > c->size)
        forget(c, c->size, size);
    c->size = size;
    c->size_known = true;
}

bool content__size(const struct content *c, uint64_t *size)
{
    *size = c->size;
    return c->size_known;
}

unsigned content__lacks(const struct content *c, uint64_t *have)
{
    uint64_t end = MIN(c->size, limit_of(c));
    unsigned lacks = 0;

    *have = 0;
    for (guint i = 0; i < c->known->len; i++) {
        const struct range *r = range(c, i);

        if (r->from < end)
            *have += MIN(r->to, end) - r->from;
    }
    lacks |= *have < end ? CONTENT_BYTES : 0;
    lacks |= c->size_known ? 0 : CONTENT_SIZE;
    lacks |= c->size > limit_of(c) || c->cramped ? CONTENT_LIMIT : 0;
    return lacks;
}

static int hash(int fd, uint64_t size, char sha256[65], GError **error)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree uint8_t *buf = g_malloc(READ_BITE);

    for (uint64_t at = 0; at < size;) {
        ssize_t n = pread(fd, buf, (size_t)MIN(size - at, READ_BITE), (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n < 0 ? errno : EIO;
            return fail(error, "cannot read a file of ours");
        }
        g_checksum_update(sum, buf, n);
        at += (uint64_t)n;
    }
    (void)g_strlcpy(sha256, g_checksum_get_string(sum), 65);
    return 0;
}

int content__keep(struct content *c, bool last, struct kept *kept, GError **error)
{
    uint64_t size = MIN(c->size, limit_of(c));
    int fd = file_of(c, error), status;

    memset(kept, 0, sizeof(*kept));
    kept->size = size;
    if (fd < 0)
        return -1;
    if (ftruncate(fd, (off_t)size) != 0) /* zeros at its end need not be written */
        return fail(error, "cannot size a file of ours");
    if (hash(fd, size, kept->sha256, error) != 0)
        return -1;
    status = store__keep(c->store, c->number, size, kept->sha256, !last, &kept->new_file, error);
    if (last && status >= 0) {
        c->has_file = false; /* moved, or dropped */
        c->number = store__number(c->store);
        g_array_set_size(c->known, 0);
    }
    return status;
}
