/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the descriptors of threads stand for, as OBJECT records told last, and where open file descriptions are in their
 * files. Bounded by the threads that live, and by a limit for each.
 */
#ifndef QEBEK_SHOW_FILES_FDS_H
#define QEBEK_SHOW_FILES_FDS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "qebek/record.h"

#define FDS_NOWHERE (-1)

struct description {
    uint64_t file;    /* the kernel's object */
    int64_t position; /* FDS_NOWHERE: not known */
    bool append;
};

struct fds;

struct fds *fds__new(void);
void fds__free(struct fds *fds);

void fds__object(struct fds *fds, const struct qbk_object *object);
void fds__thread_gone(struct fds *fds, uint64_t thread);
/* NULL: not told. Valid until the next record. */
const struct qbk_object *fds__of(const struct fds *fds, uint64_t thread, int64_t fd);
/* The description of an object, made if it is new. Never NULL. Valid until the next call of fds__opened. */
struct description *fds__description(struct fds *fds, uint64_t file);
/* It was just opened: whatever was known of one at this place is over. */
struct description *fds__opened(struct fds *fds, uint64_t file, bool append);

#endif
