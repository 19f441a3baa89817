/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What NT's calls and processes did, in the words of show/deeds.h. */
#include <string.h>

#include "decode/nt/nt.h"
#include "show/deeds_internal.h"
#include "show/nt/message.h"
#include "show/nt/nt.h"

/* Guest text without NUL bytes, which would end it for those who read it. */
static void put(GString *to, const char *text, size_t len)
{
    g_string_append_len(to, text, (gssize)strnlen(text, len));
}

bool deeds_nt__process(struct deed *d, const struct model_event *e)
{
    const struct model_proc *p = e->thread->proc;
    if (!p || !model__is_nt(e->thread))
        return false;
    if (p->exe)
        put(d->path, p->exe, g_ref_string_length(p->exe));
    if (p->command)
        put(d->text, p->command, g_ref_string_length(p->command));
    d->seq = e->rec->seq;
    d->ns = e->rec->time_ns;
    d->duration_ns = 0;
    d->thread = e->thread;
    d->kind = DEED_EXEC;
    d->done = true;
    return true;
}

/* One that worked is told by the new process itself. */
static bool failed_start(struct deed *d, const struct model_call *c)
{
    struct nt_message m;
    if (!d->failed || !nt_message__of(c, false, &m) || m.kind != NT_MESSAGE_PROCESS)
        return false;
    nt_message__part_text(c, &m, NT_PROCESS_IMAGE, d->path);
    nt_message__part_text(c, &m, NT_PROCESS_COMMAND, d->text);
    d->kind = DEED_EXEC;
    return true;
}

bool deeds_nt__call(struct deed *d, const struct model_event *e)
{
    const struct model_call *c = e->call;
    if (c->row == DECODE_NT_CreateUserProcess)
        return failed_start(d, c);
    return false;
}
