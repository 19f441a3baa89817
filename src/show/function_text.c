/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/function_text.h"

#include <inttypes.h>
#include <string.h>

#include "show/function_values.h"
#include "show/output.h"
#include "trace/prototype.h"
#include "trace/record.h"

static void members(GString *to, const struct show_options *o, const struct function_call *call, unsigned of);

/* Is it a struct that is told by its fields? Then these stand for it. */
static bool has_fields(const struct qbk_prototype *p, unsigned index)
{
    const struct qbk_value *v = prototype__values(p);
    return v[index].kind == QBK_VALUE_STRUCT && index + 2u < p->n_values && (v[index + 1].flags & QBK_VALUE_FIELD) &&
           v[index + 1].from == index;
}

static void value_and_members(GString *to, const struct show_options *o, const struct function_call *call,
                              const struct print_function_value *value, unsigned index)
{
    const struct qbk_prototype *p = call->prototype;
    struct print_function_value other;
    if (!has_fields(p, index) || value->lost)
        print__function_argument(to, o, value);
    else if (value->name[0])
        print__function_name(to, value);
    for (unsigned i = p->n_args; i + 1u < p->n_values; i++) {
        const struct qbk_value *v = prototype__values(p) + i;
        if (i > index && v->from == index && (v->flags & QBK_VALUE_STANDS) && function_values__get(call, i, &other))
            value_and_members(to, o, call, &other, i);
    }
    members(to, o, call, index);
}

/* "{f_mode=0x8000, f_flags=0}" behind the value that they are members of. */
static void members(GString *to, const struct show_options *o, const struct function_call *call, unsigned of)
{
    const struct qbk_prototype *p = call->prototype;
    struct print_function_value value;
    unsigned n = 0;
    for (unsigned i = MAX(p->n_args, of + 1u); i + 1u < p->n_values; i++) {
        const struct qbk_value *v = prototype__values(p) + i;
        if (v->from != of || (v->flags & QBK_VALUE_STANDS) || !function_values__get(call, i, &value))
            continue;
        g_string_append(to, n++ ? ", " : "{");
        value_and_members(to, o, call, &value, i);
    }
    if (n)
        g_string_append(to, prototype__values(p)[of].flags & QBK_VALUE_MORE ? ", ...}" : "}");
}

static void arguments(GString *to, const struct show_options *o, const struct function_call *call)
{
    const struct qbk_prototype *p = call->prototype;
    struct print_function_value value;
    for (unsigned i = 0; i < call->enter->nargs; i++) {
        g_string_append(to, i ? ", " : "");
        if (p && function_values__get(call, i, &value))
            value_and_members(to, o, call, &value, i);
        else
            g_string_append_printf(to, "0x%" PRIx64, call->enter->args[i]);
    }
    if (p && (p->flags & QBK_PROTOTYPE_VARIADIC))
        g_string_append(to, call->enter->nargs ? ", ..." : "...");
}

void function_text__head(GString *to, const struct show_options *o, const struct function_call *call)
{
    print__safe(to, call->name, strlen(call->name));
    g_string_append_c(to, '(');
    if (call->enter)
        arguments(to, o, call);
    g_string_append(to, call->enter ? ")" : "...)");
}

void function_text__result(GString *to, const struct show_options *o, const struct function_call *call)
{
    struct print_function_value value;
    g_string_append(to, "= ");
    if (call->ret->end != QBK_FUNCTION_RETURNED)
        g_string_append_printf(to, "? <%s>", record__function_end_name((enum qbk_function_end)call->ret->end));
    else if (call->prototype && function_values__get(call, call->prototype->n_values - 1u, &value))
        print__function_result(to, o, &value);
    else
        g_string_append_printf(to, "0x%" PRIx64, call->ret->result);
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
