/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions of the guest, as a user names them and as their values are shown. Runs in the qebek process alone; nothing
 * here knows the running machine. All errors are one line that says what to do, without the name of the program.
 */
#ifndef QEBEK_FUNCTIONS_FUNCTION_H
#define QEBEK_FUNCTIONS_FUNCTION_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUNCTION_ARGS_MAX 12u
#define FUNCTION_NAME_MAX 40u /* of an argument or a type, with its NUL; longer ones of the guest are cut */

/* ---- prototypes ---- */

enum function_kind {
    FUNCTION_VOID = 0,
    FUNCTION_INT,  /* with a sign */
    FUNCTION_UINT, /* without */
    FUNCTION_BOOL,
    FUNCTION_CHAR,   /* one byte, shown as a character */
    FUNCTION_HEX,    /* also pointers to what is not looked at */
    FUNCTION_ENUM,   /* shown by name where `type` is known, else as a number with a sign */
    FUNCTION_STRUCT, /* by value: only its place is known */
    /* pointers to what is looked at */
    FUNCTION_STRING, /* bytes up to a NUL */
    FUNCTION_WIDE,   /* the same of 16-bit characters */
    FUNCTION_BYTES,  /* `length` bytes, or as many as argument `length_arg` says */
    FUNCTION_FILE,   /* Linux: struct file *, struct path *, struct dentry * */
    FUNCTION_PATH,
    FUNCTION_DENTRY
};

enum function_convention {
    FUNCTION_SYSV = 0,  /* 64-bit code of Linux and its like */
    FUNCTION_MICROSOFT, /* 64-bit code of Windows */
    FUNCTION_CDECL,     /* 32-bit code: all arguments on the stack */
    FUNCTION_STDCALL,   /* … and the function takes them off */
    FUNCTION_FASTCALL,  /* the first two that are no longer than a word in ecx and edx, the rest as with stdcall */
    FUNCTION_CONVENTIONS
};

#define FUNCTION_NO_ARG 0xffu

struct function_value {
    char name[FUNCTION_NAME_MAX]; /* "": it has none */
    char type[FUNCTION_NAME_MAX]; /* of an enumeration or struct; else "" */
    uint8_t kind;                 /* enum function_kind */
    uint8_t size;                 /* bytes; 0: none (void), and of a struct that is larger than 255 */
    uint8_t may_fail;             /* a result: -4095 to -1 are errors of Linux */
    uint8_t length_arg;           /* FUNCTION_BYTES: number of the argument, or FUNCTION_NO_ARG */
    uint32_t length;
};

struct function_prototype {
    uint8_t convention; /* enum function_convention */
    uint8_t known;      /* 0: nothing is known of arguments and result */
    uint8_t variadic;   /* more arguments may follow, which are not read */
    uint8_t n_args;
    struct function_value arg[FUNCTION_ARGS_MAX];
    struct function_value result;
};

/* Where an argument is when the function's first instruction runs. */
enum function_register {
    FUNCTION_RAX,
    FUNCTION_RCX,
    FUNCTION_RDX,
    FUNCTION_RSI,
    FUNCTION_RDI,
    FUNCTION_R8,
    FUNCTION_R9,
    FUNCTION_STACK
};
struct function_place {
    uint8_t where;   /* enum function_register */
    uint8_t words;   /* 2: the next register, or the next word of the stack, has the upper half */
    uint16_t offset; /* FUNCTION_STACK: from the stack pointer, which points at the return address */
};

/*
 * Places of the prototype's arguments. Returns how many bytes of arguments the function itself takes off the stack when
 * it returns (stdcall, fastcall), else 0. Source: System V psABI of AMD64; Microsoft's x64 and x86 calling conventions.
 */
unsigned function__places(const struct function_prototype *prototype, struct function_place place[FUNCTION_ARGS_MAX]);

/* Bytes of a word in code of this convention. */
unsigned function__word(enum function_convention convention);

/*
 * Reads "(name: type, …) -> type [convention]" (the text behind a function's name) into *prototype, of which
 * `convention` says what holds where the text names none.
 */
bool function__read_prototype(const char *text, enum function_convention convention,
                              struct function_prototype *prototype, GError **error);

/* ---- naming ---- */

enum function_where {
    FUNCTION_KERNEL,    /* kernel:NAME */
    FUNCTION_MODULE,    /* MODULE:NAME, a library, program or driver by the name of its file */
    FUNCTION_FILE_PATH, /* /path:NAME, by its whole path */
    FUNCTION_OFFSET,    /* PROCESS:MODULE+0xOFFSET */
    FUNCTION_ADDRESS    /* 0xADDRESS */
};

struct function_spec {
    enum function_where where;
    char *process;    /* FUNCTION_OFFSET; else NULL */
    char *module;     /* name or path; NULL: the kernel, or an address */
    char *name;       /* may hold '*' and '?'; NULL: an address or offset */
    uint64_t address; /* or offset in the module's file */
    bool wild;        /* the name has a '*' or '?' */
    struct function_prototype prototype;
};

/* Is this the name of a file that only NT has: program, library or driver? */
bool function__is_nt_image(const char *module);

/* Reads one word of the command line, or one line of a file. On true the caller clears it. */
bool function__read_spec(const char *text, struct function_spec *spec, GError **error);
void function__spec_clear(struct function_spec *spec);

/* ---- finding ---- */

enum function_symbol_flags {
    FUNCTION_INDIRECT = 1u << 0, /* STT_GNU_IFUNC: its value is of the function that chooses, not of what runs */
    FUNCTION_LOCAL = 1u << 1     /* names need not be unique */
};
struct function_symbol {
    const char *name;
    uint64_t address; /* or offset in a file */
    uint32_t flags;   /* enum function_symbol_flags */
};

#define FUNCTION_HOOK_MAX 1000u /* --hook-max unless given */

/* '*' any characters, '?' one; its time grows with the product of the lengths, no faster. */
bool function__name_matches(const char *pattern, const char *name);

/*
 * The functions among `symbols` that the spec names: their indices (guint), one for each address, in order of the
 * symbols. NULL: none, more than `max`, or a plain name that several functions have; *error says it, with the nearest
 * names. Parts that the compiler split off (".cold") and padding ("__pfx_") are found by their whole name only.
 */
GArray *function__match(const struct function_spec *spec, const struct function_symbol *symbols, size_t count,
                        size_t max, GError **error);

#endif
