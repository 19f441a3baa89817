/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The code that watched threads execute, block by block. A block is told when it is known how far it got: by its end,
 * or by where its thread went on. The callback comes at its first instruction, so that is at the next event of the
 * thread: until then the block waits with the thread (guest_thread.code). What is known already waits in a batch of its
 * vCPU, which becomes a record when it is full, and before anything else about the thread is told.
 *
 * How far a block got. Once its last instruction has begun, vm__finished holds, and all before it are done. Else an
 * exception cut it short, and the thread went on (or was about to, when a signal was looked for) at the instruction
 * that could not be done, which is one of the block's. If it went on at the last one, which had begun, that was not
 * done, unless it is a jump that leads to itself: a fault in it, a string instruction that has not done all its
 * repetitions yet. All that is said of a block whose thread went on elsewhere is that nobody knows.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/watch.h"
#include "plugin/plugin.h"

#define BATCH 2048u /* blocks in a record */

#define USER_CS_64    0x33u /* of Linux and of NT (arch/x86/include/asm/segment.h) */
#define FIRST_ONLY_64 (1ull << 32)
#define PT_REGS_IP    128u /* of struct pt_regs (arch/x86/include/asm/ptrace.h) */

/* Of one vCPU; its thread alone, or whoever has halted them all. */
struct batch {
    uint64_t thread; /* number */
    uint32_t count;
    struct qbk_block block[BATCH];
};

static struct batch **batches; /* by vCPU; NULL: nobody's code is wanted; each made when it is first used */
static bool refused;           /* … and that was told */
static uint64_t unseen;        /* atomic; blocks that there was no memory to tell of */

static void flush(struct guest_cpu *cpu, struct batch *batch)
{
    if (!batch || batch->count == 0)
        return;
    guest__emit_blocks(cpu, batch->thread, batch->block, batch->count);
    batch->count = 0;
}

static void flush_here(struct guest_cpu *cpu)
{
    if (batches)
        flush(cpu, batches[cpu->vm->index]);
}

/* NULL: no memory. */
static struct batch *batch_of(const struct guest_cpu *cpu)
{
    if (!batches)
        return NULL;
    struct batch **batch = &batches[cpu->vm->index];
    if (!*batch)
        *batch = calloc(1, sizeof(**batch));
    return *batch;
}

static void push(struct guest_cpu *cpu, const struct guest_thread *t, const struct qbk_block *block)
{
    struct batch *batch = batch_of(cpu);
    if (!batch) {
        __atomic_add_fetch(&unseen, 1, __ATOMIC_RELAXED);
        return;
    }
    if (batch->count == BATCH || batch->thread != t->number) {
        cpu->now = vm__now(cpu->vm);
        flush(cpu, batch);
    }
    batch->thread = t->number;
    batch->block[batch->count++] = *block;
}

/* How many instructions of the block that waits were done, if its thread went on at `pc`; -1: unknown. */
static int how_far(const struct guest_code *c, uint64_t pc)
{
    if (!c->finished)
        return c->block ? vm_block__index(c->block, pc - c->told.pc) : -1;
    bool again = c->block && pc == c->told.pc + c->block->last && !c->block->repeats;
    return c->n - (again ? 1 : 0);
}

/* The block that waits is over, and this many of its instructions were done. */
static void settle(struct guest_cpu *cpu, struct guest_thread *t, int done)
{
    struct guest_code *c = &t->code;
    if (done < c->n)
        c->told.flags |= QBK_BLOCK_CUT;
    if (done < 0)
        c->told.flags |= QBK_BLOCK_UNKNOWN;
    c->told.insns = (uint16_t)(done < 0 ? 0 : done);
    if (done != 0) /* else nothing of it ran */
        push(cpu, t, &c->told);
    c->waits = false;
}

static void went_on_at(struct guest_cpu *cpu, struct guest_thread *t, uint64_t pc)
{
    if (!t->code.waits)
        return;
    t->code.finished = vm__finished(cpu->vm);
    settle(cpu, t, how_far(&t->code, pc));
}

static bool is_told(struct guest_cpu *cpu, struct vm_block *block, bool is_32)
{
    if (!block)
        return false;
    if (__atomic_load_n(&block->told, __ATOMIC_RELAXED))
        return true;
    cpu->now = vm__now(cpu->vm);
    if (!guest__emit_code(cpu, block, is_32 ? QBK_CODE_32 : 0))
        return false;
    __atomic_store_n(&block->told, 1, __ATOMIC_RELAXED);
    return true;
}

/* Only to be asked below the address that 32-bit code cannot reach. */
static bool runs_32(struct guest_cpu *cpu, uint64_t pc)
{
    return pc < FIRST_ONLY_64 && (vm__reg(cpu->vm, VM_CS) & 0xffff) != USER_CS_64;
}

