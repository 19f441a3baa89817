/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the 32-bit loader hands to the kernel, and where both put things in physical memory. */
#ifndef MACHINE_BOOT_H
#define MACHINE_BOOT_H

#define BOOT_MODULES 4 /* the kernel, ntdll, win32u, the program */
#define BOOT_LINE    256

#define PHYS_TRAMPOLINE 0x8000u   /* where the other processors begin, in real mode */
#define PHYS_TABLES     0x200000u /* the first page tables; one MiB */
#define PHYS_STACKS     0x300000u /* a first stack of 16 KiB for each processor */
#define PHYS_KERNEL_32  0x4d7000u
#define PHYS_KERNEL_64  0x1000000u
#define PHYS_POOL       0x1800000u
#define PHYS_TRUTH      0x8000000u /* what the program writes down; to the end of memory */

#define BASE_32   0x80000000u /* all of memory is mapped from here on */
#define KERNEL_32 (BASE_32 + PHYS_KERNEL_32)
#define BASE_64   0xfffffa8000000000u
#define KERNEL_64 0xfffff80002a00000u

#define STACK_FIRST 16384u
#define CPUS_MAX    8u

#ifndef __ASSEMBLER__
struct boot {
    unsigned memory_top; /* bytes of memory from 0 up */
    unsigned modules;
    struct {
        unsigned start, end;
    } module[BOOT_MODULES];
    char line[BOOT_LINE]; /* the command line */
};
#endif

#endif
