/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The record format: what crosses the ring between the plugin inside QEMU and the qebek process, and what a kept
 * trace (.qbk) is made of. docs/record-format.md tells it in prose; this header is the authority.
 *
 * All integers are little-endian. Every record begins with struct qbk_record, is a multiple of 8 bytes long, and is
 * 8-byte aligned in the ring and in a decompressed block of a file. A reader skips types that it does not know.
 * Whoever reads records treats them as hostile: `qbk_record.size` bounds everything (trace/record.h has the checks).
 */
#ifndef QEBEK_RECORD_H
#define QEBEK_RECORD_H

#include <stdint.h>

/* Raised when a reader of the older number could misread a newer trace. New types and new trailing fields do not. */
#define QBK_FORMAT_VERSION 1

/* No record is longer than this, in bytes. */
#define QBK_RECORD_MAX (1u << 20)

/* qbk_record.vcpu of a record that no vCPU wrote (the start, the end, messages of the plugin itself). */
#define QBK_NO_VCPU 0xffffu

enum qbk_type {
    QBK_PAD = 0,              /* fills the end of a ring before it wraps; never in a file, has no sequence number */
    QBK_META = 1,             /* struct qbk_text: the start of a trace: versions, settings, what was captured how */
    QBK_GUEST = 2,            /* struct qbk_text: what the guest is, and how that was found; again after a reboot */
    QBK_THREAD = 3,           /* struct qbk_thread: a thread is born, first seen, or its identity changed */
    QBK_THREAD_EXIT = 4,      /* struct qbk_thread_exit */
    QBK_ENTER = 5,            /* struct qbk_enter */
    QBK_RETURN = 6,           /* struct qbk_return */
    QBK_SIGNAL = 7,           /* struct qbk_signal */
    QBK_NAME = 8,             /* struct qbk_name: what a descriptor stands for */
    QBK_GAP = 9,              /* struct qbk_gap: records that could not be kept */
    QBK_ERROR = 10,           /* struct qbk_text: something qebek goes without, or failed at */
    QBK_LOG = 11,             /* struct qbk_text: a line of a hook module */
    QBK_SUMMARY = 12,         /* struct qbk_summary: the last record: all counts */
    QBK_OBJECT = 13,          /* struct qbk_object: the kernel's own object behind a descriptor */
    QBK_COMPLETION = 14,      /* struct qbk_completion: an operation that a call left pending is done */
    QBK_FILE = 15,            /* struct qbk_file: a look at a file: its inode, and pages of it that follow */
    QBK_PAGES = 16,           /* struct qbk_pages: bytes of it, out of the kernel's page cache */
    QBK_FUNCTION = 17,        /* struct qbk_function: what a number of a hooked function stands for */
    QBK_FUNCTION_ENTER = 18,  /* struct qbk_function_enter: a hooked function begins */
    QBK_FUNCTION_RETURN = 19, /* struct qbk_function_return: … and ends */
    QBK_CODE = 20,            /* struct qbk_code: instructions that records to come refer to */
    QBK_BLOCKS = 21,          /* struct qbk_blocks: what a thread executed, in order */
    QBK_LAYER = 22,           /* struct qbk_layer: memory that a program wrote is about to run */
    QBK_LAYER_BYTES = 23,     /* struct qbk_layer_bytes: bytes of it */
    QBK_MAPPING = 24,         /* struct qbk_mapping: a file is mapped as code */
    QBK_TYPES
};

/* The header of every record: 32 bytes. */
struct qbk_record {
    uint32_t size;    /* of the whole record, this header and padding included; a multiple of 8 */
    uint16_t type;    /* enum qbk_type */
    uint16_t vcpu;    /* the vCPU that wrote it, or QBK_NO_VCPU */
    uint64_t seq;     /* one order for the whole machine, from 1 up, without a hole */
    uint64_t time_ns; /* host real time, nanoseconds since 1970 */
    uint64_t thread;  /* the thread it is about: a number that qebek gives, never used twice in a trace; 0: none */
};

/* Which system-call interface a call came through: number space and register convention. */
enum qbk_abi {
    QBK_ABI_LINUX_X86_64 = 0,
    QBK_ABI_LINUX_I386 = 1,
    QBK_ABI_RAW = 2, /* the guest is not known: numbers and registers only, in System V order */
    QBK_ABI_NT_X64 = 3,
    QBK_ABI_NT_X86 = 4,
    QBK_ABIS
};

/* How a call ended. docs/record-format.md has the exact meaning of each. */
enum qbk_end {
    QBK_END_RETURNED = 0,
    QBK_END_NORETURN = 1,
    QBK_END_INTERRUPTED = 2,
    QBK_END_PENDING = 3,
    QBK_END_IN_FLIGHT = 4,
    QBK_END_THREAD_GONE = 5,
    QBK_END_MACHINE_GONE = 6,
    QBK_END_ORPHANED = 7,
    QBK_ENDS
};

