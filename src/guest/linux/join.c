/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads that are inside a call when tracing begins in the middle of a machine's life. They show themselves when they
 * are scheduled the next time: the kernel keeps the registers of the program at the top of the thread's stack, and
 * among them the number of the call, or -1 where it was not a call that led into the kernel (struct pt_regs,
 * arch/x86/include/asm/ptrace.h; entry/entry_64.S).
 */
#include "guest/linux/linux.h"

#define USER_CS_64  0x33u /* arch/x86/include/asm/segment.h */
#define USER_CS_32  0x23u
#define USER_SS     0x2bu
#define FRED_SPACE  16u /* left free above the registers where the kernel is built for FRED; 0 elsewhere */
#define LINUX_ARGS  6u
#define NUMBER_MASK 0xffffffffu

enum {
    PT_BP = 4,
    PT_BX = 5,
    PT_R10 = 7,
    PT_R9 = 8,
    PT_R8 = 9,
    PT_CX = 11,
    PT_DX = 12,
    PT_SI = 13,
    PT_DI = 14,
    PT_ORIG_AX = 15,
    PT_CS = 17,
    PT_SS = 20,
    PT_COUNT
};

static const uint8_t args_64[LINUX_ARGS] = {PT_DI, PT_SI, PT_DX, PT_R10, PT_R8, PT_R9};
static const uint8_t args_32[LINUX_ARGS] = {PT_BX, PT_CX, PT_DX, PT_SI, PT_DI, PT_BP};

/* A thread that is past the beginning of do_exit was told to be gone already (include/linux/sched.h). */
#define PF_EXITING      0x4u
#define PF_POSTCOREDUMP 0x8u

static bool is_dying(struct guest_cpu *cpu, uint64_t object)
{
    uint32_t at = cpu->guest->layout.offset[OFF_TASK_FLAGS], flags = 0;
    return at == LAYOUT_NONE || !vm__read_exact(cpu->vm, object + at, &flags, sizeof(flags)) ||
           (flags & (PF_EXITING | PF_POSTCOREDUMP)) != 0;
}

static bool are_of_a_program(const uint64_t *regs)
{
    uint64_t cs = regs[PT_CS] & 0xffff;
    return (cs == USER_CS_64 || cs == USER_CS_32) && (regs[PT_SS] & 0xffff) == USER_SS;
}

/* False: the thread runs no program (kernel threads), or its stack cannot be read. */
static bool read_regs(struct guest_cpu *cpu, uint64_t object, uint64_t regs[PT_COUNT])
{
    const struct linux_layout *layout = &cpu->guest->layout;
    uint64_t stack = 0;
    if (layout->offset[OFF_TASK_STACK] == LAYOUT_NONE ||
        !vm__read_exact(cpu->vm, object + layout->offset[OFF_TASK_STACK], &stack, sizeof(stack)) || (int64_t)stack >= 0)
        return false;
    for (unsigned space = 0; space <= FRED_SPACE; space += FRED_SPACE) {
        uint64_t at = stack + layout->thread_size - space - PT_COUNT * sizeof(uint64_t);
        if (vm__read_exact(cpu->vm, at, regs, PT_COUNT * sizeof(uint64_t)) && are_of_a_program(regs))
            return true;
    }
    return false;
}

/* 32-bit calls of 64-bit programs look like the others here; they are very rare. */
static void fill_call(struct guest_cpu *cpu, const uint64_t *regs, struct qebek_call *call)
{
    bool wide = (regs[PT_CS] & 0xffff) == USER_CS_64;
    call->nr = (uint32_t)regs[PT_ORIG_AX];
    call->abi = wide ? QBK_ABI_LINUX_X86_64 : QBK_ABI_LINUX_I386;
    for (unsigned i = 0; i < LINUX_ARGS; i++)
        call->args[i] = wide ? regs[args_64[i]] : regs[args_32[i]] & NUMBER_MASK;
    call->have_args = (1u << LINUX_ARGS) - 1;
    call->machine = cpu;
}

struct calls_thread *linux__join(struct guest_cpu *cpu, uint64_t object)
{
    struct guest *g = cpu->guest;
    struct qebek_call call = {0};
    uint64_t regs[PT_COUNT];
    if (is_dying(cpu, object) || !read_regs(cpu, object, regs))
        return NULL;
    struct calls_thread *thread = linux__thread_seen(cpu, object);
    if (!thread || regs[PT_ORIG_AX] > NUMBER_MASK)
        return thread;
    fill_call(cpu, regs, &call);
    struct guest_thread *t = guest__of(thread);
    if ((t->skip && !g->has_modules) || !calls__wanted(g->calls, (enum qbk_abi)call.abi, call.nr))
        return thread;
    t->joining = true;
    calls__enter(g->calls, thread, cpu->vm->index, &call, false);
    t->joining = false;
    return thread;
}
