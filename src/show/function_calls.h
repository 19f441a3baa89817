/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls of hooked functions, joined from their records. */
#ifndef QEBEK_SHOW_FUNCTION_CALLS_H
#define QEBEK_SHOW_FUNCTION_CALLS_H

#include <glib.h>
#include <stdbool.h>

#include "qebek/record.h"

#define FUNCTION_CALLS_MAX (1u << 20) /* in flight; functions known */

struct function_calls;

struct function_call {
    const char *name;                       /* of the guest, hostile; "?": not told. Ended by NUL */
    uint64_t address;                       /* 0: not told */
    const struct qbk_function_enter *enter; /* NULL: lost */
    const struct qbk_function_return *ret;
    uint64_t duration_ns; /* 0 where the beginning was lost */
};

struct function_calls *function_calls__new(void);
void function_calls__free(struct function_calls *calls);
/*
 * Any record. True: it ends a call, which *call tells, valid until the next record is fed. Of a hostile trace what
 * exceeds FUNCTION_CALLS_MAX is taken for lost.
 */
bool function_calls__feed(struct function_calls *calls, const struct qbk_record *rec, struct function_call *call);

#endif
