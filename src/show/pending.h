/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls that ended as pending, kept by the model until their completion comes. Bounded: the oldest are forgotten. */
#ifndef QEBEK_SHOW_PENDING_H
#define QEBEK_SHOW_PENDING_H

#include "show/model.h"

struct pending_calls;

struct pending_calls *pending__new(void);
void pending__free(struct pending_calls *p);
/* Its ENTER is copied. */
void pending__keep(struct pending_calls *p, const struct model_call *call);
/* The ENTER of the call that began with this number, to be freed with g_free, and in *to the filters that were in
 * force, and what they said; NULL: it is not there (any more). */
struct qbk_enter *pending__take(struct pending_calls *p, uint64_t seq, struct model_call *to);
/*
 * What a RETURN would look like that came when the operation was done: its result is the final status, its snippets are
 * the completion's. Printers then show the call as any other. g_free.
 */
struct qbk_return *pending__as_return(const struct qbk_completion *done);

#endif
