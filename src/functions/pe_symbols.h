/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions that a PE image exports. */
#ifndef QEBEK_FUNCTIONS_PE_SYMBOLS_H
#define QEBEK_FUNCTIONS_PE_SYMBOLS_H

#include "functions/function.h"
#include "guest/find/nt/pe.h"

struct function_pe {
    size_t count;
    struct function_symbol *symbol; /* address: RVA */
    GStringChunk *names;
};

/*
 * Exports whose address lies in a section with code; variables are left out, and so are those that only name another
 * image's export ("forwarders"). Returns how many there are. Source: Microsoft's PE format, ".edata" and "Section
 * Table".
 */
size_t functions__from_pe(const struct pe *pe, struct function_pe *to);
void functions__pe_clear(struct function_pe *to);

#endif
