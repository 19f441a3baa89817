// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The reading end of the ring. The other process may have been taken over: each record is copied out before it is
 * looked at, so that nothing can change between the check and the use.
 */
#include "trace/ring_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "trace/record.h"

#define SLEEP_FIRST_NS 1000000
#define SLEEP_MOST_NS  16000000

/* Does a header (a private copy) describe a file of `size` bytes as ring__create lays it out? */
static bool header_valid(const struct ring_header *h, uint64_t size)
{
    uint64_t control_end;

    if (h->magic != RING_MAGIC || h->version != RING_VERSION)
        return false;
    if (h->n_rings < 1 || h->n_rings > RING_COUNT_MAX)
        return false;
    if (h->ring_size < RING_SIZE_MIN || h->ring_size > RING_SIZE_MAX || (h->ring_size & (h->ring_size - 1)) != 0)
        return false;
    if (h->control_offset != RING_PAGE || h->data_offset % RING_PAGE != 0 || h->data_offset > size)
        return false;
    control_end = h->control_offset + h->n_rings * sizeof(struct ring_control);
    return h->data_offset >= control_end && h->total == size &&
           size - h->data_offset == (uint64_t)h->n_rings * h->ring_size;
}

/* Map the file of fd if it cannot shrink under us and its header is sane; *h gets a private copy of that. */
static void *map_file(int fd, struct ring_header *h, const char **what)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    void *map;

    *what = "not a sealed memory file";
    if (seals < 0 || (seals & (F_SEAL_SHRINK | F_SEAL_GROW)) != (F_SEAL_SHRINK | F_SEAL_GROW))
        return NULL;
    *what = "size";
    if (fstat(fd, &st) < 0 || st.st_size < (off_t)(2 * RING_PAGE))
        return NULL;
    *what = strerror(ENOMEM);
    map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (map == MAP_FAILED)
        return NULL;
    memcpy(h, map, sizeof(*h));
    *what = "header not as this version writes it";
    if (header_valid(h, (uint64_t)st.st_size))
        return map;
    munmap(map, (size_t)st.st_size);
    return NULL;
}

/* Take up each ring where the tail says. False if a tail is impossible. */
static bool init_readers(struct ring_set *set, const struct ring_header *h)
{
    uint8_t *base = (uint8_t *)set->header;

    for (unsigned i = 0; i < h->n_rings; i++) {
        struct ring_reader *r = &set->readers[i];
        uint64_t head;

        r->data = base + h->data_offset + (uint64_t)i * h->ring_size;
        r->control = (struct ring_control *)(void *)(base + h->control_offset) + i;
        r->tail = __atomic_load_n(&r->control->tail, __ATOMIC_RELAXED);
        head = __atomic_load_n(&r->control->head, __ATOMIC_ACQUIRE);
        if (head - r->tail > h->ring_size || r->tail % 8 != 0)
            return false;
        r->head = r->tail;
        r->released = r->tail;
        set->empty[i] = i;
    }
    set->n_empty = h->n_rings;
    return true;
}

struct ring_set *ring__open(int fd, GError **error)
{
    struct ring_set *set;
    struct ring_header h;
    const char *what = NULL;
    void *map = map_file(fd, &h, &what);
    void *memory = NULL;

    if (!map || posix_memalign(&memory, RING_LINE * 2, sizeof(*set)) != 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "ring: %s", map ? strerror(ENOMEM) : what);
        if (map)
            munmap(map, h.total);
        return NULL;
    }
    set = memory;
    memset(set, 0, sizeof(*set));
    set->header = map;
    set->total = h.total;
    set->ring_size = h.ring_size;
    set->record_max = MIN((size_t)QBK_RECORD_MAX, (size_t)h.ring_size / 4);
    set->n_rings = h.n_rings;
    set->readers = g_new0(struct ring_reader, h.n_rings);
    set->heap = g_new0(unsigned, h.n_rings);
    set->empty = g_new0(unsigned, h.n_rings);
    set->copy = g_malloc(set->record_max);
    set->resume = __atomic_load_n(&set->header->next_seq, __ATOMIC_RELAXED);
    set->next = MAX(set->resume, 1);
    if (!init_readers(set, &h)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "ring: head and tail do not fit together");
        ring__free(set);
        return NULL;
    }
    return set;
}

/* ---- the rings with a known front, as a heap by seq ---- */

static uint64_t heap_seq(const struct ring_set *set, unsigned at)
{
    return set->readers[set->heap[at]].seq;
}

