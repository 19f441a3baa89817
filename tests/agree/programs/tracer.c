/* SPDX-License-Identifier: GPL-2.0-or-later */
/* #agree: alone
 * A tracer that changes its tracee's calls: number, arguments, result. Only the tracer is under strace; what the
 * tracee's kernel ran is shown in another test. */
#include <elf.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static void tracee(void)
{
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    for (int i = 0; i < 4; i++)
        syscall(SYS_getppid, 11, 22, 33);
    _exit(3);
}

int main(void)
{
    struct user_regs_struct regs;
    struct iovec iov = {&regs, sizeof(regs)};
    int status, calls = 0;
    FILE *f = fopen("pid", "w");
    if (!f)
        return 1;
    fprintf(f, "%d\n", getpid());
    fclose(f);
    pid_t pid = fork();
    if (pid == 0)
        tracee();
    waitpid(pid, &status, 0);
    ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
    for (;;) {
        ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
        if (waitpid(pid, &status, 0) < 0 || WIFEXITED(status))
            break;
        ptrace(PTRACE_GETREGS, pid, NULL, &regs);
        ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &iov);
        if (regs.orig_rax == SYS_getppid && (long)regs.rax == -38) {
            calls++;
            if (calls == 2)
                regs.orig_rax = SYS_getuid;
            if (calls == 3)
                regs.orig_rax = (unsigned long)-1;
            if (calls == 4)
                regs.rdi = 99;
            ptrace(PTRACE_SETREGS, pid, NULL, &regs);
        }
        ptrace(PTRACE_PEEKUSER, pid, (void *)(8 * 15), NULL);
    }
    return WEXITSTATUS(status);
}
