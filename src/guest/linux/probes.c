/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each kernel function that is watched tells. Read-only; all run on kernel page tables. */
#include <string.h>

#include "guest/linux/integrity.h"
#include "guest/linux/linux.h"

#define SWITCHES_A_LOOK 16u

/* A probe's handler; `thread` is that of the current thread, or NULL. */
typedef void (*probe_fn)(struct guest_cpu *cpu, struct calls_thread *thread);

static void on_switch_to(struct guest_cpu *cpu, struct calls_thread *thread)
{
    uint64_t prev = vm__reg(cpu->vm, VM_RDI), next = vm__reg(cpu->vm, VM_RSI);
    (void)thread;
    cpu->count[QBK_COUNT_SWITCHES]++;
    /*
     * Counted, not timed: a replayed machine makes the same trace. Counted from user threads alone: those and the idle
     * thread often take turns, and every so many switches it could be the idle one for ever. The first one is a look,
     * too: what is changed before the first look is taken for right.
     */
    if (cpu->thread && cpu->guest->integrity && cpu->from_threads++ % SWITCHES_A_LOOK == 0)
        integrity__look(cpu->guest->integrity, cpu);
    if (cpu->object) {
        cpu->count[QBK_COUNT_IDENTITY_COMPARED]++;
        if (prev != cpu->object)
            cpu->count[QBK_COUNT_IDENTITY_DIFFERENT]++;
    }
    linux__now_runs(cpu, next);
    mappings__switched(cpu);
}

static void on_wake_up_new(struct guest_cpu *cpu, struct calls_thread *thread)
{
    (void)thread;
    linux__thread_born(cpu, vm__reg(cpu->vm, VM_RDI));
    mappings__on_born(cpu, vm__reg(cpu->vm, VM_RDI));
}

static void on_do_exit(struct guest_cpu *cpu, struct calls_thread *thread)
{
    if (!thread)
        return;
    int32_t code = (int32_t)(uint32_t)vm__reg(cpu->vm, VM_RDI);
    __atomic_add_fetch(&cpu->guest->parent_epoch, 1, __ATOMIC_RELAXED);
    linux__signal_died(cpu, guest__of(thread), code);
    linux__thread_gone(cpu, thread, code, true);
}

static void on_free_task(struct guest_cpu *cpu, struct calls_thread *current)
{
    uint64_t object = vm__reg(cpu->vm, VM_RDI);
    if (current && current->key == object)
        return;
    struct calls_thread *thread = calls__thread_claim(cpu->guest->calls, object, cpu->vm->index, false);
    if (thread)
        linux__thread_gone(cpu, thread, 0, true);
}

static void on_do_group_exit(struct guest_cpu *cpu, struct calls_thread *thread)
{
    int32_t signo = (int32_t)(vm__reg(cpu->vm, VM_RDI) & 0x7f);
    if (thread)
        guest__of(thread)->group_exit = true;
    if (thread && signo)
        linux__signal_fatal(cpu, thread, signo, guest__of(thread)->siginfo);
}

static void on_coredump(struct guest_cpu *cpu, struct calls_thread *thread)
{
    if (thread)
        linux__signal_fatal(cpu, thread, 0, vm__reg(cpu->vm, VM_RDI));
}

static void on_signal_work(struct guest_cpu *cpu, struct calls_thread *thread)
{
    if (thread)
        linux__signal_work(cpu, thread);
}

static void on_signal_done(struct guest_cpu *cpu, struct calls_thread *thread)
{
    if (thread)
        linux__signal_done(cpu, thread);
}

static void on_dequeue_signal(struct guest_cpu *cpu, struct calls_thread *thread)
{
    static const enum vm_reg args[] = {VM_RDI, VM_RSI, VM_RDX, VM_RCX};
    uint32_t index = cpu->guest->layout.dequeue_info_arg;
    if (thread && index < 4)
        linux__signal_dequeue(cpu, thread, vm__reg(cpu->vm, args[index]));
}

static void on_signal_stop(struct guest_cpu *cpu, struct calls_thread *thread)
{
    if (thread)
        linux__signal_stop(cpu, thread);
}

/* The exec of the thread is past the point of no return: new name, new image, possibly another tid (de_thread). */
static void after_exec(struct guest_cpu *cpu, struct guest_thread *t, const char comm[16])
{
    char *path = (char *)cpu->scratch;
    linux__refresh(cpu, t);
    memcpy(t->comm, comm, sizeof(t->comm));
    guest__filter_thread(cpu->guest, t);
    guest__emit_thread(cpu->guest, cpu, t, QBK_THREAD_EXEC, 0);
    size_t len = linux__exe_path(cpu, t, path, GUEST_PATH_MAX);
    if (len)
        guest__emit_name(cpu, t, QBK_NAME_EXE, path, len);
    linux__tell_cgroup(cpu, t);
    if (cpu->guest->settings.flags & LINK_FILES)
        linux__look_started(cpu, t);
}

