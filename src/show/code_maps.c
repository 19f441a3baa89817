/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/code_maps.h"

#include <stdbool.h>

#define PROCESS_MAX 16384u     /* mappings of one process: further ones are not known */
#define ALL_MAX     (1u << 20) /* of all: further ones are not known */

struct process {
    uint64_t space;
    GArray *map;  /* struct code_map, none over another */
    guint latest; /* which of them was found last */
};

struct code_maps {
    GHashTable *processes; /* pid → struct process */
    size_t count;
};

static void clear_map(gpointer map)
{
    g_ref_string_release(((struct code_map *)map)->path);
}

static void process_free(gpointer data)
{
    struct process *p = data;
    g_array_free(p->map, TRUE);
    g_free(p);
}

struct code_maps *code_maps__new(void)
{
    struct code_maps *m = g_new0(struct code_maps, 1);
    m->processes = g_hash_table_new_full(NULL, NULL, NULL, process_free);
    return m;
}

void code_maps__free(struct code_maps *m)
{
    g_hash_table_destroy(m->processes);
    g_free(m);
}

static struct process *process_of(struct code_maps *m, int32_t pid)
{
    struct process *p = g_hash_table_lookup(m->processes, GINT_TO_POINTER(pid));
    if (p)
        return p;
    p = g_new0(struct process, 1);
    p->map = g_array_new(FALSE, FALSE, sizeof(struct code_map));
    g_array_set_clear_func(p->map, clear_map);
    g_hash_table_insert(m->processes, GINT_TO_POINTER(pid), p);
    return p;
}

static void add(struct code_maps *m, struct process *p, const struct code_map *map)
{
    if (m->count >= ALL_MAX || p->map->len >= PROCESS_MAX)
        return;
    g_array_append_val(p->map, *map);
    g_ref_string_acquire(map->path);
    m->count++;
}

/* What lay at these addresses does no longer. */
static void make_room(struct code_maps *m, struct process *p, uint64_t start, uint64_t end)
{
    for (guint i = p->map->len; i-- > 0;) {
        struct code_map map = g_array_index(p->map, struct code_map, i), after = map;
        if (map.end <= start || end <= map.start)
            continue;
        g_ref_string_acquire(map.path);
        g_array_remove_index_fast(p->map, i); /* what takes its place was looked at, or is what is added below */
        m->count--;
        map.end = MIN(map.end, start);
        after.start = MAX(after.start, end);
        after.offset += after.start - map.start;
        if (map.start < map.end)
            add(m, p, &map);
        if (after.start < after.end)
            add(m, p, &after);
        g_ref_string_release(map.path);
    }
}

void code_maps__take(struct code_maps *m, const struct qbk_mapping *rec)
{
    if (rec->pid < 0 || rec->start >= rec->end)
        return;
    struct process *p = process_of(m, rec->pid);
    if (p->space != rec->space) { /* an exec, or another process */
        m->count -= p->map->len;
        g_array_set_size(p->map, 0);
        p->latest = 0;
    }
    p->space = rec->space;
    make_room(m, p, rec->start, rec->end);
    struct code_map map = {.start = rec->start,
                           .end = rec->end,
                           .offset = rec->offset,
                           .inode = rec->inode,
                           .dev_major = rec->dev_major,
                           .dev_minor = rec->dev_minor,
                           .file = rec->file,
                           .path = g_ref_string_new_len(rec->path, rec->len)};
    add(m, p, &map);
    g_ref_string_release(map.path);
    p->latest = 0;
}

void code_maps__gone(struct code_maps *m, int32_t pid)
{
    const struct process *p = g_hash_table_lookup(m->processes, GINT_TO_POINTER(pid));
    if (!p)
        return;
    m->count -= p->map->len;
    g_hash_table_remove(m->processes, GINT_TO_POINTER(pid));
}

static bool has(const struct process *p, guint i, uint64_t address)
{
    const struct code_map *map = &g_array_index(p->map, struct code_map, i);
    return map->start <= address && address < map->end;
}

const struct code_map *code_maps__find(struct code_maps *m, int32_t pid, uint64_t address)
{
    struct process *p = g_hash_table_lookup(m->processes, GINT_TO_POINTER(pid));
    if (!p || p->map->len == 0)
        return NULL;
    guint i = p->latest;
    if (!has(p, i, address)) {
        for (i = 0; i < p->map->len && !has(p, i, address); i++) {
        }
    }
    if (i == p->map->len)
        return NULL;
    p->latest = i;
    return &g_array_index(p->map, struct code_map, i);
}
