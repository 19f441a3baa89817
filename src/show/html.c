/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One page of a run, which needs nothing but itself. Data goes into it as JSON in which no '<' is left, and the page's
 * own script makes text of it, never markup. Terminals are recorded by the cast output, into a folder that is gone at
 * the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "show/guest_text.h"
#include "show/html.h"
#include "show/json.h"
#include "show/page/page.h"
#include "show/typed/terminal.h"

#define CASTS_MAX       10000u
#define CASTS_APART     1024u /* numbers without a recording between two that have one */
#define CAST_BYTES_MAX  (16u << 20)
#define CASTS_BYTES_MAX (64u << 20)

struct html {
    struct stream *stream;
    struct html_run run;
    GString *text, *json;
    struct output recorder; /* a cast output of our own */
    char *folder;           /* where it writes */
    struct caught *caught;
    uint64_t casts_left_out;
    bool failed_recorder, failed_caught;
};

/* ---- data that can end no script ---- */

static void put_json(GString *to, const GString *json)
{
    for (gsize i = 0; i < json->len; i++) {
        char c = json->str[i];

        if (c == '<' || c == '>' || c == '&')
            g_string_append_printf(to, "\\u%04x", c);
        else
            g_string_append_c(to, c);
    }
}

static void put_bytes(struct html *h, GString *to, const char *text, size_t len)
{
    g_string_truncate(h->json, 0);
    (void)json__string(h->json, text, len);
    put_json(to, h->json);
}

/* Text of the guest to be read: what cannot be seen is spelt out. NULL is null. */
static void put_text(struct html *h, GString *to, const char *key, const char *text)
{
    g_string_append_printf(to, ",\"%s\":", key);
    if (!text) {
        g_string_append(to, "null");
        return;
    }
    g_string_truncate(h->text, 0);
    guest_text__append(h->text, text, strlen(text));
    put_bytes(h, to, h->text->str, h->text->len);
}

static void put_number(GString *to, const char *key, uint64_t value)
{
    g_string_append_printf(to, ",\"%s\":%" G_GUINT64_FORMAT, key, value);
}

static void put_id(GString *to, const char *key, uint32_t id)
{
    g_string_append_printf(to, id == UINT32_MAX ? ",\"%s\":null" : ",\"%s\":%u", key, id);
}

static void put_ms(const struct html_run *r, GString *to, const char *key, uint64_t ns)
{
    g_string_append_printf(to, ",\"%s\":%.3f", key, ns > r->begun_ns ? (double)(ns - r->begun_ns) / 1e6 : 0.0);
}

/* ---- rows ---- */

typedef void (*row_fn)(struct html *h, GString *to, const void *row);

static int rows(struct html *h, const char *name, const GPtrArray *rows, row_fn row, GError **error)
{
    GString *to = stream__buffer(h->stream);
    int err = 0;

    g_string_append_printf(to, ",\"%s\":[", name);
    for (guint i = 0; i < rows->len && err == 0; i++) {
        g_string_append(to, i ? ",\n" : "\n");
        row(h, to, rows->pdata[i]);
        err = stream__flush(h->stream, false, error);
    }
    g_string_append_c(to, ']');
    return err;
}

static void process_row(struct html *h, GString *to, const void *row)
{
    const struct html_process *p = row;

    g_string_append_printf(to, "{\"id\":%" G_GUINT64_FORMAT ",\"parent\":%" G_GUINT64_FORMAT ",\"pid\":%d", p->id,
                           p->parent, p->pid);
    put_id(to, "uid", p->uid);
    put_text(h, to, "comm", p->comm);
    put_text(h, to, "exe", p->exe);
    put_text(h, to, "command", p->command);
    put_text(h, to, "remote", p->remote);
    put_text(h, to, "end", p->end);
    put_number(to, "calls", p->calls);
    put_number(to, "first", p->first);
    g_string_append(to, ",\"busy\":[");
    for (guint i = 0; i < p->busy->len; i++)
        g_string_append_printf(to, i ? ",%u" : "%u", g_array_index(p->busy, guint32, i));
    g_string_append(to, "]}");
}

