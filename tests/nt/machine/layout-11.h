/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Windows 11 21H2, x64 (build 22000). */
#define NT_MAJOR 10
#define NT_MINOR 0
#define NT_BUILD 22000
#define SERVICES "services-11.def"

#define KTHREAD_INITIAL_STACK 0x28
#define KTHREAD_STACK_LIMIT   0x30
#define KTHREAD_STACK_BASE    0x38
#define KTHREAD_PROCESS       0xb8
#define KTHREAD_TEB           0xf0
#define ETHREAD_CID           0x4c8
#define ETHREAD_SIZE          0x8f0

#define KPROCESS_CR3             0x28
#define EPROCESS_PID             0x440
#define EPROCESS_CREATE_TIME     0x468
#define EPROCESS_INHERITED       0x540
#define EPROCESS_PEB             0x550
#define EPROCESS_SESSION         0x558
#define EPROCESS_OBJECT_TABLE    0x570
#define EPROCESS_WOW64           0x580
#define EPROCESS_IMAGE_FILE_NAME 0x5a8
#define EPROCESS_TOKEN           0x4b8
#define EPROCESS_AUDIT           0x5c0 /* SeAuditProcessCreationInfo */
#define EPROCESS_EXIT_STATUS     0x7d4
#define TOKEN_GROUPS             0x98
#define EPROCESS_SIZE            0xb80

#define HANDLE_TABLE_CODE  0x08
#define HANDLE_TABLE_QUOTA 0x10
#define HANDLE_TABLE_PID   0x28
