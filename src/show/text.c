/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines for people: "text" with the command's name before the call, "strace" exactly as `strace -f -o FILE` writes
 * them, and with %p in the file's name one file a thread, as -ff.
 *
 * A call's line is printed when it returns. If another line has to come before that, or nothing comes for a while, the
 * beginning is printed as "<unfinished ...>", and the rest later as "<... name resumed>".
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "decode/decode.h"
#include "show/code_text.h"
#include "show/dump.h"
#include "show/nt/message.h"
#include "show/nt/origin.h"
#include "show/nt/stream.h"
#include "show/ran.h"
#include "show/text.h"
#include "trace/record.h"

#define RESULT_COLUMN 40u
#define PATIENCE_US   100000 /* a call that blocks becomes visible after so long */

static void seconds(GString *to, uint64_t ns, const char *format)
{
    g_string_append_printf(to, format, ns / 1000000000u, (unsigned)(ns / 1000 % 1000000));
}

void text__timestamp(GString *to, struct text *t, const struct show_options *o, uint64_t ns)
{
    time_t second = (time_t)(ns / 1000000000u);
    char text[32];
    struct tm tm;
    if (o->timestamp == 3) {
        seconds(to, ns, "%" PRIu64 ".%06u ");
    } else if (o->timestamp) {
        localtime_r(&second, &tm);
        strftime(text, sizeof(text), "%H:%M:%S", &tm);
        g_string_append(to, text);
        if (o->timestamp == 2)
            g_string_append_printf(to, ".%06u", (unsigned)(ns / 1000 % 1000000));
        g_string_append_c(to, ' ');
    }
    if (o->relative) {
        uint64_t d = t->last_ns && ns > t->last_ns ? ns - t->last_ns : 0;
        seconds(to, d, o->timestamp ? "(+%6" PRIu64 ".%06u) " : "%6" PRIu64 ".%06u ");
        t->last_ns = ns;
    }
}

static void who(GString *to, const struct model_thread *th)
{
    size_t len = strnlen(th->comm, sizeof(th->comm));
    print__safe(to, len ? th->comm : "?", len ? len : 1);
    if (th->id.tid >= 0 && th->id.tid != th->id.pid)
        g_string_append_printf(to, "[%d/%d] ", th->id.pid, th->id.tid);
    else if (th->id.pid >= 0)
        g_string_append_printf(to, "[%d] ", th->id.pid);
    else if (th->id.page_table)
        g_string_append_printf(to, "[cr3 %#" PRIx64 "] ", th->id.page_table);
    else /* its number is not known: ours */
        g_string_append_printf(to, "[#%" PRIu64 "] ", th->number);
}

void text__leader(GString *to, struct text *t, const struct output *out, const struct model_thread *th, uint64_t ns,
                  const struct qbk_enter *enter)
{
    if (t->strace && !lines__split(t->lines))
        g_string_append_printf(to, "%-5d ", th ? th->id.tid : 0);
    text__timestamp(to, t, out->options, ns);
    if (!t->strace && th)
        who(to, th);
    if (!out->options->ip)
        return;
    if (enter && (enter->flags & QBK_ENTER_HAS_IP))
        g_string_append_printf(to, enter->abi == QBK_ABI_LINUX_I386 ? "[%08" PRIx64 "] " : "[%016" PRIx64 "] ",
                               enter->ip);
    else
        g_string_append(to, "[????????????????] ");
}

/* A whole line is in t->line. */
static int put_line(struct text *t, int32_t tid, GError **error)
{
    int err;
    g_string_append_c(t->line, '\n');
    err = lines__put(t->lines, tid, t->line, error);
    g_string_truncate(t->line, 0);
    return err;
}

/* Begin the line of the call that waits, so that others can follow. */
static int put_waiting(struct text *t, const char *why, GError **error)
{
    if (t->waiting == 0)
        return 0;
    t->waiting = 0;
    g_string_append(t->head, why);
    g_string_append_c(t->head, '\n');
    return lines__put(t->lines, t->waiting_tid, t->head, error);
}

static const char unfinished[] = " <unfinished ...>", detached[] = " <detached ...>";

