// SPDX-License-Identifier: GPL-2.0-or-later
/* One thread's calls: nesting, every end, contexts, refusals, limits. */
#include "help.h"

#include <string.h>

#include "calls/internal.h"

#define KEY 0xffff888000001000u

static void one_call(void **state)
{
    struct calls *calls = help__calls();
    struct noter a;
    (void)state;
    help__noter(&a, 'a', 16);
    help__hook(calls, 5, &a);
    struct calls_thread *thread = calls__thread_get(calls, KEY);
    assert_null(calls__top(thread));
    assert_false(help__return(calls, thread, 0));

    struct qebek_call *call = help__enter(calls, thread, 5, 77);
    assert_non_null(call);
    assert_ptr_equal(calls__top(thread), call);
    assert_int_equal(call->cookie, 77);
    assert_int_equal(thread->depth, 1);
    assert_true(help__return(calls, thread, 42));
    assert_int_equal(thread->depth, 0);
    assert_int_equal(n_seen, 2);
    assert_int_equal(seen[1].end, QBK_END_RETURNED);
    assert_int_equal(seen[1].flags, QBK_RETURN_HAS_RESULT);
    assert_int_equal(seen[1].result, 42);
    assert_int_equal(seen[1].key, KEY);
    assert_ptr_equal(seen[0].machine, &seen[0]); /* each event brings its own */
    assert_ptr_equal(seen[1].machine, &seen[1]);
    help__expect("<a0 >a0");
    assert_false(help__return(calls, thread, 0));
    help__balanced(calls, 0);
    calls__free(calls);
}

static void every_end(void **state)
{
    struct calls *calls = help__calls();
    struct noter a;
    struct calls_counts counts;
    (void)state;
    help__noter(&a, 'a', 8);
    help__hook(calls, 5, &a);
    struct calls_thread *thread = calls__thread_get(calls, KEY);
    for (unsigned end = 0; end < QBK_ENDS; end++) {
        for (unsigned i = 0; i <= end; i++) { /* another count for each end */
            n_seen = 0;
            assert_non_null(help__enter(calls, thread, 5, i));
            assert_true(calls__end(calls, thread, i % 3, NULL, (enum qbk_end)end, (uint8_t)i, i * 3));
            assert_int_equal(seen[1].end, end);
            assert_int_equal(seen[1].flags, i);
            assert_int_equal(seen[1].result, i * 3);
        }
    }
    calls__counts(calls, &counts);
    for (unsigned end = 0; end < QBK_ENDS; end++)
        assert_int_equal(counts.ends[end], end + 1);
    /* A value that is no end must not be written out of bounds; it is qebek's own defect. */
    assert_non_null(help__enter(calls, thread, 5, 0));
    n_seen = 0;
    assert_true(calls__end(calls, thread, 0, NULL, (enum qbk_end)200, 0, 0));
    assert_int_equal(seen[0].end, QBK_END_ORPHANED);
    help__balanced(calls, 0);
    calls__free(calls);
}

static void nesting(void **state)
{
    struct calls *calls = help__calls();
    struct noter a, b;
    (void)state;
    help__noter(&a, 'a', 24);
    help__noter(&b, 'b', 8);
    help__hook(calls, 5, &a);
    help__hook(calls, 6, &b);
    struct calls_thread *thread = calls__thread_get(calls, KEY);
    help__enter(calls, thread, 5, 1);
    help__nested(calls, thread, 6, 2);
    help__nested(calls, thread, 5, 3);
    assert_int_equal(thread->depth, 3);
    help__balanced(calls, 3);
    help__return(calls, thread, 30);
    help__return(calls, thread, 20);
    help__nested(calls, thread, 6, 4); /* the frame of the call before is used again */
    help__return(calls, thread, 40);
    assert_int_equal(seen[3].result, 30); /* the contexts' own check has made sure that each is the call's */
    assert_int_equal(seen[4].result, 20);
    help__return(calls, thread, 10);
    help__expect("<a0 <b1 <a2 >a2 >b1 <b1 >b1 >a0");
    calls__free(calls);
}

