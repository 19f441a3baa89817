/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables of services: for each number of each ABI its name, its arguments, what they point at and how long that is.
 * Data only. The plugin uses a row to know what to copy, the printers use the same row to know what to print.
 */
#ifndef QEBEK_DECODE_DECODE_H
#define QEBEK_DECODE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qebek/record.h"

#define DECODE_ARGS_MAX 20

#define DECODE_WAIT_STATUS 0xffffu /* decode_arg.set of a T_INTP that holds a status of wait(2) */
#define DECODE_SIGNAL      0xfffeu /* decode_arg.set of a T_INTP that holds a signal's number */
#define DECODE_HEX_WORD    0xfffcu /* … a word that is shown in hexadecimal */
#define DECODE_TEXT        2u      /* decode_arg.set of a T_BUF whose trailing NUL is left out */
#define DECODE_ADDRESS     0xfffdu /* decode_arg.set of a T_LONGP that holds an address */
#define DECODE_HANDLE      0xfffbu /* decode_arg.set of a T_LONGP that holds NT handles */
#define DECODE_NTSTATUS    0xfffau /* … of a T_INTP that holds an NTSTATUS */
#define DECODE_UNSIGNED    0xfff8u /* … a number without a sign */
#define DECODE_TIMEOUT     0xfff9u /* … of a T_LONGP that holds a time to wait, in NT's units of 100 ns */
#define DECODE_FILE_TYPE   1u      /* decode_arg.set of a T_MODE that has a type of file */
#define DECODE_HOST_NAME   4u      /* decode_arg.set of a T_BUF that is not looked at where it has more than 64 bytes */
#define DECODE_SIZE_QUERY  3u      /* decode_arg.set of a T_BUF that is not looked at where its size is 0 */
#define DECODE_HEX_BYTES   1u      /* decode_arg.set of a T_BUF that is always shown in hexadecimal */
#define DECODE_ENVIRONMENT 1u /* decode_arg.set of a T_STRV that is an environment, of which only the size is shown */

/* What an argument is. The first group are values, the second points at user memory. */
enum decode_type {
    T_NONE = 0,
    T_INT,   /* signed 32 bits, decimal */
    T_UINT,  /* unsigned 32 bits, decimal */
    T_LONG,  /* signed, machine word */
    T_ULONG, /* unsigned, machine word, decimal */
    T_HEX,   /* machine word, hexadecimal */
    T_ERROR, /* an error's number, negative, by name */
    T_PAGES, /* an offset in pages, shown in bytes */
    T_SIZE,  /* size_t, decimal */
    T_OFF,   /* file offset, signed 64 bits */
    T_FD,    /* file descriptor */
    T_DIRFD, /* file descriptor or AT_FDCWD */
    T_PID,
    T_UID, /* -1 shown as -1 */
    T_GID,
    T_MODE,        /* permission bits, octal; file type by name where there is one */
    T_DEV,         /* makedev(major, minor) */
    T_SIGNAL,      /* signal number by name */
    T_FLAGS,       /* bits, by `set` */
    T_ENUM,        /* one value, by `set` */
    T_ADDR,        /* an address whose memory is not looked at; NULL shown as NULL */
    T_UNUSED,      /* passed in a register that the call ignores: not shown */
    T_HIGH,        /* the upper half of the 64-bit value whose lower half is the argument before */
    T_HIGH_NEXT,   /* the upper half of the 64-bit value whose lower half is the next argument */
    T_INNER,       /* fields of structs only: the struct that `set` names, in place */
    T_CHARS,       /* fields only: characters in place, up to a NUL */
    T_CLOCK,       /* clock_t, in ticks */
    T_NUMBERED,    /* one value, by `set`: the number (unit 16: in hexadecimal), and the name as a comment */
    T_INT_IF,      /* signed 32 bits, shown only where argument `len` has one of the bits of `unit` */
    T_ENUM_IF,     /* by `set` where argument `len` has a value whose bit is set in `unit`, else hexadecimal */
    T_HANDLER,     /* what a signal does: SIG_DFL, SIG_IGN or a function */
    T_KVERSION,    /* three numbers of a version in 32 bits */
    T_QCMD,        /* command and type of quotactl */
    T_KEY,         /* a number, the special ones of `set` by name: a key or keyring */
    T_FAN_DFD,     /* as T_DIRFD, and FAN_NOFD for -1 */
    T_ETHER,       /* a protocol in network order */
    T_IPC_FLAGS,   /* bits by `set`, then permission bits in octal */
    T_IOPRIO,      /* class and data of an I/O priority */
    T_USER_OFFSET, /* a place in struct user: a register by name */
    T_WAKE_OP,     /* what FUTEX_WAKE_OP does, in 32 bits */
    T_HANDLE,      /* NT: a handle; the process and the thread themselves, and their tokens, by name */
    T_STATUS,      /* NT: an NTSTATUS by name */
    T_BOOL,        /* NT: TRUE or FALSE, of 8 bits */
    T_CONTROL, /* NT: a code of NtDeviceIoControlFile or NtFsControlFile; those without a name in `set` by their fields
                */