/* The call as far as it is known at the entry. */
static void call_head(GString *to, const struct output *out, const struct model_call *c)
{
    unsigned entry = print__entry_args(c);
    print__name(to, c);
    g_string_append_c(to, '(');
    print__args(to, out->options, c, 0, entry);
    if (print__gap(c))
        g_string_append(to, ", ");
}

static int on_enter(struct output *out, const struct model_event *e, GError **error)
{
    struct text *t = out->state;
    const struct model_call *c = e->call;
    if (lines__split(t->lines)) /* lines of one thread never interleave */
        return 0;
    if (put_waiting(t, unfinished, error) != 0)
        return -1;
    t->waiting = c->enter->h.seq;
    t->waiting_tid = c->thread->id.tid;
    t->since = g_get_monotonic_time();
    g_string_truncate(t->leader, 0);
    text__leader(t->leader, t, out, c->thread, c->enter->h.time_ns, c->enter);
    g_string_assign(t->head, t->leader->str);
    call_head(t->head, out, c);
    e->call->output_bits |= 1u << out->bit;
    return 0;
}

static void pad(GString *to)
{
    static const char spaces[] = "                                        ";
    g_string_append_len(to, spaces, to->len + 1 < RESULT_COLUMN ? (gssize)(RESULT_COLUMN - to->len) : 1);
}

/* From where the entry left off to the end of the line. */
static void call_tail(struct text *t, const struct output *out, const struct model_call *c)
{
    const struct show_options *o = out->options;
    unsigned entry = print__entry_args(c), count = print__count(c);
    uint32_t code;
    bool result = (c->ret->flags & QBK_RETURN_HAS_RESULT) != 0; /* one that is killed behind the call's end has it */
    if (c->ret->end == QBK_END_THREAD_GONE && !result && (entry < count || print__meaning(c))) {
        g_string_append(t->line, unfinished); /* what it would have written will never be known */
    } else if (entry < count) {
        g_string_truncate(t->rest, 0);
        print__args(t->rest, o, c, entry, count);
        g_string_append(t->line,
                        print__gap(c) && g_str_has_prefix(t->rest->str, ", ") ? t->rest->str + 2 : t->rest->str);
    }
    g_string_append_c(t->line, ')');
    pad(t->line);
    bool red = o->colour && result && model__is_error(c, &code);
    if (red)
        g_string_append(t->line, "\033[31m");
    print__result(t->line, o, c);
    if (!t->strace) { /* which has no way to say it */
        ran__text(t->line, c);
        origin__text(t->line, c);
    }
    if (red)
        g_string_append(t->line, "\033[0m");
    if (!t->strace)
        nt_message__text(t->line, o, c, false);
    nt_stream__mark(t->line, c, false);
    if (o->durations && result && c->ret->end != QBK_END_NORETURN)
        seconds(t->line, c->duration_ns, " <%" PRIu64 ".%06u>");
}

/* How the line of a call that ends begins. */
static void call_begin(struct output *out, const struct model_call *c, bool waits)
{
    struct text *t = out->state;
    bool begun = (c->output_bits & (1u << out->bit)) != 0;
    if (waits) { /* nothing came between: one line; anew, for what was not resident at the entry may be known by now */
        g_string_append_len(t->line, t->leader->str, (gssize)t->leader->len);
        call_head(t->line, out, c);
    } else if (begun) {
        text__leader(t->line, t, out, c->thread, c->ret->h.time_ns, c->enter);
        g_string_append(t->line, "<... ");
        print__name(t->line, c);
        g_string_append(t->line, " resumed>");
    } else if (c->enter) {
        text__leader(t->line, t, out, c->thread, c->enter->h.time_ns, c->enter);
        call_head(t->line, out, c);
    } else {
        text__leader(t->line, t, out, c->thread, c->ret->h.time_ns, NULL);
        print__name(t->line, c);
        g_string_append(t->line, "(/* beginning lost */");
    }
}

