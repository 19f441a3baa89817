/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tracer and a filter that change what a program asks the kernel for: number, arguments, result. The program calls
 * between two markers (prctl with an option that no kernel has), and prints what it got for each: "NAME RESULT".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARKER     0x7165626bL
#define GETPID_32  20
#define GETUID_32  199
#define UNTOUCHED  (-2L)
#define KEEP_AS_IS (-999999L)

/* What is asked for, what the tracer makes of it at the entry, and of the result. */
struct step {
    const char *name;
    long nr, arg1;
    long new_nr, new_arg1, new_result;
    bool narrow; /* by int 0x80 */
};

static const struct step steps[] = {
    {"getppid", SYS_getppid, 0, UNTOUCHED, 0, KEEP_AS_IS, false},
    {"getppid", SYS_getppid, 0, SYS_getuid, 0, KEEP_AS_IS, false},
    {"getppid", SYS_getppid, 0, -1, 0, KEEP_AS_IS, false},
    {"lseek", SYS_lseek, 5, SYS_lseek, 7, KEEP_AS_IS, false},
    {"getpid", SYS_getpid, 0, UNTOUCHED, 0, 4242, false},
    {"getppid", SYS_getppid, 0, -1, 0, 77, false},
    {"getpid", GETPID_32, 0, GETUID_32, 0, KEEP_AS_IS, true},
    {"getpid", GETPID_32, 0, UNTOUCHED, 0, KEEP_AS_IS, true},
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

static const char *const filtered[] = {"uname", "getsid", "getgid"};
#define FILTERED (sizeof(filtered) / sizeof(filtered[0]))

static int zero; /* a descriptor */

static long call(long nr, long arg1, bool narrow)
{
    long result = nr;
    if (narrow)
        __asm__ volatile("int $0x80"
                         : "+a"(result)
                         : "b"(zero), "c"(arg1), "d"(0)
                         : "memory", "r8", "r9", "r10", "r11");
    else
        __asm__ volatile("syscall" : "+a"(result) : "D"((long)zero), "S"(arg1), "d"(0L) : "memory", "rcx", "r11");
    return narrow ? (int)result : result;
}

static void tell(FILE *to, const char *name, long result)
{
    fprintf(to, "%s %ld\n", name, result);
}

/* ---- a tracer ---- */

static void traced(void)
{
    long result[STEPS];
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    prctl(MARKER, 1);
    for (size_t i = 0; i < STEPS; i++)
        result[i] = call(steps[i].nr, steps[i].arg1, steps[i].narrow);
    prctl(MARKER, 0);
    for (size_t i = 0; i < STEPS; i++)
        tell(stdout, steps[i].name, result[i]);
    fflush(stdout);
    _exit(0);
}

static void at_entry(pid_t pid, const struct step *step, struct user_regs_struct *regs)
{
    if (step->new_nr == UNTOUCHED)
        return;
    regs->orig_rax = (unsigned long)step->new_nr;
    if (step->new_arg1)
        regs->rsi = (unsigned long)step->new_arg1;
    ptrace(PTRACE_SETREGS, pid, NULL, regs);
}

static void at_exit(pid_t pid, const struct step *step, struct user_regs_struct *regs)
{
    if (step->new_result == KEEP_AS_IS)
        return;
    regs->rax = (unsigned long)step->new_result;
    ptrace(PTRACE_SETREGS, pid, NULL, regs);
}

static void trace(pid_t pid)
{
    struct user_regs_struct regs;
    int status;
    size_t next = STEPS;
    bool entry = false;
    waitpid(pid, &status, 0);
    ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
    while (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) == 0 && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
        if (WSTOPSIG(status) != (SIGTRAP | 0x80))
            continue;
        entry = !entry;
        ptrace(PTRACE_GETREGS, pid, NULL, &regs);
        if (entry && regs.orig_rax == SYS_prctl && regs.rdi == MARKER)
            next = regs.rsi ? 0 : STEPS;
        else if (next < STEPS && entry)
            at_entry(pid, &steps[next], &regs);
        else if (next < STEPS && regs.orig_rax != SYS_prctl)
            at_exit(pid, &steps[next++], &regs);
    }
}

/* ---- a filter ---- */

static void filter(void)
{
    static struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_uname, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getgid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    static const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
    static const long numbers[FILTERED] = {SYS_uname, SYS_getsid, SYS_getgid};
    long result[FILTERED];
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    prctl(MARKER, 1);
    for (size_t i = 0; i < FILTERED; i++)
        result[i] = call(numbers[i], 0, false);
    prctl(MARKER, 0);
    for (size_t i = 0; i < FILTERED; i++)
        tell(stdout, filtered[i], result[i]);
    fflush(stdout);
    _exit(0);
}

/* The tracer that the filter asks: getgid becomes getpid. */
static void answer(pid_t pid)
{
    struct user_regs_struct regs;
    int status;
    waitpid(pid, &status, 0);
    ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL));
    while (ptrace(PTRACE_CONT, pid, NULL, NULL) == 0 && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
        if (status >> 8 != (SIGTRAP | PTRACE_EVENT_SECCOMP << 8))
            continue;
        ptrace(PTRACE_GETREGS, pid, NULL, &regs);
        regs.orig_rax = SYS_getpid;
        ptrace(PTRACE_SETREGS, pid, NULL, &regs);
    }
}

int main(void)
{
    if (!freopen("/dev/ttyS1", "w", stdout))
        return 1;
    zero = open("/etc/passwd", O_RDONLY);
    for (int kind = 0; kind < 2; kind++) {
        pid_t pid = fork();
        if (pid == 0 && kind == 0)
            traced();
        if (pid == 0)
            filter();
        if (kind == 0)
            trace(pid);
        else
            answer(pid);
    }
    return 0;
}
