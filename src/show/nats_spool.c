/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/nats_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GET(field)        __atomic_load_n(&(field), __ATOMIC_ACQUIRE)
#define SET(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)

/* A file without a name, all of whose bytes are there. */
static int make_file(uint64_t size, GError **error)
{
    g_autofree char *name = g_build_filename(g_get_tmp_dir(), "qebek-spool-XXXXXX", NULL);
    int fd = mkostemp(name, O_CLOEXEC), err;

    if (fd >= 0)
        unlink(name);
    err = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)size);
    if (err) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err),
                    "no room to keep what cannot be sent in '%s': %s", g_get_tmp_dir(), g_strerror(err));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

int spool__open(struct spool *s, uint64_t size, GError **error)
{
    int fd = make_file(size, error);

    *s = (struct spool){.size = size, .wake = {-1, -1}};
    if (fd < 0)
        return -1;
    s->ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    s->state = mmap(NULL, sizeof(*s->state), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s->ring == MAP_FAILED || s->state == MAP_FAILED || pipe2(s->wake, O_CLOEXEC | O_NONBLOCK) != 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "no memory for the spool: %s",
                    g_strerror(errno));
        spool__close(s);
        return -1;
    }
    return 0;
}

void spool__close(struct spool *s)
{
    if (s->ring && s->ring != MAP_FAILED)
        munmap(s->ring, s->size);
    if (s->state && s->state != MAP_FAILED)
        munmap(s->state, sizeof(*s->state));
    for (int i = 0; i < 2; i++) {
        if (s->wake[i] >= 0)
            close(s->wake[i]);
    }
    *s = (struct spool){.wake = {-1, -1}};
}

static struct spool_item *item_at(const struct spool *s, uint64_t at)
{
    return (struct spool_item *)(void *)(s->ring + at % s->size);
}

size_t spool__largest(const struct spool *s)
{
    return s->size / 4;
}

bool spool__put(struct spool *s, uint64_t seq, uint32_t part, const char *text, size_t len, bool last)
{
    uint64_t put = s->state->put, taken = GET(s->state->taken), room = s->size - (put - taken);
    uint64_t size = (sizeof(struct spool_item) + len + 7) & ~UINT64_C(7), to_end = s->size - put % s->size;
    uint64_t pad = to_end < size ? to_end : 0; /* an item lies in one piece */
    uint64_t reserve =
        last ? 0 : 2 * (sizeof(struct spool_item) + SPOOL_LAST + 8); /* its padding before the end, too */
    struct spool_item *item;

    if (len > spool__largest(s) || room < size + pad + reserve)
        return false;
    if (pad) {
        item = item_at(s, put);
        item->size = (uint32_t)pad;
        if (pad >= sizeof(*item))
            item->part = SPOOL_PAD; /* a shorter one is no item for its size */
        put += pad;
    }
    item = item_at(s, put);
    *item = (struct spool_item){.size = (uint32_t)size, .len = (uint32_t)len, .seq = seq, .part = part};
    memcpy(item->text, text, len);
    s->state->items++;
    bool was_empty = s->state->put == taken;
    SET(s->state->put, put + size);
    if (was_empty && write(s->wake[1], "", 1) < 0 && errno != EAGAIN)
        return true; /* the other side is gone; who waits for it finds out */
    return true;
}

const struct spool_item *spool__look(const struct spool *s, uint64_t at, uint64_t *next)
{
    uint64_t put = GET(s->state->put);

    while (at < put) {
        const struct spool_item *item = item_at(s, at);

        if (item->size >= sizeof(*item) && item->part != SPOOL_PAD) {
            *next = at + item->size;
            return item;
        }
        at += item->size;
    }
    return NULL;
}

void spool__taken(struct spool *s, uint64_t up_to)
{
    SET(s->state->taken, up_to);
}
