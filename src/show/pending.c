/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/pending.h"

#include <string.h>

#define CALLS_MAX 65536u
#define BYTES_MAX (64u << 20)

struct kept {
    GList link; /* in the order in which they came; its data is this */
    const struct show_filters *filters;
    bool of_interest;
    size_t size;
    struct qbk_enter *enter; /* owned */
};

struct pending_calls {
    GHashTable *calls; /* uint64_t * (in the ENTER) → struct kept */
    GQueue order;
    size_t bytes;
};

struct pending_calls *pending__new(void)
{
    struct pending_calls *p = g_new0(struct pending_calls, 1);
    p->calls = g_hash_table_new(g_int64_hash, g_int64_equal);
    g_queue_init(&p->order);
    return p;
}

/* Returns its ENTER, which is the caller's now. */
static struct qbk_enter *forget(struct pending_calls *p, struct kept *k)
{
    struct qbk_enter *enter = k->enter;
    g_hash_table_remove(p->calls, &enter->h.seq);
    g_queue_unlink(&p->order, &k->link);
    p->bytes -= k->size;
    g_free(k);
    return enter;
}

void pending__free(struct pending_calls *p)
{
    while (p->order.head)
        g_free(forget(p, p->order.head->data));
    g_hash_table_destroy(p->calls);
    g_free(p);
}

void pending__keep(struct pending_calls *p, const struct model_call *call)
{
    /* Behind it as much zero as behind a call's own copy: a row may have more arguments than the record. */
    size_t size = call->enter->h.size, room = size + 20 * sizeof(uint64_t);
    struct kept *k, *same = g_hash_table_lookup(p->calls, &call->enter->h.seq);
    if (same)
        g_free(forget(p, same));
    while (p->order.head && (p->order.length >= CALLS_MAX || p->bytes + size > BYTES_MAX))
        g_free(forget(p, p->order.head->data));
    k = g_new0(struct kept, 1);
    k->link.data = k;
    k->filters = call->filters;
    k->of_interest = call->of_interest;
    k->size = size;
    k->enter = g_malloc0(room);
    memcpy(k->enter, call->enter, size);
    p->bytes += size;
    g_hash_table_insert(p->calls, &k->enter->h.seq, k);
    g_queue_push_tail_link(&p->order, &k->link);
}

struct qbk_enter *pending__take(struct pending_calls *p, uint64_t seq, struct model_call *to)
{
    struct kept *k = g_hash_table_lookup(p->calls, &seq);
    if (!k)
        return NULL;
    to->filters = k->filters;
    to->of_interest = k->of_interest;
    return forget(p, k);
}

struct qbk_return *pending__as_return(const struct qbk_completion *done)
{
    size_t snippets = done->h.size - sizeof(*done);
    struct qbk_return *ret = g_malloc0(sizeof(*ret) + snippets);
    ret->h = done->h;
    ret->h.type = QBK_RETURN;
    ret->h.size = (uint32_t)(sizeof(*ret) + snippets);
    ret->call = done->call;
    ret->result = done->status;
    ret->nr = done->nr;
    ret->abi = done->abi;
    ret->end = QBK_END_RETURNED;
    ret->flags = QBK_RETURN_HAS_RESULT;
    memcpy(ret + 1, done + 1, snippets);
    return ret;
}
