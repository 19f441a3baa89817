// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a rotated-to file repeats. Kept only where rotation is on. Bounded, since a guest makes threads and calls as it
 * likes: beyond the limits a thread or what a descriptor stands for is not repeated, and a call loses its snippets.
 */
#include "trace/file_layout.h"

#include <string.h>

#include "trace/file.h"

#define THREADS_MAX (1u << 18)
#define CALLS_MAX   64u         /* in flight in one thread: nested signal handlers */
#define BYTES_MAX   (64u << 20) /* of whole ENTERs kept */
#define TOLD_MAX    4096u       /* of one thread: descriptors, its image and its group */
#define TOLD_BYTES  (64u << 20) /* of all threads */
#define CODE_BYTES  (64u << 20) /* of CODE */

struct thread {
    struct qbk_record *record; /* the last THREAD */
    GPtrArray *enters;         /* struct qbk_record *, oldest first; NULL until there is one */
    GHashTable *told;          /* struct told *, owned → itself; NULL until there is one */
};

/* What a thread said once, and will not say again: the last NAME or OBJECT of a descriptor. */
struct told {
    uint64_t fd;
    uint16_t type;
    struct qbk_record *record;
};

struct file_state {
    struct qbk_record *meta, *guest;
    GHashTable *threads; /* uint64_t * (in the THREAD record) → struct thread */
    GPtrArray *code;     /* struct qbk_record *, oldest first */
    size_t bytes, told_bytes, code_bytes;
};

static struct qbk_record *copy(const struct qbk_record *rec)
{
    struct qbk_record *c = g_try_malloc(rec->size);

    if (c)
        memcpy(c, rec, rec->size);
    return c;
}

static guint told_hash(gconstpointer p)
{
    const struct told *t = p;

    return g_int64_hash(&t->fd) ^ t->type;
}

static gboolean told_equal(gconstpointer a, gconstpointer b)
{
    const struct told *x = a, *y = b;

    return x->fd == y->fd && x->type == y->type;
}

static void told_free(gpointer p)
{
    struct told *t = p;

    g_free(t->record);
    g_free(t);
}

static void thread_free(gpointer p)
{
    struct thread *t = p;

    g_free(t->record);
    g_clear_pointer(&t->told, g_hash_table_destroy);
    if (t->enters)
        g_ptr_array_free(t->enters, TRUE);
    g_free(t);
}

struct file_state *file_state__new(void)
{
    struct file_state *s = g_new0(struct file_state, 1);

    s->threads = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, thread_free);
    s->code = g_ptr_array_new_with_free_func(g_free);
    return s;
}

void file_state__free(struct file_state *s)
{
    if (!s)
        return;
    g_free(s->meta);
    g_free(s->guest);
    g_hash_table_destroy(s->threads);
    g_ptr_array_free(s->code, TRUE);
    g_free(s);
}

static struct thread *find(struct file_state *s, const struct qbk_record *rec)
{
    return g_hash_table_lookup(s->threads, &rec->thread);
}

static void see_meta(struct file_state *s, const struct qbk_record *rec)
{
    g_free(s->meta);
    s->meta = copy(rec);
}

static void see_guest(struct file_state *s, const struct qbk_record *rec)
{
    g_free(s->guest);
    s->guest = copy(rec);
}

/* Takes `record`. */
static void tell(struct file_state *s, struct thread *t, uint64_t fd, struct qbk_record *record)
{
    const struct told key = {.fd = fd, .type = record->type};
    struct told *told;

    if (!t->told)
        t->told = g_hash_table_new_full(told_hash, told_equal, NULL, told_free);
    told = g_hash_table_lookup(t->told, &key);
    s->told_bytes += record->size;
    if (told) {
        s->told_bytes -= told->record->size;
        g_free(told->record);
        told->record = record;
        return;
    }
    told = g_new0(struct told, 1);
    *told = (struct told){.fd = fd, .type = record->type, .record = record};
    g_hash_table_add(t->told, told);
}

