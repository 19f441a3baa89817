/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The multiboot entry, where other processors come to life, and the ways into 32-bit paging and 64-bit mode. */
#include "boot.h"

#define MSR_EFER 0xc0000080

        .section .multiboot, "a"
        .align 4
        .long 0x1badb002, 3, -(0x1badb002 + 3)

        .text
        .code32
        .globl _start
_start:
        cli
        mov $PHYS_STACKS + STACK_FIRST, %esp
        push %ebx
        call loader_main /* does not come back */
1:      hlt
        jmp 1b

/* Copied to PHYS_TRAMPOLINE. */
        .code16
        .globl trampoline, trampoline_end
trampoline:
        cli
        xor %ax, %ax
        mov %ax, %ds
        lgdtl PHYS_TRAMPOLINE + (ap_gdt_pointer - trampoline)
        mov %cr0, %eax
        or $1, %eax
        mov %eax, %cr0
        ljmpl $8, $ap_start
        .align 8
ap_gdt_pointer:
        .word 0x2f
        .long gdt
trampoline_end:

        .code32
ap_start:
        mov $0x10, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %ss
        mov $1, %eax
        lock xadd %eax, next_cpu
        cmp $CPUS_MAX, %eax
        jae 2f
        mov %eax, %edi
        mov %eax, %esp
        inc %esp
        imul $STACK_FIRST, %esp
        add $PHYS_STACKS, %esp
        push %edi
        call enter_kernel
2:      hlt
        jmp 2b

/* enter_kernel(cpu): with the tables made, goes to the kernel's entry as (struct boot *, cpu). */
        .globl enter_kernel
enter_kernel:
        mov 4(%esp), %edi
        lgdt gdt_pointer
        ljmp $8, $1f
1:      mov $0x10, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %ss
        xor %eax, %eax
        mov %eax, %fs
        mov %eax, %gs
        cmpl $0, kernel_is_64
        jne to_64

        mov %cr4, %eax
        or $0x10, %eax /* PSE */
        mov %eax, %cr4
        mov $PHYS_TABLES, %eax
        mov %eax, %cr3
        mov %cr0, %eax
        or $0x80010000, %eax
        mov %eax, %cr0
        add $BASE_32, %esp
        push %edi
        push $boot + BASE_32
        push $0
        mov kernel_entry, %eax
        jmp *%eax

to_64:
        mov %cr4, %eax
        or $0x20, %eax /* PAE */
        mov %eax, %cr4
        mov $PHYS_TABLES, %eax
        mov %eax, %cr3
        mov $MSR_EFER, %ecx
        rdmsr
        or $0x101, %eax /* LME, SCE */
        wrmsr
        mov %cr0, %eax
        or $0x80010000, %eax
        mov %eax, %cr0
        ljmp $0x18, $1f
        .code64
1:      mov %esp, %esp
        movabs $BASE_64, %rax
        add %rax, %rsp
        and $-16, %rsp
        sub $40, %rsp
        mov $boot, %ecx
        add %rax, %rcx
        mov %edi, %edx
        mov $kernel_entry, %eax
        jmp *(%rax)

        .data
        .align 8
gdt:    .quad 0
        .quad 0x00cf9a000000ffff
        .quad 0x00cf92000000ffff
        .quad 0x00af9a000000ffff
        .quad 0, 0
gdt_pointer:
        .word . - gdt - 1
        .long gdt
        .globl kernel_entry, kernel_is_64
        .align 8
kernel_entry:
        .quad 0
kernel_is_64:
        .long 0
next_cpu:
        .long 1

        .section .note.GNU-stack, "", @progbits
