/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of guest threads: a hash over the kernel's thread objects in shards with a lock each, so that vCPUs that
 * switch threads do not wait for each other, and a list in the order of birth, so that whatever concerns all threads
 * happens in the same order in every run.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include "calls/internal.h"

#define BUCKETS_FIRST 16u

/* Mixes all bits; the seed keeps a guest from choosing keys that fall into one bucket. */
static uint64_t hash(const struct calls *calls, uint64_t key)
{
    uint64_t h = key ^ calls->hash_seed;
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdull;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ull;
    return h ^ (h >> 33);
}

static struct calls_shard *shard_of(struct calls *calls, uint64_t h)
{
    return &calls->shards[h & (CALLS_SHARDS - 1)];
}

static struct calls_node **bucket_of(struct calls_shard *shard, uint64_t h)
{
    return &shard->buckets[(h >> 16) & (shard->n_buckets - 1)];
}

int threads__init(struct calls *calls)
{
    if (getrandom(&calls->hash_seed, sizeof calls->hash_seed, GRND_NONBLOCK) != (ssize_t)sizeof calls->hash_seed)
        calls->hash_seed = (uint64_t)(uintptr_t)calls; /* less of a secret, and good enough */
    for (unsigned i = 0; i < CALLS_SHARDS; i++) {
        if (pthread_mutex_init(&calls->shards[i].lock, NULL) != 0)
            return -ENOMEM;
    }
    return pthread_mutex_init(&calls->list_lock, NULL) == 0 ? 0 : -ENOMEM;
}

static struct calls_node *lookup(struct calls_shard *shard, uint64_t h, uint64_t key)
{
    if (shard->n_buckets == 0)
        return NULL;
    struct calls_node *node = *bucket_of(shard, h);
    while (node != NULL && node->thread.key != key)
        node = node->chained;
    return node;
}

struct calls_thread *calls__thread_find(struct calls *calls, uint64_t key)
{
    uint64_t h = hash(calls, key);
    struct calls_shard *shard = shard_of(calls, h);
    pthread_mutex_lock(&shard->lock);
    struct calls_node *node = lookup(shard, h, key);
    pthread_mutex_unlock(&shard->lock);
    return node != NULL ? &node->thread : NULL;
}

/* Doubles the buckets when the shard is full. Without memory it stays as it is: slower, or, at first, false. */
static bool make_room(struct calls *calls, struct calls_shard *shard)
{
    if (shard->count < shard->n_buckets)
        return true;
    struct calls_shard larger = {.n_buckets = shard->n_buckets != 0 ? 2 * shard->n_buckets : BUCKETS_FIRST};
    larger.buckets = memory__take(calls, larger.n_buckets * sizeof(struct calls_node *));
    if (larger.buckets == NULL)
        return shard->n_buckets != 0;
    for (size_t i = 0; i < shard->n_buckets; i++) {
        struct calls_node *node = shard->buckets[i];
        while (node != NULL) {
            struct calls_node *next = node->chained;
            struct calls_node **bucket = bucket_of(&larger, hash(calls, node->thread.key));
            node->chained = *bucket;
            *bucket = node;
            node = next;
        }
    }
    memory__give(calls, shard->buckets, shard->n_buckets * sizeof(struct calls_node *));
    shard->buckets = larger.buckets;
    shard->n_buckets = larger.n_buckets;
    return true;
}

static struct calls_node *node_new(struct calls *calls, uint64_t key)
{
    size_t head = (sizeof(struct calls_node) + CALLS_ALIGN - 1) & ~(size_t)(CALLS_ALIGN - 1);
    size_t bytes = head + calls->owner_size;
    struct calls_node *node = memory__take(calls, bytes);
    if (node == NULL)
        return NULL;
    node->bytes = bytes;
    node->thread.key = key;
    atomic_init(&node->thread.holder, CALLS_NOBODY);
    node->thread.owner = (uint8_t *)node + head;
    return node;
}

static void list_append(struct calls *calls, struct calls_node *node)
{
    pthread_mutex_lock(&calls->list_lock);
    node->prev = calls->last;
    if (calls->last != NULL)
        calls->last->next = node;
    else
        calls->first = node;
    calls->last = node;
    calls->n_threads++;
    pthread_mutex_unlock(&calls->list_lock);
}

static void list_remove(struct calls *calls, struct calls_node *node)
{
    pthread_mutex_lock(&calls->list_lock);
    if (node->prev != NULL)
        node->prev->next = node->next;
    else
        calls->first = node->next;
    if (node->next != NULL)
        node->next->prev = node->prev;
    else
        calls->last = node->prev;
    calls->n_threads--;
    pthread_mutex_unlock(&calls->list_lock);
}

