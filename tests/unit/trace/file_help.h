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
/* Read to the end, compare with what was built; returns how many records came. */
unsigned file_help__read_back(const char *path, struct build *b, enum trace_status *status, char **message);
/* Does the error tell this? Clears it. */
void file_help__tells(GError **error, const char *text, const char *also);
/* The file cannot be opened, and the error says so and names it. */
void file_help__message(const char *path, const char *text);

/* A trace of several blocks, as bytes; the number of records that are whole in the first n bytes. */
struct file_small {
    struct build b;
    char *path;
    uint8_t *bytes;
    size_t len;
    unsigned *whole;
};
void file_help__small_make(struct file_small *s);
void file_help__small_free(struct file_small *s);

#endif
