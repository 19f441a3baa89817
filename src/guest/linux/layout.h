/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the plugin needs to know of one Linux kernel. Found by the qebek process in a copy of the kernel's image
 * (find/), sent over the link, believed by the plugin only after linux_layout__valid.
 */
#ifndef QEBEK_GUEST_LINUX_LAYOUT_H
#define QEBEK_GUEST_LINUX_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#define LINUX_LAYOUT_VERSION 1u
#define LAYOUT_NONE          0xffffffffu /* an offset that is not known */

/* Kernel functions whose first instruction is watched. Read-only: nothing in the guest is changed. */
enum linux_probe {
    LINUX_PROBE_SWITCH_TO = 0,  /* __switch_to(prev, next) */
    LINUX_PROBE_WAKE_UP_NEW,    /* wake_up_new_task(p): p is complete, and about to run for the first time */
    LINUX_PROBE_SCHEDULE_TAIL,  /* schedule_tail(prev), on the new thread */
    LINUX_PROBE_DO_EXIT,        /* do_exit(code) */
    LINUX_PROBE_FREE_TASK,      /* free_task(p) or __put_task_struct(p): the object is about to be reused */
    LINUX_PROBE_DO_GROUP_EXIT,  /* do_group_exit(code): a fatal signal, or exit_group */
    LINUX_PROBE_SIGNAL_WORK,    /* arch_do_signal_or_restart(regs) */
    LINUX_PROBE_SIGNAL_DONE,    /* signal_setup_done(failed, ksig, stepping): a handler's frame is ready */
    LINUX_PROBE_DEQUEUE_SIGNAL, /* dequeue_signal(…, info, …) */
    LINUX_PROBE_SIGNAL_STOP,    /* do_signal_stop(signr) */
    LINUX_PROBE_COREDUMP,       /* do_coredump(info) or vfs_coredump(info) */
    LINUX_PROBE_SET_COMM,       /* __set_task_comm(task, name, exec) */
    LINUX_PROBE_COMMIT_CREDS,   /* commit_creds(new) */
    LINUX_PROBE_FD_INSTALL,     /* fd_install(fd, file) */
    LINUX_PROBE_DO_SYSCALL_64,  /* do_syscall_64(regs, nr): first instruction on kernel page tables that all calls pass
                                 */
    LINUX_PROBE_DO_INT80,       /* do_int80_syscall_32(regs) / do_int80_emulation(regs) */
    LINUX_PROBE_DO_FAST_32,     /* do_fast_syscall_32(regs) / do_SYSENTER_32(regs) */
    LINUX_PROBE_KEXEC,          /* machine_kexec(image): this kernel ends here */
    LINUX_PROBE_CGROUP_ATTACH,  /* cgroup_attach_task(cgroup, leader, threadgroup) */
    LINUX_PROBE_PTRACE_NOTIFY,  /* ptrace_notify(exit_code, message): the thread stops for its tracer */
    LINUX_PROBE_SECCOMP,        /* __seccomp_filter(…), __secure_computing(…): a filter decides about a call */
    LINUX_PROBE_USER_DISPATCH,  /* syscall_user_dispatch(regs): the program itself may take a call */
    LINUX_PROBE_RUN_64,         /* x64_sys_call(regs, nr): the call is run */
    LINUX_PROBE_RUN_32,         /* ia32_sys_call(regs, nr) */
    LINUX_PROBE_MMAP,           /* perf_event_mmap(vma): a mapping is new, or has other rights */
    LINUX_PROBE_COPY_VMA,       /* copy_vma(&vma, address, length, page, …): mremap moves a mapping */
    LINUX_PROBE_EXIT_MMAP,      /* exit_mmap(mm): an address space goes */
    LINUX_PROBE_FPUT,           /* __fput(file) or locks_remove_file(file): nobody has this open any more */
    LINUX_PROBES
};

