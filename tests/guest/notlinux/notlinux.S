/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel that is not Linux: loaded by multiboot, it goes to 64-bit mode, runs a user program that makes CALLS system
 * calls, prints on the serial port how many came, and ends the machine by isa-debug-exit (port 0xf4, QEMU's status 43).
 * Call i has number 1000 + i % 7 and arguments i, i + 1, … i + 5; its result is number + i. The last one, number 9999,
 * never returns.
 */
#define CALLS      500
#define EXIT_CALL  9999
#define EXIT_VALUE 21 /* status (21 << 1) | 1 */

#define KERNEL_CODE 0x08
#define KERNEL_DATA 0x10
#define USER_BASE   0x18 /* then user data 0x20, user code 0x28, in the order that sysret wants */

#define MSR_EFER  0xc0000080
#define MSR_STAR  0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_FMASK 0xc0000084

        .section .multiboot, "a"
        .align 4
        .long 0x1badb002, 0, -0x1badb002

        .text
        .code32
        .globl _start
_start:
        cli
        mov $stack_end, %esp
        /* One table of 2 MiB pages maps the first GiB to itself, for user mode too. */
        mov $directory, %edi
        mov $0x87, %eax
        mov $512, %ecx
1:      mov %eax, (%edi)
        movl $0, 4(%edi)
        add $0x200000, %eax
        add $8, %edi
        loop 1b
        movl $directory + 7, pointers
        movl $pointers + 7, level4
        mov $level4, %eax
        mov %eax, %cr3
        mov %cr4, %eax
        or $0x20, %eax /* PAE */
        mov %eax, %cr4
        mov $MSR_EFER, %ecx
        xor %edx, %edx
        mov $0x101, %eax /* LME, SCE */
        wrmsr
        mov %cr0, %eax
        or $0x80000001, %eax
        mov %eax, %cr0
        lgdt gdt_pointer
        ljmp $KERNEL_CODE, $long_mode

        .code64
long_mode:
        mov $KERNEL_DATA, %eax
        mov %eax, %ss
        mov $MSR_STAR, %ecx
        xor %eax, %eax
        mov $(USER_BASE << 16 | KERNEL_CODE), %edx
        wrmsr
        mov $MSR_LSTAR, %ecx
        mov $entry, %eax
        xor %edx, %edx
        wrmsr
        mov $MSR_FMASK, %ecx
        mov $0x200, %eax
        wrmsr
        mov $user, %ecx
        mov $2, %r11d
        sysretq

entry:
        mov $count, %r15d /* the kernel's own register here: r15 */
        incl (%r15)
        cmp $EXIT_CALL, %eax
        je finish
        add %rdi, %rax
        sysretq

finish:
        mov (%r15), %eax
        dec %eax /* not counting this one */
        mov $digits_end, %edi
        mov $10, %ecx
1:      xor %edx, %edx
        div %ecx
        add $'0', %dl
        dec %edi
        mov %dl, (%rdi)
        test %eax, %eax
        jnz 1b
        mov $0x3f8, %edx
2:      mov (%rdi), %al
        test %al, %al
        jz 3f
        out %al, %dx
        inc %edi
        jmp 2b
3:      mov $EXIT_VALUE, %eax
        mov $0xf4, %edx
        out %al, %dx
        hlt

user:
        xor %ebx, %ebx
1:      mov %ebx, %eax
        xor %edx, %edx
        mov $7, %ecx
        div %ecx
        lea 1000(%rdx), %r12d
        mov %r12d, %eax
        lea 0(%rbx), %rdi
        lea 1(%rbx), %rsi
        lea 2(%rbx), %rdx
        lea 3(%rbx), %r10
        lea 4(%rbx), %r8
        lea 5(%rbx), %r9
        syscall
        add %rbx, %r12
        cmp %r12, %rax
        jne 1b /* a wrong result: never ends, and the test's limit says so */
        inc %ebx
        cmp $CALLS, %ebx
        jb 1b
        mov $EXIT_CALL, %eax
        syscall

        .data
        .align 8
gdt:    .quad 0
        .quad 0x00af9a000000ffff /* kernel code, 64 bits */
        .quad 0x00cf92000000ffff /* kernel data */
        .quad 0
        .quad 0x00cff2000000ffff /* user data */
        .quad 0x00affa000000ffff /* user code, 64 bits */
gdt_pointer:
        .word . - gdt - 1
        .long gdt
count:  .long 0
        .skip 10
digits_end:
        .byte '\n', 0

        .bss
        .align 4096
level4: .skip 4096
pointers: .skip 4096
directory: .skip 4096
        .skip 4096
stack_end:

        .section .note.GNU-stack, "", @progbits
