/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Offsets of members out of BTF, through libbpf. The blob is the guest's, and libbpf has been crashed by mutated ones:
 * a child that can only compute and write its answer parses it; if it dies or dawdles, there are no layouts, no more.
 */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "guest/find/child.h"
#include "guest/find/find.h"

#define DEPTH_MAX 8

/* Alternatives of one offset stand one after another; the first that exists counts. */
static const struct {
    enum linux_offset offset;
    const char *type, *member;
} wanted[] = {
    {OFF_TASK_PID, "task_struct", "pid"},
    {OFF_TASK_TGID, "task_struct", "tgid"},
    {OFF_TASK_COMM, "task_struct", "comm"},
    {OFF_TASK_REAL_PARENT, "task_struct", "real_parent"},
    {OFF_TASK_CRED, "task_struct", "cred"},
    {OFF_TASK_FLAGS, "task_struct", "flags"},
    {OFF_TASK_START_TIME, "task_struct", "start_time"},
    {OFF_TASK_EXIT_CODE, "task_struct", "exit_code"},
    {OFF_TASK_JOBCTL, "task_struct", "jobctl"},
    {OFF_TASK_FILES, "task_struct", "files"},
    {OFF_TASK_FS, "task_struct", "fs"},
    {OFF_TASK_MM, "task_struct", "mm"},
    {OFF_TASK_SIGNAL, "task_struct", "signal"},
    {OFF_TASK_STACK, "task_struct", "stack"},
    {OFF_TASK_GROUP_LEADER, "task_struct", "group_leader"},
    {OFF_TASK_THREAD_PID, "task_struct", "thread_pid"},
    {OFF_PID_LEVEL, "pid", "level"},
    {OFF_PID_NUMBERS, "pid", "numbers"},
    {OFF_SIGNAL_PIDS, "signal_struct", "pids"},
    {OFF_TASK_CGROUPS, "task_struct", "cgroups"},
    {OFF_CSS_SET_DFL_CGRP, "css_set", "dfl_cgrp"},
    {OFF_CGROUP_KN, "cgroup", "kn"},
    {OFF_KN_PARENT, "kernfs_node", "parent"},
    {OFF_KN_PARENT, "kernfs_node", "__parent"},
    {OFF_KN_NAME, "kernfs_node", "name"},
    {OFF_CRED_UID, "cred", "uid"},
    {OFF_CRED_EUID, "cred", "euid"},
    {OFF_CRED_GID, "cred", "gid"},
    {OFF_FILES_FDT, "files_struct", "fdt"},
    {OFF_FDT_MAX_FDS, "fdtable", "max_fds"},
    {OFF_FDT_FD, "fdtable", "fd"},
    {OFF_FILE_PATH_MNT, "file", "f_path.mnt"},
    {OFF_FILE_PATH_MNT, "file", "__f_path.mnt"},
    {OFF_FILE_PATH_DENTRY, "file", "f_path.dentry"},
    {OFF_FILE_PATH_DENTRY, "file", "__f_path.dentry"},
    {OFF_FILE_INODE, "file", "f_inode"},
    {OFF_FILE_MODE, "file", "f_mode"},
    {OFF_DENTRY_PARENT, "dentry", "d_parent"},
    {OFF_DENTRY_NAME_LEN, "dentry", "d_name.len"},
    {OFF_DENTRY_NAME_LEN, "dentry", "__d_name.len"},
    {OFF_DENTRY_NAME_PTR, "dentry", "d_name.name"},
    {OFF_DENTRY_NAME_PTR, "dentry", "__d_name.name"},
    {OFF_DENTRY_INODE, "dentry", "d_inode"},
    {OFF_DENTRY_FLAGS, "dentry", "d_flags"},
    {OFF_DENTRY_SB, "dentry", "d_sb"},
    {OFF_MOUNT_MNT, "mount", "mnt"},
    {OFF_MOUNT_PARENT, "mount", "mnt_parent"},
    {OFF_MOUNT_MOUNTPOINT, "mount", "mnt_mountpoint"},
    {OFF_VFSMOUNT_ROOT, "vfsmount", "mnt_root"},
    {OFF_INODE_INO, "inode", "i_ino"},
    {OFF_INODE_MODE, "inode", "i_mode"},
    {OFF_INODE_SB, "inode", "i_sb"},
    {OFF_SB_TYPE, "super_block", "s_type"},
    {OFF_FSTYPE_NAME, "file_system_type", "name"},
    {OFF_DENTRY_HASH, "dentry", "d_hash.pprev"},
    {OFF_INODE_PRIVATE, "inode", "i_private"},
    {OFF_NS_OPS, "ns_common", "ops"},
    {OFF_NS_OPS_NAME, "proc_ns_operations", "name"},
    {OFF_FS_PWD_MNT, "fs_struct", "pwd.mnt"},
    {OFF_FS_PWD_DENTRY, "fs_struct", "pwd.dentry"},
    {OFF_FS_ROOT_MNT, "fs_struct", "root.mnt"},
    {OFF_FS_ROOT_DENTRY, "fs_struct", "root.dentry"},
    {OFF_KSIGNAL_INFO, "ksignal", "info"},
    {OFF_KSIGNAL_SIG, "ksignal", "sig"},
    {OFF_MM_EXE_FILE, "mm_struct", "exe_file"},
    {OFF_MM_ARG_START, "mm_struct", "arg_start"},
    {OFF_MM_ARG_END, "mm_struct", "arg_end"},
    {OFF_FILE_PRIVATE, "file", "private_data"},
    {OFF_INODE_RDEV, "inode", "i_rdev"},
    {OFF_SB_DEV, "super_block", "s_dev"},
    {OFF_SOCKET_TYPE, "socket", "type"},
    {OFF_SOCKET_SK, "socket", "sk"},
    {OFF_SK_FAMILY, "sock", "__sk_common.skc_family"},
    {OFF_SK_STATE, "sock", "__sk_common.skc_state"},
    {OFF_SK_DADDR, "sock", "__sk_common.skc_daddr"},
    {OFF_SK_RCV_SADDR, "sock", "__sk_common.skc_rcv_saddr"},
    {OFF_SK_DPORT, "sock", "__sk_common.skc_dport"},
    {OFF_SK_NUM, "sock", "__sk_common.skc_num"},
    {OFF_SK_V6_DADDR, "sock", "__sk_common.skc_v6_daddr"},
    {OFF_SK_V6_RCV_SADDR, "sock", "__sk_common.skc_v6_rcv_saddr"},
    {OFF_SK_PROTOCOL, "sock", "sk_protocol"},
    {OFF_TFP_TTY, "tty_file_private", "tty"},
    {OFF_TFP_FILE, "tty_file_private", "file"},
    {OFF_TTY_DRIVER, "tty_struct", "driver"},
    {OFF_TTY_INDEX, "tty_struct", "index"},
    {OFF_TTY_LINK, "tty_struct", "link"},
    {OFF_TTY_WINSIZE, "tty_struct", "winsize"},
    {OFF_TTY_TERMIOS, "tty_struct", "termios"},
    {OFF_DRIVER_MAJOR, "tty_driver", "major"},
    {OFF_FILE_FLAGS, "file", "f_flags"},
    {OFF_INODE_MAPPING, "inode", "i_mapping"},
    {OFF_INODE_SIZE, "inode", "i_size"},
    {OFF_INODE_LINKS, "inode", "i_nlink"},
    {OFF_INODE_MTIME_SEC, "inode", "i_mtime.tv_sec"},
    {OFF_INODE_MTIME_SEC, "inode", "__i_mtime.tv_sec"},
    {OFF_INODE_MTIME_SEC, "inode", "i_mtime_sec"},
    {OFF_INODE_MTIME_NSEC, "inode", "i_mtime.tv_nsec"},
    {OFF_INODE_MTIME_NSEC, "inode", "__i_mtime.tv_nsec"},
    {OFF_INODE_MTIME_NSEC, "inode", "i_mtime_nsec"},
    {OFF_MAPPING_HEAD, "address_space", "i_pages.xa_head"},
    {OFF_MAPPING_PAGES, "address_space", "nrpages"},
    {OFF_XA_SHIFT, "xa_node", "shift"},
    {OFF_XA_SLOTS, "xa_node", "slots"},
    {OFF_PAGE_FLAGS, "page", "flags"},
    {OFF_VMA_START, "vm_area_struct", "vm_start"},
    {OFF_VMA_END, "vm_area_struct", "vm_end"},
    {OFF_VMA_MM, "vm_area_struct", "vm_mm"},
    {OFF_VMA_FLAGS, "vm_area_struct", "vm_flags"},
    {OFF_VMA_PGOFF, "vm_area_struct", "vm_pgoff"},
    {OFF_VMA_FILE, "vm_area_struct", "vm_file"},
    {OFF_MM_TREE, "mm_struct", "mm_mt.ma_root"},
    {OFF_RANGE_PIVOT, "maple_range_64", "pivot"},
    {OFF_RANGE_SLOT, "maple_range_64", "slot"},
    {OFF_ARANGE_PIVOT, "maple_arange_64", "pivot"},
    {OFF_ARANGE_SLOT, "maple_arange_64", "slot"},
};