enum linux_offset {
    /* struct task_struct */
    OFF_TASK_PID = 0,
    OFF_TASK_TGID,
    OFF_TASK_COMM,
    OFF_TASK_REAL_PARENT,
    OFF_TASK_CRED,
    OFF_TASK_FLAGS,      /* PF_KTHREAD 0x00200000 */
    OFF_TASK_START_TIME, /* start_time, ns */
    OFF_TASK_EXIT_CODE,
    OFF_TASK_JOBCTL,
    OFF_TASK_FILES,
    OFF_TASK_FS,
    OFF_TASK_MM,
    OFF_TASK_SIGNAL,
    OFF_TASK_STACK,
    /* struct cred */
    OFF_CRED_UID,
    OFF_CRED_EUID,
    OFF_CRED_GID,
    /* struct files_struct, fdtable */
    OFF_FILES_FDT,
    OFF_FDT_MAX_FDS,
    OFF_FDT_FD,
    /* struct file, path, dentry, qstr */
    OFF_FILE_PATH_MNT,    /* f_path.mnt (vfsmount *) */
    OFF_FILE_PATH_DENTRY, /* f_path.dentry */
    OFF_FILE_INODE,
    OFF_FILE_MODE,
    OFF_DENTRY_PARENT,
    OFF_DENTRY_NAME_LEN, /* d_name.len */
    OFF_DENTRY_NAME_PTR, /* d_name.name */
    OFF_DENTRY_INODE,
    OFF_DENTRY_FLAGS,
    OFF_DENTRY_SB,
    /* struct mount; a vfsmount * points at `mount.mnt` */
    OFF_MOUNT_MNT, /* offset of the embedded vfsmount in struct mount */
    OFF_MOUNT_PARENT,
    OFF_MOUNT_MOUNTPOINT,
    OFF_VFSMOUNT_ROOT,
    OFF_INODE_INO,
    OFF_INODE_MODE,
    OFF_INODE_SB,
    OFF_SB_TYPE,
    OFF_FSTYPE_NAME,
    /* struct fs_struct */
    OFF_FS_PWD_MNT,
    OFF_FS_PWD_DENTRY,
    OFF_FS_ROOT_MNT,
    OFF_FS_ROOT_DENTRY,
    /* struct ksignal, kernel_siginfo */
    OFF_KSIGNAL_INFO,
    OFF_KSIGNAL_SIG,
    OFF_MM_EXE_FILE,
    OFF_MM_ARG_START,
    OFF_MM_ARG_END,
    OFF_TASK_GROUP_LEADER,
    /* containers: struct pid of task_struct and signal_struct, css_set, cgroup, kernfs_node */
    OFF_TASK_THREAD_PID,
    OFF_PID_LEVEL,
    OFF_PID_NUMBERS,
    OFF_SIGNAL_PIDS,
    OFF_TASK_CGROUPS,
    OFF_CSS_SET_DFL_CGRP,
    OFF_CGROUP_KN,
    OFF_KN_PARENT,
    OFF_KN_NAME,
    /* what a descriptor stands for: file, inode, super block */
    OFF_FILE_PRIVATE,
    OFF_INODE_RDEV,
    OFF_SB_DEV,
    /* struct socket, sock */
    OFF_SOCKET_TYPE,
    OFF_SOCKET_SK,
    OFF_SK_FAMILY,
    OFF_SK_STATE,
    OFF_SK_DADDR,
    OFF_SK_RCV_SADDR,
    OFF_SK_DPORT,
    OFF_SK_NUM,
    OFF_SK_V6_DADDR,
    OFF_SK_V6_RCV_SADDR,
    OFF_SK_PROTOCOL,
    /* struct tty_file_private, tty_struct, tty_driver */
    OFF_TFP_TTY,
    OFF_TFP_FILE,
    OFF_TTY_DRIVER,
    OFF_TTY_INDEX,
    OFF_TTY_LINK,
    OFF_TTY_WINSIZE,
    OFF_TTY_TERMIOS,
    OFF_DRIVER_MAJOR,
    /* names of what has no path: d_hash.pprev is NULL where a file was deleted; i_private, ns_common and
     * proc_ns_operations tell the kind of a namespace */
    OFF_DENTRY_HASH,
    OFF_INODE_PRIVATE,
    OFF_NS_OPS,
    OFF_NS_OPS_NAME,
    /* the page cache: struct file, inode, address_space, xa_node, page */
    OFF_FILE_FLAGS,
    OFF_INODE_MAPPING,
    OFF_INODE_SIZE,
    OFF_INODE_LINKS,
    OFF_INODE_MTIME_SEC,
    OFF_INODE_MTIME_NSEC,
    OFF_MAPPING_HEAD,
    OFF_MAPPING_PAGES,
    OFF_XA_SHIFT,
    OFF_XA_SLOTS,
    OFF_PAGE_FLAGS,
    /* address spaces: vm_area_struct, mm_struct, and the trees of the former */
    OFF_VMA_START,
    OFF_VMA_END,
    OFF_VMA_MM,
    OFF_VMA_FLAGS,
    OFF_VMA_PGOFF,
    OFF_VMA_FILE,
    OFF_MM_TREE, /* mm_mt.ma_root, from 6.1 on */
    OFF_RANGE_PIVOT,
    OFF_RANGE_SLOT,
    OFF_ARANGE_PIVOT,
    OFF_ARANGE_SLOT,
    LAYOUT_PAGE_SIZE, /* no offset: bytes of a struct page */
    LAYOUT_UPTODATE,  /* no offset: number of the bit PG_uptodate */
    LINUX_OFFSETS
};

