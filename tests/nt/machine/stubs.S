/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ntdll.dll (and, with GRAPHICS, win32u.dll): a stub for each service as its release writes it, and the places that the
 * kernel leaves to: KiUserApcDispatcher and its brothers. No data, so that all processes share its pages.
 */
#include LAYOUT

#ifdef __x86_64__
#define SYM(name) name
#else
#define SYM(name) _##name
#endif
#define PEB_HOOK 0x7f0

#ifdef __x86_64__
#if NT_BUILD >= 10000
#define STUB(name, nr, nargs)                                                                                          \
        .balign 16; .globl name; name: mov %rcx, %r10; mov $nr, %eax; testb $1, 0x7ffe0308; jne 1f; syscall; ret;      \
        1: int $0x2e; ret
#else
#define STUB(name, nr, nargs)                                                                                          \
        .balign 16; .globl name; name: mov %rcx, %r10; mov $nr, %eax; syscall; ret; nop
#endif
#else
#define STUB(name, nr, nargs)                                                                                          \
        .balign 16; .globl _##name; _##name: mov $nr, %eax; mov $0x7ffe0300, %edx; call *(%edx); ret $(4 * nargs)
#endif

        .text
#ifdef GRAPHICS
#define S(name, nr, nargs)
#define G(name, nr, nargs) STUB(Nt##name, nr, nargs)
#include SERVICES
#else
#define S(name, nr, nargs) STUB(Nt##name, nr, nargs)
#define G(name, nr, nargs)
#include SERVICES

#ifdef __x86_64__
        .balign 16
        .globl LdrInitializeThunk
LdrInitializeThunk: /* rcx, and rsp: the CONTEXT that the thread shall begin with */
        mov %rcx, %rbx
        sub $0x20, %rsp
        mov %gs:0x60, %rax
        call *PEB_HOOK(%rax)
        mov %rbx, %rcx
        mov $1, %edx
        call NtContinue
        int3

        .balign 16
        .globl RtlUserThreadStart
RtlUserThreadStart:
        sub $0x28, %rsp
        call *%rcx
        int3

        .balign 16
        .globl KiUserApcDispatcher
KiUserApcDispatcher: /* rsp: CONTEXT, its four homes hold what the APC came with */
        mov (%rsp), %rcx
        mov 8(%rsp), %rdx
        mov 16(%rsp), %r8
        mov 24(%rsp), %rax
        mov %rsp, %r9
        mov %rsp, %rbx
        sub $0x20, %rsp
        call *%rax
        mov %rbx, %rcx
        mov $1, %edx
        call NtContinue
        int3

        .balign 16
        .globl KiUserExceptionDispatcher
KiUserExceptionDispatcher: /* rsp: CONTEXT; the record behind it */
        mov %rsp, %rbx
        lea 0x4f0(%rsp), %rcx
        mov %rsp, %rdx
        sub $0x20, %rsp
        mov %gs:0x60, %rax
        call *(PEB_HOOK - 8)(%rax)
        mov %rbx, %rcx
        xor %edx, %edx
        call NtContinue
        int3

        .balign 16
        .globl KiUserCallbackDispatcher
KiUserCallbackDispatcher:
        mov 0x20(%rsp), %rcx
        mov 0x28(%rsp), %edx
        mov 0x2c(%rsp), %r8d
        mov %gs:0x60, %rax
        mov 0x58(%rax), %r9
        call *(%r9, %r8, 8)
        xor %ecx, %ecx
        xor %edx, %edx
        mov %eax, %r8d
        call NtCallbackReturn
        int3

        .balign 16
        .globl KiRaiseUserExceptionDispatcher
KiRaiseUserExceptionDispatcher: /* where a call returns to instead; rax: its result. Goes on behind the stub. */
        sub $8, %rsp
        push %rax
        sub $0x20, %rsp
        mov %eax, %ecx
        mov %gs:0x60, %rdx
        call *(PEB_HOOK - 16)(%rdx)
        add $0x20, %rsp
        pop %rax
        add $8, %rsp
        ret
#else
        .balign 16
        .globl _KiFastSystemCall, _KiFastSystemCallRet, _KiIntSystemCall
_KiFastSystemCall:
        mov %esp, %edx
        sysenter
_KiFastSystemCallRet:
        ret
        .balign 16
_KiIntSystemCall:
        lea 8(%esp), %edx
        int $0x2e
        ret

        .balign 16
        .globl _LdrInitializeThunk
_LdrInitializeThunk: /* an APC: context, two arguments, then the CONTEXT */
        lea 16(%esp), %eax
        push %eax
        mov %fs:0x30, %eax
        call *PEB_HOOK(%eax)
        add $4, %esp
        ret $12

        .balign 16
        .globl _RtlUserThreadStart
_RtlUserThreadStart:
        call *%eax
        int3

        .balign 16
        .globl _KiUserApcDispatcher
_KiUserApcDispatcher:
        lea 16(%esp), %edi
        pop %eax
        call *%eax
        push $1
        push %edi
        call _NtContinue
        int3

        .balign 16
        .globl _KiUserExceptionDispatcher
_KiUserExceptionDispatcher:
        mov 4(%esp), %ebx
        mov (%esp), %ecx
        push %ebx
        push %ecx
        mov %fs:0x30, %eax
        call *(PEB_HOOK - 8)(%eax)
        add $8, %esp
        push $0
        push %ebx
        call _NtContinue
        int3

        .balign 16
        .globl _KiUserCallbackDispatcher
_KiUserCallbackDispatcher: /* a return address, the index, the buffer, its length */
        add $4, %esp
        pop %edx
        mov %fs:0x30, %eax
        mov 0x2c(%eax), %eax
        call *(%eax, %edx, 4)
        xor %ecx, %ecx
        xor %edx, %edx
        int $0x2b
        int3

        .balign 16
        .globl _KiRaiseUserExceptionDispatcher
_KiRaiseUserExceptionDispatcher:
        push %eax
        push %eax
        mov %fs:0x30, %edx
        call *(PEB_HOOK - 16)(%edx)
        add $4, %esp
        pop %eax
        ret
#endif
#endif

        .globl SYM(DllMain)
SYM(DllMain):
        ret