/*
 * A piece of guest memory, or a name that the kernel's own objects gave. Snippets follow the fixed part of ENTER and
 * RETURN one after another, each padded to 8 bytes. Those of an ENTER were read at entry, those of a RETURN at return.
 */
enum qbk_snippet_kind {
    QBK_SNIP_MEM = 0, /* guest user memory at `addr` */
    QBK_SNIP_FD = 1,  /* the path that descriptor number `addr` stands for, not NUL-terminated */
    QBK_SNIP_CWD = 2, /* the thread's working directory; addr 0 */
    QBK_SNIP_EXE = 3, /* path of the image that an exec started; addr 0 */
    QBK_SNIP_RAN = 4, /* of a RETURN: what the kernel ran instead (struct qbk_ran); addr 0 */
    /* NT: what handle `addr` stands for: its type, NUL, its name (UTF-8, not terminated; empty if it has none) */
    QBK_SNIP_HANDLE = 5,
    QBK_SNIP_ORIGIN = 6, /* of an ENTER with QBK_ENTER_DIRECT: struct qbk_origin; addr 0 */
    /* of calls of functions; `arg` is the number of the value (struct qbk_prototype), MEM is what that leads to */
    QBK_SNIP_VALUE = 7, /* the value itself, which lies in memory at `addr` */
    QBK_SNIP_PATH = 8,  /* the path of the kernel's object at `addr`, not terminated */
    QBK_SNIP_KINDS
};

#define QBK_SNIP_TRUNCATED 0x1u /* more was there than the capture limit allows: `full` says how much */
#define QBK_SNIP_FAULT     0x2u /* memory after `have` bytes was not mapped (not resident) when read */
#define QBK_SNIP_STRING    0x4u /* read as a NUL-terminated string; the NUL is included in the bytes if it was reached */

/* A tracer, or a filter of the program's own, changed a call between the program and the kernel, or kept it back. */
struct qbk_ran {
    int64_t nr; /* of the same interface; -1: nothing was run */
    uint64_t args[6];
};

/* NT: a call that neither ntdll nor win32u made. Followed by the name of the image, not terminated, hostile; none: the
 * code is no image's. "?": of an image that has no name. */
struct qbk_origin {
    uint64_t address;
};

struct qbk_snippet {
    uint64_t addr; /* guest virtual address, or a descriptor number (see the kinds) */
    uint64_t full; /* the full length in bytes; of a string that was cut: a lower bound */
    uint32_t have; /* bytes that follow this header, before padding */
    uint8_t kind;  /* enum qbk_snippet_kind */
    uint8_t flags; /* QBK_SNIP_* */
    uint8_t arg;   /* the argument (0-based) that led here, or 0xff */
    uint8_t level; /* 0: the argument points here; 1: an element that it points at does (iovec, argv), and so on */
};

#define QBK_ENTER_HAS_IP 0x1u /* `ip` and `sp` were read */
/* The thread was already inside this call when tracing began: number and arguments as the kernel kept them, and no
 * snippets. */
#define QBK_ENTER_JOINED 0x2u
#define QBK_ENTER_DIRECT 0x4u /* NT: a direct system call: made by neither ntdll nor win32u */

/* A call begins. Its name for others is its sequence number. Followed by nargs uint64_t, then snippets. */
struct qbk_enter {
    struct qbk_record h;
    uint64_t ip; /* address after the instruction, if QBK_ENTER_HAS_IP */
    uint64_t sp;
    uint32_t nr;   /* as the caller gave it */
    uint8_t abi;   /* enum qbk_abi */
    uint8_t nargs; /* 0 to 20 */
    uint8_t flags; /* QBK_ENTER_* */
    uint8_t depth; /* calls of this thread already in flight below this one */
    uint64_t args[];
};

#define QBK_RETURN_HAS_RESULT 0x1u /* `result` is what the kernel returned (also an internal restart code, -512 …) */
#define QBK_RETURN_HANDLER    0x2u /* the thread went on in a signal handler (or other dispatcher) */
#define QBK_RETURN_RESTART    0x4u /* the kernel rewound the program to make the call again */

/* A call ends. Followed by snippets. */
struct qbk_return {
    struct qbk_record h;
    uint64_t call;   /* seq of its ENTER */
    uint64_t result; /* register value, if QBK_RETURN_HAS_RESULT */
    uint32_t nr;     /* repeated, so that a stream can be read from the middle */
    uint8_t abi;
    uint8_t end;   /* enum qbk_end */
    uint8_t flags; /* QBK_RETURN_* */
    uint8_t depth;
};

