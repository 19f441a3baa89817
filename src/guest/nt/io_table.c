/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/nt/io_table.h"

#include <stdlib.h>
#include <string.h>

#include "guest/nt/io.h"

#define IO_MAX   4096u
#define BUCKETS  1024u /* a power of two */
#define WALK_MAX 64u   /* steps along one chain */
#define NOBODY   UINT32_MAX

struct slot {
    struct io io; /* call 0: free */
    uint32_t next[IO_KEYS], prev[IO_KEYS];
    uint32_t older, newer; /* of a free one: older is the next free one */
};

struct nt_io {
    uint32_t head[IO_KEYS][BUCKETS];
    uint32_t cursor[BUCKETS]; /* of IO_PROCESS: where the next look begins */
    uint32_t oldest, newest, free;
    bool told_full;
    struct slot slot[IO_MAX];
};

static unsigned bucket_of(int32_t pid, uint64_t value)
{
    uint64_t h = (value ^ (uint64_t)(uint32_t)pid << 32) * 0x9e3779b97f4a7c15u;
    return (unsigned)(h >> 48) & (BUCKETS - 1);
}

static unsigned bucket(const struct io *io, unsigned key)
{
    return bucket_of(io->pid, io->key[key]);
}

static bool is_of(const struct io *io, const struct guest_thread *t)
{
    return io->call != 0 && io->pid == t->pid && io->created == t->start_time;
}

static struct nt_io *table_new(void)
{
    struct nt_io *table = calloc(1, sizeof(*table));
    if (!table)
        return NULL;
    memset(table->head, 0xff, sizeof(table->head));
    memset(table->cursor, 0xff, sizeof(table->cursor));
    table->oldest = table->newest = NOBODY;
    for (uint32_t i = 0; i < IO_MAX; i++)
        table->slot[i].older = i + 1 < IO_MAX ? i + 1 : NOBODY;
    return table;
}

static void chain_in(struct nt_io *table, uint32_t at, unsigned key)
{
    struct slot *s = &table->slot[at];
    uint32_t *head = &table->head[key][bucket(&s->io, key)];
    s->next[key] = *head;
    s->prev[key] = NOBODY;
    if (*head != NOBODY)
        table->slot[*head].prev[key] = at;
    *head = at;
}

static void chain_out(struct nt_io *table, uint32_t at, unsigned key)
{
    struct slot *s = &table->slot[at];
    unsigned b = bucket(&s->io, key);
    if (key == IO_PROCESS && table->cursor[b] == at)
        table->cursor[b] = s->next[key];
    if (s->prev[key] != NOBODY)
        table->slot[s->prev[key]].next[key] = s->next[key];
    else
        table->head[key][b] = s->next[key];
    if (s->next[key] != NOBODY)
        table->slot[s->next[key]].prev[key] = s->prev[key];
}

static void drop(struct guest *g, uint32_t at)
{
    struct nt_io *table = g->io;
    struct slot *s = &table->slot[at];
    for (unsigned key = 0; key < IO_KEYS; key++) {
        if (s->io.key[key])
            chain_out(table, at, key);
    }
    *(s->older != NOBODY ? &table->slot[s->older].newer : &table->oldest) = s->newer;
    *(s->newer != NOBODY ? &table->slot[s->newer].older : &table->newest) = s->older;
    s->io.call = 0;
    s->older = table->free;
    table->free = at;
    __atomic_sub_fetch(&g->io_count, 1, __ATOMIC_RELAXED);
}

/* The next one along a chain that is this process's and has this value, at most some steps from *at on. */
static bool walk(const struct nt_io *table, const struct guest_thread *t, unsigned key, uint64_t value, uint32_t *at,
                 unsigned *steps)
{
    for (; *at != NOBODY && *steps < WALK_MAX; *at = table->slot[*at].next[key], ++*steps) {
        if (is_of(&table->slot[*at].io, t) && table->slot[*at].io.key[key] == value)
            return true;
    }
    return false;
}

/* The block is used anew: what it was for before is not to be learnt any more. */
static void drop_same_block(struct guest *g, const struct io *io)
{
    const struct guest_thread who = {.pid = io->pid, .start_time = io->created};
    uint32_t at = g->io->head[IO_BLOCK][bucket(io, IO_BLOCK)];
    unsigned steps = 0;
    if (walk(g->io, &who, IO_BLOCK, io->key[IO_BLOCK], &at, &steps))
        drop(g, at);
}

