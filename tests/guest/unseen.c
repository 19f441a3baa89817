/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moves data in ways that no system call's arguments show: through a mapping, from file to file inside the kernel, and
 * by an operation of io_uring. At last it reads what came of it, which is seen.
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIZE 4096u

static char *map(int fd, off_t offset)
{
    char *at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);
    if (at != MAP_FAILED)
        return at;
    perror("mmap");
    _exit(1);
}

static int file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd >= 0 && ftruncate(fd, SIZE) == 0)
        return fd;
    perror(path);
    _exit(1);
}

/* The word only comes to be here, so that reading this program does not show it either. */
static size_t say(char *to, const char *how)
{
    char word[] = "ijeefo";
    for (size_t i = 0; word[i]; i++)
        word[i] = (char)(word[i] - 1);
    return (size_t)sprintf(to, "%s-%s", word, how);
}

/* One write by the ring. Returns its result. */
static int ring_write(int fd, const void *bytes, size_t len)
{
    struct io_uring_params p = {0};
    int ring = (int)syscall(SYS_io_uring_setup, 1, &p);
    if (ring < 0)
        return -1;
    char *sq = map(ring, IORING_OFF_SQ_RING), *cq = map(ring, IORING_OFF_CQ_RING);
    struct io_uring_sqe *sqe = (void *)map(ring, IORING_OFF_SQES);
    memset(sqe, 0, sizeof(*sqe));
    sqe->opcode = IORING_OP_WRITE;
    sqe->fd = fd;
    sqe->addr = (uintptr_t)bytes;
    sqe->len = (uint32_t)len;
    ((uint32_t *)(void *)(sq + p.sq_off.array))[0] = 0;
    __atomic_store_n((uint32_t *)(void *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
    if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
        return -1;
    return ((struct io_uring_cqe *)(void *)(cq + p.cq_off.cqes))[0].res;
}

int main(void)
{
    int from = file("/tmp/from"), to = file("/tmp/to"), ring = file("/tmp/ring"), ends[2];
    char *mapped = map(from, 0), buffer[64] = {0};
    size_t len = say(mapped, "mapped");
    off_t start = 0;
    FILE *out = fopen("/dev/ttyS1", "w");
    if (!out || pipe(ends) != 0)
        return 1;
    fprintf(out, "sendfile %zd\n", sendfile(to, from, &start, len));
    fprintf(out, "splice %zd\n", splice(from, &(loff_t){0}, ends[1], NULL, len, 0));
    len = say(buffer, "ring");
    fprintf(out, "io_uring %d\n", ring_write(ring, buffer, len));
    memset(buffer, 0, sizeof(buffer));
    fprintf(out, "read %zd\n", pread(ring, buffer, len, 0));
    fprintf(out, "same %d\n", memcmp(buffer + len - 4, "ring", 4) == 0);
    fclose(out);
    return 0;
}
