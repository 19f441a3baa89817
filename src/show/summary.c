/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -c, -C: a table of calls, as strace's, and how they ended. */
#include <inttypes.h>
#include <string.h>

#include "decode/decode.h"
#include "show/output.h"
#include "trace/record.h"

struct row {
    char *name;
    uint64_t calls, errors, ns;
};

struct summary {
    struct stream *stream;
    GHashTable *rows;
    uint64_t ends[QBK_ENDS], ns;
};

static void row_free(gpointer data)
{
    struct row *r = data;
    g_free(r->name);
    g_free(r);
}

static struct row *row_of(struct summary *s, const struct model_call *c)
{
    g_autoptr(GString) name = g_string_new(NULL);
    print__name(name, c);
    struct row *r = g_hash_table_lookup(s->rows, name->str);
    if (!r) {
        r = g_new0(struct row, 1);
        r->name = g_strdup(name->str);
        g_hash_table_insert(s->rows, r->name, r);
    }
    return r;
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct summary *s = out->state;
    uint32_t code;
    (void)error;
    if (!passed || e->type != EVENT_CALL)
        return 0;
    struct row *r = row_of(s, e->call);
    const struct qbk_return *ret = e->call->ret;
    r->calls++;
    r->ns += e->call->duration_ns;
    s->ns += e->call->duration_ns;
    s->ends[ret && ret->end < QBK_ENDS ? ret->end : QBK_END_IN_FLIGHT]++;
    if (ret && (ret->flags & QBK_RETURN_HAS_RESULT))
        r->errors += decode__is_error((enum qbk_abi)e->call->abi, ret->result, &code);
    return 0;
}

static gint compare(gconstpointer a, gconstpointer b, gpointer user)
{
    const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
    const char *key = user ? user : "time";
    uint64_t p = x->ns, q = y->ns;
    if (strcmp(key, "name") == 0)
        return strcmp(x->name, y->name);
    if (strcmp(key, "calls") == 0) {
        p = x->calls;
        q = y->calls;
    } else if (strcmp(key, "errors") == 0) {
        p = x->errors;
        q = y->errors;
    }
    return p > q ? -1 : p < q ? 1 : strcmp(x->name, y->name);
}

static void line(GString *to, const struct summary *s, const struct row *r)
{
    g_string_append_printf(to, "%6.2f %11.6f %11" PRIu64 " %9" PRIu64 " ",
                           s->ns ? 100.0 * (double)r->ns / (double)s->ns : 0.0, (double)r->ns / 1e9,
                           r->calls ? r->ns / 1000 / r->calls : 0, r->calls);
    if (r->errors)
        g_string_append_printf(to, "%9" PRIu64, r->errors);
    else
        g_string_append(to, "         ");
    g_string_append_printf(to, " %s\n", r->name);
}

static void table(GString *to, const struct summary *s, const char *sort)
{
    static const char rule[] = "------ ----------- ----------- --------- --------- ----------------\n";
    g_autoptr(GPtrArray) rows = g_ptr_array_new();
    struct row total = {.name = (char *)(uintptr_t) "total"};
    GHashTableIter it;
    gpointer value;
    g_hash_table_iter_init(&it, s->rows);
    while (g_hash_table_iter_next(&it, NULL, &value))
        g_ptr_array_add(rows, value);
    g_ptr_array_sort_with_data(rows, compare, (gpointer)(uintptr_t)sort);
    g_string_append_printf(to, "%% time     seconds  usecs/call     calls    errors syscall\n%s", rule);
    for (guint i = 0; i < rows->len; i++) {
        const struct row *r = rows->pdata[i];
        line(to, s, r);
        total.calls += r->calls;
        total.errors += r->errors;
        total.ns += r->ns;
    }
    g_string_append(to, rule);
    line(to, s, &total);
    g_string_append(to, "ends:");
    for (unsigned i = 0; i < QBK_ENDS; i++) {
        if (s->ends[i])
            g_string_append_printf(to, " %s %" PRIu64, record__end_name((enum qbk_end)i), s->ends[i]);
    }
    g_string_append_c(to, '\n');
}

static int on_open(struct output *out, const char *where, int fallback_fd, GError **error)
{
    struct summary *s = g_new0(struct summary, 1);
    s->rows = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, row_free);
    s->stream = stream__open(where, fallback_fd, error);
    out->state = s;
    return s->stream ? 0 : -1;
}

static int on_finish(struct output *out, GError **error)
{
    struct summary *s = out->state;
    int err = 0;
    if (s->stream) {
        table(stream__buffer(s->stream), s, out->options->sort);
        err = stream__close(s->stream, error);
    }
    g_hash_table_destroy(s->rows);
    g_free(s);
    return err;
}

const struct output_ops output_summary = {
    "summary", "a table of calls: time, count, errors, ends (what -c prints)", 0, on_open, on_event, NULL, on_finish};
