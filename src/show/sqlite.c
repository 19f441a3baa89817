/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A database of the run. Rows are written in batches, each one transaction, so that it keeps up. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "show/deeds.h"
#include "show/exits.h"
#include "show/output.h"
#include "show/sqlite_db.h"
#include "show/sqlite_schema.h"
#include "show/typed/typed.h"
#include "trace/record.h"

#define BATCH_ROWS   20000u /* rows of one transaction, at most */
#define BATCH_US     500000 /* … and how old it gets before a reader sees it */
#define STRING_SHOWN 256u   /* of each string and buffer among the arguments of a call, unless -s asks for more */
#define WORDS_MAX    50000u /* texts that are known to be in the index */

/* ---- rows ---- */

static int64_t process_of(const struct model_thread *t)
{
    return t && t->process ? (int64_t)t->process : -1;
}

static int add_text(struct database *d, const char *kind, uint64_t seq, const char *text, size_t len, GError **error)
{
    g_autofree char *word = g_strdup_printf("%s %.*s", kind, (int)len, text);

    if (g_hash_table_contains(d->words, word))
        return 0;
    if (g_hash_table_size(d->words) >= WORDS_MAX)
        g_hash_table_remove_all(d->words);
    g_hash_table_add(d->words, g_steal_pointer(&word));
    database__put_text(d, ADD_TEXT, 1, text, len);
    database__put_word(d, ADD_TEXT, 2, kind);
    database__put_int(d, ADD_TEXT, 3, (int64_t)seq);
    return database__put_row(d, ADD_TEXT, error);
}

static void put_session(struct database *d, enum statement s, int column, const struct model_session *session)
{
    if (!session)
        return;
    database__put_int(d, s, column, (int64_t)session->number);
    database__put_word(d, s, column + 1, session->remote);
}

/* What the three tables of deeds begin with. */
static void begin_deed(struct database *d, enum statement s)
{
    database__put_int(d, s, 1, (int64_t)d->deed.seq);
    database__put_int(d, s, 2, (int64_t)d->deed.ns);
    database__put_number(d, s, 3, process_of(d->deed.thread));
    put_session(d, s, s == ADD_COMMAND ? 5 : 4, model__session(d->deed.thread));
}

static const char *error_of(const struct deed *deed)
{
    if (deed->pending)
        return "STATUS_PENDING"; /* until it is done: then the row is replaced */
    return deed->failed && !deed->error ? "failed" : deed->error;
}

static int add_command(struct database *d, GError **error)
{
    const struct deed *deed = &d->deed;

    begin_deed(d, ADD_COMMAND);
    database__put_id(d, ADD_COMMAND, 4, deed->thread->id.uid);
    database__put_text(d, ADD_COMMAND, 7, deed->path->str, deed->path->len);
    database__put_text(d, ADD_COMMAND, 8, deed->text->str, deed->text->len);
    database__put_word(d, ADD_COMMAND, 9, error_of(deed));
    if (database__put_row(d, ADD_COMMAND, error) != 0)
        return -1;
    return add_text(d, "command", deed->seq, deed->text->str, deed->text->len, error);
}

static int add_connection(struct database *d, GError **error)
{
    const struct deed *deed = &d->deed;
    bool local = deed->family == AF_UNIX;

    begin_deed(d, ADD_CONNECTION);
    database__put_word(d, ADD_CONNECTION, 6, deed__name(deed->kind));
    database__put_word(d, ADD_CONNECTION, 7,
                       local                      ? "unix"
                       : deed->family == AF_INET6 ? "inet6"
                       : deed->family == AF_INET  ? "inet"
                                                  : "unknown");
    if (local)
        database__put_text(d, ADD_CONNECTION, 8, deed->path->str, deed->path->len);
    else if (deed->address[0])
        database__put_word(d, ADD_CONNECTION, 8, deed->address);
    if (deed->address[0])
        database__put_int(d, ADD_CONNECTION, 9, deed->port);
    database__put_word(d, ADD_CONNECTION, 10, deed->scope);
    database__put_word(d, ADD_CONNECTION, 11, error_of(deed));
    return database__put_row(d, ADD_CONNECTION, error);
}

