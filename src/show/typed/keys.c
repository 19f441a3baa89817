/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was typed: what each process read from a terminal, a line a command. A terminal that edits lines by itself hands
 * over whole ones; where the program does the editing, its keys are resolved (line.h).
 */
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "show/io.h"
#include "show/typed/line.h"
#include "show/typed/terminal.h"

#define TYPISTS_MAX 65536u
#define FLUSH_AT    16384u

struct keys {
    struct terminals *terminals;
    GHashTable *typists;   /* model_thread.process -> typist */
    int folder;            /* -1: all goes to `stream` */
    struct stream *stream; /* NULL: files */
    GError *error;
};

/* A process that reads from a terminal. */
struct typist {
    uint64_t process;
    uint64_t terminal; /* number */
    bool secret;       /* a part of the line was typed with the echo off */
    struct line line;
};

struct file { /* of one terminal */
    GString *text;
    bool written;
};

/* What ended a line. */
enum end { END_ENTERED, END_INTERRUPTED, END_CLOSED };

static void typist_free(gpointer data)
{
    struct typist *typist = data;
    line__clear(&typist->line);
    g_free(typist);
}

/* ---- a line is written ---- */

static void print_time(GString *to, uint64_t ns)
{
    time_t second = (time_t)(ns / 1000000000u);
    char date[32];
    struct tm tm;
    gmtime_r(&second, &tm);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    g_string_append_printf(to, "%s.%06uZ", date, (unsigned)(ns % 1000000000u / 1000u));
}

/* Marks stand before the colon, where nothing of what was typed can look like one. */
static void print_marks(GString *to, const struct typist *typist, enum end end)
{
    if (typist->secret)
        g_string_append(to, " (echo off)");
    if (typist->line.history)
        g_string_append(to, " (from history)");
    if (typist->line.completion)
        g_string_append(to, " (with completion)");
    if (typist->line.cut)
        g_string_append(to, " (cut)");
    if (end == END_INTERRUPTED)
        g_string_append(to, " (interrupted)");
    else if (end == END_CLOSED)
        g_string_append(to, " (not entered)");
}

/*
 * Letters of all scripts as they were typed; what is not seen, or moves what is seen (marks of direction), is escaped
 * as in all other output.
 */
static void print_typed(GString *to, const char *text, gsize len)
{
    while (len) {
        gunichar c = g_utf8_get_char_validated(text, (gssize)len);
        bool valid = c != (gunichar)-1 && c != (gunichar)-2 && c >= 0x80;
        gsize size = valid ? (gsize)g_utf8_skip[(unsigned char)*text] : 1;
        if (valid && g_unichar_isgraph(c) && g_unichar_type(c) != G_UNICODE_FORMAT)
            g_string_append_len(to, text, (gssize)size);
        else
            print__safe(to, text, size);
        text += size;
        len -= size;
    }
}

static void print_line(GString *to, const struct typist *typist, const struct terminal *t,
                       const struct model_thread *th, uint64_t ns, enum end end)
{
    const struct model_session *session = model__session(th);
    print_time(to, ns);
    if (session)
        g_string_append_printf(to, " session %" G_GUINT64_FORMAT " from %s", session->number, session->remote);
    else
        g_string_append(to, " local");
    g_string_append_printf(to, " %s uid ", t->name);
    if (th->id.uid == UINT32_MAX)
        g_string_append_c(to, '?');
    else
        g_string_append_printf(to, "%u", th->id.uid);
    g_string_append_c(to, ' ');
    print__safe(to, th->comm, strlen(th->comm));
    g_string_append_printf(to, "[%d]", th->id.pid);
    print_marks(to, typist, end);
    g_string_append(to, ": ");
    print_typed(to, typist->line.text->str, typist->line.text->len);
    g_string_append_c(to, '\n');
}

static int flush(struct keys *keys, struct terminal *t, GError **error)
{
    struct file *f = t->data;
    if (!f || f->text->len == 0)
        return 0;
    bool first = !f->written;
    f->written = true;
    return terminal__write(keys->folder, t, "keys", first, f->text, error);
}

static int line_ends(struct keys *keys, struct typist *typist, struct terminal *t, const struct model_thread *th,
                     uint64_t ns, enum end end, GError **error)
{
    int status = 0;
    if (keys->stream) {
        print_line(stream__buffer(keys->stream), typist, t, th, ns, end);
        status = stream__flush(keys->stream, false, error);
    } else {
        if (!t->data)
            t->data = g_new0(struct file, 1);
        struct file *f = t->data;
        if (!f->text)
            f->text = g_string_new(NULL);
        print_line(f->text, typist, t, th, ns, end);
        if (f->text->len >= FLUSH_AT)
            status = flush(keys, t, error);
    }
    line__reset(&typist->line);
    typist->secret = false;
    return status;
}

/* ---- what is read ---- */

