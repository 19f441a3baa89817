// SPDX-License-Identifier: GPL-2.0-or-later
/* The writing end of the ring, inside QEMU: never aborts, never writes outside its ring whatever the reader does. */
#include "trace/ring_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FETCH_FROM    3u /* lines ahead of what is written */
#define FETCH_TO      5u
#define WAIT_FIRST_NS 50000u
#define WAIT_MOST_NS  1000000u

static size_t round8(size_t n)
{
    return (n + 7u) & ~(size_t)7u;
}

static uint64_t now_ns(void)
{
    struct timespec ts = {0, 0};

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The layout that follows from the number and size of the rings. */
static struct ring_header plan(unsigned n_rings, size_t ring_size)
{
    struct ring_header h = {
        .magic = RING_MAGIC,
        .version = RING_VERSION,
        .n_rings = n_rings,
        .ring_size = ring_size,
        .control_offset = RING_PAGE,
    };
    size_t control = n_rings * sizeof(struct ring_control);

    h.data_offset = RING_PAGE + ((control + RING_PAGE - 1) & ~(size_t)(RING_PAGE - 1));
    h.total = h.data_offset + (uint64_t)n_rings * ring_size;
    return h;
}

/* A sealed memory file of `total` bytes, or -1 with errno set. Pages come into being when they are first written. */
static int make_file(uint64_t total)
{
    struct rlimit limit;
    int fd;

    /* Beyond this limit ftruncate would raise SIGXFSZ, which kills the machine. */
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < total) {
        errno = EFBIG;
        return -1;
    }
    fd = memfd_create("qebek-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    if (ftruncate(fd, (off_t)total) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static void init_writers(struct ring_set *set, const struct ring_header *h)
{
    uint8_t *base = (uint8_t *)set->header;

    for (unsigned i = 0; i < h->n_rings; i++) {
        struct ring_writer *w = &set->writers[i];

        memset(w, 0, sizeof(*w));
        w->data = base + h->data_offset + (uint64_t)i * h->ring_size;
        w->control = (struct ring_control *)(base + h->control_offset) + i;
        w->wake_at = h->ring_size / 2;
        w->vcpu = i + 1 == h->n_rings ? QBK_NO_VCPU : (uint16_t)i;
    }
}

static struct ring_set *alloc_set(unsigned n_rings)
{
    void *set = NULL;
    void *writers = NULL;

    if (posix_memalign(&set, RING_LINE * 2, sizeof(struct ring_set)) != 0)
        return NULL;
    if (posix_memalign(&writers, RING_LINE * 2, n_rings * sizeof(struct ring_writer)) != 0) {
        free(set);
        return NULL;
    }
    memset(set, 0, sizeof(struct ring_set));
    ((struct ring_set *)set)->writers = writers;
    return set;
}

static struct ring_set *fail(struct ring_set *set, int fd, GError **error, const char *what, int err)
{
    g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(err), "ring: %s: %s", what, g_strerror(err));
    if (fd >= 0)
        close(fd);
    if (set) {
        free(set->writers);
        free(set);
    }
    return NULL;
}

struct ring_set *ring__create(unsigned n_vcpus, size_t ring_size, int *fd, GError **error)
{
    struct ring_set *set;
    struct ring_header h;
    void *map;

    *fd = -1;
    if (n_vcpus >= RING_COUNT_MAX || ring_size < RING_SIZE_MIN || ring_size > RING_SIZE_MAX ||
        (ring_size & (ring_size - 1)) != 0)
        return fail(NULL, -1, error, "number or size of rings out of range", EINVAL);
    h = plan(n_vcpus + 1, ring_size);
    set = alloc_set(h.n_rings);
    if (!set)
        return fail(NULL, -1, error, "memory", ENOMEM);
    *fd = make_file(h.total);
    if (*fd < 0)
        return fail(set, -1, error, "memory file", errno);
    map = mmap(NULL, h.total, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, *fd, 0);
    if (map == MAP_FAILED) {
        int err = errno;
        int mapped = *fd;

        *fd = -1;
        return fail(set, mapped, error, "mmap", err);
    }
    set->header = map;
    set->total = h.total;
    set->ring_size = ring_size;
    set->n_rings = h.n_rings;
    set->record_max = MIN((size_t)QBK_RECORD_MAX, ring_size / 4);
    set->stall_ms = 5000;
    memcpy(map, &h, sizeof(h));
    init_writers(set, &h);
    return set;
}

void ring__set_policy(struct ring_set *set, bool lossy, unsigned stall_ms)
{
    __atomic_store_n(&set->lossy, lossy, __ATOMIC_RELAXED);
    __atomic_store_n(&set->stall_ms, stall_ms, __ATOMIC_RELAXED);
}

void ring__reader_dead(struct ring_set *set)
{
    __atomic_store_n(&set->dead, 1, __ATOMIC_RELAXED);
}

void ring__reader_back(struct ring_set *set)
{
    __atomic_store_n(&set->stalled, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&set->dead, 0, __ATOMIC_RELAXED);
}

/* Wake the reader if it says that it sleeps. */
static void wake(struct ring_set *set)
{
    uint32_t *asleep = &set->header->asleep;

    /* Orders our head before their flag: ring__wait has the mirror image. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(asleep, __ATOMIC_RELAXED) == 0)
        return;
    __atomic_store_n(asleep, 0, __ATOMIC_RELAXED);
    syscall(SYS_futex, asleep, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Look at the shared tail. False if it is not one that an honest reader leaves: it only grows, up to head. */
static bool see_tail(struct ring_writer *w)
{
    uint64_t tail = __atomic_load_n(&w->control->tail, __ATOMIC_ACQUIRE);

    if (tail - w->tail > w->head - w->tail)
        return false;
    w->tail = tail;
    return true;
}

static void set_counter(uint64_t *counter, uint64_t value)
{
    __atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

/* Tell what is lost and not yet told in the shared memory too: it outlives this process. */
static void show_losses(struct ring_writer *w)
{
    struct ring_control *c = w->control;

    set_counter(&c->lost_records, w->gap_records);
    set_counter(&c->lost_bytes, w->gap_bytes);
    set_counter(&c->lost_enters, w->gap_enters);
    set_counter(&c->lost_returns, w->gap_returns);
    set_counter(&c->lost_reason, w->gap_reason);
}

static void *drop(struct ring_writer *w, size_t bytes, enum qbk_type type, enum qbk_gap_reason reason)
{
    if (w->gap_records == 0)
        w->gap_reason = reason;
    w->gap_records++;
    w->gap_bytes += bytes;
    w->gap_enters += type == QBK_ENTER;
    w->gap_returns += type == QBK_RETURN;
    set_counter(&w->lost, w->lost + 1);
    show_losses(w);
    return NULL;
}

static uint64_t progress(const struct ring_set *set)
{
    return __atomic_load_n(&set->header->progress, __ATOMIC_RELAXED);
}

/*
 * Sleep until `total` bytes fit. False: they will not, and `*reason` says why. Patience is for all rings together: the
 * reader takes records in seq order, so it may be busy with another ring while ours is full.
 */
static bool wait_for_room(struct ring_set *set, struct ring_writer *w, size_t total, enum qbk_gap_reason *reason)
{
    uint64_t begun = now_ns();
    uint64_t since = begun;
    uint64_t seen = progress(set);
    struct timespec nap = {0, WAIT_FIRST_NS};
    bool room = false;

    wake(set);
    *reason = QBK_GAP_FULL;
    for (;;) {
        uint64_t now;

        nanosleep(&nap, NULL);
        nap.tv_nsec = MIN(nap.tv_nsec * 2, (long)WAIT_MOST_NS);
        now = now_ns();
        if (!see_tail(w) || __atomic_load_n(&set->dead, __ATOMIC_RELAXED)) {
            *reason = QBK_GAP_DEAD;
            break;
        }
        room = w->head + total - w->tail <= set->ring_size;
        if (room || __atomic_load_n(&set->lossy, __ATOMIC_RELAXED))
            break;
        if (progress(set) != seen) {
            seen = progress(set);
            since = now;
        } else if (now - since >= (uint64_t)__atomic_load_n(&set->stall_ms, __ATOMIC_RELAXED) * 1000000u) {
            __atomic_store_n(&set->stalled, seen + 1, __ATOMIC_RELAXED);
            break;
        }
    }
    set_counter(&w->waits, w->waits + 1);
    set_counter(&w->wait_ns, w->wait_ns + (now_ns() - begun));
    return room;
}

/* The ring looked full for `total` more bytes: look again, then wait or give up, as the policy says. */
static bool make_room(struct ring_set *set, struct ring_writer *w, size_t total, enum qbk_gap_reason *reason)
{
    uint64_t stalled;
    bool sane = see_tail(w);

    if (w->head + total - w->tail <= set->ring_size)
        return true;
    *reason = QBK_GAP_DEAD;
    if (!sane || __atomic_load_n(&set->dead, __ATOMIC_RELAXED))
        return false;
    *reason = QBK_GAP_FULL;
    if (__atomic_load_n(&set->lossy, __ATOMIC_RELAXED)) {
        wake(set);
        return false;
    }
    stalled = __atomic_load_n(&set->stalled, __ATOMIC_RELAXED);
    if (stalled != 0 && stalled == progress(set) + 1)
        return false;
    return wait_for_room(set, w, total, reason);
}

/* Find a place for `need` bytes in one piece: w->at. */
static inline bool place(struct ring_set *set, struct ring_writer *w, size_t need, enum qbk_gap_reason *reason)
{
    size_t offset = w->head & (set->ring_size - 1);
    size_t to_end = set->ring_size - offset;
    size_t pad = need > to_end ? to_end : 0;

    if (G_UNLIKELY(w->head + pad + need - w->tail > set->ring_size) && !make_room(set, w, pad + need, reason))
        return false;
    if (G_UNLIKELY(pad)) {
        struct qbk_record fill = {.size = (uint32_t)pad, .type = QBK_PAD};

        /* As little as 8 bytes may be left: a PAD has no more of the header than this. */
        memcpy(w->data + offset, &fill, 8);
    }
    w->at = w->head + pad;
    return true;
}

void *ring__reserve(struct ring_set *set, unsigned index, size_t max, enum qbk_type type)
{
    enum qbk_gap_reason reason = QBK_GAP_INTERNAL;
    struct ring_writer *w;
    uint8_t *rec;

    if (G_UNLIKELY(index >= set->n_rings)) {
        __atomic_fetch_add(&set->strays, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    w = &set->writers[index];
    if (G_UNLIKELY(max > set->record_max))
        return drop(w, max, type, QBK_GAP_LARGE);
    max = round8(MAX(max, sizeof(struct qbk_record)));
    w->gap_first = w->gap_records != 0;
    if (G_UNLIKELY(!place(set, w, max + (w->gap_first ? sizeof(struct qbk_gap) : 0), &reason)))
        return drop(w, max, type, reason);
    w->reserved = max;
    rec = w->data + (w->at & (set->ring_size - 1)) + (w->gap_first ? sizeof(struct qbk_gap) : 0);
    memset(rec, 0, sizeof(struct qbk_record));
    return rec;
}

static uint64_t draw_seq(struct ring_set *set)
{
    return __atomic_fetch_add(&set->seq, 1, __ATOMIC_RELAXED) + 1;
}

/* Write the pending GAP at w->at, and forget what it tells. */
static void put_gap(struct ring_set *set, struct ring_writer *w, uint64_t time_ns)
{
    struct qbk_gap gap = {
        .h = {.size = sizeof(gap), .type = QBK_GAP, .vcpu = w->vcpu, .time_ns = time_ns},
        .records = w->gap_records,
        .bytes = w->gap_bytes,
        .reason = w->gap_reason,
        .enters = w->gap_enters,
        .returns = w->gap_returns,
    };

    gap.h.seq = draw_seq(set);
    memcpy(w->data + (w->at & (set->ring_size - 1)), &gap, sizeof(gap));
    w->at += sizeof(gap);
    w->gap_records = w->gap_bytes = w->gap_enters = w->gap_returns = 0;
    w->gap_first = false;
}

/* Everything up to `head` may be read; see to it that it will be. */
static inline void publish(struct ring_set *set, struct ring_writer *w, uint64_t head)
{
    w->head = head;
    w->reserved = 0;
    __atomic_store_n(&w->control->head, head, __ATOMIC_RELEASE);
    if (G_LIKELY(head <= w->wake_at))
        return;
    (void)see_tail(w); /* if it is not sane, the next reservation finds out */
    if (head > w->tail + set->ring_size / 2)
        wake(set);
    w->wake_at = MAX(w->tail + set->ring_size / 2, head + set->ring_size / RING_RELEASE_SHARE);
}

/*
 * The ring is larger than the caches, so the next record goes to memory that is far away, and drawing its number waits
 * until all its bytes have arrived there. Have the lines brought here meanwhile.
 */
static inline void fetch_ahead(const struct ring_set *set, const struct ring_writer *w)
{
    for (unsigned line = FETCH_FROM; line < FETCH_TO; line++) {
        const uint8_t *at = w->data + ((w->head + line * RING_LINE) & (set->ring_size - 1));
#ifdef __x86_64__
        __asm__ volatile("prefetchw %0" : : "m"(*at)); /* gcc's own way fetches it for reading only */
#else
        __builtin_prefetch(at, 1);
#endif
    }
}

uint64_t ring__commit(struct ring_set *set, unsigned index, size_t used, uint64_t time_ns)
{
    struct ring_writer *w;
    struct qbk_record *rec;
    size_t size;
    uint64_t seq;
    bool told;

    if (G_UNLIKELY(index >= set->n_rings || set->writers[index].reserved == 0))
        return 0;
    w = &set->writers[index];
    used = CLAMP(used, sizeof(*rec), w->reserved);
    size = round8(used);
    told = w->gap_first;
    if (G_UNLIKELY(told))
        put_gap(set, w, time_ns);
    rec = (struct qbk_record *)(void *)(w->data + (w->at & (set->ring_size - 1)));
    if (size != used)
        memset((uint8_t *)rec + used, 0, size - used);
    rec->size = (uint32_t)size;
    rec->vcpu = w->vcpu;
    rec->time_ns = time_ns;
    seq = draw_seq(set);
    rec->seq = seq;
    publish(set, w, w->at + size);
    fetch_ahead(set, w);
    if (G_UNLIKELY(told))
        show_losses(w);
    return seq;
}

void ring__cancel(struct ring_set *set, unsigned index)
{
    if (index < set->n_rings)
        set->writers[index].reserved = 0;
}

bool ring__flush_gap(struct ring_set *set, unsigned index, uint64_t time_ns)
{
    enum qbk_gap_reason reason = QBK_GAP_INTERNAL;
    struct ring_writer *w;

    if (index >= set->n_rings)
        return false;
    w = &set->writers[index];
    if (w->gap_records == 0)
        return true;
    if (w->reserved != 0 || !place(set, w, sizeof(struct qbk_gap), &reason))
        return false;
    put_gap(set, w, time_ns);
    publish(set, w, w->at);
    show_losses(w);
    return true;
}

void ring__stats(struct ring_set *set, uint64_t *lost_records, uint64_t *waits, uint64_t *wait_ns)
{
    *lost_records = __atomic_load_n(&set->strays, __ATOMIC_RELAXED);
    *waits = 0;
    *wait_ns = 0;
    for (unsigned i = 0; i < set->n_rings; i++) {
        *lost_records += __atomic_load_n(&set->writers[i].lost, __ATOMIC_RELAXED);
        *waits += __atomic_load_n(&set->writers[i].waits, __ATOMIC_RELAXED);
        *wait_ns += __atomic_load_n(&set->writers[i].wait_ns, __ATOMIC_RELAXED);
    }
}
