/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own symbol table, found by its shape (kernel/kallsyms.c, scripts/kallsyms.c). Names are sequences of
 * tokens; the token table has the digits '0' to '9' as tokens of their own, one after another, which is rare enough to
 * search for. The index of token offsets follows it; the markers (an offset of each 256th name) lie before it, the
 * names before them. Addresses are 32-bit offsets: before the names up to 6.3, after the token index since 6.4. They
 * count from a base that stands behind them, and in the newest kernels each from its own place.
 */
#include <stdlib.h>

#include "guest/find/image.h"

#define TOKENS          256u
#define SYMBOLS_MIN     1000u
#define SYMBOLS_MAX     2000000u
#define MARKER_STEP_MIN 512u /* 256 names of at least two bytes each */
#define MARKER_STEP_MAX 65536u
#define BEFORE_TOKENS   (16u << 20) /* markers and names lie within so many bytes before the token table */
#define NAME_MAX_LEN    512u

struct tables {
    size_t token[TOKENS]; /* offset of each token's text */
    uint8_t token_len[TOKENS];
    size_t tokens, index_end, markers, names;
    unsigned n_markers;
    uint32_t count;
    size_t offsets;
    uint64_t base; /* 0: each counts from where it stands */
};

/* The table starts at `start`: 256 strings, and an index right behind that agrees with them. */
static bool try_tokens(const struct find_image *image, size_t start, struct tables *t)
{
    size_t at = start;
    if (!image__has(image, start, TOKENS * 3))
        return false;
    for (unsigned i = 0; i < TOKENS; i++) {
        size_t left = image__size(image) - at;
        const uint8_t *nul = memchr(image->bytes + at, 0, left < 64 ? left : 64);
        if (!nul)
            return false;
        t->token[i] = at;
        t->token_len[i] = (uint8_t)(nul - (image->bytes + at));
        at += t->token_len[i] + 1u;
    }
    for (size_t index = (at + 1) & ~(size_t)1; index < at + 16; index += 2) {
        unsigned i = 0;
        if (!image__has(image, index, TOKENS * 2))
            return false;
        while (i < TOKENS && image__u16(image, index + 2 * i) == t->token[i] - start)
            i++;
        if (i == TOKENS) {
            t->tokens = start;
            t->index_end = index + TOKENS * 2;
            return true;
        }
    }
    return false;
}

/* From the digits back to the table's start: '0' is token 48, so 48 strings lie before it. */
static bool tokens_around(const struct find_image *image, size_t zero, struct tables *t)
{
    size_t at = zero;
    for (unsigned i = 0; i < '0'; i++) {
        size_t len = 0;
        if (at < 66)
            return false;
        at--; /* the NUL of the string before */
        while (len < 64 && image->bytes[at - 1] != 0) {
            at--;
            len++;
        }
        if (len == 64)
            return false;
    }
    return try_tokens(image, at, t);
}

static unsigned count_markers(const struct find_image *image, size_t at, size_t end)
{
    unsigned n = 1;
    while (at + 4 * (n + 1) <= end) {
        uint32_t step = image__u32(image, at + 4 * n) - image__u32(image, at + 4 * (n - 1));
        if (step < MARKER_STEP_MIN || step > MARKER_STEP_MAX)
            break;
        n++;
    }
    return n;
}

/* Length of the name at `at`, and of the length itself (two bytes since 6.1 where it does not fit into seven bits). */
static unsigned name_len(const struct find_image *image, size_t *at)
{
    unsigned len = image->bytes[(*at)++];
    if (len & 0x80)
        len = (len & 0x7f) | (unsigned)image->bytes[(*at)++] << 7;
    return len;
}

/* Do `count` names start at `names`, with every 256th where its marker says? */
static bool try_names(const struct find_image *image, const struct tables *t, size_t names, uint32_t count)
{
    size_t at = names;
    for (uint32_t i = 0; i < count; i++) {
        if (i % 256 == 0 && image__u32(image, t->markers + 4 * (i / 256)) != at - names)
            return false;
        if (at + 2 >= t->markers)
            return false;
        at += name_len(image, &at);
        if (at > t->markers)
            return false;
    }
    return t->markers - at < 64; /* nothing but alignment between the names and the markers */
}

/* Does the number of names stand at `at`, and do they begin at `names`? It must fit the markers: few places pass. */
static bool try_count(const struct find_image *image, struct tables *t, size_t at, size_t names)
{
    uint32_t count = image__u32(image, at);
    unsigned blocks = (count + 255) / 256;
    if (count < SYMBOLS_MIN || count > SYMBOLS_MAX || blocks > t->n_markers)
        return false;
    size_t last = names + image__u32(image, t->markers + 4 * (blocks - 1));
    if (last >= t->markers || t->markers - last > MARKER_STEP_MAX || !try_names(image, t, names, count))
        return false;
    t->names = names;
    t->count = count;
    return true;
}

/* The number of names stands right before them, in four bytes or, aligned, in eight. */
static bool names_before(const struct find_image *image, struct tables *t)
{
    size_t span = image__u32(image, t->markers + 4 * (t->n_markers - 1)) + MARKER_STEP_MAX;
    size_t lowest = t->markers > span + 16 ? t->markers - span : 16;
    for (size_t names = (t->markers - 8) & ~(size_t)3; names >= lowest; names -= 4) {
        if (try_count(image, t, names - 4, names) || (names % 8 == 0 && try_count(image, t, names - 8, names)))
            return true;
    }
    return false;
}

