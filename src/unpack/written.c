/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stores and what they mean for code. The two ways in are taken for every store and block of a watched process. */
#include <string.h>

#include "unpack/internal.h"

#define BY_KERNEL (1ull << 32)

static uint64_t load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* Bits from..to-1 of the word that holds bit `at` of a page, at <= from < to <= at's word's end. */
static uint64_t mask_of(unsigned from, unsigned to)
{
    uint64_t high = to % 64 ? (1ull << to % 64) - 1 : ~0ull;
    return high & ~0ull << from % 64;
}

static unsigned word_end(unsigned at, unsigned to)
{
    unsigned end = (at / 64 + 1) * 64;
    return end < to ? end : to;
}

/* ---- stores ---- */

static void mark(struct page *p, unsigned from, unsigned to)
{
    for (unsigned at = from; at < to; at = word_end(at, to)) {
        uint64_t mask = mask_of(at, word_end(at, to));
        if ((load(&p->fresh[at / 64]) & mask) == mask)
            continue;
        __atomic_fetch_or(&p->written[at / 64], mask, __ATOMIC_RELAXED);
        __atomic_fetch_or(&p->fresh[at / 64], mask, __ATOMIC_RELAXED);
    }
}

static void sign(struct page *p, unsigned from, unsigned to, const struct unpack_writer *by)
{
    uint64_t rest = by->layer | (by->by_kernel ? BY_KERNEL : 0);
    for (unsigned g = from / UNPACK_GRAIN; g <= (to - 1) / UNPACK_GRAIN; g++) {
        if (load(&p->writer[g].pc) != by->pc)
            __atomic_store_n(&p->writer[g].pc, by->pc, __ATOMIC_RELAXED);
        if (load(&p->writer[g].rest) != rest)
            __atomic_store_n(&p->writer[g].rest, rest, __ATOMIC_RELAXED);
    }
}