static int on_call(struct output *out, const struct model_event *e, GError **error)
{
    struct text *t = out->state;
    const struct model_call *c = e->call;
    bool waits = c->enter && t->waiting == c->enter->h.seq && (c->output_bits & (1u << out->bit));
    bool open = !c->ret || c->ret->end == QBK_END_IN_FLIGHT; /* never seen to end */
    if (open && waits)
        return put_waiting(t, e->lost ? unfinished : detached, error);
    if (open && (c->output_bits & (1u << out->bit)))
        return 0; /* its unfinished line says all */
    if (waits)
        t->waiting = 0;
    else if (put_waiting(t, unfinished, error) != 0)
        return -1;
    call_begin(out, c, waits);
    if (open)
        g_string_append(t->line, e->lost ? unfinished : detached);
    else if (c->ret->end == QBK_END_MACHINE_GONE)
        g_string_append(t->line, " <machine gone>");
    else
        call_tail(t, out, c);
    if (!open)
        dump__call(t->line, out->options, c);
    return put_line(t, c->thread->id.tid, error);
}

/* An operation that a call left pending: what it wrote, and how it ended. */
static int on_completion(struct output *out, const struct model_event *e, GError **error)
{
    struct text *t = out->state;
    const struct model_call *c = e->call;
    const struct qbk_completion *done = (const void *)e->rec;
    unsigned count = print__count(c), shown = 0;
    if (t->strace) /* it has no such lines */
        return 0;
    if (put_waiting(t, unfinished, error) != 0)
        return -1;
    text__leader(t->line, t, out, e->thread, e->rec->time_ns, c->enter);
    g_string_append(t->line, "<... ");
    print__name(t->line, c);
    g_string_append_printf(t->line, " completed, seen by %s> ", record__completion_name(done->how));
    for (unsigned i = 0; i < count && c->service; i++) {
        if (!(c->service->arg[i].dir & DIR_OUT))
            continue;
        g_string_append_printf(t->line, "%s%s=", shown++ ? ", " : "", c->service->arg[i].name);
        print__arg(t->line, out->options, c, i);
    }
    pad(t->line);
    print__result(t->line, out->options, c);
    g_string_append_printf(t->line, " (information %" PRIu64 ")", done->information);
    nt_message__text(t->line, out->options, c, true);
    nt_stream__mark(t->line, c, true);
    return put_line(t, c->thread->id.tid, error);
}

/* One line of those that a BLOCKS record has. */
struct code_lines {
    struct output *out;
    const struct model_event *e;
};

static int code_leader(const struct code_lines *lines)
{
    struct text *t = lines->out->state;
    g_string_truncate(t->line, 0);
    text__leader(t->line, t, lines->out, lines->e->thread, lines->e->rec->time_ns, NULL);
    return 0;
}

static int code_line(void *data, GError **error)
{
    struct code_lines *lines = data;
    struct text *t = lines->out->state;
    int err = put_line(t, lines->e->thread ? lines->e->thread->id.tid : 0, error);
    return err ? err : code_leader(lines);
}

static int on_blocks(struct output *out, const struct model_event *e, GError **error)
{
    struct text *t = out->state;
    struct code_lines lines = {out, e};
    int err = t->strace ? 0 : put_waiting(t, unfinished, error);
    if (t->strace || err)
        return err;
    code_leader(&lines);
    err = code_text__lines(t->line, out->options, e, code_line, &lines, error);
    g_string_truncate(t->line, 0);
    return err;
}

static int on_record(struct output *out, const struct model_event *e, GError **error)
{
    struct text *t = out->state;
    int32_t tid = e->thread ? e->thread->id.tid : 0;
    int err = 0;
    if (text__record(t, out, e)) {
        err = put_waiting(t, unfinished, error);
        if (err == 0)
            err = put_line(t, tid, error);
    }
    g_string_truncate(t->line, 0);
    return err;
}

static int put_end(struct text *t, const struct output *out, const struct ends_told *told, uint64_t ns, GError **error)
{
    int32_t tid = told->thread.id.tid;
    if (put_waiting(t, unfinished, error) != 0)
        return -1;
    text__leader(t->line, t, out, &told->thread, ns, NULL);
    text__exit(t->line, told);
    if (put_line(t, tid, error) != 0)
        return -1;
    return lines__gone(t->lines, tid, error);
}