    T_POINTERS,          /* marker: from here on the argument points at memory that `dir` and the length tell to copy */
    T_PATH = T_POINTERS, /* NUL-terminated path, at most 4096 */
    T_STR,               /* NUL-terminated string */
    T_BUF,               /* bytes */
    T_WTEXT,             /* UTF-16 text, not terminated; its length is in bytes */
    T_STRV,              /* NULL-terminated vector of strings (argv, envp) */
    T_IOVEC,             /* vector of struct iovec, `len` elements; the buffers: bytes in all as `total` tells */
    T_INTP,              /* array of int (4 bytes each); pipe's two descriptors: T_FDP */
    T_FDP,               /* array of descriptors */
    T_LONGP,             /* array of machine words */
    T_STRUCT,            /* structs that `set` names; shown as an address where no printer knows them */
    DECODE_TYPES
};

/*
 * DIR_BEFORE: read and written, but shown as it was before the call. DIR_INTERRUPTED: written only when a signal cut
 * the call short (the time that nanosleep has left).
 */
enum decode_dir {
    DIR_NONE = 0,
    DIR_IN = 1,
    DIR_OUT = 2,
    DIR_INOUT = 3,
    DIR_BEFORE = 4,
    DIR_INTERRUPTED = 8,
    DIR_EVEN_FAILED = 16,
    DIR_UNLESS_NULL = 32 /* where the pointer is NULL nothing is left to be told after the call */
};

/* Where the length of what is pointed at comes from; the unit is `unit` bytes. */
enum decode_len {
    L_NONE = 0,
    L_FIXED,       /* `len` units */
    L_ARG,         /* argument `len` */
    L_RESULT,      /* the call's result, but not more than argument `len` (0xff: no such bound) */
    L_DEREF,       /* the 32-bit value that argument `len` points at (socklen_t *), as before or after the call */
    L_STRING,      /* up to the NUL */
    L_BITS,        /* argument `len` bits, in whole units */
    L_PAGES,       /* one unit for each page of argument `len` bytes */
    L_ARG_WORD,    /* one unit, and argument `len` bytes after it */
    L_RESULT_WORD, /* one unit, and as many bytes after it as the result says, no more than argument `len` */
    L_NT_IOSB,     /* what the IO_STATUS_BLOCK at argument `set` says after the call, no more than argument `len` */
    L_NT_RETURNED  /* the 32-bit value that argument `set` points at (if it is not NULL), no more than argument `len` */
};

/* `len` of an argument refers to the other arguments of the call, of a field to the other fields of the struct. */
struct decode_arg {
    const char *name;
    uint8_t type;     /* enum decode_type */
    uint8_t dir;      /* enum decode_dir */
    uint8_t len_from; /* enum decode_len */
    uint8_t len;
    uint16_t
        unit; /* bytes, 0 means 1; of a value: how many of its bytes count; of a string: how many are shown at most */
    uint16_t set; /* index for decode__set (T_FLAGS, T_ENUM) or decode__struct (T_STRUCT, T_INNER) */
};

enum decode_field_flags {
    FIELD_VERBOSE = 1u << 0, /* shown only where structs are not abbreviated (-v) */
    FIELD_NONZERO = 1u << 1  /* left out where it is zero */
};

/* A field of a struct: an argument that lies in memory. Pointers among them are followed as those in registers are. */
struct decode_field {
    struct decode_arg arg;
    uint16_t offset;
    uint16_t size;  /* bytes, of the whole field */
    uint16_t flags; /* enum decode_field_flags */
};

struct decode_struct {
    const char *name;
    uint16_t size; /* bytes; 0: always told by another argument */
    uint8_t nfields;
    const struct decode_field *field;
};

/* What the result is, when it is not an error. */
enum decode_result {
    R_INT = 0, /* decimal */
    R_HEX,     /* address */
    R_FD,      /* a new descriptor */
    R_PID,
    R_NONE, /* the call has none (exit) */
    R_MODE, /* octal (umask) */
    R_UINT,
    R_STATUS,  /* an NTSTATUS */
    R_ENUM,    /* decimal, and its name out of result_set */
    R_FLAGS,   /* hexadecimal, and its bits out of result_set */
    R_SIGNAL,  /* decimal, and the name of that signal, if it is not 0 */
    R_HEX_ENUM /* hexadecimal, and its name out of result_set */
};

enum decode_service_flags {
    DECODE_NORETURN = 1u << 0, /* ends its thread or process: exit, exit_group */
    DECODE_RESUMES = 1u << 1,  /* comes back with other registers: rt_sigreturn */
    DECODE_EXEC = 1u << 2,     /* on success runs a new image */
    DECODE_FORKS = 1u << 3,    /* on success there is a new thread */
    DECODE_REMAKES = 1u << 4   /* its descriptor stands for something else after it: another peer */
};

