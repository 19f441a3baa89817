/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Structs, by the rows of their fields. */
#include <string.h>

#include "show/linux/forms.h"

#define DEPTH_MAX 6u

static bool is_signed(const struct decode_field *field)
{
    switch (field->arg.type) {
    case T_INT:
    case T_LONG:
    case T_OFF:
    case T_FD:
    case T_DIRFD:
    case T_PID:
        return true;
    default:
        return false;
    }
}

uint64_t print__field_value(const struct decode_field *field, const uint8_t *bytes)
{
    uint64_t value = print__load(bytes + field->offset, field->size);
    if (is_signed(field) && field->size < 8 && (value >> (8 * field->size - 1)) & 1)
        value |= ~0ull << (8 * field->size);
    return value;
}

static void characters(const struct where *w, const struct decode_field *field, const uint8_t *bytes)
{
    const char *text = (const char *)bytes + field->offset;
    size_t len = strnlen(text, field->size);
    print__string(w->to, w->o, (const uint8_t *)text, len, len == field->size);
}

/* Numbers in place, more than one of them. */
static bool is_array(const struct decode_field *field, unsigned word)
{
    unsigned each = field->arg.type == T_ULONG || field->arg.type == T_LONG ? word : field->size;
    return each && field->size > each && field->size % each == 0 && field->arg.type < T_POINTERS &&
           field->arg.type != T_CHARS && field->arg.type != T_INNER && field->size > 8;
}

static void array(struct where *each, const struct decode_field *field, const uint8_t *bytes, unsigned word)
{
    g_string_append_c(each->to, '[');
    for (size_t at = 0; at < field->size; at += word) {
        if (at)
            g_string_append(each->to, ", ");
        each->value = print__load(bytes + field->offset + at, word);
        print__value(each);
    }
    g_string_append_c(each->to, ']');
}

void print__field(const struct where *w, const struct decode_struct *within, const struct decode_field *field,
                  const uint8_t *bytes)
{
    struct where each = *w;
    each.arg = &field->arg;
    each.within = within;
    each.bytes = bytes;
    each.have = within->size;
    each.depth++;
    g_string_append_printf(w->to, "%s=", field->arg.name);
    if (field->arg.type == T_INNER) {
        const struct decode_struct *inner = decode__struct((enum qbk_abi)w->call->abi, field->arg.set);
        if (inner)
            print__struct(&each, field->arg.set, bytes + field->offset, inner->size);
        return;
    }
    if (field->arg.type == T_CHARS) {
        characters(w, field, bytes);
        return;
    }
    if (is_array(field, print__word(w))) {
        array(&each, field, bytes, print__word(w));
        return;
    }
    each.value = print__field_value(field, bytes);
    print__value(&each);
}

static void by_fields(const struct where *w, const struct decode_struct *s, const uint8_t *bytes, size_t have)
{
    bool hidden = false, first = true;
    g_string_append_c(w->to, '{');
    for (unsigned i = 0; i < s->nfields; i++) {
        const struct decode_field *field = &s->field[i];
        if ((size_t)field->offset + field->size > have)
            break;
        if ((field->flags & FIELD_VERBOSE) && !w->o->verbose) {
            hidden = true;
            continue;
        }
        if ((field->flags & FIELD_NONZERO) && print__load(bytes + field->offset, field->size) == 0)
            continue;
        if (!first)
            g_string_append(w->to, ", ");
        first = false;
        print__field(w, s, field, bytes);
    }
    g_string_append(w->to, hidden ? first ? "...}" : ", ...}" : "}");
}

void print__struct(const struct where *w, uint16_t index, const uint8_t *bytes, size_t have)
{
    const struct decode_struct *s = decode__struct((enum qbk_abi)w->call->abi, index);
    print_struct_fn own = print__struct_fn(index);
    if (w->depth > DEPTH_MAX || !s)
        g_string_append(w->to, "{...}");
    else if (own)
        own(w, bytes, have);
    else
        by_fields(w, s, bytes, have);
}

/* One for the address alone, in brackets where the row says that there may be several. */
static void several(const struct where *w, const struct decode_struct *s, uint64_t count)
{
    uint64_t most = w->o->verbose ? UINT64_MAX : w->o->string_limit;
    g_string_append_c(w->to, '[');
    for (uint64_t i = 0; i < count; i++) {
        struct where each = *w;
        each.value = w->value + i * s->size;
        const uint8_t *bytes = print__whole(w, each.value, s->size);
        if (i)
            g_string_append(w->to, ", ");
        if (i >= most) {
            g_string_append(w->to, "...");
            break;
        }
        if (!bytes) {
            g_string_append_printf(w->to, "... /* %#" G_GINT64_MODIFIER "x */", each.value);
            break;
        }
        print__struct(&each, w->arg->set, bytes, s->size);
    }
    g_string_append_c(w->to, ']');
}

void print__structs(const struct where *w)
{
    const struct decode_struct *s = decode__struct((enum qbk_abi)w->call->abi, w->arg->set);
    print_pointer_fn whole = print__pointer_fn(w->arg->set);
    bool known = s && (s->nfields || print__struct_fn(w->arg->set));
    size_t have = 0;
    if (w->value && whole && w->depth <= DEPTH_MAX) {
        whole(w);
        return;
    }
    if (w->value == 0 || !known || s->size == 0) {
        print__address(w->to, w->value);
        return;
    }
    uint64_t bytes = print__length(w), count = bytes / s->size;
    bool one = (w->arg->len_from == L_FIXED && w->arg->len <= 1) || w->arg->unit == 1;
    if (!one && count == 0 && !(w->after && print__failed(w->call))) {
        g_string_append(w->to, "[]");
        return;
    }
    const uint8_t *first = one && w->arg->unit == 1 ? print__memory(w, w->value, MIN(bytes, s->size), &have)
                                                    : print__whole(w, w->value, s->size);
    if (w->arg->unit != 1)
        have = s->size;
    if ((!first || have == 0) && w->arg->set == DECODE_STRUCT_msghdr)
        form__msghdr_failed(w);
    else if (!first || have == 0)
        print__address(w->to, w->value);
    else if (one)
        print__struct(w, w->arg->set, first, have);
    else
        several(w, s, count);
}
