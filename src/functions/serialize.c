/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prototypes as data: for the plugin, which reads values by them, and for every reader of a trace. */
#include <string.h>

#include "functions/btf.h"
#include "functions/function.h"

#define TEXT_MAX  65535u
#define ITEMS_MAX 4096u /* of one function: a record has room for them */

struct writer {
    GArray *values, *items, *steps; /* struct qbk_value, struct qbk_item, uint32_t */
    GString *text;
    const struct function_types *types;
};

static uint16_t add_text(struct writer *w, const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || w->text->len + len + 1 > TEXT_MAX)
        return 0;
    size_t at = w->text->len;
    g_string_append_len(w->text, text, (gssize)len + 1);
    return (uint16_t)at;
}

/* Enumerations that several values have are there once. */
static void add_items(struct writer *w, const char *type, struct qbk_value *value)
{
    const struct function_enum *e = NULL;
    for (guint i = 0; i < w->values->len; i++) {
        const struct qbk_value *other = &g_array_index(w->values, struct qbk_value, i);
        if (other->items && strcmp(w->text->str + other->type, type) == 0) {
            value->item = other->item;
            value->items = other->items;
            return;
        }
    }
    for (uint32_t i = 0; w->types && i < w->types->n_enums; i++) {
        if (strcmp(w->types->enums[i].name, type) == 0)
            e = &w->types->enums[i];
    }
    value->item = (uint16_t)w->items->len;
    for (uint32_t i = 0; e && i < e->count && w->items->len < ITEMS_MAX; i++) {
        const struct function_item *from = &w->types->item[e->first + i];
        struct qbk_item item = {.value = from->value, .name = add_text(w, from->name)};
        if (item.name)
            g_array_append_val(w->items, item);
    }
    value->items = (uint16_t)(w->items->len - value->item);
}

static struct qbk_value value_of(struct writer *w, const struct function_value *from)
{
    struct qbk_value v = {.name = add_text(w, from->name),
                          .type = add_text(w, from->type),
                          .kind = from->kind,
                          .size = from->size,
                          .length_of = from->length_arg,
                          .most_of = from->most_arg,
                          .length = from->length,
                          .from = QBK_NO_VALUE};
    if (from->kind == FUNCTION_ENUM)
        add_items(w, from->type, &v);
    return v;
}

static uint8_t when_of(const struct function_value *value)
{
    return (uint8_t)((value->when & FUNCTION_IN ? QBK_VALUE_AT_ENTRY : 0u) |
                     (value->when & FUNCTION_OUT ? QBK_VALUE_AT_RETURN : 0u));
}

static unsigned add_arguments(struct writer *w, const struct function_prototype *p)
{
    struct function_place place[FUNCTION_ARGS_MAX];
    unsigned pops = function__places(p, place);
    for (unsigned i = 0; i < p->n_args; i++) {
        struct qbk_value v = value_of(w, &p->arg[i]);
        v.place = place[i].where;
        v.words = place[i].words;
        v.offset = place[i].offset;
        v.flags = when_of(&p->arg[i]);
        g_array_append_val(w->values, v);
    }
    return pops;
}

static void add_result(struct writer *w, const struct function_prototype *p)
{
    struct qbk_value v = value_of(w, &p->result);
    v.place = QBK_PLACE_RAX;
    v.words = p->result.size > function__word((enum function_convention)p->convention) ? 2 : 1;
    v.flags = (uint8_t)(QBK_VALUE_AT_RETURN | (p->result.may_fail ? QBK_VALUE_MAY_FAIL : 0u));
    g_array_append_val(w->values, v);
}

static GByteArray *append(GByteArray *to, const void *bytes, size_t len)
{
    return g_byte_array_append(to, bytes, (guint)len);
}

void function__serialize(const struct function_prototype *prototype, const struct function_types *types, uint32_t index,
                         GByteArray *to)
{
    static const uint8_t zeros[8];
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(struct qbk_value));
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(struct qbk_item));
    g_autoptr(GArray) steps = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    g_autoptr(GString) text = g_string_new_len("", 1);
    struct writer w = {values, items, steps, text, types};
    struct qbk_prototype head = {.convention = prototype->convention,
                                 .flags = prototype->variadic ? QBK_PROTOTYPE_VARIADIC : 0,
                                 .n_args = prototype->n_args};
    (void)index;
    head.pops = (uint16_t)add_arguments(&w, prototype);
    add_result(&w, prototype);
    head.n_values = (uint8_t)values->len;
    head.n_items = (uint16_t)items->len;
    head.n_steps = (uint16_t)steps->len;
    head.text_len = (uint16_t)text->len;
    head.size = (uint32_t)(sizeof(head) + values->len * sizeof(struct qbk_value) +
                           items->len * sizeof(struct qbk_item) + steps->len * sizeof(uint32_t) + text->len);
    append(to, &head, sizeof(head));
    append(to, values->data, values->len * sizeof(struct qbk_value));
    append(to, items->data, items->len * sizeof(struct qbk_item));
    append(to, steps->data, steps->len * sizeof(uint32_t));
    append(to, text->str, text->len);
    append(to, zeros, (8 - to->len % 8) % 8);
}