static void read_comm(struct guest_cpu *cpu, uint64_t addr, char comm[16])
{
    char raw[16] = {0};
    raw[vm__read(cpu->vm, addr, raw, sizeof(raw) - 1)] = 0;
    memset(comm, 0, 16);
    memcpy(comm, raw, strlen(raw));
}

/* A new name, for a thread that this vCPU holds. */
static void set_comm(struct guest_cpu *cpu, struct guest_thread *t, const char comm[16])
{
    if (memcmp(comm, t->comm, sizeof(t->comm)) == 0)
        return;
    memcpy(t->comm, comm, sizeof(t->comm));
    guest__filter_thread(cpu->guest, t);
    guest__emit_thread(cpu->guest, cpu, t, QBK_THREAD_CHANGED, 0);
}

/*
 * __set_task_comm(struct task_struct *task, const char *name, bool exec): the new name is not in the task yet. Of a
 * thread that runs on another vCPU it is read when that thread is switched to again (the claim leaves a mark).
 */
static void on_set_comm(struct guest_cpu *cpu, struct calls_thread *current)
{
    uint64_t object = vm__reg(cpu->vm, VM_RDI);
    bool exec = cpu->guest->layout.set_comm_has_exec && (vm__reg(cpu->vm, VM_RDX) & 0xff) != 0;
    bool mine = object == cpu->object;
    char comm[16];
    if (mine && exec && !current)
        cpu->thread = current = linux__thread_seen(cpu, object);
    struct calls_thread *thread =
        mine ? current : calls__thread_claim(cpu->guest->calls, object, cpu->vm->index, false);
    if (!thread)
        return;
    read_comm(cpu, vm__reg(cpu->vm, VM_RSI), comm);
    if (mine && exec)
        after_exec(cpu, guest__of(thread), comm);
    else
        set_comm(cpu, guest__of(thread), comm);
    if (!mine)
        calls__thread_release(thread);
}

/* commit_creds(struct cred *new): the current thread's ids become those of `new`. */
static void on_commit_creds(struct guest_cpu *cpu, struct calls_thread *thread)
{
    const uint32_t *offset = cpu->guest->layout.offset;
    static const enum linux_offset which[3] = {OFF_CRED_UID, OFF_CRED_EUID, OFF_CRED_GID};
    uint64_t cred = vm__reg(cpu->vm, VM_RDI);
    uint32_t id[3];
    if (!thread)
        return;
    struct guest_thread *t = guest__of(thread);
    for (unsigned i = 0; i < 3; i++) {
        if (offset[which[i]] == LAYOUT_NONE || !vm__read_exact(cpu->vm, cred + offset[which[i]], &id[i], 4))
            return;
    }
    if (t->uid == id[0] && t->euid == id[1] && t->gid == id[2])
        return;
    t->uid = id[0];
    t->euid = id[1];
    t->gid = id[2];
    guest__filter_thread(cpu->guest, t);
    guest__emit_thread(cpu->guest, cpu, t, QBK_THREAD_CHANGED, 0);
}

static void on_fd_install(struct guest_cpu *cpu, struct calls_thread *thread)
{
    uint32_t flags = cpu->guest->settings.flags;
    if (thread && thread->depth > 0 && (flags & LINK_FD_NAMES))
        linux__fd_installed(cpu, guest__of(thread));
    if (thread && (flags & LINK_OBJECTS))
        linux__object_installed(cpu, guest__of(thread));
    if (thread && (flags & LINK_FILES))
        linux__look_opened(cpu, guest__of(thread), vm__reg(cpu->vm, VM_RSI));
}

/*
 * cgroup_attach_task(struct cgroup *dst_cgrp, struct task_struct *leader, bool threadgroup): a process, or one thread,
 * is about to be moved. Of one that runs on another vCPU it is read when that is switched to again.
 */
static void on_cgroup_attach(struct guest_cpu *cpu, struct calls_thread *current)
{
    uint64_t cgroup = vm__reg(cpu->vm, VM_RDI), object = vm__reg(cpu->vm, VM_RSI);
    bool mine = current && object == cpu->object;
    struct calls_thread *thread =
        mine ? current : calls__thread_claim(cpu->guest->calls, object, cpu->vm->index, false);
    if (!thread)
        return;
    linux__tell_moved(cpu, guest__of(thread), cgroup);
    if (!mine)
        calls__thread_release(thread);
}

static void on_ptrace_notify(struct guest_cpu *cpu, struct calls_thread *thread)
{
    enum { SYSCALL_ENTRY = 1 }; /* PTRACE_EVENTMSG_SYSCALL_ENTRY (include/uapi/linux/ptrace.h) */
    if (thread && vm__reg(cpu->vm, VM_RSI) == SYSCALL_ENTRY)
        linux__altered_looked_at(cpu, thread);
}

static void on_filter(struct guest_cpu *cpu, struct calls_thread *thread)
{
    if (thread)
        linux__altered_looked_at(cpu, thread);
}

static void on_run_64(struct guest_cpu *cpu, struct calls_thread *thread)
{
    if (thread)
        linux__altered_run(cpu, thread, true);
}

