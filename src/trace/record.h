/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checked access to records, wherever they came from: the one place where sizes and counts inside a record are
 * believed. */
#ifndef QEBEK_TRACE_RECORD_H
#define QEBEK_TRACE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qebek/record.h"

/*
 * Is this a whole record of a known or unknown type within `avail` bytes: size sane, fixed part of its type present,
 * all variable parts (args, snippets, texts) inside it? Everything below may be used only on records that passed.
 */
bool record__valid(const void *data, size_t avail);

struct snippet_iter {
    const uint8_t *at, *end;
};
/* Snippets of an ENTER, RETURN or COMPLETION, and of the first two of functions; of another type: none. */
void record__snippets(const struct qbk_record *rec, struct snippet_iter *it);
/* The next one; *bytes points at its `have` bytes. NULL at the end. */
const struct qbk_snippet *record__next_snippet(struct snippet_iter *it, const uint8_t **bytes);

/*
 * Bytes of guest memory at [addr, addr+len) out of the MEM snippets of `rec`: returns how many of the first bytes are
 * there (0 to len) and points *bytes at them.
 */
size_t record__memory(const struct qbk_record *rec, uint64_t addr, size_t len, const uint8_t **bytes);
/* The snippet of this kind and addr (for MEM: starting exactly at addr), or NULL. */
const struct qbk_snippet *record__find(const struct qbk_record *rec, enum qbk_snippet_kind kind, uint64_t addr,
                                       const uint8_t **bytes);

/* "key\0value\0" pairs of META and GUEST: value of key, or NULL; always NUL-terminated within the record. */
const char *record__text_get(const struct qbk_text *rec, const char *key);
/* Walk over all pairs: *pos starts at 0. */
bool record__text_next(const struct qbk_text *rec, size_t *pos, const char **key, const char **value);

const char *record__type_name(enum qbk_type type);                /* "enter", "return", …; "unknown" */
const char *record__end_name(enum qbk_end end);                   /* "returned", "noreturn", … */
const char *record__function_end_name(enum qbk_function_end end); /* "returned", "unwound", … */
const char *record__completion_name(enum qbk_completion_how how); /* "event", "apc", … */
const char *record__abi_name(enum qbk_abi abi);                   /* "x86_64", "i386", "raw", "nt-x64", "nt-x86" */

#endif
