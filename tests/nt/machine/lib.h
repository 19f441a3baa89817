/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each program of the machine has need of; lib.c and invoke.S. */
#ifndef MACHINE_LIB_H
#define MACHINE_LIB_H
#include <stdbool.h>
#include <stddef.h>

#include "plan.h"
#include LAYOUT

void *memset(void *to, int value, size_t len);
void *memcpy(void *to, const void *from, size_t len);
/* The thread's own page, which begins with its struct start. */
void *self(void);
/* 0 to n-1; *state is what comes next. */
u32 random_below(u64 *state, u32 n);
/* Address of what an image exports, or 0. */
word find_export(word base, const char *name);

/* invoke.S */
word invoke(void *stub, u32 nargs, const word *args, const struct plan *plan, u32 nr);
word invoke_wow64(void *stub, u32 nargs, const word *args, const struct plan *plan, u32 nr); /* x64: from 32-bit code */
void direct_syscall(void);
void direct_2e(void);
void callback_2b(u32 status) __attribute__((noreturn));

/* What the machine calls by name: of each program its own. */
void thread_main(word param);
void thread_hook(word context);
void exception_hook(word record, word context);
void raised_hook(word status);
extern void *const callbacks[];

/* A routine of APCs: the CONTEXT to go on with lies behind its arguments on x86, and is a fourth one on x64. */
#define UNUSED __attribute__((unused))
#ifdef __x86_64__
#define APC_ROUTINE(name) static void name(word value UNUSED, word a UNUSED, word b UNUSED, word context UNUSED)
#define APC_CONTEXT       context
#else
#define APC_ROUTINE(name) static __attribute__((stdcall)) void name(word value UNUSED, word a UNUSED, word b UNUSED)
#define APC_CONTEXT       ((word)(&b + 1))
#endif

#endif
