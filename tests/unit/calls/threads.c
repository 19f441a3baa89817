// SPDX-License-Identifier: GPL-2.0-or-later
/* Threads: found, made, claimed, ended; their order; the memory that all of them may take together. */
#include "help.h"

#include <string.h>

#include "calls/internal.h"

static void find_and_get(void **state)
{
    struct calls *calls = help__calls();
    (void)state;
    assert_null(calls__thread_find(calls, 1));
    for (uint64_t key = 0; key < 5000; key++) { /* any key is one, also 0 */
        struct calls_thread *thread = calls__thread_get(calls, key << 6);
        assert_non_null(thread);
        assert_int_equal(thread->key, key << 6);
        for (unsigned i = 0; i < 16; i++)
            assert_int_equal(((const uint8_t *)thread->owner)[i], 0);
        memset(thread->owner, 0xee, 16);
    }
    for (uint64_t key = 0; key < 5000; key++) {
        struct calls_thread *thread = calls__thread_find(calls, key << 6);
        assert_non_null(thread);
        assert_ptr_equal(calls__thread_get(calls, key << 6), thread);
        assert_int_equal(thread->key, key << 6);
    }
    assert_null(calls__thread_find(calls, 1));
    assert_int_equal(calls__thread_count(calls), 5000);
    calls__free(calls);
}

static void note_key(struct calls_thread *thread, void *data)
{
    uint64_t **next = data;
    *(*next)++ = thread->key;
}

/* The order of birth, whatever the hash says: a trace of the same run is the same. */
static void order(void **state)
{
    struct calls *calls = help__calls();
    uint64_t keys[4], *next = keys;
    (void)state;
    for (uint64_t key = 50; key > 45; key--)
        calls__thread_get(calls, key);
    calls__thread_gone(calls, calls__thread_find(calls, 48), 0, NULL, QBK_END_THREAD_GONE);
    calls__thread_gone(calls, calls__thread_find(calls, 50), 0, NULL, QBK_END_THREAD_GONE);
    calls__thread_get(calls, 48);
    calls__thread_each(calls, note_key, &next);
    assert_ptr_equal(next, keys + 4);
    static const uint64_t expected[] = {49, 47, 46, 48};
    assert_memory_equal(keys, expected, sizeof expected);
    calls__free(calls);
}

static void gone(void **state)
{
    struct calls *calls = help__calls();
    struct noter a;
    (void)state;
    help__noter(&a, 'a', 8);
    help__hook(calls, 5, &a);
    struct calls_thread *thread = calls__thread_get(calls, 1000);
    help__enter(calls, thread, 5, 1);
    help__nested(calls, thread, 5, 2);
    help__nested(calls, thread, 5, 3);
    calls__thread_gone(calls, thread, 1, &seen[7], QBK_END_NORETURN);
    assert_int_equal(n_seen, 6);
    assert_int_equal(seen[3].end, QBK_END_NORETURN);
    assert_int_equal(seen[4].end, QBK_END_THREAD_GONE);
    assert_int_equal(seen[5].end, QBK_END_THREAD_GONE);
    assert_ptr_equal(seen[5].machine, &seen[7]);
    help__expect("<a0 <a1 <a2 >a2 >a1 >a0");
    assert_null(calls__thread_find(calls, 1000));
    /* The object is used again: another thread, with nothing of the first. */
    thread = calls__thread_get(calls, 1000);
    assert_int_equal(thread->depth, 0);
    assert_false(help__return(calls, thread, 0));
    help__expect("");
    help__balanced(calls, 0);
    calls__free(calls);
}

static void all_gone(void **state)
{
    struct calls *calls = help__calls();
    struct noter a;
    (void)state;
    help__noter(&a, 'a', 8);
    help__hook(calls, 5, &a);
    for (uint64_t key = 3; key > 0; key--) {
        help__enter(calls, calls__thread_get(calls, key), 5, key);
        help__nested(calls, calls__thread_find(calls, key), 5, key);
    }
    n_seen = 0;
    calls__all_gone(calls, 0, &seen[9], QBK_END_MACHINE_GONE);
    assert_int_equal(n_seen, 6);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(seen[i].key, 3 - i / 2);
        assert_int_equal(seen[i].depth, 1 - i % 2);
        assert_int_equal(seen[i].end, QBK_END_MACHINE_GONE);
        assert_ptr_equal(seen[i].machine, &seen[9]);
    }
    assert_int_equal(calls__thread_count(calls), 0);
    help__balanced(calls, 0);
    calls__free(calls);
}

static void claims(void **state)
{
    struct calls *calls = help__calls();
    (void)state;
    assert_null(calls__thread_claim(calls, 5, 0, false));
    struct calls_thread *thread = calls__thread_claim(calls, 5, 0, true);
    assert_non_null(thread);
    assert_ptr_equal(calls__thread_claim(calls, 5, 0, false), thread); /* again, by its holder */
    assert_false(atomic_load(&thread->touched));
    assert_null(calls__thread_claim(calls, 5, 1, true));
    assert_true(atomic_load(&thread->touched));
    assert_int_equal(calls__thread_count(calls), 1);
    calls__thread_release(thread);
    assert_ptr_equal(calls__thread_claim(calls, 5, 1, false), thread);
    assert_null(calls__thread_claim(calls, 5, 0, false));
    calls__thread_gone(calls, thread, 1, NULL, QBK_END_THREAD_GONE);
    assert_null(calls__thread_claim(calls, 5, 0, false)); /* it died with its claim */
    assert_non_null(calls__thread_claim(calls, 5, 0, true));
    calls__free(calls);
}

