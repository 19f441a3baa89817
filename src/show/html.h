/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the html output: what is gathered of a run (html_run.c) and how it is written down (html.c). */
#ifndef QEBEK_SHOW_HTML_H
#define QEBEK_SHOW_HTML_H

#include "show/deeds.h"
#include "show/files/caught.h"
#include "show/output.h"
#include "show/typed/typed.h"

/* A call is counted, not kept: the page of a million calls is no larger than that of what they did. */
struct html_process {
    uint64_t id, parent;
    int32_t pid;
    uint32_t uid;
    char comm[33];
    char *exe, *command, *end, *remote; /* hostile, save remote and end; NULL: not known */
    uint64_t calls;
    uint64_t first; /* bucket of busy[0] */
    GArray *busy;   /* uint32_t: calls in each bucket */
};

/* Something that happened, or several times the same. */
struct html_deed {
    uint64_t process, ns, times;
    uint32_t uid;
    enum deed_kind kind;
    uint32_t code;       /* of its error; 0: none */
    const char *error;   /* … by name; NULL: it has none */
    unsigned port;       /* of what was typed: with the echo off; its `times` is the enum typed_end */
    char *what, *target; /* path or address; command line in target. Hostile */
    char *remote;
};

struct html_call {
    uint64_t times, errors, ns;
};

/* A file that was caught, as one content under one name. */
struct html_file {
    char sha256[65];
    char *path, *writer, *runner, *remote; /* path, names of commands: hostile; NULL: not known */
    int32_t writer_pid, runner_pid;        /* -1: not known */
    uint64_t ns, size;                     /* when it was last kept */
    bool executed, deleted, complete, sized;
};

struct html_run {
    struct deed deed;
    struct terminals *terminals;
    struct typed *typist;
    GPtrArray *processes;                              /* struct html_process *, in order */
    GHashTable *by_id;                                 /* the same by id */
    GPtrArray *typed, *commands, *connections, *files; /* struct html_deed * */
    GHashTable *same;                                  /* those of the last two by what they are */
    GHashTable *pending;                               /* seq -> row of what is not done yet */
    GHashTable *calls;                                 /* name -> struct html_call */
    uint64_t begun_ns, last_ns, bucket_ns, buckets;
    size_t text;             /* bytes of strings kept */
    uint64_t left_out, lost; /* rows that found no room; records in gaps */
    char *about;             /* the guest, in one line; hostile */
    GPtrArray *caught;       /* struct html_file * */
    GHashTable *caught_as;   /* the same by hash and name */
};

/* A string kept within the page's budget: a copy without NUL bytes; NULL past it. */
char *html_run__keep(struct html_run *run, const char *text, size_t len);
bool html_run__full(const struct html_run *run, const GPtrArray *rows); /* no room for one row more */

/* ---- html_caught.c ---- */
void html_caught__init(struct html_run *run);
void html_caught__clear(struct html_run *run);
void html_caught__file(const struct caught_file *file, void *run); /* a caught_fn */

void html_run__init(struct html_run *run);
void html_run__clear(struct html_run *run);
void html_run__event(struct html_run *run, const struct model_event *event, bool passed);

#endif
