/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which structs and calls have a form of their own. */
#include <string.h>

#include "show/linux/forms.h"

static const print_struct_fn structs[DECODE_STRUCTS] = {
    [DECODE_STRUCT_NONE] = NULL,
};

static const print_pointer_fn pointers[DECODE_STRUCTS] = {
    [DECODE_STRUCT_NONE] = NULL,
};

print_struct_fn print__struct_fn(uint16_t index)
{
    return index < DECODE_STRUCTS ? structs[index] : NULL;
}

print_pointer_fn print__pointer_fn(uint16_t index)
{
    return index < DECODE_STRUCTS ? pointers[index] : NULL;
}

static const struct print_call calls[] = {
    {"", NULL, NULL},
};

const struct print_call *print__call(const struct model_call *call)
{
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        if (strcmp(calls[i].name, call->service->name) == 0)
            return &calls[i];
    }
    return NULL;
}
