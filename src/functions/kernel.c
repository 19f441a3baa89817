/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "functions/kernel.h"

#include <string.h>

struct span {
    uint64_t from, to;
};

/* From one of the linker's marks to another; everything where the kernel's table lacks them. */
static struct span between(const struct find_symbols *symbols, const char *from, const char *to)
{
    const struct find_symbol *first = find__symbol(symbols, from), *end = find__symbol(symbols, to);
    return first && end ? (struct span){first->addr, end->addr} : (struct span){0, UINT64_MAX};
}

static bool within(const struct find_symbol *symbol, struct span span)
{
    return symbol->addr >= span.from && symbol->addr < span.to;
}

/*
 * Sources: arch/x86/entry/entry_64.S (.entry.text; error_entry and paranoid_entry store the registers above their own
 * return address), SYM_FUNC_START in it and in entry.S for those that are ordinary functions.
 */
bool functions__is_entry_code(const struct find_symbols *symbols, uint64_t address, const char *name)
{
    static const char *const ordinary[] = {"asm_load_gs_index", "clear_bhb_loop", "entry_ibpb", "write_ibpb",
                                           "native_load_gs_index"};
    const struct find_symbol *first = find__symbol(symbols, "__entry_text_start"),
                             *end = find__symbol(symbols, "__entry_text_end");
    if (!first || !end || address < first->addr || address >= end->addr)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(ordinary); i++) {
        if (strcmp(name, ordinary[i]) == 0)
            return false;
    }
    return true;
}

/* The type alone does not tell: newer kernels put data of the start into one section with its code. */
struct function_symbol *functions__of_kernel(const struct find_symbols *symbols, size_t *count)
{
    struct function_symbol *to = g_new(struct function_symbol, symbols->count + 1);
    struct span text = between(symbols, "_stext", "_etext"), start = between(symbols, "_sinittext", "_einittext");
    *count = 0;
    for (size_t i = 0; i < symbols->count; i++) {
        const struct find_symbol *s = &symbols->symbol[i];
        if (!s->type || !strchr("tTwW", s->type) || !(within(s, text) || within(s, start)))
            continue;
        to[(*count)++] =
            (struct function_symbol){.name = s->name,
                                     .address = s->addr,
                                     .flags = g_ascii_islower(s->type) && s->type != 'w' ? FUNCTION_LOCAL : 0u};
    }
    return to;
}
