/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which files there are, what their descriptors are at, and who filled them: from calls and OBJECT records to contents.
 * A file is an inode of a file system; its names come and go.
 */
#ifndef QEBEK_SHOW_FILES_TRACK_H
#define QEBEK_SHOW_FILES_TRACK_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "show/files/content.h"
#include "show/io.h"
#include "show/model.h"

struct file_key {
    uint32_t major, minor;
    uint64_t inode;
};

/* Who did something to a file: a copy, as threads go. */
struct file_who {
    bool known;
    int32_t pid, tid, ppid;
    uint32_t uid;
    char comm[33];
    GRefString *exe;    /* NULL: not told */
    GRefString *remote; /* where data that it received came from: "192.0.2.1:80"; NULL: nowhere */
    uint64_t time_ns;
    uint64_t session; /* number of the session that it is part of; 0: none */
};

struct tracked {
    struct file_key key;
    char *path; /* the last name that it is known by; hostile; NULL: none */
    struct content *content;
    GList link; /* in the order of use */
    struct file_who writer, runner;
    bool executed, deleted;
    bool left_out;       /* there was no room to keep it, and that was counted */
    unsigned writers;    /* opens that may write, as looks told */
    bool filled;         /* bytes were written */
    bool started;        /* told as executed */
    uint64_t kept_known; /* bytes that were known when it was kept last */
    uint64_t mtime_sec;  /* as a look told last; 0: none */
    uint32_t mtime_nsec;
    bool changed; /* since it was kept last */
    bool kept;    /* at least once */
    bool written; /* by a call that was seen, or found changed by a look into the guest's memory */
    bool looked;  /* the guest's memory was looked into … */
    bool mapped;  /* a program may write to it through memory, unseen by calls */
    bool torn;    /* a look was not told whole */
};

/* Why a file is kept now. */
enum file_why { FILE_CLOSED, FILE_EXECUTED, FILE_DELETED, FILE_REPLACED, FILE_TRUNCATED, FILE_RENAMED, FILE_END };

struct track;
/* Called with each file at the moments that count. `last`: it is gone, nothing will be added. -1 and error. */
typedef int (*track_fn)(struct tracked *file, enum file_why why, const struct file_who *who, bool last, void *user,
                        GError **error);

struct track *track__new(struct store *store, track_fn fn, void *user);
void track__free(struct track *track);

/* One event of any type. -1 and error: our own files cannot be written. */
int track__event(struct track *track, const struct model_event *event, GError **error);
/* The end: everything that changed and was not kept. */
int track__finish(struct track *track, GError **error);

/* Did the trace tell the kernel's objects? Without them nothing can be followed. */
bool track__blind(const struct track *track);

#endif