static int add_file(struct database *d, GError **error)
{
    const struct deed *deed = &d->deed;

    begin_deed(d, ADD_FILE);
    database__put_word(d, ADD_FILE, 6, deed__name(deed->kind));
    database__put_text(d, ADD_FILE, 7, deed->path->str, deed->path->len);
    if (deed->text->len)
        database__put_text(d, ADD_FILE, 8, deed->text->str, deed->text->len);
    database__put_word(d, ADD_FILE, 9, error_of(deed));
    if (database__put_row(d, ADD_FILE, error) != 0 ||
        add_text(d, "file", deed->seq, deed->path->str, deed->path->len, error) != 0)
        return -1;
    return deed->text->len ? add_text(d, "file", deed->seq, deed->text->str, deed->text->len, error) : 0;
}

static int add_deed(struct database *d, const struct model_event *e, GError **error)
{
    if (!deed__event(&d->deed, e))
        return 0;
    if (d->deed.kind == DEED_EXEC)
        return add_command(d, error);
    return deed__is_file(d->deed.kind) ? add_file(d, error) : add_connection(d, error);
}

static int add_call(struct database *d, const struct model_event *e, GError **error)
{
    const struct model_call *c = e->call;
    const struct qbk_record *first = c->enter ? &c->enter->h : e->rec;
    bool result = c->ret && (c->ret->flags & QBK_RETURN_HAS_RESULT);
    uint32_t code;

    database__put_int(d, ADD_CALL, 1, (int64_t)first->seq);
    database__put_int(d, ADD_CALL, 2, (int64_t)first->time_ns);
    database__put_int(d, ADD_CALL, 3, (int64_t)c->duration_ns);
    database__put_number(d, ADD_CALL, 4, process_of(c->thread));
    database__put_number(d, ADD_CALL, 5, c->thread->id.tid);
    database__put_number(d, ADD_CALL, 6, first->vcpu == QBK_NO_VCPU ? -1 : first->vcpu);
    database__put_word(d, ADD_CALL, 7, record__abi_name((enum qbk_abi)c->abi));
    g_string_truncate(d->text, 0);
    print__name(d->text, c);
    sqlite3_bind_text(d->statement[ADD_CALL], 8, d->text->str, (int)d->text->len, SQLITE_TRANSIENT);
    g_string_truncate(d->text, 0);
    if (c->enter)
        print__args(d->text, &d->options, c, 0, print__count(c));
    sqlite3_bind_text(d->statement[ADD_CALL], 9, d->text->str, (int)d->text->len, SQLITE_STATIC);
    if (result)
        database__put_int(d, ADD_CALL, 10,
                          c->abi == QBK_ABI_LINUX_I386 ? (int32_t)c->ret->result : (int64_t)c->ret->result);
    if (result && model__is_error(c, &code))
        database__put_word(d, ADD_CALL, 11,
                           model__has_status(c) ? decode__status_name(code) : decode__errno_name(code));
    database__put_word(d, ADD_CALL, 12,
                       c->ret    ? record__end_name((enum qbk_end)c->ret->end)
                       : e->lost ? "lost"
                                 : "in_flight");
    return database__put_row(d, ADD_CALL, error);
}

/* What a call left pending is done: its row gets the final result, and what its memory holds by now. */
static int finish_call(struct database *d, const struct model_event *e, GError **error)
{
    const struct model_call *c = e->call;
    uint32_t code;

    if (!c->enter)
        return 0;
    database__put_int(d, FINISH_CALL, 1, (int64_t)c->enter->h.seq);
    database__put_int(d, FINISH_CALL, 2, (int64_t)c->duration_ns);
    g_string_truncate(d->text, 0);
    print__args(d->text, &d->options, c, 0, print__count(c));
    sqlite3_bind_text(d->statement[FINISH_CALL], 3, d->text->str, (int)d->text->len, SQLITE_STATIC);
    database__put_int(d, FINISH_CALL, 4, (int64_t)c->ret->result);
    if (model__is_error(c, &code))
        database__put_word(d, FINISH_CALL, 5, decode__status_name(code));
    return database__put_row(d, FINISH_CALL, error) != 0 ? -1 : add_deed(d, e, error);
}

static void count_call(struct database *d, const struct model_thread *t)
{
    uint64_t *n = g_hash_table_lookup(d->calls, &t->process);

    if (n)
        (*n)++;
}

/* A process is found to be part of a session when it is made, or later. */
static int join_process(struct database *d, const struct model_thread *t, GError **error)
{
    uint64_t *entry = g_hash_table_lookup(d->calls, &t->process);
    const struct model_session *session = model__session(t);

    if (!entry || !session || entry[2] == session->number)
        return 0;
    entry[2] = session->number;
    database__put_int(d, JOIN_PROCESS, 1, (int64_t)t->process);
    put_session(d, JOIN_PROCESS, 2, session);
    return database__put_row(d, JOIN_PROCESS, error);
}