static int on_exit_record(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct text *t = out->state;
    struct ends_told told[2];
    unsigned n = ends__exit(t->ends, e->thread, (const void *)e->rec, told);
    int err = 0;
    for (unsigned i = 0; i < n && passed && err == 0; i++)
        err = put_end(t, out, &told[i], e->rec->time_ns, error);
    return err;
}

/* The thread, in an execve, has become its process's main thread, and has that one's number from now on. */
static int change_number(struct output *out, const struct model_event *e, int32_t before, GError **error)
{
    struct text *t = out->state;
    struct model_call *c = e->thread->calls;
    g_autofree char *changed = g_strdup_printf(" <pid changed to %d ...>", e->thread->id.tid);
    if (c && lines__split(t->lines)) {
        t->waiting = c->enter->h.seq;
        t->waiting_tid = before;
        g_string_truncate(t->head, 0);
        text__leader(t->head, t, out, e->thread, c->enter->h.time_ns, c->enter);
        call_head(t->head, out, c);
        c->output_bits |= 1u << out->bit;
    }
    bool own = c && t->waiting == c->enter->h.seq;
    if (put_waiting(t, own ? changed : unfinished, error) != 0 || lines__gone(t->lines, before, error) != 0)
        return -1;
    text__leader(t->line, t, out, e->thread, e->rec->time_ns, NULL);
    g_string_append_printf(t->line, "+++ superseded by execve in pid %d +++", before);
    return put_line(t, e->thread->id.tid, error);
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct text *t = out->state;
    if (e->type == EVENT_RECORD && e->thread && e->rec->type == QBK_THREAD_EXIT)
        return on_exit_record(out, e, passed, error);
    if (e->type == EVENT_RECORD && e->thread && e->rec->type == QBK_THREAD) {
        int32_t before = ends__thread(t->ends, e->thread);
        if (passed && before >= 0)
            return change_number(out, e, before, error);
        return passed && model__is_nt(e->thread) ? on_record(out, e, error) : 0;
    }
    if (!passed)
        return 0;
    if (e->type == EVENT_ENTER)
        return on_enter(out, e, error);
    if (e->type == EVENT_CALL)
        return on_call(out, e, error);
    if (e->type == EVENT_COMPLETION)
        return on_completion(out, e, error);
    if (e->rec->type == QBK_BLOCKS)
        return on_blocks(out, e, error);
    return on_record(out, e, error);
}

static int open_lines(struct output *out, const char *where, int fallback_fd, bool strace, GError **error)
{
    struct text *t = g_new0(struct text, 1);
    t->strace = strace;
    t->ends = ends__new();
    t->line = g_string_new(NULL);
    t->rest = g_string_new(NULL);
    t->leader = g_string_new(NULL);
    t->head = g_string_new(NULL);
    out->state = t;
    t->lines = lines__open(where, fallback_fd, error);
    return t->lines ? 0 : -1;
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
    int err = visible ? put_waiting(t, unfinished, error) : 0;
    return err == 0 ? lines__flush(t->lines, error) : err;
}

static int on_finish(struct output *out, GError **error)
{
    struct text *t = out->state;
    struct ends_told told;
    int err = t->lines ? put_waiting(t, unfinished, error) : 0;
    while (t->lines && err == 0 && ends__rest(t->ends, &told))
        err = put_end(t, out, &told, told.thread.id.h.time_ns, error);
    ends__free(t->ends);
    if (t->lines && lines__close(t->lines, err ? NULL : error) != 0)
        err = -1;
    g_string_free(t->line, TRUE);
    g_string_free(t->rest, TRUE);
    g_string_free(t->leader, TRUE);
    g_string_free(t->head, TRUE);
    g_free(t);
    return err;
}

const struct output_ops output_text = {.kind = "text",
                                       .help = "lines for people: command[pid] call(arguments) = result",
                                       .open = open_text,
                                       .event = on_event,
                                       .tick = on_tick,
                                       .finish = on_finish};
const struct output_ops output_strace = {.kind = "strace",
                                         .help =
                                             "the format of strace -f -o FILE; with %p in the name one file a thread",
                                         .open = open_strace,
                                         .event = on_event,
                                         .tick = on_tick,
                                         .finish = on_finish};