#define LINUX_HANDLERS_MAX 512u
#define LINUX_BODY_MAX     65536u

/* Code that is watched as a whole (0, 1) or by its first bytes (the others, which the kernel itself patches further
 * on): x64_sys_call, ia32_sys_call, do_syscall_64, entry_SYSCALL_64. */
#define LINUX_BODIES 4u
/* Code that the kernel's own tools put before others: ftrace_caller, ftrace_regs_caller, optprobe_template_entry. */
#define LINUX_TRACERS 3u

/* The way of a system call through the kernel; addresses, 0: not known. */
struct linux_integrity {
    uint64_t table; /* sys_call_table */
    uint32_t count; /* of its entries that are watched, at most LINUX_HANDLERS_MAX */
    uint32_t reserved;
    uint64_t handler[LINUX_HANDLERS_MAX]; /* what each leads to; 0: to no handler by name */
    uint64_t body[LINUX_BODIES];
    uint32_t body_size[LINUX_BODIES]; /* bytes, at most LINUX_BODY_MAX */
    uint64_t tracer[LINUX_TRACERS];
    uint32_t tracer_len[LINUX_TRACERS]; /* how many of its first bytes tell it */
    uint32_t reserved2;
};

struct linux_layout {
    uint32_t version;                        /* LINUX_LAYOUT_VERSION */
    uint32_t size;                           /* sizeof(struct linux_layout) */
    uint64_t image_start, image_end;         /* the kernel's image, as far as known */
    uint64_t probe[LINUX_PROBES];            /* guest virtual addresses; 0: not found */
    uint64_t vmemmap_base, page_offset_base; /* where these variables of the kernel are; 0: not found */
    uint64_t current;                        /* current thread = *(kernel gs_base + this), wrapping; 0: not known */
    uint32_t offset[LINUX_OFFSETS];          /* LAYOUT_NONE: not known */
    uint32_t dequeue_info_arg;               /* which argument of dequeue_signal is `info` (0-based) */
    uint32_t set_comm_has_exec;              /* __set_task_comm has its third argument */
    uint32_t thread_size;                    /* bytes of a kernel stack */
    uint32_t reserved;
    struct linux_integrity integrity;
};

/* Every address in the upper half, every offset below 64 KiB: nothing an answer says may make the plugin misbehave. */
bool linux_layout__valid(const struct linux_layout *layout);

#endif
