/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Executed code as lines for people, and as JSON. */
#ifndef QEBEK_SHOW_CODE_TEXT_H
#define QEBEK_SHOW_CODE_TEXT_H

#include <glib.h>

#include "show/output.h"

typedef int code_line_fn(void *data, GError **error);

/*
 * For each instruction that a BLOCKS record tells of and the user wants to see, "0x401136 push rbp" is appended to
 * `to`, and `line` called. Stops, and returns what it returned, where that is not 0.
 */
int code_text__lines(GString *to, const struct show_options *o, const struct model_event *e, code_line_fn *line,
                     void *data, GError **error);

/* The keys of CODE, and of BLOCKS; false: nothing of it is wanted. */
void code_text__code_json(GString *to, const struct qbk_code *code);
bool code_text__blocks_json(GString *to, const struct show_options *o, const struct model_event *e);

#endif