static int on_call(struct database *d, const struct model_event *e, GError **error)
{
    count_call(d, e->call->thread);
    if (join_process(d, e->call->thread, error) != 0 || add_call(d, e, error) != 0)
        return -1;
    return add_deed(d, e, error);
}

/* ---- processes ---- */

static void put_comm(struct database *d, enum statement s, int column, const struct model_thread *t)
{
    if (t->comm[0])
        database__put_text(d, s, column, t->comm, strlen(t->comm));
    if (t->exe)
        database__put_text(d, s, column + 1, t->exe, g_ref_string_length(t->exe));
}

static int add_process(struct database *d, const struct model_event *e, GError **error)
{
    const struct model_thread *t = e->thread;
    uint64_t *counter = g_new0(uint64_t, 3); /* calls; the process's number, which is the key; its session's */

    counter[1] = t->process;
    g_hash_table_replace(d->calls, &counter[1], counter);
    database__put_int(d, ADD_PROCESS, 1, (int64_t)t->process);
    database__put_number(d, ADD_PROCESS, 2, t->id.pid);
    database__put_number(d, ADD_PROCESS, 3, t->id.ppid);
    database__put_number(d, ADD_PROCESS, 4, t->parent_process ? (int64_t)t->parent_process : -1);
    database__put_id(d, ADD_PROCESS, 5, t->id.uid);
    database__put_id(d, ADD_PROCESS, 6, t->id.euid);
    database__put_id(d, ADD_PROCESS, 7, t->id.gid);
    put_comm(d, ADD_PROCESS, 8, t);
    if (e->cgroup)
        database__put_text(d, ADD_PROCESS, 10, e->cgroup, g_ref_string_length((gchar *)(uintptr_t)e->cgroup));
    if (t->id.why == QBK_THREAD_BORN)
        database__put_int(d, ADD_PROCESS, 11, (int64_t)e->rec->time_ns);
    return database__put_row(d, ADD_PROCESS, error);
}

static int change_process(struct database *d, const struct model_thread *t, GError **error)
{
    database__put_int(d, SET_PROCESS, 1, (int64_t)t->process);
    database__put_number(d, SET_PROCESS, 2, t->id.ppid);
    database__put_id(d, SET_PROCESS, 3, t->id.uid);
    database__put_id(d, SET_PROCESS, 4, t->id.euid);
    database__put_id(d, SET_PROCESS, 5, t->id.gid);
    put_comm(d, SET_PROCESS, 6, t);
    return database__put_row(d, SET_PROCESS, error);
}

static int step_session(struct database *d, const struct model_event *e, GError **error)
{
    const struct model_session *session = e->session;

    if (e->session_step == SESSION_ENDS) {
        database__put_int(d, END_SESSION, 1, (int64_t)session->number);
        database__put_int(d, END_SESSION, 2, (int64_t)e->rec->time_ns);
        return database__put_row(d, END_SESSION, error);
    }
    database__put_int(d, ADD_SESSION, 1, (int64_t)session->number);
    database__put_word(d, ADD_SESSION, 2, session->remote);
    database__put_word(d, ADD_SESSION, 3, session->local);
    database__put_int(d, ADD_SESSION, 4, (int64_t)session->begun_ns);
    return database__put_row(d, ADD_SESSION, error);
}

static int count_process(struct database *d, uint64_t process, uint64_t calls, GError **error)
{
    database__put_int(d, COUNT_CALLS, 1, (int64_t)process);
    database__put_int(d, COUNT_CALLS, 2, (int64_t)calls);
    return database__put_row(d, COUNT_CALLS, error);
}

static int end_process(struct database *d, const struct model_event *e, GError **error)
{
    uint64_t process = e->thread->process;
    const uint64_t *calls = g_hash_table_lookup(d->calls, &process);
    struct exits exits = exits__process(e);

    database__put_int(d, END_PROCESS, 1, (int64_t)process);
    database__put_int(d, END_PROCESS, 2, (int64_t)e->rec->time_ns);
    if (exits.signal)
        database__put_word(d, END_PROCESS, 4, exits.signal);
    else if (exits.known)
        database__put_int(d, END_PROCESS, 3, exits.code);
    if (database__put_row(d, END_PROCESS, error) != 0 || (calls && count_process(d, process, *calls, error) != 0))
        return -1;
    g_hash_table_remove(d->calls, &process);
    return 0;
}

/* ---- other records ---- */

