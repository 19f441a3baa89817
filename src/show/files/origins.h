/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a process has its data from: the peer of the internet socket that it received from last, handed on through
 * pipes. Bounded by the processes that live, and a limit for pipes.
 */
#ifndef QEBEK_SHOW_FILES_ORIGINS_H
#define QEBEK_SHOW_FILES_ORIGINS_H

#include <glib.h>
#include <stdint.h>

#include "qebek/record.h"

struct origins;

struct origins *origins__new(void);
void origins__free(struct origins *origins);

/* Process `pid` received from, or sent to, what this object is. */
void origins__received(struct origins *origins, int32_t pid, const struct qbk_object *object);
void origins__sent(struct origins *origins, int32_t pid, const struct qbk_object *object);
void origins__process_gone(struct origins *origins, int32_t pid);
/* "192.0.2.1:80"; NULL: none. Borrowed, until the next call. */
GRefString *origins__of(const struct origins *origins, int32_t pid);

#endif
