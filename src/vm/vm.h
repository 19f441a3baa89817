/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual machine as the rest of the plugin sees it: vCPUs with registers and memory, and the moments at which the
 * guest enters its kernel, leaves it, or reaches a kernel address of interest. The only part that talks to QEMU.
 *
 * Instrumentation comes in epochs: vm__renew asks QEMU to drop everything and translate anew with what is wanted now
 * (QEMU does that with all vCPUs halted, some 50 ms). Registrations of an older epoch may fire until then.
 *
 * Threads: everything that takes a struct vm_cpu runs on that vCPU's thread, from within one of the callbacks below.
 */
#ifndef QEBEK_VM_VM_H
#define QEBEK_VM_VM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm/blocks.h"
#include "vm/codes.h"
#include "vm/functions.h"
#include "vm/insn.h"

enum vm_reg {
    VM_RAX = 0,
    VM_RBX,
    VM_RCX,
    VM_RDX,
    VM_RSI,
    VM_RDI,
    VM_RBP,
    VM_RSP,
    VM_R8,
    VM_R9,
    VM_R10,
    VM_RIP,
    VM_CS,
    VM_GS_BASE,
    VM_FS_BASE,
    VM_K_GS_BASE,
    VM_CR3,
    VM_CR4,
    VM_REGS
};

struct qemu_plugin_register;

/* How one vCPU's thread turns the time-stamp counter into time (clock.c). */
struct vm_clock {
    uint64_t tsc, ns; /* both, at the same moment */
    uint64_t span;    /* counts after which to look at the clock again; 0: at once */
    uint64_t rate;    /* ns for each count, in units of 2^-32 */
    uint64_t last;    /* never go backwards */
};

struct vm_cpu {
    struct vm_clock clock;
    unsigned index; /* 0 to vm__max_cpus() - 1 */
    struct qemu_plugin_register *reg[VM_REGS];
    void *buffer; /* GByteArray of the reads */
    void *owner;  /* the plugin's own state of this vCPU */
    pthread_t thread;
};

struct vm_probe {
    uint64_t address;
    unsigned id;        /* handed to the probe callback */
    bool only_deferred; /* fires only while vm__set_deferred holds on the vCPU */
};
#define VM_PROBES_MAX 64u

/* Which blocks of code call events->block. */
enum vm_blocks {
    VM_BLOCKS_NONE = 0,
    VM_BLOCKS_USER, /* those of the user's half */
    VM_BLOCKS_ALL
};

/* What to instrument from the next epoch on. */
struct vm_plan {
    bool entries;     /* instructions that enter the kernel */
    bool returns;     /* instructions that leave it */
    bool looking;     /* irets at kernel addresses */
    bool page_tables; /* the kernel's loads of cr3 */
    enum vm_blocks blocks;
    unsigned n_probes;
    struct vm_probe probe[VM_PROBES_MAX];
    /* Kernel functions that are hooked, or NULL; remains the caller's, and there until the next renewal is done. */
    const struct vm_functions *functions;
    bool kernel_is_32;   /* the kernel is 32-bit code, in the upper half of that address space */
    bool user_functions; /* functions of user code are hooked: what vm__watch_codes says, and where calls return */
    const uint64_t *also_return; /* addresses that are return sites whatever lies before them, ended by 0; likewise */
};

/* Code of a 64-bit code segment for certain. Not set: it may be all the same. */
#define VM_CERTAINLY_64 0x1u
/* The instruction before loads eax with a constant, as C libraries do. */
#define VM_EAX_KNOWN 0x2u
/* The instruction's length is in the flags too, from this bit on. */
#define VM_LENGTH_SHIFT 4u

struct vm_events {
    /* A vCPU came to be (also later, by hot-plug). Registers can be read from now on. Return its owner. */
    void *(*cpu_new)(struct vm_cpu *cpu);
    /*
     * An instruction that enters the kernel is about to run; `page_offset` is the low 12 bits of its address. `eax`:
     * the register, where flags tell that it is known.
     */
    void (*entry)(struct vm_cpu *cpu, enum insn_kind kind, unsigned flags, unsigned page_offset, uint32_t eax);
    /* An instruction that may leave the kernel is about to run, while vm__set_pending holds on this vCPU. */
    void (*leave)(struct vm_cpu *cpu, enum insn_kind kind);
    /* The kernel is about to load other page tables, where vm_plan.page_tables asked for that. */
    void (*page_table)(struct vm_cpu *cpu);
    /* The first instruction of a probe is about to run. */
    void (*probe)(struct vm_cpu *cpu, unsigned probe);
    /* The first instruction of a hooked function is about to run; `index` is the one in vm_plan.functions. */
    void (*function)(struct vm_cpu *cpu, uint32_t index);
    /*
     * The instruction behind a call, at kernel address `pc`, is about to run, and the vCPU's filter has a word other
     * than 0 for it.
     */
    void (*function_return)(struct vm_cpu *cpu, uint64_t pc);
    /*
     * The first instruction of a block is about to run, while vm__set_watched holds on this vCPU. `page_offset` is the
     * low 12 bits of its address, `n` how many instructions it has; `block` is NULL where there is no room for more of
     * them, else valid until a renewal is done.
     */
    void (*block)(struct vm_cpu *cpu, struct vm_block *block, unsigned page_offset, unsigned n);
    /*
     * A call instruction is about to run, and the filter has a word other than 0 for where it returns to,
     * which is `ret` (of user code: at one of the addresses where it is mapped). The stack pointer is as before it.
     */
    void (*function_call)(struct vm_cpu *cpu, uint64_t ret);
    /* The same of user code: the first instruction of what may be one, at this offset of its page. */
    void (*user_function)(struct vm_cpu *cpu, unsigned page_offset);
    void (*user_return)(struct vm_cpu *cpu, unsigned page_offset);
    /* An iret at a kernel address is about to run, while looking for a kernel. */
    void (*kernel)(struct vm_cpu *cpu, uint64_t address);
    /* After vm__call_attention: once on each vCPU, at its next iret. */
    void (*attention)(struct vm_cpu *cpu);
    /* The instruction at the reset vector is about to run: power-on, or a reset. */
    void (*reset)(struct vm_cpu *cpu);
    /* A renewal takes place; all vCPUs are halted. Fill *plan, which is zeroed: it is in force from here on. */
    void (*renewed)(struct vm_plan *plan);
    /* Another machine's state is about to be loaded (loadvm) into this one. QEMU's main thread; all vCPUs are stopped.
     */
    void (*restore)(void);
    /* Two vCPUs run on one thread (see vm__blind_why): nothing is instrumented, from here on. */
    void (*blind)(void);
    /* QEMU ends. */
    void (*exit)(void);
};

