/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of src/vm share among themselves, and nobody else sees. */
#ifndef QEBEK_VM_INTERNAL_H
#define QEBEK_VM_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/plan.h"
#include "vm/qemu_api.h"
#include "vm/vm.h"

/* Per vCPU, in memory that generated code reads and writes. */
struct vm_board {
    uint64_t pending;
    uint64_t deferred;
    uint64_t attention;
    uint64_t site_entries;
    uint64_t site_returns;
    uint64_t watched;
    uint64_t finished;
} __attribute__((aligned(64))); /* QEMU allocates them in a row, and each vCPU writes to its own all the time */

/* There is one machine in a process, and QEMU's callbacks carry no pointer of ours that could tell two apart. */
struct vm_machine {
    qemu_plugin_id_t id;
    const struct vm_events *events;
    struct vm_cpu *cpu;
    unsigned max_cpus;
    bool blind;
    struct qemu_plugin_scoreboard *board;  /* of struct vm_board */
    struct qemu_plugin_scoreboard *filter; /* of VM_FILTER_WORDS */
    const struct vm_codes *codes;          /* atomic; NULL: none */
    struct vm_plan_table *plan;            /* in force; changed only while all vCPUs are halted */
    struct vm_plan_table *next;            /* room for the one that was asked for; owned by whoever swaps it out */
};
extern struct vm_machine vm;

/* A word of struct vm_board, by its offset there, as QEMU's inline operations want it. */
static inline qemu_plugin_u64 vm_board__word(size_t offset)
{
    return (qemu_plugin_u64){vm.board, offset};
}

/* QEMU's callback for each block that it translates, on the thread of any vCPU: adds the callbacks of its sites. */
void vm_translate__block(QEMU_API_TB_ARGS);

#endif
