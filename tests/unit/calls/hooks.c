// SPDX-License-Identifier: GPL-2.0-or-later
/* Who is asked about which number: dispatch, order, changes while calls are in flight, lack of memory. */
#include "help.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "calls/internal.h"

#define X64 QBK_ABI_LINUX_X86_64

/* Memory that can be had no more: calloc fails from the so-manieth time on. -1: never. */
static int callocs_left = -1;
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
    if (callocs_left == 0)
        return NULL;
    if (callocs_left > 0)
        callocs_left--;
    return __real_calloc(n, size);
}

static void call_once(struct calls *calls, uint32_t nr, const char *expected)
{
    struct calls_thread *thread = calls__thread_get(calls, 1);
    assert_non_null(thread);
    n_seen = 0;
    if (help__enter(calls, thread, nr, nr) != NULL)
        help__return(calls, thread, 0);
    help__expect(expected);
}

static void order(void **state)
{
    struct calls *calls = help__calls();
    struct noter a, b, c, d;
    (void)state;
    help__noter(&a, 'a', 8);
    help__noter(&b, 'b', 16);
    help__noter(&c, 'c', 0);
    help__noter(&d, 'd', 40);
    help__hook(calls, 5, &a);
    assert_int_equal(calls__hook_all(calls, &b.hook), 0);
    help__hook(calls, 5, &c);
    assert_int_equal(calls__hook_all(calls, &d.hook), 0);
    call_once(calls, 5, "<a0 <b0 <c0 <d0 >a0 >b0 >c0 >d0");
    call_once(calls, 6, "<b0 <d0 >b0 >d0");
    calls__unhook(calls, &b.hook);
    call_once(calls, 5, "<a0 <c0 <d0 >a0 >c0 >d0");
    help__hook(calls, 6, &a); /* a slot that so far shared the hooks on all */
    call_once(calls, 6, "<d0 <a0 >d0 >a0");
    calls__unhook(calls, &a.hook);
    call_once(calls, 6, "<d0 >d0");
    calls__unhook(calls, &d.hook);
    call_once(calls, 5, "<c0 >c0");
    call_once(calls, 6, "");
    assert_false(calls__wanted(calls, X64, 6));
    calls__free(calls);
}

static void numbers(void **state)
{
    struct calls *calls = help__calls();
    struct noter a, b;
    (void)state;
    help__noter(&a, 'a', 8);
    help__noter(&b, 'b', 8);
    assert_int_equal(calls__hook(calls, X64, CALLS_NR_MAX - 1, &a.hook), 0);
    assert_int_equal(calls__hook(calls, X64, CALLS_NR_MAX, &a.hook), -EINVAL);
    assert_int_equal(calls__hook(calls, X64, UINT32_MAX, &a.hook), -EINVAL);
    assert_int_equal(calls__hook(calls, QBK_ABIS, 5, &a.hook), -EINVAL);
    assert_true(calls__wanted(calls, X64, CALLS_NR_MAX - 1));
    assert_false(calls__wanted(calls, QBK_ABI_LINUX_I386, CALLS_NR_MAX - 1)); /* number spaces are apart */
    assert_false(calls__wanted(calls, X64, CALLS_NR_MAX));
    assert_false(calls__wanted(calls, X64, UINT32_MAX));
    call_once(calls, CALLS_NR_MAX - 1, "<a0 >a0");
    /* Hooks on all numbers see those without a slot, too. */
    assert_int_equal(calls__hook_all(calls, &b.hook), 0);
    call_once(calls, CALLS_NR_MAX, "<b0 >b0");
    call_once(calls, UINT32_MAX, "<b0 >b0");
    call_once(calls, CALLS_NR_MAX - 1, "<a0 <b0 >a0 >b0");
    assert_false(calls__wanted(calls, QBK_ABIS, 1));
    struct qebek_call strange = {.nr = 1, .abi = 255};
    assert_null(calls__enter(calls, calls__thread_get(calls, 1), 0, &strange, false));
    calls__free(calls);
}

