/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signal handlers that make calls, nest, run on their own stack, repair faults, and never return. */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf back;
static char *page;

static void handle(int sig, void (*f)(int, siginfo_t *, void *), int flags)
{
    struct sigaction sa = {.sa_sigaction = f, .sa_flags = SA_SIGINFO | flags};
    sigaddset(&sa.sa_mask, SIGHUP);
    sigaction(sig, &sa, NULL);
}

static void inner(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)info, (void)context;
    getppid();
}

static void outer(int sig, siginfo_t *info, void *context)
{
    (void)info, (void)context;
    getpid();
    raise(sig == SIGUSR1 ? SIGUSR2 : SIGWINCH);
    getuid();
}

static void again(int sig, siginfo_t *info, void *context)
{
    static volatile int depth;
    (void)info, (void)context;
    if (++depth < 6)
        raise(sig); /* SA_NODEFER */
    depth--;
}

static void repair(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)context;
    mprotect((void *)((unsigned long)info->si_addr & ~4095ul), 4096, PROT_READ | PROT_WRITE);
}

static void jump(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)info, (void)context;
    getpid();
    siglongjmp(back, 1);
}

static void skip(int sig, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    (void)sig, (void)info;
    u->uc_mcontext.gregs[REG_RIP] += 2; /* ud2 */
    u->uc_mcontext.gregs[REG_RAX] = 5;
    sigaddset(&u->uc_sigmask, SIGVTALRM);
}

static void own_stack(void)
{
    stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536}, old;
    sigaltstack(&stack, &old);
    handle(SIGUSR1, outer, SA_ONSTACK);
    handle(SIGUSR2, inner, SA_ONSTACK);
    raise(SIGUSR1);
    stack.ss_flags = SS_DISABLE;
    sigaltstack(&stack, &old);
    sigaltstack(NULL, &old);
    stack.ss_size = 5;
    stack.ss_flags = 0;
    sigaltstack(&stack, NULL);
}

static void in_child(void (*f)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        f();
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

static void stack_overflow(void)
{
    handle(SIGUSR1, inner, 0);
    __asm__ volatile(
        "xor %%esp, %%esp\n mov $39, %%eax\n syscall\n mov %%eax, %%edi\n mov $10, %%esi\n mov $62, %%eax\n syscall" ::
            : "memory");
}

static void breakpoint(void)
{
    handle(SIGTRAP, inner, 0);
    __asm__ volatile("int3");
    signal(SIGTRAP, SIG_DFL);
    __asm__ volatile("int3");
}

static void division(void)
{
    volatile int zero = 0;
    zero = 1 / zero;
}

static void bad_address(void)
{
    *(volatile int *)16 = 1;
}

static void blocked_fault(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    *(volatile int *)32 = 1;
}

int main(void)
{
    union sigval value = {.sival_int = 77};
    handle(SIGUSR1, outer, 0);
    handle(SIGUSR2, inner, 0);
    raise(SIGUSR1);
    kill(getpid(), SIGUSR1);
    handle(SIGRTMIN + 3, again, SA_NODEFER);
    sigqueue(getpid(), SIGRTMIN + 3, value);
    handle(SIGSEGV, repair, 0);
    page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    page[5] = 1;
    handle(SIGUSR1, jump, 0);
    for (int i = 0; i < 3; i++) {
        if (sigsetjmp(back, 1) == 0)
            raise(SIGUSR1);
        if (sigsetjmp(back, 0) == 0)
            raise(SIGUSR1);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
    }
    handle(SIGILL, skip, 0);
    __asm__ volatile("ud2" ::: "rax", "memory");
    handle(SIGUSR1, inner, (int)SA_RESETHAND);
    raise(SIGUSR1);
    own_stack();
    in_child(stack_overflow);
    in_child(breakpoint);
    in_child(division);
    in_child(bad_address);
    in_child(blocked_fault);
    in_child(abort);
    alarm(1);
    pause();
    return 0;
}
