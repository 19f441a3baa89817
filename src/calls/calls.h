/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pairing: which hooks a call concerns, which calls of which thread are in flight, how each ended. Pure C: knows no
 * QEMU, no guest memory, no operating system. Whoever feeds it (the plugin, a test) says which thread an event belongs
 * to.
 *
 * A return is matched by thread and depth alone: each thread has a stack of calls in flight, and what ends is its top.
 * Every call that was entered here ends exactly once, with one of the eight ends.
 *
 * Threads of the host: events of one guest thread must not run at the same time; events of different guest threads do.
 * The thread table is locked inside, a thread's stack needs no lock. A sane guest runs a thread on one vCPU at a time;
 * a hostile one may claim otherwise, so a feeder with several vCPUs holds a thread (calls__thread_claim) while it
 * feeds.
 */
#ifndef QEBEK_CALLS_CALLS_H
#define QEBEK_CALLS_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QEBEK_MODULE_HOST /* the header is read as a host reads it */
#include "qebek/module.h"

#define CALLS_NR_MAX    8192u /* numbers that have an array slot of their own in each ABI; NT's table 1 begins at 4096 */
#define CALLS_ARGS_MAX  20u
#define CALLS_DEPTH_MAX 255u
#define CALLS_NOBODY    0xffffffffu
/* Bytes of all threads and frames together: what a guest with any number of threads can make this grow to. */
#define CALLS_MEMORY_MAX ((size_t)1 << 30)

struct calls_chain; /* the hooks of one service, immutable once published */
struct calls_thread;

struct qebek_call {
    uint32_t nr;
    uint8_t abi;   /* enum qbk_abi */
    uint8_t depth; /* index in the thread's stack */
    uint8_t end;   /* enum qbk_end, valid in post */
    uint8_t flags; /* QBK_RETURN_*, valid in post */
    uint64_t result;
    uint64_t args[CALLS_ARGS_MAX];
    uint32_t have_args; /* bit i: args[i] was read (the feeder reads lazily, at entry) */
    uint8_t ended;      /* 1 while the post callbacks run */
    uint8_t reserved[3];
    uint32_t number; /* as the caller gave it, where `nr` is the row of a table instead (NT) */
    uint32_t reserved2;
    uint64_t cookie;  /* free for the feeder */
    uint64_t mark[4]; /* the same, on NT */
    void *machine;    /* the feeder's own, set anew at each event: where registers and memory come from */
    struct calls_thread *thread;
    /* below: calls' own */
    const struct calls_chain *chain;
    uint64_t watching; /* bit i: hook i of the chain wants its post (a chain has at most 64 hooks) */
    uint8_t *contexts;
    size_t contexts_size;
};

static inline bool calls__is_nt(const struct qebek_call *call)
{
    return call->abi == QBK_ABI_NT_X64 || call->abi == QBK_ABI_NT_X86;
}

/* The number as the caller gave it. */
static inline uint32_t calls__number(const struct qebek_call *call)
{
    return calls__is_nt(call) ? call->number : call->nr;
}

/* One guest thread. `owner` points at owner_size zeroed bytes that belong to the feeder. */
struct calls_thread {
    uint64_t key; /* the kernel's thread object */
    void *owner;
    unsigned depth; /* calls in flight */
    unsigned capacity;
    _Atomic unsigned holder;    /* the slot that claimed it, or CALLS_NOBODY */
    _Atomic bool touched;       /* another slot wanted it meanwhile; whoever holds it clears this */
    struct qebek_call **frames; /* stable addresses; reused, so the steady state allocates nothing */
};

struct calls;

/* n_slots: how many vCPUs feed at once (for counters without contention). owner_size: bytes for the feeder per thread.
 */
struct calls *calls__new(unsigned n_slots, size_t owner_size);
void calls__free(struct calls *calls); /* no post callbacks; end everything first */

/*
 * ---- hooks ----
 * At any time, from any thread, also while events run; a call in flight keeps the hooks that it was entered with, so
 * what an unhooked hook's `user` points at must outlive the calls that it watches. -EINVAL (bad number, context too
 * large, neither pre nor post), -ENOSPC (more than 64 hooks on one service), -ENOMEM; then nothing has changed. Each
 * change keeps the chains that it replaces until calls__reclaim or calls__free.
 */