static void on_run_32(struct guest_cpu *cpu, struct calls_thread *thread)
{
    if (thread)
        linux__altered_run(cpu, thread, false);
}

/* __fput(struct file *file), locks_remove_file(struct file *filp) */
static void on_fput(struct guest_cpu *cpu, struct calls_thread *thread)
{
    const struct guest_thread *t = thread ? guest__of(thread) : NULL;
    if (!t || !t->skip)
        linux__look_over(cpu, t, vm__reg(cpu->vm, VM_RDI));
}

static void on_mmap(struct guest_cpu *cpu, struct calls_thread *thread)
{
    (void)thread;
    mappings__on_mmap(cpu);
}

static void on_copy_vma(struct guest_cpu *cpu, struct calls_thread *thread)
{
    (void)thread;
    mappings__on_copy_vma(cpu);
}

static void on_exit_mmap(struct guest_cpu *cpu, struct calls_thread *thread)
{
    (void)thread;
    mappings__on_exit_mmap(cpu);
}

static const probe_fn handlers[LINUX_PROBES] = {
    [LINUX_PROBE_SWITCH_TO] = on_switch_to,
    [LINUX_PROBE_WAKE_UP_NEW] = on_wake_up_new,
    [LINUX_PROBE_DO_EXIT] = on_do_exit,
    [LINUX_PROBE_FREE_TASK] = on_free_task,
    [LINUX_PROBE_DO_GROUP_EXIT] = on_do_group_exit,
    [LINUX_PROBE_SIGNAL_WORK] = on_signal_work,
    [LINUX_PROBE_SIGNAL_DONE] = on_signal_done,
    [LINUX_PROBE_DEQUEUE_SIGNAL] = on_dequeue_signal,
    [LINUX_PROBE_SIGNAL_STOP] = on_signal_stop,
    [LINUX_PROBE_COREDUMP] = on_coredump,
    [LINUX_PROBE_SET_COMM] = on_set_comm,
    [LINUX_PROBE_COMMIT_CREDS] = on_commit_creds,
    [LINUX_PROBE_FD_INSTALL] = on_fd_install,
    [LINUX_PROBE_CGROUP_ATTACH] = on_cgroup_attach,
    [LINUX_PROBE_PTRACE_NOTIFY] = on_ptrace_notify,
    [LINUX_PROBE_SECCOMP] = on_filter,
    [LINUX_PROBE_USER_DISPATCH] = on_filter,
    [LINUX_PROBE_RUN_64] = on_run_64,
    [LINUX_PROBE_RUN_32] = on_run_32,
    [LINUX_PROBE_MMAP] = on_mmap,
    [LINUX_PROBE_COPY_VMA] = on_copy_vma,
    [LINUX_PROBE_EXIT_MMAP] = on_exit_mmap,
    [LINUX_PROBE_FPUT] = on_fput,
};

void linux__probe(struct guest_cpu *cpu, enum linux_probe probe)
{
    if (probe < LINUX_PROBES && handlers[probe])
        handlers[probe](cpu, cpu->thread);
}

/* Reached by every call, at the first moment when kernel memory can be read: only wanted for entries that wait for it.
 */
static bool is_entry_path(unsigned probe)
{
    return probe == LINUX_PROBE_DO_SYSCALL_64 || probe == LINUX_PROBE_DO_INT80 || probe == LINUX_PROBE_DO_FAST_32;
}

/* Only of interest while somebody looks at the call in flight. */
static bool is_run(unsigned probe)
{
    return probe == LINUX_PROBE_RUN_64 || probe == LINUX_PROBE_RUN_32;
}

void linux__plan(const struct guest *guest, struct vm_plan *plan)
{
    plan->entries = true;
    plan->returns = true;
    plan->looking = false;
    for (unsigned p = 0; p < LINUX_PROBES && plan->n_probes < VM_PROBES_MAX; p++) {
        bool unused = !handlers[p] && !is_entry_path(p) && p != LINUX_PROBE_KEXEC;
        if (guest->layout.probe[p] == 0 || unused)
            continue;
        if (p == LINUX_PROBE_SWITCH_TO && !guest->follow_switch)
            continue;
        if (p == LINUX_PROBE_FD_INSTALL && !(guest->settings.flags & (LINK_FD_NAMES | LINK_OBJECTS | LINK_FILES)))
            continue;
        if (p >= LINUX_PROBE_MMAP && p <= LINUX_PROBE_EXIT_MMAP && !guest->mappings)
            continue;
        if (p == LINUX_PROBE_FPUT && !(guest->settings.flags & LINK_FILES))
            continue;
        plan->probe[plan->n_probes++] = (struct vm_probe){
            .address = guest->layout.probe[p], .id = p, .only_deferred = is_entry_path(p) || is_run(p)};
    }
}

bool linux__usable(const struct linux_layout *layout)
{
    return layout->current != 0 || layout->probe[LINUX_PROBE_SWITCH_TO] != 0;
}
