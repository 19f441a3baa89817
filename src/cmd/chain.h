/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kept trace with all its files: PATH, then PATH.1, PATH.2 … as rotation made them. Records that later files only
 * repeat, so that each can be read alone, come once.
 */
#ifndef QEBEK_CMD_CHAIN_H
#define QEBEK_CMD_CHAIN_H

#include <glib.h>
#include <stdbool.h>

#include "trace/file.h"

struct chain;

/*
 * Begins with the file at `path`, whichever of the trace's it is. If the first file was deleted, as rotation does with
 * a limit, the oldest that is left is taken. "-": standard input. NULL and error as trace__open has them.
 */
struct chain *chain__open(const char *path, bool follow, GError **error);
/* As trace__read. A next file that is missing, or is another trace's, is TRACE_CUT; followed, it is waited for. */
enum trace_status chain__read(struct chain *chain, const struct qbk_record **rec, GError **error);
/* Were there records before the first one read? */
bool chain__is_continuation(const struct chain *chain);
/* The file that is being read: for messages. */
const char *chain__name(const struct chain *chain);
/* Where later files lie: what must stay readable for a process that confines itself. NULL: nowhere. Borrowed.
 * The files that are there now, or with `follow` may come, are those that will be looked for from here on. */
const char *chain__dir(struct chain *chain);
void chain__close(struct chain *chain);

#endif
