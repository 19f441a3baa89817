// SPDX-License-Identifier: GPL-2.0-or-later
/* The check passes good traces, and each way to break one is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "build.h"
#include "trace/check.h"

struct outcome {
    struct check_result result;
    char *first; /* message */
};

static struct outcome run(struct build *b, bool continuation)
{
    struct check *c = check__new(continuation);
    struct outcome o = {.first = NULL};

    for (unsigned i = 0; i < b->records->len; i++)
        check__feed(c, b->records->pdata[i]);
    o.result = *check__finish(c);
    if (o.result.messages->len > 0)
        o.first = g_strdup(o.result.messages->pdata[0]);
    o.result.messages = NULL;
    check__free(c);
    return o;
}

/* Run, expect at least one violation with this text in the first message (NULL: expect none), and free the build. */
static struct check_result expect_in(struct build *b, bool continuation, const char *text)
{
    struct outcome o = run(b, continuation);

    if (!text != !o.first || (text && o.first && !strstr(o.first, text)))
        fail_msg("\"%s\" instead of \"%s\"", o.first ? o.first : "nothing", text ? text : "nothing");
    assert_int_equal(o.result.violations > 0, text != NULL);
    g_free(o.first);
    build__free(b);
    return o.result;
}

static struct check_result expect(struct build *b, const char *text)
{
    return expect_in(b, false, text);
}

static void begin(struct build *b)
{
    build__init(b);
    build__meta(b, "qebek", "0.1.0", NULL);
    build__thread(b, 1, 71, "cat");
    build__thread(b, 2, 72, "dog");
}

static uint64_t enter_at(struct build *b, uint64_t thread, uint8_t depth)
{
    uint64_t call = build__enter(b, thread, 10, 0, NULL);

    ((struct qbk_enter *)build__last(b))->depth = depth;
    return call;
}

static void call(struct build *b, uint64_t thread)
{
    build__return(b, thread, enter_at(b, thread, 0), QBK_END_RETURNED, 0);
}

static void test_good(void **state)
{
    struct build b;
    struct check_result r;

    (void)state;
    build__init(&b);
    build__sample(&b);
    r = expect(&b, NULL);
    assert_int_equal(r.records, 40);
    assert_int_equal(r.functions, 2);
    assert_int_equal(r.blocks, 2);
    assert_int_equal(r.insns, 5);
    assert_int_equal(r.function_ends[QBK_FUNCTION_RETURNED], 1);
    assert_int_equal(r.function_ends[QBK_FUNCTION_UNWOUND], 1);
    assert_int_equal(r.entries, 7);
    assert_int_equal(r.ends[QBK_END_RETURNED], 3);
    assert_int_equal(r.ends[QBK_END_INTERRUPTED], 1);
    assert_int_equal(r.ends[QBK_END_NORETURN], 1);
    assert_int_equal(r.ends[QBK_END_IN_FLIGHT], 1);
    assert_int_equal(r.threads, 2);
    assert_int_equal(r.signals, 1);
    assert_true(r.has_summary);
    assert_int_equal(r.unended, 0);
    assert_int_equal(r.counter[QBK_COUNT_ENTRIES], 7);
}

static void test_good_nesting(void **state)
{
    struct build b;
    uint64_t outer;
    uint64_t other;
    uint64_t inner;

    (void)state;
    begin(&b);
    outer = enter_at(&b, 1, 0);
    other = enter_at(&b, 2, 0);
    inner = enter_at(&b, 1, 3); /* depths 1 and 2 belong to a module */
    build__return(&b, 2, other, QBK_END_RETURNED, 0);
    build__return(&b, 1, inner, QBK_END_RETURNED, 0);
    build__return(&b, 1, outer, QBK_END_RETURNED, 0);
    build__summary(&b);
    expect(&b, NULL);
}

static void test_good_cut(void **state)
{
    struct build b;
    struct check_result r;

    (void)state;
    begin(&b);
    call(&b, 1);
    enter_at(&b, 1, 0);
    b.next_seq += 2; /* the writer died with two records half made */
    call(&b, 2);
    r = expect(&b, NULL);
    assert_false(r.has_summary);
    assert_int_equal(r.unended, 1);
    assert_int_equal(r.holes, 2);
}

