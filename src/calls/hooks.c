/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who asks for which number. Each number of each ABI has a slot that points at an immutable chain of hooks. A change
 * builds new chains, publishes them one after another, and keeps the old ones until the end: calls in flight and
 * callbacks that run right now on other vCPUs may still use them, until somebody knows that there are none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "calls/internal.h"

bool calls__wanted(const struct calls *calls, enum qbk_abi abi, uint32_t nr)
{
    return hooks__chain(calls, (unsigned)abi, nr) != NULL;
}

static struct calls_chain *chain_new(uint32_t room)
{
    struct calls_chain *chain = calloc(1, sizeof *chain + room * sizeof chain->hook[0]);
    return chain;
}

/* Appends a hook and gives its context a place. The caller left room. */
static void chain_append(struct calls_chain *chain, const struct calls_hook *hook)
{
    struct calls_hook *copy = &chain->hook[chain->n];
    *copy = *hook;
    copy->offset = chain->arena;
    chain->arena += (hook->size + CALLS_ALIGN - 1) & ~(CALLS_ALIGN - 1);
    atomic_fetch_or_explicit(&chain->on, 1ull << chain->n, memory_order_relaxed);
    chain->n++;
}

static bool matches(const struct calls_hook *hook, const struct qebek_hook *pattern)
{
    return hook->user == pattern->user && hook->pre == pattern->pre && hook->post == pattern->post;
}

/* The bits of the hooks in force that match. */
static uint64_t matching(const struct calls_chain *chain, const struct qebek_hook *pattern)
{
    uint64_t found = 0;
    for (uint64_t on = atomic_load(&chain->on); on != 0; on &= on - 1) {
        unsigned i = (unsigned)__builtin_ctzll(on);
        if (matches(&chain->hook[i], pattern))
            found |= 1ull << i;
    }
    return found;
}

/* Copies the hooks whose bit is set, which are in force. Room for one more is left. NULL: no memory. */
static struct calls_chain *chain_copy(const struct calls_chain *old, uint64_t bits)
{
    struct calls_chain *chain = chain_new((uint32_t)__builtin_popcountll(bits) + 1);
    if (chain == NULL)
        return NULL;
    for (; bits != 0; bits &= bits - 1)
        chain_append(chain, &old->hook[__builtin_ctzll(bits)]);
    return chain;
}

/* Builds what a slot will point at with this hook added, and puts it before *built. `old` may be NULL. */
static int plan_add(struct calls_chain *old, calls_slot *target, const struct calls_hook *hook,
                    struct calls_chain **built)
{
    uint64_t on = old != NULL ? atomic_load(&old->on) : 0;
    if (on == UINT64_MAX)
        return -ENOSPC;
    struct calls_chain *chain = chain_copy(old, on);
    if (chain == NULL)
        return -ENOMEM;
    chain_append(chain, hook);
    chain->target = target;
    chain->next = *built;
    *built = chain;
    return 0;
}

static void discard(struct calls_chain *built)
{
    while (built != NULL) {
        struct calls_chain *next = built->next;
        free(built);
        built = next;
    }
}

static void retire(struct calls *calls, struct calls_chain *chain)
{
    if (chain == NULL)
        return;
    chain->next = calls->retired;
    calls->retired = chain;
}

/* Makes `chain` (NULL: nobody) what the slot says. The shared chain stays alive for the other slots. */
static void publish(struct calls *calls, calls_slot *slot, struct calls_chain *chain)
{
    struct calls_chain *rest = atomic_load(&calls->rest);
    struct calls_chain *old = atomic_exchange(slot, chain);
    if (old != rest)
        retire(calls, old);
}

/* Publishes a list of built chains, none of them for `rest`. */
static void publish_list(struct calls *calls, struct calls_chain *built)
{
    while (built != NULL) {
        struct calls_chain *next = built->next;
        publish(calls, built->target, built);
        built = next;
    }
}

/* Makes `chain` the shared one, wherever the old shared one is in force. */
static void publish_rest(struct calls *calls, struct calls_chain *chain)
{
    struct calls_chain *old = atomic_load(&calls->rest);
    for (unsigned abi = 0; abi < QBK_ABIS; abi++) {
        for (unsigned nr = 0; nr < CALLS_NR_MAX; nr++) {
            calls_slot *slot = &calls->slots[abi][nr];
            if (atomic_load_explicit(slot, memory_order_relaxed) == old)
                atomic_store_explicit(slot, chain, memory_order_release);
        }
    }
    atomic_store(&calls->rest, chain);
    retire(calls, old);
}

/* Checks a hook as a module gave it and turns it into ours. */
static int hook_check(const struct qebek_hook *hook, bool all, struct calls_hook *checked)
{
    if (hook->size < sizeof *hook || hook->context_size > QEBEK_CONTEXT_MAX)
        return -EINVAL;
    if (hook->pre == NULL && hook->post == NULL)
        return -EINVAL;
    *checked = (struct calls_hook){
        .pre = hook->pre, .post = hook->post, .user = hook->user, .size = (uint32_t)hook->context_size, .all = all};
    return 0;
}