static struct typist *typist_of(struct keys *keys, const struct model_thread *th, const struct terminal *t)
{
    struct typist *typist = g_hash_table_lookup(keys->typists, &th->process);
    if (!typist) {
        if (g_hash_table_size(keys->typists) >= TYPISTS_MAX) /* ends were lost */
            g_hash_table_remove_all(keys->typists);
        typist = g_new0(struct typist, 1);
        typist->process = th->process;
        line__init(&typist->line);
        g_hash_table_insert(keys->typists, &typist->process, typist);
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

static int typed(struct keys *keys, const struct model_event *e, struct terminal *t, const struct qbk_object *o,
                 const GString *bytes, GError **error)
{
    struct typist *typist = typist_of(keys, e->thread, t);
    bool edits = (o->lflag & QBK_TTY_ICANON) != 0; /* the terminal does: it hands over lines */
    for (gsize i = 0; i < bytes->len; i++) {
        char byte = bytes->str[i];
        enum line_step step = edits ? line__plain(&typist->line, byte) : line__key(&typist->line, byte);
        /* With the editing off as well, the program shows what is typed by itself. */
        if (step == LINE_GOES_ON)
            typist->secret = typist->secret || (edits && !(o->lflag & QBK_TTY_ECHO));
        else if (line_ends(keys, typist, t, e->thread, e->rec->time_ns,
                           step == LINE_ENTERED ? END_ENTERED : END_INTERRUPTED, error) != 0)
            return -1;
    }
    return 0;
}

static int call_ends(struct keys *keys, const struct model_event *e, GError **error)
{
    const struct io_row *row = io__row(e->call);
    int64_t result = io__result(e->call);
    if (!row || row->what != IO_READ || result <= 0 || !e->thread->process)
        return 0;
    const struct qbk_object *o = model__object(e->thread, (uint32_t)io__fd(e->call, row));
    struct terminal *t = terminals__find(keys->terminals, o);
    if (!t || o->tty_side == QBK_TTY_MASTER)
        return 0;
    g_autoptr(GString) bytes = g_string_new(NULL);
    io__each(e->call, row, (uint64_t)result, take, bytes);
    return typed(keys, e, t, o, bytes, error);
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
static int record_comes(struct keys *keys, const struct model_event *e, GError **error)
{
    bool interrupted = e->rec->type == QBK_SIGNAL && ((const struct qbk_signal *)e->rec)->signo == SIGINT;
    bool gone = e->process == PROCESS_EXITS;
    int status = 0;
    if (!e->thread || (!interrupted && !gone))
        return 0;
    struct typist *typist = g_hash_table_lookup(keys->typists, &e->thread->process);
    if (typist && typist->line.text->len) {
        struct search search = {.number = typist->terminal};
        terminals__each(keys->terminals, is_it, &search);
        if (search.found)
            status = line_ends(keys, typist, search.found, e->thread, e->rec->time_ns,
                               gone ? END_CLOSED : END_INTERRUPTED, error);
    }
    if (gone)
        g_hash_table_remove(keys->typists, &e->thread->process);
    return status;
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct keys *keys = out->state;
    bool resized = false;
    (void)terminals__told(keys->terminals, e, &resized);
    if (passed && e->type == EVENT_CALL && e->call->ret && call_ends(keys, e, error) != 0)
        return -1;
    if (e->type == EVENT_RECORD && record_comes(keys, e, error) != 0)
        return -1;
    if (keys->error) {
        g_propagate_error(error, g_steal_pointer(&keys->error));
        return -1;
    }
    return 0;
}

/* ---- files ---- */

static void write_one(struct terminal *t, void *user)
{
    struct keys *keys = user;
    if (!keys->error && !keys->stream)
        (void)flush(keys, t, &keys->error);
}

static void on_gone(struct terminal *t, void *user)
{
    struct file *f = t->data;
    write_one(t, user);
    if (f && f->text)
        g_string_free(f->text, TRUE);
    g_free(f);
    t->data = NULL;
}

static int on_open(struct output *out, const char *where, int fallback_fd, GError **error)
{
    struct keys *keys = g_new0(struct keys, 1);
    out->state = keys;
    keys->folder = -1;
    keys->typists = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, typist_free);
    keys->terminals = terminals__new(on_gone, keys);
    if (strcmp(where, "-") == 0)
        keys->stream = stream__open(where, fallback_fd, error);
    else
        keys->folder = terminal__folder(where, error);
    return keys->stream || keys->folder >= 0 ? 0 : -1;
}

static int on_tick(struct output *out, GError **error)
{
    struct keys *keys = out->state;
    if (keys->stream)
        return stream__flush(keys->stream, true, error);
    terminals__each(keys->terminals, write_one, keys);
    if (!keys->error)
        return 0;
    g_propagate_error(error, g_steal_pointer(&keys->error));
    return -1;
}

static int on_finish(struct output *out, GError **error)
{
    struct keys *keys = out->state;
    int status = 0;
    terminals__free(keys->terminals);
    g_hash_table_destroy(keys->typists);
    if (keys->stream)
        status = stream__close(keys->stream, error);
    if (keys->folder >= 0)
        close(keys->folder);
    if (keys->error) {
        g_propagate_error(error, keys->error);
        status = -1;
    }
    g_free(keys);
    return status;
}

const struct output_ops output_keys = {.kind = "keys",
                                       .help = "what was typed at terminals, one line a command",
                                       .wants = OUTPUT_WANTS_ALL | OUTPUT_WANTS_OBJECTS | OUTPUT_HAS_DIRECTORY,
                                       .open = on_open,
                                       .event = on_event,
                                       .tick = on_tick,
                                       .finish = on_finish,
                                       .calls = terminal__calls};
