/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a descriptor stands for: the path of its struct file, put together from the dentries up to the root of the mount
 * tree, as the kernel's own d_path does (fs/d_path.c). Every step is bounded; a kernel that was tampered with costs
 * time, not sanity.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/linux/linux.h"

#define COMPONENTS_MAX    128u
#define COMPONENT_LEN_MAX 255u
#define PAIR_SPAN         64u
#define DENTRY_HEAD       128u /* the members that are needed lie in the first bytes of struct dentry: one read for all */

struct walk {
    struct guest_cpu *cpu;
    const uint32_t *offset;
    char *buf; /* filled from its end */
    size_t at;
    uint8_t head[DENTRY_HEAD];
};

static bool word_at(struct walk *w, uint64_t base, enum linux_offset which, void *out, size_t size)
{
    return w->offset[which] != LAYOUT_NONE && base != 0 &&
           vm__read_exact(w->cpu->vm, base + w->offset[which], out, size);
}

/* Two pointers of one struct; with one read where they lie near each other, as a read costs a walk of the page tables.
 */
static bool pair_at(struct walk *w, uint64_t base, enum linux_offset one, enum linux_offset other, uint64_t value[2])
{
    uint32_t a = w->offset[one], b = w->offset[other], low = a < b ? a : b, high = a < b ? b : a;
    uint8_t both[PAIR_SPAN];
    size_t span = (size_t)high - low + sizeof(uint64_t);
    if (high == LAYOUT_NONE || span > sizeof(both))
        return word_at(w, base, one, &value[0], 8) && word_at(w, base, other, &value[1], 8);
    if (base == 0 || !vm__read_exact(w->cpu->vm, base + low, both, span))
        return false;
    memcpy(&value[0], both + (a - low), 8);
    memcpy(&value[1], both + (b - low), 8);
    return true;
}

/* A member of the dentry whose head was read. */
static bool from_head(const struct walk *w, enum linux_offset which, void *out, size_t size)
{
    uint32_t off = w->offset[which];
    if (off == LAYOUT_NONE || off + size > DENTRY_HEAD)
        return false;
    memcpy(out, w->head + off, size);
    return true;
}

static bool prepend(struct walk *w, const char *text, size_t len)
{
    if (len > w->at)
        return false;
    w->at -= len;
    memcpy(w->buf + w->at, text, len);
    return true;
}

/* The name of the dentry in w->head; its bytes are often in the dentry itself. */
static bool prepend_name(struct walk *w, uint64_t dentry)
{
    char name[COMPONENT_LEN_MAX];
    uint32_t len;
    uint64_t ptr;
    if (!from_head(w, OFF_DENTRY_NAME_LEN, &len, 4) || !from_head(w, OFF_DENTRY_NAME_PTR, &ptr, 8))
        return false;
    if (len > sizeof(name))
        return false;
    if (ptr >= dentry && ptr - dentry + len <= DENTRY_HEAD)
        memcpy(name, w->head + (ptr - dentry), len);
    else if (len && !vm__read_exact(w->cpu->vm, ptr, name, len))
        return false;
    return prepend(w, name, len) && prepend(w, "/", 1);
}

/* The kind of a namespace: "uts", "mnt" and so on. */
static bool namespace_kind(struct walk *w, uint64_t inode, char *kind, size_t size)
{
    uint64_t ns = 0, ops = 0, name = 0;
    if (!word_at(w, inode, OFF_INODE_PRIVATE, &ns, 8) || !word_at(w, ns, OFF_NS_OPS, &ops, 8) ||
        !word_at(w, ops, OFF_NS_OPS_NAME, &name, 8))
        return false;
    kind[vm__read(w->cpu->vm, name, kind, size - 1)] = 0;
    return kind[0] != 0;
}

