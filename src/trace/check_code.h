/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the check alone: blocks of executed code, each of instructions that were told before. */
#ifndef QEBEK_TRACE_CHECK_CODE_H
#define QEBEK_TRACE_CHECK_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "qebek/record.h"

struct check_code;

struct check_code *check_code__new(void);
void check_code__free(struct check_code *c);
/* Any record. NULL: it fits, or is about no code. Else in a few words what does not. */
const char *check_code__feed(struct check_code *c, const struct qbk_record *rec);
/* Blocks that were executed, whole or in part, and their instructions. */
uint64_t check_code__blocks(const struct check_code *c);
uint64_t check_code__insns(const struct check_code *c);
/* More code than can be checked. */
bool check_code__overflow(const struct check_code *c);

#endif
