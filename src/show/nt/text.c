/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text and structs. */
#include <inttypes.h>
#include <string.h>

#include "decode/nt/nt.h"
#include "show/guest_text.h"
#include "show/nt/nt.h"
#include "trace/record.h"

/* The code point at *at, which moves on; a surrogate without its other half is returned as it is. */
static uint32_t next_point(const uint8_t *text, size_t bytes, size_t *at)
{
    uint32_t c = (uint32_t)print__load(text + *at, 2), low;
    *at += 2;
    if (c < 0xd800 || c > 0xdbff || *at + 2 > bytes)
        return c;
    low = (uint32_t)print__load(text + *at, 2);
    if (low < 0xdc00 || low > 0xdfff)
        return c;
    *at += 2;
    return 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
}

bool nt__shows(uint32_t c)
{
    return guest_text__shows(c);
}

static void point(GString *to, uint32_t c, bool hex)
{
    if (c == '"' || c == '\\')
        g_string_append_printf(to, "\\%c", (char)c);
    else if (c >= 9 && c <= 13 && !hex)
        print__byte(to, (uint8_t)c, 0, false);
    else if (nt__shows(c) && !hex)
        g_string_append_unichar(to, c);
    else
        g_string_append_printf(to, "\\u{%" PRIx32 "}", c);
}

void nt__wide(GString *to, const struct show_options *o, const uint8_t *text, size_t bytes, bool more)
{
    g_string_append_c(to, '"');
    for (size_t at = 0; at + 2 <= bytes;)
        point(to, next_point(text, bytes, &at), o->hex > 1);
    g_string_append(to, more || bytes % 2 ? "\"..." : "\"");
}

void nt__utf8(GString *to, const uint8_t *text, size_t bytes)
{
    for (size_t at = 0; at + 2 <= bytes;) {
        uint32_t c = next_point(text, bytes, &at);
        g_string_append_unichar(to, c >= 0xd800 && c <= 0xdfff ? 0xfffd : c);
    }
}

static void wide_at(const struct where *w, uint64_t addr, uint64_t full)
{
    size_t have = 0;
    const uint8_t *text = full ? print__memory(w, addr, (size_t)MIN(full, UINT16_MAX), &have) : NULL;
    if (addr == 0)
        g_string_append(w->to, "NULL");
    else if (full == 0)
        g_string_append(w->to, "\"\"");
    else if (!text)
        print__address(w->to, addr);
    else
        nt__wide(w->to, w->o, text, have, have < full);
}

void nt__text_at(const struct where *w)
{
    wide_at(w, w->value, print__length(w));
}

/* ---- structs ---- */

static void unicode_string(const struct where *w, const uint8_t *bytes, size_t have)
{
    unsigned word = print__word(w);
    if (have < 2 * (size_t)word)
        print__address(w->to, w->value);
    else
        wide_at(w, print__load(bytes + word, word), print__load(bytes, 2));
}

static void guid(const struct where *w, const uint8_t *b, size_t have)
{
    if (have < 16) {
        print__address(w->to, w->value);
        return;
    }
    g_string_append_printf(w->to, "{%08x-%04x-%04x-%02x%02x-", (uint32_t)print__load(b, 4),
                           (unsigned)print__load(b + 4, 2), (unsigned)print__load(b + 6, 2), b[8], b[9]);
    for (unsigned i = 10; i < 16; i++)
        g_string_append_printf(w->to, "%02x", b[i]);
    g_string_append_c(w->to, '}');
}

print_struct_fn nt__struct_fn(uint16_t index)
{
    switch (index) {
    case DECODE_NT_STRUCT_STRING:
    case DECODE_NT_STRUCT_STRING_OUT:
        return unicode_string;
    case DECODE_NT_STRUCT_GUID:
        return guid;
    default:
        return NULL;
    }
}

/* ---- for JSON and filters ---- */

/* The UNICODE_STRING at an address. */
static bool string_at(const struct where *w, uint64_t addr, GString *to)
{
    unsigned word = print__word(w);
    const uint8_t *head = addr ? print__whole(w, addr, 2 * word) : NULL;
    uint64_t len = head ? print__load(head, 2) : 0, at = head ? print__load(head + word, word) : 0;
    const uint8_t *text = len && at ? print__whole(w, at, (size_t)len) : NULL;
    if (text)
        nt__utf8(to, text, (size_t)len);
    return text != NULL || (head && len == 0);
}

bool nt__text_of(const struct model_call *call, unsigned i, GString *to)
{
    const struct decode_arg *arg = print__row(call, i);
    struct where w = {.to = to, .call = call, .arg = arg, .index = i};
    const uint8_t *name;
    if (!arg || arg->type != T_STRUCT || !call->enter || i >= call->enter->nargs)
        return false;
    w.value = call->enter->args[i];
    w.after = (arg->dir & DIR_OUT) && call->ret;
    if (arg->set == DECODE_NT_STRUCT_STRING || arg->set == DECODE_NT_STRUCT_STRING_OUT)
        return string_at(&w, w.value, to);
    if (arg->set != DECODE_NT_STRUCT_OBJECT || !w.value)
        return false;
    name = print__whole(&w, w.value + 2 * print__word(&w), print__word(&w));
    return name && string_at(&w, print__load(name, print__word(&w)), to);
}
