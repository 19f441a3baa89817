/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/linux/layout.h"

#include <stddef.h>

static bool in_kernel_half(uint64_t address)
{
    return (int64_t)address < 0;
}

static bool integrity_valid(const struct linux_integrity *in)
{
    bool good = in->count <= LINUX_HANDLERS_MAX && (in->table == 0 || in_kernel_half(in->table));
    for (unsigned i = 0; i < LINUX_HANDLERS_MAX; i++)
        good &= in->handler[i] == 0 || in_kernel_half(in->handler[i]);
    for (unsigned i = 0; i < LINUX_BODIES; i++)
        good &= in->body_size[i] <= LINUX_BODY_MAX && (in->body_size[i] == 0 || in_kernel_half(in->body[i]));
    for (unsigned i = 0; i < LINUX_TRACERS; i++)
        good &= in->tracer[i] == 0 || in_kernel_half(in->tracer[i]);
    return good;
}

bool linux_layout__valid(const struct linux_layout *layout)
{
    if (layout->version != LINUX_LAYOUT_VERSION || layout->size != sizeof(*layout))
        return false;
    for (unsigned i = 0; i < LINUX_PROBES; i++) {
        if (layout->probe[i] != 0 && !in_kernel_half(layout->probe[i]))
            return false;
    }
    if ((layout->vmemmap_base != 0 && !in_kernel_half(layout->vmemmap_base)) ||
        (layout->page_offset_base != 0 && !in_kernel_half(layout->page_offset_base)))
        return false;
    for (unsigned i = 0; i < LINUX_OFFSETS; i++) {
        if (layout->offset[i] != LAYOUT_NONE && layout->offset[i] >= 65536)
            return false;
    }
    return integrity_valid(&layout->integrity) && layout->thread_size >= 4096 && layout->thread_size <= 1u << 20;
}

static const char *const names[LINUX_PROBES] = {"__switch_to",
                                                "wake_up_new_task",
                                                "schedule_tail",
                                                "do_exit",
                                                "free_task",
                                                "do_group_exit",
                                                "arch_do_signal_or_restart",
                                                "signal_setup_done",
                                                "dequeue_signal",
                                                "do_coredump",
                                                "__set_task_comm",
                                                "commit_creds",
                                                "fd_install",
                                                "do_syscall_64",
                                                "do_int80_syscall_32",
                                                "do_fast_syscall_32",
                                                "machine_kexec",
                                                "cgroup_attach_task",
                                                "ptrace_notify",
                                                "__seccomp_filter",
                                                "syscall_user_dispatch",
                                                "x64_sys_call",
                                                "ia32_sys_call",
                                                "__fput"};

const char *linux_probe__name(enum linux_probe probe)
{
    return probe < LINUX_PROBES ? names[probe] : NULL;
}
