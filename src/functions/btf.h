/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guest kernel's own type information (BTF) says of its functions. */
#ifndef QEBEK_FUNCTIONS_BTF_H
#define QEBEK_FUNCTIONS_BTF_H

#include "functions/function.h"

#define FUNCTION_ENUMS_MAX  256u  /* enumerations whose names are kept */
#define FUNCTION_ITEMS_MAX  8192u /* names in all of them */
#define FUNCTION_STEPS_MAX  8u
#define FUNCTION_EXPAND_MAX 4096u /* members asked for, of all functions */

struct function_enum {
    char name[FUNCTION_NAME_MAX];
    uint32_t first, count; /* of function_types.item */
};
struct function_item {
    int64_t value;
    char name[FUNCTION_NAME_MAX];
};

/*
 * A member that an argument leads to: address = argument + offset[0]; then for each further step the pointer that lies
 * there + offset[i]. `value` lies at the last address.
 */
struct function_member {
    uint32_t function; /* index */
    uint8_t arg;       /* number of the argument */
    uint8_t steps;
    uint8_t path; /* index of the path that asked for it */
    uint8_t reserved;
    uint32_t offset[FUNCTION_STEPS_MAX];
    struct function_value value; /* its name is the last member's */
};

struct function_types {
    uint32_t n_enums, n_items, n_members;
    struct function_enum enums[FUNCTION_ENUMS_MAX];
    struct function_item item[FUNCTION_ITEMS_MAX];
    struct function_member member[FUNCTION_EXPAND_MAX];
};

struct function_query {
    const uint8_t *blob; /* BTF, whole */
    size_t size;
    const char *const *name; /* of functions */
    size_t count;
    const char *const *path; /* members: "file.f_path.dentry", the first word is an argument's name */
    size_t n_paths;          /* at most 255 */
};

/*
 * Fills in prototype[i] for name[i]; `known` is 0 where BTF has no such function, or several that differ. *types gets
 * what they need beside. Where a path names no argument of a function, or no member, there is no entry for it. libbpf
 * reads the blob in a child that can only compute, and everything that comes back is checked. False: BTF could not be
 * read; all prototypes are unknown then.
 */
bool functions__from_btf(const struct function_query *query, struct function_prototype *prototype,
                         struct function_types *types);

/* The name of a value of an enumeration, or NULL. */
const char *functions__enum_name(const struct function_types *types, const char *name, int64_t value);

#endif