static int add_facts(struct database *d, const struct model_event *e, const char *about, GError **error)
{
    const char *key, *value;
    size_t pos = 0;

    while (record__text_next((const struct qbk_text *)e->rec, &pos, &key, &value)) {
        database__put_word(d, ADD_FACT, 1, about);
        database__put_text(d, ADD_FACT, 2, key, strlen(key));
        database__put_text(d, ADD_FACT, 3, value, strlen(value));
        if (database__put_row(d, ADD_FACT, error) != 0)
            return -1;
    }
    return 0;
}

static int add_event(struct database *d, const struct model_event *e, const char *kind, GError **error)
{
    database__put_int(d, ADD_EVENT, 1, (int64_t)e->rec->seq);
    database__put_int(d, ADD_EVENT, 2, (int64_t)e->rec->time_ns);
    database__put_number(d, ADD_EVENT, 3, process_of(e->thread));
    database__put_word(d, ADD_EVENT, 4, kind);
    database__put_text(d, ADD_EVENT, 5, d->text->str, d->text->len);
    return database__put_row(d, ADD_EVENT, error);
}

static int on_thread(struct database *d, const struct model_event *e, GError **error)
{
    if (!e->thread || !e->thread->process)
        return 0;
    if (e->process == PROCESS_STARTS)
        return add_process(d, e, error);
    if (e->process == PROCESS_EXITS)
        return end_process(d, e, error);
    bool main_thread = e->thread->id.tid == e->thread->id.pid;
    if (e->process == PROCESS_EXECS && model__is_nt(e->thread) &&
        (change_process(d, e->thread, error) != 0 || add_deed(d, e, error) != 0))
        return -1;
    return e->rec->type == QBK_THREAD && main_thread ? change_process(d, e->thread, error) : 0;
}

static int on_name(struct database *d, const struct model_event *e, GError **error)
{
    bool exe = ((const struct qbk_name *)e->rec)->fd == QBK_NAME_EXE;

    return exe && e->thread && e->thread->process ? change_process(d, e->thread, error) : 0;
}

static int on_gap(struct database *d, const struct model_event *e, GError **error)
{
    g_string_printf(d->text, "%" G_GUINT64_FORMAT " records were lost", ((const struct qbk_gap *)e->rec)->records);
    return add_event(d, e, "gap", error);
}

static int on_message(struct database *d, const struct model_event *e, GError **error)
{
    const struct qbk_text *rec = (const void *)e->rec;

    g_string_truncate(d->text, 0);
    g_string_append_len(d->text, rec->text, rec->len);
    return add_event(d, e, rec->h.type == QBK_ERROR ? "error" : "log", error);
}

static int on_signal(struct database *d, const struct model_event *e, GError **error)
{
    const struct qbk_signal *rec = (const void *)e->rec;
    const char *name = decode__signal_name((unsigned)rec->signo);

    g_string_assign(d->text, name ? name : "unknown");
    return add_event(d, e, rec->how == QBK_SIGNAL_FATAL ? "fatal signal" : "signal", error);
}

static int on_facts(struct database *d, const struct model_event *e, GError **error)
{
    return add_facts(d, e, e->rec->type == QBK_META ? "meta" : "guest", error);
}

static int on_typed(const struct typed_line *typed, void *user, GError **error)
{
    static const char *const ends[] = {"entered", "interrupted", "not entered"};
    struct database *d = user;
    const GString *text = typed->line->text;

    database__put_int(d, ADD_TYPED, 1, (int64_t)d->seq);
    database__put_int(d, ADD_TYPED, 2, (int64_t)typed->ns);
    database__put_number(d, ADD_TYPED, 3, process_of(typed->thread));
    put_session(d, ADD_TYPED, 4, model__session(typed->thread));
    database__put_id(d, ADD_TYPED, 6, typed->thread->id.uid);
    database__put_word(d, ADD_TYPED, 7, typed->terminal->name);
    database__put_text(d, ADD_TYPED, 8, text->str, text->len);
    database__put_word(d, ADD_TYPED, 9, ends[typed->end]);
    database__put_int(d, ADD_TYPED, 10, typed->secret);
    if (database__put_row(d, ADD_TYPED, error) != 0)
        return -1;
    return add_text(d, "typed", d->seq, text->str, text->len, error);
}

static void no_more(struct terminal *terminal, void *user)
{
    (void)terminal;
    (void)user;
}

