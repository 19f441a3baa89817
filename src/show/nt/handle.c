/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handles, statuses and codes. */
#include <inttypes.h>
#include <string.h>

#include "show/nt/nt.h"

static const struct {
    int32_t handle;
    const char *name;
} pseudo[] = {{-1, "NtCurrentProcess()"},
              {-2, "NtCurrentThread()"},
              {-4, "NtCurrentProcessToken()"},
              {-5, "NtCurrentThreadToken()"},
              {-6, "NtCurrentThreadEffectiveToken()"}};

static const char *pseudo_name(const struct where *w, uint64_t handle)
{
    uint64_t mask = print__word(w) == 4 ? UINT32_MAX : UINT64_MAX;
    for (size_t i = 0; i < G_N_ELEMENTS(pseudo); i++) {
        if ((handle & mask) == ((uint64_t)(int64_t)pseudo[i].handle & mask))
            return pseudo[i].name;
    }
    return NULL;
}

/* Half a surrogate pair, as three bytes. */
static uint32_t surrogate(const uint8_t *at, size_t left)
{
    if (left < 3 || at[0] != 0xed || at[1] < 0xa0 || at[1] > 0xbf || (at[2] & 0xc0) != 0x80)
        return 0;
    return 0xd000u | (uint32_t)(at[1] & 0x3f) << 6 | (at[2] & 0x3f);
}

void nt__name(GString *to, const char *name, size_t len, const char *except)
{
    for (size_t at = 0; at < len;) {
        gunichar c = name[at] ? g_utf8_get_char_validated(name + at, (gssize)(len - at)) : 0;
        uint32_t half = surrogate((const uint8_t *)name + at, len - at);
        bool valid = c != (gunichar)-1 && c != (gunichar)-2;
        size_t size = half ? 3 : valid && c ? (size_t)(g_utf8_next_char(name + at) - (name + at)) : 1;
        if (valid && !half && (c >= 0x80 || !strchr(except, (char)c)) && nt__shows(c))
            g_string_append_len(to, name + at, (gssize)size);
        else
            g_string_append_printf(to, "\\u{%x}", half ? half : valid ? c : 0xfffd);
        at += size;
    }
}

/* Of files and keys the name says what they are. */
static void show_object(GString *to, const char *type, const char *name, size_t len)
{
    bool plain = len && (strcmp(type, "File") == 0 || strcmp(type, "Key") == 0);
    g_string_append_c(to, '<');
    if (!plain)
        nt__name(to, type, strlen(type), "<>");
    if (!plain && len)
        g_string_append_c(to, ' ');
    nt__name(to, name, len, "<>");
    g_string_append_c(to, '>');
}

void nt__handle(const struct where *w, uint64_t handle)
{
    const char *own = pseudo_name(w, handle), *type, *name;
    size_t len;
    if (own)
        g_string_append(w->to, own);
    else
        print__address(w->to, handle);
    if (!own && handle && w->o->fd_names && nt_handles__find(w->call, handle, &type, &name, &len))
        show_object(w->to, type, name, len);
}

void nt__status(GString *to, uint32_t status)
{
    const char *name = decode__status_name(status);
    if (name)
        g_string_append(to, name);
    else
        g_string_append_printf(to, "%#" PRIx32, status);
}

void nt__timeout(GString *to, int64_t value)
{
    g_string_append_printf(to, "%" PRId64, value);
    if (value < 0)
        g_string_append_printf(to, " /* %g s */", -((double)value / 1e7));
}

void nt__control_code(GString *to, uint32_t code)
{
    static const char *const methods[] = {"METHOD_BUFFERED", "METHOD_IN_DIRECT", "METHOD_OUT_DIRECT", "METHOD_NEITHER"};
    static const char *const rights[] = {"FILE_ANY_ACCESS", "FILE_READ_ACCESS", "FILE_WRITE_ACCESS",
                                         "FILE_READ_ACCESS|FILE_WRITE_ACCESS"};
    g_string_append_printf(to, "CTL_CODE(%#x, %#x, %s, %s)", code >> 16, code >> 2 & 0xfff, methods[code & 3],
                           rights[code >> 14 & 3]);
}