/* By what it was seen that a pending operation is done. */
enum qbk_completion_how {
    QBK_COMPLETION_STATUS_BLOCK = 0, /* a look at its status block, at a later call of its process */
    QBK_COMPLETION_EVENT = 1,        /* a wait for its event came to its end */
    QBK_COMPLETION_HANDLE = 2,       /* a wait for the file's handle did */
    QBK_COMPLETION_APC = 3,          /* its APC is delivered */
    QBK_COMPLETION_PORT = 4,         /* it was taken from a completion port */
    QBK_COMPLETION_HOWS
};

/*
 * NT: what a call that ended as `pending` had begun is done. `h.thread` is the thread that it was noticed in. Followed
 * by snippets: what the operation left in the program's memory, of the call's own arguments.
 */
struct qbk_completion {
    struct qbk_record h;
    uint64_t call;        /* seq of its ENTER */
    uint64_t caller;      /* number of the thread that made the call */
    uint64_t information; /* how much was transferred, mostly */
    uint32_t status;      /* the final NTSTATUS */
    uint32_t nr;          /* as in the ENTER */
    uint8_t abi;
    uint8_t how; /* enum qbk_completion_how */
    uint16_t reserved;
    uint32_t reserved2;
};

enum qbk_thread_why {
    QBK_THREAD_BORN = 0,   /* made by `parent_thread` (clone, fork, vfork) */
    QBK_THREAD_SEEN = 1,   /* existed before; first noticed now */
    QBK_THREAD_EXEC = 2,   /* runs a new image */
    QBK_THREAD_CHANGED = 3 /* name, ids or parent changed */
};

/* Who a thread is, from here on until the next such record. `h.thread` is the thread described. */
struct qbk_thread {
    struct qbk_record h;
    uint64_t object;        /* address of the kernel's thread object (task_struct, ETHREAD), or 0 */
    uint64_t start_time_ns; /* guest's own clock since its boot, or 0 */
    uint64_t parent_thread; /* qebek's number of the creating thread, or 0 */
    uint64_t page_table;    /* CR3 where nothing else is known, or 0 */
    int32_t pid;            /* process (tgid), as the initial pid namespace counts; -1: not known */
    int32_t tid;
    int32_t ppid;
    uint32_t uid; /* 0xffffffff: not known */
    uint32_t euid;
    uint32_t gid;
    uint8_t why; /* enum qbk_thread_why */
    uint8_t os;  /* enum qbk_abi's family: 0 Linux, 1 NT, 2 unknown */
    uint16_t reserved;
    uint32_t reserved2;
    char comm[32]; /* NUL-padded; hostile bytes */
    /* the same numbers in the thread's own pid namespace; 0: that is the initial one, or not known */
    int32_t ns_pid;
    int32_t ns_tid;
};

#define QBK_EXIT_GROUP 0x1u /* the whole process ends (exit_group, a deadly signal): the status is the process's */
/* Nothing tells whether it ended: of a guest that is not known, qebek forgets who has made no call for long. */
#define QBK_EXIT_FORGOTTEN 0x2u
/* NT: it has ended, and nothing tells with which status. */
#define QBK_EXIT_UNKNOWN 0x4u
/* NT: its process goes on, though perhaps with threads that nothing was seen of yet. */
#define QBK_EXIT_ALONE 0x8u

struct qbk_thread_exit {
    struct qbk_record h;
    int32_t status; /* Linux: as wait(2) has it: signal in bits 0-6, 0x80 core dumped, exit code in bits 8-15; NT: the
                       NTSTATUS */
    uint32_t flags; /* QBK_EXIT_* */
};

enum qbk_signal_how {
    QBK_SIGNAL_HANDLER = 0, /* a handler of the program runs */
    QBK_SIGNAL_FATAL = 1,   /* kills the process */
    QBK_SIGNAL_OTHER = 2,   /* taken from the queue; neither of the above was seen (stop, continue, ignored) */
    QBK_SIGNAL_STOPPED = 3  /* the thread stops for it; no info */
};

/* A signal reaches a thread. The fields are those of the kernel's siginfo; `info` is its beginning as it lay there. */
struct qbk_signal {
    struct qbk_record h;
    int32_t signo;
    int32_t code;
    int32_t err;
    uint8_t how; /* enum qbk_signal_how */
    uint8_t info_len;
    uint16_t reserved;
    uint8_t info[48];
};