/* A new thread, in its bucket and in the list. NULL: no memory. */
static struct calls_node *add(struct calls *calls, struct calls_shard *shard, uint64_t h, uint64_t key)
{
    struct calls_node *node = make_room(calls, shard) ? node_new(calls, key) : NULL;
    if (node == NULL)
        return NULL;
    struct calls_node **bucket = bucket_of(shard, h);
    node->chained = *bucket;
    *bucket = node;
    shard->count++;
    list_append(calls, node);
    return node;
}

static void count_no_memory(struct calls *calls)
{
    tally__add(calls, calls->n_slots, &calls->tally[calls->n_slots].no_memory);
}

struct calls_thread *calls__thread_get(struct calls *calls, uint64_t key)
{
    uint64_t h = hash(calls, key);
    struct calls_shard *shard = shard_of(calls, h);
    pthread_mutex_lock(&shard->lock);
    struct calls_node *node = lookup(shard, h, key);
    if (node == NULL)
        node = add(calls, shard, h, key);
    pthread_mutex_unlock(&shard->lock);
    if (node == NULL)
        count_no_memory(calls);
    return node != NULL ? &node->thread : NULL;
}

/* Under the shard's lock, so that the thread is not dropped meanwhile. */
static bool claim(struct calls_thread *thread, unsigned slot)
{
    unsigned holder = atomic_load_explicit(&thread->holder, memory_order_acquire);
    if (holder != CALLS_NOBODY && holder != slot) {
        atomic_store_explicit(&thread->touched, true, memory_order_relaxed);
        return false;
    }
    atomic_store_explicit(&thread->holder, slot, memory_order_relaxed);
    return true;
}

struct calls_thread *calls__thread_claim(struct calls *calls, uint64_t key, unsigned slot, bool create)
{
    uint64_t h = hash(calls, key);
    struct calls_shard *shard = shard_of(calls, h);
    pthread_mutex_lock(&shard->lock);
    struct calls_node *node = lookup(shard, h, key);
    bool missing = node == NULL && create;
    if (missing)
        node = add(calls, shard, h, key);
    bool mine = node != NULL && claim(&node->thread, slot);
    pthread_mutex_unlock(&shard->lock);
    if (missing && node == NULL)
        count_no_memory(calls);
    return mine ? &node->thread : NULL;
}

void calls__thread_release(struct calls_thread *thread)
{
    atomic_store_explicit(&thread->holder, CALLS_NOBODY, memory_order_release);
}

static void node_free(struct calls *calls, struct calls_node *node)
{
    struct calls_thread *thread = &node->thread;
    for (unsigned i = 0; i < thread->capacity; i++) {
        struct qebek_call *frame = thread->frames[i];
        if (frame == NULL)
            break;
        memory__give(calls, frame->contexts, frame->contexts_size);
        memory__give(calls, frame, sizeof *frame);
    }
    memory__give(calls, (void *)thread->frames, thread->capacity * sizeof(struct qebek_call *));
    memory__give(calls, node, node->bytes);
}

void threads__drop(struct calls *calls, struct calls_thread *thread)
{
    struct calls_node *node = (struct calls_node *)thread; /* its first member */
    uint64_t h = hash(calls, thread->key);
    struct calls_shard *shard = shard_of(calls, h);
    pthread_mutex_lock(&shard->lock);
    struct calls_node **link = bucket_of(shard, h);
    while (*link != node)
        link = &(*link)->chained;
    *link = node->chained;
    shard->count--;
    list_remove(calls, node);
    pthread_mutex_unlock(&shard->lock);
    node_free(calls, node);
}

size_t calls__thread_count(struct calls *calls)
{
    pthread_mutex_lock(&calls->list_lock);
    size_t count = calls->n_threads;
    pthread_mutex_unlock(&calls->list_lock);
    return count;
}

void calls__thread_each(struct calls *calls, void (*fn)(struct calls_thread *thread, void *data), void *data)
{
    pthread_mutex_lock(&calls->list_lock);
    for (struct calls_node *node = calls->first; node != NULL; node = node->next)
        fn(&node->thread, data);
    pthread_mutex_unlock(&calls->list_lock);
}

void threads__free(struct calls *calls)
{
    for (struct calls_node *node = calls->first; node != NULL;) {
        struct calls_node *next = node->next;
        node_free(calls, node);
        node = next;
    }
    for (unsigned i = 0; i < CALLS_SHARDS; i++) {
        struct calls_shard *shard = &calls->shards[i];
        memory__give(calls, (void *)shard->buckets, shard->n_buckets * sizeof(struct calls_node *));
        pthread_mutex_destroy(&shard->lock);
    }
    pthread_mutex_destroy(&calls->list_lock);
}
