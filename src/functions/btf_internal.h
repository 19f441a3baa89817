/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the readers of BTF share; all of it runs in the child. */
#ifndef QEBEK_FUNCTIONS_BTF_INTERNAL_H
#define QEBEK_FUNCTIONS_BTF_INTERNAL_H

#include <bpf/btf.h>

#include "functions/btf.h"

struct btf_reader {
    const struct btf *btf;
    struct function_types *types; /* filled in */
};

/* "" where there is none. */
const char *btf_read__text(const struct btf *btf, uint32_t offset);
/* Cuts what is too long. */
void btf_read__keep(char to[FUNCTION_NAME_MAX], const char *name);
/* Through names and qualifiers, which are added to *qualifiers unless that is NULL. NULL: void, or nonsense. */
#define BTF_READ_CONST    1u
#define BTF_READ_VOLATILE 2u
const struct btf_type *btf_read__resolve(const struct btf *btf, uint32_t id, unsigned *qualifiers);
/* All of a value but its name. */
void btf_read__value(struct btf_reader *r, uint32_t id, struct function_value *value);
/* The kind of a struct that is told by a path; FUNCTION_HEX: it is none. */
uint8_t btf_read__object(const struct btf *btf, const struct btf_type *t);
/* Is it of one byte, and no truth value? */
bool btf_read__is_char(const struct btf_type *t);

/* The members of a function that are asked for, and those that are told always. */
void btf_read__members(struct btf_reader *r, const struct function_query *q, uint32_t function,
                       const struct btf_type *proto);

#endif
