/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/typed/typed.h"

#include <signal.h>

#include "show/io.h"
#include "show/nt/stream.h"

#define TYPISTS_MAX 65536u

struct typed {
    struct terminals *terminals;
    GHashTable *typists; /* model_thread.process -> typist */
    typed_fn fn;
    void *user;
};

/* A process that reads from a terminal. */
struct typist {
    uint64_t process;
    uint64_t terminal; /* number */
    bool secret;       /* a part of the line was typed with the echo off */
    struct line line;
};

static void typist_free(gpointer data)
{
    struct typist *typist = data;
    line__clear(&typist->line);
    g_free(typist);
}

struct typed *typed__new(struct terminals *terminals, typed_fn fn, void *user)
{
    struct typed *typed = g_new0(struct typed, 1);
    typed->terminals = terminals;
    typed->fn = fn;
    typed->user = user;
    typed->typists = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, typist_free);
    return typed;
}

void typed__free(struct typed *typed)
{
    if (!typed)
        return;
    g_hash_table_destroy(typed->typists);
    g_free(typed);
}

static int line_ends(struct typed *typed, struct typist *typist, struct terminal *t, const struct model_thread *th,
                     uint64_t ns, enum typed_end end, GError **error)
{
    struct typed_line line = {
        .terminal = t, .thread = th, .ns = ns, .line = &typist->line, .secret = typist->secret, .end = end};
    int status = typed->fn(&line, typed->user, error);
    line__reset(&typist->line);
    typist->secret = false;
    return status;
}

static struct typist *typist_of(struct typed *typed, const struct model_thread *th, const struct terminal *t)
{
    struct typist *typist = g_hash_table_lookup(typed->typists, &th->process);
    if (!typist) {
        if (g_hash_table_size(typed->typists) >= TYPISTS_MAX) /* ends were lost */
            g_hash_table_remove_all(typed->typists);
        typist = g_new0(struct typist, 1);
        typist->process = th->process;
        line__init(&typist->line);
        g_hash_table_insert(typed->typists, &typist->process, typist);
    }
    if (typist->terminal != t->number)
        line__reset(&typist->line);
    typist->terminal = t->number;
    return typist;
}

static bool take(const uint8_t *bytes, size_t have, uint64_t full, void *user)
{
    (void)full;
    g_string_append_len(user, (const char *)bytes, (gssize)have);
    return true;
}

static int bytes_come(struct typed *typed, const struct model_event *e, struct terminal *t, const struct qbk_object *o,
                      const GString *bytes, GError **error)
{
    struct typist *typist = typist_of(typed, e->thread, t);
    bool edits = (o->lflag & QBK_TTY_ICANON) != 0; /* the terminal does: it hands over lines */
    for (gsize i = 0; i < bytes->len; i++) {
        char byte = bytes->str[i];
        enum line_step step = edits ? line__plain(&typist->line, byte) : line__key(&typist->line, byte);
        /* With the editing off as well, the program shows what is typed by itself. */
        if (step == LINE_GOES_ON)
            typist->secret = typist->secret || (edits && !(o->lflag & QBK_TTY_ECHO));
        else if (line_ends(typed, typist, t, e->thread, e->rec->time_ns,
                           step == LINE_ENTERED ? TYPED_ENTERED : TYPED_INTERRUPTED, error) != 0)
            return -1;
    }
    return 0;
}

/*
 * NT hands over whole lines, which end in a carriage return and a line feed, unless a program asked for each key; which
 * of the two, its calls do not tell.
 */
static int console_comes(struct typed *typed, const struct model_event *e, GError **error)
{
    static const struct qbk_object lines = {.lflag = QBK_TTY_ICANON | QBK_TTY_ECHO};
    g_autoptr(GString) text = g_string_new(NULL);
    struct nt_stream stream;
    uint64_t missing;
    if (!e->thread->process || !nt_stream__text(e->call, e->type == EVENT_COMPLETION, &stream, text, &missing) ||
        !stream.input)
        return 0;
    nt_stream__lines(text, true);
    struct terminal *t = terminals__console(typed->terminals, e->thread, e->rec->time_ns);
    return t ? bytes_come(typed, e, t, &lines, text, error) : 0;
}

static int call_ends(struct typed *typed, const struct model_event *e, GError **error)
{
    const struct io_row *row = io__row(e->call);
    int64_t result = io__result(e->call);
    if (!row || row->what != IO_READ || result <= 0 || !e->thread->process)
        return 0;
    const struct qbk_object *o = model__object(e->thread, (uint32_t)io__fd(e->call, row));
    struct terminal *t = terminals__find(typed->terminals, o);
    if (!t || o->tty_side == QBK_TTY_MASTER)
        return 0;
    g_autoptr(GString) bytes = g_string_new(NULL);
    io__each(e->call, row, (uint64_t)result, take, bytes);
    return bytes_come(typed, e, t, o, bytes, error);
}

struct search {
    uint64_t number;
    struct terminal *found;
};

static void is_it(struct terminal *t, void *user)
{
    struct search *search = user;
    if (t->number == search->number)
        search->found = t;
}

/* A process that had begun a line is interrupted, or gone. */
static int record_comes(struct typed *typed, const struct model_event *e, GError **error)
{
    bool interrupted = e->rec->type == QBK_SIGNAL && ((const struct qbk_signal *)e->rec)->signo == SIGINT;
    bool gone = e->process == PROCESS_EXITS;
    int status = 0;
    if (!e->thread || (!interrupted && !gone))
        return 0;
    struct typist *typist = g_hash_table_lookup(typed->typists, &e->thread->process);
    if (typist && typist->line.text->len) {
        struct search search = {.number = typist->terminal};
        terminals__each(typed->terminals, is_it, &search);
        if (search.found)
            status = line_ends(typed, typist, search.found, e->thread, e->rec->time_ns,
                               gone ? TYPED_CLOSED : TYPED_INTERRUPTED, error);
    }
    if (gone)
        g_hash_table_remove(typed->typists, &e->thread->process);
    return status;
}

int typed__event(struct typed *typed, const struct model_event *e, bool passed, GError **error)
{
    bool resized = false;
    (void)terminals__told(typed->terminals, e, &resized);
    if (passed && e->type == EVENT_CALL && e->call->ret && call_ends(typed, e, error) != 0)
        return -1;
    if (passed && (e->type == EVENT_CALL || e->type == EVENT_COMPLETION) && console_comes(typed, e, error) != 0)
        return -1;
    return e->type == EVENT_RECORD ? record_comes(typed, e, error) : 0;
}
