/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pages of a space, in a tree of the shape of x86-64's page tables: 4 levels of 9 bits. (With 5 levels Linux gives
 * out higher addresses only to programs that ask for them; those are not followed.) Read without a lock: what was
 * entered stays until the space goes.
 */
#include <stdlib.h>

#include "unpack/internal.h"

#define BITS 9u
#define TOP  (1ull << 47)

static unsigned index_at(uint64_t addr, unsigned level)
{
    return (unsigned)(addr >> (12 + BITS * (LEVELS - 1 - level))) & (FANOUT - 1);
}

/* What lies below, made if it is not there: by whoever is first. */
static void *below(struct unpack *u, struct node *node, unsigned i, size_t size, bool create)
{
    void *there = __atomic_load_n(&node->below[i], __ATOMIC_ACQUIRE);
    if (there || !create)
        return there;
    void *made = unpack_room__get(u, size);
    if (!made)
        return NULL;
    if (__atomic_compare_exchange_n(&node->below[i], &there, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return made;
    unpack_room__put(u, made, size);
    return there;
}

struct slot *unpack_tree__slot(struct unpack *u, struct unpack_space *s, uint64_t addr, bool create)
{
    void *at = &s->root;
    if (addr >= TOP)
        return NULL;
    for (unsigned level = 0; level + 1 < LEVELS && at; level++)
        at =
            below(u, at, index_at(addr, level), level + 2 < LEVELS ? sizeof(struct node) : sizeof(struct leaf), create);
    return at ? &((struct leaf *)at)->slot[index_at(addr, LEVELS - 1)] : NULL;
}

static uint64_t span_of(unsigned level)
{
    return 1ull << (12 + BITS * (LEVELS - 1 - level));
}

static void each_of(void *at, unsigned level, uint64_t base, uint64_t start, uint64_t end, unpack_slot_fn fn,
                    void *data)
{
    uint64_t span = span_of(level), last = end - 1;
    unsigned from = base >= start ? 0 : (unsigned)((start - base) / span);
    unsigned to = last - base >= span * FANOUT ? FANOUT - 1 : (unsigned)((last - base) / span);
    for (unsigned i = from; i <= to; i++) {
        void *there = level + 1 < LEVELS ? __atomic_load_n(&((struct node *)at)->below[i], __ATOMIC_ACQUIRE) : NULL;
        if (level + 1 == LEVELS)
            fn(&((struct leaf *)at)->slot[i], base + i * span, data);
        else if (there)
            each_of(there, level + 1, base + i * span, start, end, fn, data);
    }
}

void unpack_tree__each(struct unpack_space *s, uint64_t start, uint64_t end, unpack_slot_fn fn, void *data)
{
    if (end > TOP)
        end = TOP;
    if (start < end)
        each_of(&s->root, 0, 0, start, end, fn, data);
}

static void free_slots(struct unpack *u, struct leaf *leaf)
{
    for (unsigned i = 0; i < FANOUT; i++) {
        struct slot *slot = &leaf->slot[i];
        if (slot->own && !(slot->alias && slot->alias->page == slot->own))
            unpack_room__put(u, slot->own, sizeof(struct page));
        unpack_room__put(u, slot->spare, sizeof(struct page));
    }
    unpack_room__put(u, leaf, sizeof(*leaf));
}

static void free_below(struct unpack *u, struct node *node, unsigned level)
{
    for (unsigned i = 0; i < FANOUT; i++) {
        if (!node->below[i])
            continue;
        if (level + 2 == LEVELS) {
            free_slots(u, node->below[i]);
        } else {
            free_below(u, node->below[i], level + 1);
            unpack_room__put(u, node->below[i], sizeof(struct node));
        }
    }
}

void unpack_tree__free(struct unpack *u, struct unpack_space *s)
{
    free_below(u, &s->root, 0);
}

void unpack_tree__learn(struct unpack *u, struct unpack_space *s, struct slot *slot, uint64_t addr)
{
    pthread_mutex_lock(&s->lock);
    const struct unpack_mapping *m = unpack_mappings__at(s, addr);
    struct shared *page =
        m && m->file ? unpack_file__page(u, m->file, m->page + (addr - m->start) / UNPACK_PAGE) : NULL;
    __atomic_store_n(&slot->alias, page, __ATOMIC_RELEASE);
    __atomic_store_n(&slot->known, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&s->lock);
}
