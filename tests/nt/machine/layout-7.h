/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Windows 7 SP1, x64. */
#define NT_MAJOR 6
#define NT_MINOR 1
#define NT_BUILD 7601
#define SERVICES "services-7.def"

#define KTHREAD_INITIAL_STACK 0x28
#define KTHREAD_STACK_LIMIT   0x30
#define KTHREAD_STACK_BASE    0x278
#define KTHREAD_PROCESS       0x70
#define KTHREAD_TEB           0xb8
#define ETHREAD_CID           0x3b8
#define ETHREAD_SIZE          0x4a8

#define KPROCESS_CR3             0x28
#define EPROCESS_CREATE_TIME     0x168
#define EPROCESS_PID             0x180
#define EPROCESS_OBJECT_TABLE    0x200
#define EPROCESS_INHERITED       0x290
#define EPROCESS_SESSION         0x2d8
#define EPROCESS_IMAGE_FILE_NAME 0x2e0
#define EPROCESS_WOW64           0x320
#define EPROCESS_PEB             0x338
#define EPROCESS_TOKEN           0x208
#define EPROCESS_AUDIT           0x390 /* SeAuditProcessCreationInfo */
#define EPROCESS_EXIT_STATUS     0x444
#define TOKEN_GROUPS             0x90
#define EPROCESS_SIZE            0x4f8

#define HANDLE_TABLE_CODE  0x00
#define HANDLE_TABLE_QUOTA 0x08
#define HANDLE_TABLE_PID   0x10
