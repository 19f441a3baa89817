/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "frames/frames.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 16u
#define NONE       UINT32_MAX

/* What frames are looked up by. Each list has the newest first. */
enum list {
    BY_ORDER, /* all of them: one list */
    BY_SLOT,
    BY_RETURN, /* return address, and stack pointer after it */
    BY_STACK,  /* those of known bounds */
    LISTS
};

struct frames_node {
    struct frame frame;
    uint32_t newer[LISTS], older[LISTS];
};

static bool known(struct frames_stack stack)
{
    return stack.high > stack.low;
}

/* On the same stack for certain. */
static bool same_stack(struct frames_stack a, struct frames_stack b)
{
    return known(a) && a.low == b.low && a.high == b.high;
}

static bool returns_here(const struct frame *frame, uint64_t pc, uint64_t sp)
{
    if (frame->ret != pc)
        return false;
    if (frame->pops == FRAMES_POPS_UNKNOWN)
        return sp > frame->sp && sp - frame->sp <= FRAMES_POPS_MOST;
    return frame->sp + frame->pops == sp;
}

/* ---- lists ---- */

/* A guest cannot choose keys that share a bucket: it does not know where the set lies. As many buckets as nodes. */
static uint32_t *bucket_of(const struct frames *frames, enum list list, uint64_t key)
{
    uint64_t mixed = (key ^ (uint64_t)(uintptr_t)frames->node) * 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 32) * 0xd6e8feb86659fd93u;
    size_t at = (size_t)(mixed >> 32) & (frames->room - 1);
    return &frames->bucket[(list - BY_SLOT) * frames->room + at];
}

static uint64_t return_key(uint64_t ret, uint64_t sp)
{
    return ret * 31 + sp;
}

/* Where it is not known how much is taken off: no more than so many places below the stack pointer at the return. */
static uint64_t vague_key(uint64_t ret, uint64_t place)
{
    return ~return_key(ret, place);
}

static uint64_t key_of_return(const struct frame *frame)
{
    if (frame->pops == FRAMES_POPS_UNKNOWN)
        return vague_key(frame->ret, frame->sp / FRAMES_POPS_MOST);
    return return_key(frame->ret, frame->sp + frame->pops);
}

static uint32_t *head_of(struct frames *frames, enum list list, const struct frame *frame)
{
    const uint64_t key[LISTS] = {
        [BY_SLOT] = frame->sp, [BY_RETURN] = key_of_return(frame), [BY_STACK] = frame->stack.low};
    return list == BY_ORDER ? &frames->newest : bucket_of(frames, list, key[list]);
}

static bool is_in(enum list list, const struct frame *frame)
{
    return list != BY_STACK || known(frame->stack);
}

static void put_in(struct frames *frames, enum list list, uint32_t i)
{
    struct frames_node *node = &frames->node[i];
    if (!is_in(list, &node->frame))
        return;
    uint32_t *head = head_of(frames, list, &node->frame);
    node->newer[list] = NONE;
    node->older[list] = *head;
    if (*head != NONE)
        frames->node[*head].newer[list] = i;
    *head = i;
}

static void put_out(struct frames *frames, enum list list, uint32_t i)
{
    struct frames_node *node = &frames->node[i];
    uint32_t newer = node->newer[list], older = node->older[list];
    if (!is_in(list, &node->frame))
        return;
    if (newer != NONE)
        frames->node[newer].older[list] = older;
    else
        *head_of(frames, list, &node->frame) = older;
    if (older != NONE)
        frames->node[older].newer[list] = newer;
}

static uint32_t in_slot(const struct frames *frames, uint64_t sp)
{
    uint32_t i = frames->n ? *bucket_of(frames, BY_SLOT, sp) : NONE;
    while (i != NONE && frames->node[i].frame.sp != sp)
        i = frames->node[i].older[BY_SLOT];
    return i;
}