static void missed_ends(void **state)
{
    struct calls *calls = help__calls();
    struct noter a;
    struct calls_counts counts;
    (void)state;
    help__noter(&a, 'a', 8);
    help__hook(calls, 5, &a);
    struct calls_thread *thread = calls__thread_get(calls, KEY);
    help__enter(calls, thread, 5, 1);
    help__nested(calls, thread, 5, 2);
    help__enter(calls, thread, 5, 3); /* not nested: two ends were missed */
    assert_int_equal(seen[2].end, QBK_END_ORPHANED);
    assert_int_equal(seen[3].end, QBK_END_ORPHANED);
    help__expect("<a0 <a1 >a1 >a0 <a0");
    /* Also when the new call is nobody's. */
    assert_null(help__enter(calls, thread, 99, 4));
    help__expect(">a0");
    calls__counts(calls, &counts);
    assert_int_equal(counts.ends[QBK_END_ORPHANED], 3);
    help__balanced(calls, 0);
    calls__free(calls);
}

static void refusal(void **state)
{
    struct calls *calls = help__calls();
    struct noter a, b;
    (void)state;
    help__noter(&a, 'a', 8);
    help__noter(&b, 'b', 32);
    help__hook(calls, 5, &a);
    help__hook(calls, 5, &b);
    struct calls_thread *thread = calls__thread_get(calls, KEY);
    a.skip = true; /* only one of two */
    assert_non_null(help__enter(calls, thread, 5, 1));
    help__return(calls, thread, 0);
    help__expect("<a0 <b0 >b0");
    b.skip = true; /* both: the call leaves nothing behind */
    assert_null(help__enter(calls, thread, 5, 1));
    assert_int_equal(thread->depth, 0);
    assert_false(help__return(calls, thread, 0));
    help__expect("<a0 <b0");
    struct calls_counts counts;
    calls__counts(calls, &counts);
    assert_int_equal(counts.entries, 1);
    /* An outer call is not touched by a refused inner one. */
    a.skip = false;
    help__enter(calls, thread, 5, 7);
    a.skip = true;
    assert_null(help__nested(calls, thread, 5, 8));
    help__return(calls, thread, 0);
    help__expect("<a0 <b0 <a1 <b1 >a0");
    calls__free(calls);
}

/* No pre: every call. No post: nothing is kept for the return. */
static void half_hooks(void **state)
{
    struct calls *calls = help__calls();
    struct noter a, b;
    (void)state;
    help__noter(&a, 'a', 0);
    help__noter(&b, 'b', 8);
    a.hook.pre = NULL;
    b.hook.post = NULL;
    help__hook(calls, 5, &a);
    help__hook(calls, 6, &b);
    struct calls_thread *thread = calls__thread_get(calls, KEY);
    assert_non_null(help__enter(calls, thread, 5, 1));
    help__return(calls, thread, 0);
    assert_null(seen[0].context); /* size 0 */
    assert_null(help__enter(calls, thread, 6, 1));
    help__expect(">a0 <b0");
    assert_int_equal(thread->depth, 0);
    calls__free(calls);
}

/* Contexts of all sizes side by side: aligned, apart from each other, and of the largest size whole. */
static void contexts(void **state)
{
    static const size_t sizes[] = {1, QEBEK_CONTEXT_MAX, 8, 17, 0, 16, 511};
    struct calls *calls = help__calls();
    struct noter noter[7];
    (void)state;
    for (unsigned i = 0; i < 7; i++) {
        help__noter(&noter[i], (char)('a' + i), sizes[i]);
        help__hook(calls, 5, &noter[i]);
    }
    struct calls_thread *thread = calls__thread_get(calls, KEY);
    help__enter(calls, thread, 5, 1);
    help__nested(calls, thread, 5, 2);
    for (unsigned i = 0; i < 14; i++) {
        const uint8_t *at = seen[i].context;
        if (sizes[i % 7] == 0) {
            assert_null(at);
            continue;
        }
        assert_int_equal((uintptr_t)at % 16, 0);
        for (unsigned j = 0; j < 14; j++) {
            const uint8_t *other = seen[j].context;
            if (i != j && other != NULL)
                assert_true(at + sizes[i % 7] <= other || other + sizes[j % 7] <= at);
        }
    }
    help__return(calls, thread, 0);
    help__return(calls, thread, 0);
    assert_int_equal(n_seen, 28);
    calls__free(calls);
}

