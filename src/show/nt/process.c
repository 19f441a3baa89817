/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/nt/process.h"

#include <string.h>

#include "show/json.h"
#include "show/nt/nt.h"

/* Microsoft: "Well-known SIDs". In English; Windows itself shows them in its own language. */
static const struct {
    const char *sid, *name;
} known[] = {{"S-1-0-0", "NULL SID"},
             {"S-1-1-0", "Everyone"},
             {"S-1-5-7", "NT AUTHORITY\\ANONYMOUS LOGON"},
             {"S-1-5-11", "NT AUTHORITY\\Authenticated Users"},
             {"S-1-5-18", "NT AUTHORITY\\SYSTEM"},
             {"S-1-5-19", "NT AUTHORITY\\LOCAL SERVICE"},
             {"S-1-5-20", "NT AUTHORITY\\NETWORK SERVICE"},
             {"S-1-5-32-544", "BUILTIN\\Administrators"},
             {"S-1-5-32-545", "BUILTIN\\Users"},
             {"S-1-5-32-546", "BUILTIN\\Guests"}};

/* Accounts of each machine or domain, by the last number of their SIDs, S-1-5-21-…-500. */
static const struct {
    const char *end, *name;
} accounts[] = {{"-500", "Administrator"}, {"-501", "Guest"}, {"-502", "krbtgt"}, {"-503", "DefaultAccount"}};

const char *nt_process__user_name(const char *sid)
{
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (strcmp(known[i].sid, sid) == 0)
            return known[i].name;
    }
    for (size_t i = 0; g_str_has_prefix(sid, "S-1-5-21-") && i < G_N_ELEMENTS(accounts); i++) {
        if (g_str_has_suffix(sid, accounts[i].end))
            return accounts[i].name;
    }
    return NULL;
}

static void quoted(GString *to, const char *what, const GRefString *text)
{
    if (!text)
        return;
    g_string_append(to, what);
    nt__name(to, text, g_ref_string_length((gchar *)(uintptr_t)text), "\"");
    g_string_append_c(to, '"');
}

void nt_process__text(GString *to, const struct model_thread *t)
{
    const struct model_proc *p = t->proc;
    const char *name = p && p->user ? nt_process__user_name(p->user) : NULL;
    g_string_append(to, "started");
    if (!p)
        return;
    quoted(to, " \"", p->exe);
    quoted(to, ", command line \"", p->command);
    if (t->id.ppid >= 0)
        g_string_append_printf(to, ", parent %d", t->id.ppid);
    if (!p->user)
        return;
    g_string_append(to, ", user ");
    nt__name(to, p->user, g_ref_string_length(p->user), " ");
    if (name)
        g_string_append_printf(to, " (%s)", name);
}

static void key(GString *to, const char *name, const GRefString *text)
{
    if (text)
        json__key_text(to, name, text, g_ref_string_length((gchar *)(uintptr_t)text));
}

void nt_process__user_json(GString *to, const struct model_thread *t)
{
    const char *name = t->proc && t->proc->user ? nt_process__user_name(t->proc->user) : NULL;
    if (t->proc)
        key(to, "user", t->proc->user);
    if (name)
        json__key_text(to, "user_name", name, strlen(name));
}

void nt_process__json(GString *to, const struct model_thread *t)
{
    if (!t->proc)
        return;
    key(to, "exe", t->proc->exe);
    key(to, "command", t->proc->command);
    nt_process__user_json(to, t);
}
