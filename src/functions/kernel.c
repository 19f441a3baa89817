/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "functions/kernel.h"

#include <string.h>

struct function_symbol *functions__of_kernel(const struct find_symbols *symbols, size_t *count)
{
    struct function_symbol *to = g_new(struct function_symbol, symbols->count + 1);
    *count = 0;
    for (size_t i = 0; i < symbols->count; i++) {
        const struct find_symbol *s = &symbols->symbol[i];
        if (!s->type || !strchr("tTwW", s->type))
            continue;
        to[(*count)++] =
            (struct function_symbol){.name = s->name,
                                     .address = s->addr,
                                     .flags = g_ascii_islower(s->type) && s->type != 'w' ? FUNCTION_LOCAL : 0u};
    }
    return to;
}
