/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is the way of a system call through the kernel still what it was? Watches the places that rootkits change: the table
 * of system calls, the code that dispatches them, and the first bytes of each handler. The trace itself does not
 * depend on any of them.
 *
 * What it does not see: a kernel that was changed before tracing began (but for the table, whose entries must lead to
 * handlers by name), data that handlers use (function pointers of file systems, sockets), and another entry point put
 * into the processor (MSR_LSTAR): none of these lies in the places above.
 */
#ifndef QEBEK_GUEST_LINUX_INTEGRITY_H
#define QEBEK_GUEST_LINUX_INTEGRITY_H

#include "guest/guest.h"

struct integrity;

/* For the kernel whose layout is known; NULL where its places are not, or without memory. */
struct integrity *integrity__new(const struct linux_layout *layout);
void integrity__free(struct integrity *integrity);
/*
 * Looks at a few places, where kernel memory can be read; begins with how they are at the first look, so not before the
 * kernel has ended patching itself (once it runs a user thread). Each change is told once, as a GUEST record with the
 * key `hooked`, and once more where it is undone. Any vCPU; one of them at a time does the work.
 */
void integrity__look(struct integrity *integrity, struct guest_cpu *cpu);

#endif
