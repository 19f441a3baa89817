/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arguments and results of functions, by their prototypes (functions/function.h). */
#ifndef QEBEK_SHOW_PRINT_FUNCTION_H
#define QEBEK_SHOW_PRINT_FUNCTION_H

#include <glib.h>

#include "functions/function.h"
#include "show/show.h"

struct print_function_value {
    const struct function_value *what;
    uint64_t raw;         /* the register or word; what is above its size is ignored */
    const char *item;     /* FUNCTION_ENUM: the value's name, or NULL */
    const uint8_t *bytes; /* what it points at, as far as it was copied; of FILE, PATH and DENTRY the path. Or NULL */
    size_t have;          /* how many bytes these are */
    bool more;            /* there were more */
};

/* "count=832", "path=0xffff888003b1c000\"/etc/passwd\"". Everything of the guest's is escaped. */
void print__function_argument(GString *to, const struct show_options *o, const struct print_function_value *value);
/* What follows "= ": "832", "-2 ENOENT (No such file or directory)", "void". */
void print__function_result(GString *to, const struct show_options *o, const struct print_function_value *value);

#endif
