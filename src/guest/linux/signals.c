/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals and the ends of calls that they cut short. On its way back to user mode the kernel calls
 * arch_do_signal_or_restart(regs) when there may be a signal; regs->ax then still holds what the call returned, with
 * the kernel's own restart codes (arch/x86/kernel/signal.c). What follows decides the end: a handler's frame is set up
 * (signal_setup_done), the process is killed (do_coredump, do_group_exit), or the thread goes on and makes the call
 * anew.
 */
#include <errno.h>
#include <string.h>

#include "guest/linux/linux.h"

#define PT_REGS_AX 80u /* struct pt_regs on x86-64: r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax … (asm/ptrace.h) */
#define SIGKILL_NR 9
#define INFO_BYTES 48u

#define SIGSYS_NR            31
#define SYS_USER_DISPATCH_NR 2 /* si_code */

/* The kernel's own results that ask for the call to be made again (include/linux/errno.h). */
static bool is_restart(uint64_t result)
{
    int64_t code = -(int64_t)result;
    return code == 512 || code == 513 || code == 514 || code == 516;
}

void linux__signal_work(struct guest_cpu *cpu, struct calls_thread *thread)
{
    struct guest_thread *t = guest__of(thread);
    uint64_t regs = vm__reg(cpu->vm, VM_RDI), ax;
    t->siginfo = 0;
    t->fatal_told = false;
    t->in_signal_work = true;
    if (thread->depth == 0 || t->signal_work)
        return;
    if (vm__read_exact(cpu->vm, regs + PT_REGS_AX, &ax, sizeof(ax))) {
        t->signal_work = true;
        t->signal_result = ax;
    }
}

/* The call in flight is over before the signal is told. A handler or death follows, unless the signal is `passing`. */
static void end_before_signal(struct guest_cpu *cpu, struct calls_thread *thread, uint8_t flags, bool passing)
{
    struct guest_thread *t = guest__of(thread);
    enum qbk_end end = QBK_END_INTERRUPTED;
    if (thread->depth == 0)
        return;
    if (passing && t->signal_work && !is_restart(t->signal_result))
        end = QBK_END_RETURNED;
    if (t->signal_work)
        flags |= QBK_RETURN_HAS_RESULT;
    calls__end(cpu->guest->calls, thread, cpu->vm->index, cpu, end, flags, t->signal_result);
    guest__call_over(t);
    linux__set_pending(cpu);
}

/*
 * SIGKILL finds a thread anywhere, also behind the end of a call: then the result stands. A call that the signal itself
 * cut short (-EINTR and the restart codes), or that was not begun any more because of it (-ENOSYS, where a tracer or a
 * filter is asked first: syscall_trace_enter in kernel/entry/common.c), has none.
 */
void linux__signal_gone(struct guest_cpu *cpu, struct calls_thread *thread)
{
    const struct guest_thread *t = guest__of(thread);
    if (thread->depth == 0 || !t->signal_work || is_restart(t->signal_result) || t->signal_result == (uint64_t)-EINTR ||
        t->signal_result == (uint64_t)-ENOSYS)
        return;
    calls__end(cpu->guest->calls, thread, cpu->vm->index, cpu, QBK_END_THREAD_GONE, QBK_RETURN_HAS_RESULT,
               t->signal_result);
}

/* Syscall user dispatch: the kernel did not make the call, the program is asked (kernel/entry/syscall_user_dispatch.c).
 */
static bool is_dispatched(const uint8_t *info)
{
    int32_t head[3]; /* si_signo, si_errno, si_code */
    memcpy(head, info, sizeof(head));
    return head[0] == SIGSYS_NR && head[2] == SYS_USER_DISPATCH_NR;
}

/* signal_setup_done(int failed, struct ksignal *ksig, int stepping) */
void linux__signal_done(struct guest_cpu *cpu, struct calls_thread *thread)
{
    const uint32_t *offset = cpu->guest->layout.offset;
    struct guest_thread *t = guest__of(thread);
    bool failed = (uint32_t)vm__reg(cpu->vm, VM_RDI) != 0; /* no frame could be written: SIGSEGV follows by itself */
    uint64_t ksig = vm__reg(cpu->vm, VM_RSI);
    uint32_t at = offset[OFF_KSIGNAL_INFO], sig_at = offset[OFF_KSIGNAL_SIG];
    uint8_t info[INFO_BYTES];
    int32_t signo = 0;
    bool known = at != LAYOUT_NONE && vm__read_exact(cpu->vm, ksig + at, info, sizeof(info));
    if (known && is_dispatched(info))
        t->signal_work = false; /* what seems to be the result is the call's own number, put back */
    end_before_signal(cpu, thread, failed ? 0 : QBK_RETURN_HANDLER, failed);
    t->siginfo = 0;
    if (!known)
        return;
    if (sig_at == LAYOUT_NONE || !vm__read_exact(cpu->vm, ksig + sig_at, &signo, sizeof(signo)))
        memcpy(&signo, info, sizeof(signo));
    guest__emit_signal(cpu, t, signo, failed ? QBK_SIGNAL_OTHER : QBK_SIGNAL_HANDLER, info, sizeof(info));
}

