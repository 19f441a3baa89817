/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of kept traces share: a directory of their own, and traces to put into it. */
#ifndef QEBEK_TESTS_TRACE_FILE_HELP_H
#define QEBEK_TESTS_TRACE_FILE_HELP_H

#include "build.h"
#include "trace/file.h"

/* For cmocka: make and remove the directory. */
int file_help__make_dir(void **state);
int file_help__remove_dir(void **state);
const char *file_help__dir(void);
char *file_help__path(const char *name); /* of a file in it; the caller's to free */

void file_help__write(const char *path, struct build *b, const struct trace_writer_options *opts);
void file_help__put(const char *path, const void *bytes, size_t len);
/*
 * A trace of 40,000 records: 40 threads with a call in flight nearly all the time, that of thread 1 from the beginning
 * to the end. It ends in order.
 */
void file_help__busy(struct build *b);

#endif
