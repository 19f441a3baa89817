/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes: every way to be born, to become another program, and to die. */
#include "truth.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

static void child_life(struct truth *c, int status)
{
    CALL(c, getppid, "", 0);
    CALL(c, getpid, "", 0);
    truth__exit_group(c, status);
}

static void by_fork(struct truth *t, int status)
{
    struct truth c = {0};
    long pid = truth__fork(t, &c);

    if (pid == 0)
        child_life(&c, status);
    truth__wait(t, pid);
}

static void by_clone(struct truth *t, int status)
{
    const long args[6] = {SIGCHLD};
    struct truth c = {0};
    struct entry *e = truth__start(t, "clone", __NR_clone, ".....", args, TRUTH_STARTED);
    long pid = truth__raw(__NR_clone, args);

    if (pid == 0) {
        truth__born(&c);
        child_life(&c, status);
    }
    truth__done(e, ".....", pid);
    truth__wait(t, pid);
}

static void by_clone3(struct truth *t, int status)
{
    struct clone_args how = {.exit_signal = SIGCHLD};
    const long args[6] = {L(&how), sizeof(how)};
    struct truth c = {0};
    struct entry *e = truth__start(t, "clone3", __NR_clone3, "..", args, TRUTH_STARTED);
    long pid = truth__raw(__NR_clone3, args);

    if (pid == 0) {
        truth__born(&c);
        child_life(&c, status);
    }
    truth__done(e, "..", pid);
    truth__wait(t, pid);
}

/* The child runs on this very stack frame while the parent stands still, so the call is made here, inline. */
static __attribute__((noinline)) void by_vfork(struct truth *t, int status)
{
    static const long args[6] = {0};
    static struct truth c;
    struct entry *volatile e = truth__start(t, "vfork", __NR_vfork, "", args, TRUTH_STARTED);
    volatile long pid;

    pid = truth__raw(__NR_vfork, args);
    if (pid == 0) {
        truth__born(&c);
        child_life(&c, status);
    }
    truth__done(e, "", pid);
    truth__wait(t, pid);
}

static void grandchildren(struct truth *t, int depth)
{
    struct truth c = {0};
    long pid = truth__fork(t, &c);

    if (pid == 0) {
        if (depth > 0)
            grandchildren(&c, depth - 1);
        truth__exit_group(&c, depth);
    }
    truth__wait(t, pid);
}

void run_children(struct truth *t, long n)
{
    truth__open(t);
    for (long i = 0; i < (n ? n : 10); i++) {
        by_fork(t, (int)(i * 25));
        by_vfork(t, (int)(i * 25 + 1));
        by_clone(t, (int)(i * 25 + 2));
        by_clone3(t, (int)(i * 25 + 3));
    }
    grandchildren(t, 5);
    truth__close(t);
}

static void exec_child(struct truth *c, const char *path, const char *arg)
{
    const char *const argv[] = {path, arg, NULL};
    const char *const envp[] = {"A=b", NULL};
    const long args[6] = {L(path), L(argv), L(envp)};
    struct entry *e = truth__start(c, "execve", __NR_execve, "s..", args, TRUTH_EXEC);

    /* Only a failure comes back. */
    truth__done(e, "s..", truth__raw(__NR_execve, args));
    truth__exit_group(c, 99);
}

void run_exec(struct truth *t, long n)
{
    static const char *const tries[][2] = {
        {"/bin/true", NULL}, {"/no/such/program", NULL}, {"/etc/passwd", NULL}, {"/bin/false", "x"}, {"/etc", NULL}};

    truth__open(t);
    for (long i = 0; i < (n ? n : 10); i++) {
        struct truth c = {0};
        long pid = truth__fork(t, &c);

        if (pid == 0)
            exec_child(&c, tries[i % 5][0], tries[i % 5][1]);
        truth__wait(t, pid);
    }
    truth__close(t);
}

/* ---- deaths ---- */

static void die_blocked(struct truth *t, int signo)
{
    int fds[2] = {-1, -1};
    struct truth c = {0};
    char byte;
    long pid;

    CALL(t, pipe2, "i.", L(fds), 0);
    pid = truth__fork(t, &c);
    if (pid == 0) {
        CALL(&c, read, ".r.", fds[0], L(&byte), 1);
        truth__exit_group(&c, 98);
    }
    truth__await_blocked(t, (int)pid, __NR_read);
    CALL(t, kill, "..", pid, signo);
    truth__wait(t, pid);
    CALL(t, close, ".", fds[0]);
    CALL(t, close, ".", fds[1]);
}

static void die_by_fault(struct truth *t)
{
    struct truth c = {0};
    long pid = truth__fork(t, &c);

    if (pid == 0) {
        CALL(&c, getpid, "", 0);
        __asm__ volatile("movl $1, 16");
    }
    truth__wait(t, pid);
}

/* Kills itself: the signal is delivered when this very call would return. */
static void die_by_oneself(struct truth *t, int signo)
{
    struct truth c = {0};
    long pid = truth__fork(t, &c);

    if (pid == 0) {
        long self = CALL(&c, getpid, "", 0);
        CALL(&c, kill, "..", self, signo);
        truth__exit_group(&c, 97);
    }
    truth__wait(t, pid);
}

struct blocked {
    pthread_t thread;
    int fd;
    volatile int tid;
};

static void *block(void *data)
{
    struct blocked *b = data;
    struct truth self = {0};
    char byte;

    truth__open(&self);
    b->tid = self.tid;
    CALL(&self, read, ".r.", b->fd, L(&byte), 1);
    truth__close(&self);
    return NULL;
}

/* Threads that wait in a read when another thread ends their process. */
static void die_with_threads(struct truth *t)
{
    int fds[2] = {-1, -1};
    struct truth c = {0};
    struct blocked blocked[3];
    long pid;

    CALL(t, pipe2, "i.", L(fds), 0);
    pid = truth__fork(t, &c);
    if (pid == 0) {
        truth__close(&c);
        for (int i = 0; i < 3; i++) {
            blocked[i].fd = fds[0];
            blocked[i].tid = 0;
            if (pthread_create(&blocked[i].thread, NULL, block, &blocked[i]))
                _exit(96);
        }
        for (int i = 0; i < 3; i++) {
            while (blocked[i].tid == 0)
                usleep(1000);
            truth__blocked(blocked[i].tid, __NR_read);
        }
        truth__open(&c);
        truth__exit_group(&c, 3);
    }
    truth__wait(t, pid);
    CALL(t, close, ".", fds[0]);
    CALL(t, close, ".", fds[1]);
}

void run_deaths(struct truth *t, long n)
{
    truth__open(t);
    for (long i = 0; i < (n ? n : 2); i++) {
        die_blocked(t, SIGKILL);
        die_blocked(t, SIGTERM);
        die_by_fault(t);
        die_by_oneself(t, SIGKILL);
        die_by_oneself(t, SIGUSR1);
        die_with_threads(t);
    }
    truth__close(t);
}
