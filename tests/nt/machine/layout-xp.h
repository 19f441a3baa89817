/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Windows XP SP3, x86. */
#define NT_MAJOR 5
#define NT_MINOR 1
#define NT_BUILD 2600
#define SERVICES "services-xp.def"

#define KTHREAD_INITIAL_STACK 0x18
#define KTHREAD_STACK_LIMIT   0x1c
#define KTHREAD_STACK_BASE    0x168
#define KTHREAD_TEB           0x20
#define KTHREAD_PROCESS       0x44
#define ETHREAD_CID           0x1ec
#define ETHREAD_SIZE          0x258

#define KPROCESS_CR3             0x18
#define EPROCESS_CREATE_TIME     0x70
#define EPROCESS_PID             0x84
#define EPROCESS_OBJECT_TABLE    0xc4
#define EPROCESS_INHERITED       0x14c
#define EPROCESS_IMAGE_FILE_NAME 0x174
#define EPROCESS_PEB             0x1b0
#define EPROCESS_TOKEN           0xc8
#define EPROCESS_AUDIT           0x1f4 /* SeAuditProcessCreationInfo */
#define EPROCESS_EXIT_STATUS     0x24c
#define TOKEN_GROUPS             0x68
#define EPROCESS_SIZE            0x260

#define HANDLE_TABLE_CODE  0x00
#define HANDLE_TABLE_QUOTA 0x04
#define HANDLE_TABLE_PID   0x08
