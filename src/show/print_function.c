/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/print_function.h"

#include <inttypes.h>
#include <string.h>

#include "decode/decode.h"
#include "show/nt/nt.h"
#include "show/print.h"

#define ERRNO_MAX 4095

static uint64_t without_sign(const struct print_function_value *v)
{
    unsigned size = v->what->size;
    return size == 0 || size >= 8 ? v->raw : v->raw & ((UINT64_C(1) << (8 * size)) - 1);
}

static int64_t with_sign(const struct print_function_value *v)
{
    unsigned shift = v->what->size == 0 || v->what->size >= 8 ? 0u : 64 - 8u * v->what->size;
    return (int64_t)(v->raw << shift) >> shift;
}

int64_t print__function_number(const struct print_function_value *value)
{
    bool number = value->what->kind == QBK_VALUE_INT || value->what->kind == QBK_VALUE_ENUM;
    return number ? with_sign(value) : (int64_t)without_sign(value);
}

static void show_int(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    (void)o;
    print__decimal(to, with_sign(v));
}

static void show_uint(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    (void)o;
    if (v->what->size > 8)
        g_string_append(to, "{...}"); /* two words, of which one is here */
    else
        g_string_append_printf(to, "%" PRIu64, without_sign(v));
}

/* As the processor's code does: the whole byte counts. */
static void show_bool(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    (void)o;
    g_string_append(to, v->raw & 0xff ? "true" : "false");
}

static void show_char(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    uint8_t c = (uint8_t)v->raw;
    (void)o;
    g_string_append_c(to, '\'');
    if (c == '\'')
        g_string_append(to, "\\'");
    else if (c == '"')
        g_string_append_c(to, '"');
    else
        print__byte(to, c, 0, false);
    g_string_append_c(to, '\'');
}

static void show_hex(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    (void)o;
    print__address(to, without_sign(v));
}

static void show_enum(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    if (v->item)
        print__safe(to, v->item, strlen(v->item));
    else
        show_int(to, o, v);
}

static void show_struct(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    (void)o;
    (void)v;
    g_string_append(to, "{...}");
}

/* A pointer to what was not copied. */
static void show_pointer(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    show_hex(to, o, v);
    if (v->unread)
        g_string_append(to, " <not in memory>");
}

/* As much as -s lets through. */
static void show_bytes(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    if (!v->bytes) {
        show_pointer(to, o, v);
        return;
    }
    size_t len = MIN(v->have, (size_t)o->string_limit);
    print__string(to, o, v->bytes, len, v->more || len < v->have);
}

static void show_wide(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    if (!v->bytes) {
        show_pointer(to, o, v);
        return;
    }
    size_t whole = v->have & ~(size_t)1, len = MIN(whole, 2 * (size_t)o->string_limit);
    nt__wide(to, o, v->bytes, len, v->more || len < whole);
}

/* An object and its path: both tell something. Paths are shown whole. */
static void show_path(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    show_pointer(to, o, v);
    if (v->bytes)
        print__string(to, o, v->bytes, v->have, v->more);
}

static void show_chars(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    size_t len = MIN(v->have, (size_t)o->string_limit);
    print__string(to, o, v->bytes ? v->bytes : (const uint8_t *)"", len, len < v->have);
}

static void show_number_at(GString *to, const struct print_function_value *v, const uint8_t *bytes)
{
    struct qbk_value what = {.kind = v->what->kind == QBK_VALUE_TO_INT ? QBK_VALUE_INT : QBK_VALUE_UINT,
                             .size = (uint8_t)MIN(v->have, 8u)};
    struct print_function_value at = {.what = &what};
    memcpy(&at.raw, bytes, what.size);
    if (what.kind == QBK_VALUE_INT)
        print__decimal(to, with_sign(&at));
    else
        g_string_append_printf(to, "%" PRIu64, without_sign(&at));
}

/* "[5]", or "[5 => 7]" where the call changed it. */
static void show_number(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    if (!v->bytes || v->have < v->what->length || v->have == 0) {
        show_pointer(to, o, v);
        return;
    }
    g_string_append_c(to, '[');
    if (v->before && memcmp(v->before, v->bytes, v->have) != 0) {
        show_number_at(to, v, v->before);
        g_string_append(to, " => ");
    }
    show_number_at(to, v, v->bytes);
    g_string_append_c(to, ']');
}

static void show_void(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    (void)o;
    (void)v;
    g_string_append(to, "void");
}

typedef void (*show_fn)(GString *to, const struct show_options *o, const struct print_function_value *v);

void print__function_value(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    static const show_fn rows[QBK_VALUE_KINDS] = {
        [QBK_VALUE_VOID] = show_void,      [QBK_VALUE_INT] = show_int,       [QBK_VALUE_UINT] = show_uint,
        [QBK_VALUE_BOOL] = show_bool,      [QBK_VALUE_CHAR] = show_char,     [QBK_VALUE_HEX] = show_hex,
        [QBK_VALUE_ENUM] = show_enum,      [QBK_VALUE_STRUCT] = show_struct, [QBK_VALUE_STRING] = show_bytes,
        [QBK_VALUE_WIDE] = show_wide,      [QBK_VALUE_BYTES] = show_bytes,   [QBK_VALUE_FILE] = show_path,
        [QBK_VALUE_PATH] = show_path,      [QBK_VALUE_DENTRY] = show_path,   [QBK_VALUE_TO_INT] = show_number,
        [QBK_VALUE_TO_UINT] = show_number, [QBK_VALUE_CHARS] = show_chars,
    };
    if (v->lost)
        g_string_append(to, "<not in memory>");
    else
        rows[v->what->kind < QBK_VALUE_KINDS ? v->what->kind : QBK_VALUE_HEX](to, o, v);
}

void print__function_name(GString *to, const struct print_function_value *value)
{
    print__safe(to, value->name, strlen(value->name));
    g_string_append_c(to, '=');
}

void print__function_argument(GString *to, const struct show_options *o, const struct print_function_value *value)
{
    bool stands = value->what->flags & QBK_VALUE_STANDS;
    if (value->name[0] && !stands)
        print__function_name(to, value);
    print__function_value(to, o, value);
}

unsigned print__function_error(const struct print_function_value *value)
{
    int64_t number = with_sign(value);
    bool fails = (value->what->flags & QBK_VALUE_MAY_FAIL) && number < 0 && number >= -ERRNO_MAX;
    return fails ? (unsigned)-number : 0;
}

void print__function_result(GString *to, const struct show_options *o, const struct print_function_value *value)
{
    unsigned error = print__function_error(value);
    if (!error) {
        print__function_value(to, o, value);
        return;
    }
    const char *name = decode__errno_name(error), *text = decode__errno_text(error);
    print__decimal(to, -(int64_t)error);
    if (name)
        g_string_append_printf(to, " %s", name);
    if (name && text)
        g_string_append_printf(to, " (%s)", text);
}
