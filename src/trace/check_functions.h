/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the check alone: calls of hooked functions, each with one end. */
#ifndef QEBEK_TRACE_CHECK_FUNCTIONS_H
#define QEBEK_TRACE_CHECK_FUNCTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "qebek/record.h"

struct check_functions;

struct check_functions *check_functions__new(void);
void check_functions__free(struct check_functions *f);
/* Any record. NULL: it fits, or is about no function. Else in a few words what does not. */
const char *check_functions__feed(struct check_functions *f, const struct qbk_record *rec);
/* Calls that have begun and ended, and those without an end. */
uint64_t check_functions__calls(const struct check_functions *f);
uint64_t check_functions__ended(const struct check_functions *f, enum qbk_function_end end);
uint64_t check_functions__unended(const struct check_functions *f);
/* More calls at once, or functions, than can be checked. */
bool check_functions__overflow(const struct check_functions *f);

#endif