/* Whatever a guest does, memory stays within the limit; what finds none is counted; what ends gives it back. */
static void budget(void **state)
{
    struct calls *calls = help__calls();
    struct noter a;
    struct calls_counts counts;
    uint64_t made = 0, refused = 0, denied = 0, entered = 0;
    (void)state;
    help__noter(&a, 'a', 200);
    help__hook(calls, 5, &a);
    calls->memory_max = 100000;
    /* Whether the end comes at a thread or at a frame is chance, so a little room is added until it came at a frame. */
    for (uint64_t key = 0; key < 3000 || (denied == 0 && key < 6000); key++) {
        calls->memory_max += key < 3000 ? 0 : 32;
        struct calls_thread *thread = calls__thread_get(calls, key);
        made += thread != NULL;
        refused += thread == NULL;
        if (thread != NULL) {
            bool there = help__enter(calls, thread, 5, key) != NULL;
            entered += there;
            denied += !there;
        }
        assert_true(atomic_load(&calls->memory) <= calls->memory_max);
        n_seen = 0;
    }
    assert_true(made > 10 && refused > 10 && denied > 0 && entered > 10);
    calls__counts(calls, &counts);
    assert_int_equal(counts.no_memory, refused + denied);
    assert_int_equal(counts.entries, entered);
    assert_int_equal(calls__no_room(calls, 0), denied);
    assert_null(calls__thread_claim(calls, 1u << 20, 0, true)); /* counted, too */
    calls__counts(calls, &counts);
    assert_int_equal(counts.no_memory, refused + denied + 1);
    /* Every call that was accepted still ends properly. */
    calls__all_gone(calls, 0, NULL, QBK_END_IN_FLIGHT);
    assert_int_equal(n_seen, entered);
    help__balanced(calls, 0);
    /* And there is room again. */
    struct calls_thread *thread = calls__thread_get(calls, 7);
    assert_non_null(thread);
    assert_non_null(help__enter(calls, thread, 5, 7));
    help__return(calls, thread, 0);
    calls__thread_gone(calls, thread, 0, NULL, QBK_END_THREAD_GONE);
    size_t tables = 0;
    for (unsigned i = 0; i < CALLS_SHARDS; i++)
        tables += calls->shards[i].n_buckets * sizeof(struct calls_node *);
    assert_int_equal(atomic_load(&calls->memory), tables);
    calls__free(calls);
}

/* A deeper call that finds no memory leaves the calls below it as they are. */
static void budget_in_depth(void **state)
{
    struct calls *calls = help__calls();
    struct noter a, b;
    (void)state;
    help__noter(&a, 'a', 8);
    help__noter(&b, 'b', QEBEK_CONTEXT_MAX);
    help__hook(calls, 5, &a);
    help__hook(calls, 6, &b);
    struct calls_thread *thread = calls__thread_get(calls, 1);
    for (unsigned i = 0; i < 4; i++)
        assert_non_null(help__nested(calls, thread, 5, i));
    calls->memory_max = atomic_load(&calls->memory);
    n_seen = 0;
    assert_null(help__nested(calls, thread, 5, 9)); /* the stack cannot grow */
    help__return(calls, thread, 3);
    assert_null(help__nested(calls, thread, 6, 9)); /* the arena cannot */
    assert_non_null(help__nested(calls, thread, 5, 4));
    assert_int_equal(calls__no_room(calls, 0), 2);
    for (unsigned i = 0; i < 4; i++)
        assert_true(help__return(calls, thread, i));
    help__expect(">a3 <a3 >a3 >a2 >a1 >a0");
    calls->memory_max = CALLS_MEMORY_MAX;
    assert_non_null(help__nested(calls, thread, 6, 9));
    help__return(calls, thread, 0);
    help__balanced(calls, 0);
    calls__free(calls);
}

/* The table grows with its threads, so that finding one takes the same few looks however many there are. */
static void table(void **state)
{
    struct calls *calls = help__calls();
    (void)state;
    for (uint64_t key = 0; key < 100000; key++)
        calls__thread_get(calls, 0xffff888000000000u + key * 4096);
    size_t longest = 0, threads = 0;
    for (unsigned i = 0; i < CALLS_SHARDS; i++) {
        const struct calls_shard *shard = &calls->shards[i];
        assert_true(shard->count <= shard->n_buckets);
        for (size_t b = 0; b < shard->n_buckets; b++) {
            size_t length = 0;
            for (const struct calls_node *node = shard->buckets[b]; node != NULL; node = node->chained)
                length++;
            threads += length;
            longest = length > longest ? length : longest;
        }
    }
    assert_int_equal(threads, 100000);
    assert_true(longest < 16);
    calls__free(calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find_and_get),    cmocka_unit_test(order),  cmocka_unit_test(gone),
        cmocka_unit_test(all_gone),        cmocka_unit_test(claims), cmocka_unit_test(budget),
        cmocka_unit_test(budget_in_depth), cmocka_unit_test(table),
    };
    return cmocka_run_group_tests_name("calls-threads", tests, NULL, NULL);
}
