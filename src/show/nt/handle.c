/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handles, statuses and codes. */
#include <inttypes.h>

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

void nt__handle(const struct where *w, uint64_t handle)
{
    const char *name = pseudo_name(w, handle);
    if (name)
        g_string_append(w->to, name);
    else
        print__address(w->to, handle);
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
