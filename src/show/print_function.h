/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One argument, member or result of a function, by its prototype (qebek/record.h). */
#ifndef QEBEK_SHOW_PRINT_FUNCTION_H
#define QEBEK_SHOW_PRINT_FUNCTION_H

#include <glib.h>
#include <stdbool.h>

#include "qebek/record.h"
#include "show/show.h"

struct print_function_value {
    const struct qbk_value *what;
    const char *name;      /* "": it has none; of the guest, hostile */
    uint64_t raw;          /* the register or word; what is above its size is ignored */
    const char *item;      /* ENUM: the value's name, or NULL */
    const uint8_t *bytes;  /* what it points at, as far as it was copied; of FILE, PATH and DENTRY the path. Or NULL */
    size_t have;           /* how many bytes these are, without a NUL at the end */
    uint64_t full;         /* how many there were, at least */
    bool more;             /* there were more */
    const uint8_t *before; /* the same bytes as they were when the call began, if they were looked at twice; or NULL */
    bool unread;           /* what it points at could not be read, or not all of it … */
    bool lost;             /* … or the value itself could not */
};

/* The value as a number, with its sign if it has one. */
int64_t print__function_number(const struct print_function_value *value);
/* "832", "0xffff888003b1c000\"/etc/passwd\"". Everything of the guest's is escaped. */
void print__function_value(GString *to, const struct show_options *o, const struct print_function_value *value);
/* Its name: "count=". */
void print__function_name(GString *to, const struct print_function_value *value);
/* The same behind its name: "count=832". */
void print__function_argument(GString *to, const struct show_options *o, const struct print_function_value *value);
/* What follows "= ": "832", "-2 ENOENT (No such file or directory)", "void". */
void print__function_result(GString *to, const struct show_options *o, const struct print_function_value *value);
/* The number of the error that a result tells, or 0. */
unsigned print__function_error(const struct print_function_value *value);

#endif
