/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's own Zw exports: their shape tells the number, on x86 the size of the arguments too. Never called here.
 * And the list of what else is exported. */
#include LAYOUT

#ifdef __x86_64__
#define STUB(name, nr, nargs)                                                                                          \
        .balign 16; .globl Zw##name; Zw##name: mov %rsp, %rax; cli; sub $0x10, %rsp; push %rax; pushfq; push $0x10;    \
        lea KiServiceLinkage(%rip), %rax; push %rax; mov $nr, %eax; jmp KiServiceInternal
#else
#define STUB(name, nr, nargs)                                                                                          \
        .balign 16; .globl _Zw##name; _Zw##name: mov $nr, %eax; lea 4(%esp), %edx; pushf; push $8;                     \
        call _KiSystemService; ret $(4 * nargs)
#endif
#define S(name, nr, nargs) STUB(name, nr, nargs); .section .drectve, "yn"; .ascii " -export:Zw" #name; .text
#define G(name, nr, nargs)
/* bytes: of the arguments, which decorate a name on x86 */
#ifdef __x86_64__
#define EXPORT(name, bytes) .ascii " -export:" #name
#else
#define EXPORT(name, bytes) .ascii " -export:" #name "@" #bytes
#endif

        .text
#ifdef __x86_64__
KiServiceLinkage:
        ret
KiServiceInternal:
        int3
#else
_KiSystemService:
        int3
#endif
#include SERVICES

        .section .drectve, "yn"
        EXPORT(PsGetCurrentThread, 0)
        EXPORT(PsGetCurrentProcess, 0)
        EXPORT(IoGetCurrentProcess, 0)
        EXPORT(IoGetInitialStack, 0)
        EXPORT(PsGetCurrentThreadStackLimit, 0)
        EXPORT(PsGetCurrentThreadStackBase, 0)
        EXPORT(PsGetProcessId, 4)
        EXPORT(PsGetProcessInheritedFromUniqueProcessId, 4)
        EXPORT(PsGetProcessPeb, 4)
        EXPORT(PsGetProcessExitStatus, 4)
        EXPORT(PsGetProcessCreateTimeQuadPart, 4)
#ifdef EPROCESS_WOW64
        EXPORT(PsGetProcessWow64Process, 4)
#endif
        EXPORT(PsGetThreadId, 4)
        EXPORT(PsGetThreadProcessId, 4)
        EXPORT(PsGetThreadTeb, 4)
        EXPORT(PsGetProcessImageFileName, 4)
        .ascii " -export:NtBuildNumber,data"
        .ascii " -export:PsProcessType,data"
        .ascii " -export:PsThreadType,data"
        .ascii " -export:IoFileObjectType,data"
        .ascii " -export:ExEventObjectType,data"
        .ascii " -export:SeTokenObjectType,data"
#ifndef __x86_64__
        .ascii " -export:KeServiceDescriptorTable,data"
#endif
#undef S
#undef G
#define S(name, nr, nargs) .ascii " -export:Nt" #name;
#define G(name, nr, nargs) S(name, nr, nargs)
#include SERVICES
