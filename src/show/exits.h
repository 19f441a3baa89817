/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a thread or process ended, in words: of Linux as wait(2) has it, of NT the status that it was ended with. */
#ifndef QEBEK_SHOW_EXITS_H
#define QEBEK_SHOW_EXITS_H

#include "show/model.h"

struct exits {
    bool known;         /* else nothing more is said */
    bool nt;            /* code is an NTSTATUS, or a number that the program chose */
    uint32_t code;      /* with which it exited; of no use with a signal */
    const char *name;   /* NT: of a status that is an error; else NULL */
    const char *signal; /* that killed it ("SIGKILL", or "unknown"); NULL: it exited */
};

/* `nt`: model__is_nt of the thread. */
struct exits exits__read(bool nt, int32_t status, bool unknown);
/* What PROCESS_EXITS tells. */
struct exits exits__process(const struct model_event *event);
/* "exit 3", "exit 0xc0000005 STATUS_ACCESS_VIOLATION", "killed by SIGKILL", "ended" */
void exits__text(GString *to, const struct exits *exits);

#endif
