/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parsers of other people's formats, kept where a crash or an endless loop costs one answer and nothing else. */
#ifndef QEBEK_GUEST_FIND_CHILD_H
#define QEBEK_GUEST_FIND_CHILD_H

#include <stdbool.h>
#include <stddef.h>

/* Memory of zeros that a child shares with us, for its answer; NULL: there is none. To be unmapped by the caller. */
void *child__shared(size_t size);

/*
 * Run work(shared, data) in a forked child that can only allocate memory, compute, and end, within 5 s of processor
 * time, 15 s of the clock and 2 GiB. True if `work` came back and returned true. What then lies in `shared` was written
 * by a process that hostile bytes may have taken over: check all of it.
 */
bool child__compute(bool (*work)(void *shared, const void *data), void *shared, const void *data);

#endif
