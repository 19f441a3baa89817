/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kept traces (.qbk): a file header, then blocks of records compressed with zstd, each with its own length and
 * checksum, so that a file cut off anywhere is readable up to its last whole block, and a growing one can be followed.
 */
#ifndef QEBEK_TRACE_FILE_H
#define QEBEK_TRACE_FILE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "qebek/record.h"

struct trace_writer;

struct trace_writer_options {
    /* Start the next file when one has so many bytes (at least 65536; by an eighth it may be more); 0: one file. */
    uint64_t max_bytes;
    /* With max_bytes: keep at most so many files, the oldest are deleted; 0: all. Names: PATH, PATH.1, PATH.2 … */
    unsigned max_files;
    unsigned flush_ms; /* a block is written at least this often while records come; 0: 200 */
};

/*
 * Opens PATH ("-": standard output, not with max_bytes). Refuses a directory; replaces a file; a new one is for its
 * owner alone. NULL and error on failure. The process must ignore SIGPIPE and SIGXFSZ to get EPIPE and EFBIG instead.
 */
struct trace_writer *trace__create(const char *path, const struct trace_writer_options *opts, GError **error);
/*
 * Add a record. A rotated-to file begins with what a reader needs to understand it: META, GUEST, THREAD of all live
 * threads, what these told (NAME, OBJECT) and the ENTERs of calls in flight are repeated there with their old seq
 * (flagged in the file header).
 * Returns 0 or -1 with error set (disk full …): what was written before stays readable; later calls return -1 at once.
 */
int trace__write(struct trace_writer *w, const struct qbk_record *rec, GError **error);
/* Write out what has been buffered for longer than flush_ms; call when idle. */
int trace__tick(struct trace_writer *w, GError **error);
int trace__finish(struct trace_writer *w, GError **error); /* frees w in any case */
/* May a record of this type be among what a rotated-to file repeats? */
bool trace__is_repeatable(const struct qbk_record *rec);

struct trace_reader;

enum trace_status {
    TRACE_OK = 0,  /* a record was returned */
    TRACE_END,     /* the clean end of the file */
    TRACE_AGAIN,   /* end of what is there so far (only with follow) */
    TRACE_CUT,     /* cut off in the middle of a block: all before it was returned */
    TRACE_DAMAGED, /* checksum or structure wrong: all before it was returned */
    TRACE_FAILED   /* reading failed (I/O) */
};

/*
 * Opens a trace ("-": standard input). Not a trace, an empty file, a trace of another version: NULL, with an error that
 * says which.
 */
struct trace_reader *trace__open(const char *path, bool follow, GError **error);
/* The next record (valid until the next call) in *rec. For CUT and DAMAGED error says where (byte offset) and what. */
enum trace_status trace__read(struct trace_reader *r, const struct qbk_record **rec, GError **error);
/* Was this file begun by rotation, so that records were lost sight of before it? */
bool trace__is_continuation(const struct trace_reader *r);
/* After TRACE_END: was this file ended by rotation, so that the trace goes on in the next one? */
bool trace__goes_on(const struct trace_reader *r);
void trace__close(struct trace_reader *r);

#endif
