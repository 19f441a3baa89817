// SPDX-License-Identifier: GPL-2.0-or-later
/* Which frames a return ends, which are left behind, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frames/frames.h"

#define SP    0xffffc90000007e00u
#define LOW   0xffffc90000004000u
#define HIGH  0xffffc90000008000u
#define RET   0xffffffff81000123u
#define OTHER 0xffffffff81000456u

static const struct frames_stack stack = {LOW, HIGH}, unknown;
static char told[64]; /* "r1u2": cookie 1 returned, then 2 was unwound */
static bool no_memory;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return no_memory ? NULL : __real_malloc(size);
}

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
    return no_memory ? NULL : __real_realloc(old, size);
}

static void on_ended(void *data, const struct frame *frame, enum frames_end end)
{
    size_t n = strlen(told);
    assert_ptr_equal(data, told);
    if (n + 2 < sizeof(told)) {
        told[n] = "ruegx"[end];
        told[n + 1] = (char)('0' + frame->cookie);
    }
}

static enum frames_entry enter(struct frames *f, uint64_t sp, uint64_t ret, struct frames_stack on, unsigned cookie)
{
    struct frame frame = {.sp = sp, .ret = ret, .stack = on, .cookie = cookie, .function = cookie, .pops = 8};
    return frames__enter(f, &frame, on_ended, told);
}

static size_t come_back(struct frames *f, uint64_t sp, uint64_t ret, struct frames_stack on)
{
    return frames__return(f, ret, sp + 8, on, on_ended, told);
}

static void expect(const char *events)
{
    assert_string_equal(told, events);
    memset(told, 0, sizeof(told));
}

static int empty(void **state)
{
    static struct frames f;
    frames__clear(&f);
    memset(told, 0, sizeof(told));
    no_memory = false;
    *state = &f;
    return 0;
}

static int cleared(void **state)
{
    no_memory = false;
    frames__clear(*state);
    return 0;
}

static void recursion(void **state)
{
    struct frames *f = *state;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(enter(f, SP - 64 * i, RET, stack, i), FRAMES_NEW);
    assert_int_equal(come_back(f, SP - 64 * 3, RET, stack), 0);
    assert_int_equal(come_back(f, SP - 64 * 2, OTHER, stack), 0);
    expect("");
    for (unsigned i = 3; i-- > 0;)
        assert_int_equal(come_back(f, SP - 64 * i, RET, stack), 1);
    expect("r2r1r0");
    assert_int_equal(come_back(f, SP, RET, stack), 0);
}

static void tail_calls_end_together(void **state)
{
    struct frames *f = *state;
    enter(f, SP, OTHER, stack, 0);
    for (unsigned i = 1; i < 4; i++)
        enter(f, SP - 64, RET, stack, i);
    assert_int_equal(come_back(f, SP - 64, RET, stack), 3);
    expect("r3r2r1");
    assert_int_equal(f->n, 1);
}

/* Outer frames still return after inner ones were left out; these are told with that return. */
static void longjmp_over_frames(void **state)
{
    struct frames *f = *state;
    enter(f, SP, RET, stack, 0);
    enter(f, SP - 64, RET, stack, 1);
    enter(f, SP - 128, OTHER, stack, 2);
    assert_int_equal(come_back(f, SP, RET, stack), 1);
    expect("u2u1r0");
}

static void a_call_proves_what_is_left(void **state)
{
    struct frames *f = *state;
    enter(f, SP, RET, stack, 0);
    enter(f, SP - 64, RET, stack, 1);
    enter(f, SP - 128, RET, stack, 2);
    enter(f, SP - 64, OTHER, stack, 3); /* in the slot of 1, above 2 */
    expect("u2u1");
    assert_int_equal(f->n, 2);
}

/* A coroutine's stack may lie anywhere, also below. */
static void other_stacks_stay(void **state)
{
    struct frames *f = *state;
    enter(f, SP, RET, stack, 0);
    enter(f, SP - 64, RET, unknown, 1);
    enter(f, SP - 128, RET, (struct frames_stack){LOW - 0x4000, LOW}, 2);
    assert_int_equal(come_back(f, SP, RET, stack), 1);
    expect("r0");
    enter(f, SP - 64, OTHER, stack, 3); /* this much is certain of 1 */
    expect("u1");
    assert_int_equal(come_back(f, SP - 128, RET, unknown), 1);
    expect("r2");
}

