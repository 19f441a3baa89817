/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What files the guest wrote and ran, for outputs that tell of them and keep none: their hashes, without their bytes.
 * They are put together in a folder of the caller's own, of which nothing is left at the end.
 */
#ifndef QEBEK_SHOW_FILES_CAUGHT_H
#define QEBEK_SHOW_FILES_CAUGHT_H

#include "show/files/store.h"
#include "show/files/track.h"

/* Valid while the function runs. */
struct caught_file {
    const struct tracked *file;
    enum file_why why;
    const char *sha256;
    bool complete; /* it is the hash of the guest's whole file */
};
typedef void (*caught_fn)(const struct caught_file *file, void *user);

struct caught;

/* `folder` is made if it is not there. NULL and error. */
struct caught *caught__new(const char *folder, const struct store_limits *limits, caught_fn fn, void *user,
                           GError **error);
/* Hand it each event. -1 and error: our own files cannot be written. */
int caught__event(struct caught *caught, const struct model_event *event, GError **error);
/* What changed and was not told of. -1 and error. */
int caught__finish(struct caught *caught, GError **error);
/* Everything of it in the folder is removed, the folder is not. NULL is taken. */
void caught__free(struct caught *caught);

#endif
