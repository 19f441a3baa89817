/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the end of a thread is told, as a tracer inside the guest learns of it: the main thread of a process ends last,
 * with the process's own status; one whose place an execve of another thread takes does not end at all.
 * State is bounded by the processes and threads that live.
 */
#ifndef QEBEK_SHOW_ENDS_H
#define QEBEK_SHOW_ENDS_H

#include "show/model.h"

struct ends;

struct ends *ends__new(void);
void ends__free(struct ends *ends);

/* A THREAD record came for `thread`. If it now has another number than before, that one; else -1. */
int32_t ends__thread(struct ends *ends, const struct model_thread *thread);

/* An end to tell of. The thread is a copy of what is needed for a line's beginning. */
struct ends_told {
    struct model_thread thread;
    int32_t status;
    uint32_t flags; /* QBK_EXIT_* */
};

/*
 * A THREAD_EXIT record came. Fills told[] with the ends to tell of now, in order, and returns how many (0 to 2).
 */
unsigned ends__exit(struct ends *ends, const struct model_thread *thread, const struct qbk_thread_exit *rec,
                    struct ends_told told[2]);

/* At the end of the trace: the next end that still waits; false when there is none. */
bool ends__rest(struct ends *ends, struct ends_told *told);

#endif