/* What is of a descriptor that is not known yet waits for room; what replaces something has it. */
static void see_told(struct file_state *s, const struct qbk_record *rec, uint64_t fd)
{
    const struct told key = {.fd = fd, .type = rec->type};
    struct thread *t = find(s, rec);
    bool known = t && t->told && g_hash_table_contains(t->told, &key);
    bool room = t && s->told_bytes + rec->size <= TOLD_BYTES && (!t->told || g_hash_table_size(t->told) < TOLD_MAX);
    struct qbk_record *c = known || room ? copy(rec) : NULL;

    if (c)
        tell(s, t, fd, c);
}

static void see_name(struct file_state *s, const struct qbk_record *rec)
{
    see_told(s, rec, ((const struct qbk_name *)rec)->fd);
}

static void see_object(struct file_state *s, const struct qbk_record *rec)
{
    see_told(s, rec, ((const struct qbk_object *)rec)->fd);
}

/* A new thread runs the image of the one that made it, in the same group, and who made it may be gone later. */
static void inherit(struct file_state *s, struct thread *t)
{
    static const uint64_t names[] = {QBK_NAME_EXE, QBK_NAME_CGROUP};
    const struct thread *maker =
        g_hash_table_lookup(s->threads, &((const struct qbk_thread *)(const void *)t->record)->parent_thread);

    for (unsigned i = 0; maker && maker->told && i < G_N_ELEMENTS(names); i++) {
        const struct told key = {.fd = names[i], .type = QBK_NAME};
        const struct told *of_maker = g_hash_table_lookup(maker->told, &key);
        struct qbk_record *c =
            of_maker && s->told_bytes + of_maker->record->size <= TOLD_BYTES ? copy(of_maker->record) : NULL;

        if (!c)
            continue;
        c->thread = t->record->thread;
        tell(s, t, names[i], c);
    }
}

static void forget_told(struct file_state *s, const struct thread *t)
{
    GHashTableIter it;
    gpointer told;

    if (!t->told)
        return;
    g_hash_table_iter_init(&it, t->told);
    while (g_hash_table_iter_next(&it, &told, NULL))
        s->told_bytes -= ((const struct told *)told)->record->size;
}

static void see_thread(struct file_state *s, const struct qbk_record *rec)
{
    struct thread *t = find(s, rec);
    bool is_new = !t;
    struct qbk_record *c;

    if (!t && g_hash_table_size(s->threads) >= THREADS_MAX)
        return;
    c = copy(rec);
    if (!c)
        return;
    if (t) {
        /* The key lies in the old record. */
        g_hash_table_steal(s->threads, &rec->thread);
        g_free(t->record);
    } else {
        t = g_new0(struct thread, 1);
    }
    t->record = c;
    g_hash_table_insert(s->threads, &c->thread, t);
    if (is_new)
        inherit(s, t);
}

static void forget_call(struct file_state *s, struct thread *t, guint index)
{
    s->bytes -= ((struct qbk_record *)t->enters->pdata[index])->size;
    g_ptr_array_remove_index(t->enters, index);
}

static void see_exit(struct file_state *s, const struct qbk_record *rec)
{
    struct thread *t = find(s, rec);

    if (!t)
        return;
    while (t->enters && t->enters->len > 0)
        forget_call(s, t, t->enters->len - 1);
    forget_told(s, t);
    g_hash_table_remove(s->threads, &rec->thread);
}

static void see_enter(struct file_state *s, const struct qbk_record *rec)
{
    const struct qbk_enter *e = (const struct qbk_enter *)rec;
    struct thread *t = find(s, rec);
    struct qbk_record *c;

    if (!t)
        return;
    if (!t->enters)
        t->enters = g_ptr_array_new_with_free_func(g_free);
    /* So many in one thread are the remains of RETURNs that were lost. */
    if (t->enters->len >= CALLS_MAX)
        forget_call(s, t, 0);
    if (s->bytes + rec->size <= BYTES_MAX) {
        c = copy(rec);
    } else {
        uint32_t size = (uint32_t)(sizeof(*e) + e->nargs * sizeof(uint64_t));

        c = g_try_malloc(size);
        if (c) {
            memcpy(c, rec, size);
            c->size = size;
        }
    }
    if (!c)
        return;
    s->bytes += c->size;
    g_ptr_array_add(t->enters, c);
}

