/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest of which nothing is known: numbers, registers, CR3. There is no thread object to pair by; calls are paired by
 * what identifies a user-mode stack, page tables (CR3) and stack pointer together, and the trace says so. At most
 * RAW_STACKS_MAX such stacks are followed at a time. Both functions run under guest.raw_lock: vCPUs take turns here.
 */
#ifndef QEBEK_GUEST_RAW_H
#define QEBEK_GUEST_RAW_H

#include "guest/guest.h"

#define RAW_STACKS_MAX 4096u

/* The stack that makes a system call now; at the instruction. NULL: too many are in flight, or no memory. */
struct calls_thread *raw__at_entry(struct guest_cpu *cpu);
/* The stack that an instruction of this kind returns to, if a call of it is in flight; else NULL. */
struct calls_thread *raw__at_leave(struct guest_cpu *cpu, enum insn_kind kind);

#endif
