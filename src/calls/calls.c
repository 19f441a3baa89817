/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls in flight. Each thread has a stack of frames that stay where they are and are used again, each with an arena
 * for the contexts of its call's hooks: once a thread has been as deep as it goes, a call allocates nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "calls/internal.h"

#define FRAMES_FIRST 4u
#define ARENA_FIRST  64u
#define ALL_ARGS     ((1u << CALLS_ARGS_MAX) - 1)

struct calls *calls__new(unsigned n_slots, size_t owner_size)
{
    struct calls *calls = aligned_alloc(CALLS_LINE, sizeof *calls);
    if (calls == NULL)
        return NULL;
    memset(calls, 0, sizeof *calls);
    calls->n_slots = n_slots;
    calls->owner_size = owner_size;
    calls->memory_max = CALLS_MEMORY_MAX;
    size_t tally_bytes = ((size_t)n_slots + 1) * sizeof *calls->tally;
    calls->tally = aligned_alloc(CALLS_LINE, tally_bytes);
    if (calls->tally == NULL || pthread_mutex_init(&calls->hook_lock, NULL) != 0 || threads__init(calls) != 0) {
        free(calls->tally);
        free(calls);
        return NULL;
    }
    memset(calls->tally, 0, tally_bytes);
    return calls;
}

void calls__free(struct calls *calls)
{
    if (calls == NULL)
        return;
    threads__free(calls);
    hooks__free(calls);
    pthread_mutex_destroy(&calls->hook_lock);
    free(calls->tally);
    free(calls);
}

void *memory__take(struct calls *calls, size_t bytes)
{
    if (bytes > calls->memory_max)
        return NULL;
    size_t before = atomic_fetch_add_explicit(&calls->memory, bytes, memory_order_relaxed);
    void *memory = before <= calls->memory_max - bytes ? calloc(1, bytes) : NULL;
    if (memory == NULL)
        atomic_fetch_sub_explicit(&calls->memory, bytes, memory_order_relaxed);
    return memory;
}

void memory__give(struct calls *calls, void *memory, size_t bytes)
{
    if (memory == NULL)
        return;
    atomic_fetch_sub_explicit(&calls->memory, bytes, memory_order_relaxed);
    free(memory);
}

struct calls_tally *tally__of(const struct calls *calls, unsigned slot)
{
    return &calls->tally[slot < calls->n_slots ? slot : calls->n_slots];
}

void tally__add(const struct calls *calls, unsigned slot, _Atomic uint64_t *counter)
{
    if (slot < calls->n_slots) {
        uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
        atomic_store_explicit(counter, value + 1, memory_order_relaxed);
    } else {
        atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
    }
}

/* Room for one more pointer to a frame. */
static bool stack_grow(struct calls *calls, struct calls_thread *thread)
{
    unsigned capacity = thread->capacity == 0 ? FRAMES_FIRST : 2 * thread->capacity;
    if (capacity > CALLS_DEPTH_MAX)
        capacity = CALLS_DEPTH_MAX;
    struct qebek_call **frames = memory__take(calls, capacity * sizeof(void *));
    if (frames == NULL)
        return false;
    if (thread->capacity != 0)
        memcpy((void *)frames, (void *)thread->frames, thread->capacity * sizeof(void *));
    memory__give(calls, (void *)thread->frames, thread->capacity * sizeof(void *));
    thread->frames = frames;
    thread->capacity = capacity;
    return true;
}

/* Makes the arena of a frame that is not in use at least this large. The old one stays if there is no memory. */
static bool arena_grow(struct calls *calls, struct qebek_call *call, size_t need)
{
    size_t size = call->contexts_size != 0 ? call->contexts_size : ARENA_FIRST;
    while (size < need)
        size *= 2;
    uint8_t *contexts = memory__take(calls, size);
    if (contexts == NULL)
        return false;
    memory__give(calls, call->contexts, call->contexts_size);
    call->contexts = contexts;
    call->contexts_size = size;
    return true;
}

/* The frame above the thread's top, with an arena that is large enough. NULL: no memory. */
static struct qebek_call *frame_above(struct calls *calls, struct calls_thread *thread, size_t arena)
{
    unsigned depth = thread->depth;
    if (depth >= thread->capacity && !stack_grow(calls, thread))
        return NULL;
    struct qebek_call *call = thread->frames[depth];
    if (call == NULL) {
        call = memory__take(calls, sizeof *call);
        thread->frames[depth] = call;
    }
    if (call == NULL || (arena > call->contexts_size && !arena_grow(calls, call, arena)))
        return NULL;
    return call;
}

/* Everything that the feeder told, and nothing of the call that had this frame before. */
static void frame_begin(struct qebek_call *call, const struct qebek_call *prepare, struct calls_thread *thread,
                        const struct calls_chain *chain)
{
    call->nr = prepare->nr;
    call->abi = prepare->abi;
    call->have_args = prepare->have_args & ALL_ARGS;
    call->cookie = prepare->cookie;
    if (calls__is_nt(prepare)) { /* nobody else uses these */
        call->number = prepare->number;
        memcpy(call->mark, prepare->mark, sizeof(call->mark));
    }
    call->machine = prepare->machine;
    for (uint32_t have = call->have_args; have != 0; have &= have - 1) { /* few calls have many */
        unsigned i = (unsigned)__builtin_ctz(have);
        call->args[i] = prepare->args[i];
    }
    call->depth = (uint8_t)thread->depth;
    call->end = QBK_END_IN_FLIGHT;
    call->flags = 0;
    call->result = 0;
    call->ended = 0;
    call->thread = thread;
    call->chain = chain;
    call->watching = 0;
}

