/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which container a process lives in, in the two ways that the kernel knows: the numbers that it has inside its own pid
 * namespace (struct pid, include/linux/pid.h), and its place in the unified cgroup hierarchy (struct css_set, cgroup,
 * kernfs_node). Both are read at birth and at exec, the cgroup also when a process is moved.
 */
#include <string.h>

#include "guest/linux/linux.h"

#define UPID_SIZE     16u /* struct upid: int nr, struct pid_namespace *ns */
#define LEVELS_MAX    32u /* MAX_PID_NS_LEVEL */
#define PIDTYPE_TGID  1u
#define CGROUPS_MAX   64u /* depth; the kernel's own limit of a path is met long before */
#define COMPONENT_MAX 256u

static bool member(struct guest_cpu *cpu, uint64_t base, enum linux_offset which, void *out, size_t size)
{
    uint32_t off = cpu->guest->layout.offset[which];
    return off != LAYOUT_NONE && base != 0 && vm__read_exact(cpu->vm, base + off, out, size);
}

/* The number that a struct pid has in the innermost namespace that it belongs to; 0 if that is the initial one. */
static int32_t inner_number(struct guest_cpu *cpu, uint64_t pid)
{
    uint32_t level = 0, numbers = cpu->guest->layout.offset[OFF_PID_NUMBERS];
    int32_t nr = 0;
    if (numbers == LAYOUT_NONE || !member(cpu, pid, OFF_PID_LEVEL, &level, 4) || level == 0 || level > LEVELS_MAX)
        return 0;
    return vm__read_exact(cpu->vm, pid + numbers + (uint64_t)level * UPID_SIZE, &nr, 4) && nr > 0 ? nr : 0;
}

void linux__read_ns_ids(struct guest_cpu *cpu, struct guest_thread *t)
{
    uint64_t pid = 0, signal = 0, pids[PIDTYPE_TGID + 1] = {0};
    t->ns_tid = t->ns_pid = 0;
    if (member(cpu, t->object, OFF_TASK_THREAD_PID, &pid, 8))
        t->ns_tid = inner_number(cpu, pid);
    if (t->ns_tid == 0)
        return;
    t->ns_pid = t->ns_tid;
    if (t->pid != t->tid && member(cpu, t->object, OFF_TASK_SIGNAL, &signal, 8) &&
        member(cpu, signal, OFF_SIGNAL_PIDS, pids, sizeof(pids)))
        t->ns_pid = inner_number(cpu, pids[PIDTYPE_TGID]);
}

/* The path of a cgroup below the root of its hierarchy, built from its end; its length, 0 if it cannot be read. */
static size_t cgroup_path(struct guest_cpu *cpu, uint64_t cgroup, char *buf, size_t size)
{
    uint64_t node = 0, parent = 0, name = 0;
    size_t at = size;
    char part[COMPONENT_MAX];
    if (!member(cpu, cgroup, OFF_CGROUP_KN, &node, 8))
        return 0;
    for (unsigned i = 0; i < CGROUPS_MAX; i++) {
        if (!member(cpu, node, OFF_KN_PARENT, &parent, 8))
            return 0;
        if (parent == 0) /* the root */
            break;
        if (!member(cpu, node, OFF_KN_NAME, &name, 8))
            return 0;
        size_t len = strnlen(part, vm__read(cpu->vm, name, part, sizeof(part)));
        if (len == 0 || len == sizeof(part) || len + 1 > at)
            return 0;
        at -= len + 1;
        buf[at] = '/';
        memcpy(buf + at + 1, part, len);
        node = parent;
    }
    if (at == size)
        buf[--at] = '/';
    memmove(buf, buf + at, size - at);
    return size - at;
}

void linux__tell_cgroup(struct guest_cpu *cpu, struct guest_thread *t)
{
    uint64_t set = 0, cgroup = 0;
    if (!member(cpu, t->object, OFF_TASK_CGROUPS, &set, 8) || set == t->css_set)
        return;
    t->css_set = set;
    if (member(cpu, set, OFF_CSS_SET_DFL_CGRP, &cgroup, 8))
        linux__tell_moved(cpu, t, cgroup);
}

void linux__tell_moved(struct guest_cpu *cpu, const struct guest_thread *t, uint64_t cgroup)
{
    char *path = (char *)cpu->scratch;
    size_t len = cgroup_path(cpu, cgroup, path, GUEST_PATH_MAX);
    if (len)
        guest__emit_name(cpu, t, QBK_NAME_CGROUP, path, len);
}
