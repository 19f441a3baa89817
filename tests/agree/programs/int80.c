/* SPDX-License-Identifier: GPL-2.0-or-later */
/* int 0x80 from 64-bit code: the 32-bit interface, with registers cut. */
#include <sys/mman.h>
#include <unistd.h>

static long int80(long nr, unsigned long b, unsigned long c, unsigned long d)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(b), "c"(c), "d"(d) : "memory", "r8", "r9", "r10", "r11");
    return result;
}

int main(void)
{
    char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    unsigned long at = (unsigned long)low;
    if (low == MAP_FAILED)
        return 1;
    int80(20, 0, 0, 0);                        /* getpid */
    int80(4, 1, at, 0);                        /* write of nothing */
    int80(5, 0xffffffff00000000ul | at, 0, 0); /* open, upper half ignored */
    low[0] = '/';
    int80(5, at, 0, 0);
    int80(3, 0, at, 10);
    int80(20, 1, 2, 3);
    getppid();
    int80(224, 0, 0, 0); /* gettid */
    int80(400, 0, 0, 0);
    int80(9999, 0, 0, 0);
    int80(0x40000014, 0, 0, 0);
    getppid();
    if (int80(2, 0, 0, 0) == 0) { /* fork */
        getppid();
        int80(1, 5, 0, 0);
    }
    int80(114, 0xffffffff, at, 0); /* wait4, of whatever registers hold for the rest */
    return 0;
}
