/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways into the kernel and out, x86. fs has the processor's KPCR in the kernel and the TEB outside; ds and es are flat
 * and the same in both.
 */
#define KPCR_TSS      0x40
#define TSS_ESP0      4
#define SEL_KERNEL_FS 0x30
#define SEL_USER_CS   0x1b
#define SEL_USER_DS   0x23

#define FRAME_EBP    12
#define FRAME_EBX    20
#define FRAME_EDI    4
#define FRAME_ESI    8
#define FRAME_EAX    32
#define FRAME_IP     44
#define FRAME_CS     48
#define FRAME_ESP    56
#define FRAME_SIZE   64

#define ADDRESS .long
#include "interrupts.inc"

        .text

/* Calls a C function with the frame; ebp keeps it. */
        .macro call_c name
        mov %esp, %ebp
        push %ebp
        call \name
        mov %ebp, %esp
        .endm

        .globl _KiFastCallEntry
_KiFastCallEntry: /* esp is nothing of use yet; edx: the caller's */
        mov $SEL_KERNEL_FS, %ecx
        mov %ecx, %fs
        mov %fs:KPCR_TSS, %ecx
        mov TSS_ESP0(%ecx), %esp
        push $SEL_USER_DS
        push %edx
        pushf
        orl $0x200, (%esp)
        push $SEL_USER_CS
        push 0x7ffe0304 /* KUSER_SHARED_DATA.SystemCallReturn */
        push $0
        push $0x100
        pusha
        push $0x3b
        cld
        call_c _ki_move_stack
        mov %eax, %esp
        call_c _ki_system_call
        test %eax, %eax
        jz leave_slow

/* By sysexit: the frame's eip and esp go into edx and ecx, which a caller has to do without. */
leave_fast:
        mov FRAME_IP(%esp), %edx
        mov FRAME_ESP(%esp), %ecx
        mov FRAME_EAX(%esp), %eax
        mov FRAME_EBX(%esp), %ebx
        mov FRAME_EBP(%esp), %ebp
        mov FRAME_ESI(%esp), %esi
        mov FRAME_EDI(%esp), %edi
        pop %fs
        sti
        sysexit

        each_vector interrupt_begins

interrupt_common:
        pusha
        push %fs
        mov $SEL_KERNEL_FS, %eax
        mov %eax, %fs
        cld
        call_c _ki_move_stack
        mov %eax, %esp
        call_c _ki_interrupt
        test %eax, %eax
        jnz leave_fast

/* With a whole frame on the stack. */
leave_slow:
        pop %fs
        popa
        add $8, %esp
        iret

/* void switch_stacks(word *save, word to) */
        .globl _switch_stacks
_switch_stacks:
        mov 4(%esp), %ecx
        mov 8(%esp), %edx
        push %ebx
        push %ebp
        push %edi
        push %esi
        mov %esp, (%ecx)
        mov %edx, %esp
        pop %esi
        pop %edi
        pop %ebp
        pop %ebx
        ret

/* Where a new thread's kernel stack begins: its frame follows. */
        .globl _thread_begins
_thread_begins:
        call_c _ki_thread_begins
        jmp leave_slow

/* word callback_leave(struct callback *c, struct frame *f): comes back through callback_return(c->sp). */
        .globl _callback_leave
_callback_leave:
        mov 4(%esp), %ecx
        mov 8(%esp), %eax
        push %ebx
        push %ebp
        push %edi
        push %esi
        mov %esp, 4(%ecx)
        mov %eax, %esi
        mov %esp, %ebp
        push %ebp
        call _ki_callback_leaves
        mov %ebp, %esp
        sub $FRAME_SIZE, %esp
        mov %esp, %edi
        mov $FRAME_SIZE / 4, %ecx
        cld
        rep movsl
        jmp leave_slow

        .globl _callback_return
_callback_return:
        mov 4(%esp), %esp
        pop %esi
        pop %edi
        pop %ebp
        pop %ebx
        ret

        .globl _idle_wait
_idle_wait:
        sti
        hlt
        cli
        ret

/* Entered by the loader: the boot structure and the processor are on the stack. */
        .globl _KiSystemStartup
_KiSystemStartup:
        push 8(%esp)
        push 8(%esp)
        call _ki_start
1:      hlt
        jmp 1b

        .section .rdata, "dr"
        .globl _interrupt_entries
_interrupt_entries:
        each_vector interrupt_entry
        .long 0, 0
