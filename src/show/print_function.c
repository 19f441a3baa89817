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
    unsigned shift = v->what->size == 0 || v->what->size >= 8 ? 0 : 64 - 8u * v->what->size;
    return (int64_t)(v->raw << shift) >> shift;
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

/* As much as -s lets through. */
static void show_bytes(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    if (!v->bytes) {
        show_hex(to, o, v);
        return;
    }
    size_t len = MIN(v->have, (size_t)o->string_limit);
    print__string(to, o, v->bytes, len, v->more || len < v->have);
}

static void show_wide(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    if (!v->bytes) {
        show_hex(to, o, v);
        return;
    }
    size_t whole = v->have & ~(size_t)1, len = MIN(whole, 2 * (size_t)o->string_limit);
    nt__wide(to, o, v->bytes, len, v->more || len < whole);
}

/* An object and its path: both tell something. Paths are shown whole. */
static void show_path(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    show_hex(to, o, v);
    if (v->bytes)
        print__string(to, o, v->bytes, v->have, v->more);
}

static void show_void(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    (void)o;
    (void)v;
    g_string_append(to, "void");
}

typedef void (*show_fn)(GString *to, const struct show_options *o, const struct print_function_value *v);

static void show_value(GString *to, const struct show_options *o, const struct print_function_value *v)
{
    static const show_fn rows[] = {
        [FUNCTION_VOID] = show_void, [FUNCTION_INT] = show_int,       [FUNCTION_UINT] = show_uint,
        [FUNCTION_BOOL] = show_bool, [FUNCTION_CHAR] = show_char,     [FUNCTION_HEX] = show_hex,
        [FUNCTION_ENUM] = show_enum, [FUNCTION_STRUCT] = show_struct, [FUNCTION_STRING] = show_bytes,
        [FUNCTION_WIDE] = show_wide, [FUNCTION_BYTES] = show_bytes,   [FUNCTION_FILE] = show_path,
        [FUNCTION_PATH] = show_path, [FUNCTION_DENTRY] = show_path,
    };
    rows[v->what->kind < G_N_ELEMENTS(rows) ? v->what->kind : FUNCTION_HEX](to, o, v);
}

void print__function_argument(GString *to, const struct show_options *o, const struct print_function_value *value)
{
    if (value->what->name[0]) {
        print__safe(to, value->what->name, strnlen(value->what->name, FUNCTION_NAME_MAX));
        g_string_append_c(to, '=');
    }
    show_value(to, o, value);
}

void print__function_result(GString *to, const struct show_options *o, const struct print_function_value *value)
{
    int64_t number = with_sign(value);
    if (!value->what->may_fail || number >= 0 || number < -ERRNO_MAX) {
        show_value(to, o, value);
        return;
    }
    const char *name = decode__errno_name((unsigned)-number), *text = decode__errno_text((unsigned)-number);
    print__decimal(to, number);
    if (name)
        g_string_append_printf(to, " %s", name);
    if (name && text)
        g_string_append_printf(to, " (%s)", text);
}
