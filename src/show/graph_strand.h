/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strands: of each thread the calls that have begun and not ended, outermost first. */
#ifndef QEBEK_SHOW_GRAPH_STRAND_H
#define QEBEK_SHOW_GRAPH_STRAND_H

#include <glib.h>
#include <stdbool.h>

#include "show/model.h"

#define STRANDS_CALLS_MAX (1u << 20) /* of all threads; those beyond stand in the place of their end */

struct strand_call {
    struct qbk_record begun; /* the header of its first record */
    bool function;           /* a hooked function, not a system call */
    bool waits;              /* its beginning is not shown yet: innermost ones alone */
    gint64 since;            /* host time when it began to wait */
};

struct strand {
    uint64_t key;
    GString *who;  /* escaped: "cat[71]", "kernel[2]" */
    GString *head; /* name and arguments of the innermost call, while it waits */
    GArray *calls; /* struct strand_call */
    unsigned functions;
    GList link; /* among those whose innermost call waits */
    bool linked;
};

struct strands;

struct strands *strands__new(void);
void strands__free(struct strands *strands);
/*
 * That of a thread, by qebek's number of it; if that is 0, of a thread of the kernel's own by the address of its
 * object. `thread`: what is known of it, or NULL. Never NULL.
 */
struct strand *strands__of(struct strands *strands, uint64_t number, const struct model_thread *thread,
                           uint64_t object);
/* Forgets it if it has no calls. */
void strands__let_go(struct strands *strands, struct strand *strand);
/* One whose innermost call waits since a time before this one; NULL: none, or no more. */
struct strand *strands__waiting(struct strands *strands, gint64 before);

/* One more inside the others, whose beginning waits. False: there are too many. */
bool strand__push(struct strands *strands, struct strand *strand, const struct qbk_record *begun, bool function);
void strand__remove(struct strands *strands, struct strand *strand, struct strand_call *call);
/* The innermost one; NULL: none. */
struct strand_call *strand__top(const struct strand *strand);
/* By its number; NULL: none. */
struct strand_call *strand__find(const struct strand *strand, uint64_t seq);
struct strand_call *strand__innermost_function(const struct strand *strand);
/* How many others it is inside of. */
static inline unsigned strand__level(const struct strand *strand, const struct strand_call *call)
{
    return (unsigned)(call - (const struct strand_call *)(const void *)strand->calls->data);
}
static inline unsigned strand__depth(const struct strand *strand)
{
    return strand->calls->len;
}
static inline unsigned strand__functions(const struct strand *strand)
{
    return strand->functions;
}

#endif
