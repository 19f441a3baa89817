/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arguments and results of hooked functions out of the running machine, as their prototypes say (qebek/record.h). What
 * a prototype asks for is data, checked and bounded; nothing is read that no value asks for. A value that cannot be
 * read is told as such.
 *
 * Threads: all on the vCPU's own thread, within one event.
 */
#ifndef QEBEK_GUEST_VALUES_H
#define QEBEK_GUEST_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/guest.h"
#include "qebek/record.h"

struct snippet_writer;

#define VALUES_KEPT 6u /* arguments that are kept from a call's beginning to its return */

/* What follows from a prototype once and for all. */
struct values_plan {
    const struct qbk_prototype *prototype; /* NULL: nothing is known */
    uint8_t convention;                    /* enum qbk_convention */
    uint8_t n_args;                        /* that are told */
    bool at_entry, at_return;              /* is memory looked at? */
    uint8_t n_kept;
    uint8_t kept[VALUES_KEPT]; /* numbers of the arguments that are kept */
};

/* What is kept of a call until it returns. */
struct values_kept {
    uint64_t arg[VALUES_KEPT];
    uint32_t again; /* bit i: what argument kept[i] leads to could not be read yet */
};

struct values_call {
    const struct values_plan *plan;
    struct guest_cpu *cpu;
    struct values_kept *kept; /* filled in at entry */
    unsigned n;               /* arguments */
    uint32_t unread;          /* as in the ENTER */
    uint64_t args[QBK_FUNCTION_ARGS_MAX];
    uint64_t result; /* at return */
};

/*
 * The prototype must be valid, and remain; NULL: nothing is known of the function but its convention, and that the
 * first `n_args` words that may be arguments (at most FUNCTIONS_ARGS_MAX) are to be told.
 */
void values__plan(struct values_plan *plan, const struct qbk_prototype *prototype, unsigned convention,
                  unsigned n_args);
/* At the first instruction, the stack pointer is `sp`: fills in n, args and unread. */
void values__arguments(struct values_call *call, uint64_t sp);
/* When it has returned: the result, and the arguments that were kept. */
void values__result(struct values_call *call);

/* At most how many bytes of snippets there will be. */
size_t values__bound(const struct values_call *call, bool at_return);
/* What the values lead to at the beginning, and at the return. */
void values__enter(struct values_call *call, struct snippet_writer *w);
void values__return(struct values_call *call, struct snippet_writer *w);

#endif
