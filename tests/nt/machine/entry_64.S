/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways into the kernel and out, x64. gs has the processor's KPCR. With the shadow on, user mode runs on page tables that
 * hold nothing of the kernel but this file's text, the IDT and one page of each processor, at gs:[7000h].
 */
#define KPCR_USER_RSP 0x10
#define KPCR_RSP_BASE 0x1a8
#define SH_CR3        0x7000
#define SH_RSP_BASE   0x7008
#define SH_USER_RSP   0x7010
#define SH_USER_CR3   0x7018
#define SH_SAVED      0x7020
#define SH_SAVED2     0x7028
#define SH_STACK_TOP  0x8000

#define FRAME_VECTOR (15 * 8)
#define FRAME_IP     (17 * 8)
#define FRAME_CS     (18 * 8)
#define FRAME_SIZE   (22 * 8)

#define WAY_SYSCALL 0

#define ADDRESS .quad
#include "interrupts.inc"

        .section .kvas, "xr"
        .balign 4096

        .macro push_registers
        push %rax
        push %rbx
        push %rcx
        push %rdx
        push %rsi
        push %rdi
        push %rbp
        push %r8
        push %r9
        push %r10
        push %r11
        push %r12
        push %r13
        push %r14
        push %r15
        .endm

        .macro pop_registers
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %r11
        pop %r10
        pop %r9
        pop %r8
        pop %rbp
        pop %rdi
        pop %rsi
        pop %rdx
        pop %rcx
        pop %rbx
        pop %rax
        .endm

/* Calls a C function with the frame, the stack aligned as the convention wants; rbp keeps the frame. */
        .macro call_c name
        mov %rsp, %rbp
        mov %rsp, %rcx
        and $-16, %rsp
        sub $32, %rsp
        call \name
        mov %rbp, %rsp
        .endm

        .globl KiSystemCall64
KiSystemCall64:
        swapgs
        mov %rsp, %gs:KPCR_USER_RSP
        mov %gs:KPCR_RSP_BASE, %rsp
        pushq $0x2b
        pushq %gs:KPCR_USER_RSP
system_call:
        push %r11
        pushq $0x33
        push %rcx
        pushq $0
        pushq $0x100
        push_registers
        cld
        call_c ki_move_stack
        mov %rax, %rsp
        call_c ki_system_call
        test %eax, %eax
        jz leave_slow
        cmpb $0, shadow_on(%rip)
        jne 1f
        pop_registers
        mov 16(%rsp), %rcx
        mov 32(%rsp), %r11
        mov 40(%rsp), %rsp
        swapgs
        sysretq
1:      pop_registers
        mov 16(%rsp), %rcx
        mov 32(%rsp), %r11
        mov 40(%rsp), %rsp
        mov %rax, %gs:SH_SAVED
        mov %gs:SH_USER_CR3, %rax
        mov %rax, %cr3
        mov %gs:SH_SAVED, %rax
        swapgs
        sysretq

        .globl KiSystemCall64Shadow
KiSystemCall64Shadow:
        swapgs
        mov %rsp, %gs:SH_USER_RSP
        mov %gs:SH_CR3, %rsp
        mov %rsp, %cr3
        mov %gs:SH_RSP_BASE, %rsp
        pushq $0x2b
        pushq %gs:SH_USER_RSP
        jmp system_call

        each_vector interrupt_begins

interrupt_common:
        testb $3, 24(%rsp)
        jz 2f
        swapgs
        cmpb $0, shadow_on(%rip)
        je 2f
        mov %rax, %gs:SH_SAVED
        mov %gs:SH_CR3, %rax
        mov %rax, %cr3
        mov %rsp, %rax
        mov %gs:SH_RSP_BASE, %rsp
        pushq 48(%rax)
        pushq 40(%rax)
        pushq 32(%rax)
        pushq 24(%rax)
        pushq 16(%rax)
        pushq 8(%rax)
        pushq (%rax)
        mov %gs:SH_SAVED, %rax