static void bad_hooks(void **state)
{
    struct calls *calls = help__calls();
    struct noter a;
    (void)state;
    help__noter(&a, 'a', QEBEK_CONTEXT_MAX);
    help__hook(calls, 1, &a);
    a.hook.context_size = QEBEK_CONTEXT_MAX + 1;
    assert_int_equal(calls__hook(calls, X64, 1, &a.hook), -EINVAL);
    a.hook.context_size = SIZE_MAX;
    assert_int_equal(calls__hook(calls, X64, 1, &a.hook), -EINVAL);
    a.hook.context_size = 8;
    a.hook.size--;
    assert_int_equal(calls__hook(calls, X64, 1, &a.hook), -EINVAL);
    a.hook.size = sizeof a.hook + 8; /* a newer header's, which an older host can still take */
    assert_int_equal(calls__hook(calls, X64, 1, &a.hook), 0);
    a.hook.size = sizeof a.hook;
    a.hook.pre = NULL;
    a.hook.post = NULL;
    assert_int_equal(calls__hook(calls, X64, 1, &a.hook), -EINVAL);
    assert_int_equal(calls__hook_all(calls, &a.hook), -EINVAL);
    calls__free(calls);
}

/* On all of several numbers or on none. */
static void each(void **state)
{
    struct calls *calls = help__calls();
    struct noter a;
    const struct calls_number good[] = {{X64, 5}, {QBK_ABI_LINUX_I386, 9}}, bad[] = {{X64, 6}, {X64, CALLS_NR_MAX}};
    (void)state;
    help__noter(&a, 'a', 8);
    assert_int_equal(calls__hook_each(calls, bad, 2, &a.hook), -EINVAL);
    assert_false(calls__wanted(calls, X64, 6));
    assert_int_equal(calls__hook_each(calls, good, 2, &a.hook), 0);
    assert_true(calls__wanted(calls, X64, 5));
    assert_true(calls__wanted(calls, QBK_ABI_LINUX_I386, 9));
    assert_false(calls__wanted(calls, X64, 9));
    calls__free(calls);
}

static void full_chain(void **state)
{
    struct calls *calls = help__calls();
    static struct noter noter[CALLS_CHAIN_MAX + 1];
    (void)state;
    for (unsigned i = 0; i < CALLS_CHAIN_MAX; i++) {
        help__noter(&noter[i], 'a', QEBEK_CONTEXT_MAX);
        help__hook(calls, 5, &noter[i]);
    }
    help__noter(&noter[CALLS_CHAIN_MAX], 'z', 8);
    assert_int_equal(calls__hook(calls, X64, 5, &noter[CALLS_CHAIN_MAX].hook), -ENOSPC);
    assert_int_equal(calls__hook_all(calls, &noter[CALLS_CHAIN_MAX].hook), -ENOSPC);
    assert_false(calls__wanted(calls, X64, 6)); /* nothing of it stayed */
    struct calls_thread *thread = calls__thread_get(calls, 1);
    struct qebek_call *call = help__enter(calls, thread, 5, 1);
    assert_non_null(call);
    assert_true(call->watching == UINT64_MAX);
    help__return(calls, thread, 0);
    assert_int_equal(n_seen, 2 * CALLS_CHAIN_MAX);
    /* One goes, another fits. */
    calls__unhook(calls, &noter[10].hook);
    help__hook(calls, 5, &noter[CALLS_CHAIN_MAX]);
    n_seen = 0;
    help__enter(calls, thread, 5, 1);
    assert_int_equal(n_seen, CALLS_CHAIN_MAX);
    assert_int_equal(seen[CALLS_CHAIN_MAX - 1].hook, 'z');
    calls__free(calls);
}

/* A call in flight keeps the hooks that it was entered with. */
static void changes_in_flight(void **state)
{
    struct calls *calls = help__calls();
    struct noter a, b, c;
    (void)state;
    help__noter(&a, 'a', 8);
    help__noter(&b, 'b', 64);
    help__noter(&c, 'c', 8);
    help__hook(calls, 5, &a);
    help__hook(calls, 5, &b);
    struct calls_thread *thread = calls__thread_get(calls, 1);
    help__enter(calls, thread, 5, 1);
    calls__unhook(calls, &a.hook);
    help__hook(calls, 5, &c);
    help__nested(calls, thread, 5, 2);
    calls__unhook(calls, &b.hook);
    calls__unhook(calls, &c.hook);
    assert_null(help__nested(calls, thread, 5, 3));
    help__hook(calls, 5, &a); /* the same again: a new hook, at the end */
    help__hook(calls, 5, &b);
    help__nested(calls, thread, 5, 4);
    for (unsigned i = 0; i < 3; i++)
        help__return(calls, thread, 0);
    help__expect("<a0 <b0 <b1 <c1 <a2 <b2 >a2 >b2 >b1 >c1 >a0 >b0");
    help__balanced(calls, 0);
    calls__free(calls);
}

