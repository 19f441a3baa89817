/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of functions to hook: made by the qebek process, which knows the kernel's symbols, and sent to the plugin
 * beside FOUND as a memory file that is sealed. The plugin copies it out and believes nothing unchecked.
 *
 * The file: struct functions_header; `count` times struct functions_entry, by rising address; `values_len` bytes of
 * prototypes (struct qbk_prototype, each at a multiple of 8); then `text_len` bytes of names, each ended by NUL.
 */
#ifndef QEBEK_TRACE_FUNCTIONS_H
#define QEBEK_TRACE_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qebek/record.h"

#define FUNCTIONS_MAGIC        0x6b626547u
#define FUNCTIONS_MAX          (1u << 20)
#define FUNCTIONS_TEXT_MAX     (64u << 20)
#define FUNCTIONS_NAME_MAX     512u /* bytes of one name, its NUL among them */
#define FUNCTIONS_VALUES_MAX   (256u << 20)
#define FUNCTIONS_NO_PROTOTYPE 0xffffffffu
#define FUNCTIONS_ARGS_MAX     6u
#define FUNCTIONS_POPS_UNKNOWN 0xffu

#define FUNCTIONS_TRAMPOLINES 4u

struct functions_header {
    uint32_t magic;
    uint32_t count;
    uint32_t text_len;
    uint32_t values_len;
    uint64_t trampoline[FUNCTIONS_TRAMPOLINES];
};

enum functions_flags {
    /*
     * Of user code, to be found in what the guest maps. The name is what was asked for: MODULE:NAME,
     * PROCESS:MODULE+0xOFFSET or 0xADDRESS; `address` is only a number of its own, and no kernel's address.
     */
    FUNCTIONS_USER = 1u << 1,
    FUNCTIONS_NO_RETURN_ADDRESS = 1u << 0 /* what lies at the stack pointer when it is entered is none, or is moved */
};

struct functions_entry {
    uint64_t address;   /* of the first instruction */
    uint32_t name;      /* offset among the names */
    uint32_t prototype; /* offset among the prototypes; FUNCTIONS_NO_PROTOTYPE: nothing is known of its values */
    uint8_t n_args;     /* … then: arguments to record, those that come first, at most FUNCTIONS_ARGS_MAX */
    uint8_t flags;      /* enum functions_flags */
    uint8_t convention; /* enum qbk_convention: where they are */
    uint8_t pops;       /* words of arguments that the function takes off the stack; FUNCTIONS_POPS_UNKNOWN */
    uint32_t reserved;
};

struct functions_table {
    uint32_t count;
    struct functions_entry *entry;
    uint8_t *values; /* values_len bytes, a multiple of 8 */
    uint32_t values_len;
    char *text; /* text_len bytes, the last one NUL */
    uint32_t text_len;
    /*
     * Where the kernel makes functions return to that it traces itself (kretprobes, function graphs), having put this
     * into the place of their return address; 0: none.
     */
    uint64_t trampoline[FUNCTIONS_TRAMPOLINES];
};

/* A sealed memory file with the table's contents, or -1 with errno set. The entries need not be sorted; they will be.
 */
int functions__write(struct functions_table *table);
/* A private copy of what is in the file, checked: false, and an empty table, if it is not such a one, or no memory. */
bool functions__read(int fd, struct functions_table *table);
void functions__clear(struct functions_table *table);
/* Of an entry of a table that was read; NULL: it has none. */
const struct qbk_prototype *functions__prototype(const struct functions_table *table,
                                                 const struct functions_entry *entry);

#endif
