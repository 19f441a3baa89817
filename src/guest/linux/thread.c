/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which thread runs on a vCPU, and who it is. */
#include <stdatomic.h>
#include <string.h>

#include "decode/decode.h"
#include "guest/linux/linux.h"
#include "guest/watch.h"

#define PF_KTHREAD 0x00200000u /* include/linux/sched.h */

static uint32_t offset_of(const struct guest_cpu *cpu, enum linux_offset which)
{
    return cpu->guest->layout.offset[which];
}

/* One member of a kernel struct; false where the offset is unknown or the memory is not there. */
static bool member(struct guest_cpu *cpu, uint64_t base, enum linux_offset which, void *out, size_t size)
{
    uint32_t off = offset_of(cpu, which);
    return off != LAYOUT_NONE && base != 0 && vm__read_exact(cpu->vm, base + off, out, size);
}

uint64_t linux__read_current(struct guest_cpu *cpu, bool user_gs)
{
    uint64_t gs = vm__reg(cpu->vm, user_gs ? VM_K_GS_BASE : VM_GS_BASE), object = 0;
    if (cpu->guest->layout.current == 0)
        return 0;
    cpu->count[QBK_COUNT_IDENTITY_READS]++;
    if (!vm__read_exact(cpu->vm, gs + cpu->guest->layout.current, &object, sizeof(object)))
        return 0;
    return (int64_t)object < 0 ? object : 0; /* a thread object lies in the kernel's half */
}

uint64_t linux__stack(struct guest_cpu *cpu, uint64_t object)
{
    uint64_t stack = 0;
    if (!member(cpu, object, OFF_TASK_STACK, &stack, sizeof(stack)))
        return 0;
    return (int64_t)stack < 0 && stack % cpu->guest->layout.thread_size == 0 ? stack : 0;
}

static void read_ids(struct guest_cpu *cpu, struct guest_thread *t)
{
    uint64_t cred = 0, parent = 0;
    if (!member(cpu, t->object, OFF_TASK_TGID, &t->pid, 4))
        t->pid = -1;
    if (!member(cpu, t->object, OFF_TASK_PID, &t->tid, 4))
        t->tid = -1;
    t->parent_epoch = __atomic_load_n(&cpu->guest->parent_epoch, __ATOMIC_RELAXED);
    if (!member(cpu, t->object, OFF_TASK_REAL_PARENT, &parent, 8) || !member(cpu, parent, OFF_TASK_TGID, &t->ppid, 4))
        t->ppid = -1;
    if (!member(cpu, t->object, OFF_TASK_CRED, &cred, 8) || !member(cpu, cred, OFF_CRED_UID, &t->uid, 4))
        t->uid = UINT32_MAX;
    if (!member(cpu, cred, OFF_CRED_EUID, &t->euid, 4))
        t->euid = t->uid;
    if (!member(cpu, cred, OFF_CRED_GID, &t->gid, 4))
        t->gid = UINT32_MAX;
}

bool linux__refresh(struct guest_cpu *cpu, struct guest_thread *t)
{
    struct guest_thread before = *t;
    read_ids(cpu, t);
    linux__read_ns_ids(cpu, t);
    if (!member(cpu, t->object, OFF_TASK_COMM, t->comm, sizeof(t->comm)))
        memcpy(t->comm, before.comm, sizeof(t->comm));
    guest__filter_thread(cpu->guest, t);
    return before.pid != t->pid || before.tid != t->tid || before.ppid != t->ppid || before.uid != t->uid ||
           before.euid != t->euid || before.gid != t->gid || memcmp(before.comm, t->comm, sizeof(t->comm)) != 0;
}

/* Without memory of its own it runs no program (user_mode_thread: a helper until its exec, by which it shows itself).
 */
static bool is_kernel_thread(struct guest_cpu *cpu, uint64_t object)
{
    uint32_t flags = 0;
    uint64_t mm = 0;
    if (member(cpu, object, OFF_TASK_FLAGS, &flags, sizeof(flags)) && (flags & PF_KTHREAD) != 0)
        return true;
    return member(cpu, object, OFF_TASK_MM, &mm, sizeof(mm)) && mm == 0;
}

/* Read who it is for the first time, and tell. */
static void introduce(struct guest_cpu *cpu, struct calls_thread *thread, enum qbk_thread_why why)
{
    struct guest_thread *t = guest__of(thread);
    t->object = thread->key;
    linux__refresh(cpu, t);
    if (!member(cpu, t->object, OFF_TASK_START_TIME, &t->start_time, 8))
        t->start_time = 0;
    if (why == QBK_THREAD_BORN) {
        cpu->count[QBK_COUNT_THREADS_BORN]++;
        if (cpu->thread) {
            t->parent = guest__of(cpu->thread)->number;
            t->css_set = guest__of(cpu->thread)->css_set;
        }
    }
    guest__emit_thread(cpu->guest, cpu, t, why, 0);
    linux__tell_cgroup(cpu, t);
}