/* qbk_name.fd of a path that is no descriptor's: the image that the thread's process runs (after an exec). */
#define QBK_NAME_EXE UINT64_MAX
/* … and of the control group that its process is in, from the root of the unified hierarchy (cgroup v2). */
#define QBK_NAME_CGROUP (UINT64_MAX - 1)
/* … NT: its command line, in UTF-8 (half a surrogate pair as three bytes), and its user, as a SID in letters. */
#define QBK_NAME_COMMAND (UINT64_MAX - 2)
#define QBK_NAME_USER    (UINT64_MAX - 3)
/* … its standard handles as it was started: input, output, error, in decimal with a blank between them; 0: none. */
#define QBK_NAME_STANDARD (UINT64_MAX - 4)

/* A descriptor of the thread's process now stands for a path; the path follows, `len` bytes. */
struct qbk_name {
    struct qbk_record h;
    uint64_t fd;
    uint32_t len;
    uint32_t reserved;
    char path[];
};

enum qbk_object_kind {
    QBK_OBJECT_FILE = 0,   /* no more is known than what every file has */
    QBK_OBJECT_TTY = 1,    /* a terminal, or one side of a pseudo-terminal */
    QBK_OBJECT_SOCKET = 2, /* a socket */
    QBK_OBJECT_KINDS
};

enum qbk_object_why {
    QBK_OBJECT_USED = 0,     /* about to be used by a call: told at first sight, and when anything below changed */
    QBK_OBJECT_INSTALLED = 1 /* the kernel is just making the descriptor (open, accept, dup …; not dup2) */
};

enum qbk_tty_side {
    QBK_TTY_TERMINAL = 0, /* a terminal of its own: serial line, virtual console */
    QBK_TTY_MASTER = 1,   /* of a pseudo-terminal: what a terminal emulator or sshd holds */
    QBK_TTY_SLAVE = 2     /* … and what programs have for their terminal */
};

/* qbk_object.lflag and oflag (include/uapi/asm-generic/termbits.h). */
#define QBK_TTY_ICANON 0x2u
#define QBK_TTY_ECHO   0x8u
#define QBK_TTY_OPOST  0x1u
#define QBK_TTY_ONLCR  0x4u

/*
 * What descriptor `fd` of the thread `h.thread` stands for, from here on until the next such record for the same two.
 * Out of the kernel's objects, never from a name. A member that does not belong to `kind` is 0.
 */
struct qbk_object {
    struct qbk_record h;
    uint64_t file;  /* address of the open file description: descriptors that share one have the same */
    uint64_t inode; /* number of the inode */
    uint32_t fd;
    uint32_t mode;                /* st_mode: type and permissions */
    uint32_t dev_major;           /* of the filesystem */
    uint32_t dev_minor;           /* … */
    uint32_t rdev_major;          /* of a device file */
    uint32_t rdev_minor;          /* … */
    uint8_t kind;                 /* enum qbk_object_kind */
    uint8_t why;                  /* enum qbk_object_why */
    uint8_t state;                /* SOCKET: TCP's states (1: established, 10: listening), of other sockets alike */
    uint8_t reserved;             /* 0 */
    uint16_t family;              /* SOCKET: AF_… */
    uint16_t socket_type;         /* SOCKET: SOCK_… */
    uint16_t protocol;            /* SOCKET: IPPROTO_…, or the family's own */
    uint16_t local_port;          /* SOCKET: of AF_INET and AF_INET6; host order; 0: none */
    uint16_t peer_port;           /* … */
    uint16_t tty_side;            /* TTY: enum qbk_tty_side */
    uint16_t tty_major;           /* TTY: the major device number of its driver */
    uint16_t rows;                /* TTY: the window's size; 0: not set */
    uint16_t columns;             /* … */
    uint16_t reserved2;           /* 0 */
    uint8_t local_address[16];    /* SOCKET: of AF_INET the first 4 bytes count */
    uint8_t peer_address[16];     /* … all 0: none */
    uint64_t tty;                 /* TTY: address of the terminal (tty_struct) */
    uint64_t tty_other;           /* … of a pseudo-terminal's other side; 0: none */
    uint32_t tty_index;           /* … its number with its driver, the N of /dev/pts/N */
    uint32_t iflag, oflag, lflag; /* … its modes; of a pseudo-terminal's master: those of the slave */
};

enum qbk_file_why {
    QBK_FILE_OPENED = 0,  /* a descriptor that may write is being made; no bytes follow */
    QBK_FILE_CLOSED = 1,  /* the last descriptor or mapping of an open that could write is gone */
    QBK_FILE_STARTED = 2, /* it is the image that the thread starts */
    QBK_FILE_RUN = 3      /* an image's, a script's or an interpreter's use by an exec is over */
};