static uint32_t on_stack(const struct frames *frames, struct frames_stack stack)
{
    uint32_t i = frames->n && known(stack) ? *bucket_of(frames, BY_STACK, stack.low) : NONE;
    while (i != NONE && !same_stack(frames->node[i].frame.stack, stack))
        i = frames->node[i].older[BY_STACK];
    return i;
}

/* The newest of those in one bucket. */
static uint32_t returning_with(const struct frames *frames, uint64_t key, uint64_t pc, uint64_t sp)
{
    uint32_t i = *bucket_of(frames, BY_RETURN, key);
    while (i != NONE && !returns_here(&frames->node[i].frame, pc, sp))
        i = frames->node[i].older[BY_RETURN];
    return i;
}

/* The one with the lower slot, which is the inner one. */
static uint32_t inner(const struct frames *frames, uint32_t a, uint32_t b)
{
    if (a == NONE || b == NONE)
        return a == NONE ? b : a;
    return frames->node[a].frame.sp <= frames->node[b].frame.sp ? a : b;
}

static uint32_t returning(const struct frames *frames, uint64_t pc, uint64_t sp)
{
    if (!frames->n)
        return NONE;
    uint32_t i = returning_with(frames, return_key(pc, sp), pc, sp);
    uint64_t place = (sp - 1) / FRAMES_POPS_MOST;
    if (i != NONE || !frames->n_vague)
        return i;
    return inner(frames, returning_with(frames, vague_key(pc, place), pc, sp),
                 returning_with(frames, vague_key(pc, place - 1), pc, sp));
}

/* ---- room ---- */

/* Oldest first into new lists. What lies in `node` and `bucket` is lost. */
static void move_to(struct frames *frames, struct frames_node *node, uint32_t *bucket, size_t room)
{
    const struct frames_node *old = frames->node;
    uint32_t at = frames->oldest, i = 0;
    frames->node = node;
    frames->bucket = bucket;
    frames->room = room;
    frames->newest = frames->free = NONE;
    memset(bucket, 0xff, (LISTS - 1) * room * sizeof(*bucket)); /* all NONE */
    for (; i < frames->n; i++, at = old[at].newer[BY_ORDER]) {
        node[i].frame = old[at].frame;
        for (unsigned list = 0; list < LISTS; list++)
            put_in(frames, (enum list)list, i);
    }
    frames->oldest = frames->n ? 0 : NONE;
    for (uint32_t k = (uint32_t)room; k-- > i;) {
        node[k].older[BY_ORDER] = frames->free;
        frames->free = k;
    }
}

static bool more_room(struct frames *frames)
{
    size_t room = frames->room ? frames->room * 2 : FIRST_ROOM; /* FRAMES_MAX is one of these */
    struct frames_node *node = malloc(room * sizeof(*node)), *old = frames->node;
    uint32_t *bucket = malloc((LISTS - 1) * room * sizeof(*bucket)), *old_bucket = frames->bucket;
    if (node && bucket) {
        move_to(frames, node, bucket, room);
        node = old;
        bucket = old_bucket;
    } else {
        old = NULL;
        room = 0;
    }
    free(node);
    free(bucket);
    return room != 0;
}

/* No more than FRAMES_FILTER. */
static bool room_to_count(struct frames *frames)
{
    if (!frames->count_of)
        frames->count_of = calloc(FRAMES_FILTER, sizeof(*frames->count_of));
    if (frames->count_of &&
        (!frames->count || (frames->n_counts >= FIRST_ROOM && !(frames->n_counts & (frames->n_counts - 1))))) {
        size_t room = frames->n_counts ? frames->n_counts * 2 : FIRST_ROOM;
        struct frames_count *count = realloc(frames->count, room * sizeof(*count));
        if (!count)
            return false;
        frames->count = count;
    }
    return frames->count_of != NULL;
}

static bool has_room(struct frames *frames)
{
    return (frames->n < frames->room || more_room(frames)) && room_to_count(frames);
}

