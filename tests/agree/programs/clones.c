/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfork with its parent held, clone and clone3 with many mixes of flags, namespaces of pids and users. */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char stack[4][16384] __attribute__((aligned(16)));
static pid_t tid[4];

static int body(void *arg)
{
    (void)arg;
    getppid();
    return 3;
}

static int nested(void *arg)
{
    (void)arg;
    getpid();
    pid_t pid = fork();
    if (pid == 0) {
        getpid();
        getppid();
        if (fork() == 0) /* left behind: init of the namespace gets it */
            _exit(1);
        _exit(2);
    }
    waitpid(pid, NULL, 0);
    waitpid(-1, NULL, 0);
    pid = clone(body, stack[1] + sizeof(stack[1]), CLONE_NEWPID | SIGCHLD, NULL);
    waitpid(pid, NULL, 0);
    return 0;
}

static void vforks(void)
{
    if (vfork() == 0)
        _exit(4);
    if (vfork() == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(5);
    }
    if (vfork() == 0) {
        execl("/nosuch", "nosuch", (char *)NULL);
        _exit(6);
    }
    if (vfork() == 0) {
        if (vfork() == 0)
            _exit(7);
        _exit(8);
    }
    if (vfork() == 0)
        kill(getpid(), SIGKILL);
    while (wait(NULL) > 0)
        ;
}

static void mixes(void)
{
    static const unsigned flags[] = {
        SIGCHLD,
        CLONE_VM | SIGCHLD,
        CLONE_VM | CLONE_VFORK | SIGCHLD,
        CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD,
        CLONE_VM | CLONE_SIGHAND | SIGCHLD,
        CLONE_PARENT | SIGCHLD,
        CLONE_FILES | SIGUSR1,
        CLONE_FS | CLONE_IO | CLONE_SYSVSEM,
        CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD,
        CLONE_NEWUTS | CLONE_NEWIPC | SIGCHLD,
        CLONE_NEWUSER | SIGCHLD,
        CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | SIGCHLD,
        CLONE_NEWNET | CLONE_NEWCGROUP | SIGCHLD,
        CLONE_THREAD | SIGCHLD,  /* refused */
        CLONE_SIGHAND | SIGCHLD, /* refused */
        CLONE_NEWNS | CLONE_FS | SIGCHLD,
    };
    signal(SIGUSR1, SIG_IGN);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        pid_t pid = clone(body, stack[0] + sizeof(stack[0]), (int)flags[i], NULL, &tid[0], NULL, &tid[1]);
        if (pid > 0)
            waitpid(pid, NULL, __WALL);
    }
}

static void thread_of_clone(void)
{
    static pid_t alive;
    alive = 1;
    clone(body, stack[2] + sizeof(stack[2]),
          CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID |
              CLONE_PARENT_SETTID | CLONE_SETTLS,
          NULL, &tid[2], stack[3], &alive);
    while (__atomic_load_n(&alive, __ATOMIC_ACQUIRE))
        syscall(SYS_futex, &alive, 0, 1, NULL, NULL, 0);
}

static void clone3_mixes(void)
{
    int pidfd = -1;
    pid_t wanted[1] = {4321};
    struct clone_args args[] = {
        {.exit_signal = SIGCHLD},
        {.exit_signal = SIGCHLD, .flags = CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd},
        {.exit_signal = SIGCHLD, .flags = CLONE_CLEAR_SIGHAND, .set_tid = (uintptr_t)wanted, .set_tid_size = 1},
        {.exit_signal = SIGCHLD, .flags = CLONE_VFORK},
        {.exit_signal = SIGCHLD, .flags = CLONE_NEWPID},
        {.exit_signal = 999},
        {.flags = CLONE_INTO_CGROUP, .cgroup = 99},
    };
    for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++) {
        pid_t pid = (pid_t)syscall(SYS_clone3, &args[i], sizeof(args[i]));
        if (pid == 0)
            _exit(9);
        if (pid > 0)
            waitpid(pid, NULL, 0);
    }
    syscall(SYS_clone3, &args[0], 64);
    syscall(SYS_clone3, &args[0], 8);
    syscall(SYS_clone3, NULL, 88);
    wait(NULL);
}

int main(void)
{
    vforks();
    mixes();
    thread_of_clone();
    clone3_mixes();
    pid_t pid = clone(nested, stack[0] + sizeof(stack[0]), CLONE_NEWPID | CLONE_NEWUSER | SIGCHLD, NULL);
    waitpid(pid, NULL, 0);
    unshare(CLONE_NEWPID);
    if (fork() == 0)
        _exit(getpid());
    wait(NULL);
    fork();
    wait(NULL);
    return 0;
}
