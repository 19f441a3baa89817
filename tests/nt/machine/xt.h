/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions to be hooked, in the kernel and in ntdll alike. Each writes down for itself that it was entered, with what,
 * and what it returned. What becomes of calls otherwise is written down by whoever causes it.
 */
#ifndef MACHINE_XT_H
#define MACHINE_XT_H

#include "plan.h"

enum xt_function {
    XT_LEAF,     /* (a, b) */
    XT_RECURSE,  /* (n, a): calls itself, from one place */
    XT_EVEN,     /* (n, a): and XT_ODD call each other */
    XT_ODD,      /* (n, a) */
    XT_TAIL,     /* (a, b): jumps to XT_LEAF */
    XT_TAIL_TOO, /* (a, b): jumps to XT_TAIL */
    XT_CATCH,    /* (n, a): where XT_THROW goes on, which comes from n calls below */
    XT_NEST,     /* (n, a) */
    XT_THROW,    /* (n, a): does not return */
    XT_PING,     /* (n, a): goes to another stack of this thread and comes back, n times */
    XT_WAIT,     /* (n, a): the thread does not run for some time */
    XT_REENTER,  /* (n, a): user mode is called by the kernel, and calls such functions */
    XT_DEEPER,   /* (n, a): ntdll has the kernel call some */
    XT_MANY,     /* (a, b, c, d, e, f) */
    XT_FAST,     /* (a, b, c): fastcall on x86 */
    XT_CDECL,    /* (a, b, c) */
    XT_DIE,      /* (n, a): the thread ends */
    XT_SWITCH,   /* (save, to): the kernel goes on with another thread: its stack's place, and the other's stack */
    XT_FUNCTIONS
};

#define XT_MAGIC 0x32545877u

/* What a thread writes down; it lies in memory that both can write to. Entries follow. */
struct xt_log {
    u32 magic, size;
    u64 pid, tid;
    u32 used;  /* bytes of entries */
    u32 calls; /* entered so far */
    u32 away;  /* its second stack is in use */
    u32 full;
    u32 pad[6];
};

/* 'E' a function is entered; 'R' it returned; 'T' it jumps to the next one; 'U' all calls with a larger number that are
 * in flight, are left behind; 'D' the thread ends. */
struct xt_entry {
    u8 kind, kernel;
    u16 function;
    u32 call; /* counted by thread, from 1 */
    u64 value[7];
};

/* So many calls, chosen by `seed`, no deeper than `depth` of what may go on for long. */
#ifdef __x86_64__
#define XT_CALL
#define XT_FASTCALL
#else
#define XT_CALL     __attribute__((stdcall))
#define XT_FASTCALL __attribute__((fastcall))
#endif
void XtRun(word seed, word depth);

/* xt.S */
void xt_switch(word *save, word to);
void xt_begins(void);
struct plan;
word xt_call(void *stub, const struct plan *plan);

#endif
