/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the values of hooked functions are: prototypes for the table, out of a kernel's type information. */
#ifndef QEBEK_CMD_HOOKS_VALUES_H
#define QEBEK_CMD_HOOKS_VALUES_H

#include <glib.h>

#include "functions/function.h"
#include "guest/find/find.h"

/* Is that how members are named: "file.f_path"? */
bool hooks_values__path_valid(const char *path, GError **error);

struct hooks_values;
/*
 * Of `count` functions of this kernel. `paths` (char *): members that are wanted; those that none of the functions has
 * are said in one line each.
 */
struct hooks_values *hooks_values__new(const struct find_image *image, const char *const *names, size_t count,
                                       const GPtrArray *paths);
void hooks_values__free(struct hooks_values *values);
/*
 * Appends the prototype of function number `index`; the one that is `given` goes first, unless it is NULL. Returns
 * where it is, or FUNCTIONS_NO_PROTOTYPE.
 */
uint32_t hooks_values__add(const struct hooks_values *values, uint32_t index, const struct function_prototype *given,
                           GByteArray *to);

#endif