static void test_good_gap(void **state)
{
    struct build b;
    uint64_t lost_end;
    struct check_result r;

    (void)state;
    begin(&b);
    lost_end = enter_at(&b, 1, 0);
    build__gap(&b, 3, 1, 1);
    b.counter[QBK_COUNT_ENTRIES]++;
    b.counter[QBK_COUNT_SITE_ENTRIES]++;
    b.counter[QBK_COUNT_END_FIRST]++;
    assert_int_equal(lost_end, 4);
    build__return(&b, 2, 0, QBK_END_RETURNED, 0);
    call(&b, 1);
    build__summary(&b);
    r = expect(&b, NULL);
    assert_int_equal(r.lost_records, 3);
    assert_int_equal(r.unended, 1);
}

static void test_good_second_reader(void **state)
{
    struct build b;

    (void)state;
    build__init(&b);
    b.next_seq = 1000;
    build__sample(&b);
    expect(&b, NULL);
}

/* Numbers of the repeated part are old ones in any order; counts of the whole trace do not fit, and need not. */
static void test_good_continuation(void **state)
{
    struct build b;
    uint64_t old;

    (void)state;
    begin(&b);
    b.next_seq = 50;
    old = enter_at(&b, 1, 0);
    ((struct qbk_record *)b.records->pdata[1])->seq = 60;
    b.next_seq = 100;
    call(&b, 2);
    build__return(&b, 1, old, QBK_END_RETURNED, 0);
    build__return(&b, 1, 20, QBK_END_RETURNED, 0); /* a call that was too much to repeat */
    b.counter[QBK_COUNT_ENTRIES] = 500;
    b.counter[QBK_COUNT_SITE_ENTRIES] = 500;
    build__summary(&b);
    expect_in(&b, true, NULL);
}

static void test_continuation_still_checked(void **state)
{
    struct build b;

    (void)state;
    begin(&b);
    b.next_seq = 100;
    call(&b, 1);
    build__return(&b, 1, 101, QBK_END_RETURNED, 0);
    expect_in(&b, true, "not in flight");
    begin(&b);
    b.next_seq = 100;
    call(&b, 1);
    b.next_seq = 50;
    call(&b, 1);
    expect_in(&b, true, "comes after");
}

static void test_no_end(void **state)
{
    struct build b;

    (void)state;
    begin(&b);
    enter_at(&b, 1, 0);
    build__summary(&b);
    expect(&b, "has no end");
}

static void test_two_ends(void **state)
{
    struct build b;
    uint64_t c;

    (void)state;
    begin(&b);
    c = enter_at(&b, 1, 0);
    build__return(&b, 1, c, QBK_END_RETURNED, 0);
    build__return(&b, 1, c, QBK_END_RETURNED, 0);
    expect(&b, "not in flight");
}

static void test_end_without_entry(void **state)
{
    struct build b;

    (void)state;
    begin(&b);
    build__return(&b, 1, 3, QBK_END_RETURNED, 0);
    expect(&b, "not in flight");
    begin(&b);
    build__gap(&b, 1, 1, 0);
    build__return(&b, 1, 0, QBK_END_RETURNED, 0);
    build__return(&b, 1, 0, QBK_END_RETURNED, 0); /* only one ENTER was lost */
    expect(&b, "not in flight");
}

/* A thread moves from a vCPU that has not yet told what it lost to another: nothing is wrong with that. */
static void test_gap_told_later(void **state)
{
    struct build b;

    (void)state;
    begin(&b);
    build__return(&b, 1, 0, QBK_END_RETURNED, 0); /* its ENTER was lost … */
    enter_at(&b, 2, 0);                           /* the RETURN of this one as well … */
    call(&b, 2);
    build__gap(&b, 2, 1, 1); /* … and here it is told */
    expect(&b, NULL);
    begin(&b);
    enter_at(&b, 2, 0);
    call(&b, 2); /* the same with nothing lost */
    expect(&b, "in flight at depth 0");
}

static void test_other_thread(void **state)
{
    struct build b;

    (void)state;
    begin(&b);
    build__return(&b, 2, enter_at(&b, 1, 0), QBK_END_RETURNED, 0);
    expect(&b, "thread 2 ends call 4 of thread 1");
}

