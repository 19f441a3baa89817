/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which files are mapped as code where, in each address space of the guest (mm_struct). Learnt at the kernel's own
 * notice of each new mapping (perf_event_mmap), at mremap, fork and the end of an address space; of one that was there
 * before tracing began, from its VMAs when a thread of it is first switched to.
 *
 * A mapping that was taken away (munmap) stays until another takes its place, or its address space goes: nothing can
 * run there meanwhile.
 *
 * Threads: a lock of its own; any vCPU. Events run on kernel page tables. Files are never freed, nor changed, before
 * mappings__free.
 */
#ifndef QEBEK_GUEST_LINUX_MAPPINGS_H
#define QEBEK_GUEST_LINUX_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guest_cpu;
struct linux_mappings;

/* A regular file in one state: another size or time of change makes it another. */
struct linux_mapped_file {
    struct linux_mapped_file *next; /* of its chain */
    uint32_t number;                /* 0, 1, 2 … */
    uint32_t dev_major, dev_minor;
    uint64_t object; /* address of the struct inode */
    uint64_t inode;  /* its number */
    uint64_t size, mtime_sec;
    uint32_t mtime_nsec;
    uint32_t len; /* of the path, which is not empty */
    char path[];  /* as it was first seen; hostile bytes, and a NUL */
};

struct linux_mapping {
    uint64_t start, end; /* user addresses; the end is not included */
    uint64_t offset;     /* of start in the file */
    const struct linux_mapped_file *file;
};

/* NULL: no memory. */
struct linux_mappings *mappings__new(void);
void mappings__free(struct linux_mappings *mappings); /* NULL: nothing */

/* Called for each mapping that is new in an address space, with the lock not held. */
typedef void mappings_new(void *data, struct guest_cpu *cpu, const struct linux_mapping *mapping);

/* What a probe is to be told with; `told` may be NULL. Set once, before any event. */
void mappings__tell(struct linux_mappings *mappings, mappings_new *told, void *data);

/* Probes, and another thread that runs here now: they keep cpu->mm. */
void mappings__on_mmap(struct guest_cpu *cpu);
void mappings__on_copy_vma(struct guest_cpu *cpu);
void mappings__on_exit_mmap(struct guest_cpu *cpu);
void mappings__on_born(struct guest_cpu *cpu, uint64_t object);
void mappings__switched(struct guest_cpu *cpu);

/* What is mapped as code at an address of the address space `mm`. False: nothing that is known. */
bool mappings__find(struct linux_mappings *mappings, uint64_t mm, uint64_t address, struct linux_mapping *found);
/* Grows with every change of any of it: what mappings__find said holds while this does. */
uint64_t mappings__epoch(const struct linux_mappings *mappings);

#endif
