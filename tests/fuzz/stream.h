/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streams of records out of a fuzzer's bytes. Bytes that must look like records are mostly refused by the first check,
 * so here they are a little language instead, in which anything means something: calls of all numbers, whose pointers
 * and memory lie in a few pages, so that they meet. Each operation's own bytes are told at its function in stream.c.
 */
#ifndef QEBEK_TESTS_FUZZ_STREAM_H
#define QEBEK_TESTS_FUZZ_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "qebek/record.h"

enum stream_op {
    STREAM_ENTER,
    STREAM_RETURN,
    STREAM_THREAD,
    STREAM_EXIT,
    STREAM_SIGNAL,
    STREAM_NAME,
    STREAM_PAIRS,
    STREAM_TEXT,
    STREAM_GAP,
    STREAM_SUMMARY,
    STREAM_OBJECT,
    STREAM_OPS
};

/* What words of arguments and of memory can be; the first byte of a value. */
#define STREAM_SMALL   0x00 /* … 0x3f: -32 to 31 */
#define STREAM_POINTER 0x40 /* … 0x7f: into one of the pages */
#define STREAM_WORD    0x80 /* … 0xbf: four bytes follow */
#define STREAM_LONG    0xc0 /* … 0xff: eight bytes follow */
#define STREAM_INSIDE  0xa5 /* the lowest byte of a word of memory: a pointer, by the byte above it */

/* Calls fn for each record; the record is valid only then. */
void stream__read(const uint8_t *data, size_t size, void (*fn)(const struct qbk_record *rec, void *user), void *user);

#endif