/* Classes as in `strace -e trace=%CLASS`. */
enum decode_class {
    C_FILE = 1u << 0, /* takes a file name */
    C_DESC = 1u << 1, /* takes or gives a descriptor */
    C_NETWORK = 1u << 2,
    C_PROCESS = 1u << 3,
    C_SIGNAL = 1u << 4,
    C_IPC = 1u << 5,
    C_MEMORY = 1u << 6,
    C_CREDS = 1u << 7,
    C_STAT = 1u << 8,
    C_LSTAT = 1u << 9,
    C_FSTAT = 1u << 10,
    C_STATFS = 1u << 11,
    C_FSTATFS = 1u << 12,
    C_CLOCK = 1u << 13,
    C_PURE = 1u << 14,      /* always succeeds, no arguments */
    C_STAT_LIKE = 1u << 15, /* as %%stat */
    C_STATFS_LIKE = 1u << 16,
    C_REGISTRY = 1u << 17
};

struct decode_service {
    const char *name; /* "openat" */
    uint8_t nargs;
    uint8_t result; /* enum decode_result */
    uint16_t flags; /* enum decode_service_flags */
    uint32_t classes;
    const struct decode_arg *arg; /* nargs of them */
    uint16_t result_set;          /* index for decode__set (R_ENUM, R_FLAGS) */
};

/*
 * Calls whose arguments depend on the value of one or two of them (fcntl, ioctl, …): other rows for some values. The
 * key is (argument first & mask), and argument second (if it is not 0xff) in the upper half; a row without an upper
 * half is also for all values of the second that have none of their own.
 */
struct decode_variant {
    uint64_t key;
    const struct decode_service *row;
};
struct decode_selector {
    uint8_t first, second;
    uint32_t mask;
    size_t count;
    const struct decode_variant *variant;
};

/*
 * The row of a number, or NULL. Any thread. NT's numbers differ between releases, so for its ABIs the number is the
 * place of the row in our table, which is the same for all releases (and no more than that: it is never kept in a
 * trace).
 */
const struct decode_service *decode__service(enum qbk_abi abi, uint32_t nr);
/* The same, or the variant of it that applies to these arguments: as many as the row of the number has. */
const struct decode_service *decode__service_for(enum qbk_abi abi, uint32_t nr, const uint64_t *args);
/* A call that is made through another one, which has its arguments in memory: i386's socketcall(which, args). */
struct decode_subcall {
    const char *name; /* "send", which has no number of its own on i386 */
    uint8_t nargs;    /* machine words in memory */
    uint16_t nr;      /* the number of the call whose row it has: it has the first `nargs` of that row's arguments */
};
/* What call `nr` means if its first argument is `which`; NULL: itself. */
const struct decode_subcall *decode__subcall(enum qbk_abi abi, uint32_t nr, uint64_t which);
/* The call through which that of this number can be made, too; -1: none. */
int decode__carrier(enum qbk_abi abi, uint32_t nr);
/* The struct of a T_STRUCT or T_INNER in this ABI; NULL for unknown indices. */
const struct decode_struct *decode__struct(enum qbk_abi abi, uint16_t index);
/* Bytes of a machine word. */
unsigned decode__word(enum qbk_abi abi);
/* The number of a name in this ABI, or -1. Aliases ("stat" and "newstat") are found too. */
int decode__number(enum qbk_abi abi, const char *name);
/* One more than the largest number with a row. */
uint32_t decode__service_end(enum qbk_abi abi);
/* A class by its name without the percent sign ("file", "network", …): its bit, or 0. Names in order:
 * decode__class_name. */
uint32_t decode__class(const char *name);
const char *decode__class_name(unsigned index); /* of bit `index`, or NULL */

/* Named values. For flags an item applies where (value & mask) == item.value; items come in strace's order. */
struct decode_const {
    uint64_t value;
    uint64_t mask;
    const char *name;
};
struct decode_set {
    const char *name; /* for strace's comment on unknown values: "O_???" */
    const struct decode_const *item;
    size_t count;
};
const struct decode_set *decode__set(uint16_t index); /* never NULL: an empty set for unknown indices */

/* "STATUS_OBJECT_NAME_NOT_FOUND"; NULL if unknown. */
const char *decode__status_name(uint32_t status);
/* The NTSTATUS at a place of a list in the order of values; false at its end. */
bool decode__status_at(size_t index, uint32_t *status, const char **name);
const char *decode__errno_name(unsigned err);    /* "ENOENT"; also the kernel's own 512 to 530; NULL if unknown */
const char *decode__errno_text(unsigned err);    /* "No such file or directory"; NULL if unknown */
const char *decode__signal_name(unsigned signo); /* "SIGINT", "SIGRT_3" as strace writes it; NULL if unknown */
/* "SI_USER", "SEGV_MAPERR" …: si_code of a signal; NULL if unknown. */
const char *decode__sicode_name(unsigned signo, int code);
/* An error in a result register? Linux: -4095 … -1 (as the ABI's word size has it); gives the errno. NT: severity bit.
 */
/* Is this errno what a call that a signal cut short returns, to the program or within the kernel? */
bool decode__is_interrupted(uint32_t err);
bool decode__is_error(enum qbk_abi abi, uint64_t result, uint32_t *code);
/* A result after which nothing is where the call writes: an error, but not one of NT's warnings (buffer overflow …). */
bool decode__wrote_nothing(enum qbk_abi abi, uint64_t result);

#endif
