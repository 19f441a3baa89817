/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Address spaces, by key, and the room that all of them share. */
#include <stdlib.h>
#include <string.h>

#include "unpack/internal.h"

void *unpack_room__get(struct unpack *u, size_t size)
{
    void *memory = NULL;
    if (__atomic_add_fetch(&u->bytes, size, __ATOMIC_RELAXED) <= u->bytes_max)
        memory = calloc(1, size);
    if (!memory) {
        __atomic_sub_fetch(&u->bytes, size, __ATOMIC_RELAXED);
        __atomic_add_fetch(&u->no_room, 1, __ATOMIC_RELAXED);
    }
    return memory;
}

void unpack_room__put(struct unpack *u, void *memory, size_t size)
{
    if (!memory)
        return;
    free(memory);
    __atomic_sub_fetch(&u->bytes, size, __ATOMIC_RELAXED);
}

struct unpack *unpack__new(size_t bytes_max)
{
    struct unpack *u = calloc(1, sizeof(*u));
    if (!u)
        return NULL;
    u->bytes_max = bytes_max;
    pthread_mutex_init(&u->lock, NULL);
    pthread_mutex_init(&u->files, NULL);
    return u;
}

uint64_t unpack__no_room(const struct unpack *u)
{
    return __atomic_load_n(&u->no_room, __ATOMIC_RELAXED);
}

static size_t mix(uint64_t a, uint64_t b)
{
    return (size_t)(((a ^ b * 0xff51afd7ed558ccdu) * 0x9e3779b97f4a7c15u) >> 40);
}

struct shared *unpack_file__page(struct unpack *u, uint64_t file, uint64_t index)
{
    pthread_mutex_lock(&u->files);
    struct shared **chain = &u->file[mix(file, index) & (CHAINS * 16 - 1)], *p = *chain;
    while (p && (p->file != file || p->index != index))
        p = p->next;
    if (!p && (p = unpack_room__get(u, sizeof(*p)))) {
        p->file = file;
        p->index = index;
        p->next = *chain;
        *chain = p;
    }
    pthread_mutex_unlock(&u->files);
    return p;
}

/* ---- spaces ---- */

static struct unpack_space **chain_of(struct unpack *u, uint64_t key)
{
    return &u->space[mix(key, 0) & (CHAINS - 1)];
}

static void space_free(struct unpack *u, struct unpack_space *s)
{
    unpack_tree__free(u, s);
    unpack_room__put(u, s->mapping, s->room * sizeof(*s->mapping));
    unpack_room__put(u, s->seen, s->seen_room * sizeof(*s->seen));
    pthread_mutex_destroy(&s->lock);
    unpack_room__put(u, s, sizeof(*s));
}

/* With the lock held. */
static struct unpack_space *find(struct unpack *u, uint64_t key)
{
    struct unpack_space *s = *chain_of(u, key);
    while (s && s->key != key)
        s = s->next;
    return s;
}

/* … */
static struct unpack_space *make(struct unpack *u, uint64_t key)
{
    struct unpack_space *s = NULL;
    if (u->n_spaces >= UNPACK_SPACES_MAX)
        __atomic_add_fetch(&u->no_room, 1, __ATOMIC_RELAXED);
    else
        s = unpack_room__get(u, sizeof(*s));
    if (!s)
        return NULL;
    s->key = key;
    pthread_mutex_init(&s->lock, NULL);
    s->next = *chain_of(u, key);
    *chain_of(u, key) = s;
    u->n_spaces++;
    return s;
}

struct unpack_space *unpack__space(struct unpack *u, uint64_t key, bool create)
{
    if (key == 0)
        return NULL;
    pthread_mutex_lock(&u->lock);
    struct unpack_space *s = find(u, key);
    if (!s && create)
        s = make(u, key);
    if (s)
        s->holders++;
    pthread_mutex_unlock(&u->lock);
    return s;
}

void unpack__let_go(struct unpack *u, struct unpack_space *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&u->lock);
    bool over = --s->holders == 0 && s->dead;
    pthread_mutex_unlock(&u->lock);
    if (over)
        space_free(u, s);
}

void unpack__drop(struct unpack *u, uint64_t key)
{
    pthread_mutex_lock(&u->lock);
    struct unpack_space **at = chain_of(u, key), *s;
    while (*at && (*at)->key != key)
        at = &(*at)->next;
    s = *at;
    if (s) {
        *at = s->next;
        s->dead = true;
        u->n_spaces--;
        if (s->holders)
            s = NULL; /* whoever lets go of it last */
    }
    pthread_mutex_unlock(&u->lock);
    if (s)
        space_free(u, s);
}

/* ---- copies ---- */

struct copy {
    struct unpack *u;
    struct unpack_space *to;
};

/* What was written to a file is so for both; the rest is each one's own from here on. */
static void copy_slot(struct slot *slot, uint64_t addr, void *data)
{
    const struct copy *c = data;
    struct page *own = __atomic_load_n(&slot->own, __ATOMIC_ACQUIRE);
    struct shared *alias = __atomic_load_n(&slot->alias, __ATOMIC_ACQUIRE);
    struct slot *to = own || alias ? unpack_tree__slot(c->u, c->to, addr, true) : NULL;
    if (!to)
        return;
    to->alias = alias;
    to->known = slot->known;
    if (!own)
        return;
    if (alias && alias->page == own) {
        to->own = own;
        return;
    }
    to->own = unpack_room__get(c->u, sizeof(*own));
    if (to->own)
        memcpy(to->own, own, sizeof(*own));
}

static void copy_mappings(struct unpack *u, const struct unpack_space *from, struct unpack_space *to)
{
    to->mapping = from->room ? unpack_room__get(u, from->room * sizeof(*from->mapping)) : NULL;
    if (!to->mapping)
        return;
    to->room = from->room;
    to->n_mappings = from->n_mappings;
    memcpy(to->mapping, from->mapping, from->n_mappings * sizeof(*from->mapping));
}

static void copy_seen(struct unpack *u, const struct unpack_space *from, struct unpack_space *to)
{
    memcpy(to->taken, from->taken, sizeof(to->taken));
    to->next_taken = from->next_taken;
    to->seen = from->seen_room ? unpack_room__get(u, from->seen_room * sizeof(*from->seen)) : NULL;
    if (!to->seen)
        return;
    to->seen_room = from->seen_room;
    to->n_seen = from->n_seen;
    memcpy(to->seen, from->seen, from->seen_room * sizeof(*from->seen));
}

void unpack__copy(struct unpack *u, struct unpack_space *from, uint64_t key)
{
    if (key == 0 || key == from->key)
        return;
    unpack__drop(u, key);
    struct unpack_space *to = unpack__space(u, key, true);
    if (!to)
        return;
    pthread_mutex_lock(&from->lock);
    copy_mappings(u, from, to);
    unpack_tree__each(from, 0, UINT64_MAX, copy_slot, &(struct copy){u, to});
    copy_seen(u, from, to);
    pthread_mutex_unlock(&from->lock);
    unpack__let_go(u, to);
}

void unpack__free(struct unpack *u)
{
    if (!u)
        return;
    for (unsigned i = 0; i < CHAINS; i++) {
        while (u->space[i]) {
            struct unpack_space *s = u->space[i];
            u->space[i] = s->next;
            space_free(u, s);
        }
    }
    for (unsigned i = 0; i < CHAINS * 16; i++) {
        while (u->file[i]) {
            struct shared *p = u->file[i];
            u->file[i] = p->next;
            free(p->page);
            free(p);
        }
    }
    pthread_mutex_destroy(&u->lock);
    pthread_mutex_destroy(&u->files);
    free(u);
}