/* ---- words ---- */

static void count_up(struct frames *frames, unsigned word)
{
    if (!frames->count_of[word]) {
        frames->count[frames->n_counts++] = (struct frames_count){word, 0};
        frames->count_of[word] = (uint16_t)frames->n_counts;
    }
    struct frames_count *count = &frames->count[frames->count_of[word] - 1];
    count->count++;
    if (frames->words)
        frames->words[word] = count->count;
}

static void count_down(struct frames *frames, unsigned word)
{
    struct frames_count *count = &frames->count[frames->count_of[word] - 1];
    count->count--;
    if (frames->words)
        frames->words[word] = count->count;
    if (count->count)
        return;
    *count = frames->count[--frames->n_counts];
    frames->count_of[count->slot] = frames->count_of[word];
    frames->count_of[word] = 0;
}

/* While a frame is the newest, the word tells whether its second instruction has run; the frame itself afterwards. */
static void take_passed(struct frames *frames)
{
    struct frame *newest = frames->n ? &frames->node[frames->newest].frame : NULL;
    uint64_t word = frames->words ? frames->words[FRAMES_PASSED] : 0;
    if (newest && (word == newest->function + 1ull || word == FRAMES_PASSED_ANY))
        newest->passed = true;
}

static void give_passed(struct frames *frames)
{
    const struct frame *newest = frames->n ? &frames->node[frames->newest].frame : NULL;
    if (frames->words)
        frames->words[FRAMES_PASSED] = newest && newest->passed ? newest->function + 1ull : 0;
}

void frames__on(struct frames *frames, uint64_t *words)
{
    frames->words = words;
    for (uint32_t i = 0; i < frames->n_counts; i++)
        words[frames->count[i].slot] = frames->count[i].count;
    give_passed(frames);
}

void frames__off(struct frames *frames)
{
    take_passed(frames);
    for (uint32_t i = 0; frames->words && i < frames->n_counts; i++)
        frames->words[frames->count[i].slot] = 0;
    frames->words = NULL;
}

void frames__moved(struct frames *frames, uint64_t *words)
{
    frames->words = words;
}

/* ---- what ends ---- */

static void take_out(struct frames *frames, uint32_t i, enum frames_end end, frames_ended *ended, void *data)
{
    struct frame frame = frames->node[i].frame;
    bool was_newest = i == frames->newest;
    if (i == frames->oldest)
        frames->oldest = frames->node[i].newer[BY_ORDER];
    for (unsigned list = 0; list < LISTS; list++)
        put_out(frames, (enum list)list, i);
    frames->node[i].older[BY_ORDER] = frames->free;
    frames->free = i;
    frames->n--;
    frames->n_vague -= frame.pops == FRAMES_POPS_UNKNOWN;
    count_down(frames, frames__slot(frame.ret));
    if (was_newest)
        give_passed(frames);
    ended(data, &frame, end);
}

/* Of a known stack the frames lie ever lower the newer they are, because this function sees to that. */
static void end_below(struct frames *frames, uint64_t sp, struct frames_stack stack, frames_ended *ended, void *data)
{
    uint32_t i;
    while ((i = on_stack(frames, stack)) != NONE && frames->node[i].frame.sp < sp)
        take_out(frames, i, FRAMES_UNWOUND, ended, data);
}

void frames__called(struct frames *frames, uint64_t slot, struct frames_stack stack, frames_ended *ended, void *data)
{
    uint32_t i;
    end_below(frames, slot, stack, ended, data);
    while ((i = in_slot(frames, slot)) != NONE)
        take_out(frames, i, FRAMES_UNWOUND, ended, data);
}

/* What dealt with the fault is over; this one runs on. */
static void go_on(struct frames *frames, uint32_t i, frames_ended *ended, void *data)
{
    const struct frame *frame = &frames->node[i].frame;
    end_below(frames, frame->sp, frame->stack, ended, data);
    if (i == frames->newest)
        return;
    if (i == frames->oldest)
        frames->oldest = frames->node[i].newer[BY_ORDER];
    put_out(frames, BY_ORDER, i);
    put_in(frames, BY_ORDER, i);
    give_passed(frames);
}

