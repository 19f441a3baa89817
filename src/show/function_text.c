/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/function_text.h"

#include <inttypes.h>
#include <string.h>

#include "show/output.h"
#include "trace/record.h"

void function_text__head(GString *to, const struct show_options *o, const struct function_call *call)
{
    (void)o;
    print__safe(to, call->name, strlen(call->name));
    g_string_append_c(to, '(');
    for (unsigned i = 0; call->enter && i < call->enter->nargs; i++)
        g_string_append_printf(to, "%s0x%" PRIx64, i ? ", " : "", call->enter->args[i]);
    g_string_append(to, call->enter ? ")" : "...)");
}

void function_text__result(GString *to, const struct show_options *o, const struct function_call *call)
{
    (void)o;
    if (call->ret->end == QBK_FUNCTION_RETURNED)
        g_string_append_printf(to, "= 0x%" PRIx64, call->ret->result);
    else
        g_string_append_printf(to, "= ? <%s>", record__function_end_name((enum qbk_function_end)call->ret->end));
}

void function_text__call(GString *to, const struct show_options *o, const struct function_call *call)
{
    function_text__head(to, o, call);
    g_string_append_c(to, ' ');
    function_text__result(to, o, call);
    if (o->durations)
        g_string_append_printf(to, " <%" PRIu64 ".%06u>", call->duration_ns / 1000000000u,
                               (unsigned)(call->duration_ns / 1000 % 1000000));
}
