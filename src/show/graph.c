/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What called what, and how long it took: system calls and hooked functions of each thread inside one another, in the
 * form that function graphs of kernels have.
 *
 * A line is printed when a call ends; if another call of the same thread begins inside it, its beginning is printed
 * first, and its end gets a line of its own. So lines of one thread come in their order; those of different threads
 * come nearly in theirs.
 */
#include <inttypes.h>
#include <string.h>

#include "show/function_calls.h"
#include "show/function_text.h"
#include "show/graph_strand.h"
#include "show/text.h"
#include "trace/record.h"

#define PATIENCE_US 100000u /* a call that goes on becomes visible after so long */
#define WHO_COLUMN  20
#define INDENT      2u
#define INDENT_MAX  64u /* levels; what is deeper stays there */

struct graph {
    struct text text; /* of which only lines and line are used, and what is said of threads that end */
    struct strands *strands;
};

/* As ftrace marks them: the longer, the louder. */
static void duration(GString *to, uint64_t ns)
{
    static const struct {
        uint64_t above;
        char mark;
    } marks[] = {{1000000000, '$'}, {100000000, '@'}, {10000000, '*'}, {1000000, '#'}, {100000, '!'}, {10000, '+'}};
    char mark = ' ';
    for (size_t i = 0; i < G_N_ELEMENTS(marks) && mark == ' '; i++) {
        if (ns > marks[i].above)
            mark = marks[i].mark;
    }
    g_string_append_printf(to, "%c %8" PRIu64 ".%03u us | ", mark, ns / 1000, (unsigned)(ns % 1000));
}

/* What a line begins with; `ns`: how long the call took, or NULL. */
static void begin_line(struct graph *g, const struct output *out, const struct strand *s, const struct qbk_record *rec,
                       unsigned level, const uint64_t *ns)
{
    GString *to = g->text.line;
    if (rec->vcpu == QBK_NO_VCPU)
        g_string_append(to, " -) ");
    else
        g_string_append_printf(to, "%2u) ", rec->vcpu);
    text__timestamp(to, &g->text, out->options, rec->time_ns);
    g_string_append_printf(to, "%-*s |", WHO_COLUMN, s->who->str);
    if (ns)
        duration(to, *ns);
    else
        g_string_append(to, "                  | ");
    for (unsigned i = 0; i < INDENT * MIN(level, INDENT_MAX); i++)
        g_string_append_c(to, ' ');
}

static int end_line(struct graph *g, GError **error)
{
    g_string_append_c(g->text.line, '\n');
    int err = lines__put(g->text.lines, 0, g->text.line, error);
    g_string_truncate(g->text.line, 0);
    return err;
}

/* The beginning of the thread's innermost call, so that others can stand inside it. */
static int put_waiting(struct graph *g, const struct output *out, struct strand *s, GError **error)
{
    struct strand_call *c = strand__top(s);
    if (!c || !c->waits)
        return 0;
    begin_line(g, out, s, &c->begun, strand__level(s, c), NULL);
    g_string_append(g->text.line, s->head->str);
    g_string_append(g->text.line, " {");
    c->waits = false;
    return end_line(g, error);
}

/* A call begins; its text is in s->head from here on. */
static int begins(struct graph *g, const struct output *out, struct strand *s, const struct qbk_record *rec,
                  bool function, const GString *head, GError **error)
{
    if (put_waiting(g, out, s, error) != 0)
        return -1;
    if (strand__push(g->strands, s, rec, function))
        g_string_assign(s->head, head->str);
    return 0;
}

/* What one that ends is known by. */
struct ending {
    uint64_t seq; /* of its beginning */
    const struct qbk_record *rec;
    uint64_t ns;
    bool timeless;    /* that is not known */
    const char *name; /* escaped */
    const char *head; /* name and arguments, as known by now */
    const char *result;
};

static int ends(struct graph *g, const struct output *out, struct strand *s, const struct ending *e, GError **error)
{
    struct strand_call *c = strand__find(s, e->seq), *top = strand__top(s);
    bool leaf = c && c == top && c->waits;
    unsigned level = c ? strand__level(s, c) : strand__depth(s);
    if (!leaf && put_waiting(g, out, s, error) != 0)
        return -1;
    begin_line(g, out, s, e->rec, level, e->timeless ? NULL : &e->ns);
    if (leaf || !c)
        g_string_append_printf(g->text.line, "%s %s;", e->head, e->result);
    else if (c == top)
        g_string_append_printf(g->text.line, "} %s", e->result);
    else /* something that began inside goes on, on another stack: which one ends must be said */
        g_string_append_printf(g->text.line, "} /* %s */ %s", e->name, e->result);
    if (c)
        strand__remove(g->strands, s, c);
    return end_line(g, error);
}

/* ---- functions ---- */

/* Of what the record says is in flight below it, more are open here: these have lost their ends. */
static int drop_lost(struct graph *g, const struct output *out, struct strand *s, const struct qbk_function_enter *rec,
                     GError **error)
{
    while (strand__functions(s) > rec->depth) {
        struct strand_call *c = strand__innermost_function(s);
        if (put_waiting(g, out, s, error) != 0)
            return -1;
        begin_line(g, out, s, &rec->h, strand__level(s, c), NULL);
        g_string_append(g->text.line, "} /* its end was lost */");
        strand__remove(g->strands, s, c);
        if (end_line(g, error) != 0)
            return -1;
    }
    return 0;
}

