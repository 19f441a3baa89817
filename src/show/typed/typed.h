/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each process read from a terminal, a line a command, for outputs that tell of it. A terminal that edits lines by
 * itself hands over whole ones; where the program does the editing, its keys are resolved (line.h).
 */
#ifndef QEBEK_SHOW_TYPED_TYPED_H
#define QEBEK_SHOW_TYPED_TYPED_H

#include "show/typed/line.h"
#include "show/typed/terminal.h"

/* What ended a line. */
enum typed_end { TYPED_ENTERED, TYPED_INTERRUPTED, TYPED_CLOSED };

/* Valid while the function runs. What was typed is hostile, as all is. */
struct typed_line {
    struct terminal *terminal;
    const struct model_thread *thread; /* that read it */
    uint64_t ns;
    const struct line *line;
    bool secret; /* a part of it was typed with the echo off */
    enum typed_end end;
};
/* 0, or -1 with error. */
typedef int (*typed_fn)(const struct typed_line *line, void *user, GError **error);

struct typed;
/* `terminals` stay the caller's, who frees them later. */
struct typed *typed__new(struct terminals *terminals, typed_fn fn, void *user);
void typed__free(struct typed *typed);
/* Hand it each event; it tells the terminals of it as well. 0, or -1 with the error of a function. */
int typed__event(struct typed *typed, const struct model_event *event, bool passed, GError **error);

#endif
