/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/model.h"

#include <string.h>

#include "decode/decode.h"
#include "show/output.h"

struct model {
    GHashTable *threads; /* number -> model_thread */
    GHashTable *calls;   /* seq of the ENTER -> model_call */
};

static void thread_free(gpointer data)
{
    struct model_thread *t = data;
    g_free(t->exe);
    g_free(t);
}

static void call_free(gpointer data)
{
    struct model_call *c = data;
    g_free((gpointer)(uintptr_t)c->enter);
    g_free(c);
}

struct model *model__new(void)
{
    struct model *m = g_new0(struct model, 1);
    m->threads = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, thread_free);
    m->calls = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, call_free);
    return m;
}

void model__free(struct model *m)
{
    if (!m)
        return;
    g_hash_table_destroy(m->calls);
    g_hash_table_destroy(m->threads);
    g_free(m);
}

/* A placeholder where no THREAD record came, so that nobody need ask. */
static struct model_thread *thread_of(struct model *m, uint64_t number)
{
    struct model_thread *t = g_hash_table_lookup(m->threads, &number);
    if (!t) {
        t = g_new0(struct model_thread, 1);
        t->number = number;
        t->id.pid = t->id.tid = t->id.ppid = -1;
        t->id.uid = t->id.euid = t->id.gid = UINT32_MAX;
        t->id.os = 2;
        g_hash_table_insert(m->threads, &t->number, t);
    }
    return t;
}

static void take_thread(struct model_thread *t, const struct qbk_record *rec)
{
    memcpy(&t->id, rec, sizeof(t->id));
    memcpy(t->comm, t->id.comm, sizeof(t->id.comm));
    t->comm[sizeof(t->comm) - 1] = 0;
}

static void take_name(struct model_thread *t, const struct qbk_record *rec)
{
    const struct qbk_name *name = (const void *)rec;
    if (name->fd != QBK_NAME_EXE)
        return;
    g_free(t->exe);
    t->exe = g_strndup(name->path, MIN(name->len, 4096u));
}

static void describe(struct model_call *c, struct model_thread *t, uint8_t abi, uint32_t nr)
{
    c->thread = t;
    c->abi = abi;
    c->nr = nr;
    c->service = decode__service((enum qbk_abi)abi, nr);
}

static struct model_call *call_begins(struct model *m, struct model_thread *t, const struct qbk_record *rec)
{
    struct qbk_enter *copy = g_try_malloc(rec->size);
    struct model_call *c;
    if (!copy)
        return NULL;
    memcpy(copy, rec, rec->size);
    c = g_new0(struct model_call, 1);
    c->enter = copy;
    describe(c, t, copy->abi, copy->nr);
    g_hash_table_insert(m->calls, &copy->h.seq, c);
    return c;
}

static void emit(enum model_event_type type, const struct qbk_record *rec, struct model_thread *t, struct model_call *c,
                 bool final, model_fn fn, void *user)
{
    struct model_event e = {.type = type, .rec = rec, .thread = t, .call = c, .final = final};
    fn(&e, user);
}

static void call_ends(struct model *m, struct model_thread *t, const struct qbk_record *rec, model_fn fn, void *user)
{
    const struct qbk_return *ret = (const void *)rec;
    uint64_t seq = ret->call;
    struct model_call lost = {0}, *c = g_hash_table_lookup(m->calls, &seq);
    if (!c) { /* its ENTER was lost, or lies before this trace */
        c = &lost;
        describe(c, t, ret->abi, ret->nr);
    }
    c->ret = ret;
    if (c->enter && rec->time_ns > c->enter->h.time_ns)
        c->duration_ns = rec->time_ns - c->enter->h.time_ns;
    emit(EVENT_CALL, rec, c->thread, c, false, fn, user);
    if (c != &lost)
        g_hash_table_remove(m->calls, &seq);
}

void model__feed(struct model *m, const struct qbk_record *rec, model_fn fn, void *user)
{
    struct model_thread *t = rec->thread ? thread_of(m, rec->thread) : NULL;
    struct model_call *c;
    switch (rec->type) {
    case QBK_THREAD:
        if (t)
            take_thread(t, rec);
        break;
    case QBK_NAME:
        if (t)
            take_name(t, rec);
        break;
    case QBK_ENTER:
        c = call_begins(m, t ? t : thread_of(m, 0), rec);
        if (c)
            emit(EVENT_ENTER, rec, c->thread, c, false, fn, user);
        return;
    case QBK_RETURN:
        call_ends(m, t ? t : thread_of(m, 0), rec, fn, user);
        return;
    default:
        break;
    }
    emit(EVENT_RECORD, rec, t, NULL, false, fn, user);
    if (rec->type == QBK_THREAD_EXIT && t)
        g_hash_table_remove(m->threads, &rec->thread);
}

static gint by_seq(gconstpointer a, gconstpointer b)
{
    const struct model_call *x = *(struct model_call *const *)a, *y = *(struct model_call *const *)b;
    return x->enter->h.seq < y->enter->h.seq ? -1 : x->enter->h.seq > y->enter->h.seq;
}

void model__finish(struct model *m, model_fn fn, void *user)
{
    GHashTableIter it;
    gpointer value;
    g_autoptr(GPtrArray) open = g_ptr_array_new();
    g_hash_table_iter_init(&it, m->calls);
    while (g_hash_table_iter_next(&it, NULL, &value))
        g_ptr_array_add(open, value);
    g_ptr_array_sort(open, by_seq);
    for (guint i = 0; i < open->len; i++) {
        struct model_call *c = open->pdata[i];
        emit(EVENT_CALL, &c->enter->h, c->thread, c, true, fn, user);
    }
}