/*
 * Called once from qemu_plugin_install. `id` is QEMU's. The plan is in force at once. Returns 0, or -1 (no memory, or
 * a QEMU that lacks something).
 */
int vm__start(uint64_t id, unsigned max_cpus, const struct vm_events *events, const struct vm_plan *plan);
/*
 * Ask for a renewal. Only on a vCPU's thread (QEMU does not translate anew otherwise), and not from events->renewed,
 * which is called soon: once for each request, or once for several.
 */
void vm__renew(void);
/*
 * Functions of user code, from the next block on that is translated, if the plan has them (blocks that are there
 * already: vm__renew). They remain the caller's; other vCPUs may be looking at those before until the next renewal is
 * done. Any thread; NULL: none.
 */
void vm__watch_codes(const struct vm_codes *codes);
unsigned vm__max_cpus(void);

/* The value of a register, 0 if QEMU does not have it. Segment bases come whole, others as the mode has them. */
uint64_t vm__reg(struct vm_cpu *cpu, enum vm_reg reg);
/*
 * Copy guest memory, through the page tables now in force, page by page: returns how many of the first bytes could be
 * read. Never follow an address that the call at hand does not need: a read of a device's memory reaches the device.
 */
size_t vm__read(struct vm_cpu *cpu, uint64_t addr, void *buf, size_t len);
/* As vm__read for exactly one small object within a page or two: all or nothing. */
bool vm__read_exact(struct vm_cpu *cpu, uint64_t addr, void *buf, size_t len);
/* Exact address of the running instruction, from its low 12 bits (see docs/architecture.md). */
uint64_t vm__pc(struct vm_cpu *cpu, unsigned page_offset);

/* Per-vCPU switches that conditional callbacks look at. Only on the vCPU's own thread, or while all are halted. */
void vm__set_pending(struct vm_cpu *cpu, bool on);
void vm__set_deferred(struct vm_cpu *cpu, bool on);
/* Not 0: the thread that runs on this vCPU is one whose blocks are wanted (vm_plan.blocks). */
void vm__set_watched(struct vm_cpu *cpu, uint64_t what);
/*
 * Has the last instruction of a block of vm_plan.blocks begun, watched or not, since it was set to false? So a block
 * that an exception cut short is known from one that ran to its end.
 */
bool vm__finished(struct vm_cpu *cpu);
void vm__set_finished(struct vm_cpu *cpu, bool on);

/*
 * The words that calls and return sites look at before anybody is called: VM_FILTER of them, chosen by the
 * last bits of the return address. Valid within one event only. Whose words these are is the owner's to see to: those
 * of the thread that runs.
 */
#define VM_FILTER       1024u
#define VM_PASSED       VM_FILTER  /* one more: a hooked function's second instruction stores its index + 1 there */
#define VM_PASSED_ANY   UINT64_MAX /* … and what those of user code store, whose index is not known there */
#define VM_FILTER_WORDS (VM_FILTER + 1u)
uint64_t *vm__filter(struct vm_cpu *cpu);
/*
 * Sets one word on all vCPUs that there are, on any vCPU's thread: for guests of which nothing tells when a vCPU's
 * thread is another, so that the words are of all threads. Who calls it sees to it that one does at a time.
 */
void vm__filter_all(unsigned slot, uint64_t value);

/*
 * Single-threaded TCG (thread=single, -icount) with several vCPUs cannot be traced: QEMU 10.0 then writes the number of
 * the vCPU that translates a block into the block, for whichever vCPU runs it, and for all but the first a wrong one,
 * so that its inline counters write outside of their memory (tested; accel/tcg/plugin-gen.c, gen_cpu_index). NULL: the
 * command line of this QEMU does not ask for that; or one line of why it is so.
 */
const char *vm__blind_why(unsigned max_cpus);

/* Any thread: makes each vCPU call events->attention soon, which may then do what needs a vCPU's thread. */
void vm__call_attention(void);

/* Counted inline at the instructions themselves, over all vCPUs: user-mode entries, possible returns. */
uint64_t vm__site_entries(void);
uint64_t vm__site_returns(void);

/*
 * Host real time in ns since 1970, never going backwards on one vCPU. Cheap on a vCPU's own thread (the time-stamp
 * counter, calibrated against the clock about every second); NULL from anywhere else.
 */
uint64_t vm__now(struct vm_cpu *cpu);

/* A line for whoever started QEMU with -d plugin. */
void vm__debug(const char *text);

#endif