/* Two processes that share a slot and die at once may cost a record too much, and nothing else. */
static int32_t *fatal_slot(struct guest *guest, int32_t pid)
{
    return &guest->fatal_pid[(uint32_t)pid % GUEST_FATAL_MAX];
}

void linux__signal_fatal(struct guest_cpu *cpu, struct calls_thread *thread, int32_t signo, uint64_t info_addr)
{
    struct guest_thread *t = guest__of(thread);
    uint8_t info[INFO_BYTES];
    if (t->fatal_told || signo == SIGKILL_NR) /* SIGKILL takes the thread out of its call as it stands */
        return;
    t->fatal_told = true;
    __atomic_store_n(fatal_slot(cpu->guest, t->pid), t->pid, __ATOMIC_RELAXED);
    end_before_signal(cpu, thread, 0, false);
    if (info_addr && vm__read_exact(cpu->vm, info_addr, info, sizeof(info))) {
        int32_t told;
        memcpy(&told, info, sizeof(told));
        guest__emit_signal(cpu, t, signo ? signo : told, QBK_SIGNAL_FATAL, info, sizeof(info));
    } else {
        guest__emit_signal(cpu, t, signo, QBK_SIGNAL_FATAL, info, 0);
    }
}

/*
 * get_signal() takes one signal after the other from the queue until one has a handler, kills, or none is left: a
 * signal that is followed by another look at the queue did none of that.
 */
static void tell_passed(struct guest_cpu *cpu, struct calls_thread *thread)
{
    struct guest_thread *t = guest__of(thread);
    uint8_t info[INFO_BYTES];
    int32_t signo;
    if (t->siginfo && vm__read_exact(cpu->vm, t->siginfo, info, sizeof(info))) {
        memcpy(&signo, info, sizeof(signo));
        end_before_signal(cpu, thread, 0, true);
        guest__emit_signal(cpu, t, signo, QBK_SIGNAL_OTHER, info, sizeof(info));
    }
    t->siginfo = 0;
}

void linux__signal_dequeue(struct guest_cpu *cpu, struct calls_thread *thread, uint64_t info)
{
    struct guest_thread *t = guest__of(thread);
    if (!t->in_signal_work) /* signalfd, sigtimedwait: the call's own result tells */
        return;
    if (t->siginfo == info) /* the same get_signal() again */
        tell_passed(cpu, thread);
    t->siginfo = info;
    t->stop_told = false;
}

/*
 * do_signal_stop(int signr): signr is the signal just taken from the queue, or 0 in the process's other threads.
 * Whether the thread really stops, and for which signal, is in task->jobctl (include/linux/sched/jobctl.h).
 */
void linux__signal_stop(struct guest_cpu *cpu, struct calls_thread *thread)
{
    static const unsigned signal_mask = 0xffffu, dequeued = 1u << 16, pending = 1u << 17;
    int32_t signo = (int32_t)(uint32_t)vm__reg(cpu->vm, VM_RDI);
    uint32_t at = cpu->guest->layout.offset[OFF_TASK_JOBCTL];
    uint64_t jobctl = 0;
    struct guest_thread *t = guest__of(thread);
    bool told = t->stop_told;
    if (signo)
        tell_passed(cpu, thread);
    t->stop_told = signo != 0;
    if (told && !signo) /* a traced thread does not stop at once: it comes here twice */
        return;
    if (at == LAYOUT_NONE || !vm__read_exact(cpu->vm, cpu->object + at, &jobctl, sizeof(jobctl)))
        return;
    if ((jobctl & (signo ? dequeued : pending)) == 0)
        return;
    end_before_signal(cpu, thread, 0, true);
    if (!signo || (jobctl & pending))
        signo = (int32_t)(jobctl & signal_mask);
    guest__emit_signal(cpu, t, signo, QBK_SIGNAL_STOPPED, (const uint8_t *)"", 0);
}

/*
 * A deadly signal without a core is carried out while it is sent: all threads are given SIGKILL, and what came first is
 * left in the exit status alone (complete_signal in kernel/signal.c). Told once a process, for its main thread.
 */
void linux__signal_died(struct guest_cpu *cpu, struct guest_thread *t, int32_t status)
{
    int32_t signo = status & 0x7f, *slot = fatal_slot(cpu->guest, t->pid);
    if (signo == 0 || signo == SIGKILL_NR || t->fatal_told || t->tid != t->pid)
        return;
    t->fatal_told = true;
    if (__atomic_load_n(slot, __ATOMIC_RELAXED) == t->pid) { /* by another thread of it */
        __atomic_store_n(slot, 0, __ATOMIC_RELAXED);
        return;
    }
    guest__emit_signal(cpu, t, signo, QBK_SIGNAL_FATAL, (const uint8_t *)"", 0);
}

enum qbk_end linux__how_returned(const struct guest_thread *t, uint64_t rax, uint8_t *flags, uint64_t *result)
{
    *flags = QBK_RETURN_HAS_RESULT;
    *result = t->signal_work ? t->signal_result : rax;
    if (!t->signal_work || !is_restart(t->signal_result))
        return QBK_END_RETURNED;
    *flags |= QBK_RETURN_RESTART;
    return QBK_END_INTERRUPTED;
}