struct calls_thread *linux__thread_seen(struct guest_cpu *cpu, uint64_t object)
{
    struct calls_thread *thread = calls__thread_claim(cpu->guest->calls, object, cpu->vm->index, false);
    uint64_t there;
    if (thread)
        return thread;
    if (!vm__read_exact(cpu->vm, object, &there, sizeof(there)))
        return NULL;
    thread = calls__thread_claim(cpu->guest->calls, object, cpu->vm->index, true);
    if (thread && guest__of(thread)->object == 0)
        introduce(cpu, thread, QBK_THREAD_SEEN);
    return thread;
}

void linux__thread_born(struct guest_cpu *cpu, uint64_t object)
{
    struct calls_thread *thread = calls__thread_claim(cpu->guest->calls, object, cpu->vm->index, false);
    uint64_t there;
    if (thread && thread == cpu->thread) /* a kernel that gives birth to the running thread: none of ours does */
        return;
    if (thread) /* its death was missed, and the object is used again */
        linux__thread_gone(cpu, thread, 0, false);
    if (!vm__read_exact(cpu->vm, object, &there, sizeof(there)) || is_kernel_thread(cpu, object))
        return;
    thread = calls__thread_claim(cpu->guest->calls, object, cpu->vm->index, true);
    if (!thread)
        return;
    introduce(cpu, thread, QBK_THREAD_BORN);
    calls__thread_release(thread); /* for the vCPU that it will run on */
}

/* A parent died somewhere: whose child is this now? Read where it is cheap and always readable: at a context switch. */
static void follow_reparenting(struct guest_cpu *cpu, struct guest_thread *t)
{
    uint32_t epoch = __atomic_load_n(&cpu->guest->parent_epoch, __ATOMIC_RELAXED);
    uint64_t parent = 0;
    int32_t ppid = 0;
    if (t->parent_epoch == epoch)
        return;
    t->parent_epoch = epoch;
    if (member(cpu, t->object, OFF_TASK_REAL_PARENT, &parent, 8) && member(cpu, parent, OFF_TASK_TGID, &ppid, 4) &&
        ppid != t->ppid) {
        t->ppid = ppid;
        guest__emit_thread(cpu->guest, cpu, t, QBK_THREAD_CHANGED, 0);
    }
}

void linux__set_pending(struct guest_cpu *cpu)
{
    vm__set_pending(cpu->vm, !cpu->guest->follow_switch || (cpu->thread && cpu->thread->depth > 0));
    watch__follow(cpu);
}

/* Something about the thread changed while another vCPU ran it. */
static void look_again(struct guest_cpu *cpu, struct calls_thread *thread)
{
    atomic_store_explicit(&thread->touched, false, memory_order_relaxed);
    if (linux__refresh(cpu, guest__of(thread)))
        guest__emit_thread(cpu->guest, cpu, guest__of(thread), QBK_THREAD_CHANGED, 0);
    linux__tell_cgroup(cpu, guest__of(thread));
}

void linux__let_go(struct guest_cpu *cpu)
{
    if (cpu->thread)
        calls__thread_release(cpu->thread);
    cpu->thread = NULL;
}

void linux__now_runs(struct guest_cpu *cpu, uint64_t object)
{
    linux__let_go(cpu);
    cpu->object = object;
    cpu->thread = calls__thread_claim(cpu->guest->calls, object, cpu->vm->index, false);
    if (!cpu->thread && cpu->guest->mid_life && cpu->guest->follow_switch)
        cpu->thread = linux__join(cpu, object);
    linux__set_pending(cpu);
    linux__altered_follow(cpu);
    if (!cpu->thread)
        return;
    if (atomic_load_explicit(&cpu->thread->touched, memory_order_relaxed))
        look_again(cpu, cpu->thread);
    follow_reparenting(cpu, guest__of(cpu->thread));
}

void linux__event_begins(struct guest_cpu *cpu, bool user_gs)
{
    if (!cpu->guest->follow_switch)
        linux__now_runs(cpu, linux__read_current(cpu, user_gs));
}

void linux__event_ends(struct guest_cpu *cpu)
{
    if (!cpu->guest->follow_switch)
        linux__let_go(cpu);
}

/* exit and exit_group never return by design; any other call in flight is cut off. */
static enum qbk_end innermost_end(const struct calls_thread *thread)
{
    const struct qebek_call *top = calls__top(thread);
    const struct decode_service *service = top ? decode__service((enum qbk_abi)top->abi, top->nr) : NULL;
    return service && (service->flags & DECODE_NORETURN) ? QBK_END_NORETURN : QBK_END_THREAD_GONE;
}

void linux__thread_gone(struct guest_cpu *cpu, struct calls_thread *thread, int32_t status, bool told)
{
    struct guest_thread *t = guest__of(thread);
    struct guest_thread last = *t;
    bool runs_here = cpu->thread == thread;
    linux__signal_gone(cpu, thread);
    guest__call_over(t);
    last.n_names = 0;
    calls__thread_gone(cpu->guest->calls, thread, cpu->vm->index, cpu, innermost_end(thread));
    if (runs_here) {
        cpu->thread = NULL;
        linux__set_pending(cpu);
    }
    if (told) {
        cpu->count[QBK_COUNT_THREADS_GONE]++;
        guest__emit_thread_exit(cpu, &last, status);
    }
}
