/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the sqlite output: the statements that it has, values of rows, and batches (sqlite_db.c). */
#ifndef QEBEK_SHOW_SQLITE_DB_H
#define QEBEK_SHOW_SQLITE_DB_H

#include <sqlite3.h>

#include "show/deeds.h"
#include "show/output.h"
#include "show/typed/typed.h"

enum statement {
    ADD_FACT,
    ADD_PROCESS,
    SET_PROCESS,
    END_PROCESS,
    COUNT_CALLS,
    JOIN_PROCESS,
    ADD_SESSION,
    END_SESSION,
    ADD_CALL,
    FINISH_CALL,
    ADD_COMMAND,
    ADD_CONNECTION,
    ADD_FILE,
    ADD_TYPED,
    ADD_EVENT,
    ADD_TEXT,
    STATEMENTS
};

struct database {
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENTS];
    struct show_options options; /* with longer strings; its lists are the output's */
    struct deed deed;
    struct terminals *terminals;
    struct typed *typed;
    GHashTable *calls; /* process -> how many, of those that live */
    GHashTable *words; /* texts in the index already: one that comes a thousand times is there once */
    GString *text, *other;
    uint64_t seq;  /* of the record at hand */
    unsigned rows; /* of the transaction that is open */
    gint64 since;  /* when it was begun */
};

/* Sets the error that the library tells of. Returns -1. */
int database__failed(struct database *d, GError **error);
/* Runs statements that give no rows. 0, or -1 and error. */
int database__execute(struct database *d, const char *text, GError **error);
/*
 * Values of the row that statement s writes, by the number of their column, from 1. What is not put is NULL.
 */
void database__put_int(struct database *d, enum statement s, int column, int64_t value);
/* UINT32_MAX: not known. */
void database__put_id(struct database *d, enum statement s, int column, uint32_t id);
/* A process or thread of the guest: a negative one is none. */
void database__put_number(struct database *d, enum statement s, int column, int64_t value);
/* Text of our own, which lives until the row is written. NULL is NULL. */
void database__put_word(struct database *d, enum statement s, int column, const char *word);
/* Text of the guest, made harmless; it is copied. */
void database__put_text(struct database *d, enum statement s, int column, const char *text, size_t len);
/* Writes the row. 0, or -1 and error. */
int database__put_row(struct database *d, enum statement s, GError **error);
/* Begins a transaction. */
int database__begin(struct database *d, GError **error);
/* Ends the one at hand, so that readers see its rows, and begins the next. */
int database__next_batch(struct database *d, GError **error);
/* An empty file, without what an earlier database left beside it. -1 and error. */
int database__make_empty(const char *where, GError **error);
/* Before anything is put. */
int database__prepare(struct database *d, GError **error);

#endif