static void see_return(struct file_state *s, const struct qbk_record *rec)
{
    const struct qbk_return *r = (const struct qbk_return *)rec;
    struct thread *t = find(s, rec);

    for (guint i = t && t->enters ? t->enters->len : 0; i > 0; i--)
        if (((struct qbk_record *)t->enters->pdata[i - 1])->seq == r->call) {
            forget_call(s, t, i - 1);
            return;
        }
}

/* Blocks may refer to it as long as the trace lasts. */
static void see_code(struct file_state *s, const struct qbk_record *rec)
{
    struct qbk_record *c = s->code_bytes + rec->size <= CODE_BYTES ? copy(rec) : NULL;

    if (!c)
        return;
    s->code_bytes += c->size;
    g_ptr_array_add(s->code, c);
}

void file_state__see(struct file_state *s, const struct qbk_record *rec)
{
    static void (*const see[QBK_TYPES])(struct file_state *, const struct qbk_record *) = {
        [QBK_META] = see_meta,        [QBK_GUEST] = see_guest,   [QBK_THREAD] = see_thread,
        [QBK_THREAD_EXIT] = see_exit, [QBK_ENTER] = see_enter,   [QBK_RETURN] = see_return,
        [QBK_NAME] = see_name,        [QBK_OBJECT] = see_object, [QBK_CODE] = see_code,
    };

    if (rec->type < QBK_TYPES && see[rec->type])
        see[rec->type](s, rec);
}

bool trace__is_repeatable(const struct qbk_record *rec)
{
    static const bool may_be[QBK_TYPES] = {
        [QBK_META] = true, [QBK_GUEST] = true,  [QBK_THREAD] = true, [QBK_ENTER] = true,
        [QBK_NAME] = true, [QBK_OBJECT] = true, [QBK_CODE] = true};

    return rec->type < QBK_TYPES && may_be[rec->type];
}

static gint by_seq(gconstpointer a, gconstpointer b)
{
    uint64_t x = (*(struct qbk_record *const *)a)->seq;
    uint64_t y = (*(struct qbk_record *const *)b)->seq;

    return (x > y) - (x < y);
}

/* Append all of `list` to `order`, by seq, and empty it. */
static void append_sorted(GPtrArray *order, GPtrArray *list)
{
    g_ptr_array_sort(list, by_seq);
    for (guint i = 0; i < list->len; i++)
        g_ptr_array_add(order, list->pdata[i]);
    g_ptr_array_free(list, TRUE);
}

int file_state__repeat(struct file_state *s, int (*emit)(void *opaque, const struct qbk_record *rec), void *opaque)
{
    GPtrArray *order = g_ptr_array_new();
    GPtrArray *threads = g_ptr_array_new();
    GPtrArray *rest = g_ptr_array_new();
    GHashTableIter it, of_thread;
    gpointer value, told;
    int status = 0;

    if (s->meta)
        g_ptr_array_add(order, s->meta);
    if (s->guest)
        g_ptr_array_add(order, s->guest);
    g_hash_table_iter_init(&it, s->threads);
    while (g_hash_table_iter_next(&it, NULL, &value)) {
        const struct thread *t = value;

        g_ptr_array_add(threads, t->record);
        for (guint i = 0; t->enters && i < t->enters->len; i++)
            g_ptr_array_add(rest, t->enters->pdata[i]);
        if (!t->told)
            continue;
        g_hash_table_iter_init(&of_thread, t->told);
        while (g_hash_table_iter_next(&of_thread, &told, NULL))
            g_ptr_array_add(rest, ((const struct told *)told)->record);
    }
    for (guint i = 0; i < s->code->len; i++)
        g_ptr_array_add(rest, s->code->pdata[i]);
    append_sorted(order, threads);
    append_sorted(order, rest);
    for (guint i = 0; i < order->len && status == 0; i++)
        status = emit(opaque, order->pdata[i]);
    g_ptr_array_free(order, TRUE);
    return status;
}
