/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/unpack/layers.h"

#include <string.h>

/* One that is being put together. */
struct part {
    struct qbk_layer *rec; /* a copy */
    size_t size;           /* bytes of its region */
    uint8_t *bytes, *present;
    size_t first, last; /* pages that are there, and between them; first > last: none */
    uint64_t have;
    struct layer layer;
};

struct layers {
    GQueue parts; /* struct part, oldest first */
    uint64_t bytes;
    struct part *told; /* of the last record */
};

struct layers *layers__new(void)
{
    struct layers *layers = g_new0(struct layers, 1);
    g_queue_init(&layers->parts);
    return layers;
}

static void part_free(struct part *p)
{
    if (!p)
        return;
    g_free(p->rec);
    g_free(p->bytes);
    g_free(p->present);
    g_free(p);
}

void layers__free(struct layers *layers)
{
    struct part *p;
    if (!layers)
        return;
    while ((p = g_queue_pop_head(&layers->parts)))
        part_free(p);
    part_free(layers->told);
    g_free(layers);
}

static void give_up_oldest(struct layers *layers)
{
    struct part *p = g_queue_pop_head(&layers->parts);
    layers->bytes -= p->size;
    part_free(p);
}

static void begin(struct layers *layers, const struct qbk_layer *rec)
{
    if (rec->size == 0 || rec->size > IMAGE_MAX || (rec->start | rec->size) % IMAGE_PAGE ||
        rec->start + rec->size < rec->start)
        return;
    while (layers->parts.length && (layers->parts.length >= LAYERS_AT_ONCE || layers->bytes + rec->size > LAYERS_BYTES))
        give_up_oldest(layers);
    struct part *p = g_new0(struct part, 1);
    p->rec = g_memdup2(rec, rec->h.size);
    p->size = (size_t)rec->size;
    p->first = 1;
    p->bytes = g_try_malloc0(p->size); /* what is not written to takes no memory */
    p->present = g_try_malloc0(p->size / IMAGE_PAGE);
    if (!p->bytes || !p->present) {
        part_free(p);
        return;
    }
    layers->bytes += p->size;
    g_queue_push_tail(&layers->parts, p);
}

static struct part *find(const struct layers *layers, const struct qbk_layer_bytes *rec)
{
    for (GList *l = layers->parts.head; l; l = l->next) {
        struct part *p = l->data;
        if (p->rec->number == rec->number && p->rec->h.thread == rec->h.thread)
            return p;
    }
    return NULL;
}

static void add(struct part *p, const struct qbk_layer_bytes *rec)
{
    uint64_t at = rec->address - p->rec->start;
    if (rec->len == 0 || rec->address % IMAGE_PAGE || rec->len % IMAGE_PAGE || at >= p->size || rec->len > p->size - at)
        return;
    size_t first = (size_t)at / IMAGE_PAGE, last = first + rec->len / IMAGE_PAGE - 1;
    memcpy(p->bytes + at, rec->bytes, rec->len);
    memset(p->present + first, 1, last - first + 1);
    p->have += rec->len;
    p->last = p->first > p->last ? last : MAX(p->last, last);
    p->first = p->have == rec->len ? first : MIN(p->first, first);
}

static const struct layer *finish(struct layers *layers, struct part *p, const struct qbk_layer_bytes *rec)
{
    struct layer *l = &p->layer;
    bool any = p->have > 0;
    g_queue_remove(&layers->parts, p);
    layers->bytes -= p->size;
    layers->told = p;
    *l = (struct layer){.rec = p->rec, .have = p->have, .complete = rec->sent == p->have};
    l->range = (const void *)(p->rec + 1);
    l->mapping = (const void *)(l->range + p->rec->n_ranges);
    if (any) {
        l->start = p->rec->start + p->first * IMAGE_PAGE;
        l->size = (p->last - p->first + 1) * IMAGE_PAGE;
        l->bytes = p->bytes + p->first * IMAGE_PAGE;
        l->present = p->present + p->first;
    }
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, any ? l->bytes : (const guchar *)"", l->size);
    (void)g_strlcpy(l->sha256, sum, sizeof(l->sha256));
    return l;
}

const struct layer *layers__feed(struct layers *layers, const struct qbk_record *rec)
{
    const struct qbk_layer_bytes *bytes = (const void *)rec;
    g_clear_pointer(&layers->told, part_free);
    if (rec->type == QBK_LAYER)
        begin(layers, (const void *)rec);
    struct part *p = rec->type == QBK_LAYER_BYTES ? find(layers, bytes) : NULL;
    if (p && !(bytes->flags & QBK_LAYER_LAST))
        add(p, bytes);
    return p && (bytes->flags & QBK_LAYER_LAST) ? finish(layers, p, bytes) : NULL;
}

bool layer__image(const struct layer *l, struct memory_image *image)
{
    *image = (struct memory_image){.start = l->start,
                                   .size = l->size,
                                   .bytes = l->bytes,
                                   .present = l->present,
                                   .mapping = l->mapping,
                                   .n_mappings = l->rec->n_mappings,
                                   .entry = l->rec->entry,
                                   .is_32 = (l->rec->flags & QBK_LAYER_32) != 0};
    return l->have > 0 && l->rec->entry >= l->start && l->rec->entry - l->start < l->size;
}

void layer__flags_json(GString *to, const struct layer *l)
{
    static const struct {
        uint32_t flag;
        const char *key;
    } keys[] = {{QBK_LAYER_BY_KERNEL, "by_kernel"}, {QBK_LAYER_AGAIN, "again"}, {QBK_LAYER_CUT, "cut"}};
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        g_string_append_printf(to, ",\"%s\":%s", keys[i].key, l->rec->flags & keys[i].flag ? "true" : "false");
    g_string_append_printf(to, ",\"complete\":%s", l->complete ? "true" : "false");
}