/* Unhooking looks at user, pre and post: hooks that share some of these are others. */
static void unhook_matches(void **state)
{
    struct calls *calls = help__calls();
    struct noter a;
    (void)state;
    help__noter(&a, 'a', 8);
    struct qebek_hook only_pre = a.hook, only_post = a.hook;
    only_pre.post = NULL;
    only_post.pre = NULL;
    only_post.context_size = 0;
    help__hook(calls, 5, &a);
    assert_int_equal(calls__hook(calls, X64, 5, &only_pre), 0);
    assert_int_equal(calls__hook(calls, X64, 6, &only_pre), 0);
    calls__unhook(calls, &only_pre);
    calls__unhook(calls, &only_post); /* not there: nothing happens */
    assert_false(calls__wanted(calls, X64, 6));
    call_once(calls, 5, "<a0 >a0");
    calls__free(calls);
}

static size_t retired(const struct calls *calls)
{
    size_t n = 0;
    for (const struct calls_chain *chain = calls->retired; chain != NULL; chain = chain->next)
        n++;
    return n;
}

/* Sessions come and go: what they replaced goes, too. */
static void reclaim(void **state)
{
    struct calls *calls = help__calls();
    struct noter a, b;
    size_t most = 0;
    (void)state;
    help__noter(&a, 'a', 8);
    help__noter(&b, 'b', 8);
    for (unsigned round = 0; round < 50; round++) {
        assert_int_equal(calls__hook_all(calls, &b.hook), 0);
        for (uint32_t nr = 0; nr < 20; nr++)
            help__hook(calls, nr, &a);
        call_once(calls, 7, "<b0 <a0 >b0 >a0");
        calls__unhook(calls, &a.hook);
        calls__unhook(calls, &b.hook);
        assert_true(retired(calls) > 0);
        most = round == 0 ? retired(calls) : most;
        assert_true(retired(calls) <= most);
        calls__reclaim(calls);
        assert_int_equal(retired(calls), 0);
        call_once(calls, 7, "");
    }
    help__hook(calls, 7, &a);
    calls__reclaim(calls); /* what is in force stays */
    call_once(calls, 7, "<a0 >a0");
    calls__free(calls);
}

/* Without memory hooking changes nothing. */
static void hook_without_memory(void **state)
{
    struct calls *calls = help__calls();
    struct noter a, b, c;
    const struct calls_number three[] = {{X64, 5}, {X64, 6}, {QBK_ABI_LINUX_I386, 6}};
    (void)state;
    help__noter(&a, 'a', 8);
    help__noter(&b, 'b', 8);
    help__noter(&c, 'c', 8);
    help__hook(calls, 5, &a);
    help__hook(calls, 7, &a);
    help__hook(calls, 8, &a);
    assert_int_equal(calls__hook_all(calls, &c.hook), 0);
    call_once(calls, 5, "<a0 <c0 >a0 >c0"); /* its frame is there from now on */
    for (int n = 0; n < 3; n++) {
        callocs_left = n;
        assert_int_equal(calls__hook_each(calls, three, 3, &b.hook), -ENOMEM);
        callocs_left = n;
        assert_int_equal(calls__hook_all(calls, &b.hook), -ENOMEM);
        callocs_left = -1;
        call_once(calls, 5, "<a0 <c0 >a0 >c0");
        call_once(calls, 6, "<c0 >c0");
        call_once(calls, 7, "<a0 <c0 >a0 >c0");
    }
    assert_int_equal(calls__hook_all(calls, &b.hook), 0);
    call_once(calls, 8, "<a0 <c0 <b0 >a0 >c0 >b0");
    calls__free(calls);
}