typedef int (*record_fn)(struct database *d, const struct model_event *e, GError **error);
static const record_fn record_fns[QBK_TYPES] = {
    [QBK_META] = on_facts,         [QBK_GUEST] = on_facts, [QBK_THREAD] = on_thread,
    [QBK_THREAD_EXIT] = on_thread, [QBK_NAME] = on_name,   [QBK_GAP] = on_gap,
    [QBK_ERROR] = on_message,      [QBK_LOG] = on_message, [QBK_SIGNAL] = on_signal,
};

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct database *d = out->state;
    int err;

    d->seq = e->rec->seq;
    err = typed__event(d->typed, e, passed, error);
    if (err != 0 || !passed)
        return err;
    if (e->type == EVENT_CALL)
        err = on_call(d, e, error);
    else if (e->type == EVENT_COMPLETION)
        err = finish_call(d, e, error);
    else if (e->type == EVENT_RECORD && e->rec->type < QBK_TYPES && record_fns[e->rec->type])
        err = record_fns[e->rec->type](d, e, error);
    if (err == 0 && e->session_step != SESSION_SAME)
        err = step_session(d, e, error);
    if (err == 0 && d->rows >= BATCH_ROWS)
        err = database__next_batch(d, error);
    return err;
}

static int on_tick(struct output *out, GError **error)
{
    struct database *d = out->state;
    bool due = d->rows > 0 && g_get_monotonic_time() - d->since > BATCH_US;

    return due ? database__next_batch(d, error) : 0;
}

/* ---- begin and end ---- */

/* The write-ahead log lets others read while we write; both its files are opened here, before the confinement. */
static int set_up(struct database *d, GError **error)
{
    int err = database__execute(d,
                                "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -16384;"
                                "PRAGMA temp_store = MEMORY; PRAGMA user_version = " SQLITE_SCHEMA_VERSION,
                                error);

    if (err == 0)
        err = database__execute(d, sqlite_schema, error);
    if (err == 0)
        err = database__prepare(d, error);
    return err == 0 ? database__begin(d, error) : err;
}

static int on_open(struct output *out, const char *where, int fallback_fd, GError **error)
{
    struct database *d;

    (void)fallback_fd;
    if (strcmp(where, "-") == 0 || g_str_has_prefix(where, "/dev/")) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "a database needs a file: sqlite:FILE");
        return -1;
    }
    if (database__make_empty(where, error) != 0)
        return -1;
    d = g_new0(struct database, 1);
    out->state = d;
    d->options = *out->options;
    d->options.string_limit = MAX(d->options.string_limit, STRING_SHOWN);
    d->options.colour = false;
    d->calls = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    d->terminals = terminals__new(no_more, NULL);
    d->typed = typed__new(d->terminals, on_typed, d);
    d->words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    d->text = g_string_new(NULL);
    d->other = g_string_new(NULL);
    deed__init(&d->deed);
    if (sqlite3_open_v2(where, &d->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK || set_up(d, NULL) != 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "cannot write '%s': %s", where,
                    d->db ? sqlite3_errmsg(d->db) : "no memory");
        return -1;
    }
    return 0;
}

static int count_rest(struct database *d, GError **error)
{
    GHashTableIter it;
    gpointer key, value;
    int err = 0;

    g_hash_table_iter_init(&it, d->calls);
    while (err == 0 && g_hash_table_iter_next(&it, &key, &value))
        err = count_process(d, *(uint64_t *)key, *(uint64_t *)value, error);
    return err;
}

static int on_finish(struct output *out, GError **error)
{
    struct database *d = out->state;
    int err = 0;

    if (!out->failed && d->statement[STATEMENTS - 1]) {
        err = count_rest(d, error);
        if (err == 0)
            err = database__execute(d, "COMMIT", error);
        if (err == 0)
            err = database__execute(d, sqlite_indices, error);
        if (err == 0) /* one file to hand on; not while somebody reads it */
            (void)sqlite3_exec(d->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    }
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(d->statement[i]);
    if (sqlite3_close(d->db) != SQLITE_OK && err == 0)
        err = database__failed(d, error);
    typed__free(d->typed);
    terminals__free(d->terminals);
    g_hash_table_destroy(d->calls);
    g_hash_table_destroy(d->words);
    deed__clear(&d->deed);
    g_string_free(d->text, TRUE);
    g_string_free(d->other, TRUE);
    g_free(d);
    return err;
}

const struct output_ops output_sqlite = {
    .kind = "sqlite",
    .help = "a database: processes, calls, commands, connections, files; sqlite:FILE",
    .wants = OUTPUT_WANTS_ALL | OUTPUT_WANTS_NAMES | OUTPUT_WANTS_OBJECTS | OUTPUT_MAKES_FILES,
    .open = on_open,
    .event = on_event,
    .tick = on_tick,
    .finish = on_finish};
