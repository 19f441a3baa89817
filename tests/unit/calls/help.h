/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of src/calls share: hooks that note what they are called with, and a table that feeds them. */
#ifndef QEBEK_TESTS_CALLS_HELP_H
#define QEBEK_TESTS_CALLS_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "calls/calls.h"

#define SEEN_MAX 4096u

/* One callback that ran. */
struct seen {
    char what; /* '<' pre, '>' post */
    char hook; /* its letter */
    uint32_t nr;
    uint8_t abi, depth, end, flags;
    uint64_t result, key;
    const void *machine, *context;
    uint64_t stamp; /* what pre wrote into the context, as post found it */
};

/* A hook that notes. `letter` tells it from others. */
struct noter {
    struct qebek_hook hook;
    char letter;
    bool skip; /* pre refuses */
};

extern struct seen seen[SEEN_MAX];
extern unsigned n_seen;

/* A new table, and nothing seen. Two slots, 16 bytes for the feeder. */
struct calls *help__calls(void);
void help__noter(struct noter *noter, char letter, size_t context_size);
/* Hooks it on one number of x86-64; must succeed. */
void help__hook(struct calls *calls, uint32_t nr, struct noter *noter);
/* A call of this number begins, not nested; the first argument is `arg`. */
struct qebek_call *help__enter(struct calls *calls, struct calls_thread *thread, uint32_t nr, uint64_t arg);
struct qebek_call *help__nested(struct calls *calls, struct calls_thread *thread, uint32_t nr, uint64_t arg);
/* The innermost call returns. */
bool help__return(struct calls *calls, struct calls_thread *thread, uint64_t result);
/* What was seen since the last time, as "<a0 >a0": callback, letter, depth. Then nothing is seen any more. */
void help__expect(const char *text);
/* The counts balance: as many ends as entries, save `in_flight`. */
void help__balanced(struct calls *calls, uint64_t in_flight);

#endif
