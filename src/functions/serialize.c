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
    const struct function_context *context; /* or NULL */
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
    const struct function_types *types = w->context ? w->context->types : NULL;
    const struct function_enum *e = NULL;
    for (guint i = 0; i < w->values->len; i++) {
        const struct qbk_value *other = &g_array_index(w->values, struct qbk_value, i);
        if (other->items && strcmp(w->text->str + other->type, type) == 0) {
            value->item = other->item;
            value->items = other->items;
            return;
        }
    }
    for (uint32_t i = 0; types && i < types->n_enums; i++) {
        if (strcmp(types->enums[i].name, type) == 0)
            e = &types->enums[i];
    }
    value->item = (uint16_t)w->items->len;
    for (uint32_t i = 0; e && i < e->count && w->items->len < ITEMS_MAX; i++) {
        const struct function_item *from = &types->item[e->first + i];
        struct qbk_item item = {.value = from->value, .name = add_text(w, from->name)};
        if (item.name)
            g_array_append_val(w->items, item);
    }
    value->items = (uint16_t)(w->items->len - value->item);
}

static struct qbk_value value_of(struct writer *w, const struct function_value *from, const char *name)
{
    struct qbk_value v = {.name = add_text(w, name),
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
        struct qbk_value v = value_of(w, &p->arg[i], p->arg[i].name);
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
    struct qbk_value v = value_of(w, &p->result, "");
    v.place = QBK_PLACE_RAX;
    v.words = p->result.size > function__word((enum function_convention)p->convention) ? 2 : 1;
    v.flags = (uint8_t)(QBK_VALUE_AT_RETURN | (p->result.may_fail ? QBK_VALUE_MAY_FAIL : 0u));
    g_array_append_val(w->values, v);
}

/* ---- members ---- */

/* As it was asked for, without the argument's name. */
static const char *member_name(const struct function_context *context, const struct function_member *m)
{
    const char *path = m->flags & FUNCTION_MEMBER_FIELD || m->path == FUNCTION_NO_PATH ? NULL : context->path[m->path];
    const char *rest = path ? strchr(path, '.') : NULL;
    if (!path)
        return m->value.name;
    return rest && strcmp(rest, ".*") != 0 ? rest + 1 : "";
}

static uint8_t member_flags(const struct function_member *m)
{
    static const uint8_t rows[][2] = {{FUNCTION_MEMBER_FIELD, QBK_VALUE_FIELD},
                                      {FUNCTION_MEMBER_STANDS, QBK_VALUE_STANDS},
                                      {FUNCTION_MEMBER_POINTS, QBK_VALUE_POINTS},
                                      {FUNCTION_MEMBER_MORE, QBK_VALUE_MORE}};
    unsigned flags = m->flags & FUNCTION_MEMBER_FIELD ? 0 : QBK_VALUE_AT_ENTRY;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        flags |= m->flags & rows[i][0] ? rows[i][1] : 0u;
    return (uint8_t)flags;
}

/* Those of this function follow one another. `place`: where each of them went. */
static void add_members(struct writer *w, const struct function_prototype *p)
{
    const struct function_context *c = w->context;
    uint8_t place[QBK_VALUES_MAX];
    uint32_t first = c ? c->first : 0;
    for (uint32_t i = first; c && i < c->types->n_members && c->types->member[i].function == c->index; i++) {
        const struct function_member *m = &c->types->member[i];
        struct qbk_value v = value_of(w, &m->value, member_name(c, m));
        if (m->arg >= p->n_args || i - first >= sizeof(place) || w->values->len + 2 > QBK_VALUES_MAX)
            break;
        v.flags = member_flags(m);
        v.bit = m->bit;
        v.bits = m->bits;
        v.from = m->arg;
        if (m->flags & FUNCTION_MEMBER_FIELD) {
            if (m->parent < first)
                break;
            v.from = place[m->parent - first];
            v.offset = (uint16_t)m->offset[0];
        } else {
            v.steps = m->steps;
            v.step = (uint16_t)w->steps->len;
            g_array_append_vals(w->steps, m->offset, m->steps);
        }
        place[i - first] = (uint8_t)w->values->len;
        g_array_append_val(w->values, v);
    }
}

static GByteArray *append(GByteArray *to, const void *bytes, size_t len)
{
    return g_byte_array_append(to, bytes, (guint)len);
}

void function__serialize(const struct function_prototype *prototype, const struct function_context *context,
                         GByteArray *to)
{
    static const uint8_t zeros[8];
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(struct qbk_value));
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(struct qbk_item));
    g_autoptr(GArray) steps = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    g_autoptr(GString) text = g_string_new_len("", 1);
    struct writer w = {values, items, steps, text, context};
    struct qbk_prototype head = {.convention = prototype->convention,
                                 .flags = prototype->variadic ? QBK_PROTOTYPE_VARIADIC : 0,
                                 .n_args = prototype->n_args};
    head.pops = (uint16_t)add_arguments(&w, prototype);
    add_members(&w, prototype);
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