static void test_stack_order(void **state)
{
    struct build b;
    uint64_t outer;

    (void)state;
    begin(&b);
    outer = enter_at(&b, 1, 0);
    enter_at(&b, 1, 1);
    build__return(&b, 1, outer, QBK_END_RETURNED, 0);
    expect(&b, "inside it");
    begin(&b);
    enter_at(&b, 1, 0);
    enter_at(&b, 1, 0);
    expect(&b, "call at depth 0 while");
}

static void test_different_return(void **state)
{
    struct build b;

    (void)state;
    begin(&b);
    call(&b, 1);
    ((struct qbk_return *)build__last(&b))->nr++;
    expect(&b, "number, interface or depth");
    begin(&b);
    call(&b, 1);
    ((struct qbk_return *)build__last(&b))->depth++;
    expect(&b, "number, interface or depth");
    begin(&b);
    call(&b, 1);
    ((struct qbk_return *)build__last(&b))->end = QBK_ENDS;
    expect(&b, "unknown end");
}

static void test_orphaned(void **state)
{
    struct build b;

    (void)state;
    begin(&b);
    build__return(&b, 1, enter_at(&b, 1, 0), QBK_END_ORPHANED, 0);
    build__summary(&b);
    expect(&b, "orphaned");
}

/* A call that was left pending, and its completion by another thread. */
static uint64_t pending(struct build *b)
{
    uint64_t c = enter_at(b, 1, 0);

    build__return(b, 1, c, QBK_END_PENDING, 0x103);
    call(b, 1);
    build__completion(b, 2, c, 0, 5);
    return c;
}

static void test_completion(void **state)
{
    struct build b;
    uint64_t c;

    (void)state;
    begin(&b);
    pending(&b);
    build__snippet(&b, QBK_SNIP_MEM, 0x1000, "12345", 5, 5, 0, 5, 0);
    build__summary(&b);
    assert_int_equal(expect(&b, NULL).completions, 1);
    begin(&b);
    c = pending(&b);
    build__completion(&b, 1, c, 0, 5);
    build__summary(&b);
    expect(&b, "which is not pending"); /* a second one */
    begin(&b);
    c = enter_at(&b, 1, 0);
    build__completion(&b, 2, c, 0, 5); /* before its return */
    build__return(&b, 1, c, QBK_END_PENDING, 0x103);
    build__summary(&b);
    expect(&b, "which is not pending");
    begin(&b);
    pending(&b);
    ((struct qbk_completion *)build__last(&b))->caller = 2;
    build__summary(&b);
    expect(&b, "thread differ from those");
    begin(&b);
    pending(&b);
    ((struct qbk_completion *)build__last(&b))->nr++;
    build__summary(&b);
    expect(&b, "number, interface or thread differ");
    begin(&b);
    pending(&b);
    b.counter[QBK_COUNT_COMPLETIONS]++;
    build__summary(&b);
    expect(&b, "completions: 1 in the records, 2 in the summary");
    begin(&b); /* of a call before this file */
    build__signal(&b, 1, 10, 0, QBK_SIGNAL_HANDLER);
    build__completion(&b, 1, 2, 0, 0);
    expect_in(&b, true, NULL);
}

static void test_seq(void **state)
{
    struct build b;

    (void)state;
    begin(&b);
    b.next_seq--;
    call(&b, 1);
    expect(&b, "comes after");
    begin(&b);
    b.next_seq++;
    call(&b, 1);
    build__summary(&b);
    expect(&b, "1 sequence numbers are missing");
    build__init(&b);
    b.next_seq = 2;
    build__thread(&b, 1, 71, "cat");
    build__summary(&b);
    expect(&b, "1 sequence numbers are missing");
}

