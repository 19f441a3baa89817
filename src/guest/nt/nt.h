/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NT inside the plugin: which thread runs, which call an event belongs to. All offsets come from guest.nt; where one is
 * missing the fact is left out, never guessed.
 *
 * Identity is read on the way out: at each return to user mode the KPCR tells the thread. From there until its next
 * entry a vCPU cannot change threads, so an entry needs no kernel memory. Where page tables are isolated the KPCR
 * cannot be read at the last instruction; it is read at the kernel's own change of page tables just before.
 *
 * A thread has a stack of calls. Leaving for one of ntdll's dispatchers does not end a call; what is done there is
 * nested in it.
 *
 * Everything runs on the vCPU's own thread.
 */
#ifndef QEBEK_GUEST_NT_NT_H
#define QEBEK_GUEST_NT_NT_H

#include "guest/guest.h"

/* Where a thread is, as far as its calls go (guest_thread.nt.where). */
enum nt_where {
    NT_IN_USER = 0,  /* in user mode, or in the kernel for an interrupt or fault of it */
    NT_IN_CALL,      /* in the kernel for the call at the top of its stack */
    NT_IN_UNWATCHED, /* in the kernel for a call that nobody watches */
};

/* What has become of the thread's stay in the kernel. */
enum nt_stay {
    NT_STAYS = 0,
    NT_LEFT,    /* it was in user mode: what its kernel stack held is over, but for what called back there */
    NT_RESUMES, /* … and has come back to that */
};

/* What a call in flight waits for (qebek_call.mark[0]). */
enum nt_wait {
    NT_RUNS = 0,
    NT_CALLED_BACK, /* user mode was asked by the kernel; NtCallbackReturn or int 2Bh goes on with the call */
    NT_SUSPENDED    /* user mode handles an APC or exception; NtContinue goes on with the call's return */
};
/* qebek_call.mark[]; cookie: where the call returns to. */
enum { NT_MARK_WAIT = 0, NT_MARK_CONTEXT, NT_MARK_SP, NT_MARK_RESULT };

/* Services that move threads about (guest_thread.nt.control). */
enum nt_control { NT_NO_CONTROL = 0, NT_CONTINUES, NT_RETURNS_CALLBACK, NT_TERMINATES };

/* What to instrument. */
void nt__plan(const struct guest *guest, struct vm_plan *plan);
/* A kernel was found: what has to be there before the first event. */
void nt__begin(struct guest *guest);

/* ---- entry.c, leave.c ---- */
void nt__on_entry(struct guest_cpu *cpu, enum insn_kind kind, unsigned flags, unsigned page_offset);
void nt__on_leave(struct guest_cpu *cpu, enum insn_kind kind);
/* The kernel is about to load other page tables. */
void nt__on_page_table(struct guest_cpu *cpu);
/* The calls above `call` (or, with NULL, the top one alone) end as cut off by a dispatcher. */
void nt__give_up_above(struct guest_cpu *cpu, struct calls_thread *thread, const struct qebek_call *call);
/* The call that NtCallbackReturn, or int 2Bh, goes on with: those above it are given up. */
void nt__callback_returns(struct guest_cpu *cpu, struct calls_thread *thread);

/* ---- origin.c ---- */
/* Does x86's stub lie where this instruction returns to? */
bool nt__through_gate(const struct guest *guest, enum insn_kind kind, uint64_t pc);
/* Sets cpu->origin for a call of this thread. `stub`: where the instruction returns to, if nt__through_gate; else 0. */
void nt__find_origin(struct guest_cpu *cpu, const struct guest_thread *thread, uint64_t pc, uint64_t stub);

/* ---- thread.c ---- */
/* The thread of this vCPU as the KPCR tells it, or 0 where it cannot be read. */
uint64_t nt__read_current(struct guest_cpu *cpu);
/* Its state, held for this event; made and told of if it is new. Kernel memory must be readable. */
struct calls_thread *nt__thread_here(struct guest_cpu *cpu, uint64_t object);
/* The same where it leaves for user mode, to there: its ids are not read where it can be no other thread. */
struct calls_thread *nt__thread_leaves(struct guest_cpu *cpu, uint64_t object, uint64_t ip, uint64_t sp);
/* The state of a thread that is known; NULL if it is not. Needs no kernel memory. */
struct calls_thread *nt__thread_known(struct guest_cpu *cpu, uint64_t object);
/* From time to time: threads that died without a word are gone. Kernel memory must be readable. */
void nt__sweep(struct guest_cpu *cpu);
/* Something that may have ended threads was called: look soon. */
void nt__sweep_soon(struct guest *guest);

#endif
