/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the plugin needs to know of one NT kernel. Found by the qebek process (find/nt/), sent over the link, believed
 * by the plugin only after nt_layout__valid.
 */
#ifndef QEBEK_GUEST_NT_LAYOUT_H
#define QEBEK_GUEST_NT_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#define NT_LAYOUT_VERSION 5u
#define NT_NONE           0xffffffffu /* an offset that is not known */
#define NT_TABLES         2u          /* bits 12 and 13 of a number: the kernel's services, win32k's */
#define NT_TABLE_SIZE     2048u

enum nt_offset {
    NT_THREAD_PROCESS = 0, /* KTHREAD.ApcState.Process */
    NT_THREAD_TEB,
    NT_THREAD_CID, /* ETHREAD.Cid: process id, thread id */
    NT_PROCESS_ID,
    NT_PROCESS_PARENT, /* InheritedFromUniqueProcessId */
    NT_PROCESS_NAME,   /* ImageFileName, 15 bytes */
    NT_PROCESS_PEB,
    NT_PROCESS_CREATE_TIME,
    NT_PROCESS_EXIT_STATUS,
    NT_THREAD_INITIAL_STACK, /* KTHREAD.InitialStack: where its next entry from user mode begins */
    NT_THREAD_STACK_LIMIT,   /* KTHREAD.StackLimit: the lowest byte of its kernel stack */
    NT_THREAD_STACK_BASE,    /* … and the first above it */
    NT_OFFSETS
};

/* Where ntdll has the code that the kernel leaves to without ending a call. */
enum nt_dispatcher {
    NT_CALLBACK = 0,    /* KiUserCallbackDispatcher */
    NT_APC,             /* KiUserApcDispatcher */
    NT_EXCEPTION,       /* KiUserExceptionDispatcher */
    NT_RAISE_EXCEPTION, /* KiRaiseUserExceptionDispatcher: the call is over */
    NT_DISPATCHERS
};

/* Exported variables that point at the types of objects. */
enum nt_type {
    NT_TYPE_PROCESS = 0,
    NT_TYPE_THREAD,
    NT_TYPE_FILE,
    NT_TYPE_EVENT,
    NT_TYPE_SECTION,
    NT_TYPE_KEY,
    NT_TYPE_TOKEN,
    NT_TYPE_PORT,
    NT_TYPE_ALPC_PORT,
    NT_TYPE_SEMAPHORE,
    NT_TYPE_MUTANT,
    NT_TYPE_JOB,
    NT_TYPE_DESKTOP,
    NT_TYPE_WINDOW_STATION,
    NT_TYPE_DIRECTORY,
    NT_TYPE_LINK,
    NT_TYPES
};

struct nt_module {
    uint64_t start, end; /* 0: not known */
};

struct nt_layout {
    uint32_t version; /* NT_LAYOUT_VERSION */
    uint32_t size;    /* sizeof(struct nt_layout) */
    uint32_t is_64;
    uint32_t build;
    uint64_t image_start, image_end;
    uint32_t offset[NT_OFFSETS];         /* NT_NONE: not known */
    uint64_t type_variable[NT_TYPES];    /* addresses; 0: not exported */
    uint64_t dispatcher[NT_DISPATCHERS]; /* 0: not known (yet) */
    uint64_t thread_start;               /* LdrInitializeThunk; 0: not known (yet) */
    uint64_t services;                   /* KeServiceDescriptorTable; 0: not known */
    uint64_t services_shadow;            /* KeServiceDescriptorTableShadow; 0: not known */
    uint64_t int_gate;                   /* x86: ntdll's KiIntSystemCall; 0: there is none */
    struct nt_module stubs[NT_TABLES];   /* ntdll, win32u: where calls are expected to come from */
    /* For each number of each table: 1 + the index of decode's row, or 0 where none is known. */
    uint16_t row[NT_TABLES][NT_TABLE_SIZE];
    /* Bytes of arguments, where the kernel's own stubs tell them (x86); 0xff: not known. */
    uint8_t arg_bytes[NT_TABLE_SIZE];
};

/* Every offset small, every index a row of ours: nothing an answer says may make the plugin misbehave. */
bool nt_layout__valid(const struct nt_layout *layout);
/* Is enough known to tell threads from each other? */
bool nt_layout__usable(const struct nt_layout *layout);

#endif
