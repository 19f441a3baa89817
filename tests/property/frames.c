// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * src/frames against random programs that write down themselves what becomes of each call: calls, recursion, tail
 * calls, functions that jump to themselves, longjmps, coroutines, interrupts, first instructions that fault and run
 * again after other calls, on another virtual CPU even, threads that die. Each program knows all of its calls; the
 * library is told of the hooked functions' alone. Some programs have code whose call instructions are not seen (as that
 * of the kernel's own tracers): then, and only then, a call that was left may be taken for the caller of a later one.
 *   QEBEK_PROPERTY_SECONDS=N  how long (10)
 *   QEBEK_PROPERTY_SEED=N     where to begin: the seed that a failure tells repeats it first
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "frames/frames.h"

#define THREADS  4u
#define VCPUS    2u
#define STACKS   5u /* of each thread: the kernel's own, one for interrupts, three for coroutines */
#define KNOWN    2u /* the first of them have known bounds */
#define DEPTH    48u
#define TAILS    4u
#define CALLS    65536u /* of one program */
#define STEPS    4000u
#define SITES    24u
#define SIZE     0x4000u
#define UNHOOKED 0u

enum fate { NONE, LIVE, LEFT, TOLD };

/* One activation of a function. Its number is the frame's cookie. */
struct call {
    enum fate fate;
    unsigned thread, stack;
    uint64_t sp, ret;
};

/* A return address on a stack, and the hooked functions that were reached with it: called, then jumped to. */
struct record {
    uint64_t sp, ret;
    unsigned n;
    uint64_t call[TAILS];
};

struct stack {
    unsigned depth;
    struct record record[DEPTH];
};

struct thread {
    struct frames frames;
    struct stack stack[STACKS];
    unsigned current; /* stack */
    unsigned before;  /* the one that the interrupt came on */
    int vcpu;         /* -1: it does not run */
    /* calls whose first instruction has not run through, but faulted, or is about to */
    struct {
        struct frame frame;
        unsigned stack;
        unsigned depth; /* of that stack, with its own record */
    } begun[DEPTH];
    unsigned n_begun;
};

static struct {
    struct thread thread[THREADS];
    struct call call[CALLS];
    uint64_t calls;
    uint64_t words[VCPUS][FRAMES_WORDS];
    bool calls_seen;
    uint64_t random, seed;
    unsigned step;
    /* what may end now */
    const struct record *returning;
    unsigned returned;
    bool gone;
    unsigned now;
} w;

static struct {
    uint64_t programs, steps, entries, ends[FRAMES_ENDS], tails, again, later, loops, shared, other_stacks, moved;
} tally;

static uint64_t draw(uint64_t below)
{
    w.random ^= w.random << 13;
    w.random ^= w.random >> 7;
    w.random ^= w.random << 17;
    return (w.random >> 11) % below;
}

static void fail(const char *why, uint64_t cookie)
{
    printf("not ok: %s: call %" PRIu64 " in step %u\nQEBEK_PROPERTY_SEED=%" PRIu64 " repeats this\n", why, cookie,
           w.step, w.seed);
    exit(1);
}

static uint64_t top_of(unsigned thread, unsigned stack)
{
    return 0xffffc90000000000u + (((uint64_t)thread * STACKS + stack) * 2 + 1) * SIZE;
}

static struct frames_stack bounds(unsigned thread, unsigned stack)
{
    uint64_t top = top_of(thread, stack);
    return stack < KNOWN ? (struct frames_stack){top - SIZE, top} : (struct frames_stack){0, 0};
}

/* ---- what the library tells, against what the programs know ---- */

static void returned(struct call *call, uint64_t cookie)
{
    const struct record *r = w.returning;
    if (!r)
        fail("returned, and nothing returns", cookie);
    if (call->fate == LEFT && !w.calls_seen) { /* the one case that cannot be told apart */
        if (call->sp != r->sp || call->ret != r->ret)
            fail("returned, and was left elsewhere", cookie);
        tally.shared++;
        return;
    }
    if (w.returned >= r->n || r->call[r->n - 1 - w.returned] != cookie)
        fail("returned out of order, or another's return", cookie);
    w.returned++;
}

static void on_ended(void *data, const struct frame *frame, enum frames_end end)
{
    struct call *call = &w.call[frame->cookie];
    (void)data;
    if (call->fate == NONE || call->fate == TOLD)
        fail("ended twice", frame->cookie);
    if (call->thread != w.now)
        fail("of another thread", frame->cookie);
    if (end == FRAMES_RETURNED)
        returned(call, frame->cookie);
    else if (end == FRAMES_UNWOUND && call->fate != LEFT)
        fail("unwound, and in flight", frame->cookie);
    else if (end == FRAMES_GONE && !w.gone)
        fail("gone, and its thread is not", frame->cookie);
    else if (end == FRAMES_EVICTED)
        fail("evicted, and there was room", frame->cookie);
    call->fate = TOLD;
    tally.ends[end]++;
}

