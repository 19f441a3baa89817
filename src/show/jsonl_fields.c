/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Structs in JSON Lines: the fields that their rows name, as numbers, strings and objects. */
#include <string.h>

#include "show/json.h"
#include "show/jsonl.h"
#include "show/print.h"

#define DEPTH_MAX 4u

static bool is_signed(uint8_t type)
{
    return type == T_INT || type == T_LONG || type == T_OFF || type == T_FD || type == T_DIRFD || type == T_PID;
}

static void object(GString *to, enum qbk_abi abi, const char *key, const struct decode_struct *s, const uint8_t *bytes,
                   size_t have, unsigned depth)
{
    gsize first;
    g_string_append_printf(to, ",\"%s\":{", key);
    first = to->len;
    for (unsigned i = 0; i < s->nfields; i++) {
        const struct decode_field *f = &s->field[i];
        const uint8_t *at = bytes + f->offset;
        const struct decode_struct *inner = f->arg.type == T_INNER ? decode__struct(abi, f->arg.set) : NULL;
        if ((size_t)f->offset + f->size > have)
            break;
        if (inner && depth < DEPTH_MAX)
            object(to, abi, f->arg.name, inner, at, f->size, depth + 1);
        else if (f->arg.type == T_CHARS)
            json__key_text(to, f->arg.name, (const char *)at, strnlen((const char *)at, f->size));
        else if (f->size <= 8 && is_signed(f->arg.type))
            json__key_int(to, f->arg.name, (int64_t)print__field_value(f, bytes));
        else if (f->size <= 8)
            json__key_uint(to, f->arg.name, print__field_value(f, bytes));
    }
    if (to->len > first)
        g_string_erase(to, (gssize)first, 1); /* the comma before the first */
    g_string_append_c(to, '}');
}

void jsonl__fields(GString *to, const struct show_options *options, const struct model_call *call, unsigned i)
{
    const struct decode_arg *arg = print__row(call, i);
    enum qbk_abi abi = (enum qbk_abi)call->abi;
    const struct decode_struct *s = arg->type == T_STRUCT ? decode__struct(abi, arg->set) : NULL;
    struct where w = {.to = to, .o = options, .call = call, .arg = arg, .value = call->enter->args[i], .index = i};
    bool one = arg->unit == 1 || (arg->len_from == L_FIXED && arg->len <= 1);
    size_t have = 0, size;
    if (!s || !s->nfields || !one || !w.value)
        return;
    w.after = (arg->dir & DIR_OUT) && !(arg->dir & DIR_BEFORE) && call->ret;
    size = arg->unit == 1 ? (size_t)MIN(print__length(&w), s->size) : s->size;
    const uint8_t *bytes = size ? print__memory(&w, w.value, size, &have) : NULL;
    if (bytes && have == size)
        object(to, abi, "fields", s, bytes, have, 0);
}