void frames__entry_alone(struct frames *frames)
{
    take_passed(frames);
}

enum frames_entry frames__enter(struct frames *frames, const struct frame *frame, frames_ended *ended, void *data)
{
    size_t limit = frames->limit && frames->limit < FRAMES_MAX ? frames->limit : FRAMES_MAX;
    take_passed(frames);
    uint32_t there = in_slot(frames, frame->sp);
    const struct frame *last = there != NONE ? &frames->node[there].frame : NULL;
    if (last && last->ret == frame->ret && last->function == frame->function && !last->passed) {
        go_on(frames, there, ended, data);
        return FRAMES_AGAIN;
    }
    if (last && last->ret != frame->ret)
        frames__called(frames, frame->sp, frame->stack, ended, data);
    else
        end_below(frames, frame->sp, frame->stack, ended, data);
    while (frames->n >= limit)
        take_out(frames, frames->oldest, FRAMES_EVICTED, ended, data);
    if (!has_room(frames))
        return FRAMES_NO_MEMORY;
    uint32_t i = frames->free;
    frames->free = frames->node[i].older[BY_ORDER];
    frames->node[i].frame = *frame;
    frames->node[i].frame.passed = false;
    for (unsigned list = 0; list < LISTS; list++)
        put_in(frames, (enum list)list, i);
    if (frames->n++ == 0)
        frames->oldest = i;
    frames->n_vague += frame->pops == FRAMES_POPS_UNKNOWN;
    count_up(frames, frames__slot(frame->ret));
    give_passed(frames);
    return FRAMES_NEW;
}

size_t frames__return(struct frames *frames, uint64_t pc, uint64_t sp, struct frames_stack stack, frames_ended *ended,
                      void *data)
{
    uint32_t i = returning(frames, pc, sp);
    size_t returned = 0;
    if (i == NONE)
        return 0;
    take_passed(frames);
    uint64_t slot = frames->node[i].frame.sp;
    end_below(frames, slot, stack, ended, data);
    while ((i = in_slot(frames, slot)) != NONE && returns_here(&frames->node[i].frame, pc, sp)) {
        take_out(frames, i, FRAMES_RETURNED, ended, data);
        returned++;
    }
    end_below(frames, sp, stack, ended, data); /* in the place of arguments that the return took off */
    return returned;
}

void frames__end(struct frames *frames, uint64_t low, uint64_t high, enum frames_end end, frames_ended *ended,
                 void *data)
{
    uint32_t older, i = frames->n ? frames->newest : NONE;
    take_passed(frames);
    for (; i != NONE; i = older) {
        uint64_t sp = frames->node[i].frame.sp;
        older = frames->node[i].older[BY_ORDER];
        if (sp >= low && (high == 0 || sp < high))
            take_out(frames, i, end, ended, data);
    }
}

struct frame *frames__newest(struct frames *frames)
{
    return frames->n ? &frames->node[frames->newest].frame : NULL;
}

struct frame *frames__in_slot(struct frames *frames, uint64_t sp)
{
    uint32_t i = in_slot(frames, sp);
    return i != NONE ? &frames->node[i].frame : NULL;
}

struct frame *frames__before(struct frames *frames, const struct frame *frame)
{
    const struct frames_node *node = (const void *)((const char *)frame - offsetof(struct frames_node, frame));
    return node->older[BY_ORDER] != NONE ? &frames->node[node->older[BY_ORDER]].frame : NULL;
}

void frames__clear(struct frames *frames)
{
    frames__off(frames);
    free(frames->node);
    free(frames->bucket);
    free(frames->count);
    free(frames->count_of);
    memset(frames, 0, sizeof(*frames));
}
