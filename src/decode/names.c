/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of errors and signals. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "decode/decode.h"

/* What the kernel returns internally and a tracer sees (include/linux/errno.h); texts as strace has them. */
static const struct {
    unsigned err;
    const char *name, *text;
} kernel_errors[] = {
    {512, "ERESTARTSYS", "To be restarted if SA_RESTART is set"},
    {513, "ERESTARTNOINTR", "To be restarted"},
    {514, "ERESTARTNOHAND", "To be restarted if no handler"},
    {515, "ENOIOCTLCMD", "No ioctl command"},
    {516, "ERESTART_RESTARTBLOCK", "Interrupted by signal"},
    {517, "EPROBE_DEFER", "Driver requests probe retry"},
    {518, "EOPENSTALE", "Open found a stale dentry"},
    {524, "ENOTSUPP", "Operation is not supported"},
};

const char *decode__errno_name(unsigned err)
{
    for (size_t i = 0; i < sizeof(kernel_errors) / sizeof(kernel_errors[0]); i++) {
        if (kernel_errors[i].err == err)
            return kernel_errors[i].name;
    }
    return err > 0 && err < 512 ? strerrorname_np((int)err) : NULL;
}

const char *decode__errno_text(unsigned err)
{
    for (size_t i = 0; i < sizeof(kernel_errors) / sizeof(kernel_errors[0]); i++) {
        if (kernel_errors[i].err == err)
            return kernel_errors[i].text;
    }
    return err > 0 && err < 512 ? strerrordesc_np((int)err) : NULL;
}

#define RT(n) "SIGRT_" #n
static const char *const realtime[] = {"SIGRTMIN", RT(1),  RT(2),  RT(3),  RT(4),  RT(5),  RT(6),  RT(7),  RT(8),
                                       RT(9),      RT(10), RT(11), RT(12), RT(13), RT(14), RT(15), RT(16), RT(17),
                                       RT(18),     RT(19), RT(20), RT(21), RT(22), RT(23), RT(24), RT(25), RT(26),
                                       RT(27),     RT(28), RT(29), RT(30), RT(31), RT(32)};
static const char *const classic[] = {NULL,       "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",  "SIGTRAP",   "SIGABRT",
                                      "SIGBUS",   "SIGFPE",  "SIGKILL",   "SIGUSR1", "SIGSEGV", "SIGUSR2",   "SIGPIPE",
                                      "SIGALRM",  "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP",   "SIGTSTP",
                                      "SIGTTIN",  "SIGTTOU", "SIGURG",    "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF",
                                      "SIGWINCH", "SIGIO",   "SIGPWR",    "SIGSYS"};

const char *decode__signal_name(unsigned signo)
{
    if (signo < 32)
        return classic[signo];
    return signo - 32 < sizeof(realtime) / sizeof(realtime[0]) ? realtime[signo - 32] : NULL;
}

struct code_name {
    unsigned signo; /* 0: any */
    int code;
    const char *name;
};
static const struct code_name codes[] = {
    {0, SI_USER, "SI_USER"},
    {0, SI_KERNEL, "SI_KERNEL"},
    {0, SI_QUEUE, "SI_QUEUE"},
    {0, SI_TIMER, "SI_TIMER"},
    {0, SI_MESGQ, "SI_MESGQ"},
    {0, SI_ASYNCIO, "SI_ASYNCIO"},
    {0, SI_SIGIO, "SI_SIGIO"},
    {0, SI_TKILL, "SI_TKILL"},
    {SIGCHLD, CLD_EXITED, "CLD_EXITED"},
    {SIGCHLD, CLD_KILLED, "CLD_KILLED"},
    {SIGCHLD, CLD_DUMPED, "CLD_DUMPED"},
    {SIGCHLD, CLD_TRAPPED, "CLD_TRAPPED"},
    {SIGCHLD, CLD_STOPPED, "CLD_STOPPED"},
    {SIGCHLD, CLD_CONTINUED, "CLD_CONTINUED"},
    {SIGSEGV, SEGV_MAPERR, "SEGV_MAPERR"},
    {SIGSEGV, SEGV_ACCERR, "SEGV_ACCERR"},
    {SIGSEGV, 3, "SEGV_BNDERR"},
    {SIGSEGV, 4, "SEGV_PKUERR"},
    {SIGILL, ILL_ILLOPC, "ILL_ILLOPC"},
    {SIGILL, ILL_ILLOPN, "ILL_ILLOPN"},
    {SIGILL, ILL_PRVOPC, "ILL_PRVOPC"},
    {SIGFPE, FPE_INTDIV, "FPE_INTDIV"},
    {SIGFPE, FPE_INTOVF, "FPE_INTOVF"},
    {SIGFPE, FPE_FLTDIV, "FPE_FLTDIV"},
    {SIGBUS, BUS_ADRALN, "BUS_ADRALN"},
    {SIGBUS, BUS_ADRERR, "BUS_ADRERR"},
    {SIGBUS, BUS_OBJERR, "BUS_OBJERR"},
    {SIGTRAP, TRAP_BRKPT, "TRAP_BRKPT"},
    {SIGTRAP, TRAP_TRACE, "TRAP_TRACE"},
    {SIGSYS, 1, "SYS_SECCOMP"},
    {SIGSYS, 2, "SYS_USER_DISPATCH"},
};

const char *decode__sicode_name(unsigned signo, int code)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].code == code && (codes[i].signo == 0 || codes[i].signo == signo))
            return codes[i].name;
    }
    return NULL;
}

bool decode__is_error(enum qbk_abi abi, uint64_t result, uint32_t *code)
{
    int64_t value = abi == QBK_ABI_LINUX_I386 ? (int64_t)(int32_t)(uint32_t)result : (int64_t)result;
    if (abi == QBK_ABI_NT_X64 || abi == QBK_ABI_NT_X86) {
        *code = (uint32_t)result;
        return (int32_t)(uint32_t)result < 0;
    }
    if (abi == QBK_ABI_RAW || value >= 0 || value < -4095)
        return false;
    *code = (uint32_t)-value;
    return true;
}

bool decode__is_interrupted(uint32_t err)
{
    return err == EINTR || (err >= 512 && err <= 514) || err == 516;
}

bool decode__wrote_nothing(enum qbk_abi abi, uint64_t result)
{
    uint32_t code;
    if (abi == QBK_ABI_NT_X64 || abi == QBK_ABI_NT_X86)
        return (uint32_t)result >> 30 == 3; /* the two bits of severity: error */
    return decode__is_error(abi, result, &code);
}
