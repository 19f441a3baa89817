/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the check alone: calls that ended as pending, and have no completion yet. */
#ifndef QEBEK_TRACE_CHECK_PENDING_H
#define QEBEK_TRACE_CHECK_PENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "qebek/record.h"

enum check_pending_result {
    CHECK_PENDING_FITS = 0,
    CHECK_PENDING_UNKNOWN, /* no such call ended as pending, or it has its completion */
    CHECK_PENDING_DIFFERS  /* number, interface or caller are not those of the call */
};

struct check_pending;

struct check_pending *check_pending__new(void);
void check_pending__free(struct check_pending *p);
/* A call ended as pending. False: more of them than can be checked. */
bool check_pending__add(struct check_pending *p, const struct qbk_return *ret);
enum check_pending_result check_pending__complete(struct check_pending *p, const struct qbk_completion *done);

#endif