static void deed_row(struct html *h, GString *to, const void *row)
{
    const struct html_deed *d = row;

    g_string_append_printf(to, "{\"process\":%" G_GUINT64_FORMAT, d->process);
    put_ms(&h->run, to, "ms", d->ns);
    put_number(to, "times", d->times);
    put_id(to, "uid", d->uid);
    put_text(h, to, "action", deed__name(d->kind));
    put_text(h, to, "error", d->code && !d->error ? "failed" : d->error);
    put_text(h, to, "remote", d->remote);
    if (d->kind == DEED_EXEC) {
        put_text(h, to, "path", d->what);
        put_text(h, to, "line", d->target ? d->target : d->what);
    } else if (deed__is_file(d->kind)) {
        put_text(h, to, "path", d->what);
        put_text(h, to, "target", d->target);
    } else {
        put_text(h, to, "address", d->what);
        put_number(to, "port", d->port);
    }
    g_string_append_c(to, '}');
}

static void typed_row(struct html *h, GString *to, const void *row)
{
    static const char *const ends[] = {NULL, "interrupted", "not entered"};
    const struct html_deed *d = row;

    g_string_append_printf(to, "{\"process\":%" G_GUINT64_FORMAT, d->process);
    put_ms(&h->run, to, "ms", d->ns);
    put_id(to, "uid", d->uid);
    put_text(h, to, "remote", d->remote);
    put_text(h, to, "action", d->what);
    put_text(h, to, "line", d->target ? d->target : "");
    put_text(h, to, "error", ends[d->times % G_N_ELEMENTS(ends)]);
    g_string_append_printf(to, ",\"hidden\":%s}", d->port ? "true" : "false");
}

static void caught_row(struct html *h, GString *to, const void *row)
{
    const struct html_file *f = row;

    g_string_append_printf(to, "{\"sha256\":\"%s\",\"writer_pid\":%d,\"runner_pid\":%d", f->sha256, f->writer_pid,
                           f->runner_pid);
    put_ms(&h->run, to, "ms", f->ns);
    put_text(h, to, "path", f->path);
    put_text(h, to, "writer", f->writer);
    put_text(h, to, "runner", f->runner);
    put_text(h, to, "remote", f->remote);
    if (f->sized)
        put_number(to, "size", f->size);
    g_string_append_printf(to, ",\"executed\":%s,\"deleted\":%s,\"complete\":%s}", f->executed ? "true" : "false",
                           f->deleted ? "true" : "false", f->complete ? "true" : "false");
}

static gint by_time(gconstpointer a, gconstpointer b, gpointer user)
{
    const struct html_call *x = g_hash_table_lookup(user, *(const char *const *)a);
    const struct html_call *y = g_hash_table_lookup(user, *(const char *const *)b);

    return x->ns > y->ns ? -1 : x->ns < y->ns;
}

static void calls(struct html *h, GString *to)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    GHashTableIter it;
    gpointer name;

    g_hash_table_iter_init(&it, h->run.calls);
    while (g_hash_table_iter_next(&it, &name, NULL))
        g_ptr_array_add(names, name);
    g_ptr_array_sort_with_data(names, by_time, h->run.calls);
    g_string_append(to, ",\"calls\":[");
    for (guint i = 0; i < names->len; i++) {
        const struct html_call *n = g_hash_table_lookup(h->run.calls, names->pdata[i]);

        g_string_append_printf(to,
                               "%s{\"times\":%" G_GUINT64_FORMAT ",\"errors\":%" G_GUINT64_FORMAT ",\"seconds\":%.6f",
                               i ? ",\n" : "\n", n->times, n->errors, (double)n->ns / 1e9);
        put_text(h, to, "name", names->pdata[i]);
        g_string_append_c(to, '}');
    }
    g_string_append_c(to, ']');
}

/* ---- sessions ---- */

/* A number out of a line of a cast that we wrote: "[12.345678, …". */
static double last_second(const char *text)
{
    const char *line = g_strrstr(text, "\n[");

    return line ? g_ascii_strtod(line + 2, NULL) : 0.0;
}

static char *title_of(const char *cast)
{
    const char *at = strstr(cast, "\"title\": \""), *end = at ? strchr(at + 10, '"') : NULL;

    return end ? g_strndup(at + 10, (size_t)(end - at - 10)) : g_strdup("terminal");
}

