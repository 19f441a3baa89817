/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guest kernel's own type information (BTF) says of its functions. */
#ifndef QEBEK_FUNCTIONS_BTF_H
#define QEBEK_FUNCTIONS_BTF_H

#include "functions/function.h"

#define FUNCTION_ENUMS_MAX  256u  /* enumerations whose names are kept */
#define FUNCTION_ITEMS_MAX  8192u /* names in all of them */
#define FUNCTION_STEPS_MAX  8u
#define FUNCTION_EXPAND_MAX 16384u /* members, of all functions */

struct function_enum {
    char name[FUNCTION_NAME_MAX];
    uint32_t first, count; /* of function_types.item */
};
struct function_item {
    int64_t value;
    char name[FUNCTION_NAME_MAX];
};

enum function_member_flags {
    FUNCTION_MEMBER_FIELD = 1u << 0,  /* lies in the struct that member `parent` is, at offset[0]; without steps */
    FUNCTION_MEMBER_STANDS = 1u << 1, /* shown in the place of what the argument leads to */
    FUNCTION_MEMBER_POINTS = 1u << 2, /* FILE, PATH, DENTRY: a pointer to it lies there, not the object itself */
    FUNCTION_MEMBER_MORE = 1u << 3    /* a struct that has more fields than are there */
};

#define FUNCTION_PATHS_MAX 64u
#define FUNCTION_NO_PATH   0xffu

/*
 * A member that an argument leads to: address = argument + offset[0]; then for each further step the pointer that lies
 * there + offset[i]. `value` lies at the last address.
 */
struct function_member {
    uint32_t function; /* index */
    uint32_t parent;   /* of a field: index of the member that it lies in, which stands before it */
    uint8_t arg;       /* number of the argument */
    uint8_t steps;
    uint8_t path; /* index of the path that asked for it; FUNCTION_NO_PATH: nobody did */
    uint8_t flags;
    uint8_t bit, bits; /* of a field of single bits: the first of them, from offset[0], and how many; else 0 */
    uint32_t offset[FUNCTION_STEPS_MAX];
    struct function_value value; /* its name is the last member's */
};

/* What became of a path. */
#define FUNCTION_NEAR_MAX 4u
struct function_path {
    uint32_t args;                                   /* functions that have an argument of this name */
    uint32_t found;                                  /* … from which the path leads to something */
    char type[FUNCTION_NAME_MAX];                    /* else of one of them: the struct … */
    char member[FUNCTION_NAME_MAX];                  /* … that has no such member; "": it is no pointer to a struct */
    char near[FUNCTION_NEAR_MAX][FUNCTION_NAME_MAX]; /* members whose names begin alike; "": no more */
};

struct function_types {
    uint32_t n_enums, n_items, n_members;
    bool cut; /* there were more members than there is room for */
    struct function_enum enums[FUNCTION_ENUMS_MAX];
    struct function_item item[FUNCTION_ITEMS_MAX];
    struct function_member member[FUNCTION_EXPAND_MAX];
    struct function_path path[FUNCTION_PATHS_MAX];
};

struct function_query {
    const uint8_t *blob; /* BTF, whole */
    size_t size;
    const char *const *name; /* of functions */
    size_t count;
    /*
     * Members: "file.f_path.dentry", the first word is an argument's name. A struct is told by its fields
     * ("file.f_ra"); "file.f_op.*" is what the pointer leads to, and "file" is short for "file.*".
     */
    const char *const *path;
    size_t n_paths; /* at most FUNCTION_PATHS_MAX */
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