#define QBK_FILE_IN_MEMORY 0x1u /* of a file system that holds all it has in memory: what is not there is zeros */
#define QBK_FILE_PAGES     0x2u /* QBK_PAGES records with the same `look` follow */
#define QBK_FILE_REPEATED  0x4u /* … do not, because the file was looked at often, and is large */

/* A regular file as the kernel has it at this moment. The path follows, `len` bytes. */
struct qbk_file {
    struct qbk_record h; /* `thread` is 0 where nobody's call leads here */
    uint64_t look;       /* a number of its own */
    uint64_t file;       /* address of the open file description */
    uint64_t inode;
    uint64_t size;      /* bytes of the file */
    uint64_t mtime_sec; /* last change, by the guest's clock */
    uint32_t mtime_nsec;
    uint32_t dev_major;
    uint32_t dev_minor;
    uint32_t mode;  /* st_mode */
    uint32_t links; /* names that it has */
    uint32_t len;
    uint8_t why;   /* enum qbk_file_why */
    uint8_t flags; /* QBK_FILE_* */
    uint16_t reserved;
    uint32_t reserved2;
    char fs[16]; /* the file system's type, filled up with NUL */
    char path[];
};

#define QBK_PAGES_LAST 0x1u /* the look is over; `sent` and `absent` count, no bytes */

/* `len` bytes of the file from `offset` on. Only what the kernel has in memory, up to the limit that was asked for. */
struct qbk_pages {
    struct qbk_record h;
    uint64_t look;
    uint64_t offset;
    uint64_t sent;   /* LAST: bytes in all records of this look */
    uint64_t absent; /* LAST: pages below the size and the limit that were there and could not be read */
    uint32_t len;
    uint32_t flags; /* QBK_PAGES_* */
    uint8_t bytes[];
};

/* ---- functions ---- */

enum qbk_convention {
    QBK_CALL_SYSV = 0,      /* 64-bit code of Linux and its like */
    QBK_CALL_MICROSOFT = 1, /* 64-bit code of Windows */
    QBK_CALL_CDECL = 2,     /* 32-bit code: all arguments on the stack */
    QBK_CALL_STDCALL = 3,   /* … and the function takes them off */
    QBK_CALL_FASTCALL = 4,  /* the first two that are no longer than a word in ecx and edx, the rest as with stdcall */
    QBK_CALL_CONVENTIONS
};

enum qbk_value_kind {
    QBK_VALUE_VOID = 0,
    QBK_VALUE_INT = 1,  /* with a sign */
    QBK_VALUE_UINT = 2, /* without */
    QBK_VALUE_BOOL = 3,
    QBK_VALUE_CHAR = 4,   /* one byte, shown as a character */
    QBK_VALUE_HEX = 5,    /* also pointers to what is not looked at */
    QBK_VALUE_ENUM = 6,   /* `items` has its names */
    QBK_VALUE_STRUCT = 7, /* by value; as a member: `length` bytes of it are told */
    /* pointers to what is looked at */
    QBK_VALUE_STRING = 8,  /* bytes up to a NUL */
    QBK_VALUE_WIDE = 9,    /* the same of 16-bit characters */
    QBK_VALUE_BYTES = 10,  /* as many as `length`, `length_of` and `most_of` say */
    QBK_VALUE_FILE = 11,   /* Linux: struct file, told by its path … */
    QBK_VALUE_PATH = 12,   /* … struct path, */
    QBK_VALUE_DENTRY = 13, /* … struct dentry: its names up to the root of its file system */
    QBK_VALUE_TO_INT = 14, /* a number of `length` bytes, with a sign */
    QBK_VALUE_TO_UINT = 15,
    QBK_VALUE_CHARS = 16, /* no pointer: `length` characters in place, up to a NUL; only members */
    QBK_VALUE_KINDS
};

/* Where a value is when the function's first instruction runs; a result: when the one behind the call does. */
enum qbk_place {
    QBK_PLACE_RAX = 0,
    QBK_PLACE_RCX = 1,
    QBK_PLACE_RDX = 2,
    QBK_PLACE_RSI = 3,
    QBK_PLACE_RDI = 4,
    QBK_PLACE_R8 = 5,
    QBK_PLACE_R9 = 6,
    QBK_PLACE_STACK = 7, /* `offset` bytes above the stack pointer, which points at the return address */
    QBK_PLACES
};

#define QBK_NO_VALUE        0xffu
#define QBK_RESULT_AS_VALUE 0xfeu /* length_of: the function's result says how many */

