/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the machine's program and its kernel: what a service is to do, and what a thread starts with. */
#ifndef MACHINE_PLAN_H
#define MACHINE_PLAN_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef __UINTPTR_TYPE__ word;

enum plan_op {
    OP_END = 0,
    OP_BLOCK,        /* for a ticks */
    OP_FILL,         /* a bytes at `at`, made from `value` */
    OP_STORE,        /* `value`, a bytes of it, at `at` */
    OP_CALLBACK,     /* to user mode, function a of the callback table, with `value` */
    OP_APC,          /* one is delivered on the way out: routine `at`, context `value` */
    OP_RAISE,        /* leaves to KiUserExceptionDispatcher, with code a */
    OP_RAISE_RETURN, /* leaves to KiRaiseUserExceptionDispatcher with its result */
    OP_LATER,        /* the struct later at `at` comes true after a ticks */
    OP_IRET,         /* leaves by the slow way */
    OP_DIE,          /* the thread ends in the call */
    OP_OPEN,         /* a handle for an object of kind a is stored at `at`; a file's name is made from `value` */
    OP_CLOSE,        /* handle `value` is closed */
    OP_AWAIT,        /* until the struct later at `at` came true; after a ticks it times out, and the rest is left */
    OP_SAY,          /* `value` goes out on the serial port, with a: enum said */
    OP_IMAGE,        /* a handle for the section of image a is stored at `at` */
    OP_PACKETS,      /* a packets of a completion port at `at`, of the operations whose addresses stand at `value` */
    OP_FUNCTIONS,    /* functions of xt.h, chosen by `value`, a deep */
    OP_OFF           /* the machine is switched off */
};

/* Of OP_OPEN, instead of a kind: one of many objects, chosen by `value`. */
#define OPEN_NAMED 1000u
/* Two of them, which are files on volumes. */
#define OPEN_FILE       0u
#define OPEN_OTHER_FILE 2u

struct plan_step {
    u32 op, a;
    word at, value;
};

enum said { SAID_COST = 1, SAID_MADE };

/* faults.c: the result of the call with this first argument. */
#define FAULTS_RESULT(id) (((id)*2654435761u >> 4 | 0x10000u) & 0x0fffffffu)

#define PLAN_STEPS 8
#define PLAN_MAGIC 0x6e616c70u

/* Its address travels in a register that NT's calls do not use: r15, or ebx. */
struct plan {
    u32 magic;
    u32 status; /* what the service returns */
    struct plan_step step[PLAN_STEPS];
};

enum later_how { LATER_SILENT, LATER_EVENT, LATER_APC, LATER_PORT };

/* What a pending call leaves behind when it completes. */
struct later {
    u32 status;
    word information;
    word iosb;        /* address, or 0 */
    word buffer, len; /* filled from `value`, as OP_FILL does */
    word value;
    u32 how; /* enum later_how */
    word apc, context;
    u32 done; /* set to 1 last */
};

/* The head of a thread's arena; the kernel fills it before the thread runs. In TEB: TLS slot 0. */
struct start {
    word arena, arena_size;
    word log, log_end;             /* where the truth is written */
    word stubs_nt, stubs_graphics; /* bases of ntdll and win32u */
    word seed;
    word calls; /* how many to make */
    word param; /* of NtCreateThreadEx */
    word options;
    word sabotage; /* enum sabotage: what this thread lies about, once */
    word pid, tid;
    word first;     /* the first thread of its process */
    word functions; /* its struct xt_log; 0: none */
};

enum start_options {
    WITH_APC = 1,
    WITH_CALLBACK = 2,
    WITH_EXCEPTION = 4,
    WITH_DEATH = 8,
    WITH_PENDING = 16,
    WITH_DIRECT = 32,
    WITH_ABANDON = 64,
    WITH_TALK = 1024,      /* consoles and sockets */
    WITH_WOW64 = 256,      /* x64: from 32-bit code */
    WITH_NAMES = 512,      /* handles of many kinds of objects */
    WITH_FILES = 4096,     /* writes files that have names */
    WITH_PROCESSES = 2048, /* makes processes, which end in all ways */
    WITHOUT_FAST = 128     /* there is no sysenter; the kernel says so itself */
};

/* Lies in the truth, which a comparison must find. */
enum sabotage {
    SABOTAGE_NONE,
    SABOTAGE_RESULT,
    SABOTAGE_RETURN,
    SABOTAGE_HANDLE,
    SABOTAGE_LENGTH,
    SABOTAGE_DEPTH,
    SABOTAGE_COMPLETION,
    SABOTAGE_UNTOLD,
    SABOTAGE_ORIGIN
};

/*
 * The truth: a chunk for each thread, which begins with a struct log_head; then entries, each a multiple of 8 bytes
 * long, up to one of kind 0. 'E' a call begins: nr, args. 'R' it returned: result, what lies in memory then. 'N' it
 * does not return (it was the last entry 'E' that has no end). 'X': it was given up: its code was jumped out of. 'C':
 * what it left pending is done: result is the final status, depth says how the thread learnt it (enum later_how).
 */
#define LOG_MAGIC 0x54757254u

struct log_head {
    u32 magic, size;
    u64 pid, tid;
    u64 calls; /* kept by the thread: so many entries 'E' */
};

enum talk { TALK_CONSOLE = 0xf0, TALK_CONSOLE_WIDE, TALK_SOCKET };

struct log_entry {
    u32 size;
    u8 kind, depth, nargs;
    u8 origin; /* 'E': made by 0 a stub, 1 code of the program, 2 code that is no image's */
    u32 nr;
    u32 call; /* counted by thread, from 1 */
    u64 result;
    /* 'E': u64 args[nargs]. 'R': nargs times { u32 arg, u32 len, bytes, padded to 8 }. 'C': u64
     * information, then as 'R'. From TALK_CONSOLE on `arg` is no argument, but what the call carried. */
};

#define FILL_BYTE(value, i) ((u8)(((value) + (i)) * 167 >> 3))

#endif
