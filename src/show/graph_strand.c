/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/graph_strand.h"

#include <string.h>

#include "show/output.h"

#define KERNEL_BIT   (UINT64_C(1) << 63) /* keys of threads of the kernel's own; qebek's numbers are smaller */
#define OBJECTS_KEPT 65536u

struct strands {
    GHashTable *by_key;
    GHashTable *objects; /* address of a kernel thread's object → its number here */
    unsigned calls;      /* of all */
    GQueue waiting;      /* in the order of `since` */
};

static void strand_free(gpointer data)
{
    struct strand *s = data;
    g_string_free(s->who, TRUE);
    g_string_free(s->head, TRUE);
    g_array_free(s->calls, TRUE);
    g_free(s);
}

struct strands *strands__new(void)
{
    struct strands *all = g_new0(struct strands, 1);
    all->by_key = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, strand_free);
    all->objects = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    g_queue_init(&all->waiting);
    return all;
}

void strands__free(struct strands *all)
{
    g_hash_table_destroy(all->by_key);
    g_hash_table_destroy(all->objects);
    g_free(all);
}

/* Small numbers, which people can tell apart, in the order of coming. 0: there are too many. */
static unsigned number_of(struct strands *all, uint64_t object)
{
    unsigned known = GPOINTER_TO_UINT(g_hash_table_lookup(all->objects, &object));
    if (known || g_hash_table_size(all->objects) >= OBJECTS_KEPT)
        return known;
    known = g_hash_table_size(all->objects) + 1;
    g_hash_table_insert(all->objects, g_memdup2(&object, sizeof(object)), GUINT_TO_POINTER(known));
    return known;
}

static void name(struct strands *all, struct strand *s, uint64_t number, const struct model_thread *t, uint64_t object)
{
    if (!t) {
        if (number)
            g_string_printf(s->who, "?[#%" G_GUINT64_FORMAT "]", number);
        else
            g_string_printf(s->who, "kernel[%u]", object ? number_of(all, object) : 0);
        return;
    }
    g_string_truncate(s->who, 0);
    size_t len = strnlen(t->comm, sizeof(t->comm));
    print__safe(s->who, len ? t->comm : "?", len ? len : 1);
    if (t->id.tid >= 0 && t->id.tid != t->id.pid)
        g_string_append_printf(s->who, "[%d/%d]", t->id.pid, t->id.tid);
    else if (t->id.pid >= 0)
        g_string_append_printf(s->who, "[%d]", t->id.pid);
    else
        g_string_append_printf(s->who, "[#%" G_GUINT64_FORMAT "]", t->number);
}

struct strand *strands__of(struct strands *all, uint64_t number, const struct model_thread *thread, uint64_t object)
{
    uint64_t key = number ? number & ~KERNEL_BIT : object | KERNEL_BIT;
    struct strand *s = g_hash_table_lookup(all->by_key, &key);
    if (!s) {
        s = g_new0(struct strand, 1);
        s->key = key;
        s->who = g_string_new(NULL);
        s->head = g_string_new(NULL);
        s->calls = g_array_new(FALSE, FALSE, sizeof(struct strand_call));
        s->link.data = s;
        g_hash_table_insert(all->by_key, &s->key, s);
    }
    name(all, s, number, thread, object);
    return s;
}

static void unlink_it(struct strands *all, struct strand *s)
{
    if (s->linked)
        g_queue_unlink(&all->waiting, &s->link);
    s->linked = false;
}

void strands__let_go(struct strands *all, struct strand *s)
{
    const struct strand_call *top = strand__top(s);
    if (s->calls->len == 0) {
        unlink_it(all, s);
        g_hash_table_remove(all->by_key, &s->key);
    } else if (!top->waits) {
        unlink_it(all, s);
    } else if (!s->linked) {
        g_queue_push_tail_link(&all->waiting, &s->link);
        s->linked = true;
    }
}

struct strand *strands__waiting(struct strands *all, gint64 before)
{
    struct strand *s = g_queue_peek_head(&all->waiting);
    if (!s || strand__top(s)->since >= before)
        return NULL;
    unlink_it(all, s);
    return s;
}

bool strand__push(struct strands *all, struct strand *s, const struct qbk_record *begun, bool function)
{
    struct strand_call c = {.begun = *begun, .function = function, .waits = true, .since = g_get_monotonic_time()};
    if (all->calls >= STRANDS_CALLS_MAX)
        return false;
    unlink_it(all, s); /* what waits from now on is younger than all others */
    all->calls++;
    s->functions += function;
    g_array_append_val(s->calls, c);
    return true;
}

void strand__remove(struct strands *all, struct strand *s, struct strand_call *c)
{
    all->calls--;
    s->functions -= c->function;
    g_array_remove_index(s->calls, strand__level(s, c));
}

static struct strand_call *at(const struct strand *s, unsigned i)
{
    return &g_array_index(s->calls, struct strand_call, i);
}

struct strand_call *strand__top(const struct strand *s)
{
    return s->calls->len ? at(s, s->calls->len - 1) : NULL;
}

struct strand_call *strand__find(const struct strand *s, uint64_t seq)
{
    for (unsigned i = s->calls->len; i-- > 0;) {
        if (at(s, i)->begun.seq == seq)
            return at(s, i);
    }
    return NULL;
}

struct strand_call *strand__innermost_function(const struct strand *s)
{
    for (unsigned i = s->calls->len; i-- > 0;) {
        if (at(s, i)->function)
            return at(s, i);
    }
    return NULL;
}
