/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/function_calls.h"

#include <string.h>

#include "show/model.h"
#include "trace/prototype.h"

struct function {
    uint64_t address;
    struct qbk_prototype *prototype; /* or NULL */
    char name[];
};

static void free_function(gpointer data)
{
    struct function *f = data;
    g_free(f->prototype);
    g_free(f);
}

struct function_calls {
    GHashTable *functions;           /* id → struct function */
    GHashTable *in_flight;           /* seq → copy of the FUNCTION_ENTER */
    struct qbk_function_enter *last; /* of the call that was told last */
    GHashTable *gone;                /* number → struct model_thread, of which most is empty */
    GQueue gone_order;               /* the same, oldest first */
};

static void gone_free(gpointer thread)
{
    g_clear_pointer(&((struct model_thread *)thread)->exe, g_ref_string_release);
    g_free(thread);
}

struct function_calls *function_calls__new(void)
{
    struct function_calls *calls = g_new0(struct function_calls, 1);
    calls->functions = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, free_function);
    calls->in_flight = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    calls->gone = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, gone_free);
    g_queue_init(&calls->gone_order);
    return calls;
}

void function_calls__free(struct function_calls *calls)
{
    if (!calls)
        return;
    g_hash_table_destroy(calls->functions);
    g_hash_table_destroy(calls->in_flight);
    g_queue_clear(&calls->gone_order);
    g_hash_table_destroy(calls->gone);
    g_free(calls->last);
    g_free(calls);
}

static void define(struct function_calls *calls, const struct qbk_function *rec)
{
    size_t module = rec->module_len ? rec->module_len + 1u : 0;
    gpointer key = GUINT_TO_POINTER(rec->id);
    if (g_hash_table_size(calls->functions) >= FUNCTION_CALLS_MAX && !g_hash_table_contains(calls->functions, key))
        return;
    struct function *f = g_malloc(sizeof(*f) + rec->name_len + module + 1);
    const struct qbk_prototype *prototype = prototype__of(rec);
    f->address = rec->address;
    f->prototype = prototype ? g_memdup2(prototype, prototype->size) : NULL;
    if (module) {
        memcpy(f->name, rec->names + rec->name_len, rec->module_len);
        f->name[module - 1] = ':';
    }
    memcpy(f->name + module, rec->names, rec->name_len);
    f->name[module + rec->name_len] = 0;
    g_hash_table_insert(calls->functions, key, f);
}

static void describe(const struct function_calls *calls, uint32_t id, struct function_call *call)
{
    const struct function *f = g_hash_table_lookup(calls->functions, GUINT_TO_POINTER(id));
    *call = (struct function_call){.name = f ? f->name : "?", .address = f ? f->address : 0};
    call->prototype = f ? f->prototype : NULL;
}

/* A prototype whose arguments are not those of the call was told by a liar. */
static void drop_other(struct function_call *call)
{
    if (call->prototype && call->enter && call->enter->nargs != call->prototype->n_args)
        call->prototype = NULL;
}

static void begin(struct function_calls *calls, const struct qbk_function_enter *rec, struct function_call *call)
{
    describe(calls, rec->function, call);
    call->enter = rec;
    drop_other(call);
    if (g_hash_table_size(calls->in_flight) >= FUNCTION_CALLS_MAX)
        return;
    struct qbk_function_enter *copy = g_memdup2(rec, rec->h.size);
    g_hash_table_replace(calls->in_flight, &copy->h.seq, copy);
}

static void end(struct function_calls *calls, const struct qbk_function_return *rec, struct function_call *call)
{
    gpointer key = NULL, value = NULL;
    uint64_t seq = rec->call;
    g_clear_pointer(&calls->last, g_free);
    if (g_hash_table_steal_extended(calls->in_flight, &seq, &key, &value))
        calls->last = value;
    describe(calls, rec->function, call);
    call->ret = rec;
    call->enter = calls->last;
    drop_other(call);
    if (call->enter && rec->h.time_ns > call->enter->h.time_ns)
        call->duration_ns = rec->h.time_ns - call->enter->h.time_ns;
}

bool function_calls__feed(struct function_calls *calls, const struct qbk_record *rec, struct function_call *call)
{
    if (rec->type == QBK_FUNCTION)
        define(calls, (const void *)rec);
    else if (rec->type == QBK_FUNCTION_ENTER)
        begin(calls, (const void *)rec, call);
    else if (rec->type == QBK_FUNCTION_RETURN)
        end(calls, (const void *)rec, call);
    return rec->type == QBK_FUNCTION_ENTER || rec->type == QBK_FUNCTION_RETURN;
}

void function_calls__gone(struct function_calls *calls, const struct model_thread *thread)
{
    if (g_hash_table_size(calls->functions) == 0 || g_hash_table_contains(calls->gone, &thread->number))
        return;
    struct model_thread *copy = g_new0(struct model_thread, 1);
    copy->number = thread->number;
    copy->process = thread->process;
    copy->parent_process = thread->parent_process;
    copy->id = thread->id;
    memcpy(copy->comm, thread->comm, sizeof(copy->comm));
    copy->exe = thread->exe ? g_ref_string_acquire(thread->exe) : NULL;
    copy->known = thread->known;
    g_hash_table_insert(calls->gone, &copy->number, copy);
    g_queue_push_tail(&calls->gone_order, copy);
    if (calls->gone_order.length > FUNCTION_CALLS_GONE) {
        struct model_thread *oldest = g_queue_pop_head(&calls->gone_order);
        g_hash_table_remove(calls->gone, &oldest->number);
    }
}

struct model_thread *function_calls__find_gone(const struct function_calls *calls, uint64_t number)
{
    return g_hash_table_lookup(calls->gone, &number);
}
