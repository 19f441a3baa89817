/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/files/origins.h"

#include "show/object.h"

#define PIPES_MAX 65536u
#define TYPE_MASK 0170000u /* include/uapi/linux/stat.h */
#define TYPE_FIFO 0010000u

struct origins {
    GHashTable *processes; /* pid -> GRefString */
    GHashTable *pipes;     /* inode -> GRefString */
};

struct origins *origins__new(void)
{
    struct origins *o = g_new0(struct origins, 1);

    o->processes = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ref_string_release);
    o->pipes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, (GDestroyNotify)g_ref_string_release);
    return o;
}

void origins__free(struct origins *o)
{
    if (!o)
        return;
    g_hash_table_destroy(o->processes);
    g_hash_table_destroy(o->pipes);
    g_free(o);
}

GRefString *origins__of(const struct origins *o, int32_t pid)
{
    return g_hash_table_lookup(o->processes, GINT_TO_POINTER(pid));
}

void origins__received(struct origins *o, int32_t pid, const struct qbk_object *object)
{
    GRefString *from = NULL;

    if (object->kind == QBK_OBJECT_SOCKET) {
        g_autofree char *peer = object__address(object, true);

        from = peer ? g_ref_string_new(peer) : NULL;
    } else if ((object->mode & TYPE_MASK) == TYPE_FIFO) {
        GRefString *through = g_hash_table_lookup(o->pipes, &object->inode);

        from = through ? g_ref_string_acquire(through) : NULL;
    }
    if (from)
        g_hash_table_insert(o->processes, GINT_TO_POINTER(pid), from);
}

void origins__sent(struct origins *o, int32_t pid, const struct qbk_object *object)
{
    GRefString *from = origins__of(o, pid);

    if (!from || (object->mode & TYPE_MASK) != TYPE_FIFO)
        return;
    if (g_hash_table_size(o->pipes) >= PIPES_MAX)
        g_hash_table_remove_all(o->pipes);
    g_hash_table_insert(o->pipes, g_memdup2(&object->inode, sizeof(object->inode)), g_ref_string_acquire(from));
}

void origins__process_gone(struct origins *o, int32_t pid)
{
    g_hash_table_remove(o->processes, GINT_TO_POINTER(pid));
}
