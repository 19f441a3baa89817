/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals, TCP over the loopback, a count; and the table of all programs. */
#include "truth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A child that sends `signo` to this process once that is blocked in call `nr`, and, when its handler is done, a byte
 * into the pipe: where the call is made again, once it is blocked in that.
 */
static long disturber(struct truth *t, long nr, int signo, int fd, int again)
{
    long self = CALL(t, getpid, "", 0);
    uint32_t handled = truth__handled();
    struct truth c = {0};
    long pid = truth__fork(t, &c);

    if (pid)
        return pid;
    truth__await_blocked(&c, (int)self, nr);
    CALL(&c, kill, "..", self, signo);
    truth__await_handled(&c, handled);
    if (again)
        truth__await_blocked(&c, (int)self, nr);
    if (fd >= 0)
        CALL(&c, write, ".w.", fd, L("!"), 1);
    truth__exit_group(&c, 0);
}

static void cut_read(struct truth *t, int flags, int calls, int then_signal)
{
    int fds[2] = {-1, -1};
    char byte = 0;
    long pid;

    truth__close(t);
    truth__handle(SIGUSR1, flags, calls, then_signal);
    if (then_signal)
        truth__handle(then_signal, flags, 2, 0);
    truth__open(t);
    CALL(t, pipe2, "i.", L(fds), 0);
    pid = disturber(t, __NR_read, SIGUSR1, fds[1], flags & SA_RESTART);
    CALL(t, read, ".r.", fds[0], L(&byte), 1);
    CALL(t, getppid, "", 0);
    truth__wait(t, pid);
    CALL(t, close, ".", fds[0]);
    CALL(t, close, ".", fds[1]);
}

static void cut_sleep(struct truth *t)
{
    static const long long_time[2] = {5000, 0};
    static long left[2];
    long pid = disturber(t, __NR_nanosleep, SIGUSR1, -1, 0);

    CALL(t, nanosleep, "..", L(long_time), L(left));
    truth__wait(t, pid);
    pid = disturber(t, __NR_pause, SIGUSR1, -1, 0);
    CALL(t, pause, "", 0);
    truth__wait(t, pid);
}

/* The handler runs as the very call that sent the signal returns. */
static void to_oneself(struct truth *t)
{
    long pid = CALL(t, getpid, "", 0);

    for (int i = 0; i < 20; i++)
        CALL(t, tgkill, "...", pid, t->tid, SIGUSR1);
    CALL(t, kill, "..", pid, SIGUSR1);
}

void run_signals(struct truth *t, long n)
{
    truth__open(t);
    for (long i = 0; i < (n ? n : 2); i++) {
        cut_read(t, 0, 0, 0);
        cut_read(t, SA_RESTART, 0, 0);
        cut_read(t, 0, 3, 0);
        cut_read(t, SA_RESTART, 3, 0);
        cut_read(t, 0, 1, SIGUSR2);
        cut_read(t, SA_RESTART, 1, SIGUSR2);
        cut_sleep(t);
        to_oneself(t);
    }
    truth__close(t);
}

static void tcp_client(struct truth *c, const struct sockaddr_in *server)
{
    char buffer[200];
    long s = CALL(c, socket, "...", AF_INET, SOCK_STREAM, 0);

    CALL(c, connect, "...", s, L(server), sizeof(*server));
    CALL(c, sendto, ".w....", s, L("hello over tcp"), 14, 0, 0, 0);
    CALL(c, recvfrom, ".r....", s, L(buffer), sizeof(buffer), 0, 0, 0);
    CALL(c, shutdown, "..", s, SHUT_RDWR);
    CALL(c, close, ".", s);
    truth__exit_group(c, 0);
}

void run_tcp(struct truth *t, long n)
{
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = server.sin_addr};
    int one = 1, len = sizeof(server);
    char buffer[200];

    truth__open(t);
    for (long i = 0; i < (n ? n : 3); i++) {
        struct truth c = {0};
        long conn, pid, s = CALL(t, socket, "...", AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        server.sin_port = 0;
        CALL(t, setsockopt, ".....", s, SOL_SOCKET, SO_REUSEADDR, L(&one), sizeof(one));
        CALL(t, bind, "...", s, L(&server), sizeof(server));
        CALL(t, getsockname, "...", s, L(&server), L(&len));
        CALL(t, listen, "..", s, 5);
        pid = truth__fork(t, &c);
        if (pid == 0)
            tcp_client(&c, &server);
        conn = CALL(t, accept4, "....", s, 0, 0, SOCK_CLOEXEC);
        CALL(t, recvfrom, ".r....", conn, L(buffer), sizeof(buffer), 0, 0, 0);
        CALL(t, sendto, ".w....", conn, L("and back"), 8, 0, 0, 0);
        CALL(t, read, ".r.", conn, L(buffer), sizeof(buffer));
        CALL(t, close, ".", conn);
        CALL(t, close, ".", s);
        truth__wait(t, pid);
        s = CALL(t, socket, "...", AF_INET, SOCK_STREAM, 0);
        CALL(t, connect, "...", s, L(&nobody), sizeof(nobody));
        CALL(t, close, ".", s);
    }
    truth__close(t);
}

void run_count(struct truth *t, long n)
{
    truth__open(t);
    for (long i = 0; i < (n ? n : 20000); i++)
        CALL(t, getppid, "", 0);
    truth__close(t);
}

/* A program has code at the address that a processor starts at, and runs it while others make calls. */
void run_vector(struct truth *t, long n)
{
    enum { OTHERS = 3 };
    unsigned char *page = mmap((void *)0xfffff000ul, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    void (*vector)(void);
    long pid[OTHERS];

    if (page == MAP_FAILED)
        _exit(2);
    page[0xff0] = 0xc3; /* ret */
    vector = (void (*)(void))(uintptr_t)(page + 0xff0);
    truth__open(t);
    for (unsigned i = 0; i < OTHERS; i++) {
        struct truth c = {0};

        pid[i] = truth__fork(t, &c);
        if (pid[i] == 0) {
            for (long k = 0; k < 20 * (n ? n : 200); k++)
                CALL(&c, getppid, "", 0);
            truth__exit_group(&c, 0);
        }
    }
    for (long i = 0; i < (n ? n : 200); i++) {
        vector();
        CALL(t, getppid, "", 0);
    }
    for (unsigned i = 0; i < OTHERS; i++)
        truth__wait(t, pid[i]);
    truth__close(t);
}

/* Writes to a port of the machine: to that of a device which ends QEMU at once, and this program with it. */
void run_port(struct truth *t, long n)
{
    (void)t;
    if (ioperm((unsigned long)n, 1, 1) != 0)
        _exit(2);
    outb(7, (unsigned short)n);
}

const struct program truth__programs[] = {
    {"files", run_files},   {"pipes", run_pipes},     {"children", run_children}, {"exec", run_exec},
    {"deaths", run_deaths}, {"threads", run_threads}, {"signals", run_signals},   {"tcp", run_tcp},
    {"count", run_count},   {"mix", run_mix},         {"vector", run_vector},     {"port", run_port},
    {NULL, NULL},
};