/* Sockets, pipes and the like have no path; the kernel makes up a name from the filesystem's and the inode's number. */
static size_t pseudo_name(struct walk *w, uint64_t dentry, char *out, size_t size)
{
    uint64_t inode = 0, sb = 0, type = 0, name = 0, ino = 0;
    char fs[16] = {0}, kind[16] = {0};
    uint32_t len = 0;
    if (!from_head(w, OFF_DENTRY_INODE, &inode, 8) || !word_at(w, inode, OFF_INODE_SB, &sb, 8) ||
        !word_at(w, sb, OFF_SB_TYPE, &type, 8) || !word_at(w, type, OFF_FSTYPE_NAME, &name, 8) ||
        !word_at(w, inode, OFF_INODE_INO, &ino, 8))
        return 0;
    fs[vm__read(w->cpu->vm, name, fs, sizeof(fs) - 1)] = 0;
    if (strcmp(fs, "sockfs") == 0)
        return (size_t)snprintf(out, size, "socket:[%llu]", (unsigned long long)ino);
    if (strcmp(fs, "pipefs") == 0)
        return (size_t)snprintf(out, size, "pipe:[%llu]", (unsigned long long)ino);
    w->at = GUEST_PATH_MAX;
    if (!from_head(w, OFF_DENTRY_NAME_LEN, &len, 4) || !prepend_name(w, dentry))
        return 0;
    if (strcmp(fs, "anon_inodefs") == 0)
        return (size_t)snprintf(out, size, "anon_inode:%.*s", (int)len, w->buf + w->at + 1);
    if (strcmp(fs, "pidfs") == 0)
        return (size_t)snprintf(out, size, "anon_inode:[pidfd]");
    if (strcmp(fs, "nsfs") == 0)
        return (size_t)snprintf(out, size, "%s:[%llu]", namespace_kind(w, inode, kind, sizeof(kind)) ? kind : "ns",
                                (unsigned long long)ino);
    if (strcmp(fs, "tmpfs") == 0 || strcmp(fs, "hugetlbfs") == 0) /* memfd, shared memory: never had a path */
        return (size_t)snprintf(out, size, "%.*s (deleted)", (int)len + 1, w->buf + w->at);
    return (size_t)snprintf(out, size, "%.*s", (int)len + 1, w->buf + w->at);
}

/* The dentry in w->head was taken out of its folder. */
static bool is_deleted(const struct walk *w)
{
    uint64_t back = 1;
    return from_head(w, OFF_DENTRY_HASH, &back, sizeof(back)) && back == 0;
}

/* From a mount's root to the place where it is mounted. False at the top of the tree (or where it cannot be read). */
static bool climb_mount(struct walk *w, uint64_t *mnt, uint64_t *dentry)
{
    uint64_t mount = *mnt - w->offset[OFF_MOUNT_MNT], up[2]; /* parent, and where in it */
    if (w->offset[OFF_MOUNT_MNT] == LAYOUT_NONE || !pair_at(w, mount, OFF_MOUNT_PARENT, OFF_MOUNT_MOUNTPOINT, up) ||
        up[0] == mount || up[0] == 0)
        return false;
    *mnt = up[0] + w->offset[OFF_MOUNT_MNT];
    *dentry = up[1];
    return true;
}

static size_t finish(struct walk *w, char *out, size_t size)
{
    size_t len = GUEST_PATH_MAX - w->at;
    if (len == 0) {
        out[0] = '/';
        return 1;
    }
    if (len > size)
        len = size;
    memcpy(out, w->buf + w->at, len);
    return len;
}

static size_t path_of(struct guest_cpu *cpu, uint64_t mnt, uint64_t dentry, char *out, size_t size)
{
    char buf[GUEST_PATH_MAX];
    struct walk w = {.cpu = cpu, .offset = cpu->guest->layout.offset, .buf = buf, .at = sizeof(buf)};
    uint64_t root = 0, parent;
    bool first = true;
    if (!word_at(&w, mnt, OFF_VFSMOUNT_ROOT, &root, 8))
        return 0;
    for (unsigned i = 0; i < COMPONENTS_MAX; i++) {
        if (dentry == root) {
            if (!climb_mount(&w, &mnt, &dentry) || !word_at(&w, mnt, OFF_VFSMOUNT_ROOT, &root, 8))
                return finish(&w, out, size);
            continue;
        }
        if (!vm__read_exact(cpu->vm, dentry, w.head, sizeof(w.head)) || !from_head(&w, OFF_DENTRY_PARENT, &parent, 8))
            return 0;
        if (parent == dentry) /* a root that is not its mount's: made for one object only */
            return first ? pseudo_name(&w, dentry, out, size) : finish(&w, out, size);
        if (first && is_deleted(&w) && !prepend(&w, " (deleted)", 10))
            return 0;
        if (!prepend_name(&w, dentry))
            return finish(&w, out, size);
        dentry = parent;
        first = false;
    }
    return finish(&w, out, size);
}

size_t linux__file_path(struct guest_cpu *cpu, uint64_t file, char *buf, size_t size)
{
    struct walk w = {.cpu = cpu, .offset = cpu->guest->layout.offset};
    uint64_t path[2];
    if (!pair_at(&w, file, OFF_FILE_PATH_MNT, OFF_FILE_PATH_DENTRY, path))
        return 0;
    size_t len = path_of(cpu, path[0], path[1], buf, size);
    return len < size ? len : size;
}

