/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where lines of text go: into one stream, or, with %p in the file's name, into one file a thread. */
#ifndef QEBEK_SHOW_LINES_H
#define QEBEK_SHOW_LINES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct lines;

/* `where` as in stream__open. NULL and error when it cannot be opened. */
struct lines *lines__open(const char *where, int fallback_fd, GError **error);
/* One file a thread? */
bool lines__split(const struct lines *lines);
/* Whole lines about thread `tid`, with the newline at the end. Buffered. -1: failed. */
int lines__put(struct lines *lines, int32_t tid, const GString *text, GError **error);
/* The thread is gone: its file needs no buffer any more. */
int lines__gone(struct lines *lines, int32_t tid, GError **error);
/* Write out what is buffered. */
int lines__flush(struct lines *lines, GError **error);
int lines__close(struct lines *lines, GError **error);

#endif
