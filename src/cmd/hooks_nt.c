/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --hook of functions that an NT guest's images export. */
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/hooks_internal.h"
#include "functions/pe_symbols.h"
#include "guest/find/nt/code.h"
#include "guest/find/nt/nt.h"
#include "trace/functions.h"

#define UNKNOWN_ARGS 4u /* where nothing tells how many there are */

bool hooks__is_nt(const struct function_spec *spec)
{
    return spec->where == FUNCTION_MODULE && function__is_nt_image(spec->module);
}

/* The kernel's image has other names on some machines: all mean the one that runs. */
static bool names_kernel(const struct function_spec *spec)
{
    return spec->where == FUNCTION_KERNEL || (spec->where == FUNCTION_MODULE && find_nt__is_kernel(spec->module));
}

/* In 32-bit code only these three are; without a word of the user's nearly all of NT is stdcall. */
static enum function_convention convention_of(const struct pe *pe, const struct function_prototype *given)
{
    if (pe->is_64) {
        return FUNCTION_MICROSOFT;
    }
    if (given && (given->convention == FUNCTION_CDECL || given->convention == FUNCTION_FASTCALL)) {
        return (enum function_convention)given->convention;
    }
    return FUNCTION_STDCALL;
}

/* What the code itself says of the stack, is so; a prototype may be wrong. */
static void fill_in(struct functions_entry *entry, const struct pe *pe, const struct wanted *w)
{
    enum function_convention convention = convention_of(pe, w->given);
    int pops = pe->is_64 ? 0 : code__pops(pe, (uint32_t)(w->address - pe->image->base - pe->at));
    unsigned args = UNKNOWN_ARGS;

    if (w->given) {
        args = w->given->n_args;
    } else if (pops > 0) {
        args = (unsigned)pops / 4;
    }
    entry->address = w->address;
    entry->convention = (uint8_t)convention;
    entry->pops = pops < 0 || pops / 4 >= (int)FUNCTIONS_POPS_UNKNOWN ? FUNCTIONS_POPS_UNKNOWN : (uint8_t)(pops / 4);
    entry->n_args = (uint8_t)MIN(args, FUNCTIONS_ARGS_MAX);
}

static int make_table(const struct pe *pe, const GArray *wanted)
{
    g_autofree struct functions_entry *entries = g_new0(struct functions_entry, wanted->len);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GByteArray) values = g_byte_array_new();
    struct functions_table table = {.count = wanted->len, .entry = entries};

    for (guint i = 0; i < wanted->len; i++) {
        const struct wanted *w = &g_array_index(wanted, struct wanted, i);

        fill_in(&entries[i], pe, w);
        entries[i].prototype = FUNCTIONS_NO_PROTOTYPE;
        if (w->given) {
            struct function_prototype given = *w->given;

            given.convention = entries[i].convention;
            entries[i].prototype = values->len;
            function__serialize(&given, NULL, values);
        }
        entries[i].name = (uint32_t)text->len;
        g_string_append_len(text, w->name, (gssize)strnlen(w->name, FUNCTIONS_NAME_MAX - 1));
        g_string_append_c(text, 0);
    }
    table.values = values->data;
    table.values_len = values->len;
    table.text = text->str;
    table.text_len = (uint32_t)text->len;
    return functions__write(&table);
}

void hooks__known_nt(const struct pe *pe, void *data)
{
    struct hooks *hooks = data;
    uint64_t base = pe->image->base + pe->at;
    g_autoptr(GArray) wanted = g_array_new(FALSE, FALSE, sizeof(struct wanted));
    struct function_pe functions;

    (void)functions__from_pe(pe, &functions);
    for (size_t i = 0; i < functions.count; i++) {
        functions.symbol[i].address += base;
    }
    for (guint i = 0; i < hooks->specs->len; i++) {
        const struct function_spec *spec = &g_array_index(hooks->specs, struct function_spec, i);

        if (names_kernel(spec)) {
            hooks__add_matches(hooks, spec, functions.symbol, functions.count, wanted);
        } else {
            cmd__say("not hooked: %s: so far only functions of the kernel can be hooked in an NT guest",
                     spec->name ? spec->name : "an address");
        }
    }
    hooks__make_unique(wanted);
    if (wanted->len > 0) {
        hooks__set_table(hooks, wanted->len, make_table(pe, wanted));
    }
    functions__pe_clear(&functions);
}