/* A dentry says nothing about where its file system is mounted: names up to its root. */
static size_t dentry_path(struct guest_cpu *cpu, uint64_t dentry, char *out, size_t size)
{
    char buf[GUEST_PATH_MAX];
    struct walk w = {.cpu = cpu, .offset = cpu->guest->layout.offset, .buf = buf, .at = sizeof(buf)};
    uint64_t parent = 0;
    for (unsigned i = 0; i < COMPONENTS_MAX; i++) {
        if (!vm__read_exact(cpu->vm, dentry, w.head, sizeof(w.head)) || !from_head(&w, OFF_DENTRY_PARENT, &parent, 8))
            return 0;
        if (parent == dentry && i == 0) { /* a root is named "/", what has no path is not */
            size_t len = pseudo_name(&w, dentry, out, size);
            return len == 2 && memcmp(out, "//", 2) == 0 ? 1 : len;
        }
        if (parent == dentry)
            break;
        if (i == 0 && is_deleted(&w) && !prepend(&w, " (deleted)", 10))
            return 0;
        if (!prepend_name(&w, dentry))
            break;
        dentry = parent;
    }
    return finish(&w, out, size);
}

size_t linux__object_path(struct guest_cpu *cpu, enum qbk_value_kind kind, uint64_t object, char *buf, size_t size)
{
    struct walk w = {.cpu = cpu, .offset = cpu->guest->layout.offset};
    uint64_t path[2];
    size_t len = 0;
    if (kind == QBK_VALUE_FILE)
        return linux__file_path(cpu, object, buf, size);
    if (kind == QBK_VALUE_DENTRY)
        len = dentry_path(cpu, object, buf, size);
    else if (pair_at(&w, object - w.offset[OFF_FILE_PATH_MNT], OFF_FILE_PATH_MNT, OFF_FILE_PATH_DENTRY, path))
        len = path_of(cpu, path[0], path[1], buf, size); /* struct path begins with mnt, and so does that of a file */
    return len < size ? len : size;
}

uint64_t linux__fd_file(struct guest_cpu *cpu, const struct guest_thread *thread, uint32_t fd)
{
    struct walk w = {.cpu = cpu, .offset = cpu->guest->layout.offset};
    uint64_t files = 0, fdt = 0, table[2] /* size, array */, file = 0;
    if (!word_at(&w, thread->object, OFF_TASK_FILES, &files, 8) || !word_at(&w, files, OFF_FILES_FDT, &fdt, 8) ||
        !pair_at(&w, fdt, OFF_FDT_MAX_FDS, OFF_FDT_FD, table) || fd >= (uint32_t)table[0] ||
        !vm__read_exact(cpu->vm, table[1] + 8ull * fd, &file, 8) || file == 0)
        return 0;
    return file;
}

size_t linux__fd_path(struct guest_cpu *cpu, const struct guest_thread *thread, uint32_t fd, char *buf, size_t size)
{
    uint64_t file = linux__fd_file(cpu, thread, fd);
    return file ? linux__file_path(cpu, file, buf, size) : 0;
}

size_t linux__cwd_path(struct guest_cpu *cpu, const struct guest_thread *thread, char *buf, size_t size)
{
    struct walk w = {.cpu = cpu, .offset = cpu->guest->layout.offset};
    uint64_t fs = 0, path[2];
    if (!word_at(&w, thread->object, OFF_TASK_FS, &fs, 8) || !pair_at(&w, fs, OFF_FS_PWD_MNT, OFF_FS_PWD_DENTRY, path))
        return 0;
    size_t len = path_of(cpu, path[0], path[1], buf, size);
    return len < size ? len : size;
}

size_t linux__exe_path(struct guest_cpu *cpu, const struct guest_thread *thread, char *buf, size_t size)
{
    struct walk w = {.cpu = cpu, .offset = cpu->guest->layout.offset};
    uint64_t mm = 0, file = 0;
    if (!word_at(&w, thread->object, OFF_TASK_MM, &mm, 8) || !word_at(&w, mm, OFF_MM_EXE_FILE, &file, 8))
        return 0;
    return linux__file_path(cpu, file, buf, size);
}

void linux__fd_installed(struct guest_cpu *cpu, struct guest_thread *thread)
{
    uint32_t fd = (uint32_t)vm__reg(cpu->vm, VM_RDI);
    uint64_t file = vm__reg(cpu->vm, VM_RSI);
    char *path = (char *)cpu->scratch;
    if (thread->n_names >= GUEST_NAMES_MAX)
        return;
    size_t len = linux__file_path(cpu, file, path, GUEST_PATH_MAX);
    char *copy = len ? malloc(len) : NULL;
    if (!copy)
        return;
    memcpy(copy, path, len);
    thread->name[thread->n_names++] = (struct guest_name){.fd = fd, .len = (uint32_t)len, .path = copy};
}
