/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is taken together with code that was written, and what was taken before. */
#include "unpack/internal.h"

static bool belongs(const struct unpack_mapping *m)
{
    return m->file == 0 || m->touched || m->shared;
}

/* Room below and above the page around addr, so that it lies within. */
static void clip(uint64_t addr, uint64_t max, uint64_t *start, uint64_t *end)
{
    uint64_t page = addr & ~(uint64_t)(UNPACK_PAGE - 1), half = max / 2 & ~(uint64_t)(UNPACK_PAGE - 1);
    if (*end - *start <= max)
        return;
    if (page - *start <= half) {
        *end = *start + max;
    } else if (*end - page <= half) {
        *start = *end - max;
    } else {
        *start = page - half;
        *end = *start + max;
    }
}

bool unpack__region(struct unpack_space *s, uint64_t addr, uint64_t max, uint64_t *start, uint64_t *end)
{
    pthread_mutex_lock(&s->lock);
    const struct unpack_mapping *at = unpack_mappings__at(s, addr);
    *start = addr & ~(uint64_t)(UNPACK_PAGE - 1);
    *end = *start + UNPACK_PAGE;
    if (at) {
        size_t low = (size_t)(at - s->mapping), high = low;
        while (low > 0 && s->mapping[low - 1].end == s->mapping[low].start && belongs(&s->mapping[low - 1]))
            low--;
        while (high + 1 < s->n_mappings && s->mapping[high + 1].start == s->mapping[high].end &&
               belongs(&s->mapping[high + 1]))
            high++;
        *start = s->mapping[low].start;
        *end = s->mapping[high].end;
        clip(addr, max & ~(uint64_t)(UNPACK_PAGE - 1), start, end);
    }
    pthread_mutex_unlock(&s->lock);
    return at != NULL;
}

/* ---- what was written in it ---- */

struct ranges {
    struct unpack_range *range;
    size_t n, count;
    uint64_t bytes;
    bool more;
};

static void add(struct ranges *r, uint64_t start, uint64_t len)
{
    struct unpack_range *last = r->count ? &r->range[r->count - 1] : NULL;
    r->bytes += len;
    if (last && last->start + last->len == start && !r->more)
        last->len += len;
    else if (r->count < r->n)
        r->range[r->count++] = (struct unpack_range){start, len};
    else
        r->more = true;
}

static void add_word(struct ranges *r, uint64_t addr, uint64_t bits)
{
    unsigned at = 0;
    while (bits) {
        unsigned skip = (unsigned)__builtin_ctzll(bits);
        bits >>= skip;
        at += skip;
        unsigned len = ~bits ? (unsigned)__builtin_ctzll(~bits) : 64;
        add(r, addr + at, len);
        bits = len < 64 ? bits >> len : 0;
        at += len;
    }
}

static void add_slot(struct slot *slot, uint64_t addr, void *data)
{
    const struct page *own = __atomic_load_n(&slot->own, __ATOMIC_ACQUIRE);
    const struct shared *alias = __atomic_load_n(&slot->alias, __ATOMIC_ACQUIRE);
    const struct page *below = alias ? __atomic_load_n(&alias->page, __ATOMIC_ACQUIRE) : NULL;
    for (unsigned i = 0; (own || below) && i < WORDS; i++) {
        uint64_t bits = own ? __atomic_load_n(&own->written[i], __ATOMIC_RELAXED) : 0;
        bits |= below ? __atomic_load_n(&below->written[i], __ATOMIC_RELAXED) : 0;
        add_word(data, addr + i * 64, bits);
    }
}

size_t unpack__ranges(struct unpack_space *s, uint64_t start, uint64_t end, struct unpack_range *range, size_t n,
                      uint64_t *bytes, bool *more)
{
    struct ranges r = {.range = range, .n = n};
    unpack_tree__each(s, start, end, add_slot, &r);
    *bytes = r.bytes;
    *more = r.more;
    return r.count;
}

/* ---- what was taken ---- */

bool unpack__taken(struct unpack_space *s, uint64_t start, uint64_t end)
{
    bool was = false;
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < UNPACK_TAKEN_MAX; i++)
        was |= s->taken[i].len && s->taken[i].start <= start && s->taken[i].start + s->taken[i].len >= end;
    if (!was) {
        s->taken[s->next_taken] = (struct unpack_range){start, end - start};
        s->next_taken = (s->next_taken + 1) % UNPACK_TAKEN_MAX;
    }
    pthread_mutex_unlock(&s->lock);
    return was;
}

uint32_t unpack__count(struct unpack_space *s)
{
    return __atomic_fetch_add(&s->count, 1, __ATOMIC_RELAXED);
}

static bool enter_seen(uint64_t *table, size_t room, uint64_t hash)
{
    size_t at = (size_t)hash & (room - 1);
    while (table[at] && table[at] != hash)
        at = (at + 1) & (room - 1);
    bool was = table[at] != 0;
    table[at] = hash;
    return was;
}

/* Twice as large; false: it stays as it is. */
static bool grow_seen(struct unpack *u, struct unpack_space *s)
{
    size_t room = s->seen_room ? s->seen_room * 2 : 64;
    uint64_t *more = room <= UNPACK_SEEN_MAX ? unpack_room__get(u, room * sizeof(*more)) : NULL;
    if (!more)
        return false;
    for (size_t i = 0; i < s->seen_room; i++) {
        if (s->seen[i])
            (void)enter_seen(more, room, s->seen[i]);
    }
    unpack_room__put(u, s->seen, s->seen_room * sizeof(*more));
    s->seen = more;
    s->seen_room = room;
    return true;
}

bool unpack__seen(struct unpack *u, struct unpack_space *s, uint64_t page_addr, uint64_t hash)
{
    bool was = false;
    hash = (hash ^ page_addr) * 0x9e3779b97f4a7c15u | 1;
    hash ^= hash >> 32;
    hash += !hash;
    pthread_mutex_lock(&s->lock);
    if (s->n_seen * 2 < s->seen_room || grow_seen(u, s)) {
        was = enter_seen(s->seen, s->seen_room, hash);
        s->n_seen += !was;
    }
    pthread_mutex_unlock(&s->lock);
    return was;
}
