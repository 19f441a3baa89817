/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Offsets: Microsoft's "PE Format". */
#include "guest/find/nt/pe.h"

#include <stdio.h>
#include <string.h>

#include "guest/find/image.h"

#define MACHINE_I386  0x14cu
#define MACHINE_AMD64 0x8664u
#define SIZE_MAX_PE   (64u << 20)
#define HEADER_MAX    4096u  /* both headers lie in the first page */
#define EXPORTS_MAX   16384u /* Windows' own have some thousands */
#define DEBUG_MAX     32u
#define DEBUG_ENTRY   28u
#define CODEVIEW      2u

const uint8_t *pe__bytes(const struct pe *pe, uint32_t rva, size_t len)
{
    if (rva > pe->size || len > pe->size - rva || !image__has(pe->image, pe->at + rva, len))
        return NULL;
    return pe->image->bytes + pe->at + rva;
}

const uint8_t *pe__some(const struct pe *pe, uint32_t rva, size_t max, size_t *have)
{
    *have = 0;
    while (*have < max && pe__bytes(pe, rva, *have + 1))
        ++*have;
    return *have ? pe->image->bytes + pe->at + rva : NULL;
}

static uint32_t load(const uint8_t *at, size_t size)
{
    uint32_t v = 0;
    memcpy(&v, at, size);
    return v;
}

static bool u32_at(const struct pe *pe, uint32_t rva, uint32_t *out)
{
    const uint8_t *p = pe__bytes(pe, rva, 4);
    *out = p ? load(p, 4) : 0;
    return p != NULL;
}

/* A string of printable characters; longer ones, and others, are not names. */
static bool name_at(const struct pe *pe, uint32_t rva, char *to, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const uint8_t *p = rva + i >= rva ? pe__bytes(pe, rva + (uint32_t)i, 1) : NULL;
        if (!p || (*p && (*p < 32 || *p > 126)))
            break;
        to[i] = (char)*p;
        if (*p == 0)
            return i > 0;
    }
    to[0] = 0;
    return false;
}

/* Directory `index` of the optional header. */
static void directory(const struct pe *pe, const uint8_t *optional, size_t room, unsigned index, uint32_t *rva,
                      uint32_t *size)
{
    size_t at = (pe->is_64 ? 112u : 96u) + 8u * index;
    uint32_t count = load(optional + (pe->is_64 ? 108 : 92), 4);
    *rva = *size = 0;
    if (index >= count || at + 8 > room)
        return;
    *rva = load(optional + at, 4);
    *size = load(optional + at + 4, 4);
}

bool pe__open(const struct find_image *image, size_t at, struct pe *pe)
{
    uint32_t header, machine, name;
    *pe = (struct pe){.image = image, .at = at, .size = HEADER_MAX};
    const uint8_t *mz = pe__bytes(pe, 0, 64);
    if (!mz || mz[0] != 'M' || mz[1] != 'Z')
        return false;
    header = load(mz + 0x3c, 4);
    const uint8_t *nt = header >= 4 && header < HEADER_MAX - 24 - 240 ? pe__bytes(pe, header, 24 + 240) : NULL;
    if (!nt || memcmp(nt, "PE\0\0", 4) != 0)
        return false;
    machine = load(nt + 4, 2);
    pe->is_64 = load(nt + 24, 2) == 0x20b;
    if (machine != (pe->is_64 ? MACHINE_AMD64 : MACHINE_I386) || (!pe->is_64 && load(nt + 24, 2) != 0x10b))
        return false;
    pe->size = load(nt + 24 + 56, 4);
    if (pe->size < HEADER_MAX || pe->size > SIZE_MAX_PE)
        return false;
    directory(pe, nt + 24, 240, 0, &pe->exports, &pe->exports_size);
    directory(pe, nt + 24, 240, 6, &pe->debug, &pe->debug_size);
    if (pe->exports && u32_at(pe, pe->exports + 12, &name))
        (void)name_at(pe, name, pe->name, sizeof(pe->name));
    return true;
}

uint32_t pe__exports(const struct pe *pe, pe_export_fn fn, void *data, uint32_t *broken)
{
    uint32_t functions, count, names, values, ordinals, told = 0;
    *broken = 0;
    if (!pe->exports || !u32_at(pe, pe->exports + 20, &functions) || !u32_at(pe, pe->exports + 24, &count) ||
        !u32_at(pe, pe->exports + 28, &values) || !u32_at(pe, pe->exports + 32, &names) ||
        !u32_at(pe, pe->exports + 36, &ordinals))
        return 0;
    for (uint32_t i = 0; i < count && i < EXPORTS_MAX; i++) {
        const uint8_t *ordinal = pe__bytes(pe, ordinals + 2 * i, 2);
        uint32_t at, rva, index = ordinal ? load(ordinal, 2) : UINT32_MAX;
        char name[PE_NAME_MAX];
        if (index < functions && u32_at(pe, names + 4 * i, &at) && name_at(pe, at, name, sizeof(name)) &&
            u32_at(pe, values + 4 * index, &rva) && rva != 0) {
            fn(name, rva, data);
            told++;
        } else {
            ++*broken;
        }
    }
    return told;
}

struct wanted {
    const char *name;
    uint32_t rva;
};

static void compare(const char *name, uint32_t rva, void *data)
{
    struct wanted *w = data;
    if (strcmp(name, w->name) == 0)
        w->rva = rva;
}

uint32_t pe__export(const struct pe *pe, const char *name)
{
    struct wanted w = {.name = name};
    uint32_t broken;
    (void)pe__exports(pe, compare, &w, &broken);
    return w.rva;
}

bool pe__pdb(const struct pe *pe, char *name, size_t name_size, char *id, size_t id_size)
{
    for (uint32_t i = 0; i < DEBUG_MAX && (i + 1) * DEBUG_ENTRY <= pe->debug_size; i++) {
        const uint8_t *entry = pe__bytes(pe, pe->debug + i * DEBUG_ENTRY, DEBUG_ENTRY);
        if (!entry || load(entry + 12, 4) != CODEVIEW)
            continue;
        uint32_t rva = load(entry + 20, 4);
        const uint8_t *r = pe__bytes(pe, rva, 24);
        if (!r || memcmp(r, "RSDS", 4) != 0)
            continue;
        if (!name_at(pe, rva + 24, name, name_size))
            name[0] = 0;
        int n = snprintf(id, id_size, "%08X%04X%04X", load(r + 4, 4), load(r + 8, 2), load(r + 10, 2));
        for (unsigned k = 12; k < 20 && n > 0 && (size_t)n < id_size; k++)
            n += snprintf(id + n, id_size - (size_t)n, "%02X", r[k]);
        if (n > 0 && (size_t)n < id_size)
            snprintf(id + n, id_size - (size_t)n, "-%X", load(r + 20, 4));
        return true;
    }
    return false;
}
