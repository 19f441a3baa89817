/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -e: what strace calls qualifying expressions. */
#include <string.h>

#include "cmd/options_table.h"

/* As with strace, the last one counts. */
static const char *replace(GPtrArray *list, const char *value)
{
    g_ptr_array_set_size(list, 0);
    if (!*value) {
        return "is empty";
    }
    g_ptr_array_add(list, (char *)(uintptr_t)value);
    return NULL;
}

static const char *apply_e_trace(struct options *o, const char *value)
{
    return replace(o->show.trace, value);
}

static const char *apply_e_status(struct options *o, const char *value)
{
    return replace(o->show.status, value);
}

static const char *apply_e_signal(struct options *o, const char *value)
{
    return number_set__parse(&o->show.signals, value, number_set__signal)
               ? NULL
               : "is not all, none, or signals with commas between them; see \"qebek list signals\"";
}

static const char *apply_e_read(struct options *o, const char *value)
{
    return number_set__parse(&o->show.dump_reads, value, NULL) ? NULL : "is not all, none, or descriptors' numbers";
}

static const char *apply_e_write(struct options *o, const char *value)
{
    return number_set__parse(&o->show.dump_writes, value, NULL) ? NULL : "is not all, none, or descriptors' numbers";
}

static const char *apply_e_abbrev(struct options *o, const char *value)
{
    if (strcmp(value, "none") != 0 && strcmp(value, "all") != 0)
        return "must be none (as -v) or all";
    o->show.verbose = *value == 'n';
    return NULL;
}

static const char *apply_e_change(struct options *o, const char *value)
{
    (void)o;
    (void)value;
    return "would change what the guest does, and qebek only watches";
}

static const char *apply_e_absent(struct options *o, const char *value)
{
    (void)o;
    (void)value;
    return "is one of strace's that qebek does not have";
}

static const struct {
    const char *key;
    const char *(*apply)(struct options *o, const char *value);
} expressions[] = {
    {"trace=", apply_e_trace},      {"t=", apply_e_trace},           {"status=", apply_e_status},
    {"signal=", apply_e_signal},    {"signals=", apply_e_signal},    {"s=", apply_e_signal},
    {"read=", apply_e_read},        {"reads=", apply_e_read},        {"r=", apply_e_read},
    {"write=", apply_e_write},      {"writes=", apply_e_write},      {"w=", apply_e_write},
    {"abbrev=", apply_e_abbrev},    {"a=", apply_e_abbrev},          {"inject=", apply_e_change},
    {"fault=", apply_e_change},     {"verbose=", apply_e_absent},    {"v=", apply_e_absent},
    {"raw=", apply_e_absent},       {"x=", apply_e_absent},          {"kvm=", apply_e_absent},
    {"quiet=", apply_e_absent},     {"silent=", apply_e_absent},     {"q=", apply_e_absent},
    {"decode-fd=", apply_e_absent}, {"decode-fds=", apply_e_absent}, {"decode-pids=", apply_e_absent},
};

const char *options_expr__apply(struct options *o, const char *value)
{
    for (size_t i = 0; i < G_N_ELEMENTS(expressions); i++) {
        if (g_str_has_prefix(value, expressions[i].key)) {
            return expressions[i].apply(o, value + strlen(expressions[i].key));
        }
    }
    /* A regular expression may hold '='; anything else with one would be a qualifier that there is not. */
    if (strchr(value, '=') && !strchr(value, '/')) {
        return "is not one of trace=, status=, signal=, read=, write=, abbrev=, nor a list of system calls";
    }
    return apply_e_trace(o, value);
}