/* One recording, read and removed. False: there is none of this number. */
static bool take_cast(struct html *h, int folder, unsigned number, char **text, size_t *len)
{
    g_autofree char *name = g_strdup_printf("%04u.cast", number);
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    bool good = fd >= 0 && fstat(fd, &st) == 0 && st.st_size <= (off_t)CAST_BYTES_MAX;

    *text = NULL;
    *len = 0;
    if (good) {
        *text = g_malloc((size_t)st.st_size + 1);
        ssize_t n = read(fd, *text, (size_t)st.st_size);
        *len = n > 0 ? (size_t)n : 0;
        (*text)[*len] = 0;
    }
    h->casts_left_out += fd >= 0 && !good;
    if (fd >= 0) {
        close(fd);
        (void)unlinkat(folder, name, 0);
    }
    return fd >= 0;
}

static int casts(struct html *h, GError **error)
{
    int folder = open(h->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
    GString *to = stream__buffer(h->stream);
    uint64_t last = terminals__last(h->run.terminals);
    size_t total = 0, len;
    unsigned shown = 0, missing = 0;

    g_string_append(to, ",\"casts\":[");
    /* A terminal that nothing was written to has none. The recorder may know of some that nobody typed at. */
    for (unsigned i = 1; folder >= 0 && (i <= last || missing < CASTS_APART) && err == 0; i++) {
        g_autofree char *text = NULL, *title = NULL;
        bool full;

        missing = take_cast(h, folder, i, &text, &len) ? 0 : missing + 1;
        full = text && (shown >= CASTS_MAX || total + len > CASTS_BYTES_MAX);
        h->casts_left_out += full;
        if (!text || full)
            continue;
        total += len;
        title = title_of(text);
        g_string_append_printf(to, "%s{\"seconds\":%.6f", shown++ ? ",\n" : "\n", last_second(text));
        put_text(h, to, "title", title);
        g_string_append(to, ",\"text\":");
        put_bytes(h, to, text, len);
        g_string_append_c(to, '}');
        err = stream__flush(h->stream, false, error);
    }
    if (folder >= 0)
        close(folder);
    g_string_append_c(to, ']');
    return err;
}

/* ---- the page ---- */

static void notes(struct html *h, GString *to)
{
    const struct html_run *r = &h->run;
    g_autoptr(GString) note = g_string_new(NULL);

    g_string_append(to, ",\"notes\":[");
    if (r->lost)
        g_string_append_printf(note, "%" G_GUINT64_FORMAT " records of this run were lost. ", r->lost);
    if (r->left_out)
        g_string_append_printf(note, "%" G_GUINT64_FORMAT " rows found no room on this page. ", r->left_out);
    if (h->casts_left_out)
        g_string_append_printf(note, "%" G_GUINT64_FORMAT " sessions found no room on this page. ", h->casts_left_out);
    if (h->failed_recorder)
        g_string_append(note, "Sessions could not be recorded. ");
    if (h->failed_caught)
        g_string_append(note, "Files could not be followed to the end. ");
    if (note->len)
        put_bytes(h, to, note->str, note->len - 1);
    g_string_append_c(to, ']');
}

static int put_data(struct html *h, GError **error)
{
    const struct html_run *r = &h->run;
    GString *to = stream__buffer(h->stream);
    int err;

    g_string_append_printf(to, "{\"begun_ms\":%" G_GUINT64_FORMAT, r->begun_ns / 1000000u);
    put_ms(r, to, "lasted_ms", r->last_ns);
    put_number(to, "buckets", r->buckets);
    g_string_append_printf(to, ",\"bucket_ms\":%.3f", (double)r->bucket_ns / 1e6);
    put_text(h, to, "about", r->about ? r->about : "");
    calls(h, to);
    err = casts(h, error);
    notes(h, to);
    if (err == 0)
        err = rows(h, "processes", r->processes, process_row, error);
    if (err == 0)
        err = rows(h, "typed", r->typed, typed_row, error);
    if (err == 0)
        err = rows(h, "commands", r->commands, deed_row, error);
    if (err == 0)
        err = rows(h, "connections", r->connections, deed_row, error);
    if (err == 0)
        err = rows(h, "files", r->files, deed_row, error);
    if (err == 0)
        err = rows(h, "caught", r->caught, caught_row, error);
    g_string_append_c(to, '}');
    return err;
}

/* Where the page has a place, what belongs there. */
static const struct {
    const char *mark;
    const char *text; /* NULL: the data */
} places[] = {{"@PLAYER_CSS@", page_player_css},
              {"@PAGE_CSS@", page_css},
              {"@DATA@", NULL},
              {"@PLAYER_JS@", page_player_js},
              {"@PAGE_JS@", page_js}};

static int put_page(struct html *h, GError **error)
{
    GString *to = stream__buffer(h->stream);
    const char *at = page_html;
    int err = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(places) && err == 0; i++) {
        const char *mark = strstr(at, places[i].mark);

        if (!mark)
            break;
        g_string_append_len(to, at, (gssize)(mark - at));
        if (places[i].text)
            g_string_append(to, places[i].text);
        else
            err = put_data(h, error);
        at = mark + strlen(places[i].mark);
    }
    g_string_append(to, at);
    return err;
}

