/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -e read=, -e write=: what was read or written, in full, as strace dumps it. */
#ifndef QEBEK_SHOW_DUMP_H
#define QEBEK_SHOW_DUMP_H

#include "show/model.h"
#include "show/show.h"

/* Lines to follow that of a call, each with a newline before it; none if the descriptor was not asked for. */
void dump__call(GString *to, const struct show_options *options, const struct model_call *call);

#endif
