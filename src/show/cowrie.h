/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the cowrie output share. */
#ifndef QEBEK_SHOW_COWRIE_H
#define QEBEK_SHOW_COWRIE_H

#include "show/deeds.h"
#include "show/files/caught.h"
#include "show/trace_id.h"
#include "show/typed/typed.h"

/* A session that is open. */
struct seen {
    GString *version; /* what the other end said first, so far; NULL: nothing yet */
    bool versioned;   /* it is decided whether that is a version */
    GArray *ttys;     /* struct tty; NULL: none */

    struct model_session session; /* a copy: its number, and where it is from and leads to */
    bool login;                   /* told */
    bool terminal;                /* it has one: its commands are what is typed there, and not each program that runs */
    char *daemon;                 /* the image of what accepted the connection; NULL: not known */
    GHashTable *files;            /* those that are told, by hash and path; NULL: none */
};

struct cowrie {
    struct stream *stream;
    struct deed deed;
    struct terminals *terminals;
    struct typed *typed;
    GHashTable *sessions; /* number -> struct seen, of those that are open */
    GHashTable *failed;   /* process -> GString: the command that it could not run */
    char *sensor;
    GString *message;
    char trace[TRACE_ID_SIZE];
    struct caught *caught;
    char *folder; /* where files are put together; gone at the end */
};

/* ---- cowrie.c: an event, from its name to its message, which is in s->message ---- */
void cowrie__begin(const struct cowrie *s, GString *to, const char *event, const struct qbk_record *rec,
                   const struct model_session *session);
void cowrie__text(GString *to, const char *key, const char *text, size_t len);
void cowrie__end(struct cowrie *s, GString *to);

/* ---- cowrie_files.c: files that a session wrote ---- */
/* `where`: the log, beside which files are put together; of standard output in the directory of temporary files. */
int cowrie_files__open(struct cowrie *s, const char *where, const struct store_limits *limits, GError **error);
void cowrie_files__close(struct cowrie *s);

#endif
