/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of options, between options_table.c (what each does) and options.c (which reads a command line by it). */
#ifndef QEBEK_CMD_OPTIONS_TABLE_H
#define QEBEK_CMD_OPTIONS_TABLE_H

#include <stddef.h>

#include "cmd/options.h"

enum option_kind {
    OPTION_APPLY, /* call `apply` */
    OPTION_BOOL,  /* the bool at `offset` becomes true */
    OPTION_COUNT, /* the unsigned at `offset` goes up, at most to `number` */
    OPTION_FLAG,  /* set `number` in options.flags */
    OPTION_LIST,  /* append the value to the GPtrArray at `offset` */
    OPTION_TEXT   /* the const char * at `offset` becomes the value */
};

struct option_row {
    int letter; /* or 0 */
    const char *name;
    const char *value; /* its name in the help; NULL: takes none */
    unsigned commands; /* enum cmd_bit: which sub-commands take it */
    enum option_kind kind;
    size_t offset; /* in struct options */
    unsigned number;
    const char *(*apply)(struct options *o, const char *value); /* NULL, or what is wrong with the value */
    const char *help;                                           /* lines */
};

extern const struct option_row option_rows[];
extern const size_t option_count;

/* Does what the row says. Returns NULL, or what is wrong with the value (static text). */
const char *option_row__apply(const struct option_row *row, struct options *o, const char *value);

/* ---- options_expr.c ---- */
/* -e QUALIFIER=VALUE. Returns NULL, or what is wrong with it (static text). */
const char *options_expr__apply(struct options *o, const char *value);

#endif
