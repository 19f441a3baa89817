/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of src/calls share. Nobody else includes this, save their unit tests. */
#ifndef QEBEK_CALLS_INTERNAL_H
#define QEBEK_CALLS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "calls/calls.h"

#define CALLS_CHAIN_MAX 64u  /* hooks on one service: the bits of qebek_call.watching */
#define CALLS_ALIGN     16u  /* of each context */
#define CALLS_SHARDS    64u  /* power of two */
#define CALLS_LINE      128u /* two cache lines: neighbours are fetched in pairs */

/* One hook as a chain holds it. */
struct calls_hook {
    qebek_pre_fn pre;
    qebek_post_fn post;
    void *user;
    uint32_t offset; /* of its context in the frame's arena */
    uint32_t size;   /* of its context */
    bool all;        /* came by calls__hook_all */
};

typedef _Atomic(struct calls_chain *) calls_slot;

/* The hooks of one service in the order of registration. Immutable once published, save `on`. */
struct calls_chain {
    _Atomic uint64_t on; /* bit i: hook i is in force. Cleared only where unhooking finds no memory for a new chain */
    uint32_t arena;      /* bytes of all contexts */
    uint32_t n;
    struct calls_chain *next; /* while being built: the next new one; once replaced: the next retired one */
    calls_slot *target;       /* while being built: where it will be published */
    struct calls_hook hook[];
};

/* A thread as the table holds it; the feeder's `owner` bytes follow. */
struct calls_node {
    struct calls_thread thread;
    size_t bytes;                   /* taken from the budget for this node */
    struct calls_node *chained;     /* in its bucket */
    struct calls_node *prev, *next; /* in order of birth */
};

struct calls_shard {
    pthread_mutex_t lock;
    struct calls_node **buckets;
    size_t n_buckets; /* power of two, or 0 */
    size_t count;
} __attribute__((aligned(CALLS_LINE)));

/* Counters of one feeder. Written by one thread at a time, read by any. */
struct calls_tally {
    _Atomic uint64_t entries, ends[QBK_ENDS], no_memory, too_deep;
} __attribute__((aligned(CALLS_LINE)));

struct calls {
    calls_slot slots[QBK_ABIS][CALLS_NR_MAX];
    calls_slot rest; /* the hooks on all numbers; also what every slot without hooks of its own points at */
    pthread_mutex_t hook_lock;
    struct calls_chain *retired;

    struct calls_shard shards[CALLS_SHARDS];
    uint64_t hash_seed;
    size_t owner_size;
    pthread_mutex_t list_lock; /* taken after a shard's lock, never before */
    struct calls_node *first, *last;
    size_t n_threads;

    _Atomic size_t memory; /* bytes of threads and frames */
    size_t memory_max;

    unsigned n_slots;
    struct calls_tally *tally; /* n_slots of them and a shared one behind */
};

/* ---- hooks.c ---- */
/* The hooks of a number, or NULL. */
static inline struct calls_chain *hooks__chain(const struct calls *calls, unsigned abi, uint32_t nr)
{
    if (abi >= QBK_ABIS)
        return NULL;
    const calls_slot *slot = nr < CALLS_NR_MAX ? &calls->slots[abi][nr] : &calls->rest;
    return atomic_load_explicit(slot, memory_order_acquire);
}
/* Frees all chains, retired ones too. */
void hooks__free(struct calls *calls);

/* ---- threads.c ---- */
/* 0 or -ENOMEM. */
int threads__init(struct calls *calls);
/* Takes a thread out of the table and frees it and its frames. */
void threads__drop(struct calls *calls, struct calls_thread *thread);
/* Frees all threads and the table. */
void threads__free(struct calls *calls);

/* ---- calls.c ---- */
/* Memory within the budget, zeroed; NULL if there is none or the budget is used up. */
void *memory__take(struct calls *calls, size_t bytes);
/* Gives it back; NULL is fine. */
void memory__give(struct calls *calls, void *memory, size_t bytes);
/* The tally of a slot; the shared one if there is no such slot. */
struct calls_tally *tally__of(const struct calls *calls, unsigned slot);
/* One more. Slots of their own have one writer, so a plain load and store does; the shared one has several. */
void tally__add(const struct calls *calls, unsigned slot, _Atomic uint64_t *counter);

#endif