static void heap_swap(struct ring_set *set, unsigned a, unsigned b)
{
    unsigned keep = set->heap[a];

    set->heap[a] = set->heap[b];
    set->heap[b] = keep;
}

static void heap_down(struct ring_set *set, unsigned at)
{
    for (;;) {
        unsigned least = at;

        for (unsigned child = 2 * at + 1; child <= 2 * at + 2 && child < set->n_heap; child++)
            if (heap_seq(set, child) < heap_seq(set, least))
                least = child;
        if (least == at)
            return;
        heap_swap(set, at, least);
        at = least;
    }
}

static void heap_push(struct ring_set *set, unsigned ring)
{
    unsigned at = set->n_heap++;

    set->heap[at] = ring;
    while (at > 0 && heap_seq(set, at) < heap_seq(set, (at - 1) / 2)) {
        heap_swap(set, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static void heap_pop(struct ring_set *set)
{
    set->empty[set->n_empty++] = set->heap[0];
    set->heap[0] = set->heap[--set->n_heap];
    heap_down(set, 0);
}

/* ---- fronts ---- */

enum front { FRONT_NONE, FRONT_READY, FRONT_BROKEN };

/* See how far the writer has come. False if head is impossible. */
static bool see_head(struct ring_set *set, struct ring_reader *r)
{
    uint64_t head = __atomic_load_n(&r->control->head, __ATOMIC_ACQUIRE);

    if (head - r->tail > set->ring_size || head - r->head > set->ring_size || head % 8 != 0)
        return false;
    r->head = head;
    return true;
}

/* Is there a record at tail? Its size and seq are taken once, and compared again when it has been copied. */
static enum front look(struct ring_set *set, struct ring_reader *r)
{
    for (;;) {
        size_t offset = r->tail & (set->ring_size - 1);
        size_t room;
        uint64_t word;
        uint16_t type;

        if (r->tail == r->head && !see_head(set, r))
            return FRONT_BROKEN;
        if (r->tail == r->head)
            return FRONT_NONE;
        room = MIN(set->ring_size - offset, r->head - r->tail);
        word = __atomic_load_n((const uint64_t *)(const void *)(r->data + offset), __ATOMIC_RELAXED);
        r->size = (uint32_t)word;
        type = (uint16_t)(word >> 32);
        if (r->size % 8 != 0 || r->size == 0 || r->size > room)
            return FRONT_BROKEN;
        if (type != QBK_PAD) {
            if (r->size < sizeof(struct qbk_record) || r->size > set->record_max)
                return FRONT_BROKEN;
            r->seq = __atomic_load_n((const uint64_t *)(const void *)(r->data + offset + 8), __ATOMIC_RELAXED);
            if (r->seq >= set->next)
                return FRONT_READY;
            if (r->seq >= set->resume)
                return FRONT_BROKEN;
        } else if (r->size != set->ring_size - offset) {
            return FRONT_BROKEN;
        }
        r->tail += r->size; /* a pad, or what an earlier reader has handed out */
        set->dirty = true;
    }
}

/* Look at all rings that had nothing. False: broken. */
static bool poll_empty(struct ring_set *set)
{
    unsigned i = 0;

    while (i < set->n_empty) {
        unsigned ring = set->empty[i];
        enum front front = look(set, &set->readers[ring]);

        if (front == FRONT_BROKEN)
            return false;
        if (front == FRONT_READY) {
            set->empty[i] = set->empty[--set->n_empty];
            heap_push(set, ring);
        } else {
            i++;
        }
    }
    return true;
}

/* For each record, however slowly they are shown: writers lose patience only with a reader that stands still. */
static void tell_progress(struct ring_set *set)
{
    uint64_t *progress = &set->header->progress;

    __atomic_store_n(progress, __atomic_load_n(progress, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

/* Step over the record that was handed out, and give space back if enough has come together. False: broken. */
static bool advance(struct ring_set *set)
{
    struct ring_reader *r = &set->readers[set->heap[0]];
    enum front front;

    set->taken = false;
    set->dirty = true;
    r->tail += r->size;
    set->next++;
    tell_progress(set);
    front = look(set, r);
    if (r->tail - r->released >= set->ring_size / RING_RELEASE_SHARE || set->next % RING_RELEASE_RECORDS == 0)
        ring__release(set);
    if (front == FRONT_READY)
        heap_down(set, 0);
    else
        heap_pop(set);
    return front != FRONT_BROKEN;
}

/* Copy the first record of the heap out and check the copy. NULL: not a record, or not the one that was there. */
static const struct qbk_record *take(struct ring_set *set)
{
    const struct ring_reader *r = &set->readers[set->heap[0]];
    const struct qbk_record *rec = (const struct qbk_record *)(const void *)set->copy;

    memcpy(set->copy, r->data + (r->tail & (set->ring_size - 1)), r->size);
    if (rec->size != r->size || rec->seq != r->seq || rec->type == QBK_PAD || !record__valid(rec, r->size))
        return NULL;
    set->taken = true;
    return rec;
}

static const struct qbk_record *give_up(struct ring_set *set, bool *broken)
{
    set->broken = true;
    *broken = true;
    return NULL;
}

const struct qbk_record *ring__next(struct ring_set *set, bool at_end, uint64_t *holes, bool *broken)
{
    const struct qbk_record *rec;

    if (set->broken || (set->taken && !advance(set)))
        return give_up(set, broken);
    if (set->n_heap == 0 || heap_seq(set, 0) != set->next) {
        if (!poll_empty(set))
            return give_up(set, broken);
        if (set->n_heap == 0 || (heap_seq(set, 0) != set->next && !at_end)) {
            ring__release(set);
            return NULL;
        }
        *holes += heap_seq(set, 0) - set->next;
        set->next = heap_seq(set, 0);
    }
    rec = take(set);
    return rec ? rec : give_up(set, broken);
}

void ring__release(struct ring_set *set)
{
    struct ring_header *h = set->header;

    if (set->taken && !advance(set)) {
        set->broken = true;
        return;
    }
    if (!set->dirty)
        return;
    set->dirty = false;
    /* The seq first: a reader that takes over after a kill in between skips what lies below it. */
    __atomic_store_n(&h->next_seq, set->next, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < set->n_rings; i++) {
        struct ring_reader *r = &set->readers[i];

        if (r->released == r->tail)
            continue;
        r->released = r->tail;
        __atomic_store_n(&r->control->tail, r->tail, __ATOMIC_RELEASE);
    }
    tell_progress(set);
}

/* Has any ring more than what the reader knows? */
static bool anything(const struct ring_set *set)
{
    for (unsigned i = 0; i < set->n_empty; i++) {
        const struct ring_reader *r = &set->readers[set->empty[i]];

        if (__atomic_load_n(&r->control->head, __ATOMIC_RELAXED) != r->head)
            return true;
    }
    return set->n_heap > 0 && heap_seq(set, 0) == set->next;
}

void ring__wait(struct ring_set *set, unsigned timeout_ms)
{
    uint32_t *asleep = &set->header->asleep;
    int64_t left = (int64_t)timeout_ms * 1000000;
    int64_t nap = SLEEP_FIRST_NS;

    ring__release(set);
    while (left > 0 && !set->broken && !anything(set)) {
        int64_t now = MIN(nap, left);
        struct timespec ts = {0, (long)now};

        __atomic_store_n(asleep, 1, __ATOMIC_RELAXED);
        /* Orders our flag before their head: wake() in the writer has the mirror image. */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (!anything(set) && syscall(SYS_futex, asleep, FUTEX_WAIT, 1, &ts, NULL, 0) < 0 && errno == EINTR)
            left = 0;
        __atomic_store_n(asleep, 0, __ATOMIC_RELAXED);
        left -= now;
        nap = MIN(nap * 2, (int64_t)SLEEP_MOST_NS);
    }
}

void ring__untold(struct ring_set *set, struct ring_losses *losses)
{
    memset(losses, 0, sizeof(*losses));
    for (unsigned i = 0; i < set->n_rings; i++) {
        const struct ring_control *c = set->readers[i].control;

        losses->records += __atomic_load_n(&c->lost_records, __ATOMIC_RELAXED);
        losses->bytes += __atomic_load_n(&c->lost_bytes, __ATOMIC_RELAXED);
        losses->enters += __atomic_load_n(&c->lost_enters, __ATOMIC_RELAXED);
        losses->returns += __atomic_load_n(&c->lost_returns, __ATOMIC_RELAXED);
    }
}

void ring__free(struct ring_set *set)
{
    if (!set)
        return;
    munmap(set->header, set->total);
    free(set->writers);
    g_free(set->readers);
    g_free(set->heap);
    g_free(set->empty);
    g_free(set->copy);
    free(set);
}