/* With the lock held: `made` becomes the page of a slot that has none of its own, or is not needed. */
static struct page *settle_in(struct slot *slot, struct shared *file, struct page **made)
{
    struct page *own = __atomic_load_n(&slot->own, __ATOMIC_ACQUIRE), *none = NULL;
    if (!file && own)
        return own;
    if (file && own && own != file->page) /* of the time when other memory was here */
        slot->spare = own;
    if (!file)
        own = *made;
    else if (__atomic_compare_exchange_n(&file->page, &none, *made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        own = *made; /* others may have the file mapped, too */
    else
        own = none;
    if (own == *made)
        *made = NULL;
    __atomic_store_n(&slot->own, own, __ATOMIC_RELEASE);
    return own;
}

/* The first store to a page: where what is written there is kept. */
static struct page *first_store(struct unpack *u, struct unpack_space *s, uint64_t addr)
{
    struct slot *slot = unpack_tree__slot(u, s, addr, true);
    struct page *made = slot ? unpack_room__get(u, sizeof(*made)) : NULL, *page;
    if (!made)
        return NULL;
    if (!__atomic_load_n(&slot->known, __ATOMIC_ACQUIRE))
        unpack_tree__learn(u, s, slot, addr);
    pthread_mutex_lock(&s->lock);
    const struct unpack_mapping *m = unpack_mappings__at(s, addr);
    if (m)
        s->mapping[m - s->mapping].touched = true;
    page = settle_in(slot, m && m->file && m->shared ? slot->alias : NULL, &made);
    pthread_mutex_unlock(&s->lock);
    unpack_room__put(u, made, sizeof(*made));
    return page;
}

static void store_in_page(struct unpack *u, struct unpack_space *s, uint64_t addr, unsigned len,
                          const struct unpack_writer *by)
{
    struct slot *slot = unpack_tree__slot(u, s, addr, false);
    struct page *page = slot ? __atomic_load_n(&slot->own, __ATOMIC_ACQUIRE) : NULL;
    unsigned from = (unsigned)addr % UNPACK_PAGE;
    if (!page || !__atomic_load_n(&slot->known, __ATOMIC_RELAXED))
        page = first_store(u, s, addr);
    if (!page)
        return;
    mark(page, from, from + len);
    sign(page, from, from + len, by);
}

void unpack__store(struct unpack *u, struct unpack_space *s, uint64_t addr, unsigned len,
                   const struct unpack_writer *by)
{
    unsigned here = UNPACK_PAGE - (unsigned)addr % UNPACK_PAGE;
    if (len > here) {
        store_in_page(u, s, addr + here, len - here, by);
        len = here;
    }
    if (len)
        store_in_page(u, s, addr, len, by);
}

/* ---- code ---- */

static void look_in_page(const struct page *p, unsigned from, unsigned to, struct unpack_code *code)
{
    for (unsigned at = from; p && at < to; at = word_end(at, to)) {
        uint64_t mask = mask_of(at, word_end(at, to)), written = load(&p->written[at / 64]) & mask;
        if (!written)
            continue;
        unsigned last = at / 64 * 64 + 63 - (unsigned)__builtin_clzll(written);
        uint64_t rest = load(&p->writer[last / UNPACK_GRAIN].rest);
        code->written = true;
        code->fresh |= (load(&p->fresh[at / 64]) & mask) != 0;
        code->by = (struct unpack_writer){.pc = load(&p->writer[last / UNPACK_GRAIN].pc),
                                          .layer = (uint32_t)rest,
                                          .by_kernel = (rest & BY_KERNEL) != 0};
    }
}

static const struct page *shared_page(const struct shared *alias)
{
    return alias ? __atomic_load_n(&alias->page, __ATOMIC_ACQUIRE) : NULL;
}

static void execute_in_page(struct unpack *u, struct unpack_space *s, uint64_t addr, unsigned len,
                            struct unpack_code *code)
{
    struct slot *slot = unpack_tree__slot(u, s, addr, true);
    unsigned from = (unsigned)addr % UNPACK_PAGE;
    if (!slot)
        return;
    if (!__atomic_load_n(&slot->known, __ATOMIC_ACQUIRE))
        unpack_tree__learn(u, s, slot, addr);
    const struct page *own = __atomic_load_n(&slot->own, __ATOMIC_ACQUIRE);
    const struct page *below = shared_page(__atomic_load_n(&slot->alias, __ATOMIC_ACQUIRE));
    if (below && below != own)
        look_in_page(below, from, from + len, code);
    look_in_page(own, from, from + len, code);
}

void unpack__executes(struct unpack *u, struct unpack_space *s, uint64_t addr, unsigned len, struct unpack_code *code)
{
    unsigned here = UNPACK_PAGE - (unsigned)addr % UNPACK_PAGE;
    *code = (struct unpack_code){0};
    if (len > here) {
        execute_in_page(u, s, addr + here, len - here < UNPACK_PAGE ? len - here : UNPACK_PAGE, code);
        len = here;
    }
    execute_in_page(u, s, addr, len, code);
}

/* ---- settled ---- */

static bool any_fresh(const struct page *p)
{
    for (unsigned i = 0; p && i < WORDS; i++) {
        if (load(&p->fresh[i]))
            return true;
    }
    return false;
}

bool unpack__is_fresh(struct unpack_space *s, uint64_t page_addr)
{
    struct slot *slot = unpack_tree__slot(NULL, s, page_addr, false);
    return slot && (any_fresh(__atomic_load_n(&slot->own, __ATOMIC_ACQUIRE)) ||
                    any_fresh(shared_page(__atomic_load_n(&slot->alias, __ATOMIC_ACQUIRE))));
}

static void settle(struct page *p)
{
    for (unsigned i = 0; p && i < WORDS; i++)
        __atomic_store_n(&p->fresh[i], 0, __ATOMIC_RELAXED);
}

void unpack__settle(struct unpack_space *s, uint64_t page_addr)
{
    struct slot *slot = unpack_tree__slot(NULL, s, page_addr, false);
    if (!slot)
        return;
    struct shared *alias = __atomic_load_n(&slot->alias, __ATOMIC_ACQUIRE);
    settle(__atomic_load_n(&slot->own, __ATOMIC_ACQUIRE));
    settle(alias ? __atomic_load_n(&alias->page, __ATOMIC_ACQUIRE) : NULL);
}
