/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The terminals of the machine, told apart by the kernel's own objects: a pseudo-terminal's two sides are one terminal,
 * and one that is opened anew is another, though it may have the same number and lie at the same address.
 */
#ifndef QEBEK_SHOW_TYPED_TERMINAL_H
#define QEBEK_SHOW_TYPED_TERMINAL_H

#include "show/output.h"

struct terminal {
    uint64_t number;   /* from 1, in the order in which they are seen */
    uint64_t begun_ns; /* when that was */
    uint64_t key;      /* where the kernel has it: of a pseudo-terminal the slave's side */
    bool pseudo;
    char name[32];          /* "pts/0", "ttyS0": nothing to escape */
    uint16_t rows, columns; /* 0: not set */
    uint64_t session;       /* of the connection that it came to be for; 0: none, or not known */
    char remote[64];        /* … where that came from, or "" */
    void *data;             /* the output's own */
};

struct terminals;
/* `gone`: another has taken its place, or the table ends; it is freed after that. */
typedef void (*terminal_fn)(struct terminal *terminal, void *user);
struct terminals *terminals__new(terminal_fn gone, void *user);
void terminals__free(struct terminals *terminals);
uint64_t terminals__last(const struct terminals *terminals); /* number of the last that was seen; 0: none */
/* Calls fn for each, in no order. */
void terminals__each(struct terminals *terminals, terminal_fn fn, void *user);
/*
 * An event that is an OBJECT record about a terminal: which it is, now with the size that this tells. NULL: any other
 * event. *resized: it had another size before.
 */
struct terminal *terminals__told(struct terminals *terminals, const struct model_event *event, bool *resized);
/*
 * NT: what this thread's process reads from and writes to as its console, or by its standard handles. One for each
 * process: nothing tells which of them share a window. NULL: the process is not known.
 */
struct terminal *terminals__console(struct terminals *terminals, const struct model_thread *thread, uint64_t now);
/* The terminal behind an object; NULL: it is none, or was never told. */
struct terminal *terminals__find(const struct terminals *terminals, const struct qbk_object *object);

/* What outputs of terminals need, for output_ops.calls. */
extern const char *const terminal__calls[];

/* ---- a folder of files, one for each terminal ---- */
/* Opens the folder, which is made if it is not there. A descriptor, or -1 with error. */
int terminal__folder(const char *path, GError **error);
/* Appends `text` to NUMBER.SUFFIX there, a new file if `first`. -1: failed. Empties `text`. */
int terminal__write(int folder, const struct terminal *terminal, const char *suffix, bool first, GString *text,
                    GError **error);

#endif
