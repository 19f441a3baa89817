/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/socket.h>

#include "show/exits.h"
#include "show/html.h"
#include "trace/record.h"

#define PROCESSES_MAX  50000u
#define ROWS_MAX       100000u /* of each table */
#define TEXT_MAX       (32u << 20)
#define NAMES_MAX      4096u
#define BUCKETS_MAX    400u
#define STATUS_PENDING 0x103u
#define BUCKET_NS      1000000u /* at first */

static void process_free(gpointer data)
{
    struct html_process *p = data;

    g_free(p->exe);
    g_free(p->command);
    g_free(p->end);
    g_free(p->remote);
    g_array_free(p->busy, TRUE);
    g_free(p);
}

static void deed_free(gpointer data)
{
    struct html_deed *d = data;

    g_free(d->what);
    g_free(d->target);
    g_free(d->remote);
    g_free(d);
}

/* A copy within the budget of strings, without NUL bytes; NULL past it. */
char *html_run__keep(struct html_run *r, const char *text, size_t len)
{
    len = strnlen(text, len);
    if (r->text + len > TEXT_MAX)
        return NULL;
    r->text += len + 1;
    return g_strndup(text, len);
}

bool html_run__full(const struct html_run *r, const GPtrArray *rows)
{
    return rows->len >= ROWS_MAX || r->text > TEXT_MAX - 65536;
}

static int on_typed(const struct typed_line *typed, void *user, GError **error)
{
    struct html_run *r = user;
    const struct model_session *session = model__session(typed->thread);
    struct html_deed *row;

    (void)error;
    if (typed->line->text->len == 0)
        return 0;
    if (html_run__full(r, r->typed)) {
        r->left_out++;
        return 0;
    }
    row = g_new0(struct html_deed, 1);
    *row = (struct html_deed){.process = typed->thread->process,
                              .ns = typed->ns,
                              .uid = typed->thread->id.uid,
                              .times = typed->end,
                              .port = typed->secret,
                              .what = html_run__keep(r, typed->terminal->name, strlen(typed->terminal->name)),
                              .target = html_run__keep(r, typed->line->text->str, typed->line->text->len),
                              .remote = session ? html_run__keep(r, session->remote, strlen(session->remote)) : NULL};
    g_ptr_array_add(r->typed, row);
    return 0;
}

static void no_more(struct terminal *terminal, void *user)
{
    (void)terminal;
    (void)user;
}

