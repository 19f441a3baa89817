/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a process is: when it began, its user, its image and its command line, and how it ended. Image and user come
 * from the kernel's own objects, the command line from the process's memory, when that is there to be read. Where the
 * kernel keeps the first two no export tells; they are found by things that must agree with each other, once for a
 * kernel. Kernel memory must be readable in all of this.
 */
#ifndef QEBEK_GUEST_NT_PROCESS_H
#define QEBEK_GUEST_NT_PROCESS_H

#include "guest/guest.h"

/* For nt__begin: what was learnt of another kernel is forgotten. */
struct nt_processes *nt_processes__new(void);
void nt_processes__free(struct nt_processes *processes);

/* Has to come before the first process that is to be told as made while tracing. Cheap once it has worked. */
void nt_process__since(struct guest_cpu *cpu);
/* The user and the time of making of a thread that is about to be told of; true: it was made while tracing. */
bool nt_process__identify(struct guest_cpu *cpu, struct guest_thread *t);
/* Tells image, command line and user of the process, once; now, or at a later event when they can be read. */
void nt_process__look(struct guest_cpu *cpu, struct guest_thread *t);
enum nt_process_end { NT_PROCESS_UNKNOWN = 0, NT_PROCESS_LIVES, NT_PROCESS_ENDED };
/* Has the thread's process ended? *status: how. */
enum nt_process_end nt_process__ended(struct guest_cpu *cpu, const struct guest_thread *t, uint32_t *status);

#endif