void code__on_block(struct guest_cpu *cpu, struct vm_block *block, unsigned page_offset, unsigned n)
{
    struct guest_thread *t = guest__of(cpu->thread);
    uint64_t pc = vm__pc(cpu->vm, page_offset);
    if (t->code.waits)
        went_on_at(cpu, t, pc);
    bool is_32 = runs_32(cpu, pc), told = is_told(cpu, block, is_32);
    t->code = (struct guest_code){.block = block, .n = (uint16_t)n, .waits = true};
    t->code.told = (struct qbk_block){.pc = pc, .code = told ? block->id : 0, .flags = is_32 ? QBK_BLOCK_32 : 0};
    vm__set_finished(cpu->vm, false);
}

void code__on_call(struct guest_cpu *cpu)
{
    struct guest_thread *t = guest__of(cpu->thread);
    if (t->code.waits)
        settle(cpu, t, t->code.n);
    flush_here(cpu);
}

/* With the kernel's code told, too, the block that waits is the kernel's own. */
static bool kernel_too(void)
{
    return (plugin.guest.settings.flags & LINK_INSNS_KERNEL) != 0;
}

void code__on_signal(struct guest_cpu *cpu, uint64_t regs)
{
    struct guest_thread *t = guest__of(cpu->thread);
    uint64_t ip;
    if (t->code.waits && !kernel_too() && vm__read_exact(cpu->vm, regs + PT_REGS_IP, &ip, sizeof(ip)))
        went_on_at(cpu, t, ip);
    flush_here(cpu);
}

/* The kernel's block that waits is the one that the switch begins with, and will be done. */
void code__leaves(struct guest_cpu *cpu)
{
    struct guest_code *c = &guest__of(cpu->thread)->code;
    c->finished = kernel_too() || vm__finished(cpu->vm);
    flush_here(cpu);
}

void code__comes(struct guest_cpu *cpu)
{
    vm__set_finished(cpu->vm, guest__of(cpu->thread)->code.finished);
}

static void over(struct guest_cpu *cpu, struct guest_thread *t)
{
    if (t->code.waits)
        settle(cpu, t, t->code.finished ? t->code.n : -1);
}

void code__over(struct guest_cpu *cpu)
{
    struct guest_thread *t = guest__of(cpu->thread);
    t->code.finished = vm__finished(cpu->vm);
    over(cpu, t);
    flush_here(cpu);
}

static void over_one(struct calls_thread *thread, void *cpu)
{
    over(cpu, guest__of(thread));
}

static void tell_unseen(void)
{
    char text[128];
    uint64_t n = __atomic_exchange_n(&unseen, 0, __ATOMIC_RELAXED);
    if (n == 0)
        return;
    int len = snprintf(text, sizeof(text), "%" PRIu64 " blocks of code are not in the trace: no memory", n);
    guest__emit_text(&plugin.guest, NULL, QBK_ERROR, 0, text, (size_t)len);
}

/* Whose blocks wait with threads that run has to be asked each vCPU. */
static void end_running(struct guest_cpu *cpu)
{
    struct guest_thread *t = cpu->thread ? guest__of(cpu->thread) : NULL;
    if (t && t->code.waits)
        t->code.finished = vm__finished(cpu->vm);
}

void code__end_all(void)
{
    struct guest *g = &plugin.guest;
    if (!batches)
        return;
    for (unsigned i = 0; i < g->n_cpus; i++) {
        if (!g->cpu[i].vm)
            continue;
        g->cpu[i].now = vm__now(NULL);
        end_running(&g->cpu[i]);
        flush_here(&g->cpu[i]);
    }
    if (g->cpu[0].vm) {
        calls__thread_each(g->calls, over_one, &g->cpu[0]);
        flush_here(&g->cpu[0]);
    }
    tell_unseen();
    for (unsigned i = 0; i < g->n_cpus; i++)
        free(batches[i]);
    free(batches);
    batches = NULL;
}

void code__refuse(const char *why)
{
    char text[256];
    const struct guest *g = &plugin.guest;
    if (watch__wanted(&g->settings) == 0 || refused)
        return;
    refused = true;
    int len = snprintf(text, sizeof(text), "executed code is not in the trace: %s", why);
    guest__emit_text(&plugin.guest, NULL, QBK_ERROR, 0, text, (size_t)len);
}

void code__plan(struct vm_plan *plan)
{
    const struct guest *g = &plugin.guest;
    refused = false;
    if (watch__wanted(&g->settings) == 0)
        return;
    if (!g->follow_switch) {
        code__refuse("the kernel's context switch is not known, and so not whose code runs");
        return;
    }
    batches = calloc(plugin.n_cpus, sizeof(struct batch *));
    if (!batches)
        code__refuse("no memory");
    else
        plan->blocks = g->settings.flags & LINK_INSNS_KERNEL ? VM_BLOCKS_ALL : VM_BLOCKS_USER;
}