/* What is left on a known stack below `sp`, or lies in the slot of another return address, must have been told. */
static void nothing_left(unsigned thread, unsigned stack, uint64_t sp, uint64_t ret)
{
    struct frames_stack b = bounds(thread, stack);
    struct frames *f = &w.thread[thread].frames;
    for (const struct frame *i = frames__newest(f); i; i = frames__before(f, i)) {
        const struct call *call = &w.call[i->cookie];
        if (call->fate == TOLD)
            fail("kept, and had ended", i->cookie);
        if (call->fate == LEFT && b.high && call->stack == stack && call->sp < sp)
            fail("left behind on this stack, and not told", i->cookie);
        if (call->fate == LEFT && ret && call->sp == sp && (call->ret != ret || w.calls_seen))
            fail("overwritten, and not told", i->cookie);
        if (call->stack != stack)
            tally.other_stacks++;
    }
}

static void filters_right(void)
{
    static uint64_t want[FRAMES_FILTER];
    for (int v = 0; v < (int)VCPUS; v++) {
        memset(want, 0, sizeof(want));
        for (unsigned t = 0; t < THREADS; t++) {
            struct frames *f = &w.thread[t].frames;
            size_t n = 0;
            if (w.thread[t].vcpu != v)
                continue;
            for (const struct frame *i = frames__newest(f); i; i = frames__before(f, i), n++)
                want[frames__slot(i->ret)]++;
            if (n != f->n)
                fail("a set does not know how many it has", n);
        }
        if (memcmp(want, w.words[v], sizeof(want)) != 0)
            fail("a filter is not what it should be", 0);
    }
}

/* ---- what programs do ---- */

static struct stack *current(unsigned t)
{
    return &w.thread[t].stack[w.thread[t].current];
}

static uint64_t stack_pointer(unsigned t)
{
    const struct stack *s = current(t);
    return s->depth ? s->record[s->depth - 1].sp : top_of(t, w.thread[t].current);
}

/* The second instruction of a function runs; hooked or not, it says so. */
static void passes(unsigned t, uint32_t function)
{
    w.words[w.thread[t].vcpu][FRAMES_PASSED] = function + 1;
}

/* Of the calls whose first instruction has not run through that which runs now; -1: none, what runs is past it. */
static int begun_here(unsigned t)
{
    const struct thread *thread = &w.thread[t];
    int i = (int)thread->n_begun;
    while (i-- > 0) {
        if (thread->begun[i].stack == thread->current && thread->begun[i].depth == thread->stack[thread->current].depth)
            return i;
    }
    return -1;
}

/* It runs through. */
static void settle(unsigned t)
{
    struct thread *thread = &w.thread[t];
    int i = begun_here(t);
    passes(t, thread->begun[i].frame.function);
    thread->n_begun--;
    for (; i < (int)thread->n_begun; i++)
        thread->begun[i] = thread->begun[i + 1];
}

static void enter(unsigned t, struct record *r, uint32_t function)
{
    struct thread *thread = &w.thread[t];
    struct frame frame = {.sp = r->sp, .ret = r->ret, .function = function, .cookie = w.calls, .pops = 8};
    frame.stack = bounds(t, thread->current);
    w.call[w.calls] = (struct call){LIVE, t, thread->current, r->sp, r->ret};
    enum frames_entry entered = frames__enter(&thread->frames, &frame, on_ended, NULL);
    struct frame *newest = frames__newest(&thread->frames);
    if (entered == FRAMES_AGAIN && !w.calls_seen && w.call[newest->cookie].fate == LEFT) {
        /* left before its first instruction had run through: that, too, cannot be told apart */
        w.call[newest->cookie].fate = TOLD;
        newest->cookie = w.calls;
        tally.shared++;
    } else if (entered != FRAMES_NEW) {
        fail("not entered", w.calls);
    }
    r->call[r->n++] = w.calls++;
    thread->begun[thread->n_begun].frame = frame;
    thread->begun[thread->n_begun].stack = thread->current;
    thread->begun[thread->n_begun++].depth = thread->stack[thread->current].depth;
    tally.entries++;
    nothing_left(t, thread->current, r->sp, r->ret);
    if (draw(4) || thread->n_begun == DEPTH) /* else it faults */
        settle(t);
}

