/* SPDX-License-Identifier: GPL-2.0-or-later */
/* word invoke(stub, nargs, args, plan, nr): calls a stub as compiled code does, the plan in r15 or ebx. */
#ifdef __x86_64__
        .text
        .globl invoke, invoke_wow64, direct_syscall, direct_2e, callback_2b
        .macro invocation what:vararg
        push %rbp
        push %rbx
        push %rsi
        push %rdi
        push %r14
        push %r15
        mov %rsp, %rbp
        mov 0x58(%rsp), %r14
        mov %r9, %r15
        mov %rcx, %rbx
        mov %edx, %ecx
        lea 64(, %rcx, 8), %rax
        and $-16, %rax
        sub %rax, %rsp
        mov %r8, %rsi
        mov %rsp, %rdi
        cld
        rep movsq
        mov (%rsp), %rcx
        mov 8(%rsp), %rdx
        mov 16(%rsp), %r8
        mov 24(%rsp), %r9
        \what
        mov %rbp, %rsp
        pop %r15
        pop %r14
        pop %rdi
        pop %rsi
        pop %rbx
        pop %rbp
        ret
        .endm

invoke:
        invocation call *%rbx
invoke_wow64: /* the same, from code of 32 bits */
        invocation call wow64_gate

/* As wow64cpu does it: 32-bit code jumps far to where 64-bit code makes the call, and is gone back to. */
wow64_gate:
        pop %rdi
        pushq $0x23
        pushq $1f
        lretq
        .code32
1:      mov %esp, %esi
        call 2f
2:      pop %edx
        mov %esi, %esp
        ljmp $0x33, $3f
        .code64
3:      mov 8(%rsp), %rdx
        call *%rbx
        pushq $0x23
        pushq $4f
        lretq
        .code32
4:      mov %eax, %esi
        ljmp $0x33, $5f
        .code64
5:      mov %esi, %eax
        jmp *%rdi

direct_syscall:
        mov %rcx, %r10
        mov %r14d, %eax
        syscall
        ret
direct_2e:
        mov %rcx, %r10
        mov %r14d, %eax
        int $0x2e
        ret
callback_2b: /* (status): leaves a callback by the old way */
        mov %ecx, %eax
        xor %ecx, %ecx
        xor %edx, %edx
        int $0x2b
        int3
#else
        .text
        .globl _invoke, _direct_2e, _direct_syscall, _callback_2b
_invoke:
        push %ebp
        push %ebx
        push %esi
        push %edi
        mov %esp, %ebp
        mov 24(%ebp), %ecx
        mov 28(%ebp), %esi
        mov 32(%ebp), %ebx
        mov 36(%ebp), %edx
        lea (, %ecx, 4), %eax
        sub %eax, %esp
        mov %esp, %edi
        cld
        rep movsl
        mov %edx, %esi
        mov 20(%ebp), %eax
        call *%eax
        mov %ebp, %esp
        pop %edi
        pop %esi
        pop %ebx
        pop %ebp
        ret

_direct_2e:
        mov %esi, %eax
        lea 4(%esp), %edx
        int $0x2e
        ret
_direct_syscall: /* sysenter goes on at KiFastSystemCallRet, whose ret takes the stub's own return address */
        mov %esi, %eax
        push $1f
        mov %esp, %edx
        sysenter
1:      ret
_callback_2b:
        mov 4(%esp), %eax
        xor %ecx, %ecx
        xor %edx, %edx
        int $0x2b
        int3
#endif
