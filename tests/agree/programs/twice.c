/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The same page of code at several addresses: one physical page, many virtual ones. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
    static const unsigned char code[] = {0xb8, 0x27, 0, 0, 0, 0x0f, 0x05, 0xc3}; /* mov $39, %eax; syscall; ret */
    int fd = memfd_create("code", 0);
    if (ftruncate(fd, 8192) != 0 || pwrite(fd, code, sizeof(code), 100) < 0 || pwrite(fd, code, sizeof(code), 4093) < 0)
        return 1;
    long sum = 0;
    for (int round = 0; round < 5; round++) {
        char *at[4];
        for (int i = 0; i < 4; i++)
            at[i] = mmap(NULL, 8192, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
        for (int i = 0; i < 12; i++) {
            long (*f)(void), (*across)(void);
            memcpy(&f, &(char *){at[i % 4] + 100}, sizeof(f));
            memcpy(&across, &(char *){at[i % 4] + 4093}, sizeof(across)); /* the instruction lies on both pages */
            sum += f() - across();
        }
        munmap(at[round % 4], 8192);
    }
    return sum != 0;
}