static void first_instruction_again(void **state)
{
    static uint64_t words[FRAMES_WORDS];
    struct frames *f = *state;
    frames__on(f, words);
    assert_int_equal(enter(f, SP, RET, stack, 1), FRAMES_NEW);
    assert_int_equal(enter(f, SP - 64, OTHER, stack, 2), FRAMES_NEW); /* what deals with the fault */
    words[FRAMES_PASSED] = 2 + 1;
    assert_int_equal(come_back(f, SP - 64, OTHER, stack), 1);
    frames__entry_alone(f);
    words[FRAMES_PASSED] = 7 + 1;
    assert_int_equal(enter(f, SP, RET, stack, 1), FRAMES_AGAIN);
    frames__off(f); /* another thread */
    words[FRAMES_PASSED] = 1 + 1;
    frames__on(f, words);
    assert_int_equal(enter(f, SP, RET, stack, 1), FRAMES_AGAIN);
    assert_int_equal(f->n, 1);
    expect("r2");
}

/* It goes on, and comes to its first instruction by a jump: a call, as each jump to a function is. */
static void a_function_that_jumps_to_itself(void **state)
{
    static uint64_t words[FRAMES_WORDS];
    struct frames *f = *state;
    frames__on(f, words);
    enter(f, SP, RET, stack, 1);
    words[FRAMES_PASSED] = 1 + 1;
    frames__off(f);
    frames__on(f, words);
    assert_int_equal(enter(f, SP, RET, stack, 1), FRAMES_NEW);
    assert_int_equal(come_back(f, SP, RET, stack), 2);
    expect("r1r1");
    frames__off(f);
}

/* Left by a longjmp, and called from the same place at the same depth: another call, for it was called. */
static void a_call_instruction_proves_what_is_left(void **state)
{
    struct frames *f = *state;
    enter(f, SP, RET, stack, 0);
    enter(f, SP - 64, RET, stack, 1);
    enter(f, SP - 128, OTHER, stack, 2);
    frames__called(f, SP - 192, stack, on_ended, told);
    expect("");
    frames__called(f, SP - 64, stack, on_ended, told);
    expect("u2u1");
    enter(f, SP - 64, RET, stack, 3);
    assert_int_equal(come_back(f, SP - 64, RET, stack), 1);
    expect("r3");
    enter(f, SP - 64, RET, unknown, 4);
    enter(f, SP - 128, RET, unknown, 5);
    frames__called(f, SP - 64, unknown, on_ended, told); /* the other may be on another stack */
    expect("u4");
}

/* stdcall and its like: the return takes arguments off, too. */
static void pops_arguments(void **state)
{
    struct frames *f = *state;
    struct frame frame = {.sp = 0x1000, .ret = 0x401000, .pops = 4 + 12, .cookie = 1};
    frames__enter(f, &frame, on_ended, told);
    assert_int_equal(frames__return(f, 0x401000, 0x1004, unknown, on_ended, told), 0);
    assert_int_equal(frames__return(f, 0x401000, 0x1010, unknown, on_ended, told), 1);
    expect("r1");
}

/* … and nobody knows how many: the innermost that may be meant. */
static void pops_what_nobody_knows(void **state)
{
    struct frames *f = *state;
    for (unsigned i = 0; i < 4; i++) {
        struct frame frame = {.sp = 0x12008 - 64 * i,
                              .ret = 0x401000,
                              .pops = FRAMES_POPS_UNKNOWN,
                              .cookie = i,
                              .stack = {0x10000, 0x14000}};
        frames__enter(f, &frame, on_ended, told);
    }
    const struct frames_stack on = {0x10000, 0x14000};
    assert_int_equal(frames__return(f, 0x401000, 0x12008 - 64 * 3, on, on_ended, told), 0);
    assert_int_equal(frames__return(f, 0x402000, 0x12008 - 64 * 3 + 8, on, on_ended, told), 0);
    assert_int_equal(frames__return(f, 0x401000, 0x12008 - 64 * 3 + 8, on, on_ended, told), 1);
    expect("r3");
    assert_int_equal(frames__return(f, 0x401000, 0x12008 - 64 * 2 + FRAMES_POPS_MOST, on, on_ended, told), 1);
    expect("r2u1"); /* which lay within what was taken off */
    assert_int_equal(frames__return(f, 0x401000, 0x12008 + FRAMES_POPS_MOST + 1, on, on_ended, told), 0);
    assert_int_equal(frames__return(f, 0x401000, 0x12008 + FRAMES_POPS_MOST, on, on_ended, told), 1);
    expect("r0");
}

static void ends_a_range(void **state)
{
    struct frames *f = *state;
    enter(f, 0x7ffe0000, 0x401000, unknown, 1);
    enter(f, 0x7ffd0000, 0x402000, unknown, 2);
    enter(f, SP, RET, stack, 3);
    frames__end(f, 0, (uint64_t)1 << 47, FRAMES_UNWOUND, on_ended, told); /* an exec: the user half */
    expect("u2u1");
    frames__end(f, 0, 0, FRAMES_GONE, on_ended, told);
    expect("g3");
}

