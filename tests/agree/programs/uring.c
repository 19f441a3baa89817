/* SPDX-License-Identifier: GPL-2.0-or-later */
/* io_uring: rings that are set up, filled, entered and waited for, with what is registered; and what goes wrong. */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct ring {
    int fd;
    unsigned *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
    struct io_uring_sqe *sqes;
    struct io_uring_cqe *cqes;
};

static void *part(int fd, size_t size, unsigned long offset)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, (off_t)offset);
}

static int setup(struct ring *r, unsigned entries, unsigned flags)
{
    struct io_uring_params p = {.flags = flags, .cq_entries = flags & IORING_SETUP_CQSIZE ? 4 * entries : 0};
    r->fd = (int)syscall(SYS_io_uring_setup, entries, &p);
    if (r->fd < 0)
        return -1;
    char *sq = part(r->fd, p.sq_off.array + p.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
    char *cq = part(r->fd, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
    r->sqes = part(r->fd, p.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
    r->sq_tail = (unsigned *)(sq + p.sq_off.tail);
    r->sq_mask = (unsigned *)(sq + p.sq_off.ring_mask);
    r->sq_array = (unsigned *)(sq + p.sq_off.array);
    r->cq_head = (unsigned *)(cq + p.cq_off.head);
    r->cq_tail = (unsigned *)(cq + p.cq_off.tail);
    r->cq_mask = (unsigned *)(cq + p.cq_off.ring_mask);
    r->cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
    return 0;
}

static struct io_uring_sqe *next(struct ring *r, int op, int fd)
{
    unsigned at = *r->sq_tail & *r->sq_mask;
    struct io_uring_sqe *e = &r->sqes[at];
    memset(e, 0, sizeof(*e));
    e->opcode = (unsigned char)op;
    e->fd = fd;
    r->sq_array[at] = at;
    __atomic_store_n(r->sq_tail, *r->sq_tail + 1, __ATOMIC_RELEASE);
    return e;
}

/* All completions that are there; how many failed. */
static int reap(struct ring *r)
{
    int failed = 0;
    while (*r->cq_head != __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE)) {
        failed += r->cqes[*r->cq_head & *r->cq_mask].res < 0;
        __atomic_store_n(r->cq_head, *r->cq_head + 1, __ATOMIC_RELEASE);
    }
    return failed;
}

static long enter(const struct ring *r, unsigned submit, unsigned wait)
{
    return syscall(SYS_io_uring_enter, r->fd, submit, wait, wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0);
}

static long registers(const struct ring *r, unsigned what, const void *arg, unsigned n)
{
    return syscall(SYS_io_uring_register, r->fd, what, arg, n);
}

static void transfers(struct ring *r, int fd)
{
    static char text[] = "what goes through a ring is no call of its own", back[64];
    struct iovec v = {text, sizeof(text)};
    struct io_uring_sqe *e = next(r, IORING_OP_WRITEV, fd);
    e->addr = (unsigned long)&v;
    e->len = 1;
    enter(r, 1, 1);
    e = next(r, IORING_OP_READ, fd);
    e->addr = (unsigned long)back;
    e->len = sizeof(text);
    next(r, IORING_OP_FSYNC, fd);
    next(r, IORING_OP_NOP, -1);
    enter(r, 3, 3);
    printf("%d failed, %d different\n", reap(r), memcmp(text, back, sizeof(text)) != 0);
}

static void registered(struct ring *r, int fd)
{
    static char space[2][4096];
    struct iovec v[2] = {{space[0], sizeof(space[0])}, {space[1], 100}};
    int files[3] = {fd, -1, 1}, event = eventfd(0, EFD_NONBLOCK);
    registers(r, IORING_REGISTER_BUFFERS, v, 2);
    registers(r, IORING_REGISTER_FILES, files, 3);
    registers(r, IORING_REGISTER_EVENTFD, &event, 1);
    struct io_uring_sqe *e = next(r, IORING_OP_READ_FIXED, 0);
    e->addr = (unsigned long)space[0];
    e->len = 10;
    e->flags = IOSQE_FIXED_FILE;
    enter(r, 1, 1);
    unsigned long long n;
    printf("%d failed, event %zd\n", reap(r), read(event, &n, sizeof(n)));
    registers(r, IORING_UNREGISTER_EVENTFD, NULL, 0);
    registers(r, IORING_UNREGISTER_FILES, NULL, 0);
    registers(r, IORING_UNREGISTER_BUFFERS, NULL, 0);
    close(event);
}

static void waiting(struct ring *r)
{
    int ends[2];
    sigset_t set;
    if (pipe(ends) != 0)
        return;
    struct io_uring_sqe *e = next(r, IORING_OP_POLL_ADD, ends[0]);
    e->poll32_events = POLLIN;
    enter(r, 1, 0);
    if (write(ends[1], "x", 1) != 1)
        return;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    syscall(SYS_io_uring_enter, r->fd, 0, 1, IORING_ENTER_GETEVENTS, &set, 8);
    printf("%d failed\n", reap(r));
    close(ends[0]);
    close(ends[1]);
}

static void faults(struct ring *r)
{
    struct io_uring_params p = {.flags = 0x80000000u};
    syscall(SYS_io_uring_setup, 0, &p);
    syscall(SYS_io_uring_setup, 8, &p);
    syscall(SYS_io_uring_setup, 8, NULL);
    syscall(SYS_io_uring_setup, 8, 16);
    syscall(SYS_io_uring_enter, -1, 1, 1, 0, NULL, 0);
    syscall(SYS_io_uring_enter, 0, 1, 1, 0, NULL, 0);
    syscall(SYS_io_uring_enter, r->fd, 0, 0, 0x40000000, NULL, 0);
    registers(r, IORING_REGISTER_BUFFERS, NULL, 1);
    registers(r, IORING_REGISTER_FILES, (void *)16, 1);
    registers(r, IORING_UNREGISTER_BUFFERS, NULL, 0);
    registers(r, 0x7777, NULL, 3);
    syscall(SYS_io_uring_register, -1, IORING_REGISTER_EVENTFD, NULL, 0);
}

int main(void)
{
    struct ring r, second;
    int fd = open("uring.out", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (setup(&r, 8, 0) != 0) {
        printf("no rings here: %s\n", strerror(errno));
        return 0;
    }
    transfers(&r, fd);
    registered(&r, fd);
    waiting(&r);
    if (setup(&second, 2, IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP) == 0) {
        next(&second, IORING_OP_NOP, -1);
        printf("%ld taken\n", enter(&second, 1, 1));
        close(second.fd);
    }
    faults(&r);
    close(r.fd);
    return 0;
}