static uint64_t site(void)
{
    uint64_t i = draw(SITES);
    return 0xffffffff81000000u + i * 0x1003 + (i & 1 ? 0 : 0x7fd); /* some share an offset in their pages */
}

static void do_call(unsigned t)
{
    struct thread *thread = &w.thread[t];
    struct stack *s = current(t);
    if (s->depth == DEPTH || w.calls == CALLS || thread->n_begun + 1 >= DEPTH)
        return;
    struct record *r = &s->record[s->depth];
    uint64_t sp = stack_pointer(t) - 8 - 16 * draw(4);
    *r = (struct record){.sp = sp, .ret = site()};
    if (w.calls_seen && w.words[thread->vcpu][frames__slot(r->ret)])
        frames__called(&thread->frames, sp, bounds(t, thread->current), on_ended, NULL);
    s->depth++;
    uint32_t function = (uint32_t)draw(6);
    if (function != UNHOOKED)
        enter(t, r, function);
    else if (draw(2)) {
        frames__entry_alone(&thread->frames);
        passes(t, 9);
    }
}

static void do_tail_call(unsigned t)
{
    struct stack *s = current(t);
    if (!s->depth || w.calls == CALLS || s->record[s->depth - 1].n == TAILS || begun_here(t) >= 0)
        return;
    struct record *r = &s->record[s->depth - 1];
    uint32_t function = (uint32_t)draw(6);
    tally.tails++;
    for (size_t i = 0; i < r->n; i++)
        tally.loops += function && frames__in_slot(&w.thread[t].frames, r->sp)->function == function;
    if (function != UNHOOKED)
        enter(t, r, function);
}

static void do_return(unsigned t)
{
    struct stack *s = current(t);
    struct thread *thread = &w.thread[t];
    if (!s->depth || begun_here(t) >= 0)
        return;
    struct record r = s->record[--s->depth];
    w.returning = &r;
    w.returned = 0;
    /* a return site asks only where the filter lets it; a site that does not ask would lose what returns here */
    uint64_t word = w.words[thread->vcpu][frames__slot(r.ret)];
    size_t n = word ? frames__return(&thread->frames, r.ret, r.sp + 8, bounds(t, thread->current), on_ended, NULL) : 0;
    w.returning = NULL;
    if (w.returned != r.n || (r.n && n < r.n))
        fail("a return ended too few", r.n ? r.call[0] : 0);
    if (n)
        nothing_left(t, thread->current, r.sp + 8, 0);
}

/* Reaches a return site with another stack pointer, or none that is waited for. */
static void do_pass_by(unsigned t)
{
    size_t n = frames__return(&w.thread[t].frames, site(), stack_pointer(t) - 4096 - 8 * draw(8),
                              bounds(t, w.thread[t].current), on_ended, NULL);
    if (n)
        fail("a return that was none", 0);
}

/* First instructions that faulted, and will not run again. */
static void forget_begun(unsigned t)
{
    struct thread *thread = &w.thread[t];
    unsigned kept = 0;
    for (unsigned i = 0; i < thread->n_begun; i++) {
        if (thread->begun[i].depth <= thread->stack[thread->begun[i].stack].depth)
            thread->begun[kept++] = thread->begun[i];
    }
    thread->n_begun = kept;
}

static void do_longjmp(unsigned t)
{
    struct stack *s = current(t);
    if (!s->depth)
        return;
    unsigned to = (unsigned)draw(s->depth + 1);
    for (unsigned i = to; i < s->depth; i++) {
        for (unsigned k = 0; k < s->record[i].n; k++)
            w.call[s->record[i].call[k]].fate = LEFT;
    }
    s->depth = to;
    forget_begun(t);
}

/* Not from within an interrupt, which ends where it began. */
static void do_coroutine(unsigned t)
{
    if (w.thread[t].current != 1)
        w.thread[t].current = (unsigned)draw(2) ? 0 : KNOWN + (unsigned)draw(STACKS - KNOWN);
}

static void do_interrupt(unsigned t)
{
    struct thread *thread = &w.thread[t];
    if (thread->current != 1) {
        thread->before = thread->current;
        thread->current = 1;
    } else if (thread->stack[1].depth == 0) {
        thread->current = thread->before;
    }
}

static void do_again(unsigned t)
{
    struct thread *thread = &w.thread[t];
    int i = begun_here(t);
    if (i < 0)
        return;
    const struct frame *frame = &thread->begun[i].frame;
    tally.later += frame->cookie != w.calls - 1;
    if (frames__enter(&thread->frames, frame, on_ended, NULL) != FRAMES_AGAIN)
        fail("the same call twice", frame->cookie);
    tally.again++;
    if (draw(2))
        settle(t);
}

