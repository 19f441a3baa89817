/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trace/check_functions.h"

#include <glib.h>

#define AT_ONCE (1u << 20)

struct call {
    uint64_t seq, object;
    uint32_t function;
};

struct thread {
    uint64_t object;
    uint32_t in_flight;
};

struct check_functions {
    GHashTable *known;   /* ids */
    GHashTable *calls;   /* seq → struct call */
    GHashTable *threads; /* object → struct thread, of those with calls in flight */
    uint64_t begun, ends[QBK_FUNCTION_ENDS];
    bool overflow;
};

struct check_functions *check_functions__new(void)
{
    struct check_functions *f = g_new0(struct check_functions, 1);

    f->known = g_hash_table_new(g_direct_hash, g_direct_equal);
    f->calls = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    f->threads = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    return f;
}

void check_functions__free(struct check_functions *f)
{
    g_hash_table_destroy(f->known);
    g_hash_table_destroy(f->calls);
    g_hash_table_destroy(f->threads);
    g_free(f);
}

static const char *define(struct check_functions *f, const struct qbk_function *rec)
{
    if (g_hash_table_size(f->known) >= AT_ONCE)
        f->overflow = true;
    else
        g_hash_table_add(f->known, GUINT_TO_POINTER(rec->id));
    return NULL;
}

static struct thread *thread_of(struct check_functions *f, uint64_t object)
{
    struct thread *t = g_hash_table_lookup(f->threads, &object);

    if (!t) {
        t = g_new0(struct thread, 1);
        t->object = object;
        g_hash_table_insert(f->threads, &t->object, t);
    }
    return t;
}

static const char *begin(struct check_functions *f, const struct qbk_function_enter *rec)
{
    struct call *call;
    struct thread *t;

    f->begun++;
    if (g_hash_table_size(f->calls) >= AT_ONCE) {
        f->overflow = true;
        return NULL;
    }
    call = g_new0(struct call, 1);
    *call = (struct call){rec->h.seq, rec->object, rec->function};
    g_hash_table_replace(f->calls, &call->seq, call);
    t = thread_of(f, rec->object);
    if (t->in_flight++ != rec->depth)
        return "its depth is not the number of calls that its thread has in flight";
    return g_hash_table_contains(f->known, GUINT_TO_POINTER(rec->function)) ? NULL : "its function was not told";
}

static const char *end(struct check_functions *f, const struct qbk_function_return *rec)
{
    uint64_t seq = rec->call;
    struct call *call = g_hash_table_lookup(f->calls, &seq);
    const char *wrong;
    struct thread *t;

    if (rec->end >= QBK_FUNCTION_ENDS)
        return "there is no such end";
    f->ends[rec->end]++;
    if (!call)
        return "the call that it ends is not in flight";
    wrong = call->function == rec->function ? NULL : "its function is not that of the call";
    t = thread_of(f, call->object);
    if (--t->in_flight == 0)
        g_hash_table_remove(f->threads, &call->object);
    g_hash_table_remove(f->calls, &seq);
    return wrong;
}

const char *check_functions__feed(struct check_functions *f, const struct qbk_record *rec)
{
    switch (rec->type) {
    case QBK_FUNCTION:
        return define(f, (const void *)rec);
    case QBK_FUNCTION_ENTER:
        return begin(f, (const void *)rec);
    case QBK_FUNCTION_RETURN:
        return end(f, (const void *)rec);
    default:
        return NULL;
    }
}

uint64_t check_functions__calls(const struct check_functions *f)
{
    return f->begun;
}

uint64_t check_functions__ended(const struct check_functions *f, enum qbk_function_end end)
{
    return f->ends[end];
}

uint64_t check_functions__unended(const struct check_functions *f)
{
    return g_hash_table_size(f->calls);
}

bool check_functions__overflow(const struct check_functions *f)
{
    return f->overflow;
}
