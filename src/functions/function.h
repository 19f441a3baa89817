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

#include "qebek/record.h"

#define FUNCTION_ARGS_MAX 12u
#define FUNCTION_NAME_MAX 40u /* of an argument or a type, with its NUL; longer ones of the guest are cut */

/* ---- prototypes ---- */

/* The numbers of the record format; see there what they are. */
enum function_kind {
    FUNCTION_VOID = QBK_VALUE_VOID,
    FUNCTION_INT = QBK_VALUE_INT,
    FUNCTION_UINT = QBK_VALUE_UINT,
    FUNCTION_BOOL = QBK_VALUE_BOOL,
    FUNCTION_CHAR = QBK_VALUE_CHAR,
    FUNCTION_HEX = QBK_VALUE_HEX,
    FUNCTION_ENUM = QBK_VALUE_ENUM, /* shown by name where `type` is known, else as a number with a sign */
    FUNCTION_STRUCT = QBK_VALUE_STRUCT,
    FUNCTION_STRING = QBK_VALUE_STRING,
    FUNCTION_WIDE = QBK_VALUE_WIDE,
    FUNCTION_BYTES = QBK_VALUE_BYTES,
    FUNCTION_FILE = QBK_VALUE_FILE,
    FUNCTION_PATH = QBK_VALUE_PATH,
    FUNCTION_DENTRY = QBK_VALUE_DENTRY,
    FUNCTION_TO_INT = QBK_VALUE_TO_INT,
    FUNCTION_TO_UINT = QBK_VALUE_TO_UINT,
    FUNCTION_CHARS = QBK_VALUE_CHARS,
    FUNCTION_KINDS = QBK_VALUE_KINDS
};

enum function_convention {
    FUNCTION_SYSV = QBK_CALL_SYSV,
    FUNCTION_MICROSOFT = QBK_CALL_MICROSOFT,
    FUNCTION_CDECL = QBK_CALL_CDECL,
    FUNCTION_STDCALL = QBK_CALL_STDCALL,
    FUNCTION_FASTCALL = QBK_CALL_FASTCALL,
    FUNCTION_CONVENTIONS = QBK_CALL_CONVENTIONS
};

#define FUNCTION_NO_ARG QBK_NO_VALUE
#define FUNCTION_RETURN QBK_RESULT_AS_VALUE

/* When what a pointer leads to is read. */
enum function_when { FUNCTION_IN = 1, FUNCTION_OUT = 2, FUNCTION_INOUT = 3 };

struct function_value {
    char name[FUNCTION_NAME_MAX]; /* "": it has none */
    char type[FUNCTION_NAME_MAX]; /* of an enumeration or struct; else "" */
    uint8_t kind;                 /* enum function_kind */
    uint8_t size;                 /* bytes; 0: none (void), and of a struct that is larger than 255 */
    uint8_t may_fail;             /* a result: -4095 to -1 are errors of Linux */
    uint8_t length_arg;           /* FUNCTION_BYTES: number of an argument, FUNCTION_RETURN, or FUNCTION_NO_ARG … */
    uint8_t most_arg;             /* … and another one that it is not more than */
    uint8_t when;                 /* enum function_when, of an argument */
    uint32_t length;              /* … and a number, unless it is 0; FUNCTION_TO_… and members:
                                     how many bytes it is */
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
    FUNCTION_RAX = QBK_PLACE_RAX,
    FUNCTION_RCX = QBK_PLACE_RCX,
    FUNCTION_RDX = QBK_PLACE_RDX,
    FUNCTION_RSI = QBK_PLACE_RSI,
    FUNCTION_RDI = QBK_PLACE_RDI,
    FUNCTION_R8 = QBK_PLACE_R8,
    FUNCTION_R9 = QBK_PLACE_R9,
    FUNCTION_STACK = QBK_PLACE_STACK
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

/* What goes with a prototype that type information gave. */
struct function_types;
struct function_context {
    const struct function_types *types; /* its members and the names of enumerations */
    uint32_t index;                     /* of the function, in `types` … */
    uint32_t first;                     /* … and of the first of its members, which follow one another */
    const char *const *path;            /* those of the query: members are named as they were asked for */
};
/*
 * Appends it as the table of functions and records carry it (struct qbk_prototype), padded to a multiple of 8; `to`
 * must be at one. `context` NULL: there is nothing but the prototype.
 */
void function__serialize(const struct function_prototype *prototype, const struct function_context *context,
                         GByteArray *to);

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
