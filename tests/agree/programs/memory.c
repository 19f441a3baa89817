/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arguments in memory that was never touched, that crosses pages, that is mapped in half or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u

/* Two pages and a hole behind them. */
static char *pages(void)
{
    char *p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(p + 2 * PAGE, PAGE);
    return p;
}

/* A file whose pages are mapped again, so that no page table has them yet. */
static char *untouched(const char *text, size_t at)
{
    int fd = open("memory.file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (ftruncate(fd, 2 * PAGE) != 0 || pwrite(fd, text, strlen(text) + 1, (off_t)at) < 0)
        return NULL;
    char *p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    return p + at;
}

static void strings(void)
{
    char *p = pages();
    close(open(untouched("/etc/passwd", 0), O_RDONLY));
    close(open(untouched("/etc/hostname-that-is-not", PAGE - 7), O_RDONLY));
    strcpy(p + PAGE - 3, "/etc/passwd"); /* across two pages */
    close(open(p + PAGE - 3, O_RDONLY));
    memset(p + 2 * PAGE - 5, 'x', 5); /* no end before the hole */
    open(p + 2 * PAGE - 5, O_RDONLY);
    open((char *)16, O_RDONLY);
    open(NULL, O_RDONLY);
    open((char *)0xffff888000000000ul, O_RDONLY);
    open((char *)0x1234567812345678ul, O_RDONLY);
    memset(p, 'y', PAGE + 100); /* longer than any path may be */
    open(p, O_RDONLY);
    mkdir(untouched("memory.dir", 100), 0700);
    rename("memory.dir", untouched("memory.other", PAGE - 2));
    rmdir("memory.other");
    symlink(untouched("target", PAGE - 1), untouched("memory.link", 5));
    readlink("memory.link", p + 2 * PAGE - 3, 3);
    readlink("memory.link", p + 2 * PAGE - 3, 50);
    unlink("memory.link");
}

static void buffers(void)
{
    char *p = pages();
    int fd = open("memory.out", O_RDWR | O_CREAT | O_TRUNC, 0600);
    write(fd, untouched("data of a page never read", 3), 26);
    write(fd, p + PAGE - 10, 20);
    write(fd, p + 2 * PAGE - 10, 20); /* the second half is not there */
    write(fd, (void *)8, 20);
    write(fd, p, 0);
    lseek(fd, 0, SEEK_SET);
    read(fd, p + PAGE - 4, 12);
    read(fd, p + 2 * PAGE - 4, 30);
    read(fd, p + 2 * PAGE, 30);
    struct iovec *iov = (struct iovec *)(void *)(p + PAGE - sizeof(*iov));
    iov[0] = (struct iovec){p + 10, 5};
    iov[1] = (struct iovec){p + 2 * PAGE - 2, 9};
    writev(fd, iov, 2);
    readv(fd, iov, 1);
    writev(fd, (struct iovec *)(void *)(p + 2 * PAGE - 16), 2);
    writev(fd, (struct iovec *)8, 1);
    writev(fd, iov, -1);
    writev(fd, iov, 0);
    close(fd);
}

static void structs(void)
{
    char *p = pages();
    char *edge = p + 2 * PAGE;
    struct timespec *ts = (struct timespec *)(void *)(edge - sizeof(*ts));
    *ts = (struct timespec){0, 1000};
    nanosleep(ts, ts);
    nanosleep((struct timespec *)(void *)(edge - 8), NULL);
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC_RAW, edge - 8);
    syscall(SYS_stat, "/etc", edge - 20);
    syscall(SYS_lstat, "/etc", p + PAGE - 20);
    stat("/etc", (struct stat *)(void *)(p + PAGE - 20));
    syscall(SYS_uname, p + PAGE - 100);
    syscall(SYS_uname, edge - 100);
    struct sockaddr_un *un = (struct sockaddr_un *)(void *)(edge - 8);
    un->sun_family = AF_UNIX;
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(un->sun_path, "abcdef", 6);
    connect(s, (struct sockaddr *)un, 8);
    connect(s, (struct sockaddr *)un, 20);
    connect(s, (struct sockaddr *)un, 1);
    bind(s, NULL, 110);
    socklen_t *len = (socklen_t *)(void *)(edge - 4);
    *len = 3;
    getsockname(s, (struct sockaddr *)(void *)p, len);
    getsockname(s, NULL, len);
    getsockname(s, (struct sockaddr *)(void *)p, NULL);
    close(s);
    struct pollfd *fds = (struct pollfd *)(void *)(edge - 8);
    *fds = (struct pollfd){0, POLLIN, 0};
    poll(fds, 1, 0);
    poll(fds, 3, 0);
    syscall(SYS_rt_sigaction, SIGUSR1, edge - 16, NULL, 8);
    syscall(SYS_rt_sigaction, SIGUSR1, NULL, p, 4);
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, edge - 4, NULL, 8);
    syscall(SYS_execve, untouched("/nosuch", 0), edge - 8, NULL);
    *(char **)(void *)(edge - 8) = p;
    strcpy(p, "argument");
    syscall(SYS_execve, "/nosuch", edge - 8, edge - 8);
    *(char **)(void *)(p) = edge - 3;
    *(char **)(void *)(p + 8) = NULL;
    syscall(SYS_execve, "/nosuch", p, NULL);
    syscall(SYS_execve, "/nosuch", NULL, 16);
}

/* Pages written out and thrown away, then asked for again by the call. */
static void thrown_away(void)
{
    char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, open("memory.file", O_RDWR), 0);
    strcpy(p, "/etc/passwd");
    msync(p, PAGE, MS_SYNC);
    madvise(p, PAGE, MADV_DONTNEED);
    madvise(p, PAGE, MADV_PAGEOUT);
    close(open(p, O_RDONLY));
    mprotect(p, PAGE, PROT_NONE);
    open(p, O_RDONLY);
    write(1, p, 5);
    unlink("memory.file");
}

int main(void)
{
    strings();
    buffers();
    structs();
    thrown_away();
    return errno == 0;
}
