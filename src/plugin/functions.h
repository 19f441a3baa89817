/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files functions*.c share among themselves, and nobody else sees. */
#ifndef QEBEK_PLUGIN_FUNCTIONS_H
#define QEBEK_PLUGIN_FUNCTIONS_H

#include <pthread.h>

#include "frames/frames.h"
#include "guest/values.h"
#include "plugin/plugin.h"

#define FUNCTIONS_RETURNS 1024u /* return addresses of which is known that a call lies before them; a power of two */

/* Of one thread; made at its first call of a hooked function. */
struct function_thread {
    struct function_thread *next; /* of its chain */
    uint64_t object;
    uint64_t number; /* of its records: as last known, 0: none */
    uint64_t stack;  /* where its kernel stack begins; 0: not known */
    bool runs;       /* on a vCPU; guarded by the lock of the threads */
    struct frames
        frames; /* of calls in the kernel and, once there are such hooks, in user mode: addresses tell them apart */
};

struct functions {
    struct functions_table table; /* in force; changed while all vCPUs are halted, or none has sites */
    struct vm_functions *at;      /* its addresses */
    uint64_t trampoline[FUNCTIONS_TRAMPOLINES + 1]; /* of the table; 0 ends it */
    struct values_plan *values;                     /* one for each: what its prototype says */
    uint8_t *told;                                  /* atomic; one for each: its definition is in the trace */
    bool shared;     /* nothing tells when a vCPU's thread is another: filters have the frames of all threads */
    uint64_t unseen; /* atomic; entries that no record tells of */
    uint64_t (*returns)[FUNCTIONS_RETURNS]; /* by vCPU: known return addresses, by their last bits */
    struct function_thread **on;            /* by vCPU: whose frames its filter has; that vCPU's thread alone */
};
extern struct functions functions;

/* What the table says of a function that is there; of one of user code, of what was asked for. */
const struct functions_entry *functions__entry(uint32_t index);
const struct values_plan *functions__values(uint32_t index);

/* ---- functions_threads.c ---- */
/*
 * The thread, which runs on this vCPU from now on. NULL: it has no frames and `create` is false, there is no memory, or
 * a guest that lies has it run elsewhere.
 */
struct function_thread *functions_threads__claim(uint64_t object, bool create);
/* Is there anything kept of it, wherever it runs? */
bool functions_threads__is_kept(uint64_t object);
/* It runs no longer; one without frames need not be kept. */
void functions_threads__let_go(struct function_thread *t);
/*
 * Whose frames this vCPU's filter has, made if there is none; `sp` and `settled` as of identity__learn. NULL: that is
 * not known yet, or there is no memory.
 */
struct function_thread *functions_threads__running(struct guest_cpu *cpu, uint64_t sp, bool settled);
/* frames__enter on a thread that runs here, within the room that all threads have. */
enum frames_entry functions_threads__enter(struct function_thread *t, const struct frame *frame, frames_ended *ended,
                                           void *data);
/* Where the words of a vCPU lie may change when vCPUs are added: before anything is done with frames on it. */
void functions_threads__follow_filter(struct guest_cpu *cpu, struct function_thread *t);

/* ---- functions_shared.c, where functions.shared ---- */
/* A frame is kept, or is no more. */
void functions_shared__add(const struct frame *frame);
void functions_shared__remove(const struct frame *frame);
/* May a frame return here? For most other returns the answer is no, and takes no look at guest memory. */
bool functions_shared__waits(uint64_t pc, uint64_t sp);
/* May a frame have this return address in this slot? */
bool functions_shared__lies(uint64_t ret, uint64_t slot);

/* ---- functions_nt.c ---- */
/* For the first event of a kernel. False: no memory. */
bool functions_nt__begin(void);
void functions_nt__end(void);

/* ---- functions_calls.c ---- */
/* A hooked function's first instruction runs. */
struct function_call {
    uint32_t index; /* in the table */
    bool returns;   /* `ret` is where a call before it comes back to; false: the entry alone is recorded */
    uint16_t pops;
    uint64_t sp, ret;
    struct frames_stack stack;
};
/* Reads its arguments, records it, and keeps its frame. */
void functions_calls__begin(struct guest_cpu *cpu, struct function_thread *t, const struct function_call *call);
/* Does a call lie before this address? */
bool functions_calls__follows(struct guest_cpu *cpu, uint64_t ret);
/* The instruction at `pc`, which follows a call, runs: ends and records the calls that return there. */
void functions_calls__end(struct guest_cpu *cpu, struct function_thread *t, uint64_t pc, uint64_t sp,
                          struct frames_stack stack);
/* Ends and records those whose return address lies from `low` up to `high`: they were left behind. */
void functions_calls__unwind(struct guest_cpu *cpu, struct function_thread *t, uint64_t low, uint64_t high);
/* A call instruction is about to write a return address to `slot`: ends and records the calls that this leaves behind.
 */
void functions_calls__called(struct guest_cpu *cpu, struct function_thread *t, uint64_t slot,
                             struct frames_stack stack);
/* Ends and records all calls of a thread. */
void functions_calls__end_thread(struct guest_cpu *cpu, struct function_thread *t, enum qbk_function_end end);

#endif
