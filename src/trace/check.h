/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the invariants on a stream of records: fed one by one, in seq order. Knows nothing of files or rings. */
#ifndef QEBEK_TRACE_CHECK_H
#define QEBEK_TRACE_CHECK_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "qebek/record.h"

struct check;

struct check_result {
    uint64_t records, entries, ends[QBK_ENDS], joined, lost_records, threads, signals, completions;
    uint64_t functions, function_ends[QBK_FUNCTION_ENDS]; /* calls of hooked functions, and their ends … */
    uint64_t functions_unended;                           /* … and those that have none */
    uint64_t blocks, insns;                               /* of code that was executed */
    uint64_t holes;                 /* missing sequence numbers: a violation if there is a summary */
    uint64_t unended;               /* calls without a RETURN: without a summary, those cut off in flight */
    uint64_t violations;            /* broken invariants: more than 0 means failed */
    GPtrArray *messages;            /* char *, one line each, the first 100 violations; owned by the check */
    bool has_summary;               /* false: the writer was killed */
    uint64_t counter[QBK_COUNTERS]; /* of the summary */
};

/* continuation: of a file begun by rotation, which repeats some records first and has but a part of the calls. */
struct check *check__new(bool continuation);
/* The record must be valid (record__valid). */
void check__feed(struct check *c, const struct qbk_record *rec);
/* After the last record. The result belongs to c. */
const struct check_result *check__finish(struct check *c);
void check__free(struct check *c);

#endif
