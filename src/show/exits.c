/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/exits.h"

#include <sys/wait.h>

#include "decode/decode.h"

struct exits exits__read(bool nt, int32_t status, bool unknown)
{
    struct exits e = {.known = !unknown, .nt = nt};
    if (nt) {
        e.code = (uint32_t)status;
        e.name = status < 0 ? decode__status_name(e.code) : NULL;
    } else if (WIFSIGNALED(status)) {
        e.signal = decode__signal_name((unsigned)WTERMSIG(status));
        if (!e.signal)
            e.signal = "unknown";
    } else {
        e.code = (uint32_t)WEXITSTATUS(status);
    }
    return e;
}

struct exits exits__process(const struct model_event *e)
{
    return exits__read(e->thread && model__is_nt(e->thread), e->process_status, e->no_status);
}

void exits__text(GString *to, const struct exits *e)
{
    if (!e->known)
        g_string_append(to, "ended");
    else if (e->signal)
        g_string_append_printf(to, "killed by %s", e->signal);
    else if (e->code & 0x80000000u)
        g_string_append_printf(to, "exit %#x%s%s", e->code, e->name ? " " : "", e->name ? e->name : "");
    else
        g_string_append_printf(to, "exit %u", e->code);
}
