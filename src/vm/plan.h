/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan in force, with its probes by address. */
#ifndef QEBEK_VM_PLAN_H
#define QEBEK_VM_PLAN_H

#include "vm/vm.h"

#define VM_PLAN_SLOTS 256u /* a power of two, well above VM_PROBES_MAX */

struct vm_plan_table {
    struct vm_plan wanted;
    uint64_t slot_address[VM_PLAN_SLOTS]; /* 0: free */
    uint8_t slot_probe[VM_PLAN_SLOTS];    /* index into wanted.probe */
};

/* A table of a copy of *wanted, to be freed with free(); NULL: no memory. */
struct vm_plan_table *vm_plan__new(const struct vm_plan *wanted);
/* Enter plan->wanted's probes, of which there may be too many (the rest is cut off), into the empty slots. */
void vm_plan__index(struct vm_plan_table *plan);
/* The probe at exactly this address, or NULL. */
const struct vm_probe *vm_plan__probe(const struct vm_plan_table *plan, uint64_t address);

#endif
