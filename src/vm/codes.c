/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/codes.h"

#include <stdlib.h>
#include <string.h>

#define OFFSETS    4096u
#define BREAKPOINT 0xccu

struct vm_codes {
    uint32_t first[OFFSETS + 1]; /* codes with an offset: from here up to the next one's */
    struct vm_code code[];
};

struct vm_codes *vm_codes__new(const struct vm_code *code, size_t count)
{
    struct vm_codes *codes = count < UINT32_MAX ? calloc(1, sizeof(*codes) + count * sizeof(*code)) : NULL;
    if (!codes)
        return NULL;
    for (size_t i = 0; i < count; i++)
        codes->first[(code[i].offset & (OFFSETS - 1)) + 1]++;
    for (unsigned i = 0; i < OFFSETS; i++)
        codes->first[i + 1] += codes->first[i];
    for (size_t i = count; i-- > 0;) { /* the last place of each offset goes down to its first */
        uint32_t *at = &codes->first[(code[i].offset & (OFFSETS - 1)) + 1];
        codes->code[--*at] = code[i];
    }
    for (unsigned i = 0; i < OFFSETS; i++) /* each is now where its offset begins, one too far to the right */
        codes->first[i] = codes->first[i + 1];
    codes->first[OFFSETS] = (uint32_t)count;
    return codes;
}

void vm_codes__free(struct vm_codes *codes)
{
    free(codes);
}

static bool matches(const struct vm_code *code, const uint8_t *bytes, size_t len)
{
    size_t n = code->len < len ? code->len : len;
    if (memcmp(code->bytes, bytes, n) == 0)
        return true;
    for (size_t i = 0; i < n; i++) {
        if (code->bytes[i] != bytes[i] && bytes[i] != BREAKPOINT)
            return false;
    }
    return true;
}

bool vm_codes__at(const struct vm_codes *codes, unsigned offset, const uint8_t *bytes, size_t len)
{
    for (uint32_t i = codes->first[offset & (OFFSETS - 1)]; i < codes->first[(offset & (OFFSETS - 1)) + 1]; i++) {
        if (matches(&codes->code[i], bytes, len))
            return true;
    }
    return false;
}
