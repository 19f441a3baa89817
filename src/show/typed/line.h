/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A line as somebody types it: the keys that edit it are resolved as line editors do (readline's and BusyBox's default
 * keys), so that what is left is what was meant. What only the program knows (its history, completion) is marked.
 */
#ifndef QEBEK_SHOW_TYPED_LINE_H
#define QEBEK_SHOW_TYPED_LINE_H

#include <glib.h>
#include <stdbool.h>

struct line {
    GString *text;
    gsize cursor;        /* a byte; always where a character begins, or the end */
    char escape[16];     /* a key of several bytes, begun */
    unsigned escape_len; /* 0: none */
    bool history;        /* a key took a line from the program's history: text is what was typed beside it */
    bool completion;     /* a key asked the program to complete a word */
    bool cut;            /* longer than LINE_MAX_BYTES: the rest is missing */
    bool after_cr;       /* a line feed now belongs to the carriage return before it */
};

#define LINE_MAX_BYTES 65536u

enum line_step { LINE_GOES_ON, LINE_ENTERED, LINE_INTERRUPTED };

void line__init(struct line *line);
void line__clear(struct line *line);
/* Empties it for the next one. */
void line__reset(struct line *line);
/* One byte of a terminal that hands over each key. */
enum line_step line__key(struct line *line, char byte);
/* One byte of a terminal that edits lines by itself: there is nothing to resolve. */
enum line_step line__plain(struct line *line, char byte);

#endif
