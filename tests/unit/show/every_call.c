// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes every system call once, through the 64-bit interface ("64") or the 32-bit one ("32"), and none of them does
 * anything: a seccomp filter answers all that have MAGIC as the sixth argument. For classes.py, under strace.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAGIC 0x1234567
#define END   480

/* Not seccomp's to answer: newer kernels deal with these before, and kill who calls them from elsewhere. */
#define NR_URETPROBE 335
#define NR_UPROBE    336

static int no_more_calls(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MAGIC, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void call32(long nr)
{
    __asm__ volatile("push %%rbp; mov %1, %%ebp; int $0x80; pop %%rbp"
                     : "+a"(nr)
                     : "i"(MAGIC), "b"(0L), "c"(0L), "d"(0L), "S"(0L), "D"(0L)
                     : "memory", "r8", "r9", "r10", "r11");
}

int main(int argc, char **argv)
{
    if (argc != 2 || !no_more_calls())
        return 1;
    for (long nr = 0; nr < END; nr++) {
        if (strcmp(argv[1], "32") == 0)
            call32(nr);
        else if (nr != NR_URETPROBE && nr != NR_UPROBE)
            syscall(nr, 0L, 0L, 0L, 0L, 0L, (long)MAGIC);
    }
    return 0;
}