2:      push_registers
        cld
        call_c ki_move_stack
        mov %rax, %rsp
        call_c ki_interrupt

/* With a whole frame on the stack. */
        .globl leave_slow
leave_slow:
        testb $3, FRAME_CS(%rsp)
        jz 1f
        cmpb $0, shadow_on(%rip)
        jne 2f
        pop_registers
        add $16, %rsp
        swapgs
        iretq
1:      pop_registers
        add $16, %rsp
        iretq
2:      pop_registers
        add $16, %rsp
        mov %rax, %gs:SH_SAVED
        mov %rbx, %gs:SH_SAVED2
        mov %rsp, %rbx
        mov %gs:0x18, %rax /* KPCR.Self */
        lea SH_STACK_TOP(%rax), %rsp
        pushq 32(%rbx)
        pushq 24(%rbx)
        pushq 16(%rbx)
        pushq 8(%rbx)
        pushq (%rbx)
        mov %gs:SH_USER_CR3, %rax
        mov %rax, %cr3
        mov %gs:SH_SAVED, %rax
        mov %gs:SH_SAVED2, %rbx
        swapgs
        iretq
        .balign 8
        .globl shadow_on
shadow_on:
        .quad 0
        .balign 4096
        .globl kvas_end
kvas_end:

        .text
/* void switch_stacks(word *save, word to) */
        .globl switch_stacks
switch_stacks:
        push %rbx
        push %rbp
        push %rdi
        push %rsi
        push %r12
        push %r13
        push %r14
        push %r15
        mov %rsp, (%rcx)
        mov %rdx, %rsp
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %rsi
        pop %rdi
        pop %rbp
        pop %rbx
        ret

/* Where a new thread's kernel stack begins: its frame follows. */
        .globl thread_begins
thread_begins:
        call_c ki_thread_begins
        jmp leave_slow

/* word callback_leave(struct callback *c, struct frame *f): comes back through callback_return(c->sp). */
        .globl callback_leave
callback_leave:
        push %rbx
        push %rbp
        push %rdi
        push %rsi
        push %r12
        push %r13
        push %r14
        push %r15
        mov %rsp, 8(%rcx)
        mov %rdx, %rsi
        mov %rsp, %rcx
        and $-16, %rsp
        sub $32, %rsp
        call ki_callback_leaves
        sub $FRAME_SIZE, %rsp
        mov %rsp, %rdi
        mov $FRAME_SIZE / 8, %ecx
        rep movsq
        jmp leave_slow

        .globl callback_return
callback_return:
        mov %rcx, %rsp
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %rsi
        pop %rdi
        pop %rbp
        pop %rbx
        ret

/* service_function *ki_look_up(u32 nr, u32 graphic): with the instructions that the releases have for it. */
        .globl ki_look_up
ki_look_up:
        push %rdi
        mov %ecx, %eax
        mov %ecx, %edi
        shr $7, %edi
        and $0x60, %edi
        and $0xfff, %eax
        lea KeServiceDescriptorTable(%rip), %r10
        lea KeServiceDescriptorTableShadow(%rip), %r11
        test %edx, %edx
        cmovne %r11, %r10
        cmp 0x10(%r10, %rdi), %eax
        jae 1f
        mov (%r10, %rdi), %r10
        movslq (%r10, %rax, 4), %r11
        mov %r11, %rax
        sar $4, %r11
        add %r11, %r10
        mov %r10, %rax
        pop %rdi
        ret
1:      xor %eax, %eax
        pop %rdi
        ret

        .globl idle_wait
idle_wait:
        sti
        hlt
        cli
        ret

/* Entered by the loader: rcx the boot structure, edx the processor. */
        .globl KiSystemStartup
KiSystemStartup:
        call ki_start
1:      hlt
        jmp 1b

        .section .rdata, "dr"
        .globl interrupt_entries
interrupt_entries:
        each_vector interrupt_entry
        .quad 0, 0
