/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The probes of a plan by address, looked up once for each block that is translated. */
#include "vm/plan.h"

#include <stdlib.h>

static unsigned probe_hash(uint64_t address)
{
    return (unsigned)((address * 0x9e3779b97f4a7c15u) >> 56) & (VM_PLAN_SLOTS - 1);
}

void vm_plan__index(struct vm_plan_table *plan)
{
    if (plan->wanted.n_probes > VM_PROBES_MAX)
        plan->wanted.n_probes = VM_PROBES_MAX;
    for (unsigned i = 0; i < plan->wanted.n_probes; i++) {
        uint64_t address = plan->wanted.probe[i].address;
        unsigned slot = probe_hash(address);
        while (plan->slot_address[slot] && plan->slot_address[slot] != address)
            slot = (slot + 1) & (VM_PLAN_SLOTS - 1);
        plan->slot_address[slot] = address;
        plan->slot_probe[slot] = (uint8_t)i;
    }
}

struct vm_plan_table *vm_plan__new(const struct vm_plan *wanted)
{
    struct vm_plan_table *plan = calloc(1, sizeof(*plan));
    if (!plan)
        return NULL;
    plan->wanted = *wanted;
    vm_plan__index(plan);
    return plan;
}

const struct vm_probe *vm_plan__probe(const struct vm_plan_table *plan, uint64_t address)
{
    for (unsigned slot = probe_hash(address); plan->slot_address[slot]; slot = (slot + 1) & (VM_PLAN_SLOTS - 1)) {
        if (plan->slot_address[slot] == address)
            return &plan->wanted.probe[plan->slot_probe[slot]];
    }
    return NULL;
}
