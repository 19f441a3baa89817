/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records through the model, the filters and one output: what comes out, as a string. */
#ifndef QEBEK_TESTS_SHOW_SHOWN_H
#define QEBEK_TESTS_SHOW_SHOWN_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "build.h"
#include "show/show.h"

/* What output `kind` writes of all records; g_free it. Frees the options. A wrong filter fails the test. */
char *shown(struct build *b, const char *kind, struct show_options *options);
/* The same as strace lines with default options, compared with the lines given, up to NULL; frees the build. */
void shown__strace(struct build *b, ...) G_GNUC_NULL_TERMINATED;
/* Compares, tells both, and frees `got`. */
void shown__is(char *got, const char *want);

#endif
