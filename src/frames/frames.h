/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of hooked functions in flight, of one guest thread: which of them a return ends, and which ended without one.
 * Pure C: knows no QEMU, no guest memory, no operating system.
 *
 * A call is found again by the slot of its return address (the stack pointer at its first instruction) and by that
 * address, never by its place in the order of calls: longjmp and exceptions leave frames out, coroutines and interrupts
 * go on with others. What the machine proves is taken, and nothing else:
 *   - A return to `ret` with the stack pointer just above the slot ends the frame, and all others that share slot and
 *     return address with it: they were reached by jumps (tail calls), and one return ends them all.
 *   - A call instruction that is about to write into the slot of a frame proves that it was left: frames__called.
 *   - A call whose return address lies in the slot of an older frame that had another one has overwritten it.
 *   - Where the bounds of the stack are known: what lies below the stack pointer on the same stack is no longer in use.
 * Frames that this proves to be left behind end as unwound. Frames on other stacks are never touched by that; where
 * bounds are not known, each frame counts as on a stack of its own.
 * A first instruction that faults runs again once that is dealt with: no other call. What tells it from a function that
 * jumps to its own first instruction is whether the second instruction has run (FRAMES_PASSED). Where nothing is told
 * of second instructions, such a jump is taken for a first instruction that runs again.
 *
 * Time: each operation takes the time of what it ends, and looks at a few frames more, however many there are; the last
 * FRAMES_MAX are kept. Threads of the host: a set has one user at a time.
 */
#ifndef QEBEK_FRAMES_FRAMES_H
#define QEBEK_FRAMES_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAMES_MAX        16384u        /* of one thread */
#define FRAMES_FILTER     1024u         /* words of a filter, a power of two no larger than a page */
#define FRAMES_PASSED     FRAMES_FILTER /* one more: the second instruction of a function stores its number + 1 there */
#define FRAMES_PASSED_ANY UINT64_MAX    /* … or this, where it is not known there */
#define FRAMES_WORDS      (FRAMES_FILTER + 1u)

#define FRAMES_POPS_UNKNOWN 0xffffu
#define FRAMES_POPS_MOST    128u /* bytes that are taken off at most where that is unknown; Windows has no more */

enum frames_end {
    FRAMES_RETURNED, /* it returned to its caller, or what it jumped to did */
    FRAMES_UNWOUND,  /* left behind: longjmp, an exception, exec */
    FRAMES_EVICTED,  /* it may still be in flight; there was no more room for it */
    FRAMES_GONE,     /* its thread or machine is gone, or tracing ends */
    FRAMES_ENDS
};

/* Where a stack begins and ends, `high` the first byte above it. Both 0: not known. */
struct frames_stack {
    uint64_t low, high;
};

struct frame {
    uint64_t sp;               /* of the first instruction; the return address lies there */
    uint64_t ret;              /* return address */
    uint64_t cookie;           /* free for whoever feeds it */
    uint64_t kept[7];          /* the same */
    uint32_t function;         /* its number, free too */
    uint16_t pops;             /* bytes above sp that the return takes off: the return address, arguments in some code;
                                * FRAMES_POPS_UNKNOWN: the newest frame that returns to the address, and lies not far below */
    bool passed;               /* its second instruction has run; of no concern to who enters it */
    struct frames_stack stack; /* that sp lies on, the same for each frame whose sp lies on it */
};

/* The words that a return site looks at before it asks frames__return: how many frames return to such an offset. */
struct frames_count {
    uint32_t slot, count;
};

struct frames_node; /* a frame, with its places in the lists */

/* All zero is an empty set. What is in it is for frames.c and tests, save n, room and limit. */
struct frames {
    size_t n, room;
    size_t limit;             /* may be set: keep no more than these; 0: FRAMES_MAX */
    struct frames_node *node; /* `room` of them */
    uint32_t newest, oldest, free;
    uint32_t *bucket;           /* newest of each, three tables one after another */
    struct frames_count *count; /* one for each word of the filter that is not 0 */
    uint16_t *count_of;         /* by word: 1 + its index in count, 0: none */
    uint32_t n_counts;
    size_t n_vague;  /* with FRAMES_POPS_UNKNOWN */
    uint64_t *words; /* FRAMES_WORDS, while the thread runs; NULL: it does not */
};

/* A frame has ended; it is in the set no more. Feeds no events itself. */
typedef void frames_ended(void *data, const struct frame *frame, enum frames_end end);

enum frames_entry {
    FRAMES_NEW,
    FRAMES_AGAIN,    /* the first instruction of the newest frame in that slot runs once more: no other call */
    FRAMES_NO_MEMORY /* nothing was entered */
};

void frames__clear(struct frames *frames); /* frees what it holds; no frame is told of */

/*
 * A hooked function's first instruction runs; *frame is copied. Frames that this proves to be left behind end first,
 * newest first. Where there is no more room the oldest is evicted.
 */
enum frames_entry frames__enter(struct frames *frames, const struct frame *frame, frames_ended *ended, void *data);
/* The first instruction of a function runs that is not entered here, but has a second one that stores its number. */
void frames__entry_alone(struct frames *frames);
/*
 * A call instruction is about to write its return address to `slot`, on `stack`. Ends what lay there, and all that lies
 * below on the same stack, newest first.
 */
void frames__called(struct frames *frames, uint64_t slot, struct frames_stack stack, frames_ended *ended, void *data);
/*
 * The instruction at `pc` runs, the stack pointer is `sp` on `stack`. Ends the frames that return here, newest first,
 * and those that lie below on the same stack. Returns how many returned; 0: none of these frames returns here, nothing
 * was changed.
 */
size_t frames__return(struct frames *frames, uint64_t pc, uint64_t sp, struct frames_stack stack, frames_ended *ended,
                      void *data);
/* Ends all frames whose slot lies from `low` up to, not including, `high` (0: no limit), newest first. */
void frames__end(struct frames *frames, uint64_t low, uint64_t high, enum frames_end end, frames_ended *ended,
                 void *data);

/* The frame that was entered last, or the last of those in a slot; NULL: none. Valid until the set changes. */
struct frame *frames__newest(struct frames *frames);
struct frame *frames__in_slot(struct frames *frames, uint64_t sp);
/* The frame that was entered before this one; NULL: none. */
struct frame *frames__before(struct frames *frames, const struct frame *frame);

/* Which word of the filter a return address has. */
static inline unsigned frames__slot(uint64_t ret)
{
    return (unsigned)(ret & (FRAMES_FILTER - 1));
}
/*
 * The thread runs from now on where `words` (FRAMES_WORDS of them, all of the filter 0) are looked at, until
 * frames__off, which leaves them so. In between each word of the filter is kept at the number of frames whose return
 * address has it.
 */
void frames__on(struct frames *frames, uint64_t *words);
void frames__off(struct frames *frames);
/* The words have moved, with what was in them. */
void frames__moved(struct frames *frames, uint64_t *words);

#endif
