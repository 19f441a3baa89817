/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * demo-signals: a read of an empty pipe is cut short by a timer's signal (EINTR), and another one, in a child, by
 * SIGKILL. Runs in the demo's guest.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOMENT_US 200000

static void on_alarm(int signo)
{
    (void)signo;
}

/* A read that nothing but a signal ends: without SA_RESTART it fails. */
static int interrupted(int from)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval timer = {.it_value.tv_usec = MOMENT_US};
    char byte;

    if (sigaction(SIGALRM, &action, NULL) != 0 || setitimer(ITIMER_REAL, &timer, NULL) != 0) {
        return 1;
    }
    if (read(from, &byte, 1) != -1 || errno != EINTR) {
        return 1;
    }
    return puts("the read was cut short") < 0;
}

/* A child that waits in a read for ever, and is killed there. */
static int killed(int from)
{
    pid_t child = fork();
    int status;
    char byte;

    if (child == 0) {
        _exit(read(from, &byte, 1) == 1);
    }
    if (child < 0 || usleep(MOMENT_US) != 0 || kill(child, SIGKILL) != 0 || waitpid(child, &status, 0) != child) {
        return 1;
    }
    return !WIFSIGNALED(status) || puts("the child was killed") < 0;
}

int main(void)
{
    int pipes[2];

    if (pipe(pipes) != 0) {
        return 1;
    }
    return interrupted(pipes[0]) || killed(pipes[0]);
}