int calls__hook_each(struct calls *calls, const struct calls_number *numbers, size_t count,
                     const struct qebek_hook *hook)
{
    struct calls_hook checked;
    struct calls_chain *built = NULL;
    int err = hook_check(hook, false, &checked);

    pthread_mutex_lock(&calls->hook_lock);
    for (size_t i = 0; i < count && err == 0; i++) {
        unsigned abi = (unsigned)numbers[i].abi;
        if (abi >= QBK_ABIS || numbers[i].nr >= CALLS_NR_MAX) {
            err = -EINVAL;
            break;
        }
        calls_slot *slot = &calls->slots[abi][numbers[i].nr];
        err = plan_add(atomic_load(slot), slot, &checked, &built);
    }
    if (err == 0)
        publish_list(calls, built);
    else
        discard(built);
    pthread_mutex_unlock(&calls->hook_lock);
    return err;
}

int calls__hook(struct calls *calls, enum qbk_abi abi, uint32_t nr, const struct qebek_hook *hook)
{
    struct calls_number number = {abi, nr};
    return calls__hook_each(calls, &number, 1, hook);
}

/* New chains for all slots that have hooks of their own. */
static int plan_add_to_all(struct calls *calls, const struct calls_hook *hook, struct calls_chain **built)
{
    struct calls_chain *rest = atomic_load(&calls->rest);
    for (unsigned abi = 0; abi < QBK_ABIS; abi++) {
        for (unsigned nr = 0; nr < CALLS_NR_MAX; nr++) {
            calls_slot *slot = &calls->slots[abi][nr];
            struct calls_chain *chain = atomic_load_explicit(slot, memory_order_relaxed);
            int err = chain != rest ? plan_add(chain, slot, hook, built) : 0;
            if (err != 0)
                return err;
        }
    }
    return 0;
}

int calls__hook_all(struct calls *calls, const struct qebek_hook *hook)
{
    struct calls_hook checked;
    struct calls_chain *own = NULL;
    struct calls_chain *shared = NULL;
    int err = hook_check(hook, true, &checked);
    if (err != 0)
        return err;

    pthread_mutex_lock(&calls->hook_lock);
    err = plan_add(atomic_load(&calls->rest), &calls->rest, &checked, &shared);
    if (err == 0)
        err = plan_add_to_all(calls, &checked, &own);
    if (err == 0) {
        publish_list(calls, own);
        publish_rest(calls, shared);
    } else {
        discard(own);
        discard(shared);
    }
    pthread_mutex_unlock(&calls->hook_lock);
    return err;
}

/* Are there hooks on this number alone among these? */
static bool any_own(const struct calls_chain *chain, uint64_t bits)
{
    for (; bits != 0; bits &= bits - 1) {
        if (!chain->hook[__builtin_ctzll(bits)].all)
            return true;
    }
    return false;
}

/*
 * What the slot says without the matching hooks. Where no new chain can be had, the hooks are switched off in the old
 * one: the number then stays wanted for longer than need be, but no callback of theirs runs.
 */
static void slot_unhook(struct calls *calls, calls_slot *slot, const struct qebek_hook *pattern)
{
    struct calls_chain *old = atomic_load_explicit(slot, memory_order_relaxed);
    uint64_t gone = matching(old, pattern);
    if (gone == 0)
        return;
    uint64_t stay = atomic_load(&old->on) & ~gone;
    if (!any_own(old, stay)) {
        publish(calls, slot, atomic_load(&calls->rest));
        return;
    }
    struct calls_chain *chain = chain_copy(old, stay);
    if (chain == NULL)
        atomic_store(&old->on, stay);
    else
        publish(calls, slot, chain);
}

static void rest_unhook(struct calls *calls, const struct qebek_hook *pattern)
{
    struct calls_chain *old = atomic_load(&calls->rest);
    uint64_t gone = old != NULL ? matching(old, pattern) : 0;
    if (gone == 0)
        return;
    uint64_t stay = atomic_load(&old->on) & ~gone;
    struct calls_chain *chain = stay != 0 ? chain_copy(old, stay) : NULL;
    if (stay != 0 && chain == NULL)
        atomic_store(&old->on, stay);
    else
        publish_rest(calls, chain);
}

void calls__unhook(struct calls *calls, const struct qebek_hook *hook)
{
    pthread_mutex_lock(&calls->hook_lock);
    rest_unhook(calls, hook);
    const struct calls_chain *rest = atomic_load(&calls->rest);
    for (unsigned abi = 0; abi < QBK_ABIS; abi++) {
        for (unsigned nr = 0; nr < CALLS_NR_MAX; nr++) {
            calls_slot *slot = &calls->slots[abi][nr];
            if (atomic_load_explicit(slot, memory_order_relaxed) != rest)
                slot_unhook(calls, slot, hook);
        }
    }
    pthread_mutex_unlock(&calls->hook_lock);
}

void calls__reclaim(struct calls *calls)
{
    pthread_mutex_lock(&calls->hook_lock);
    discard(calls->retired);
    calls->retired = NULL;
    pthread_mutex_unlock(&calls->hook_lock);
}

void hooks__free(struct calls *calls)
{
    struct calls_chain *rest = atomic_load(&calls->rest);
    for (unsigned abi = 0; abi < QBK_ABIS; abi++) {
        for (unsigned nr = 0; nr < CALLS_NR_MAX; nr++) {
            struct calls_chain *chain = atomic_load_explicit(&calls->slots[abi][nr], memory_order_relaxed);
            if (chain != rest)
                free(chain);
        }
    }
    free(rest);
    discard(calls->retired);
}
