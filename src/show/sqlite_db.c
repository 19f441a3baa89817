/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/sqlite_db.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "show/guest_text.h"

static const char *const sql[STATEMENTS] = {
    [ADD_FACT] = "INSERT INTO facts VALUES (?, ?, ?)",
    [ADD_PROCESS] = "INSERT OR REPLACE INTO processes (id, pid, ppid, parent, uid, euid, gid, comm, exe, cgroup,"
                    " started_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SET_PROCESS] = "UPDATE processes SET ppid = ?2, uid = ?3, euid = ?4, gid = ?5, comm = ?6, exe = ?7 WHERE id = ?1",
    [END_PROCESS] = "UPDATE processes SET ended_ns = ?2, exit = ?3, signal = ?4 WHERE id = ?1",
    [COUNT_CALLS] = "UPDATE processes SET calls = ?2 WHERE id = ?1",
    [JOIN_PROCESS] = "UPDATE processes SET session = ?2, remote = ?3 WHERE id = ?1",
    [ADD_SESSION] = "INSERT OR IGNORE INTO sessions (id, remote, local, started_ns) VALUES (?, ?, ?, ?)",
    [END_SESSION] = "UPDATE sessions SET ended_ns = ?2 WHERE id = ?1",
    [ADD_CALL] = "INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [FINISH_CALL] = "UPDATE calls SET duration_ns = ?2, args = ?3, result = ?4, error = ?5 WHERE seq = ?1",
    [ADD_COMMAND] = "INSERT OR REPLACE INTO commands VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [ADD_CONNECTION] = "INSERT OR REPLACE INTO connections VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [ADD_FILE] = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [ADD_TYPED] = "INSERT INTO typed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [ADD_EVENT] = "INSERT INTO events VALUES (?, ?, ?, ?, ?)",
    [ADD_TEXT] = "INSERT INTO search VALUES (?, ?, ?)",
};

int database__failed(struct database *d, GError **error)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s", d->db ? sqlite3_errmsg(d->db) : "no memory");
    return -1;
}

int database__execute(struct database *d, const char *text, GError **error)
{
    return sqlite3_exec(d->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : database__failed(d, error);
}

/* ---- values; all of them are copied by nobody: they live until the row is written ---- */

void database__put_int(struct database *d, enum statement s, int column, int64_t value)
{
    sqlite3_bind_int64(d->statement[s], column, value);
}

void database__put_id(struct database *d, enum statement s, int column, uint32_t id)
{
    if (id != UINT32_MAX)
        database__put_int(d, s, column, id);
}

/* A process or thread of the guest: none is NULL. */
void database__put_number(struct database *d, enum statement s, int column, int64_t value)
{
    if (value >= 0)
        database__put_int(d, s, column, value);
}

void database__put_word(struct database *d, enum statement s, int column, const char *word)
{
    if (word)
        sqlite3_bind_text(d->statement[s], column, word, -1, SQLITE_STATIC);
}

void database__put_text(struct database *d, enum statement s, int column, const char *text, size_t len)
{
    GString *to = d->other;

    g_string_truncate(to, 0);
    guest_text__append(to, text, len);
    sqlite3_bind_text(d->statement[s], column, to->str, (int)to->len, SQLITE_TRANSIENT);
}

/* Write the row; what was not bound is NULL. */
int database__put_row(struct database *d, enum statement s, GError **error)
{
    int status = sqlite3_step(d->statement[s]);

    sqlite3_reset(d->statement[s]);
    sqlite3_clear_bindings(d->statement[s]);
    d->rows++;
    return status == SQLITE_DONE ? 0 : database__failed(d, error);
}

int database__begin(struct database *d, GError **error)
{
    d->rows = 0;
    d->since = g_get_monotonic_time();
    return database__execute(d, "BEGIN", error);
}

int database__next_batch(struct database *d, GError **error)
{
    return database__execute(d, "COMMIT", error) != 0 ? -1 : database__begin(d, error);
}

/* As other outputs do: what was there before is gone. */
int database__make_empty(const char *where, GError **error)
{
    static const char *const besides[] = {"-wal", "-shm", "-journal"};
    int fd = open(where, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    if (fd < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "cannot write '%s': %s", where,
                    g_strerror(errno));
        return -1;
    }
    close(fd);
    for (size_t i = 0; i < G_N_ELEMENTS(besides); i++) {
        g_autofree char *name = g_strconcat(where, besides[i], NULL);
        (void)unlink(name); /* mostly it is not there */
    }
    return 0;
}

int database__prepare(struct database *d, GError **error)
{
    for (int i = 0; i < STATEMENTS; i++) {
        if (sqlite3_prepare_v3(d->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &d->statement[i], NULL) != SQLITE_OK)
            return database__failed(d, error);
    }
    return 0;
}
