/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines for people: "text" with the command's name before the call, "strace" exactly as `strace -f -o FILE` writes
 * them, and with %p in the file's name one file a thread, as -ff.
 *
 * A call's line is printed when it returns. If another line has to come before that, or nothing comes for a while, the
 * beginning is printed as "<unfinished ...>", and the rest later as "<... name resumed>".
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "decode/decode.h"
#include "show/output.h"
#include "trace/record.h"

#define RESULT_COLUMN 40u
#define PATIENCE_US   100000 /* a call that blocks becomes visible after so long */

struct text {
    struct stream *stream; /* NULL with one file a thread */
    bool strace;
    int64_t since;    /* host time when it began to wait */
    uint64_t waiting; /* seq of the ENTER of the call whose line is not begun; 0: none */
    GString *head;    /* its beginning */
    uint64_t last_ns; /* for -r */
    /* one file a thread */
    int dir;
    char *prefix, *suffix;
    GString *line;
};

static void timestamp(GString *to, struct text *t, const struct show_options *o, uint64_t ns)
{
    time_t seconds = (time_t)(ns / 1000000000u);
    unsigned us = (unsigned)(ns / 1000 % 1000000);
    struct tm tm;
    char text[32];
    if (o->relative) {
        uint64_t d = t->last_ns && ns > t->last_ns ? ns - t->last_ns : 0;
        g_string_append_printf(to, "%6" PRIu64 ".%06" PRIu64 " ", d / 1000000000u, d / 1000 % 1000000);
        t->last_ns = ns;
    }
    if (o->timestamp == 3) {
        g_string_append_printf(to, "%" PRIu64 ".%06u ", ns / 1000000000u, us);
    } else if (o->timestamp) {
        localtime_r(&seconds, &tm);
        strftime(text, sizeof(text), "%H:%M:%S", &tm);
        g_string_append(to, text);
        if (o->timestamp == 2)
            g_string_append_printf(to, ".%06u", us);
        g_string_append_c(to, ' ');
    }
}

static void leader(GString *to, struct text *t, const struct output *out, const struct model_thread *th, uint64_t ns)
{
    if (t->strace) {
        if (t->stream)
            g_string_append_printf(to, "%-5d ", th ? th->id.tid : 0);
        timestamp(to, t, out->options, ns);
        return;
    }
    timestamp(to, t, out->options, ns);
    if (!th)
        return;
    print__safe(to, th->comm[0] ? th->comm : "?", sizeof(th->comm) - 1);
    if (th->id.tid >= 0 && th->id.tid != th->id.pid)
        g_string_append_printf(to, "[%d/%d] ", th->id.pid, th->id.tid);
    else if (th->id.pid >= 0)
        g_string_append_printf(to, "[%d] ", th->id.pid);
    else
        g_string_append_printf(to, "[cr3 %#" PRIx64 "] ", th->id.page_table);
}

/* Names of files hold nothing but the number. */
static int to_thread_file(struct text *t, const struct model_thread *th, GString *line, GError **error)
{
    g_autofree char *name = g_strdup_printf("%s%d%s", t->prefix, th ? th->id.tid : 0, t->suffix);
    int fd = openat(t->dir, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
    ssize_t n = fd < 0 ? -1 : write(fd, line->str, line->len);
    int err = errno;
    if (fd >= 0)
        close(fd);
    if (n == (ssize_t)line->len)
        return 0;
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err), "cannot write '%s': %s", name, g_strerror(err));
    return -1;
}

/* A whole line is in t->line. */
static int put_line(struct text *t, const struct model_thread *th, GError **error)
{
    int err = 0;
    g_string_append_c(t->line, '\n');
    if (t->stream)
        g_string_append_len(stream__buffer(t->stream), t->line->str, (gssize)t->line->len);
    else
        err = to_thread_file(t, th, t->line, error);
    g_string_truncate(t->line, 0);
    return err == 0 && t->stream ? stream__flush(t->stream, false, error) : err;
}

static int put_waiting(struct text *t, GError **error)
{
    if (t->waiting == 0)
        return 0;
    t->waiting = 0;
    g_string_assign(t->line, t->head->str);
    g_string_append(t->line, " <unfinished ...>");
    return put_line(t, NULL, error);
}

static void call_head(GString *to, struct text *t, const struct output *out, const struct model_call *c)
{
    unsigned entry = print__entry_args(c);
    leader(to, t, out, c->thread, c->enter->h.time_ns);
    if (out->options->ip && (c->enter->flags & QBK_ENTER_HAS_IP))
        g_string_append_printf(to, "[%016" PRIx64 "] ", c->enter->ip);
    print__name(to, c);
    g_string_append_c(to, '(');
    print__args(to, out->options, c, 0, entry);
    if (entry > 0 && entry < print__count(c))
        g_string_append(to, ", ");
}