/* ---- the output ---- */

static void stop_recorder(struct html *h)
{
    GError *error = NULL;

    if (h->recorder.state && output_cast.finish(&h->recorder, &error) != 0)
        h->failed_recorder = true;
    h->recorder.state = NULL;
    g_clear_error(&error);
}

static void catch (struct html *h, const struct model_event *e)
{
    GError *ignored = NULL;

    if (!h->failed_caught && caught__event(h->caught, e, &ignored) != 0)
        h->failed_caught = true; /* the page says so */
    g_clear_error(&ignored);
}

static void stop_catching(struct html *h)
{
    GError *ignored = NULL;

    if (h->caught && !h->failed_caught && caught__finish(h->caught, &ignored) != 0)
        h->failed_caught = true;
    g_clear_error(&ignored);
    caught__free(h->caught);
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct html *h = out->state;
    GError *ignored = NULL;

    (void)error;
    if (!h->failed_recorder && output_cast.event(&h->recorder, e, passed, &ignored) != 0)
        h->failed_recorder = true; /* the page says so */
    g_clear_error(&ignored);
    catch (h, e);
    html_run__event(&h->run, e, passed);
    return 0;
}

static int on_open(struct output *out, const char *where, int fallback_fd, GError **error)
{
    struct html *h = g_new0(struct html, 1);

    (void)fallback_fd;
    out->state = h;
    html_run__init(&h->run);
    h->text = g_string_new(NULL);
    h->json = g_string_new(NULL);
    if (strcmp(where, "-") == 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "a page needs a file: html:FILE");
        return -1;
    }
    h->stream = stream__open(where, -1, error);
    if (!h->stream)
        return -1;
    h->folder = g_strconcat(where, ".XXXXXX", NULL); /* beside it: there files may still be made later */
    if (!mkdtemp(h->folder)) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "cannot make a folder beside '%s': %s", where,
                    g_strerror(errno));
        g_clear_pointer(&h->folder, g_free);
        return -1;
    }
    h->recorder = (struct output){.ops = &output_cast, .options = out->options, .health = out->health};
    h->caught = caught__new(h->folder, &out->options->files, html_caught__file, &h->run, error);
    return h->caught ? output_cast.open(&h->recorder, h->folder, -1, error) : -1;
}

static int on_finish(struct output *out, GError **error)
{
    struct html *h = out->state;
    int err = 0;

    stop_recorder(h);
    stop_catching(h);
    if (h->stream && h->folder && !out->failed)
        err = put_page(h, error);
    if (h->stream && stream__close(h->stream, err ? NULL : error) != 0)
        err = -1;
    if (h->folder)
        (void)unlinkat(AT_FDCWD, h->folder, AT_REMOVEDIR); /* empty by now, unless somebody else put something there */
    html_run__clear(&h->run);
    g_string_free(h->text, TRUE);
    g_string_free(h->json, TRUE);
    g_free(h->folder);
    g_free(h);
    return err;
}

const struct output_ops output_html = {.kind = "html",
                                       .help = "one page to look at the run in a browser; html:FILE",
                                       .wants = OUTPUT_WANTS_ALL | OUTPUT_WANTS_DATA | OUTPUT_WANTS_NAMES |
                                                OUTPUT_WANTS_OBJECTS | OUTPUT_WANTS_FILES | OUTPUT_MAKES_FILES,
                                       .open = on_open,
                                       .event = on_event,
                                       .finish = on_finish,
                                       .calls = terminal__calls};
