/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes PE images for tests, as they lie in a guest's memory. Include after cmocka.h. */
#ifndef QEBEK_TESTS_GUEST_PE_BUILD_H
#define QEBEK_TESTS_GUEST_PE_BUILD_H

#include <stdlib.h>
#include <string.h>

#include "guest/find/find.h"

#define PAGES   8u
#define BASE    0xfffff80002a00000u
#define EXPORTS 0x1000u
#define CODE    0x3000u
#define SLOT    0x40u
#define DEBUG   0x6000u

/* A PE image of eight pages: header, export directory, code. */
struct built {
    uint8_t bytes[PAGES * 4096], present[1], extra[4096];
    uint32_t names, strings;
    struct find_image image;
};

static inline void put(uint8_t *at, uint64_t value, size_t size)
{
    memcpy(at, &value, size);
}

static inline uint32_t string(struct built *b, const char *text)
{
    uint32_t at = b->strings;
    memcpy(b->bytes + at, text, strlen(text) + 1);
    b->strings += (uint32_t)strlen(text) + 1;
    return at;
}

static inline struct built *build(bool is_64, const char *name)
{
    struct built *b = calloc(1, sizeof(*b));
    assert_non_null(b);
    uint8_t *pe = b->bytes + 0x80, *dir = b->bytes + EXPORTS;
    b->present[0] = 0xff;
    b->strings = 0x2000;
    b->image = (struct find_image){.base = BASE, .pages = PAGES, .bytes = b->bytes, .present = b->present};
    memcpy(b->bytes, "MZ", 2);
    put(b->bytes + 0x3c, 0x80, 4);
    memcpy(pe, "PE\0\0", 4);
    put(pe + 4, is_64 ? 0x8664 : 0x14c, 2);
    put(pe + 24, is_64 ? 0x20b : 0x10b, 2);
    put(pe + 24 + 56, PAGES * 4096, 4);
    put(pe + 24 + (is_64 ? 108 : 92), 16, 4);
    put(pe + 24 + (is_64 ? 112 : 96), EXPORTS, 4);
    put(pe + 24 + (is_64 ? 160 : 144), DEBUG, 4);
    put(pe + 24 + (is_64 ? 164 : 148), 28, 4);
    put(dir + 12, string(b, name), 4);
    put(dir + 28, EXPORTS + 0x100, 4);
    put(dir + 32, EXPORTS + 0x500, 4);
    put(dir + 36, EXPORTS + 0x900, 4);
    return b;
}

/* An export with this code. */
static inline uint32_t export(struct built *b, const char *name, const char *code, size_t len)
{
    uint32_t i = b->names++, rva = CODE + i * SLOT;
    assert_true(len <= SLOT);
    memcpy(b->bytes + rva, code, len);
    put(b->bytes + EXPORTS + 0x100 + 4 * i, rva, 4);
    put(b->bytes + EXPORTS + 0x500 + 4 * i, string(b, name), 4);
    put(b->bytes + EXPORTS + 0x900 + 2 * i, i, 2);
    put(b->bytes + EXPORTS + 20, b->names, 4);
    put(b->bytes + EXPORTS + 24, b->names, 4);
    return rva;
}
#define EXPORT(b, name, code) export(b, name, code, sizeof(code) - 1)

/* A kernel of build 19041, with a debug record and some of the getters of x64. */
static inline struct built *build_kernel(bool is_64, const char *name)
{
    struct built *b = build(is_64, name);
    EXPORT(b, "NtBuildNumber", "\x61\x4a\x00\xf0");
    EXPORT(b, "PsGetCurrentProcess", "\x65\x48\x8b\x04\x25\x88\x01\x00\x00\x48\x8b\x80\xb8\x00\x00\x00\xc3");
    EXPORT(b, "PsGetProcessId", "\x48\x8b\x81\x40\x04\x00\x00\xc3");
    put(b->bytes + DEBUG + 12, 2, 4);
    put(b->bytes + DEBUG + 20, DEBUG + 0x40, 4);
    memcpy(b->bytes + DEBUG + 0x40,
           "RSDS\x04\x03\x02\x01\x06\x05\x08\x07\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x02\0\0\0k.pdb", 30);
    return b;
}

/* The value of a key in what was found, or "". */
static inline const char *value_of(const struct link_found *found, const char *key)
{
    for (size_t at = 0; at < found->text_len;) {
        const char *k = found->text + at, *v = k + strlen(k) + 1;
        if (strcmp(k, key) == 0)
            return v;
        at = (size_t)(v - found->text) + strlen(v) + 1;
    }
    return "";
}

#endif