void html_run__init(struct html_run *r)
{
    *r = (struct html_run){.bucket_ns = BUCKET_NS};
    deed__init(&r->deed);
    html_caught__init(r);
    r->processes = g_ptr_array_new_with_free_func(process_free);
    r->by_id = g_hash_table_new(g_int64_hash, g_int64_equal);
    r->typed = g_ptr_array_new_with_free_func(deed_free);
    r->terminals = terminals__new(no_more, NULL);
    r->typist = typed__new(r->terminals, on_typed, r);
    r->commands = g_ptr_array_new_with_free_func(deed_free);
    r->connections = g_ptr_array_new_with_free_func(deed_free);
    r->files = g_ptr_array_new_with_free_func(deed_free);
    r->pending = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    r->same = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    r->calls = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void html_run__clear(struct html_run *r)
{
    deed__clear(&r->deed);
    html_caught__clear(r);
    typed__free(r->typist);
    terminals__free(r->terminals);
    g_ptr_array_free(r->typed, TRUE);
    g_hash_table_destroy(r->by_id);
    g_hash_table_destroy(r->pending);
    g_hash_table_destroy(r->same);
    g_hash_table_destroy(r->calls);
    g_ptr_array_free(r->processes, TRUE);
    g_ptr_array_free(r->commands, TRUE);
    g_ptr_array_free(r->connections, TRUE);
    g_ptr_array_free(r->files, TRUE);
    g_free(r->about);
}

/* ---- time ---- */

/* Buckets of twice the length: pairs become one. */
static void widen(struct html_run *r)
{
    r->bucket_ns *= 2;
    r->buckets = (r->buckets + 1) / 2;
    for (guint i = 0; i < r->processes->len; i++) {
        struct html_process *p = r->processes->pdata[i];
        guint odd = p->first & 1, n = (p->busy->len + odd + 1) / 2;

        for (guint to = 0; to < n; to++) {
            guint64 sum = 0;
            for (guint half = 0; half < 2; half++) {
                guint from = 2 * to + half;
                if (from >= odd && from - odd < p->busy->len)
                    sum += g_array_index(p->busy, guint32, from - odd);
            }
            g_array_index(p->busy, guint32, to) = (guint32)MIN(sum, G_MAXUINT32);
        }
        g_array_set_size(p->busy, n);
        p->first /= 2;
    }
}

static uint64_t bucket_of(struct html_run *r, uint64_t ns)
{
    uint64_t after;

    if (r->begun_ns == 0)
        r->begun_ns = ns;
    after = ns > r->begun_ns ? ns - r->begun_ns : 0;
    r->last_ns = MAX(r->last_ns, ns);
    while (after / r->bucket_ns >= BUCKETS_MAX)
        widen(r);
    r->buckets = MAX(r->buckets, after / r->bucket_ns + 1);
    return after / r->bucket_ns;
}

static void count_time(struct html_run *r, struct html_process *p, uint64_t ns)
{
    uint64_t bucket = bucket_of(r, ns);

    if (p->busy->len == 0)
        p->first = bucket;
    if (bucket < p->first) /* clocks of two virtual CPUs */
        bucket = p->first;
    if (bucket - p->first >= p->busy->len)
        g_array_set_size(p->busy, (guint)(bucket - p->first + 1));
    g_array_index(p->busy, guint32, bucket - p->first)++;
}

/* ---- processes ---- */

static struct html_process *process_of(struct html_run *r, const struct model_thread *t)
{
    struct html_process *p = t && t->process ? g_hash_table_lookup(r->by_id, &t->process) : NULL;

    if (p || !t || !t->process)
        return p;
    if (r->processes->len == PROCESSES_MAX) {
        return NULL;
    }
    p = g_new0(struct html_process, 1);
    p->id = t->process;
    p->parent = t->parent_process;
    p->pid = t->id.pid;
    p->uid = t->id.uid;
    p->busy = g_array_new(FALSE, TRUE, sizeof(guint32));
    g_ptr_array_add(r->processes, p);
    g_hash_table_insert(r->by_id, &p->id, p);
    return p;
}

static void refresh(struct html_run *r, struct html_process *p, const struct model_thread *t)
{
    const struct model_session *session = model__session(t);

    p->uid = t->id.uid;
    if (t->id.tid == t->id.pid || !p->comm[0])
        memcpy(p->comm, t->comm, sizeof(p->comm));
    if (t->exe && (!p->exe || strcmp(p->exe, t->exe) != 0)) {
        g_free(p->exe);
        p->exe = html_run__keep(r, t->exe, g_ref_string_length(t->exe));
    }
    if (session && !p->remote)
        p->remote = html_run__keep(r, session->remote, strlen(session->remote));
}

static void on_thread(struct html_run *r, const struct model_event *e)
{
    struct html_process *p = process_of(r, e->thread);

    (void)bucket_of(r, e->rec->time_ns);
    if (!p) {
        r->left_out += e->process == PROCESS_STARTS;
        return;
    }
    refresh(r, p, e->thread);
    if (e->process == PROCESS_EXITS && !p->end) {
        g_autoptr(GString) end = g_string_new(NULL);
        struct exits exits = exits__process(e);
        exits__text(end, &exits);
        p->end = g_strdup(end->str);
    }
}

/* ---- calls ---- */

static void count_call(struct html_run *r, const struct model_call *c)
{
    g_autoptr(GString) name = g_string_new(NULL);
    struct html_call *n;
    uint32_t code;

    print__name(name, c);
    n = g_hash_table_lookup(r->calls, name->str);
    if (!n && g_hash_table_size(r->calls) >= NAMES_MAX)
        return;
    if (!n) {
        n = g_new0(struct html_call, 1);
        g_hash_table_insert(r->calls, g_strdup(name->str), n);
    }
    n->times++;
    n->ns += c->duration_ns;
    if (c->ret && (c->ret->flags & QBK_RETURN_HAS_RESULT))
        n->errors += model__is_error(c, &code);
}

/* What was pending has failed at last. */
static void count_completion(struct html_run *r, const struct model_call *c)
{
    g_autoptr(GString) name = g_string_new(NULL);
    struct html_call *n;
    uint32_t code;

    print__name(name, c);
    n = g_hash_table_lookup(r->calls, name->str);
    if (n)
        n->errors += model__is_error(c, &code);
}

/* The same again is counted: a program that reads one file a million times has one row. */
static struct html_deed *seen_before(struct html_run *r, char **key)
{
    const struct deed *d = &r->deed;

    *key = g_strdup_printf("%" G_GUINT64_FORMAT " %d %u %u %s %s\n%s", d->thread->process, (int)d->kind, d->code,
                           d->port, d->address, d->path->str, d->text->str);
    return g_hash_table_lookup(r->same, *key);
}

/* Something that had its row while it was pending is done now. */
static bool finished(struct html_run *r)
{
    struct html_deed *row = r->deed.pending ? NULL : g_hash_table_lookup(r->pending, &r->deed.seq);

    if (!row)
        return false;
    row->code = r->deed.failed ? r->deed.code : 0;
    row->error = r->deed.error;
    g_hash_table_remove(r->pending, &r->deed.seq);
    return true;
}

static void on_deed(struct html_run *r)
{
    const struct deed *d = &r->deed;
    const struct model_session *session = model__session(d->thread);
    GPtrArray *to = d->kind == DEED_EXEC ? r->commands : deed__is_file(d->kind) ? r->files : r->connections;
    g_autofree char *key = NULL;
    struct html_deed *row = d->kind == DEED_EXEC || d->pending ? NULL : seen_before(r, &key);
    const char *what = d->address[0] ? d->address : d->path->str;

    if (finished(r))
        return;
    if (row) {
        row->times++;
        return;
    }
    if (html_run__full(r, to)) {
        r->left_out++;
        return;
    }
    row = g_new0(struct html_deed, 1);
    *row = (struct html_deed){.process = d->thread->process,
                              .ns = d->ns,
                              .times = 1,
                              .uid = d->thread->id.uid,
                              .kind = d->kind,
                              .code = d->failed ? d->code : 0,
                              .error = d->error,
                              .port = d->port,
                              .what = html_run__keep(r, what, strlen(what)),
                              .target = d->text->len ? html_run__keep(r, d->text->str, d->text->len) : NULL,
                              .remote = session ? html_run__keep(r, session->remote, strlen(session->remote)) : NULL};
    g_ptr_array_add(to, row);
    if (d->pending) {
        row->error = "STATUS_PENDING";
        row->code = STATUS_PENDING;
        g_hash_table_insert(r->pending, g_memdup2(&d->seq, sizeof(d->seq)), row);
    }
    if (key) {
        r->text += strlen(key);
        g_hash_table_insert(r->same, g_steal_pointer(&key), row);
    }
}

static void on_call(struct html_run *r, const struct model_event *e)
{
    const struct model_call *c = e->call;
    struct html_process *p = process_of(r, c->thread);
    uint64_t ns = c->enter ? c->enter->h.time_ns : e->rec->time_ns;

    count_call(r, c);
    if (p) {
        p->calls++;
        count_time(r, p, ns);
        refresh(r, p, c->thread);
    }
}

/* An event that may be a deed. */
static void tell_deed(struct html_run *r, const struct model_event *e)
{
    struct html_process *p = deed__event(&r->deed, e) ? process_of(r, e->thread) : NULL;

    if (r->deed.kind == DEED_NONE)
        return;
    on_deed(r);
    if (p && r->deed.kind == DEED_EXEC && r->deed.done) {
        g_free(p->command);
        p->command = html_run__keep(r, r->deed.text->str, r->deed.text->len);
    }
}

static void on_guest(struct html_run *r, const struct model_event *e)
{
    const struct qbk_text *rec = (const void *)e->rec;
    const char *os = record__text_get(rec, "os"), *release = record__text_get(rec, "release");

    if (!os)
        return;
    g_free(r->about);
    r->about = g_strdup_printf("%.64s %.128s", os, release ? release : "");
}

void html_run__event(struct html_run *r, const struct model_event *e, bool passed)
{
    (void)typed__event(r->typist, e, passed, NULL);
    if (!passed)
        return;
    if (e->type == EVENT_CALL)
        on_call(r, e);
    if (e->type == EVENT_COMPLETION)
        count_completion(r, e->call);
    if (e->type == EVENT_RECORD && (e->rec->type == QBK_THREAD || e->rec->type == QBK_THREAD_EXIT))
        on_thread(r, e);
    tell_deed(r, e);
    if (e->type != EVENT_RECORD)
        return;
    if (e->rec->type == QBK_GUEST)
        on_guest(r, e);
    else if (e->rec->type == QBK_GAP)
        r->lost += ((const struct qbk_gap *)e->rec)->records;
}
