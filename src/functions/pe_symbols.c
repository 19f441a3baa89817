/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "functions/pe_symbols.h"

#include <string.h>

#define SECTIONS_MAX 96u
#define SECTION      40u
#define EXECUTABLE   0x20000000u

struct span {
    uint32_t rva, size;
};

struct exports {
    const struct pe *pe;
    struct function_pe *to;
    GArray *symbols; /* struct function_symbol */
    struct span code[SECTIONS_MAX];
    unsigned n_code;
};

static uint32_t load32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static uint16_t load16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

/* Behind the optional header: of each section its size and place in memory, and what it is. */
static void read_sections(struct exports *e)
{
    const uint8_t *mz = pe__bytes(e->pe, 0, 64), *nt = mz ? pe__bytes(e->pe, load32(mz + 0x3c), 24) : NULL;
    if (!nt)
        return;
    uint32_t first = load32(mz + 0x3c) + 24 + load16(nt + 20), n = load16(nt + 6);
    for (uint32_t i = 0; i < n && i < SECTIONS_MAX; i++) {
        const uint8_t *section = pe__bytes(e->pe, first + i * SECTION, SECTION);
        if (section && load32(section + 36) & EXECUTABLE)
            e->code[e->n_code++] = (struct span){load32(section + 12), load32(section + 8)};
    }
}

static bool within(uint32_t rva, struct span span)
{
    return rva >= span.rva && rva - span.rva < span.size;
}

static void take(const char *name, uint32_t rva, void *data)
{
    struct exports *e = data;
    bool code = false;
    for (unsigned i = 0; i < e->n_code; i++)
        code = code || within(rva, e->code[i]);
    if (!code || within(rva, (struct span){e->pe->exports, e->pe->exports_size}))
        return;
    const struct function_symbol symbol = {.name = g_string_chunk_insert(e->to->names, name), .address = rva};
    g_array_append_val(e->symbols, symbol);
}

size_t functions__from_pe(const struct pe *pe, struct function_pe *to)
{
    struct exports e = {.pe = pe, .to = to, .symbols = g_array_new(FALSE, FALSE, sizeof(struct function_symbol))};
    uint32_t broken;
    to->names = g_string_chunk_new(4096);
    read_sections(&e);
    (void)pe__exports(pe, take, &e, &broken);
    to->count = e.symbols->len;
    to->symbol = (struct function_symbol *)(void *)g_array_free(e.symbols, FALSE);
    return to->count;
}

void functions__pe_clear(struct function_pe *to)
{
    g_free(to->symbol);
    g_clear_pointer(&to->names, g_string_chunk_free);
    memset(to, 0, sizeof(*to));
}
