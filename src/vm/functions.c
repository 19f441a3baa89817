/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/functions.h"

#include <stdlib.h>

struct slot {
    uint64_t address; /* 0: free */
    uint32_t index;
};

struct vm_functions {
    unsigned shift; /* of the hash, to a slot */
    size_t mask;
    struct slot slot[];
};

static size_t slot_of(const struct vm_functions *functions, uint64_t address)
{
    return (size_t)((address * 0x9e3779b97f4a7c15u) >> functions->shift);
}

struct vm_functions *vm_functions__new(const uint64_t *address, uint32_t count)
{
    unsigned bits = 4;
    while (((size_t)1 << bits) < (size_t)count * 2 + 1)
        bits++;
    struct vm_functions *functions = calloc(1, sizeof(*functions) + sizeof(struct slot) * ((size_t)1 << bits));
    if (!functions)
        return NULL;
    functions->shift = 64 - bits;
    functions->mask = ((size_t)1 << bits) - 1;
    for (uint32_t i = 0; i < count; i++) {
        size_t at = slot_of(functions, address[i]);
        while (functions->slot[at].address)
            at = (at + 1) & functions->mask;
        functions->slot[at] = (struct slot){address[i], i};
    }
    return functions;
}

void vm_functions__free(struct vm_functions *functions)
{
    free(functions);
}

uint32_t vm_functions__at(const struct vm_functions *functions, uint64_t address)
{
    for (size_t at = slot_of(functions, address); functions->slot[at].address; at = (at + 1) & functions->mask) {
        if (functions->slot[at].address == address)
            return functions->slot[at].index;
    }
    return VM_NO_FUNCTION;
}

/* How many bytes follow the ModRM byte of an instruction that has one; `sib`: the byte behind it. 64-bit code. */
static size_t after_modrm(uint8_t modrm, uint8_t sib)
{
    unsigned mod = modrm >> 6, rm = modrm & 7;
    size_t n = rm == 4 && mod != 3 ? 1 : 0;
    if (mod == 1)
        return n + 1;
    if (mod == 2 || (mod == 0 && (rm == 5 || (rm == 4 && (sib & 7) == 5))))
        return n + 4;
    return n;
}

bool vm__ends_in_call(const uint8_t *before, size_t len)
{
    const uint8_t *end = before + len;
    if (len >= 5 && end[-5] == 0xe8) /* call rel32 */
        return true;
    for (size_t n = 2; n <= len; n++) { /* call r/m: FF /2 */
        const uint8_t *at = end - n;
        if (at[0] == 0xff && (at[1] >> 3 & 7) == 2 && 2 + after_modrm(at[1], n > 2 ? at[2] : 0) == n)
            return true;
    }
    return false;
}
