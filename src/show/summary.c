/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -c, -C: a table of calls, as strace's, and how they ended. */
#include <inttypes.h>
#include <string.h>

#include "decode/decode.h"
#include "show/output.h"
#include "trace/record.h"

#define ROWS_MAX 4096u

struct row {
    char *name;
    uint32_t order; /* ABI and number: strace's order where all else is equal */
    uint64_t calls, errors, ns, least, most;
};

struct summary {
    struct stream *stream;
    GHashTable *rows;
    GString *name;
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
    g_string_truncate(s->name, 0);
    print__name(s->name, c);
    struct row *r = g_hash_table_lookup(s->rows, s->name->str);
    if (!r && !c->service && g_hash_table_size(s->rows) >= ROWS_MAX) { /* a guest can make up four billion numbers */
        g_string_assign(s->name, "(other numbers)");
        r = g_hash_table_lookup(s->rows, s->name->str);
    }
    if (!r) {
        r = g_new0(struct row, 1);
        r->name = g_strdup(s->name->str);
        r->order = (uint32_t)c->abi << 24 | MIN(c->nr, 0xffffffu);
        r->least = UINT64_MAX;
        g_hash_table_insert(s->rows, r->name, r);
    }
    return r;
}

/* The table is of calls that came back, as strace's; the line of ends has the others. */
static bool came_back(const struct qbk_return *ret)
{
    return ret && ((ret->flags & QBK_RETURN_HAS_RESULT) || ret->end == QBK_END_RETURNED ||
                   ret->end == QBK_END_INTERRUPTED || ret->end == QBK_END_PENDING);
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct summary *s = out->state;
    uint32_t code;
    (void)error;
    if (!passed || e->type != EVENT_CALL)
        return 0;
    const struct qbk_return *ret = e->call->ret;
    uint64_t ns = e->call->duration_ns;
    s->ends[ret && ret->end < QBK_ENDS ? ret->end : QBK_END_IN_FLIGHT]++;
    if (!came_back(ret))
        return 0;
    struct row *r = row_of(s, e->call);
    r->calls++;
    r->ns += ns;
    r->least = MIN(r->least, ns);
    r->most = MAX(r->most, ns);
    s->ns += ns;
    if (ret && (ret->flags & QBK_RETURN_HAS_RESULT))
        r->errors += model__is_error(e->call, &code);
    return 0;
}

/* ---- the table ---- */

static uint64_t by_time(const struct row *r)
{
    return r->ns;
}

static uint64_t by_least(const struct row *r)
{
    return r->least;
}

static uint64_t by_most(const struct row *r)
{
    return r->most;
}

static uint64_t by_average(const struct row *r)
{
    return r->calls ? r->ns / r->calls : 0;
}

static uint64_t by_calls(const struct row *r)
{
    return r->calls;
}

static uint64_t by_errors(const struct row *r)
{
    return r->errors;
}

/* strace's words, largest first; NULL: by name, or as numbers go. */
static const struct order {
    const char *name;
    uint64_t (*key)(const struct row *row);
    bool alphabetic;
} orders[] = {
    {"time", by_time, false},        {"time-total", by_time, false},
    {"total-time", by_time, false},  {"min-time", by_least, false},
    {"shortest", by_least, false},   {"time-min", by_least, false},
    {"max-time", by_most, false},    {"longest", by_most, false},
    {"time-max", by_most, false},    {"avg-time", by_average, false},
    {"time-avg", by_average, false}, {"calls", by_calls, false},
    {"count", by_calls, false},      {"errors", by_errors, false},
    {"error", by_errors, false},     {"name", NULL, true},
    {"syscall", NULL, true},         {"syscall-name", NULL, true},
    {"nothing", NULL, false},        {"none", NULL, false},
};

static const struct order *order_of(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(orders); i++) {
        if (strcmp(orders[i].name, name) == 0)
            return &orders[i];
    }
    return NULL;
}

bool summary__is_order(const char *name)
{
    return order_of(name) != NULL;
}

static gint compare(gconstpointer a, gconstpointer b, gpointer user)
{
    const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
    const struct order *order = user;
    uint64_t p = order->key ? order->key(x) : 0, q = order->key ? order->key(y) : 0;
    if (order->alphabetic)
        return strcmp(x->name, y->name);
    if (p != q)
        return p > q ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void line(GString *to, const struct row *r, double percent)
{
    g_string_append_printf(to, "%6.2f %11.6f %11" PRIu64 " %9" PRIu64 " ", percent, (double)r->ns / 1e9,
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
    if (rows->len == 0)
        return;
    g_ptr_array_sort_with_data(rows, compare, (gpointer)(uintptr_t)order_of(sort ? sort : "time"));
    g_string_append_printf(to, "%% time     seconds  usecs/call     calls    errors syscall\n%s", rule);
    for (guint i = 0; i < rows->len; i++) {
        const struct row *r = rows->pdata[i];
        line(to, r, s->ns ? 100.0 * (double)r->ns / (double)s->ns : 0.0);
        total.calls += r->calls;
        total.errors += r->errors;
        total.ns += r->ns;
    }
    g_string_append(to, rule);
    line(to, &total, 100.0);
    g_string_append(to, "ends:");
    for (unsigned i = 0; i < QBK_ENDS; i++) {
        if (s->ends[i])
            g_string_append_printf(to, " %s %" PRIu64, record__end_name((enum qbk_end)i), s->ends[i]);
    }
    g_string_append_c(to, '\n');
}

static void failures(GString *to, const struct output_health *health)
{
    if (health->failed)
        g_string_append_printf(to, "outputs that failed: %u; they lack %" PRIu64 " events in all\n", health->failed,
                               health->events);
}

static int on_open(struct output *out, const char *where, int fallback_fd, GError **error)
{
    struct summary *s = g_new0(struct summary, 1);
    s->name = g_string_new(NULL);
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
        failures(stream__buffer(s->stream), out->health);
        err = stream__close(s->stream, error);
    }
    g_hash_table_destroy(s->rows);
    g_string_free(s->name, TRUE);
    g_free(s);
    return err;
}

const struct output_ops output_summary = {.kind = "summary",
                                          .help = "a table of calls: time, count, errors, ends (what -c prints)",
                                          .wants = OUTPUT_ENDS_LAST,
                                          .open = on_open,
                                          .event = on_event,
                                          .finish = on_finish};
