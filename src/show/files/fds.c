/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/files/fds.h"

#include <string.h>

#define FDS_MAX          65536u /* of one thread */
#define DESCRIPTIONS_MAX 262144u

struct fds {
    GHashTable *threads;      /* number -> GHashTable: descriptor -> struct qbk_object */
    GHashTable *descriptions; /* file -> struct description */
};

struct fds *fds__new(void)
{
    struct fds *f = g_new0(struct fds, 1);

    f->threads = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, (GDestroyNotify)g_hash_table_destroy);
    f->descriptions = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    return f;
}

void fds__free(struct fds *f)
{
    if (!f)
        return;
    g_hash_table_destroy(f->threads);
    g_hash_table_destroy(f->descriptions);
    g_free(f);
}

static GHashTable *of_thread(struct fds *f, uint64_t thread)
{
    GHashTable *table = g_hash_table_lookup(f->threads, &thread);

    if (!table) {
        table = g_hash_table_new_full(NULL, NULL, NULL, g_free);
        g_hash_table_insert(f->threads, g_memdup2(&thread, sizeof(thread)), table);
    }
    return table;
}

void fds__object(struct fds *f, const struct qbk_object *object)
{
    GHashTable *table = of_thread(f, object->h.thread);

    if (g_hash_table_size(table) >= FDS_MAX)
        g_hash_table_remove_all(table); /* told again when they are used */
    g_hash_table_insert(table, GUINT_TO_POINTER(object->fd), g_memdup2(object, sizeof(*object)));
}

void fds__thread_gone(struct fds *f, uint64_t thread)
{
    g_hash_table_remove(f->threads, &thread);
}

const struct qbk_object *fds__of(const struct fds *f, uint64_t thread, int64_t fd)
{
    GHashTable *table = g_hash_table_lookup(f->threads, &thread);

    return table && fd >= 0 && fd <= UINT32_MAX ? g_hash_table_lookup(table, GUINT_TO_POINTER((guint)fd)) : NULL;
}

struct description *fds__description(struct fds *f, uint64_t file)
{
    struct description *d = g_hash_table_lookup(f->descriptions, &file);

    if (d)
        return d;
    if (g_hash_table_size(f->descriptions) >= DESCRIPTIONS_MAX)
        g_hash_table_remove_all(f->descriptions);
    d = g_new0(struct description, 1);
    d->file = file;
    d->position = FDS_NOWHERE;
    g_hash_table_insert(f->descriptions, &d->file, d);
    return d;
}

struct description *fds__opened(struct fds *f, uint64_t file, bool append)
{
    struct description *d = fds__description(f, file);

    d->position = 0;
    d->append = append;
    return d;
}