static int on_enter(struct output *out, const struct model_event *e, GError **error)
{
    struct text *t = out->state;
    if (!t->stream) /* -ff: lines of one thread never interleave */
        return 0;
    if (put_waiting(t, error) != 0)
        return -1;
    t->waiting = e->call->enter->h.seq;
    t->since = g_get_monotonic_time();
    g_string_truncate(t->head, 0);
    call_head(t->head, t, out, e->call);
    e->call->output_bits |= 1u << out->bit;
    return 0;
}

static void pad(GString *to, size_t start)
{
    size_t len = to->len - start;
    g_string_append_c(to, ' ');
    while (++len < RESULT_COLUMN)
        g_string_append_c(to, ' ');
}

static void call_tail(GString *to, const struct output *out, const struct model_call *c, bool thread_gone)
{
    g_string_append(to, thread_gone ? " <unfinished ...>)" : ")");
    pad(to, 0);
    print__result(to, out->options, c);
    if (out->options->durations && c->ret)
        g_string_append_printf(to, " <%" PRIu64 ".%06" PRIu64 ">", c->duration_ns / 1000000000u,
                               c->duration_ns / 1000 % 1000000);
}

static int on_call(struct output *out, const struct model_event *e, GError **error)
{
    struct text *t = out->state;
    const struct model_call *c = e->call;
    bool begun = (c->output_bits & (1u << out->bit)) != 0, waiting = begun && c->enter && t->waiting == c->enter->h.seq;
    bool gone = c->ret && c->ret->end == QBK_END_THREAD_GONE && !(c->ret->flags & QBK_RETURN_HAS_RESULT);
    unsigned entry = print__entry_args(c), count = print__count(c);
    if (waiting) { /* nothing came between: one line */
        t->waiting = 0;
        call_head(t->line, t, out, c); /* anew: what was not resident at the entry may be known by now */
    } else {
        if (put_waiting(t, error) != 0)
            return -1;
        if (begun) {
            if (e->final || (c->ret && c->ret->end == QBK_END_IN_FLIGHT))
                return 0; /* its unfinished line says all */
            leader(t->line, t, out, c->thread, c->ret->h.time_ns);
            g_string_append(t->line, "<... ");
            print__name(t->line, c);
            g_string_append(t->line, " resumed>");
        } else if (c->enter) {
            call_head(t->line, t, out, c);
        } else {
            leader(t->line, t, out, c->thread, c->ret->h.time_ns);
            print__name(t->line, c);
            g_string_append(t->line, "(/* beginning lost */");
        }
    }
    if (e->final || (c->ret && (c->ret->end == QBK_END_IN_FLIGHT || c->ret->end == QBK_END_MACHINE_GONE))) {
        g_string_append(t->line,
                        c->ret && c->ret->end == QBK_END_MACHINE_GONE ? " <machine gone>" : " <unfinished ...>");
        return put_line(t, c->thread, error);
    }
    if (c->enter && entry < count) {
        GString *rest = g_string_new(NULL);
        print__args(rest, out->options, c, entry, count);
        g_string_append(t->line, entry > 0 && g_str_has_prefix(rest->str, ", ") ? rest->str + 2 : rest->str);
        g_string_free(rest, TRUE);
    }
    call_tail(t->line, out, c, gone && !begun);
    return put_line(t, c->thread, error);
}

static void exit_line(GString *to, int32_t status)
{
    if (WIFSIGNALED(status))
        g_string_append_printf(to, "+++ killed by %s%s +++", decode__signal_name((unsigned)WTERMSIG(status)),
                               WCOREDUMP(status) ? " (core dumped)" : "");
    else
        g_string_append_printf(to, "+++ exited with %d +++", WEXITSTATUS(status));
}

static void signal_line(GString *to, const struct qbk_signal *sig)
{
    const char *known = decode__signal_name((unsigned)sig->signo), *name = known ? known : "?";
    if (sig->how == QBK_SIGNAL_STOPPED) {
        g_string_append_printf(to, "--- stopped by %s ---", name);
        return;
    }
    g_string_append_printf(to, "--- %s ", name);
    print__siginfo(to, sig);
    g_string_append(to, " ---");
}

static void text_pairs(GString *to, const struct qbk_text *rec, const char *const *keys)
{
    for (unsigned i = 0; keys[i]; i++) {
        const char *value = record__text_get(rec, keys[i]);
        if (value) {
            g_string_append_printf(to, "%s%s: ", i ? ", " : "", keys[i]);
            print__safe(to, value, strlen(value));
        }
    }
}

