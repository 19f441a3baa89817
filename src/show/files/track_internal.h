/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the parts of following files: tables and moments (track.c), calls (track_calls.c), looks (track_looks.c). */
#ifndef QEBEK_SHOW_FILES_TRACK_INTERNAL_H
#define QEBEK_SHOW_FILES_TRACK_INTERNAL_H

#include "show/files/fds.h"
#include "show/files/origins.h"
#include "show/files/track.h"

struct track {
    struct store *store;
    track_fn fn;
    void *user;
    GHashTable *files; /* file_key -> struct tracked */
    GQueue order;      /* of them, the one that was left alone longest first */
    GHashTable *paths; /* path (the file's own string) -> struct tracked */
    struct fds *fds;
    struct origins *origins;
    GHashTable *opens; /* NT: what is known of handles (track_nt.c) */
    bool nt_told;      /* calls of NT came, which need no objects to be told */
    bool objects_told, objects_denied;
    bool looks;          /* the trace has looks into the page cache */
    GHashTable *looking; /* number of a look under way -> struct look */
};

/* One call being looked at. */
struct doing {
    struct track *track;
    const struct model_event *event;
    const struct model_call *call;
    const struct io_row *row;
    uint64_t at; /* where the next piece goes */
    struct tracked *file;
    GError **error;
    int status;
};

/* ---- track.c ---- */
/* The file is no longer found by its name. */
void track__unname(struct track *track, struct tracked *file);
/* It is called `path` from here on, which is taken; NULL: as before. */
void track__name(struct track *track, struct tracked *file, char *path);
struct tracked *track__by_path(const struct track *track, const char *path); /* NULL: none */
/* *who becomes the event's thread, if it has one. */
void track__who(const struct track *track, struct file_who *who, const struct model_event *event);
/* Tells the output of a moment; event NULL: nobody's. -1 and error. */
int track__keep(struct track *track, struct tracked *file, enum file_why why, const struct model_event *event,
                bool last, GError **error);
/* The same if it changed, and no more of it. */
int track__end_file(struct track *track, struct tracked *file, enum file_why why, const struct model_event *event,
                    GError **error);
struct tracked *track__find(const struct track *track, const struct qbk_object *object);
/* A file that was not followed is from here on. *status becomes -1 where another one had to go and could not be kept.
 */
struct tracked *track__follow(struct track *track, const struct file_key *key, bool empty, GError **error, int *status);
bool track__is_regular(const struct qbk_object *object); /* NULL is none */

/* ---- track_calls.c ---- */
void track__call(struct doing *doing);

/* ---- track_nt.c ---- */
GHashTable *track_nt__opens(void);
/* False: it is no call of NT. */
bool track_nt__call(struct doing *doing);
/* A process of NT runs the image of this path. */
int track_nt__exec(struct track *track, const struct model_event *event, const char *path, GError **error);

/* ---- track_looks.c ---- */
int track__look(struct track *track, const struct model_event *event, GError **error);
int track__pages(struct track *track, const struct model_event *event, GError **error);

#endif
