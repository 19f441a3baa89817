/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A call may end: an instruction that can leave the kernel is about to run, and the thread on this vCPU has a call in
 * flight. Linux makes no nested calls, so the first way back to user mode is the end of the one call there is.
 */
#include "decode/decode.h"
#include "guest/linux/linux.h"
#include "guest/nt/nt.h"
#include "guest/raw.h"
#include "plugin/plugin.h"

/* iretq pops rip, cs, …: does this one go to user mode? Most iretq return from an interrupt into the kernel. */
static bool to_user(struct guest_cpu *cpu)
{
    uint64_t cs = 0;
    return vm__read_exact(cpu->vm, vm__reg(cpu->vm, VM_RSP) + 8, &cs, sizeof(cs)) && (cs & 3) == 3;
}

static void leave_linux(struct guest_cpu *cpu, enum insn_kind kind)
{
    struct guest *g = cpu->guest;
    uint8_t flags;
    uint64_t result;
    if (kind == INSN_IRET && !to_user(cpu))
        return;
    cpu->now = vm__now(cpu->vm);
    if (cpu->deferring) /* the entry came by none of the known ways: better late than never */
        entry__resume(cpu);
    linux__event_begins(cpu, true);
    struct calls_thread *thread = cpu->thread;
    if (thread && thread->depth > 0) {
        struct guest_thread *t = guest__of(thread);
        enum qbk_end end = linux__how_returned(t, vm__reg(cpu->vm, VM_RAX), &flags, &result);
        calls__end(g->calls, thread, cpu->vm->index, cpu, end, flags, result);
        guest__call_over(t);
        linux__altered_follow(cpu);
    }
    linux__set_pending(cpu);
    linux__event_ends(cpu);
}

static void leave_raw(struct guest_cpu *cpu, enum insn_kind kind)
{
    cpu->now = vm__now(cpu->vm);
    pthread_mutex_lock(&cpu->guest->raw_lock);
    struct calls_thread *thread = raw__at_leave(cpu, kind);
    if (thread)
        calls__end(cpu->guest->calls, thread, cpu->vm->index, cpu, QBK_END_RETURNED, QBK_RETURN_HAS_RESULT,
                   vm__reg(cpu->vm, VM_RAX));
    pthread_mutex_unlock(&cpu->guest->raw_lock);
}

void leave__on_leave(struct vm_cpu *vm, enum insn_kind kind)
{
    struct guest_cpu *cpu = vm->owner;
    if (!cpu)
        return;
    switch (__atomic_load_n(&cpu->guest->phase, __ATOMIC_ACQUIRE)) {
    case GUEST_LINUX:
        leave_linux(cpu, kind);
        break;
    case GUEST_NT:
        nt__on_leave(cpu, kind);
        break;
    case GUEST_RAW:
        leave_raw(cpu, kind);
        break;
    case GUEST_IDLE:
    case GUEST_LOOKING:
    case GUEST_SWITCHING:
    case GUEST_GONE:
    case GUEST_ENDED:
        break;
    }
}
