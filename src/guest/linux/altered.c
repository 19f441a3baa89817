/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the program and what the kernel runs, a tracer can change a call's number and arguments, a filter can answer
 * it, and the program itself can take it back (syscall_trace_enter, kernel/entry/common.c). Where one of them has a
 * look, the registers that the kernel goes by are looked at once more when it runs the call. If it never does, it ran
 * nothing. Calls that nobody looks at cost nothing here.
 */
#include "decode/decode.h"
#include "guest/linux/linux.h"

#define LINUX_ARGS 6u
#define REGS_COUNT 16u /* of struct pt_regs, as far as arguments go (arch/x86/include/asm/ptrace.h) */

/* Where the arguments are among them; the sixth of a 32-bit call may have come from the stack, and is not compared. */
static const uint8_t args_64[LINUX_ARGS] = {14, 13, 12, 7, 9, 8};
static const uint8_t args_32[LINUX_ARGS] = {5, 11, 12, 13, 14, 4};

void linux__altered_follow(struct guest_cpu *cpu)
{
    bool between = cpu->thread && guest__of(cpu->thread)->altered == GUEST_BETWEEN;
    if (between == cpu->between)
        return;
    cpu->between = between;
    vm__set_deferred(cpu->vm, between || cpu->deferring);
}

void linux__altered_looked_at(struct guest_cpu *cpu, struct calls_thread *thread)
{
    const struct qebek_call *call = thread->depth > 0 ? calls__top(thread) : NULL;
    unsigned run = call && call->abi == QBK_ABI_LINUX_I386 ? LINUX_PROBE_RUN_32 : LINUX_PROBE_RUN_64;
    if (!call || cpu->guest->layout.probe[run] == 0 || !decode__service((enum qbk_abi)call->abi, call->nr))
        return;
    guest__of(thread)->altered = GUEST_BETWEEN;
    linux__altered_follow(cpu);
}

void linux__altered_run(struct guest_cpu *cpu, struct calls_thread *thread, bool wide)
{
    const uint8_t *place = wide ? args_64 : args_32;
    uint64_t regs[REGS_COUNT], mask = wide ? UINT64_MAX : UINT32_MAX;
    struct guest_thread *t = guest__of(thread);
    if (t->altered != GUEST_BETWEEN || thread->depth == 0)
        return;
    const struct qebek_call *call = calls__top(thread);
    const struct decode_service *service = decode__service((enum qbk_abi)call->abi, call->nr);
    t->altered = GUEST_AS_ASKED;
    linux__altered_follow(cpu);
    if (!service || !vm__read_exact(cpu->vm, vm__reg(cpu->vm, VM_RDI), regs, sizeof(regs)))
        return;
    t->ran.nr = (int64_t)(vm__reg(cpu->vm, VM_RSI) & UINT32_MAX);
    bool same = (uint64_t)t->ran.nr == call->nr;
    for (unsigned i = 0; i < LINUX_ARGS; i++) {
        t->ran.args[i] = regs[place[i]] & mask;
        same &= i >= service->nargs || (!wide && i == 5) || t->ran.args[i] == call->args[i];
    }
    if (!same)
        t->altered = GUEST_ALTERED;
}

const struct qbk_ran *linux__altered_ran(const struct guest_thread *thread, const struct qebek_call *call)
{
    static const struct qbk_ran nothing = {.nr = -1};
    switch (thread->altered) {
    case GUEST_ALTERED:
        return &thread->ran;
    case GUEST_BETWEEN: /* a thread that was killed there may have been about to run it */
        return call->end == QBK_END_RETURNED || call->end == QBK_END_INTERRUPTED ? &nothing : NULL;
    default:
        return NULL;
    }
}