bool io_table__add(struct guest *g, const struct io *io, bool *was_full)
{
    pthread_mutex_lock(&g->io_lock);
    if (!g->io)
        g->io = table_new();
    struct nt_io *table = g->io;
    if (table) {
        drop_same_block(g, io);
        if (table->free == NOBODY) {
            *was_full = !table->told_full;
            table->told_full = true;
            drop(g, table->oldest);
        }
        uint32_t at = table->free;
        struct slot *s = &table->slot[at];
        table->free = s->older;
        s->io = *io;
        s->older = table->newest;
        s->newer = NOBODY;
        *(table->newest != NOBODY ? &table->slot[table->newest].newer : &table->oldest) = at;
        table->newest = at;
        for (unsigned key = 0; key < IO_KEYS; key++) {
            if (io->key[key])
                chain_in(table, at, key);
        }
        __atomic_add_fetch(&g->io_count, 1, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&g->io_lock);
    return table != NULL;
}

uint32_t io_table__count(const struct guest *g)
{
    return __atomic_load_n(&g->io_count, __ATOMIC_RELAXED);
}

void io_table__find(struct guest *g, const struct guest_thread *t, enum io_key key, uint64_t value,
                    struct io_found *found)
{
    unsigned steps = 0;
    found->count = 0;
    pthread_mutex_lock(&g->io_lock);
    uint32_t at = g->io ? g->io->head[key][bucket_of(t->pid, value)] : NOBODY;
    while (g->io && found->count < IO_FOUND_MAX && walk(g->io, t, key, value, &at, &steps)) {
        found->at[found->count] = at;
        found->call[found->count++] = g->io->slot[at].io.call;
        at = g->io->slot[at].next[key];
    }
    pthread_mutex_unlock(&g->io_lock);
}

bool io_table__get(struct guest *g, uint32_t at, uint64_t call, struct io *out)
{
    pthread_mutex_lock(&g->io_lock);
    bool there = g->io && g->io->slot[at].io.call == call;
    if (there)
        *out = g->io->slot[at].io;
    pthread_mutex_unlock(&g->io_lock);
    return there;
}

bool io_table__take(struct guest *g, uint32_t at, uint64_t call)
{
    pthread_mutex_lock(&g->io_lock);
    bool there = g->io && g->io->slot[at].io.call == call && !g->io->slot[at].io.busy;
    if (there)
        g->io->slot[at].io.busy = true;
    pthread_mutex_unlock(&g->io_lock);
    return there;
}

void io_table__drop(struct guest *g, uint32_t at, uint64_t call)
{
    pthread_mutex_lock(&g->io_lock);
    if (g->io && g->io->slot[at].io.call == call)
        drop(g, at);
    pthread_mutex_unlock(&g->io_lock);
}

bool io_table__next(struct guest *g, const struct guest_thread *t, uint32_t *at, struct io *out)
{
    unsigned b = bucket_of(t->pid, 1), steps = 0;
    bool found = false;
    pthread_mutex_lock(&g->io_lock);
    if (g->io) {
        *at = g->io->cursor[b] != NOBODY ? g->io->cursor[b] : g->io->head[IO_PROCESS][b];
        found = walk(g->io, t, IO_PROCESS, 1, at, &steps);
        if (found)
            *out = g->io->slot[*at].io;
        g->io->cursor[b] = found ? g->io->slot[*at].next[IO_PROCESS] : NOBODY;
    }
    pthread_mutex_unlock(&g->io_lock);
    return found;
}

/* ---- the end of processes ---- */

struct others {
    int32_t pid;
    uint64_t created;
    bool any;
};

static void see_other(struct calls_thread *thread, void *data)
{
    const struct guest_thread *t = guest__of(thread);
    struct others *o = data;
    if (t->pid == o->pid && t->start_time == o->created)
        o->any = true;
}

void nt_io__thread_gone(struct guest *g, const struct guest_thread *t)
{
    struct others others = {.pid = t->pid, .created = t->start_time};
    if (!nt_io__any(g))
        return;
    calls__thread_each(g->calls, see_other, &others);
    if (others.any)
        return;
    pthread_mutex_lock(&g->io_lock);
    for (uint32_t at = 0; g->io && at < IO_MAX; at++) {
        if (is_of(&g->io->slot[at].io, t))
            drop(g, at);
    }
    pthread_mutex_unlock(&g->io_lock);
}

void nt_io__clear(struct guest *g)
{
    pthread_mutex_lock(&g->io_lock);
    free(g->io);
    g->io = NULL;
    __atomic_store_n(&g->io_count, 0, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&g->io_lock);
}