static void do_die(unsigned t)
{
    struct thread *thread = &w.thread[t];
    if (draw(20))
        return;
    w.gone = true;
    frames__end(&thread->frames, 0, 0, FRAMES_GONE, on_ended, NULL);
    w.gone = false;
    if (thread->frames.n)
        fail("a frame outlived its thread", frames__newest(&thread->frames)->cookie);
    memset(thread->stack, 0, sizeof(thread->stack));
    thread->current = 0;
    thread->n_begun = 0;
}

/* Another thread runs on the virtual CPU, or this one on another. */
static void do_switch(unsigned t)
{
    int vcpu = w.thread[t].vcpu;
    unsigned other = (unsigned)draw(THREADS);
    frames__off(&w.thread[t].frames);
    w.thread[t].vcpu = -1;
    if (w.thread[other].vcpu >= 0)
        other = t;
    w.thread[other].vcpu = vcpu;
    frames__on(&w.thread[other].frames, w.words[vcpu]);
    tally.moved += other != t;
}

static void step(void)
{
    static const struct {
        void (*run)(unsigned thread);
        unsigned weight;
    } kinds[] = {{do_call, 40},     {do_return, 32}, {do_tail_call, 6}, {do_longjmp, 2}, {do_coroutine, 3},
                 {do_interrupt, 6}, {do_again, 4},   {do_pass_by, 3},   {do_die, 1},     {do_switch, 5}};
    unsigned running[VCPUS], n = 0;
    for (unsigned t = 0; t < THREADS; t++) {
        if (w.thread[t].vcpu >= 0)
            running[n++] = t;
    }
    unsigned pick = (unsigned)draw(102), i = 0;
    while (pick >= kinds[i].weight)
        pick -= kinds[i++].weight;
    w.now = running[draw(n)];
    kinds[i].run(w.now);
}

static void program(uint64_t seed)
{
    for (unsigned t = 0; t < THREADS; t++)
        frames__clear(&w.thread[t].frames);
    memset(&w, 0, sizeof(w));
    w.seed = seed;
    w.random = seed * 0x9e3779b97f4a7c15u | 1;
    w.calls_seen = draw(4) != 0;
    for (unsigned t = 0; t < THREADS; t++) {
        w.thread[t].vcpu = t < VCPUS ? (int)t : -1;
        if (t < VCPUS)
            frames__on(&w.thread[t].frames, w.words[t]);
    }
    for (w.step = 0; w.step < STEPS; w.step++) {
        step();
        if (w.step % 16 == 0)
            filters_right();
    }
    tally.programs++;
    tally.steps += STEPS;
    w.gone = true;
    for (w.now = 0; w.now < THREADS; w.now++)
        frames__end(&w.thread[w.now].frames, 0, 0, FRAMES_GONE, on_ended, NULL);
    for (uint64_t i = 0; i < w.calls; i++) {
        if (w.call[i].fate != TOLD)
            fail("never ended", i);
    }
    filters_right();
}

static uint64_t seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec;
}

int main(void)
{
    const char *limit = getenv("QEBEK_PROPERTY_SECONDS"), *wanted = getenv("QEBEK_PROPERTY_SEED");
    uint64_t seed, until = seconds() + (limit ? strtoull(limit, NULL, 0) : 10);
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = (uint64_t)time(NULL);
    if (wanted)
        seed = strtoull(wanted, NULL, 0);
    printf("seed %" PRIu64 "\n", seed);
    fflush(stdout);
    do
        program(seed++);
    while (seconds() < until);
    printf("%" PRIu64 " programs, %" PRIu64 " steps, %" PRIu64 " calls of hooked functions: returned %" PRIu64
           ", unwound %" PRIu64 ", gone %" PRIu64 "; tail calls %" PRIu64 ", first instructions again %" PRIu64
           " (after other calls %" PRIu64 "), jumps to oneself %" PRIu64 ", shared a return with one left %" PRIu64
           ", switches %" PRIu64 "\n",
           tally.programs, tally.steps, tally.entries, tally.ends[FRAMES_RETURNED], tally.ends[FRAMES_UNWOUND],
           tally.ends[FRAMES_GONE], tally.tails, tally.again, tally.later, tally.loops, tally.shared, tally.moved);
    bool met = tally.ends[FRAMES_RETURNED] && tally.ends[FRAMES_UNWOUND] && tally.ends[FRAMES_GONE] && tally.tails &&
               tally.again && tally.later && tally.loops && tally.shared && tally.moved && tally.other_stacks;
    if (!met)
        printf("not ok: something was never met\n");
    return !met;
}