static int on_function(struct graph *g, struct output *out, const struct model_event *e, GError **error)
{
    const struct function_call *call = e->function;
    uint64_t number = call->enter ? call->enter->h.thread : e->rec->thread; /* it may have become known meanwhile */
    struct strand *s = strands__of(g->strands, number, e->thread, call->enter ? call->enter->object : 0);
    g_autoptr(GString) head = g_string_new(NULL), name = g_string_new(NULL), result = g_string_new(NULL);
    function_text__head(head, out->options, call);
    int err;
    if (!call->ret) {
        err = drop_lost(g, out, s, call->enter, error);
        if (err == 0)
            err = begins(g, out, s, &call->enter->h, true, head, error);
    } else {
        print__safe(name, call->name, strlen(call->name));
        function_text__result(result, out->options, call);
        bool timeless = !call->enter || call->ret->end == QBK_FUNCTION_ENTRY_ONLY;
        const struct ending ending = {call->ret->call, e->rec,    call->duration_ns, timeless,
                                      name->str,       head->str, result->str};
        err = ends(g, out, s, &ending, error);
    }
    strands__let_go(g->strands, s);
    return err;
}

/* ---- system calls ---- */

static void call_head(GString *to, const struct output *out, const struct model_call *c, bool ended)
{
    print__name(to, c);
    g_string_append_c(to, '(');
    print__args(to, out->options, c, 0, ended ? print__count(c) : print__entry_args(c));
    if (!ended && print__gap(c))
        g_string_append(to, ", ...");
    g_string_append(to, c->enter ? ")" : "/* beginning lost */)");
}

static void call_result(GString *to, const struct output *out, const struct model_event *e)
{
    const struct model_call *c = e->call;
    if (e->final || !c->ret || c->ret->end == QBK_END_IN_FLIGHT)
        g_string_append(to, e->lost ? "= ? <lost>" : "= ? <in_flight>");
    else if (c->ret->end == QBK_END_RETURNED || (c->ret->flags & QBK_RETURN_HAS_RESULT))
        print__result(to, out->options, c);
    else
        g_string_append_printf(to, "= ? <%s>", record__end_name((enum qbk_end)c->ret->end));
}

static int on_call(struct graph *g, struct output *out, const struct model_event *e, GError **error)
{
    const struct model_call *c = e->call;
    struct strand *s = strands__of(g->strands, c->thread->number, c->thread, 0);
    g_autoptr(GString) head = g_string_new(NULL), name = g_string_new(NULL), result = g_string_new(NULL);
    int err;
    call_head(head, out, c, e->type != EVENT_ENTER);
    if (e->type == EVENT_ENTER) {
        err = begins(g, out, s, &c->enter->h, false, head, error);
    } else {
        print__name(name, c);
        call_result(result, out, e);
        const struct ending ending = {c->enter ? c->enter->h.seq : 0,
                                      e->rec,
                                      c->duration_ns,
                                      !c->enter || e->final,
                                      name->str,
                                      head->str,
                                      result->str};
        err = ends(g, out, s, &ending, error);
    }
    strands__let_go(g->strands, s);
    return err;
}

/* ---- the output ---- */

static int on_record(struct graph *g, struct output *out, const struct model_event *e, GError **error)
{
    bool linux_thread = e->rec->type == QBK_THREAD && e->thread && !model__is_nt(e->thread); /* its calls tell that */
    if (!linux_thread && text__record(&g->text, out, e))
        return end_line(g, error);
    g_string_truncate(g->text.line, 0);
    return 0;
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct graph *g = out->state;
    if (!passed || e->type == EVENT_COMPLETION)
        return 0;
    if (e->type != EVENT_RECORD)
        return on_call(g, out, e, error);
    return e->function ? on_function(g, out, e, error) : on_record(g, out, e, error);
}

static int on_open(struct output *out, const char *where, int fallback_fd, GError **error)
{
    struct graph *g = g_new0(struct graph, 1);
    g->text.line = g_string_new(NULL);
    g->strands = strands__new();
    out->state = g;
    if (strstr(where, "%p")) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "a graph goes into one file, without %%p");
        return -1;
    }
    g->text.lines = lines__open(where, fallback_fd, error);
    if (!g->text.lines)
        return -1;
    g_string_assign(g->text.line, "# vCPU, thread          |   DURATION       | CALLS");
    return end_line(g, error);
}

/* What has waited long enough. */
static int show_waiting(struct output *out, gint64 before, GError **error)
{
    struct graph *g = out->state;
    struct strand *s;
    int err = 0;
    while (err == 0 && (s = strands__waiting(g->strands, before)) != NULL)
        err = put_waiting(g, out, s, error);
    return err;
}

static int on_tick(struct output *out, GError **error)
{
    struct graph *g = out->state;
    int err = show_waiting(out, g_get_monotonic_time() - PATIENCE_US, error);
    return err == 0 ? lines__flush(g->text.lines, error) : err;
}

static int on_finish(struct output *out, GError **error)
{
    struct graph *g = out->state;
    int err = g->text.lines && !out->failed ? show_waiting(out, G_MAXINT64, error) : 0;
    if (g->text.lines && lines__close(g->text.lines, err ? NULL : error) != 0)
        err = -1;
    strands__free(g->strands);
    g_string_free(g->text.line, TRUE);
    g_free(g);
    return err;
}

const struct output_ops output_graph = {.kind = "graph",
                                        .help = "calls and hooked functions inside one another, with durations",
                                        .open = on_open,
                                        .event = on_event,
                                        .tick = on_tick,
                                        .finish = on_finish};
