/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions (exported by zw.S) whose few instructions tell where things lie. Compiled by different compilers, so that
 * their shapes differ. */
#include <stdint.h>

#include LAYOUT

typedef uintptr_t word;
#define GET(type, object, offset) (*(type *)((unsigned char *)(object) + (offset)))

#ifdef __x86_64__
#define CALL
static inline void *thread_now(void)
{
    void *t;
    __asm__("movq %%gs:0x188, %0" : "=r"(t));
    return t;
}
#else
#define CALL __attribute__((stdcall))
static inline void *thread_now(void)
{
    void *t;
    __asm__("movl %%fs:0x124, %0" : "=r"(t));
    return t;
}
#endif

void *CALL PsGetCurrentThread(void);
void *CALL PsGetCurrentThread(void)
{
    return thread_now();
}
void *CALL PsGetCurrentProcess(void);
void *CALL PsGetCurrentProcess(void)
{
    return GET(void *, thread_now(), KTHREAD_PROCESS);
}
void *CALL IoGetCurrentProcess(void);
void *CALL IoGetCurrentProcess(void)
{
    return GET(void *, thread_now(), KTHREAD_PROCESS);
}

void *CALL IoGetInitialStack(void);
void *CALL IoGetInitialStack(void)
{
    return GET(void *, thread_now(), KTHREAD_INITIAL_STACK);
}
void *CALL PsGetCurrentThreadStackLimit(void);
void *CALL PsGetCurrentThreadStackLimit(void)
{
    return GET(void *, thread_now(), KTHREAD_STACK_LIMIT);
}
void *CALL PsGetCurrentThreadStackBase(void);
void *CALL PsGetCurrentThreadStackBase(void)
{
    return GET(void *, thread_now(), KTHREAD_STACK_BASE);
}

#define GETTER(name, type, offset)                                                                                     \
    type CALL name(void *object);                                                                                      \
    type CALL name(void *object)                                                                                       \
    {                                                                                                                  \
        return GET(type, object, offset);                                                                              \
    }

GETTER(PsGetProcessId, word, EPROCESS_PID)
GETTER(PsGetProcessInheritedFromUniqueProcessId, word, EPROCESS_INHERITED)
GETTER(PsGetProcessPeb, void *, EPROCESS_PEB)
GETTER(PsGetProcessExitStatus, int32_t, EPROCESS_EXIT_STATUS)
GETTER(PsGetProcessCreateTimeQuadPart, int64_t, EPROCESS_CREATE_TIME)
#ifdef EPROCESS_WOW64
GETTER(PsGetProcessWow64Process, void *, EPROCESS_WOW64)
#endif
GETTER(PsGetThreadId, word, ETHREAD_CID + sizeof(word))
GETTER(PsGetThreadProcessId, word, ETHREAD_CID)
GETTER(PsGetThreadTeb, void *, KTHREAD_TEB)

unsigned char *CALL PsGetProcessImageFileName(void *process);
unsigned char *CALL PsGetProcessImageFileName(void *process)
{
    return (unsigned char *)process + EPROCESS_IMAGE_FILE_NAME;
}

extern uint32_t NtBuildNumber;
uint32_t NtBuildNumber = 0xf0000000u | NT_BUILD;