/* The frame of a call with small contexts is used again for one with larger ones. */
static void growing_arena(void **state)
{
    struct calls *calls = help__calls();
    struct noter a, b;
    (void)state;
    help__noter(&a, 'a', 8);
    help__noter(&b, 'b', QEBEK_CONTEXT_MAX);
    help__hook(calls, 5, &a);
    help__hook(calls, 6, &b);
    struct calls_thread *thread = calls__thread_get(calls, KEY);
    for (unsigned i = 0; i < 20; i++) {
        help__enter(calls, thread, 5 + i % 2, i);
        help__return(calls, thread, i);
    }
    help__expect("<a0 >a0 <b0 >b0 <a0 >a0 <b0 >b0 <a0 >a0 <b0 >b0 <a0 >a0 <b0 >b0 <a0 >a0 <b0 >b0 "
                 "<a0 >a0 <b0 >b0 <a0 >a0 <b0 >b0 <a0 >a0 <b0 >b0 <a0 >a0 <b0 >b0 <a0 >a0 <b0 >b0");
    calls__free(calls);
}

static void deep(void **state)
{
    struct calls *calls = help__calls();
    struct noter a;
    struct calls_counts counts;
    (void)state;
    help__noter(&a, 'a', 8);
    help__hook(calls, 5, &a);
    struct calls_thread *thread = calls__thread_get(calls, KEY);
    for (unsigned i = 0; i < CALLS_DEPTH_MAX; i++) {
        struct qebek_call *call = help__nested(calls, thread, 5, i);
        assert_non_null(call);
        assert_int_equal(call->depth, i);
    }
    assert_int_equal(calls__no_room(calls, 0), 0);
    n_seen = 0;
    assert_null(help__nested(calls, thread, 5, 1000)); /* too deep: no callback, counted, the others unharmed */
    assert_int_equal(n_seen, 0);
    assert_null(help__nested(calls, thread, 6, 1000)); /* nobody's: not counted */
    calls__counts(calls, &counts);
    assert_int_equal(counts.too_deep, 1);
    assert_int_equal(calls__no_room(calls, 0), 1);
    assert_int_equal(calls__no_room(calls, 1), 0);
    for (unsigned i = CALLS_DEPTH_MAX; i-- > 0;) {
        assert_true(help__return(calls, thread, i));
        assert_int_equal(seen[n_seen - 1].depth, i);
    }
    assert_false(help__return(calls, thread, 0));
    help__balanced(calls, 0);
    calls__free(calls);
}

/* Once a thread has been as deep as it goes, a call takes no memory. */
static void steady(void **state)
{
    struct calls *calls = help__calls();
    struct noter a;
    (void)state;
    help__noter(&a, 'a', 100);
    help__hook(calls, 5, &a);
    struct calls_thread *thread = calls__thread_get(calls, KEY);
    size_t memory = 0;
    for (unsigned round = 0; round < 100; round++) {
        for (unsigned i = 0; i < 9; i++)
            help__nested(calls, thread, 5, i);
        for (unsigned i = 0; i < 9; i++)
            help__return(calls, thread, i);
        if (round == 0)
            memory = atomic_load(&calls->memory);
        n_seen = 0;
    }
    assert_int_equal(atomic_load(&calls->memory), memory);
    calls__free(calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_call),    cmocka_unit_test(every_end),     cmocka_unit_test(nesting),
        cmocka_unit_test(missed_ends), cmocka_unit_test(refusal),       cmocka_unit_test(half_hooks),
        cmocka_unit_test(contexts),    cmocka_unit_test(growing_arena), cmocka_unit_test(deep),
        cmocka_unit_test(steady),
    };
    return cmocka_run_group_tests_name("calls-stack", tests, NULL, NULL);
}