/* What the child writes into shared memory. */
struct answer {
    uint32_t done;
    uint32_t offset[LINUX_OFFSETS];
    uint32_t dequeue_info_arg, set_comm_has_exec;
};

static const struct btf_type *resolve(const struct btf *btf, uint32_t id)
{
    int real = btf__resolve_type(btf, id);
    return real < 0 ? NULL : btf__type_by_id(btf, (uint32_t)real);
}

/* Bit offset of "a.b.c" in a struct or union, looking through unnamed members. -1: no such member. */
static int64_t member_bits(const struct btf *btf, const struct btf_type *type, const char *path, int depth)
{
    size_t head = strcspn(path, ".");
    if (!type || !btf_is_composite(type) || depth > DEPTH_MAX)
        return -1;
    for (uint32_t i = 0; i < btf_vlen(type); i++) {
        const struct btf_member *m = btf_members(type) + i;
        const char *name = btf__name_by_offset(btf, m->name_off);
        int64_t at = btf_member_bit_offset(type, i), inner = -1;
        if (!name)
            return -1;
        if (name[0] == 0)
            inner = member_bits(btf, resolve(btf, m->type), path, depth + 1);
        else if (strlen(name) != head || strncmp(name, path, head) != 0)
            continue;
        else if (path[head] == 0)
            return at;
        else
            inner = member_bits(btf, resolve(btf, m->type), path + head + 1, depth + 1);
        if (inner >= 0)
            return at + inner;
    }
    return -1;
}

