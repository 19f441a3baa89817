/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mappings (VMAs) of an address space, out of the kernel's own structures. Kernel page tables. */
#ifndef QEBEK_GUEST_LINUX_VMAS_H
#define QEBEK_GUEST_LINUX_VMAS_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/guest.h"

#define VMA_EXEC 0x4u /* VM_EXEC (include/linux/mm.h) */

struct linux_vma {
    uint64_t mm;
    uint64_t start, end;
    uint64_t flags;
    uint64_t page; /* of the file, that `start` maps */
    uint64_t file; /* struct file; 0: none */
};

/* Reads one. False: it is none, or cannot be read. */
bool vmas__read(struct guest_cpu *cpu, uint64_t address, struct linux_vma *vma);
/*
 * Calls `visit` for each VMA of `mm`, in no order, while other vCPUs may be changing them: some may be missed then, and
 * none is made up. False: this kernel keeps them in a way that is not known (before 6.1).
 */
bool vmas__each(struct guest_cpu *cpu, uint64_t mm, void (*visit)(void *data, const struct linux_vma *vma), void *data);

#endif