/* Unhooking works without memory, and hooking goes on from there once there is some. */
static void unhook_without_memory(void **state)
{
    struct calls *calls = help__calls();
    struct noter a, b, all, all2;
    (void)state;
    help__noter(&a, 'a', 8);
    help__noter(&b, 'b', 8);
    help__noter(&all, 'x', 8);
    help__noter(&all2, 'y', 8);
    assert_int_equal(calls__hook_all(calls, &all.hook), 0);
    assert_int_equal(calls__hook_all(calls, &all2.hook), 0);
    help__hook(calls, 5, &a);
    help__hook(calls, 5, &b);
    help__hook(calls, 6, &a);
    call_once(calls, 5, "<x0 <y0 <a0 <b0 >x0 >y0 >a0 >b0");
    callocs_left = 0;
    calls__unhook(calls, &a.hook);
    call_once(calls, 5, "<x0 <y0 <b0 >x0 >y0 >b0");
    call_once(calls, 6, "<x0 <y0 >x0 >y0");
    calls__unhook(calls, &all.hook);
    call_once(calls, 5, "<y0 <b0 >y0 >b0");
    call_once(calls, 6, "<y0 >y0");
    call_once(calls, 7, "<y0 >y0");
    callocs_left = -1;
    help__hook(calls, 5, &a);
    assert_int_equal(calls__hook_all(calls, &all.hook), 0);
    call_once(calls, 5, "<y0 <b0 <a0 <x0 >y0 >b0 >a0 >x0");
    call_once(calls, 7, "<y0 <x0 >y0 >x0");
    callocs_left = 0;
    calls__unhook(calls, &all.hook);
    calls__unhook(calls, &all2.hook);
    calls__unhook(calls, &a.hook);
    calls__unhook(calls, &b.hook);
    callocs_left = -1;
    call_once(calls, 5, "");
    call_once(calls, 7, "");
    assert_false(calls__wanted(calls, X64, 7));
    calls__free(calls);
}

/*
 * What a call costs does not grow with the hooks on other numbers, nor with other threads and their calls: all of those
 * are made unreadable nonsense while the call is entered and ended, so a single look at any of them would show.
 */
static void costs(void **state)
{
    struct calls *calls = help__calls();
    static struct noter noter[2000];
    static struct calls_chain *chains[2000];
    static uint8_t saved[2000][sizeof(struct calls_chain) + sizeof(struct calls_hook)];
    static struct calls_thread others[2000];
    (void)state;
    for (uint32_t nr = 0; nr < 2000; nr++) {
        help__noter(&noter[nr], 'a', 8);
        help__hook(calls, nr, &noter[nr]);
        help__nested(calls, calls__thread_get(calls, 1000 + nr), nr, nr);
    }
    struct calls_thread *thread = calls__thread_get(calls, 1);
    call_once(calls, 700, "<a0 >a0");
    assert_int_equal(hooks__chain(calls, X64, 700)->n, 1);
    for (uint32_t nr = 0; nr < 2000; nr++) {
        chains[nr] = nr != 700 ? hooks__chain(calls, X64, nr) : NULL;
        if (chains[nr] == NULL)
            continue;
        memcpy(saved[nr], chains[nr], sizeof saved[nr]);
        memset((void *)chains[nr], 0xa5, sizeof saved[nr]);
        struct calls_thread *other = calls__thread_find(calls, 1000 + nr);
        others[nr].depth = other->depth;
        others[nr].frames = other->frames;
        other->depth = 0xa5a5a5a5u;
        memset((void *)&other->frames, 0xa5, sizeof(void *));
    }
    for (unsigned i = 0; i < 100; i++) {
        assert_non_null(help__enter(calls, thread, 700, i));
        assert_null(help__nested(calls, thread, 2001, i)); /* nobody's */
        help__return(calls, thread, i);
    }
    assert_int_equal(n_seen, 200);
    for (uint32_t nr = 0; nr < 2000; nr++) {
        if (chains[nr] == NULL)
            continue;
        memcpy((void *)chains[nr], saved[nr], sizeof saved[nr]);
        struct calls_thread *other = calls__thread_find(calls, 1000 + nr);
        other->depth = others[nr].depth;
        other->frames = others[nr].frames;
    }
    n_seen = 0;
    calls__all_gone(calls, 0, NULL, QBK_END_IN_FLIGHT);
    assert_int_equal(n_seen, 2000);
    help__balanced(calls, 0);
    calls__free(calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order),
        cmocka_unit_test(numbers),
        cmocka_unit_test(bad_hooks),
        cmocka_unit_test(each),
        cmocka_unit_test(full_chain),
        cmocka_unit_test(changes_in_flight),
        cmocka_unit_test(unhook_matches),
        cmocka_unit_test(reclaim),
        cmocka_unit_test(hook_without_memory),
        cmocka_unit_test(unhook_without_memory),
        cmocka_unit_test(costs),
    };
    return cmocka_run_group_tests_name("calls-hooks", tests, NULL, NULL);
}