#define QBK_VALUE_AT_ENTRY  0x1u  /* what it leads to is read at the beginning … */
#define QBK_VALUE_AT_RETURN 0x2u  /* … and/or when it has returned */
#define QBK_VALUE_MAY_FAIL  0x4u  /* a result: -4095 to -1 are Linux's errors */
#define QBK_VALUE_FIELD     0x8u  /* lies in the bytes of the struct that value `from` is, at `offset` */
#define QBK_VALUE_POINTS    0x10u /* FILE, PATH, DENTRY as a member: a pointer to it lies there, not the object itself */
#define QBK_VALUE_STANDS    0x20u /* a member that is shown in the place of what value `from` leads to */
#define QBK_VALUE_MORE      0x40u /* a struct that has more fields than are told */

/*
 * A value of a function. A member (`from` is another value) lies at: that value + step[0]; then, for each further
 * step, the pointer that lies there + step. Where memory is in its way the last place is looked at once.
 */
struct qbk_value {
    uint16_t name, type; /* among the prototype's names; a type only of ENUM and STRUCT */
    uint8_t kind;        /* enum qbk_value_kind */
    uint8_t size;        /* bytes of the value itself; 0: none, or larger than 255 */
    uint8_t flags;       /* QBK_VALUE_* */
    /* BYTES: the least of what the first two say (numbers of arguments, QBK_RESULT_AS_VALUE, or QBK_NO_VALUE) and, if
     * it is not 0, of `length` */
    uint8_t length_of;
    uint32_t length;
    uint8_t place; /* enum qbk_place, of arguments and the result */
    uint8_t words; /* 2: the next word, or for a result rdx, has the upper half */
    uint8_t from;  /* number of the value that leads here, or QBK_NO_VALUE */
    uint8_t steps; /* of a member: 1 to 8; else 0 */
    uint16_t offset;
    uint16_t step;   /* number of its first step among the prototype's */
    uint16_t item;   /* of its first item among the prototype's … */
    uint16_t items;  /* … and how many it has */
    uint8_t bit;     /* a field of less than whole bytes: its first bit, from that of `offset` … */
    uint8_t bits;    /* … and how many; 0: it is no such field */
    uint8_t most_of; /* see length_of */
    uint8_t reserved;
    uint32_t reserved2;
};

/* A name of a value of an enumeration. */
struct qbk_item {
    int64_t value;
    uint32_t name;
    uint32_t reserved;
};

#define QBK_PROTOTYPE_VARIADIC 0x1u /* more arguments may follow, which are not told */
#define QBK_FUNCTION_ARGS_MAX  20u
#define QBK_VALUES_MAX         96u
#define QBK_FUNCTION_STEPS_MAX 8u /* of one value */

/*
 * What the values of a function are, at a multiple of 8. Followed by n_values struct qbk_value: its arguments, then
 * members that were asked for, each behind what leads to it, and last the result; by n_items struct qbk_item; by
 * n_steps uint32_t; by text_len bytes of names, each ended by NUL, the first one empty.
 */
struct qbk_prototype {
    uint32_t size;      /* of all that, in bytes */
    uint8_t convention; /* enum qbk_convention */
    uint8_t flags;      /* QBK_PROTOTYPE_* */
    uint8_t n_args;
    uint8_t n_values;
    uint16_t n_items, n_steps;
    uint16_t pops; /* bytes of arguments that the function itself takes off the stack */
    uint16_t text_len;
};

/*
 * The function `id` of the records that follow, until another record gives that number anew (after a reboot). Its name
 * follows, `name_len` bytes, then that of its module, `module_len` bytes; 0: the kernel itself. Then, from the next
 * multiple of 8 on, a struct qbk_prototype, if the record does not end there.
 */
struct qbk_function {
    struct qbk_record h; /* `thread` is 0 */
    uint64_t address;    /* in the guest's kernel */
    uint32_t id;
    uint16_t name_len;
    uint16_t module_len;
    char names[];
};

/*
 * A call of a hooked function begins; its name for others is its sequence number. nargs uint64_t follow, then snippets.
 */
struct qbk_function_enter {
    struct qbk_record h; /* `thread` is 0 for threads of the kernel's own */
    uint64_t object;     /* address of the thread's object in the kernel: tells those apart */
    uint64_t sp;         /* stack pointer at the first instruction, where the return address lies */
    uint64_t ret;        /* return address */
    uint32_t function;   /* id */
    uint32_t depth;      /* calls of hooked functions that this thread has in flight below it */
    uint8_t nargs;       /* those of its prototype; where it has none: registers that may hold arguments */
    uint8_t reserved[3];
    uint32_t unread; /* bit i: argument i lies in memory that could not be read; 0 stands in its place */
    uint64_t args[]; /* of a value longer than 8 bytes the lower ones */
};

