/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/guest_text.h"

#include <stdint.h>

static void append_escaped(GString *to, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)bytes[i];

        if (c == '\n' || c == '\t' || c == '\\')
            g_string_append_printf(to, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : '\\');
        else
            g_string_append_printf(to, "\\%03o", c);
    }
}

bool guest_text__shows(gunichar c)
{
    GUnicodeType type = g_unichar_validate(c) ? g_unichar_type(c) : G_UNICODE_UNASSIGNED;

    return g_unichar_isprint(c) && type != G_UNICODE_UNASSIGNED && type != G_UNICODE_FORMAT &&
           type != G_UNICODE_LINE_SEPARATOR && type != G_UNICODE_PARAGRAPH_SEPARATOR;
}

void guest_text__append(GString *to, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t run = at;

        while (run < len && text[run] >= 0x20 && text[run] < 0x7f && text[run] != '\\')
            run++;
        g_string_append_len(to, text + at, (gssize)(run - at));
        at = run;
        if (at == len)
            return;
        gunichar c = text[at] ? g_utf8_get_char_validated(text + at, (gssize)(len - at)) : 0;
        bool valid = c != (gunichar)-1 && c != (gunichar)-2 && text[at];
        size_t n = valid ? (size_t)(g_utf8_next_char(text + at) - (text + at)) : 1;
        if (valid && c != '\\' && guest_text__shows(c))
            g_string_append_len(to, text + at, (gssize)n);
        else
            append_escaped(to, text + at, n);
        at += n;
    }
}
