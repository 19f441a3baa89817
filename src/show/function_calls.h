/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls of hooked functions, joined from their records, and who is spoken of in them. */
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
    const struct qbk_prototype *prototype;  /* NULL: nothing is known of its values */
    const struct qbk_function_enter *enter; /* NULL: lost */
    const struct qbk_function_return *ret;  /* NULL: it has just begun */
    uint64_t duration_ns;                   /* 0 where the beginning was lost */
};

struct model_thread;

struct function_calls *function_calls__new(void);
void function_calls__free(struct function_calls *calls);
/*
 * Any record. True: a call begins or ends with it, which *call tells, valid until the next record is fed. Of a hostile
 * trace what exceeds FUNCTION_CALLS_MAX is taken for lost.
 */
bool function_calls__feed(struct function_calls *calls, const struct qbk_record *rec, struct function_call *call);
/*
 * A thread that has ended goes on in the kernel for a while, and so do its functions: keeps what is known of it, for
 * the last FUNCTION_CALLS_GONE of them. Finds one by its number; NULL: not among them.
 */
#define FUNCTION_CALLS_GONE 4096u
void function_calls__gone(struct function_calls *calls, const struct model_thread *thread);
struct model_thread *function_calls__find_gone(const struct function_calls *calls, uint64_t number);

#endif
