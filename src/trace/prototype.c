/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trace/prototype.h"

#define OFFSET_MAX 0x10000u /* of a member; larger ones no struct has */

static size_t round8(size_t n)
{
    return (n + 7u) & ~(size_t)7u;
}

const struct qbk_value *prototype__values(const struct qbk_prototype *p)
{
    return (const struct qbk_value *)(p + 1);
}

const struct qbk_item *prototype__items(const struct qbk_prototype *p)
{
    return (const struct qbk_item *)(const void *)(prototype__values(p) + p->n_values);
}

const uint32_t *prototype__steps(const struct qbk_prototype *p)
{
    return (const uint32_t *)(const void *)(prototype__items(p) + p->n_items);
}

const char *prototype__text(const struct qbk_prototype *p, uint32_t offset)
{
    return (const char *)(prototype__steps(p) + p->n_steps) + offset;
}

/* Its place: a register or the stack; a member's: behind what leads to it, in so many steps. */
static bool place_valid(const struct qbk_prototype *p, const struct qbk_value *v, unsigned number)
{
    const struct qbk_value *all = prototype__values(p);

    if (number < p->n_args || number + 1u == p->n_values)
        return v->from == QBK_NO_VALUE && v->steps == 0 && v->place < QBK_PLACES && v->words <= 2 &&
               !(v->flags & (QBK_VALUE_FIELD | QBK_VALUE_STANDS));
    if (v->from >= number)
        return false;
    if (v->flags & QBK_VALUE_FIELD)
        return v->steps == 0 && all[v->from].kind == QBK_VALUE_STRUCT && v->bit < 64 && v->bits <= 64;
    if (v->from >= p->n_args || v->steps < 1 || v->steps > QBK_FUNCTION_STEPS_MAX ||
        (size_t)v->step + v->steps > p->n_steps)
        return false;
    for (unsigned i = 0; i < v->steps; i++) {
        if (prototype__steps(p)[v->step + i] > OFFSET_MAX)
            return false;
    }
    return true;
}

static bool length_valid(const struct qbk_prototype *p, uint8_t of)
{
    return of == QBK_NO_VALUE || of == QBK_RESULT_AS_VALUE || of < p->n_args;
}

static bool value_valid(const struct qbk_prototype *p, unsigned number)
{
    const struct qbk_value *v = prototype__values(p) + number;

    if (v->name >= p->text_len || v->type >= p->text_len || v->kind >= QBK_VALUE_KINDS)
        return false;
    if (!length_valid(p, v->length_of) || !length_valid(p, v->most_of))
        return false;
    return (size_t)v->item + v->items <= p->n_items && place_valid(p, v, number);
}

static bool text_valid(const struct qbk_prototype *p)
{
    const char *text = prototype__text(p, 0);

    if (p->text_len == 0 || text[0] || text[p->text_len - 1])
        return false;
    for (unsigned i = 0; i < p->n_items; i++) {
        if (prototype__items(p)[i].name >= p->text_len)
            return false;
    }
    return true;
}

bool prototype__valid(const void *bytes, size_t avail)
{
    const struct qbk_prototype *p = bytes;

    if (avail < sizeof(*p) || p->size > avail || p->n_values <= p->n_args || p->n_values > QBK_VALUES_MAX ||
        p->n_args > QBK_FUNCTION_ARGS_MAX || p->convention >= QBK_CALL_CONVENTIONS)
        return false;
    size_t need = sizeof(*p) + p->n_values * sizeof(struct qbk_value) + p->n_items * sizeof(struct qbk_item) +
                  p->n_steps * sizeof(uint32_t) + p->text_len;
    if (p->size != need || !text_valid(p))
        return false;
    for (unsigned i = 0; i < p->n_values; i++) {
        if (!value_valid(p, i))
            return false;
    }
    return true;
}

const struct qbk_prototype *prototype__of(const struct qbk_function *rec)
{
    size_t names = round8(sizeof(*rec) + rec->name_len + rec->module_len);

    if (names >= rec->h.size)
        return NULL;
    return (const struct qbk_prototype *)(const void *)((const uint8_t *)rec + names);
}

const char *prototype__item(const struct qbk_prototype *p, const struct qbk_value *value, int64_t number)
{
    const struct qbk_item *item = prototype__items(p) + value->item;

    for (unsigned i = 0; i < value->items; i++) {
        if (item[i].value == number)
            return prototype__text(p, item[i].name);
    }
    return NULL;
}
