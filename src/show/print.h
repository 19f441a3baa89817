/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the printers: one value of one call. print.c walks the arguments, print_value.c shows plain values,
 * print_memory.c what pointers lead to, print_struct.c structs by their fields, linux/ what has a form of its own.
 * All bytes are the guest's: nothing is read past what a record holds, and everything printed is escaped or a number.
 */
#ifndef QEBEK_SHOW_PRINT_H
#define QEBEK_SHOW_PRINT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "decode/decode.h"
#include "decode/linux/structs.h"
#include "decode/sets.h"
#include "show/output.h"

/* A value in its place: an argument of the call, or a field of a struct. */
struct where {
    GString *to;
    const struct show_options *o;
    const struct model_call *call;
    const struct decode_arg *arg; /* what the value is */
    uint64_t value;
    unsigned index;                     /* of the argument, also for what it leads to */
    const struct decode_struct *within; /* the struct that the value is a field of; NULL: an argument */
    const uint8_t *bytes;               /* … and that struct's bytes */
    size_t have;                        /* … how many */
    bool after;                         /* memory is shown as it was after the call */
    unsigned depth;
};

/* ---- print.c ---- */
void print__byte(GString *to, uint8_t c, uint8_t next, bool hex); /* one byte as in a C string; `next` follows it */

/* ---- print_value.c ---- */
void print__value(const struct where *w);
void print__address(GString *to, uint64_t value); /* NULL for 0 */
void print__descriptor(const struct where *w, int32_t fd);
void print__descriptor_name(const struct where *w, int32_t fd);  /* "<path>", if asked for and known */
void print__mode(GString *to, uint32_t mode, unsigned set_type); /* file type by name, permission bits octal */
void print__dev(GString *to, uint64_t dev);                      /* makedev(0x8, 0x1): the kernel's new encoding */
void print__signal_name(GString *to, int32_t signo);
void print__ioprio(GString *to, uint32_t value);
void print__flags(GString *to, uint16_t set, uint64_t value);
void print__enum(GString *to, uint16_t set, uint64_t value);
void print__id(GString *to, uint32_t id);          /* user and group numbers: -1 for none */
bool print__failed(const struct model_call *call); /* returned, and with an error */

/* ---- print_memory.c ---- */
/* Bytes of memory at addr as this value is to be shown: *have of them (at most len); NULL if there are none. */
const uint8_t *print__memory(const struct where *w, uint64_t addr, size_t len, size_t *have);
/* All len bytes, or NULL. */
const uint8_t *print__whole(const struct where *w, uint64_t addr, size_t len);
/* As the return's record has it, even of a call that failed. */
const uint8_t *print__written(const struct where *w, uint64_t addr, size_t len);
/* The snippet that begins at addr, before or after the call. */
const struct qbk_snippet *print__snippet(const struct where *w, uint64_t addr, const uint8_t **bytes);
uint64_t print__load(const uint8_t *at, size_t size);
/* Argument or field number i beside this value. */
uint64_t print__sibling(const struct where *w, unsigned i);
/* Bytes that the value points at, as its row says. */
uint64_t print__length(const struct where *w);
unsigned print__word(const struct where *w);
/* A buffer at addr, `full` bytes long, within the limit of -s. */
void print__buffer(const struct where *w, uint64_t addr, uint64_t full);
void print__string_at(const struct where *w);
void print__vector(const struct where *w);
void print__iovec(const struct where *w);
void print__iovec_upto(const struct where *w, uint64_t left); /* `left` bytes of the buffers hold something */
void print__numbers(const struct where *w);

/* ---- print_struct.c ---- */
void print__structs(const struct where *w); /* what a T_STRUCT points at */
/* One struct whose bytes are at hand. */
void print__struct(const struct where *w, uint16_t index, const uint8_t *bytes, size_t have);
/* A field by its row: "name=value". */
void print__field(const struct where *w, const struct decode_struct *within, const struct decode_field *field,
                  const uint8_t *bytes);
/* The value of a field, with its sign. */
uint64_t print__field_value(const struct decode_field *field, const uint8_t *bytes);

/* ---- linux/: structs with a form of their own, by index; NULL for those that print_struct.c shows by field ---- */
/* w->value is the struct's address; `have` of its bytes are at hand (all of them where the size is fixed). */
typedef void (*print_struct_fn)(const struct where *w, const uint8_t *bytes, size_t have);
/* Shown in place of the whole argument: where the struct's size comes from elsewhere. */
typedef void (*print_pointer_fn)(const struct where *w);
print_struct_fn print__struct_fn(uint16_t index);
print_pointer_fn print__pointer_fn(uint16_t index);

/* Calls with a form of their own. */
struct print_call {
    const char *name;
    /* Arguments: those told at entry, those told at return, or both at once. NULL: as the row has them. */
    void (*args)(const struct where *w, bool entry, bool exit);
    /* What follows the result in parentheses: written without them; nothing written: nothing shown. */
    void (*result)(const struct where *w);
};
const struct print_call *print__call(const struct model_call *call); /* NULL: none */

#endif
