/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Do the kernel's service tables still lead into the kernel and win32k? Rootkits of NT change their entries. The trace
 * itself does not depend on them.
 *
 * What it does not see: code that was changed in place, and a table that the code no longer takes.
 */
#ifndef QEBEK_GUEST_NT_TABLES_H
#define QEBEK_GUEST_NT_TABLES_H

#include "guest/guest.h"

struct nt_tables;

/* NULL: no memory. */
struct nt_tables *nt_tables__new(void);
void nt_tables__free(struct nt_tables *tables);
/*
 * Where kernel memory can be read; looks at the first time and then from time to time, all entries at once. An entry
 * that leads elsewhere is told as a GUEST record with the key `hooked`, and once more when it leads back. Any vCPU.
 */
void nt_tables__look(struct nt_tables *tables, struct guest_cpu *cpu);

#endif