/* The position of a function's parameter, or -1. */
static int parameter(const struct btf *btf, const char *function, const char *name)
{
    int id = btf__find_by_name_kind(btf, function, BTF_KIND_FUNC);
    const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
    const struct btf_type *proto = type ? btf__type_by_id(btf, type->type) : NULL;
    if (!proto || !btf_is_func_proto(proto))
        return -1;
    for (uint32_t i = 0; i < btf_vlen(proto); i++) {
        const char *each = btf__name_by_offset(btf, btf_params(proto)[i].name_off);
        if (each && strcmp(each, name) == 0)
            return (int)i;
    }
    return -1;
}

/* The value of an enumerator, wherever it is defined under that enumeration's name; LAYOUT_NONE: there is none. */
static uint32_t enumerator(const struct btf *btf, const char *type, const char *name)
{
    int id = btf__find_by_name_kind(btf, type, BTF_KIND_ENUM);
    const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
    for (uint32_t i = 0; t && i < btf_vlen(t); i++) {
        const struct btf_enum *e = btf_enum(t) + i;
        const char *each = btf__name_by_offset(btf, e->name_off);
        if (each && strcmp(each, name) == 0 && e->val >= 0)
            return (uint32_t)e->val;
    }
    return LAYOUT_NONE;
}

static uint32_t size_of(const struct btf *btf, const char *type)
{
    int id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);
    const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
    return t ? t->size : LAYOUT_NONE;
}

static void parse(const uint8_t *blob, size_t size, struct answer *answer)
{
    struct btf *btf = btf__new(blob, (uint32_t)size);
    if (!btf || libbpf_get_error(btf))
        return;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        int id = btf__find_by_name_kind(btf, wanted[i].type, BTF_KIND_STRUCT);
        int64_t bits = id > 0 ? member_bits(btf, btf__type_by_id(btf, (uint32_t)id), wanted[i].member, 0) : -1;
        if (bits >= 0 && bits < 8 * 65536 && answer->offset[wanted[i].offset] == LAYOUT_NONE)
            answer->offset[wanted[i].offset] = (uint32_t)(bits / 8);
    }
    answer->offset[LAYOUT_PAGE_SIZE] = size_of(btf, "page");
    answer->offset[LAYOUT_UPTODATE] = enumerator(btf, "pageflags", "PG_uptodate");
    int info = parameter(btf, "dequeue_signal", "info");
    answer->dequeue_info_arg = info >= 0 ? (uint32_t)info : LAYOUT_NONE;
    answer->set_comm_has_exec = parameter(btf, "__set_task_comm", "exec") == 2;
    answer->done = 1;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list ap)
{
    (void)level;
    (void)format;
    (void)ap;
    return 0;
}

struct blob {
    const uint8_t *bytes;
    size_t size;
};

static bool work(void *shared, const void *data)
{
    const struct blob *blob = data;
    struct answer *answer = shared;
    libbpf_set_print(quiet);
    parse(blob->bytes, blob->size, answer);
    return answer->done == 1;
}

bool find__btf_layout(const uint8_t *blob, size_t size, struct linux_layout *layout, char *missing, size_t missing_size)
{
    const struct blob data = {blob, size};
    struct answer *answer = child__shared(sizeof(*answer));
    missing[0] = 0;
    if (!answer)
        return false;
    memset(answer, 0xff, sizeof(*answer));
    answer->done = 0;
    bool ok = child__compute(work, answer, &data) && answer->done == 1;
    for (unsigned i = 0; ok && i < LINUX_OFFSETS; i++)
        layout->offset[i] = answer->offset[i] < 65536 ? answer->offset[i] : LAYOUT_NONE;
    if (ok) {
        layout->dequeue_info_arg = answer->dequeue_info_arg < 6 ? answer->dequeue_info_arg : LAYOUT_NONE;
        layout->set_comm_has_exec = answer->set_comm_has_exec == 1;
    } else {
        snprintf(missing, missing_size, "layouts (the BTF could not be parsed)");
    }
    munmap(answer, sizeof(*answer));
    return ok;
}
