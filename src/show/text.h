/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the outputs "text" and "strace" share. */
#ifndef QEBEK_SHOW_TEXT_H
#define QEBEK_SHOW_TEXT_H

#include "show/ends.h"
#include "show/lines.h"
#include "show/output.h"

struct text {
    struct lines *lines;
    struct ends *ends;
    bool strace;
    uint64_t last_ns; /* for -r */
    GString *line;    /* what is being made */
    GString *rest;    /* arguments that are known after the call */
    /* the call whose line is not begun */
    uint64_t waiting; /* seq of its ENTER; 0: none */
    int32_t waiting_tid;
    int64_t since;          /* host time when it began to wait */
    GString *leader, *head; /* what its line begins with; with the call, as far as known at the entry */
};

/* ---- text.c ---- */
/* As -t and -r ask for. */
void text__timestamp(GString *to, struct text *t, const struct show_options *o, uint64_t ns);
/* What every line begins with. `enter`: of the call that the line is about, or NULL. */
void text__leader(GString *to, struct text *t, const struct output *out, const struct model_thread *thread, uint64_t ns,
                  const struct qbk_enter *enter);

/* ---- text_records.c ---- */
/* The line of a record that is no call, into t->line. False: nothing to show. */
bool text__record(struct text *t, const struct output *out, const struct model_event *e);
/* How a thread ended. */
void text__exit(GString *to, const struct ends_told *told);

#endif
