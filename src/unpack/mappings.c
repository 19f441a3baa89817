/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is mapped where: an array in order of addresses, in which none overlap. */
#include <string.h>

#include "unpack/internal.h"

#define MAPPINGS_MAX 70000u /* Linux's own limit is 65530 (sysctl_max_map_count) */

/* The first one that ends above addr. */
static size_t first_above(const struct unpack_space *s, uint64_t addr)
{
    size_t low = 0, high = s->n_mappings;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->mapping[mid].end > addr)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

const struct unpack_mapping *unpack_mappings__at(const struct unpack_space *s, uint64_t addr)
{
    size_t i = first_above(s, addr);
    return i < s->n_mappings && s->mapping[i].start <= addr ? &s->mapping[i] : NULL;
}

bool unpack__mapping(struct unpack_space *s, uint64_t addr, struct unpack_mapping *m)
{
    pthread_mutex_lock(&s->lock);
    const struct unpack_mapping *at = unpack_mappings__at(s, addr);
    if (at)
        *m = *at;
    pthread_mutex_unlock(&s->lock);
    return at != NULL;
}

size_t unpack__mappings(struct unpack_space *s, uint64_t start, uint64_t end, struct unpack_mapping *m, size_t n)
{
    size_t count = 0;
    pthread_mutex_lock(&s->lock);
    for (size_t i = first_above(s, start); i < s->n_mappings && s->mapping[i].start < end && count < n; i++)
        m[count++] = s->mapping[i];
    pthread_mutex_unlock(&s->lock);
    return count;
}

/* Room for two more: one may be split in two around a new one. */
static bool make_room(struct unpack *u, struct unpack_space *s)
{
    if (s->n_mappings + 2 <= s->room)
        return true;
    size_t room = s->room ? s->room * 2 : 64;
    if (s->n_mappings >= MAPPINGS_MAX)
        return false;
    struct unpack_mapping *more = unpack_room__get(u, room * sizeof(*more));
    if (!more)
        return false;
    if (s->n_mappings)
        memcpy(more, s->mapping, s->n_mappings * sizeof(*more));
    unpack_room__put(u, s->mapping, s->room * sizeof(*more));
    s->mapping = more;
    s->room = room;
    return true;
}

/* The part of a mapping from `start` to `end`. */
static struct unpack_mapping part_of(const struct unpack_mapping *m, uint64_t start, uint64_t end)
{
    struct unpack_mapping part = *m;
    part.page += (start - m->start) / UNPACK_PAGE;
    part.start = start;
    part.end = end;
    return part;
}

/* In the place of what it overlaps. */
static void enter(struct unpack_space *s, const struct unpack_mapping *m)
{
    struct unpack_mapping put[3];
    size_t n = 0, from = first_above(s, m->start), to = from;
    while (to < s->n_mappings && s->mapping[to].start < m->end)
        to++;
    if (from < to && s->mapping[from].start < m->start)
        put[n++] = part_of(&s->mapping[from], s->mapping[from].start, m->start);
    put[n++] = *m;
    if (from < to && s->mapping[to - 1].end > m->end)
        put[n++] = part_of(&s->mapping[to - 1], m->end, s->mapping[to - 1].end);
    memmove(&s->mapping[from + n], &s->mapping[to], (s->n_mappings - to) * sizeof(*m));
    memcpy(&s->mapping[from], put, n * sizeof(*m));
    s->n_mappings = s->n_mappings - (to - from) + n;
}

/* What was written here is no more. */
static void forget_slot(struct slot *slot, uint64_t addr, void *data)
{
    struct page *own = __atomic_load_n(&slot->own, __ATOMIC_ACQUIRE);
    const struct shared *alias = __atomic_load_n(&slot->alias, __ATOMIC_ACQUIRE);
    (void)addr;
    (void)data;
    if (own && alias && alias->page == own)
        __atomic_store_n(&slot->own, NULL, __ATOMIC_RELEASE);
    else if (own) /* another vCPU may be looking at it, so that it stays */
        memset(own, 0, sizeof(*own));
    __atomic_store_n(&slot->known, 0, __ATOMIC_RELEASE);
}

static void forget(struct unpack_space *s, uint64_t start, uint64_t end)
{
    unpack_tree__each(s, start, end, forget_slot, NULL);
    for (unsigned i = 0; i < UNPACK_TAKEN_MAX; i++) {
        struct unpack_range *t = &s->taken[i];
        if (t->start < end && t->start + t->len > start)
            t->len = 0;
    }
}

/*
 * Is it the same memory still, as after mprotect? Memory without a file is taken to be: where it is new it is zeros,
 * which nobody executes before writing something. What no mapping is known of has no file.
 */
static bool same_memory(const struct unpack_mapping *old, const struct unpack_mapping *m)
{
    if (!old || old->file == 0)
        return m->file == 0;
    return old->file == m->file && old->shared == m->shared &&
           old->page - old->start / UNPACK_PAGE == m->page - m->start / UNPACK_PAGE;
}

void unpack__mapped(struct unpack *u, struct unpack_space *s, const struct unpack_mapping *m)
{
    struct unpack_mapping new = *m;
    if (m->start >= m->end || (m->start | m->end) % UNPACK_PAGE)
        return;
    pthread_mutex_lock(&s->lock);
    uint64_t at = m->start;
    for (size_t i = first_above(s, m->start); at < m->end; i++) {
        const struct unpack_mapping *old = i < s->n_mappings && s->mapping[i].start < m->end ? &s->mapping[i] : NULL;
        uint64_t gap = old && old->start > at ? old->start : old ? at : m->end;
        if (gap > at && !same_memory(NULL, m))
            forget(s, at, gap);
        at = gap;
        if (!old)
            break;
        uint64_t end = old->end < m->end ? old->end : m->end;
        if (same_memory(old, m))
            new.touched |= old->touched;
        else
            forget(s, at, end);
        at = end;
    }
    if (make_room(u, s))
        enter(s, &new);
    pthread_mutex_unlock(&s->lock);
}
