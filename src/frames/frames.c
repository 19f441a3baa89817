/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "frames/frames.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 16u

/* Room for one more of `size` bytes each. */
static bool reserve(void **array, size_t n, size_t *room, size_t size)
{
    if (n < *room)
        return true;
    size_t more = *room ? *room * 2 : FIRST_ROOM;
    void *larger = realloc(*array, more * size); /* bounded by FRAMES_MAX and FRAMES_FILTER */
    if (!larger)
        return false;
    *array = larger;
    *room = more;
    return true;
}

/* ---- how many frames return to each offset ---- */

static struct frames_count *count_find(struct frames *frames, unsigned slot)
{
    for (size_t i = frames->n_distinct; i-- > 0;) {
        if (frames->distinct[i].slot == slot)
            return &frames->distinct[i];
    }
    return NULL;
}

/* There is room. */
static void count_up(struct frames *frames, unsigned slot)
{
    struct frames_count *count = count_find(frames, slot);
    if (!count) {
        count = &frames->distinct[frames->n_distinct++];
        *count = (struct frames_count){slot, 0};
    }
    count->count++;
    if (frames->filter)
        frames->filter[slot] = count->count;
}

static void count_down(struct frames *frames, unsigned slot)
{
    struct frames_count *count = count_find(frames, slot);
    if (!count)
        return;
    count->count--;
    if (frames->filter)
        frames->filter[slot] = count->count;
    if (!count->count)
        *count = frames->distinct[--frames->n_distinct];
}

void frames__on(struct frames *frames, uint64_t *filter)
{
    frames->filter = filter;
    for (size_t i = 0; i < frames->n_distinct; i++)
        filter[frames->distinct[i].slot] = frames->distinct[i].count;
}

void frames__off(struct frames *frames)
{
    for (size_t i = 0; frames->filter && i < frames->n_distinct; i++)
        frames->filter[frames->distinct[i].slot] = 0;
    frames->filter = NULL;
}

/* ---- what ends ---- */

static void take_out(struct frames *frames, size_t i, enum frames_end end, frames_ended *ended, void *data)
{
    struct frame frame = frames->frame[i];
    frames->n--;
    memmove(&frames->frame[i], &frames->frame[i + 1], (frames->n - i) * sizeof(frame));
    count_down(frames, frames__slot(frame.ret));
    ended(data, &frame, end);
}

static bool known(struct frames_stack stack)
{
    return stack.high > stack.low;
}

/* On the same stack for certain. */
static bool same_stack(struct frames_stack a, struct frames_stack b)
{
    return known(a) && a.low == b.low && a.high == b.high;
}

/*
 * The stack pointer is `sp` on `stack`, and a call has just put `ret` there: what does this leave behind? Of a known
 * stack the frames lie ever lower the newer they are, because this function saw to that; the first that remains is the
 * last to look at. Others may be anywhere.
 */
static void leave_behind(struct frames *frames, const struct frame *now, frames_ended *ended, void *data)
{
    for (size_t i = frames->n; i-- > 0;) {
        const struct frame *old = &frames->frame[i];
        bool same = same_stack(old->stack, now->stack);
        if ((old->sp == now->sp && old->ret != now->ret) || (same && old->sp < now->sp))
            take_out(frames, i, FRAMES_UNWOUND, ended, data);
        else if (same)
            return;
    }
}

static bool again(const struct frames *frames, const struct frame *frame)
{
    const struct frame *last = frames->n ? &frames->frame[frames->n - 1] : NULL;
    return last && frames->fresh && last->sp == frame->sp && last->ret == frame->ret &&
           last->function == frame->function && last->witness == frame->witness;
}

enum frames_entry frames__enter(struct frames *frames, const struct frame *frame, frames_ended *ended, void *data)
{
    if (again(frames, frame))
        return FRAMES_AGAIN;
    leave_behind(frames, frame, ended, data);
    if (frames->n == FRAMES_MAX)
        take_out(frames, 0, FRAMES_EVICTED, ended, data);
    void *array = frames->frame, *distinct = frames->distinct;
    bool room = reserve(&array, frames->n, &frames->room, sizeof(*frame)) &&
                reserve(&distinct, frames->n_distinct, &frames->distinct_room, sizeof(*frames->distinct));
    frames->frame = array;
    frames->distinct = distinct;
    if (!room)
        return FRAMES_NO_MEMORY;
    frames->frame[frames->n++] = *frame;
    frames->fresh = true;
    count_up(frames, frames__slot(frame->ret));
    return FRAMES_NEW;
}

static bool returns_here(const struct frame *frame, uint64_t pc, uint64_t sp)
{
    if (frame->ret != pc)
        return false;
    if (frame->pops == FRAMES_POPS_UNKNOWN)
        return sp > frame->sp && sp - frame->sp <= FRAMES_POPS_MOST;
    return frame->sp + frame->pops == sp;
}

size_t frames__return(struct frames *frames, uint64_t pc, uint64_t sp, struct frames_stack stack, frames_ended *ended,
                      void *data)
{
    size_t newest = frames->n, returned = 0;
    while (newest > 0 && !returns_here(&frames->frame[newest - 1], pc, sp))
        newest--;
    if (newest == 0)
        return 0;
    frames->fresh = false;
    uint64_t slot = frames->frame[newest - 1].sp;
    for (size_t i = frames->n; i-- > 0;) {
        const struct frame *old = &frames->frame[i];
        if (old->sp == slot && returns_here(old, pc, sp)) {
            take_out(frames, i, FRAMES_RETURNED, ended, data);
            returned++;
        } else if (same_stack(old->stack, stack)) {
            if (old->sp >= sp)
                break; /* the caller's, and what is older lies above */
            take_out(frames, i, FRAMES_UNWOUND, ended, data);
        }
    }
    return returned;
}

void frames__end(struct frames *frames, uint64_t low, uint64_t high, enum frames_end end, frames_ended *ended,
                 void *data)
{
    for (size_t i = frames->n; i-- > 0;) {
        if (frames->frame[i].sp >= low && (high == 0 || frames->frame[i].sp < high))
            take_out(frames, i, end, ended, data);
    }
    frames->fresh = false;
}

void frames__clear(struct frames *frames)
{
    frames__off(frames);
    free(frames->frame);
    free(frames->distinct);
    memset(frames, 0, sizeof(*frames));
}