enum qbk_function_end {
    QBK_FUNCTION_RETURNED = 0,
    QBK_FUNCTION_UNWOUND = 1,      /* left behind: what is below it on its stack is in use for something else */
    QBK_FUNCTION_IN_FLIGHT = 2,    /* when tracing stopped */
    QBK_FUNCTION_THREAD_GONE = 3,  /* its thread ended inside */
    QBK_FUNCTION_MACHINE_GONE = 4, /* the machine was reset */
    QBK_FUNCTION_EVICTED = 5,      /* the thread has more calls in flight than qebek keeps: the oldest is given up */
    QBK_FUNCTION_ENTRY_ONLY = 6,   /* there is no return address at its beginning, as in the kernel's entry code */
    QBK_FUNCTION_ENDS
};

/* Such a call ends. Followed by snippets. */
struct qbk_function_return {
    struct qbk_record h;
    uint64_t call;     /* seq of its FUNCTION_ENTER */
    uint64_t result;   /* the register of results, of RETURNED; else 0 */
    uint32_t function; /* id, repeated */
    uint8_t end;       /* enum qbk_function_end */
    uint8_t reserved[3];
};

#define QBK_CODE_32 0x1u /* who executed it first had a 32-bit code segment */

/*
 * A block of code: instructions that lie one behind another, as QEMU translated them. `len` bytes of code follow, then
 * `insns` bytes: the length of each instruction. The same block may be at several addresses.
 */
struct qbk_code {
    struct qbk_record h; /* `thread` is 0 */
    uint32_t id;         /* not 0; never given to other code in the same trace */
    uint32_t len;        /* not 0 */
    uint16_t offset;     /* of the first instruction in its page of 4,096 bytes */
    uint16_t insns;      /* not 0; their lengths add up to `len` */
    uint32_t flags;      /* QBK_CODE_* */
    uint8_t bytes[];
};

#define QBK_BLOCK_CUT     0x1u /* not all of its instructions were executed: an exception came before */
#define QBK_BLOCK_UNKNOWN 0x2u /* … and nothing tells how many: 0 to all */
#define QBK_BLOCK_32      0x4u /* the code of a 32-bit segment */

/* The thread executed the first `insns` instructions of a block. */
struct qbk_block {
    uint64_t pc;    /* of its first instruction */
    uint32_t code;  /* id of a record before this one; 0: there was no room to keep its code */
    uint16_t insns; /* executed; 0 where that is not known */
    uint16_t flags; /* QBK_BLOCK_* */
};

/* What a watched thread executed, in order, since the last such record of it. `count` blocks follow. */
struct qbk_blocks {
    struct qbk_record h;
    uint32_t count;
    uint32_t reserved;
    struct qbk_block block[];
};

enum qbk_mapping_why {
    QBK_MAPPING_MAPPED = 0,    /* now: mmap, mprotect, exec, mremap */
    QBK_MAPPING_FOUND = 1,     /* it was there when its process was first seen */
    QBK_MAPPING_INHERITED = 2, /* fork copied it; `thread` is 0 */
    QBK_MAPPING_WHYS
};

/*
 * Code of a file lies at addresses `start` up to `end` of a process, in place of what was there before. The path
 * follows, `len` bytes.
 */
struct qbk_mapping {
    struct qbk_record h;
    uint64_t space; /* address of the kernel's mm_struct: threads, and after vfork processes, that share memory */
    uint64_t start;
    uint64_t end;    /* the first address behind it */
    uint64_t offset; /* of `start` in the file */
    uint64_t inode;
    uint32_t dev_major;
    uint32_t dev_minor;
    int32_t pid;   /* process (tgid); -1: not known */
    uint32_t file; /* a number of its own for each file, and each state of it (size, time of change) */
    uint32_t len;
    uint8_t why; /* enum qbk_mapping_why */
    uint8_t reserved[3];
    char path[];
};

#define QBK_LAYER_BY_KERNEL 0x1u /* the kernel wrote it for the program, as by read(2) */
#define QBK_LAYER_32        0x2u /* it runs as 32-bit code */
#define QBK_LAYER_CUT       0x4u /* what belongs to it is larger than what is taken at a time */
#define QBK_LAYER_AGAIN     0x8u /* its surroundings were taken before: only pages that were written since then follow */
#define QBK_LAYER_MORE      0x10u /* more ranges were written than are told */

#define QBK_PROT_READ  0x1u
#define QBK_PROT_WRITE 0x2u
#define QBK_PROT_EXEC  0x4u

struct qbk_layer_range {
    uint64_t start;
    uint64_t len;
};

struct qbk_layer_mapping {
    uint64_t start;
    uint64_t end;  /* the first address behind it */
    uint32_t prot; /* QBK_PROT_* */
    uint32_t file; /* 1: a file is mapped there */
};