static void the_oldest_makes_room(void **state)
{
    struct frames *f = *state;
    for (unsigned i = 0; i < FRAMES_MAX; i++)
        assert_int_equal(enter(f, SP - 8 * i, RET, unknown, i == 0), FRAMES_NEW);
    expect("");
    assert_int_equal(enter(f, SP - 8 * FRAMES_MAX, RET, unknown, 2), FRAMES_NEW);
    expect("e1");
    assert_int_equal(f->n, FRAMES_MAX);
    assert_int_equal(f->count[0].count, FRAMES_MAX);
    f->limit = FRAMES_MAX - 2; /* memory is short */
    assert_int_equal(enter(f, SP - 8 * (FRAMES_MAX + 1), RET, unknown, 3), FRAMES_NEW);
    expect("e0e0e0");
    assert_int_equal(f->n, FRAMES_MAX - 2);
}

/* Were each call to look at all frames, this would take minutes, and the test its time limit. */
static void many_frames_cost_no_more(void **state)
{
    struct frames *f = *state;
    for (unsigned i = 0; i < FRAMES_MAX - 1; i++)
        enter(f, SP - 8 * i, RET + i % 5000, unknown, 1);
    for (unsigned i = 0; i < 4000000; i++) {
        enter(f, LOW - 64, OTHER + i % 8, unknown, 1);
        frames__called(f, LOW - 128, stack, on_ended, told);
        assert_int_equal(frames__return(f, OTHER + i % 8, LOW - 56, unknown, on_ended, told), 1);
        told[0] = 0;
    }
}

static void no_room(void **state)
{
    struct frames *f = *state;
    no_memory = true;
    assert_int_equal(enter(f, SP, RET, stack, 1), FRAMES_NO_MEMORY);
    assert_int_equal(f->n, 0);
    no_memory = false;
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(enter(f, SP - 8 * i, RET + i, stack, 1), FRAMES_NEW);
    no_memory = true;
    assert_int_equal(enter(f, SP - 8 * 16, RET, stack, 1), FRAMES_NO_MEMORY);
    no_memory = false;
    for (unsigned i = 16; i < 200; i++)
        assert_int_equal(enter(f, SP - 8 * i, RET + i, stack, 1), FRAMES_NEW);
    no_memory = true; /* there is room for frames, but not to count where they return to */
    unsigned i = 200;
    while (i < 256 && enter(f, SP - 8 * i, RET + i, stack, 1) == FRAMES_NEW)
        i++;
    assert_int_equal(f->n, i);
    expect("");
}

static void filter_follows(void **state)
{
    static uint64_t filter[FRAMES_WORDS];
    struct frames *f = *state;
    enter(f, SP, RET, stack, 1);
    frames__on(f, filter);
    enter(f, SP - 64, RET + 0x1000, stack, 2);
    enter(f, SP - 128, OTHER, stack, 3);
    assert_int_equal(filter[frames__slot(RET)], 2);
    assert_int_equal(filter[frames__slot(OTHER)], 1);
    come_back(f, SP - 128, OTHER, stack);
    assert_int_equal(filter[frames__slot(OTHER)], 0);
    frames__off(f);
    for (unsigned i = 0; i < FRAMES_FILTER; i++)
        assert_int_equal(filter[i], 0);
    come_back(f, SP, RET, stack);
    frames__on(f, filter);
    assert_int_equal(filter[frames__slot(RET)], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(recursion, empty, cleared),
        cmocka_unit_test_setup_teardown(tail_calls_end_together, empty, cleared),
        cmocka_unit_test_setup_teardown(longjmp_over_frames, empty, cleared),
        cmocka_unit_test_setup_teardown(a_call_proves_what_is_left, empty, cleared),
        cmocka_unit_test_setup_teardown(other_stacks_stay, empty, cleared),
        cmocka_unit_test_setup_teardown(first_instruction_again, empty, cleared),
        cmocka_unit_test_setup_teardown(a_function_that_jumps_to_itself, empty, cleared),
        cmocka_unit_test_setup_teardown(a_call_instruction_proves_what_is_left, empty, cleared),
        cmocka_unit_test_setup_teardown(pops_arguments, empty, cleared),
        cmocka_unit_test_setup_teardown(pops_what_nobody_knows, empty, cleared),
        cmocka_unit_test_setup_teardown(ends_a_range, empty, cleared),
        cmocka_unit_test_setup_teardown(the_oldest_makes_room, empty, cleared),
        cmocka_unit_test_setup_teardown(many_frames_cost_no_more, empty, cleared),
        cmocka_unit_test_setup_teardown(no_room, empty, cleared),
        cmocka_unit_test_setup_teardown(filter_follows, empty, cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
