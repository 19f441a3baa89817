/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a descriptor stands for, out of the kernel's own objects: file and inode; of sockets the addresses, of terminals
 * which one it is. A name says nothing here: a guest may call any file /dev/pts/0.
 *
 * A thread tells an object once, and again when anything of it changed: a mark of what was told last is kept for each
 * of a few descriptors. What is forgotten is told twice, no worse.
 */
#include <string.h>

#include "guest/linux/linux.h"

#define HEAD 256u /* the members that are needed lie in the first bytes of these structs: one read for all of them */

#define TYPE_MASK   0170000u /* include/uapi/linux/stat.h */
#define TYPE_CHAR   0020000u
#define TYPE_SOCKET 0140000u

#define MINOR_BITS 20u /* of the kernel's own dev_t (include/linux/kdev_t.h) */
#define MINOR_MASK ((1u << MINOR_BITS) - 1)

#define TTYAUX_MAJOR 5u /* /dev/tty, /dev/console, /dev/ptmx: another terminal's file (include/uapi/linux/major.h) */
#define INET         2u /* AF_INET, AF_INET6 (include/linux/socket.h) */
#define INET6        10u

/* The beginning of a struct, as far as it could be read. */
struct head {
    struct guest_cpu *cpu;
    uint64_t base;
    size_t have;
    uint8_t bytes[HEAD];
};

static bool read_head(struct head *h, struct guest_cpu *cpu, uint64_t base)
{
    h->cpu = cpu;
    h->base = base;
    h->have = (int64_t)base < 0 ? vm__read(cpu->vm, base, h->bytes, sizeof(h->bytes)) : 0;
    return h->have > 0;
}

/* A member; of those behind the head with a read of its own. */
static bool member(const struct head *h, enum linux_offset which, void *out, size_t size)
{
    uint32_t off = h->cpu->guest->layout.offset[which];
    if (off == LAYOUT_NONE)
        return false;
    if (off + size > h->have)
        return (int64_t)h->base < 0 && vm__read_exact(h->cpu->vm, h->base + off, out, size);
    memcpy(out, h->bytes + off, size);
    return true;
}

static uint16_t from_big_endian(const uint8_t bytes[2])
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* ---- sockets ---- */

static void internet(const struct head *sk, struct qbk_object *o)
{
    bool v6 = o->family == INET6;
    size_t size = v6 ? 16 : 4;
    uint8_t port[2];
    (void)member(sk, v6 ? OFF_SK_V6_RCV_SADDR : OFF_SK_RCV_SADDR, o->local_address, size);
    (void)member(sk, v6 ? OFF_SK_V6_DADDR : OFF_SK_DADDR, o->peer_address, size);
    (void)member(sk, OFF_SK_NUM, &o->local_port, 2);
    if (member(sk, OFF_SK_DPORT, port, 2))
        o->peer_port = from_big_endian(port);
}

static void tell_socket(struct guest_cpu *cpu, const struct head *file, struct qbk_object *o)
{
    struct head socket, sk;
    uint64_t at = 0;
    if (!member(file, OFF_FILE_PRIVATE, &at, 8) || !read_head(&socket, cpu, at) ||
        !member(&socket, OFF_SOCKET_SK, &at, 8) || !read_head(&sk, cpu, at) ||
        !member(&sk, OFF_SK_FAMILY, &o->family, 2))
        return;
    o->kind = QBK_OBJECT_SOCKET;
    (void)member(&socket, OFF_SOCKET_TYPE, &o->socket_type, 2);
    (void)member(&sk, OFF_SK_PROTOCOL, &o->protocol, 2);
    (void)member(&sk, OFF_SK_STATE, &o->state, 1);
    if (o->family == INET || o->family == INET6)
        internet(&sk, o);
}

/* ---- terminals ---- */

/* Size and modes; of a pseudo-terminal those on the slave's side count (drivers/tty/pty.c, tty_ioctl.c). */
static void tell_modes(struct guest_cpu *cpu, const struct head *tty, struct qbk_object *o)
{
    uint16_t size[2]; /* struct winsize and ktermios: include/uapi/asm-generic/termios.h, termbits.h */
    uint32_t modes[4];
    struct head slave;
    const struct head *of = tty;
    if (o->tty_side == QBK_TTY_MASTER) {
        if (!read_head(&slave, cpu, o->tty_other))
            return;
        of = &slave;
    }
    if (member(of, OFF_TTY_WINSIZE, size, sizeof(size))) {
        o->rows = size[0];
        o->columns = size[1];
    }
    if (member(of, OFF_TTY_TERMIOS, modes, sizeof(modes))) {
        o->iflag = modes[0];
        o->oflag = modes[1];
        o->lflag = modes[3];
    }
}

