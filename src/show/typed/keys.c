/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was typed at terminals, a line a command (typed.h), as lines of text.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "show/guest_text.h"
#include "show/typed/typed.h"

#define FLUSH_AT 16384u

struct keys {
    struct terminals *terminals;
    struct typed *typed;
    int folder;            /* -1: all goes to `stream` */
    struct stream *stream; /* NULL: files */
    GError *error;
};

struct file { /* of one terminal */
    GString *text;
    bool written;
};

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
static void print_marks(GString *to, const struct typed_line *typed)
{
    if (typed->secret)
        g_string_append(to, " (echo off)");
    if (typed->line->history)
        g_string_append(to, " (from history)");
    if (typed->line->completion)
        g_string_append(to, " (with completion)");
    if (typed->line->cut)
        g_string_append(to, " (cut)");
    if (typed->end == TYPED_INTERRUPTED)
        g_string_append(to, " (interrupted)");
    else if (typed->end == TYPED_CLOSED)
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
        if (valid && g_unichar_isgraph(c) && guest_text__shows(c))
            g_string_append_len(to, text, (gssize)size);
        else
            print__safe(to, text, size);
        text += size;
        len -= size;
    }
}

static void print_line(GString *to, const struct typed_line *typed)
{
    const struct model_thread *th = typed->thread;
    const struct model_session *session = model__session(th);
    print_time(to, typed->ns);
    if (session)
        g_string_append_printf(to, " session %" G_GUINT64_FORMAT " from %s", session->number, session->remote);
    else
        g_string_append(to, " local");
    g_string_append_printf(to, " %s uid ", typed->terminal->name);
    if (th->id.uid == UINT32_MAX)
        g_string_append_c(to, '?');
    else
        g_string_append_printf(to, "%u", th->id.uid);
    g_string_append_c(to, ' ');
    print__safe(to, th->comm, strlen(th->comm));
    g_string_append_printf(to, "[%d]", th->id.pid);
    print_marks(to, typed);
    g_string_append(to, ": ");
    print_typed(to, typed->line->text->str, typed->line->text->len);
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

static int on_line(const struct typed_line *typed, void *user, GError **error)
{
    struct keys *keys = user;
    struct terminal *t = typed->terminal;
    struct file *f;
    if (keys->stream) {
        print_line(stream__buffer(keys->stream), typed);
        return stream__flush(keys->stream, false, error);
    }
    if (!t->data)
        t->data = g_new0(struct file, 1);
    f = t->data;
    if (!f->text)
        f->text = g_string_new(NULL);
    print_line(f->text, typed);
    return f->text->len >= FLUSH_AT ? flush(keys, t, error) : 0;
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct keys *keys = out->state;
    if (typed__event(keys->typed, e, passed, error) != 0)
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
    keys->terminals = terminals__new(on_gone, keys);
    keys->typed = typed__new(keys->terminals, on_line, keys);
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
    typed__free(keys->typed);
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
