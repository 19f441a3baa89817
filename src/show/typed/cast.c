/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Terminal sessions to be played again: an asciicast (version 2) for each terminal
 * (https://docs.asciinema.org/manual/asciicast/v2/). Of a pseudo-terminal it is what its master's side was given and
 * gave, which is what the person saw and typed. Of a terminal of the machine's own it is what programs wrote and read.
 */
#include <string.h>
#include <unistd.h>

#include "show/io.h"
#include "show/json.h"
#include "show/nt/stream.h"
#include "show/typed/terminal.h"

#define FLUSH_AT 16384u
#define TAIL_MAX 3u /* bytes of a character that another piece completes */

#define DEFAULT_COLUMNS 80u
#define DEFAULT_ROWS    24u

enum stream_kind { STREAM_OUT, STREAM_IN, STREAMS };

struct cast {
    struct terminals *terminals;
    int folder;
    GError *error; /* the first, until it can be told */
};

/* What is kept of one terminal. */
struct recording {
    GString *text; /* not yet written */
    bool header;   /* made */
    bool written;  /* its file was begun */
    uint64_t last_ns;
    char tail[STREAMS][TAIL_MAX + 1];
    size_t tail_len[STREAMS];
};

static struct recording *recording_of(struct terminal *t)
{
    struct recording *r = t->data;
    if (!r) {
        t->data = r = g_new0(struct recording, 1);
        r->text = g_string_new(NULL);
    }
    return r;
}

static int flush(struct cast *cast, struct terminal *t, GError **error)
{
    struct recording *r = t->data;
    if (!r || r->text->len == 0)
        return 0;
    bool first = !r->written;
    r->written = true;
    return terminal__write(cast->folder, t, "cast", first, r->text, error);
}

static void header(const struct terminal *t, struct recording *r, uint64_t now)
{
    GString *to = r->text;
    r->header = true;
    r->last_ns = now;
    g_string_append_printf(to, "{\"version\": 2, \"width\": %u, \"height\": %u, \"timestamp\": %" G_GUINT64_FORMAT,
                           t->columns ? t->columns : DEFAULT_COLUMNS, t->rows ? t->rows : DEFAULT_ROWS,
                           now / 1000000000u);
    g_string_append_printf(to, ", \"title\": \"%s%s%s\"", t->name, t->session ? " from " : "", t->remote);
    g_string_append(to, ", \"env\": {\"TERM\": \"xterm-256color\"}");
    if (t->session)
        g_string_append_printf(to, ", \"session\": %" G_GUINT64_FORMAT ", \"remote\": \"%s\"", t->session, t->remote);
    g_string_append(to, "}\n");
}

/* Seconds since the terminal was first used; never back, though the clocks of two vCPUs may. */
static void begin(const struct terminal *t, struct recording *r, uint64_t now, char code)
{
    uint64_t first = t->begun_ns;
    if (!r->header)
        header(t, r, first);
    r->last_ns = MAX(r->last_ns, now);
    g_string_append_printf(r->text, "[%" G_GUINT64_FORMAT ".%06" G_GUINT64_FORMAT ", \"%c\", ",
                           (r->last_ns - first) / 1000000000u, (r->last_ns - first) % 1000000000u / 1000u, code);
}

/* How many bytes at the end are the beginning of a character. */
static size_t incomplete(const char *text, size_t len)
{
    for (size_t back = 1; back <= MIN(len, TAIL_MAX); back++) {
        unsigned char c = (unsigned char)text[len - back];
        if (c < 0x80)
            return 0;
        if (c >= 0xc0)
            return back < (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u) ? back : 0;
    }
    return 0;
}

/* `last`: no more comes, and what is no whole character never will be one. */
static void data(const struct terminal *t, struct recording *r, uint64_t now, enum stream_kind kind, const char *bytes,
                 size_t len, bool last)
{
    g_autoptr(GString) whole = g_string_new_len(r->tail[kind], (gssize)r->tail_len[kind]);
    g_string_append_len(whole, bytes, (gssize)len);
    size_t rest = last ? 0 : incomplete(whole->str, whole->len);
    memcpy(r->tail[kind], whole->str + whole->len - rest, rest);
    r->tail_len[kind] = rest;
    if (whole->len == rest)
        return;
    begin(t, r, now, kind == STREAM_OUT ? 'o' : 'i');
    (void)json__string(r->text, whole->str, whole->len - rest);
    g_string_append(r->text, "]\n");
}

/* ---- what a call moved ---- */

struct moved {
    GString *bytes;
    uint64_t missing;
};

static bool take(const uint8_t *bytes, size_t have, uint64_t full, void *user)
{
    struct moved *m = user;
    g_string_append_len(m->bytes, (const char *)bytes, (gssize)have);
    m->missing += full - have;
    return true;
}

/* A terminal's driver writes a line's end as two characters (n_tty's OPOST and ONLCR). */
static GString *as_shown(const GString *bytes, uint32_t oflag)
{
    GString *shown = g_string_sized_new(bytes->len + 16);
    bool both = (oflag & QBK_TTY_OPOST) && (oflag & QBK_TTY_ONLCR);
    for (size_t i = 0; i < bytes->len; i++) {
        if (both && bytes->str[i] == '\n')
            g_string_append_c(shown, '\r');
        g_string_append_c(shown, bytes->str[i]);
    }
    return shown;
}

static void missed(const struct terminal *t, struct recording *r, uint64_t now, uint64_t bytes)
{
    if (bytes == 0)
        return;
    begin(t, r, now, 'm');
    g_string_append_printf(r->text, "\"%" G_GUINT64_FORMAT " bytes were not captured\"]\n", bytes);
}

static void record(struct terminal *t, const struct qbk_object *o, const struct model_event *e, bool reads,
                   const struct moved *m)
{
    struct recording *r = recording_of(t);
    uint64_t now = e->rec->time_ns;
    bool person = reads != (o->tty_side == QBK_TTY_MASTER); /* what was typed, not what was shown */
    if (o->tty_side == QBK_TTY_MASTER) {
        data(t, r, now, person ? STREAM_IN : STREAM_OUT, m->bytes->str, m->bytes->len, false);
    } else {
        g_autoptr(GString) shown = as_shown(m->bytes, o->oflag);
        if (person)
            data(t, r, now, STREAM_IN, m->bytes->str, m->bytes->len, false);
        if (!person || (o->lflag & QBK_TTY_ECHO))
            data(t, r, now, STREAM_OUT, shown->str, shown->len, false);
    }
    missed(t, r, now, m->missing);
}

static int call_ends(struct cast *cast, const struct model_event *e, GError **error)
{
    const struct io_row *row = io__row(e->call);
    int64_t result = io__result(e->call);
    if (!row || (row->what != IO_READ && row->what != IO_WRITE) || result <= 0)
        return 0;
    const struct qbk_object *o = model__object(e->thread, (uint32_t)io__fd(e->call, row));
    struct terminal *t = terminals__find(cast->terminals, o);
    if (!t || o->tty_side == QBK_TTY_SLAVE) /* the master's side has it all */
        return 0;
    struct moved m = {.bytes = g_string_new(NULL)};
    io__each(e->call, row, (uint64_t)result, take, &m);
    record(t, o, e, row->what == IO_READ, &m);
    g_string_free(m.bytes, TRUE);
    return recording_of(t)->text->len < FLUSH_AT ? 0 : flush(cast, t, error);
}

/* Each piece has whole characters. A console shows what is typed, unless it is told not to, which is not seen; and
 * begins a new line at each line feed.
 */
static int console_comes(struct cast *cast, const struct model_event *e, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    struct nt_stream stream;
    uint64_t missing;
    if (!nt_stream__text(e->call, e->type == EVENT_COMPLETION, &stream, text, &missing))
        return 0;
    struct terminal *t = terminals__console(cast->terminals, e->thread, e->rec->time_ns);
    if (!t)
        return 0;
    nt_stream__lines(text, false);
    struct recording *r = recording_of(t);
    g_autoptr(GString) shown = as_shown(text, QBK_TTY_OPOST | QBK_TTY_ONLCR);
    if (stream.input)
        data(t, r, e->rec->time_ns, STREAM_IN, text->str, text->len, true);
    data(t, r, e->rec->time_ns, STREAM_OUT, shown->str, shown->len, true);
    missed(t, r, e->rec->time_ns, missing);
    return recording_of(t)->text->len < FLUSH_AT ? 0 : flush(cast, t, error);
}

static void resize(const struct terminal *t, uint64_t now)
{
    struct recording *r = t->data;
    if (!r || !r->header || !t->rows || !t->columns)
        return;
    begin(t, r, now, 'r');
    g_string_append_printf(r->text, "\"%ux%u\"]\n", t->columns, t->rows);
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct cast *cast = out->state;
    bool resized = false;
    struct terminal *t = terminals__told(cast->terminals, e, &resized);
    if (t && resized)
        resize(t, e->rec->time_ns);
    if (passed && e->type == EVENT_CALL && e->call->ret && call_ends(cast, e, error) != 0)
        return -1;
    if (passed && (e->type == EVENT_CALL || e->type == EVENT_COMPLETION) && console_comes(cast, e, error) != 0)
        return -1;
    if (cast->error) { /* of one whose place another took */
        g_propagate_error(error, g_steal_pointer(&cast->error));
        return -1;
    }
    return 0;
}

/* ---- files ---- */

static void write_one(struct terminal *t, void *user)
{
    struct cast *cast = user;
    if (!cast->error)
        (void)flush(cast, t, &cast->error);
}

static void on_gone(struct terminal *t, void *user)
{
    struct recording *r = t->data;
    if (!r)
        return;
    for (unsigned kind = 0; kind < STREAMS; kind++) {
        if (r->tail_len[kind])
            data(t, r, r->last_ns, kind, "", 0, true);
    }
    write_one(t, user);
    g_string_free(r->text, TRUE);
    g_free(r);
    t->data = NULL;
}

static int on_open(struct output *out, const char *where, int fallback_fd, GError **error)
{
    struct cast *cast = g_new0(struct cast, 1);
    (void)fallback_fd;
    out->state = cast;
    cast->folder = -1;
    if (strcmp(where, "-") == 0) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "cast needs a directory: --output cast:DIR");
        return -1;
    }
    cast->terminals = terminals__new(on_gone, cast);
    cast->folder = terminal__folder(where, error);
    return cast->folder >= 0 ? 0 : -1;
}

static int on_tick(struct output *out, GError **error)
{
    struct cast *cast = out->state;
    terminals__each(cast->terminals, write_one, cast);
    if (!cast->error)
        return 0;
    g_propagate_error(error, g_steal_pointer(&cast->error));
    return -1;
}

static int on_finish(struct output *out, GError **error)
{
    struct cast *cast = out->state;
    terminals__free(cast->terminals);
    if (cast->folder >= 0)
        close(cast->folder);
    int status = cast->error ? -1 : 0;
    if (cast->error)
        g_propagate_error(error, cast->error);
    g_free(cast);
    return status;
}

const struct output_ops output_cast = {.kind = "cast",
                                       .help = "a folder of terminal sessions, to be played with asciinema",
                                       .wants = OUTPUT_WANTS_ALL | OUTPUT_WANTS_DATA | OUTPUT_WANTS_OBJECTS |
                                                OUTPUT_HAS_DIRECTORY,
                                       .open = on_open,
                                       .event = on_event,
                                       .tick = on_tick,
                                       .finish = on_finish,
                                       .calls = terminal__calls};
