/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stacks that one thread changes between, and functions that end in a jump. */
#ifdef __x86_64__
        .text
        .globl xt_switch, xt_begins, xt_call, XtTail, XtTailToo
xt_call: /* (stub, plan): a service with two arguments, as compiled code calls it */
        push %r15
        sub $0x20, %rsp
        mov %rdx, %r15
        mov %rcx, %rax
        xor %ecx, %ecx
        xor %edx, %edx
        call *%rax
        add $0x20, %rsp
        pop %r15
        ret

xt_switch: /* (save, to) */
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

xt_begins: /* the first thing on another stack */
        sub $0x28, %rsp
        call xt_other
        int3

        .macro tail name, log, to
\name:
        push %rcx
        push %rdx
        sub $0x28, %rsp
        call \log
        add $0x28, %rsp
        pop %rdx
        pop %rcx
        jmp \to
        .endm
        .balign 16
        tail XtTail, xt_tail, XtLeaf
        .balign 16
        tail XtTailToo, xt_tail_too, XtTail
#else
        .text
        .globl _xt_switch, _xt_begins, _xt_call, _XtTail, _XtTailToo
_xt_call:
        push %ebx
        mov 8(%esp), %eax
        mov 12(%esp), %ebx
        push $0
        push $0
        call *%eax
        pop %ebx
        ret

_xt_switch:
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

_xt_begins:
        call _xt_other
        int3

        .macro tail name, log, to
\name:
        push 8(%esp)
        push 8(%esp)
        call \log
        add $8, %esp
        jmp \to
        .endm
        .balign 16
        tail _XtTail, _xt_tail, _XtLeaf
        .balign 16
        tail _XtTailToo, _xt_tail_too, _XtTail
#endif