/* Context of a hook in this call, or NULL if it wants none. */
static inline void *context_of(const struct qebek_call *call, const struct calls_hook *hook)
{
    return hook->size != 0 ? call->contexts + hook->offset : NULL;
}

/* Contexts lie on 16-byte boundaries, each with room up to the next: for the few bytes that most are, this is quickest.
 */
static inline void context_clear(void *context, size_t size)
{
    for (size_t i = 0; i < size; i += CALLS_ALIGN)
        memset((uint8_t *)context + i, 0, CALLS_ALIGN);
}

/* Runs the pre callbacks. Bit i of the answer: hook i wants its post callback. */
static uint64_t ask(struct qebek_call *call, const struct calls_chain *chain)
{
    uint64_t watching = 0;
    for (uint64_t on = atomic_load_explicit(&chain->on, memory_order_relaxed); on != 0; on &= on - 1) {
        unsigned i = (unsigned)__builtin_ctzll(on);
        const struct calls_hook *hook = &chain->hook[i];
        void *context = context_of(call, hook);
        if (context != NULL)
            context_clear(context, hook->size);
        bool wants = hook->pre == NULL || hook->pre(call, context, hook->user) != QEBEK_SKIP;
        if (wants && hook->post != NULL)
            watching |= 1ull << i;
    }
    return watching;
}

/* The innermost call ends; there is one. */
static void end_top(struct calls *calls, struct calls_thread *thread, unsigned slot, void *machine, enum qbk_end end,
                    uint8_t flags, uint64_t result)
{
    struct qebek_call *call = thread->frames[thread->depth - 1];
    call->machine = machine;
    call->end = (uint8_t)end;
    call->flags = flags;
    call->result = result;
    call->ended = 1;
    for (uint64_t watching = call->watching; watching != 0; watching &= watching - 1) {
        const struct calls_hook *hook = &call->chain->hook[__builtin_ctzll(watching)];
        hook->post(call, context_of(call, hook), hook->user);
    }
    thread->depth--;
    tally__add(calls, slot, &tally__of(calls, slot)->ends[end]);
}

struct qebek_call *calls__enter(struct calls *calls, struct calls_thread *thread, unsigned slot,
                                const struct qebek_call *prepare, bool nested)
{
    while (!nested && thread->depth > 0)
        end_top(calls, thread, slot, prepare->machine, QBK_END_ORPHANED, 0, 0);
    const struct calls_chain *chain = hooks__chain(calls, prepare->abi, prepare->nr);
    if (chain == NULL)
        return NULL;
    struct calls_tally *tally = tally__of(calls, slot);
    if (thread->depth >= CALLS_DEPTH_MAX) {
        tally__add(calls, slot, &tally->too_deep);
        return NULL;
    }
    struct qebek_call *call = frame_above(calls, thread, chain->arena);
    if (call == NULL) {
        tally__add(calls, slot, &tally->no_memory);
        return NULL;
    }
    frame_begin(call, prepare, thread, chain);
    call->watching = ask(call, chain);
    if (call->watching == 0)
        return NULL;
    thread->depth++;
    tally__add(calls, slot, &tally->entries);
    return call;
}

struct qebek_call *calls__top(const struct calls_thread *thread)
{
    return thread->depth > 0 ? thread->frames[thread->depth - 1] : NULL;
}

bool calls__end(struct calls *calls, struct calls_thread *thread, unsigned slot, void *machine, enum qbk_end end,
                uint8_t flags, uint64_t result)
{
    if (thread->depth == 0)
        return false;
    if ((unsigned)end >= QBK_ENDS)
        end = QBK_END_ORPHANED; /* the feeder's mistake must not become a write out of bounds */
    end_top(calls, thread, slot, machine, end, flags, result);
    return true;
}

/* Ends all calls of a thread and forgets the thread. */
static void thread_end(struct calls *calls, struct calls_thread *thread, unsigned slot, void *machine,
                       enum qbk_end innermost, enum qbk_end others)
{
    calls__end(calls, thread, slot, machine, innermost, 0, 0);
    while (calls__end(calls, thread, slot, machine, others, 0, 0))
        ;
    threads__drop(calls, thread);
}

void calls__thread_gone(struct calls *calls, struct calls_thread *thread, unsigned slot, void *machine,
                        enum qbk_end innermost)
{
    thread_end(calls, thread, slot, machine, innermost, QBK_END_THREAD_GONE);
}

void calls__all_gone(struct calls *calls, unsigned slot, void *machine, enum qbk_end end)
{
    while (calls->first != NULL)
        thread_end(calls, &calls->first->thread, slot, machine, end, end);
}

uint64_t calls__no_room(const struct calls *calls, unsigned slot)
{
    const struct calls_tally *tally = tally__of(calls, slot);
    return atomic_load_explicit(&tally->no_memory, memory_order_relaxed) +
           atomic_load_explicit(&tally->too_deep, memory_order_relaxed);
}

void calls__counts(const struct calls *calls, struct calls_counts *counts)
{
    *counts = (struct calls_counts){0};
    for (unsigned slot = 0; slot <= calls->n_slots; slot++) {
        const struct calls_tally *tally = &calls->tally[slot];
        counts->entries += atomic_load_explicit(&tally->entries, memory_order_relaxed);
        for (unsigned end = 0; end < QBK_ENDS; end++)
            counts->ends[end] += atomic_load_explicit(&tally->ends[end], memory_order_relaxed);
        counts->no_memory += atomic_load_explicit(&tally->no_memory, memory_order_relaxed);
        counts->too_deep += atomic_load_explicit(&tally->too_deep, memory_order_relaxed);
    }
}