int calls__hook(struct calls *calls, enum qbk_abi abi, uint32_t nr, const struct qebek_hook *hook);
struct calls_number {
    enum qbk_abi abi;
    uint32_t nr;
};
/* The same hook on several different numbers: on all of them or, if it fails, on none. */
int calls__hook_each(struct calls *calls, const struct calls_number *numbers, size_t count,
                     const struct qebek_hook *hook);
int calls__hook_all(struct calls *calls,
                    const struct qebek_hook *hook); /* every number of every ABI, also those >= CALLS_NR_MAX */
/* Takes the hooks with this `user`, pre and post out of all chains. Works without memory, too. */
void calls__unhook(struct calls *calls, const struct qebek_hook *hook);
/* Frees replaced chains. Only while no call is in flight and no event runs; unhooked code can be unmapped after it. */
void calls__reclaim(struct calls *calls);
/* Does anybody ask for this number? One array look-up; the hot path's first question. */
bool calls__wanted(const struct calls *calls, enum qbk_abi abi, uint32_t nr);

/* ---- threads ---- */
struct calls_thread *calls__thread_find(struct calls *calls, uint64_t key);
struct calls_thread *calls__thread_get(struct calls *calls, uint64_t key); /* made if new; NULL: no memory (counted) */
/*
 * The thread, and with it the right to feed its events and to touch its `owner` bytes, until it is released or gone. A
 * claim by the slot that has it already succeeds. NULL: there is none (create: no memory, counted), or another slot
 * holds it, whose `touched` is then set. Any slot.
 */
struct calls_thread *calls__thread_claim(struct calls *calls, uint64_t key, unsigned slot, bool create);
void calls__thread_release(struct calls_thread *thread); /* by its holder */
/*
 * The thread is gone: all its calls in flight end, innermost first, as `thread_gone` (the innermost as `innermost`,
 * which is QBK_END_THREAD_GONE or QBK_END_NORETURN), and its memory is freed.
 */
void calls__thread_gone(struct calls *calls, struct calls_thread *thread, unsigned slot, void *machine,
                        enum qbk_end innermost);
/* The same for all threads (machine_gone at a reset, in_flight when tracing stops). No other event may run meanwhile.
 */
void calls__all_gone(struct calls *calls, unsigned slot, void *machine, enum qbk_end end);
size_t calls__thread_count(struct calls *calls);
/* Every thread, in the order in which they were made (which makes traces repeatable). fn makes and ends no threads. */
void calls__thread_each(struct calls *calls, void (*fn)(struct calls_thread *thread, void *data), void *data);

/*
 * ---- events ----
 * Callbacks run from within these and feed no events themselves. pre runs before the call is on its thread's stack,
 * post while it still is.
 *
 * A call begins. Runs the pre callbacks of its hooks in the order of registration. NULL: nobody watches (none asked,
 * all skipped, or, both counted, CALLS_DEPTH_MAX reached or no memory; no callback ran then). With nested == false
 * calls that are still in flight on this thread mean that their end was missed: they end as `orphaned` first, innermost
 * first. `prepare` is the call's beginning filled by the feeder: nr,
 * abi, have_args and the args that it names, machine, cookie.
 */
struct qebek_call *calls__enter(struct calls *calls, struct calls_thread *thread, unsigned slot,
                                const struct qebek_call *prepare, bool nested);
/* The innermost call in flight, or NULL. */
struct qebek_call *calls__top(const struct calls_thread *thread);
/* The innermost call ends: runs the post callbacks that were asked for, in the order of registration. Nothing happens
 * on an empty stack (returns false). */
bool calls__end(struct calls *calls, struct calls_thread *thread, unsigned slot, void *machine, enum qbk_end end,
                uint8_t flags, uint64_t result);

/* ---- counters: sums over all slots ---- */
struct calls_counts {
    uint64_t entries, ends[QBK_ENDS]; /* of calls that somebody watches */
    uint64_t no_memory;               /* calls not watched and threads not made because there was no memory */
    uint64_t too_deep;                /* calls not watched because of CALLS_DEPTH_MAX */
};
/* no_memory and too_deep of one slot: did the last calls__enter there return NULL because of these? */
uint64_t calls__no_room(const struct calls *calls, unsigned slot);
void calls__counts(const struct calls *calls, struct calls_counts *counts);

#endif
