/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What runs on the machine: threads that make calls of all kinds, chosen from a seed, and write down what they called
 * and what they got.
 *   program.c  threads, and the simpler of what they do
 *   truth.c    what they write down
 *   calls.c    how a call is made, and of what
 *   detours.c  calls that leave the kernel before their end: APCs, exceptions, callbacks
 *   pending.c  calls whose operation goes on behind them
 *   talk.c     calls that carry messages: consoles and sockets
 *   makes.c    processes that are made, and ended
 */
#ifndef MACHINE_PROGRAM_H
#define MACHINE_PROGRAM_H
#include "lib.h"

#define STATUS_PENDING 0x103u
#define DEPTH_MAX      7u

enum service {
#define S(name, nr, nargs) Nt##name,
#define G(name, nr, nargs) Nt##name,
#include SERVICES
    SERVICES_COUNT
};
#undef S
#undef G

enum way { WAY_STUB, WAY_FAST, WAY_2E, WAY_NOWHERE };
#define NOWHERE 0xf00u /* in the arena: a copy of direct_2e, which is no image's */

struct me {
    struct start start; /* filled by the kernel */
    u64 random;
    u8 *log;
    u32 calls, depth, made;
    void *jump[5]; /* for code that is jumped out of */
    u32 abandoned; /* a call that the jump gives up */
    bool lied;
    u8 way; /* of the call at hand: enum way */
};

struct seen {
    u8 arg;
    bool in; /* as it was before the call */
    word at, len;
};

static inline void set(word at, u64 value, u32 bytes)
{
    memcpy((void *)at, &value, bytes);
}

/* program.c */
/* As many as at_most scenarios, inside of what goes on. */
void some_more(struct me *me, u32 at_most);

/* truth.c */
/* A call that is made next; returns its number. */
u32 log_way(struct me *me, enum service s, const word *args, enum way way);
/* The same, of one that raw_call makes: in a way chosen here. */
u32 log_enter(struct me *me, enum service s, const word *args);
/* 'N': it never returns. 'X': it is given up. */
void log_end(struct me *me, u8 kind, enum service s, u32 call);
void log_return(struct me *me, enum service s, u32 call, u32 result, const struct seen *seen, u32 n);
/* The end of what call `call` left pending. */
void log_later(struct me *me, enum service s, u32 call, const struct later *l, enum later_how how,
               const struct seen *seen, u32 n);
/* What a dispatcher will call next; it never comes back here. */
void log_continue(struct me *me, word context, word alert);

/* calls.c */
extern struct service_facts {
    const char *name;
    u32 nr, nargs;
    bool graphics;
    word stub;
} services[];
u32 chance(struct me *me, u32 n);
word any_word(struct me *me);
u32 any_status(struct me *me);
void any_args(struct me *me, word *args);
enum service any_service(struct me *me);
/* Memory of the call at hand, AREA_BYTES of it: not that of those around it. */
word area(const struct me *me);
struct plan new_plan(u32 status);
void add(struct plan *p, u32 op, u32 a, word at, word value);
u32 raw_call(struct me *me, enum service s, const word *args, const struct plan *plan);
u32 call(struct me *me, enum service s, const word *args, const struct plan *plan, const struct seen *seen, u32 n);
/* A call that does not come back. */
void call_last(struct me *me, enum service s, const word *args);

/* detours.c: what threads do there */
void calls_back(struct me *me);
void gets_apc(struct me *me);
void raises(struct me *me);
void refused(struct me *me);
void faults(struct me *me);
void jumps(struct me *me);

/* pending.c */
void pends(struct me *me);
#ifdef __x86_64__
/* Several at once, whose packets are taken from the port by one call. */
void pends_several(struct me *me);
#endif

/* talk.c */
void talks(struct me *me);

/* makes.c */
void creates(struct me *me);

#endif
