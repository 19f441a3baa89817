/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Coverage of executed code in the format of DynamoRIO's drcov tool, version 2, as Lighthouse for IDA and Binary Ninja,
 * Cartographer for Ghidra and others read it: text with a table of modules, then 8 bytes for each block that was
 * executed: u32 offset from its module's base, u16 size, u16 module.
 *
 * Offsets are those in the file (a mapping's address less its offset is the base): the same as from the image's base in
 * files whose segments lie as far apart in memory as in the file, as GNU ld makes them.
 */
#include <inttypes.h>
#include <string.h>

#include "show/code.h"
#include "show/output.h"

#define BLOCKS_MAX  (16u << 20) /* 128 MiB of the file, some more of memory */
#define MODULES_MAX 65535u
#define CHUNK_BITS  31 /* of addresses of no file: offsets have 32 bits */

struct module {
    uint64_t base, end;
    char *name;
};

struct drcov {
    struct stream *stream;
    GArray *modules;    /* struct module */
    GHashTable *by_key; /* key → number of the module + 1 */
    GHashTable *blocks; /* the 8 bytes of each, as they are written */
    GArray *order;      /* the same, as they came */
};

static void module_clear(gpointer module)
{
    g_free(((struct module *)module)->name);
}

/* Names go into a line of text: what would end it, or a column, and what is no text is left out. */
static char *safe_name(const char *path, size_t len)
{
    g_autoptr(GString) name = g_string_new(NULL);
    print__safe(name, path, len);
    return g_string_free(g_steal_pointer(&name), FALSE);
}

/* Of a file one for all processes, whose bases may differ; of memory without a file one for each 2 GiB of a process. */
static struct module *module_of(struct drcov *d, const struct model_event *e, uint64_t pc, const struct code_map *map,
                                unsigned *number)
{
    uint64_t base = map ? map->start - map->offset : pc >> CHUNK_BITS << CHUNK_BITS;
    g_autofree char *key =
        map ? g_strdup_printf("%u:%u:%" PRIu64 ":%u", map->dev_major, map->dev_minor, map->inode, map->file)
            : g_strdup_printf("%d %" PRIu64, (int64_t)pc < 0 ? -1 : e->thread->id.pid, base);
    *number = GPOINTER_TO_UINT(g_hash_table_lookup(d->by_key, key));
    if (*number)
        return &g_array_index(d->modules, struct module, --*number);
    if (d->modules->len >= MODULES_MAX)
        return NULL;
    struct module m = {.base = base, .end = base + (1ull << CHUNK_BITS)};
    m.name = map               ? safe_name(map->path, g_ref_string_length(map->path))
             : (int64_t)pc < 0 ? g_strdup("[kernel]")
                               : g_strdup_printf("[memory of process %d]", e->thread->id.pid);
    if (map)
        m.end = base;
    *number = d->modules->len;
    g_array_append_val(d->modules, m);
    g_hash_table_insert(d->by_key, g_steal_pointer(&key), GUINT_TO_POINTER(*number + 1));
    return &g_array_index(d->modules, struct module, *number);
}

static int add(struct drcov *d, const struct model_event *e, const struct qbk_block *b, GError **error)
{
    const struct qbk_code *code = code__find(e->code, b->code);
    const struct code_map *map = code__map(e->code, e->thread, b->pc);
    uint32_t size = b->insns == 0 ? 0 : code ? code__size(code, b->insns) : 1; /* its first instruction at least */
    unsigned number;
    struct module *m = size ? module_of(d, e, b->pc, map, &number) : NULL;
    if (size == 0)
        return 0;
    uint64_t offset = m ? map ? b->pc - map->start + map->offset : b->pc - m->base : 0;
    if (!m || d->order->len >= BLOCKS_MAX) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                    "more than %u blocks or %u modules, which the format has no room for", BLOCKS_MAX, MODULES_MAX);
        return -1;
    }
    if (map)
        m->end = MAX(m->end, m->base + map->offset + (map->end - map->start));
    if (offset > UINT32_MAX || size > UINT16_MAX) /* not in any file that is loaded as code */
        return 0;
    uint64_t entry = offset | (uint64_t)size << 32 | (uint64_t)number << 48;
    if (g_hash_table_add(d->blocks, (gpointer)(uintptr_t)entry))
        g_array_append_val(d->order, entry);
    return 0;
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct drcov *d = out->state;
    const struct qbk_blocks *rec = (const void *)e->rec;
    int err = 0;
    if (!passed || e->type != EVENT_RECORD || rec->h.type != QBK_BLOCKS || !e->thread)
        return 0;
    for (uint32_t i = 0; i < rec->count && err == 0; i++) {
        if (code__shown(out->options, e, &rec->block[i]))
            err = add(d, e, &rec->block[i], error);
    }
    return err;
}

static int on_open(struct output *out, const char *where, int fallback_fd, GError **error)
{
    struct drcov *d = g_new0(struct drcov, 1);
    d->modules = g_array_new(FALSE, FALSE, sizeof(struct module));
    g_array_set_clear_func(d->modules, module_clear);
    d->by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    d->blocks = g_hash_table_new(NULL, NULL);
    d->order = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    out->state = d;
    d->stream = stream__open(where, fallback_fd, error);
    return d->stream ? 0 : -1;
}

static void write_head(GString *to, const struct drcov *d)
{
    g_string_append_printf(to, "DRCOV VERSION: 2\nDRCOV FLAVOR: drcov\nModule Table: version 2, count %u\n",
                           d->modules->len);
    g_string_append(to, "Columns: id, base, end, entry, path\n");
    for (guint i = 0; i < d->modules->len; i++) {
        const struct module *m = &g_array_index(d->modules, struct module, i);
        g_string_append_printf(to, "%3u, 0x%016" PRIx64 ", 0x%016" PRIx64 ", 0x%016x, %s\n", i, m->base, m->end, 0,
                               m->name);
    }
    g_string_append_printf(to, "BB Table: %u bbs\n", d->order->len);
}

static int write_all(struct drcov *d, GError **error)
{
    GString *to = stream__buffer(d->stream);
    int err = 0;
    write_head(to, d);
    for (guint i = 0; i < d->order->len && err == 0; i++) {
        uint64_t entry = GUINT64_TO_LE(g_array_index(d->order, uint64_t, i));
        g_string_append_len(to, (const char *)&entry, sizeof(entry));
        err = stream__flush(d->stream, false, error);
    }
    return err;
}

static int on_finish(struct output *out, GError **error)
{
    struct drcov *d = out->state;
    int err = d->stream && !out->failed ? write_all(d, error) : 0;
    if (d->stream && stream__close(d->stream, err ? NULL : error) != 0)
        err = -1;
    g_array_free(d->modules, TRUE);
    g_array_free(d->order, TRUE);
    g_hash_table_destroy(d->by_key);
    g_hash_table_destroy(d->blocks);
    g_free(d);
    return err;
}

const struct output_ops output_drcov = {.kind = "drcov",
                                        .help = "which code was executed, for Lighthouse and others; with --insns",
                                        .wants = OUTPUT_WANTS_CODE,
                                        .open = on_open,
                                        .event = on_event,
                                        .finish = on_finish};
