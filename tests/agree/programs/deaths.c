/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads that die in their calls: by another's exit_group, its execve, a signal; and the leader that leaves first. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int pipe_fd[2];

static void *reads(void *arg)
{
    char c;
    read(pipe_fd[0], &c, 1);
    return arg;
}

static void *sleeps(void *arg)
{
    sleep(100);
    return arg;
}

static void *epolls(void *arg)
{
    struct epoll_event event;
    epoll_wait(epoll_create1(0), &event, 1, -1);
    return arg;
}

static void *forks(void *arg)
{
    if (vfork() == 0) {
        usleep(300000);
        _exit(0);
    }
    return arg;
}

static void *execs(void *arg)
{
    usleep(50000);
    execl("/bin/true", "true", (char *)NULL);
    return arg;
}

static void *execs_nothing(void *arg)
{
    execl("/nosuch", "nosuch", (char *)NULL);
    usleep(50000);
    _exit(6);
    return arg;
}

static void *crashes(void *arg)
{
    usleep(50000);
    *(volatile int *)8 = 1;
    return arg;
}

static void *leaves(void *arg)
{
    usleep(50000);
    syscall(SYS_exit_group, 11);
    return arg;
}

static void *outlives(void *arg)
{
    usleep(100000);
    getppid();
    _exit(13);
    return arg;
}

static void start(void *(*f)(void *))
{
    pthread_t thread;
    pthread_create(&thread, NULL, f, NULL);
}

static void company(void)
{
    start(reads);
    start(sleeps);
    start(epolls);
}

static void last_word(void *(*f)(void *))
{
    if (fork() == 0) {
        company();
        start(f);
        pause();
        _exit(0);
    }
    wait(NULL);
}

static void by_main(void (*f)(void))
{
    if (fork() == 0) {
        company();
        start(forks);
        usleep(50000);
        f();
        _exit(1);
    }
    while (wait(NULL) > 0)
        ;
}

static void exits(void)
{
    exit(12);
}

static void runs_another(void)
{
    execl("/bin/true", "true", (char *)NULL);
}

static void kills(void)
{
    kill(getpid(), SIGKILL);
}

static void terminates(void)
{
    kill(getpid(), SIGTERM);
    pause();
}

static void leader_leaves(void)
{
    start(outlives);
    syscall(SYS_exit, 3);
}

int main(void)
{
    if (pipe(pipe_fd) != 0)
        return 1;
    last_word(execs);
    last_word(execs_nothing);
    last_word(crashes);
    last_word(leaves);
    by_main(exits);
    by_main(runs_another);
    by_main(kills);
    by_main(terminates);
    by_main(abort);
    by_main(leader_leaves);
    return 0;
}
