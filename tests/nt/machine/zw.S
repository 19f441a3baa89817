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
#define EXPORT(name) .ascii " -export:" #name

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
        EXPORT(PsGetCurrentThread)
        EXPORT(PsGetCurrentProcess)
        EXPORT(IoGetCurrentProcess)
        EXPORT(PsGetProcessId)
        EXPORT(PsGetProcessInheritedFromUniqueProcessId)
        EXPORT(PsGetProcessPeb)
        EXPORT(PsGetProcessCreateTimeQuadPart)
#ifdef EPROCESS_WOW64
        EXPORT(PsGetProcessWow64Process)
#endif
        EXPORT(PsGetThreadId)
        EXPORT(PsGetThreadProcessId)
        EXPORT(PsGetThreadTeb)
        EXPORT(PsGetProcessImageFileName)
        .ascii " -export:NtBuildNumber,data"