static bool find_names(const struct find_image *image, struct tables *t)
{
    size_t lowest = t->tokens > BEFORE_TOKENS ? t->tokens - BEFORE_TOKENS : 4096;
    for (size_t at = t->tokens & ~(size_t)7; at > lowest; at -= 8) {
        uint32_t second = image__u32(image, at + 4);
        if (image__u32(image, at) != 0 || second < MARKER_STEP_MIN || second > MARKER_STEP_MAX)
            continue;
        t->markers = at;
        t->n_markers = count_markers(image, at, t->tokens);
        if (t->n_markers >= SYMBOLS_MIN / 256 && names_before(image, t))
            return true;
    }
    return false;
}

/* The base that offsets count from is an address inside the image, and stands behind the offsets. */
static bool try_offsets(const struct find_image *image, struct tables *t, size_t offsets, size_t base)
{
    size_t unused;
    if (!image__has(image, offsets, (size_t)t->count * 4) || !image__has(image, base, 8) ||
        !image__offset(image, image__u64(image, base), &unused))
        return false;
    t->offsets = offsets;
    t->base = image__u64(image, base);
    return true;
}

/* Offsets from their own places: nearly all must lead into the image. */
static bool try_places(const struct find_image *image, struct tables *t, size_t offsets)
{
    uint32_t inside = 0;
    size_t unused;
    if (!image__has(image, offsets, (size_t)t->count * 4))
        return false;
    for (uint32_t i = 0; i < t->count; i++) {
        size_t at = offsets + 4 * (size_t)i;
        inside += image__offset(image, image->base + at + (uint64_t)(int64_t)(int32_t)image__u32(image, at), &unused);
    }
    t->offsets = offsets;
    t->base = 0;
    return inside / 3 > t->count / 4;
}

static bool find_offsets(const struct find_image *image, struct tables *t)
{
    size_t size = ((size_t)t->count * 4 + 7) & ~(size_t)7;
    size_t after = (t->index_end + 7) & ~(size_t)7;
    if (t->names > size + 16 && try_offsets(image, t, t->names - 16 - size, t->names - 16))
        return true;
    return try_offsets(image, t, after, after + size) || try_places(image, t, (t->index_end + 3) & ~(size_t)3);
}

static size_t expand(const struct find_image *image, const struct tables *t, size_t *at, char *out)
{
    unsigned n = name_len(image, at);
    size_t len = 0;
    while (n-- > 0) {
        uint8_t token = image->bytes[(*at)++];
        if (len + t->token_len[token] < NAME_MAX_LEN) {
            memcpy(out + len, image->bytes + t->token[token], t->token_len[token]);
            len += t->token_len[token];
        }
    }
    out[len] = 0;
    return len;
}

/*
 * Offsets below zero count down from the base; others are absolute (per-CPU variables), unless none is below zero: then
 * all count up from the base (CONFIG_KALLSYMS_ABSOLUTE_PERCPU is gone since 6.15).
 */
static uint64_t address_of(const struct tables *t, int32_t offset, bool all_relative)
{
    if (all_relative)
        return t->base + (uint32_t)offset;
    return offset >= 0 ? (uint64_t)offset : t->base - 1 - (uint64_t)(int64_t)offset;
}

static bool all_relative(const struct find_image *image, const struct tables *t)
{
    uint32_t below = 0;
    for (uint32_t i = 0; i < t->count; i++)
        below += (image__u32(image, t->offsets + 4 * (size_t)i) >> 31) != 0;
    return below < t->count / 2;
}

static uint64_t symbol_address(const struct find_image *image, const struct tables *t, uint32_t i, bool relative)
{
    size_t at = t->offsets + 4 * (size_t)i;
    int32_t offset = (int32_t)image__u32(image, at);
    return t->base ? address_of(t, offset, relative) : image->base + at + (uint64_t)(int64_t)offset;
}

static bool fill(const struct find_image *image, const struct tables *t, struct find_symbols *symbols)
{
    char name[NAME_MAX_LEN];
    size_t at = t->names, used = 0, room = (size_t)t->count * 128;
    bool relative = all_relative(image, t);
    symbols->symbol = g_try_new0(struct find_symbol, t->count);
    symbols->names = g_try_malloc(room);
    if (!symbols->symbol || !symbols->names) {
        find__symbols_clear(symbols);
        return false;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        size_t len = expand(image, t, &at, name);
        len = len > 127 ? 127 : len;
        name[len] = 0;
        struct find_symbol *symbol = &symbols->symbol[i];
        symbol->type = name[0];
        symbol->name = symbols->names + used;
        symbol->addr = symbol_address(image, t, i, relative);
        memcpy(symbols->names + used, len ? name + 1 : name, len ? len : 1);
        used += len ? len : 1;
    }
    symbols->count = t->count;
    return true;
}

bool find__kallsyms(const struct find_image *image, struct find_symbols *symbols)
{
    static const char digits[] = "0\0001\0002\0003\0004\0005\0006\0007\0008\0009";
    const uint8_t *at = image->bytes, *end = image->bytes + image__size(image);
    unsigned tries = 0;
    memset(symbols, 0, sizeof(*symbols));
    while (tries++ < 64 && (at = memmem(at, (size_t)(end - at), digits, sizeof(digits))) != NULL) {
        struct tables t = {0};
        if (tokens_around(image, (size_t)(at - image->bytes), &t) && find_names(image, &t) && find_offsets(image, &t))
            return fill(image, &t, symbols);
        at++;
    }
    return false;
}

const struct find_symbol *find__symbol(const struct find_symbols *symbols, const char *name)
{
    for (size_t i = 0; i < symbols->count; i++) {
        if (strcmp(symbols->symbol[i].name, name) == 0)
            return &symbols->symbol[i];
    }
    return NULL;
}

void find__symbols_clear(struct find_symbols *symbols)
{
    g_free(symbols->symbol);
    g_free(symbols->names);
    memset(symbols, 0, sizeof(*symbols));
}