static void test_threads(void **state)
{
    struct build b;

    (void)state;
    begin(&b);
    call(&b, 3);
    expect(&b, "before any thread record");
    begin(&b);
    build__thread_exit(&b, 1, 0);
    call(&b, 1);
    expect(&b, "after its exit");
    begin(&b);
    build__thread_exit(&b, 1, 0);
    build__signal(&b, 1, 9, 0, QBK_SIGNAL_FATAL);
    expect(&b, "after its exit");
    begin(&b);
    build__thread_exit(&b, 1, 0);
    build__thread(&b, 1, 71, "cat");
    expect(&b, "again after its exit");
    begin(&b);
    enter_at(&b, 1, 0);
    build__thread_exit(&b, 1, 0);
    expect(&b, "exits with 1 calls");
    begin(&b);
    build__thread(&b, 0, 71, "cat");
    expect(&b, "without a thread");
}

static void test_counts(void **state)
{
    static const struct {
        enum qbk_counter counter;
        const char *text;
    } wrong[] = {
        {QBK_COUNT_ENTRIES, "calls, with the lost ones"},
        {QBK_COUNT_END_FIRST, "returned: 3"},
        {QBK_COUNT_END_LAST, "orphaned: 0"},
        {QBK_COUNT_JOINED, "joined"},
        {QBK_COUNT_LOST_RECORDS, "lost records"},
        {QBK_COUNT_SITE_ENTRIES, "the sites counted 8"},
        {QBK_COUNT_UNWATCHED, "the sites counted 7"},
        {QBK_COUNT_BEFORE_START, "the sites counted 7"},
        {QBK_COUNT_REFUSED, "the sites counted 7"},
        {QBK_COUNT_IDENTITY_DIFFERENT, "learnt wrongly"},
    };

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
        struct build b;
        struct qbk_summary *s;

        build__init(&b);
        build__sample(&b);
        s = build__last(&b);
        s->counter[wrong[i].counter]++;
        expect(&b, wrong[i].text);
    }
}

static void test_lost_counts(void **state)
{
    struct build b;

    (void)state;
    begin(&b);
    build__gap(&b, 2, 0, 1);
    call(&b, 1);
    build__summary(&b); /* one end less than the gap tells */
    expect(&b, "ends: 1 in the records and 1 lost, 1 in the summary");
    begin(&b);
    build__gap(&b, 2, 2, 1);
    expect(&b, "impossible counts");
    begin(&b);
    build__gap(&b, 0, 0, 0);
    expect(&b, "impossible counts");
}

static void test_joined(void **state)
{
    struct build b;
    uint64_t c;
    struct check_result r;

    (void)state;
    begin(&b);
    c = enter_at(&b, 1, 0);
    ((struct qbk_enter *)build__last(&b))->flags = QBK_ENTER_JOINED;
    b.counter[QBK_COUNT_JOINED]++;
    b.counter[QBK_COUNT_SITE_ENTRIES]--;
    build__return(&b, 1, c, QBK_END_RETURNED, 0);
    build__summary(&b);
    r = expect(&b, NULL);
    assert_int_equal(r.joined, 1);
}

static void test_after_summary(void **state)
{
    struct build b;

    (void)state;
    build__init(&b);
    build__sample(&b);
    build__text(&b, QBK_LOG, "late");
    expect(&b, "log after the summary");
}

static void test_many_messages(void **state)
{
    struct build b;
    struct check *c = check__new(false);
    const struct check_result *r;

    (void)state;
    begin(&b);
    for (unsigned i = 0; i < 500; i++)
        build__return(&b, 1, 1000000, QBK_END_RETURNED, 0);
    for (unsigned i = 0; i < b.records->len; i++)
        check__feed(c, b.records->pdata[i]);
    r = check__finish(c);
    assert_int_equal(r->violations, 500);
    assert_int_equal(r->messages->len, 100);
    check__free(c);
    build__free(&b);
}

