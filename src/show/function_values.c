/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/function_values.h"

#include <string.h>

#include "trace/prototype.h"
#include "trace/record.h"

/* A piece of memory that a value leads to, or that it lies in. */
struct piece {
    const struct qbk_snippet *head;
    const uint8_t *bytes;
};

static struct piece find(const struct qbk_record *rec, unsigned index, bool value)
{
    struct piece p = {NULL, NULL};
    struct snippet_iter it;
    if (!rec)
        return p;
    record__snippets(rec, &it);
    while ((p.head = record__next_snippet(&it, &p.bytes)) != NULL) {
        if (p.head->arg == index && (p.head->kind == QBK_SNIP_VALUE) == value)
            break;
    }
    return p;
}

static uint64_t load(const uint8_t *bytes, size_t len)
{
    uint64_t value = 0;
    memcpy(&value, bytes, MIN(len, sizeof(value)));
    return value;
}

/* What was read at the return counts, and at the beginning if there is nothing of then. */
static void take_memory(const struct function_call *call, unsigned index, struct print_function_value *to)
{
    struct piece before = find(call->enter ? &call->enter->h : NULL, index, false);
    struct piece after = find(call->ret ? &call->ret->h : NULL, index, false);
    struct piece p = after.head ? after : before;
    if (!p.head)
        return;
    bool fault = p.head->flags & QBK_SNIP_FAULT;
    to->unread = fault && p.head->kind != QBK_SNIP_PATH; /* what has no path was read all the same */
    if (p.head->have == 0 && (fault || p.head->full > 0))
        return;
    to->bytes = p.bytes;
    to->have = p.head->have;
    to->full = p.head->full;
    if (after.head && before.head && before.head->have == after.head->have)
        to->before = before.bytes;
    bool ended = (p.head->flags & QBK_SNIP_STRING) && !(p.head->flags & (QBK_SNIP_TRUNCATED | QBK_SNIP_FAULT));
    size_t unit = to->what->kind == QBK_VALUE_WIDE ? 2 : 1;
    if (ended && to->have >= unit)
        to->have -= unit; /* the NUL */
    to->more = p.head->flags & (QBK_SNIP_TRUNCATED | QBK_SNIP_FAULT);
}

/* Characters in place, up to a NUL. */
static void take_chars(const uint8_t *bytes, size_t have, struct print_function_value *to)
{
    to->bytes = bytes;
    to->have = strnlen((const char *)bytes, have);
    to->full = to->have;
}

/* A field lies in the bytes of its struct. */
static bool take_field(const struct function_call *call, const struct qbk_value *v, struct print_function_value *to)
{
    struct piece p = find(call->enter ? &call->enter->h : NULL, v->from, true);
    size_t size = v->bits ? ((size_t)v->bit + v->bits + 7) / 8 : v->size;
    if (!p.head || v->offset > p.head->have)
        return false;
    if (v->kind == QBK_VALUE_CHARS) {
        take_chars(p.bytes + v->offset, MIN(v->length, p.head->have - v->offset), to);
        return true;
    }
    if (v->kind == QBK_VALUE_STRUCT)
        return true;
    if (size == 0 || size > 8 || v->offset + size > p.head->have)
        return false;
    to->raw = load(p.bytes + v->offset, size);
    if (v->bits && v->bits < 64) {
        to->raw = to->raw >> v->bit & ((UINT64_C(1) << v->bits) - 1);
        if (v->kind == QBK_VALUE_INT && to->raw >> (v->bits - 1) & 1)
            to->raw |= ~UINT64_C(0) << v->bits;
    }
    return true;
}

static bool take_member(const struct function_call *call, unsigned index, const struct qbk_value *v,
                        struct print_function_value *to)
{
    struct piece p = find(call->enter ? &call->enter->h : NULL, index, true);
    if (v->flags & QBK_VALUE_FIELD)
        return take_field(call, v, to);
    if (p.head) {
        to->raw = load(p.bytes, p.head->have);
        to->unread = p.head->have < p.head->full;
        if (v->kind == QBK_VALUE_CHARS)
            take_chars(p.bytes, p.head->have, to);
        return true;
    }
    p = find(call->enter ? &call->enter->h : NULL, index, false);
    if (!p.head) /* a pointer on the way there was NULL, or could not be read */
        return false;
    to->raw = p.head->addr;
    return true;
}

bool function_values__get(const struct function_call *call, unsigned index, struct print_function_value *value)
{
    const struct qbk_prototype *p = call->prototype;
    const struct qbk_value *v = prototype__values(p) + index;
    *value = (struct print_function_value){.what = v, .name = prototype__text(p, v->name)};
    if (index + 1u == p->n_values) {
        if (!call->ret || call->ret->end != QBK_FUNCTION_RETURNED)
            return false;
        value->raw = call->ret->result;
    } else if (!call->enter) {
        return false;
    } else if (index < p->n_args) {
        value->raw = call->enter->args[index];
        value->unread = index < 32 && call->enter->unread >> index & 1;
        value->lost = value->unread;
    } else if (!take_member(call, index, v, value)) {
        return false;
    } else {
        value->lost = value->unread;
    }
    if (v->kind >= QBK_VALUE_STRING && v->kind != QBK_VALUE_CHARS && !value->lost)
        take_memory(call, index, value);
    if (v->kind == QBK_VALUE_ENUM)
        value->item = prototype__item(p, v, print__function_number(value));
    return true;
}