/* By the driver's number, which is a part of the ABI; those of its kind are not (they changed in 6.17). */
static uint16_t side_of(uint32_t major)
{
    /* include/uapi/linux/major.h: eight each of Unix98, one of BSD */
    static const struct {
        uint16_t first, last, side;
    } pseudo[] = {{128, 135, QBK_TTY_MASTER}, {136, 143, QBK_TTY_SLAVE}, {2, 2, QBK_TTY_MASTER}, {3, 3, QBK_TTY_SLAVE}};
    for (unsigned i = 0; i < sizeof(pseudo) / sizeof(pseudo[0]); i++) {
        if (major >= pseudo[i].first && major <= pseudo[i].last)
            return pseudo[i].side;
    }
    return QBK_TTY_TERMINAL;
}

/*
 * Is this character device a terminal? Then its file has a tty_file_private that points back at it, and the driver has
 * the device's major number (drivers/tty/tty_io.c): any other driver's data is very unlikely to look so.
 */
static void tell_tty(struct guest_cpu *cpu, const struct head *file, struct qbk_object *o)
{
    struct head private, tty, driver;
    uint64_t at = 0, back = 0;
    uint32_t major = 0;
    if (!member(file, OFF_FILE_PRIVATE, &at, 8) || !read_head(&private, cpu, at) ||
        !member(&private, OFF_TFP_FILE, &back, 8) || back != file->base || !member(&private, OFF_TFP_TTY, &at, 8) ||
        !read_head(&tty, cpu, at) || !member(&tty, OFF_TTY_DRIVER, &back, 8) || !read_head(&driver, cpu, back) ||
        !member(&driver, OFF_DRIVER_MAJOR, &major, 4) || (major != o->rdev_major && o->rdev_major != TTYAUX_MAJOR))
        return;
    o->kind = QBK_OBJECT_TTY;
    o->tty = at;
    o->tty_side = side_of(major);
    o->tty_major = (uint16_t)major;
    (void)member(&tty, OFF_TTY_LINK, &o->tty_other, 8);
    (void)member(&tty, OFF_TTY_INDEX, &o->tty_index, 4);
    tell_modes(cpu, &tty, o);
}

/* ---- all ---- */

static bool describe(struct guest_cpu *cpu, uint64_t at, struct qbk_object *o)
{
    struct head file, inode, sb;
    uint64_t addr = 0;
    uint32_t dev = 0;
    uint16_t mode = 0;
    memset(o, 0, sizeof(*o));
    if (!read_head(&file, cpu, at) || !member(&file, OFF_FILE_INODE, &addr, 8) || !read_head(&inode, cpu, addr) ||
        !member(&inode, OFF_INODE_MODE, &mode, 2) || !member(&inode, OFF_INODE_INO, &o->inode, 8))
        return false;
    o->file = at;
    o->mode = mode;
    if (member(&inode, OFF_INODE_SB, &addr, 8) && read_head(&sb, cpu, addr) && member(&sb, OFF_SB_DEV, &dev, 4)) {
        o->dev_major = dev >> MINOR_BITS;
        o->dev_minor = dev & MINOR_MASK;
    }
    if (member(&inode, OFF_INODE_RDEV, &dev, 4)) {
        o->rdev_major = dev >> MINOR_BITS;
        o->rdev_minor = dev & MINOR_MASK;
    }
    if ((mode & TYPE_MASK) == TYPE_SOCKET)
        tell_socket(cpu, &file, o);
    else if ((mode & TYPE_MASK) == TYPE_CHAR)
        tell_tty(cpu, &file, o);
    return true;
}

/*
 * A mark of everything in it but the head and why; never 0. Keyed with a secret: a guest that could make two objects
 * with one mark could hide that one took the other's place.
 */
static uint64_t mark_of(const struct guest_cpu *cpu, struct qbk_object *o)
{
    uint64_t word, mark = cpu->guest->object_key;
    uint8_t why = o->why;
    o->why = 0;
    for (size_t i = sizeof(o->h); i + sizeof(word) <= sizeof(*o); i += sizeof(word)) {
        memcpy(&word, (const uint8_t *)o + i, sizeof(word));
        mark = (mark ^ word) * (cpu->guest->object_key | 1);
        mark ^= mark >> 29;
    }
    o->why = why;
    return mark ? mark : 1;
}

static void tell(struct guest_cpu *cpu, struct guest_thread *t, uint32_t fd, uint64_t file, enum qbk_object_why why)
{
    struct qbk_object o;
    uint64_t *told = &t->told[fd & (GUEST_OBJECTS - 1)], mark;
    if (!describe(cpu, file, &o))
        return;
    o.fd = fd;
    o.why = (uint8_t)why;
    mark = mark_of(cpu, &o);
    if (why == QBK_OBJECT_USED && *told == mark)
        return;
    *told = mark;
    guest__emit_object(cpu, t, &o);
}

void linux__object_used(struct guest_cpu *cpu, struct guest_thread *t, uint32_t fd)
{
    uint64_t file = linux__fd_file(cpu, t, fd);
    if (file)
        tell(cpu, t, fd, file, QBK_OBJECT_USED);
}

void linux__object_installed(struct guest_cpu *cpu, struct guest_thread *t)
{
    tell(cpu, t, (uint32_t)vm__reg(cpu->vm, VM_RDI), vm__reg(cpu->vm, VM_RSI), QBK_OBJECT_INSTALLED);
}
