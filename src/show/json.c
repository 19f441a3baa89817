/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/json.h"

#include <string.h>
#include <time.h>

#include "show/output.h"

/* What stays as it is: printable ASCII save the two that JSON escapes. */
static bool plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void unit(GString *to, gunichar c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', hex[c >> 12 & 15], hex[c >> 8 & 15], hex[c >> 4 & 15], hex[c & 15]};

    g_string_append_len(to, text, sizeof(text));
}

/* C1 controls and the two line separators would be taken for more than text by some terminals and readers. */
static bool is_control(gunichar c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029;
}

/* One character that is not plain, at least one byte. Returns its length; *valid becomes false if it is none. */
static size_t odd_one(GString *to, const char *text, size_t len, bool *valid)
{
    gunichar c = *text ? g_utf8_get_char_validated(text, (gssize)len) : 0;

    if (c == (gunichar)-1 || c == (gunichar)-2) {
        g_string_append_len(to, "\\ufffd", 6);
        *valid = false;
        return 1;
    }
    if (c == '"' || c == '\\') {
        char escaped[2] = {'\\', (char)c};

        g_string_append_len(to, escaped, 2);
        return 1;
    }
    size_t size = *text ? (size_t)(g_utf8_next_char(text) - text) : 1;
    if (is_control(c))
        unit(to, c);
    else
        g_string_append_len(to, text, (gssize)size);
    return size;
}

bool json__string(GString *to, const char *text, size_t len)
{
    bool valid = true;

    g_string_append_c(to, '"');
    for (size_t at = 0; at < len;) {
        size_t run = at;

        while (run < len && plain((uint8_t)text[run]))
            run++;
        g_string_append_len(to, text + at, (gssize)(run - at));
        at = run;
        if (at < len)
            at += odd_one(to, text + at, len - at, &valid);
    }
    g_string_append_c(to, '"');
    return valid;
}

static void begin_key(GString *to, const char *key, const char *suffix)
{
    g_string_append_len(to, ",\"", 2);
    g_string_append(to, key);
    if (suffix)
        g_string_append(to, suffix);
    g_string_append_len(to, "\":", 2);
}

static void base64(GString *to, const uint8_t *bytes, size_t len)
{
    size_t before = to->len, room = (len / 3 + 1) * 4 + 4;
    gint state = 0, save = 0;

    g_string_append_c(to, '"');
    g_string_set_size(to, to->len + room); /* written in place: buffers may be long */
    char *at = to->str + before + 1;
    size_t n = g_base64_encode_step(bytes, len, FALSE, at, &state, &save);
    n += g_base64_encode_close(FALSE, at + n, &state, &save);
    g_string_truncate(to, before + 1 + n);
    g_string_append_c(to, '"');
}

void json__key_word(GString *to, const char *key, const char *word)
{
    begin_key(to, key, NULL);
    g_string_append_c(to, '"');
    g_string_append(to, word);
    g_string_append_c(to, '"');
}

void json__key_text(GString *to, const char *key, const char *text, size_t len)
{
    begin_key(to, key, NULL);
    if (json__string(to, text, len))
        return;
    begin_key(to, key, "_bytes");
    base64(to, (const uint8_t *)text, len);
}

void json__key_bytes(GString *to, const char *key, const uint8_t *bytes, size_t len)
{
    begin_key(to, key, NULL);
    base64(to, bytes, len);
}

static void hex_too(GString *to, const char *key, uint64_t value)
{
    begin_key(to, key, "_hex");
    g_string_append_printf(to, "\"%#" G_GINT64_MODIFIER "x\"", value);
}

void json__key_int(GString *to, const char *key, int64_t value)
{
    begin_key(to, key, NULL);
    print__decimal(to, value);
    if (value > JSON_EXACT || value < -JSON_EXACT)
        hex_too(to, key, (uint64_t)value);
}

void json__key_uint(GString *to, const char *key, uint64_t value)
{
    begin_key(to, key, NULL);
    print__decimal(to, (int64_t)value);
    if (value > JSON_EXACT)
        hex_too(to, key, value);
}

void json__key_true(GString *to, const char *key)
{
    begin_key(to, key, NULL);
    g_string_append_len(to, "true", 4);
}

/* The clock is read by many records of one second: the date is made once. */
void json__key_time(GString *to, const char *key, uint64_t ns)
{
    static _Thread_local time_t last = -1;
    static _Thread_local char date[64];
    char fraction[11] = {[9] = 'Z'};
    time_t second = (time_t)(ns / 1000000000u);
    uint32_t rest = (uint32_t)(ns % 1000000000u);
    struct tm tm;

    if (second != last) {
        gmtime_r(&second, &tm);
        strftime(date, sizeof(date), "\"%Y-%m-%dT%H:%M:%S.", &tm);
        last = second;
    }
    for (int i = 8; i >= 0; i--) {
        fraction[i] = (char)('0' + rest % 10);
        rest /= 10;
    }
    begin_key(to, key, NULL);
    g_string_append(to, date);
    g_string_append_len(to, fraction, 10);
    g_string_append_c(to, '"');
}