/* Records that are no calls. False: nothing to show. */
static bool record_line(struct text *t, const struct output *out, const struct model_event *e)
{
    static const char *const guest_keys[] = {"os", "release", "how", "pairing", "missing", NULL};
    const struct qbk_record *rec = e->rec;
    GString *to = t->line;
    switch (rec->type) {
    case QBK_SIGNAL:
        if (!out->options->signals)
            return false;
        leader(to, t, out, e->thread, rec->time_ns);
        signal_line(to, (const struct qbk_signal *)rec);
        return true;
    case QBK_THREAD_EXIT:
        leader(to, t, out, e->thread, rec->time_ns);
        exit_line(to, ((const struct qbk_thread_exit *)rec)->status);
        return true;
    default:
        break;
    }
    if (t->strace) /* strace has no lines for the rest */
        return false;
    switch (rec->type) {
    case QBK_GUEST:
        g_string_append(to, "# guest ");
        text_pairs(to, (const struct qbk_text *)rec, guest_keys);
        return true;
    case QBK_GAP:
        g_string_append_printf(to, "# lost %" PRIu64 " records", ((const struct qbk_gap *)rec)->records);
        return true;
    case QBK_ERROR:
    case QBK_LOG:
        g_string_append(to, rec->type == QBK_LOG ? "# log " : "# error ");
        print__safe(to, ((const struct qbk_text *)rec)->text, ((const struct qbk_text *)rec)->len);
        return true;
    default:
        return false;
    }
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct text *t = out->state;
    if (!passed)
        return 0;
    if (e->type == EVENT_ENTER)
        return on_enter(out, e, error);
    if (e->type == EVENT_CALL)
        return on_call(out, e, error);
    if (!record_line(t, out, e)) {
        g_string_truncate(t->line, 0);
        return 0;
    }
    GString *mine = g_string_new_len(t->line->str, (gssize)t->line->len);
    int err = put_waiting(t, error);
    g_string_assign(t->line, mine->str);
    g_string_free(mine, TRUE);
    return err == 0 ? put_line(t, e->thread, error) : err;
}

static int open_dir(struct text *t, const char *where, GError **error)
{
    const char *slash = strrchr(where, '/');
    g_autofree char *dir = slash ? g_strndup(where, (size_t)(slash - where) + 1) : g_strdup(".");
    const char *name = slash ? slash + 1 : where, *at = strstr(name, "%p");
    t->dir = at ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (t->dir < 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                    at ? "cannot open the directory of '%s'"
                       : "%%p belongs into the file's name, not a directory's: '%s'",
                    where);
        return -1;
    }
    t->prefix = g_strndup(name, (size_t)(at - name));
    t->suffix = g_strdup(at + 2);
    return 0;
}

static int open_lines(struct output *out, const char *where, int fallback_fd, bool strace, GError **error)
{
    struct text *t = g_new0(struct text, 1);
    t->strace = strace;
    t->dir = -1;
    t->line = g_string_new(NULL);
    t->head = g_string_new(NULL);
    out->state = t;
    if (strstr(where, "%p"))
        return open_dir(t, where, error);
    t->stream = stream__open(where, fallback_fd, error);
    return t->stream ? 0 : -1;
}

static int open_text(struct output *out, const char *where, int fallback_fd, GError **error)
{
    return open_lines(out, where, fallback_fd, false, error);
}

static int open_strace(struct output *out, const char *where, int fallback_fd, GError **error)
{
    return open_lines(out, where, fallback_fd, true, error);
}

static int on_tick(struct output *out, GError **error)
{
    struct text *t = out->state;
    bool visible = t->waiting && g_get_monotonic_time() - t->since > PATIENCE_US;
    int err = visible ? put_waiting(t, error) : 0;
    return err == 0 && t->stream ? stream__flush(t->stream, true, error) : err;
}

static int on_finish(struct output *out, GError **error)
{
    struct text *t = out->state;
    int err = put_waiting(t, error);
    if (t->stream && stream__close(t->stream, err ? NULL : error) != 0)
        err = -1;
    if (t->dir >= 0)
        close(t->dir);
    g_free(t->prefix);
    g_free(t->suffix);
    g_string_free(t->line, TRUE);
    g_string_free(t->head, TRUE);
    g_free(t);
    return err;
}

const struct output_ops output_text = {
    "text", "lines for people: command[pid] call(arguments) = result", 0, open_text, on_event, on_tick, on_finish};
const struct output_ops output_strace = {
    "strace", "the format of strace -f -o FILE; with %p in the name one file a thread",
    0,        open_strace,
    on_event, on_tick,
    on_finish};