/* Blocks: of code that was told, where it lies, no longer than it is, and as long as they say. */
static void test_code(void **state)
{
    static const struct {
        struct qbk_block block;
        const char *wrong;
    } cases[] = {
        {{0x401010, 3, 3, 0}, NULL},
        {{0x401010, 3, 2, QBK_BLOCK_CUT}, NULL},
        {{0x7f0000001010, 3, 0, QBK_BLOCK_CUT | QBK_BLOCK_UNKNOWN}, NULL},
        {{0x401010, 0, 3, QBK_BLOCK_32}, NULL},
        {{0x401010, 4, 3, 0}, "was not told"},
        {{0x401020, 3, 3, 0}, "not where its code is"},
        {{0x401010, 3, 4, 0}, "more instructions than its code"},
        {{0x401010, 3, 2, 0}, "cut short"},
        {{0x401010, 3, 3, QBK_BLOCK_CUT}, "cut short"},
        {{0x401010, 3, 0, QBK_BLOCK_CUT}, "without instructions"},
        {{0x401010, 3, 0, QBK_BLOCK_UNKNOWN}, "without instructions"},
        {{0x401010, 3, 3, QBK_BLOCK_UNKNOWN}, "without instructions"},
        {{0x401010, 3, 3, 0x100}, "flags"},
    };
    struct check_result r;

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct build b;

        begin(&b);
        build__code(&b, 3, 0x401010);
        build__blocks(&b, 1, &cases[i].block, 1);
        build__summary(&b);
        r = expect(&b, cases[i].wrong);
        assert_int_equal(r.blocks, 1);
        assert_int_equal(r.insns, cases[i].block.insns);
    }
    struct build b;
    build__init(&b);
    build__code(&b, 3, 0x401010);
    build__code(&b, 3, 0x401010);
    build__code(&b, 3, 0x401020);
    build__summary(&b);
    expect(&b, "given to other code");
}

/* Of a hooked function: known, at its depth, one end. */
static void test_functions(void **state)
{
    struct build b;
    uint64_t seq;

    (void)state;
    begin(&b);
    seq = build__function_enter(&b, 1, 7, 0, 0);
    build__function_return(&b, 1, seq, 7, QBK_FUNCTION_RETURNED, 0);
    expect(&b, "its function was not told");

    begin(&b);
    build__function(&b, 7, "vfs_read");
    seq = build__function_enter(&b, 1, 7, 1, 0);
    build__function_return(&b, 1, seq, 7, QBK_FUNCTION_RETURNED, 0);
    expect(&b, "its depth is not");

    begin(&b);
    build__function(&b, 7, "vfs_read");
    build__function(&b, 8, "vfs_write");
    seq = build__function_enter(&b, 1, 7, 0, 0);
    build__function_return(&b, 1, seq, 8, QBK_FUNCTION_RETURNED, 0);
    expect(&b, "its function is not that of the call");

    begin(&b);
    build__function(&b, 7, "vfs_read");
    seq = build__function_enter(&b, 1, 7, 0, 0);
    build__function_return(&b, 1, seq, 7, QBK_FUNCTION_THREAD_GONE, 0);
    build__function_return(&b, 1, seq, 7, QBK_FUNCTION_RETURNED, 0);
    expect(&b, "is not in flight");

    begin(&b);
    build__function(&b, 7, "vfs_read");
    seq = build__function_enter(&b, 1, 7, 0, 0);
    build__function_return(&b, 1, seq, 7, QBK_FUNCTION_ENDS, 0);
    expect(&b, "there is no such end");

    begin(&b);
    build__function(&b, 7, "vfs_read");
    build__function_enter(&b, 1, 7, 0, 0);
    build__function_enter(&b, 2, 7, 0, 0); /* another thread's depth is its own */
    build__summary(&b);
    expect(&b, "2 calls of hooked functions have no end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_good_nesting),
        cmocka_unit_test(test_good_cut),
        cmocka_unit_test(test_good_gap),
        cmocka_unit_test(test_good_second_reader),
        cmocka_unit_test(test_good_continuation),
        cmocka_unit_test(test_continuation_still_checked),
        cmocka_unit_test(test_no_end),
        cmocka_unit_test(test_two_ends),
        cmocka_unit_test(test_end_without_entry),
        cmocka_unit_test(test_gap_told_later),
        cmocka_unit_test(test_other_thread),
        cmocka_unit_test(test_stack_order),
        cmocka_unit_test(test_different_return),
        cmocka_unit_test(test_orphaned),
        cmocka_unit_test(test_completion),
        cmocka_unit_test(test_seq),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_lost_counts),
        cmocka_unit_test(test_joined),
        cmocka_unit_test(test_after_summary),
        cmocka_unit_test(test_many_messages),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
