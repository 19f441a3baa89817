/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Syscall user dispatch: calls that become signals. */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

static volatile char selector; /* 0 allow, 1 block */

static void on_sys(int sig, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    (void)sig, (void)info;
    selector = 0;
    getuid();
    u->uc_mcontext.gregs[REG_RAX] = 4242;
}

int main(void)
{
    struct sigaction sa = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};
    sigaction(SIGSYS, &sa, NULL);
    prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, 0, 0, &selector);
    for (int i = 0; i < 5; i++) {
        selector = (char)(i % 2);
        long got = syscall(i == 3 ? 9999 : SYS_getppid, 1, 2, 3);
        selector = 0;
        write(1, got == 4242 ? "dispatched\n" : "called\n", got == 4242 ? 11 : 7);
    }
    prctl(PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0);
    getppid();
    return 0;
}