/*
 * Memory of the thread's process that the process wrote is about to run. Followed by n_ranges struct
 * qbk_layer_range, what was written, in order; then by n_mappings struct qbk_layer_mapping, how it is mapped. The
 * bytes come in LAYER_BYTES records of the same thread with the same number.
 */
struct qbk_layer {
    struct qbk_record h;
    uint64_t number;  /* of its own, from 1 up in a trace */
    uint64_t start;   /* what is taken: addresses, whole pages */
    uint64_t size;    /* … bytes */
    uint64_t entry;   /* the instruction that is about to run */
    uint64_t from;    /* the first one of the block of instructions that ran before it in this thread; 0: not known */
    uint64_t writer;  /* the instruction that wrote what is about to run; BY_KERNEL: of the block that led there */
    uint64_t written; /* bytes in it that the process wrote */
    uint32_t layer;   /* 1: written by code that came from a file; n + 1: by code of layer n */
    uint32_t flags;   /* QBK_LAYER_* */
    uint32_t n_ranges;
    uint32_t n_mappings;
};

#define QBK_LAYER_LAST 0x1u /* all has been told; no bytes */

struct qbk_layer_bytes {
    struct qbk_record h;
    uint64_t number;
    uint64_t address;
    uint64_t sent; /* LAST: bytes in all records of this number */
    uint32_t len;
    uint32_t flags; /* QBK_LAYER_LAST */
    uint8_t bytes[];
};

enum qbk_gap_reason {
    QBK_GAP_FULL = 0,  /* the reader was too slow (lossy mode), or stood still for longer than the limit */
    QBK_GAP_DEAD = 1,  /* no reader */
    QBK_GAP_LARGE = 2, /* a record would have been longer than QBK_RECORD_MAX */
    QBK_GAP_INTERNAL = 3
};

/* `records` records with `bytes` bytes were lost before this one, by vCPU h.vcpu. */
struct qbk_gap {
    struct qbk_record h;
    uint64_t records;
    uint64_t bytes;
    uint32_t reason; /* enum qbk_gap_reason */
    uint32_t reserved;
    uint64_t enters;  /* how many of the records were ENTER … */
    uint64_t returns; /* … and RETURN: `check` needs it to balance */
};

/* META, GUEST: `len` bytes of "key\0value\0" pairs. ERROR, LOG: `len` bytes of text. */
struct qbk_text {
    struct qbk_record h;
    uint32_t len;
    uint32_t reserved;
    char text[];
};

/* Counters of the plugin, in this order; a newer qebek may add some at the end. */
enum qbk_counter {
    QBK_COUNT_ENTRIES,                            /* calls that a record was begun for */
    QBK_COUNT_END_FIRST,                          /* eight, indexed by enum qbk_end */
    QBK_COUNT_END_LAST = QBK_COUNT_END_FIRST + 7, /* … */
    QBK_COUNT_JOINED,                             /* threads first seen inside a call */
    QBK_COUNT_LOST_RECORDS,                       /* sum of all gaps */
    QBK_COUNT_SITE_ENTRIES,       /* executions of system-call instructions from user mode, counted inline */
    QBK_COUNT_UNWATCHED,          /* of these: nobody asked for */
    QBK_COUNT_BEFORE_START,       /* of these: before tracing began or while it was stopped */
    QBK_COUNT_REFUSED,            /* of these: did not become a call (from kernel mode, repeated after a fault) */
    QBK_COUNT_SITE_RETURNS,       /* executions of return instructions, counted inline; most are no returns of calls */
    QBK_COUNT_SWITCHES,           /* context switches seen */
    QBK_COUNT_IDENTITY_READS,     /* current thread read from guest memory */
    QBK_COUNT_IDENTITY_COMPARED,  /* … and compared with the one learnt at switches */
    QBK_COUNT_IDENTITY_DIFFERENT, /* must be 0 */
    QBK_COUNT_THREADS_BORN,
    QBK_COUNT_THREADS_GONE,
    QBK_COUNT_SIGNALS,
    QBK_COUNT_RESETS,        /* machine resets noticed */
    QBK_COUNT_EPOCHS,        /* times all instrumentation was renewed */
    QBK_COUNT_WAITS,         /* times a vCPU waited for the reader */
    QBK_COUNT_WAIT_NS,       /* … and for how long in all */
    QBK_COUNT_PARTIAL_READS, /* snippets cut by memory that was not mapped */
    QBK_COUNT_NO_ROOM,       /* of the site's entries: asked for, but qebek has no room for more threads or calls */
    QBK_COUNT_COMPLETIONS,   /* of calls that ended as pending */
    QBK_COUNTERS
};

struct qbk_summary {
    struct qbk_record h;
    uint32_t count; /* how many counters follow */
    uint32_t reserved;
    uint64_t counter[];
};

#endif
