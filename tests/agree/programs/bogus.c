/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers that are no calls, upper halves that do not count, and a way back to an address that cannot be. */
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static long raw(unsigned long nr, unsigned long a, unsigned long b)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(0ul) : "rcx", "r11", "memory");
    return result;
}

static void nowhere(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = 0x0000800000000000;
}

static void broken_frame(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_CSGSFS] = 0;
}

static void in_child(void (*handler)(int, siginfo_t *, void *))
{
    if (fork() == 0) {
        struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
        sigaction(SIGUSR1, &sa, NULL);
        kill(getpid(), SIGUSR1);
        _exit(1);
    }
    wait(NULL);
}

int main(void)
{
    static const unsigned long numbers[] = {335,        400,        423,        470,        500,        512,
                                            547,        548,        999,        1000,       0x7fffffff, 0xffffffff,
                                            0x80000000, 0x40000000, 0x40000027, 0x40000200, 0x4000ffff};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        raw(numbers[i], i, 0xdeadbeef);
    raw(0xffffffff00000027ul, 1, 2); /* the kernel looks at the lower half only */
    raw(0x1234567800000000ul | SYS_close, 0xffffffff00000063ul, 0);
    raw((unsigned long)-1, 1, 2);
    syscall(SYS_lseek, 0xffffffff00000000ul, -5L, 0x700000001ul);
    syscall(SYS_close, 0x100000001ul << 4);
    in_child(nowhere);
    in_child(broken_frame);
    if (fork() == 0) {
        __asm__ volatile("mov $15, %%eax\n syscall" ::: "rax", "rcx", "r11", "memory"); /* sigreturn without a frame */
        _exit(2);
    }
    wait(NULL);
    return 0;
}
