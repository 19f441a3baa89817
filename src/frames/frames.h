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
 *   - A call whose return address lies in the slot of an older frame that had another one has overwritten it.
 *   - Where the bounds of the stack are known: what lies below the stack pointer on the same stack is no longer in use.
 * Frames that this proves to be left behind end as unwound. Frames on other stacks are never touched by that; where
 * bounds are not known, each frame counts as on a stack of its own.
 * One thing cannot be told: a frame that was left by a longjmp, and then a jump to the same slot or another call from
 * the same place at the same depth. It is taken for a tail call, and ends with the other.
 *
 * Time: what looks at frames begins with the newest, where it mostly ends. No more than FRAMES_MAX are kept.
 * Threads of the host: a set has one user at a time.
 */
#ifndef QEBEK_FRAMES_FRAMES_H
#define QEBEK_FRAMES_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAMES_MAX    16384u /* of one thread */
#define FRAMES_FILTER 1024u  /* words of a filter, a power of two no larger than a page */

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
    uint64_t witness;          /* what else tells two calls apart: of the registers, mostly */
    uint64_t cookie;           /* free for whoever feeds it */
    uint64_t kept[7];          /* the same */
    uint32_t function;         /* the same */
    uint16_t pops;             /* bytes above sp that the return takes off: the return address, arguments in some code;
                                * FRAMES_POPS_UNKNOWN: the newest frame that returns to the address, and lies not far below */
    struct frames_stack stack; /* that sp lies on */
};

/* The words that a return site looks at before it asks frames__return: how many frames return to such an offset. */
struct frames_count {
    uint32_t slot, count;
};

struct frames {
    struct frame *frame; /* oldest first */
    size_t n, room;
    struct frames_count *distinct; /* one for each word of the filter that is not 0 */
    size_t n_distinct, distinct_room;
    uint64_t *filter; /* FRAMES_FILTER words, while the thread runs; NULL: it does not */
    bool fresh;       /* nothing happened since the newest frame was entered */
};

/* A frame has ended; it is in the set no more. Feeds no events itself. */
typedef void frames_ended(void *data, const struct frame *frame, enum frames_end end);

enum frames_entry {
    FRAMES_NEW,
    FRAMES_AGAIN,    /* the first instruction of the newest frame runs once more, after a fault: no other call */
    FRAMES_NO_MEMORY /* nothing was entered */
};

/* All zero is an empty set. */
void frames__clear(struct frames *frames); /* frees what it holds; no frame is told of */

/*
 * A hooked function's first instruction runs; *frame is copied. Frames that this proves to be left behind end first,
 * newest first. Where there is no more room the oldest is evicted.
 */
enum frames_entry frames__enter(struct frames *frames, const struct frame *frame, frames_ended *ended, void *data);
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
/* Something else of this thread was seen: a first instruction that runs after it does not run again, but anew. */
static inline void frames__stir(struct frames *frames)
{
    frames->fresh = false;
}

/* Which word of the filter a return address has. */
static inline unsigned frames__slot(uint64_t ret)
{
    return (unsigned)(ret & (FRAMES_FILTER - 1));
}
/*
 * The thread runs from now on where `filter` (FRAMES_FILTER words, all 0) is looked at, until frames__off, which leaves
 * it all 0 again. In between each word is kept at the number of frames whose return address has it.
 */
void frames__on(struct frames *frames, uint64_t *filter);
void frames__off(struct frames *frames);

#endif
