/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the values of a function are, as records and the table of functions carry it: checked once, then read. */
#ifndef QEBEK_TRACE_PROTOTYPE_H
#define QEBEK_TRACE_PROTOTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qebek/record.h"

/*
 * Is there a whole struct qbk_prototype at `bytes` (a multiple of 8), with all counts, offsets, kinds and references
 * inside it, in at most `avail` bytes? Everything below may be used only on what passed.
 */
bool prototype__valid(const void *bytes, size_t avail);
/* That of a record that is valid, or NULL. */
const struct qbk_prototype *prototype__of(const struct qbk_function *rec);

const struct qbk_value *prototype__values(const struct qbk_prototype *p);
const struct qbk_item *prototype__items(const struct qbk_prototype *p);
const uint32_t *prototype__steps(const struct qbk_prototype *p);
/* Ended by NUL within the prototype; of the guest, hostile. */
const char *prototype__text(const struct qbk_prototype *p, uint32_t offset);
static inline const struct qbk_value *prototype__result(const struct qbk_prototype *p)
{
    return prototype__values(p) + p->n_values - 1;
}
/* The name of a value of an enumeration, or NULL. */
const char *prototype__item(const struct qbk_prototype *p, const struct qbk_value *value, int64_t number);
/* Bytes of a word in code of this convention. */
static inline unsigned prototype__word(unsigned convention)
{
    return convention <= QBK_CALL_MICROSOFT ? 8 : 4;
}

#endif
