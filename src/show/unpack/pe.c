/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PE files out of memory. Source of the format: Microsoft's "PE Format" specification. */
#include <string.h>

#include "show/unpack/image.h"

#define SECTIONS_MAX 96u /* the loader's own limit */
#define SECTION_SIZE 40u
#define FILE_HEADER  20u
#define DIRECTORY    8u
#define SECURITY     4u /* its address is one of the file, where the certificates are not any more */
#define DEBUG        6u

static uint16_t get16(const uint8_t *at)
{
    uint16_t v;
    memcpy(&v, at, 2);
    return v;
}

static uint32_t get32(const uint8_t *at)
{
    uint32_t v;
    memcpy(&v, at, 4);
    return v;
}

static void put32(uint8_t *at, uint32_t v)
{
    memcpy(at, &v, 4);
}

/* Where the parts of the headers lie, from the image's begin. */
struct pe {
    size_t at; /* of the image in memory */
    bool wide; /* PE32+ */
    uint32_t optional, sections, n, n_directories, directories, size;
};

/* Offsets in the optional header, which has the same members in both forms up to these. */
enum {
    OPTIONAL_ENTRY = 16,
    OPTIONAL_BASE_32 = 28,
    OPTIONAL_BASE_64 = 24,
    OPTIONAL_SECTION_ALIGNMENT = 32,
    OPTIONAL_FILE_ALIGNMENT = 36,
    OPTIONAL_SIZE_OF_IMAGE = 56,
    OPTIONAL_CHECKSUM = 64,
    OPTIONAL_COUNT_32 = 92,
    OPTIONAL_COUNT_64 = 108
};

static bool read_headers(const struct memory_image *m, size_t at, struct pe *pe)
{
    const uint8_t *b = m->bytes + at;
    size_t room = m->size - at;
    if (room < IMAGE_PAGE || b[0] != 'M' || b[1] != 'Z')
        return false;
    uint32_t nt = get32(b + 0x3c);
    if (nt > IMAGE_PAGE || nt + 4 + FILE_HEADER + OPTIONAL_COUNT_64 + 4 > room || memcmp(b + nt, "PE\0\0", 4) != 0)
        return false;
    uint16_t machine = get16(b + nt + 4), optional_size = get16(b + nt + 4 + 16);
    pe->at = at;
    pe->n = get16(b + nt + 4 + 2);
    pe->optional = nt + 4 + FILE_HEADER;
    pe->sections = pe->optional + optional_size;
    pe->wide = get16(b + pe->optional) == 0x20b;
    uint32_t count = pe->wide ? OPTIONAL_COUNT_64 : OPTIONAL_COUNT_32;
    if ((machine != 0x8664 && machine != 0x14c) || pe->wide != (machine == 0x8664) || pe->n == 0 ||
        pe->n > SECTIONS_MAX || optional_size < count + 4 || pe->sections + pe->n * SECTION_SIZE > room)
        return false;
    pe->n_directories = MIN(get32(b + pe->optional + count), (optional_size - count - 4) / DIRECTORY);
    pe->directories = pe->optional + count + 4;
    pe->size = get32(b + pe->optional + OPTIONAL_SIZE_OF_IMAGE);
    return pe->size > 0 && pe->size <= IMAGE_MAX;
}

static bool find_headers(const struct memory_image *m, uint64_t address, struct pe *pe)
{
    size_t from = (size_t)(address - m->start) & ~(size_t)(IMAGE_PAGE - 1);
    for (size_t at = from;; at -= IMAGE_PAGE) {
        if (m->present[at / IMAGE_PAGE] && read_headers(m, at, pe) && address - m->start - at < pe->size)
            return true;
        if (at == 0)
            return false;
    }
}

/* Sections lie in the file where they lie in memory; false: they overlap the headers, or do not fit. */
static bool lay_out(uint8_t *file, size_t size, const struct pe *pe)
{
    uint32_t alignment = get32(file + pe->optional + OPTIONAL_SECTION_ALIGNMENT);
    if (alignment < 512 || alignment > 65536 || (alignment & (alignment - 1)))
        return false;
    for (uint32_t i = 0; i < pe->n; i++) {
        uint8_t *s = file + pe->sections + i * SECTION_SIZE;
        uint32_t length = get32(s + 8), address = get32(s + 12), raw = get32(s + 16);
        uint64_t want = MAX(length, length ? 0 : raw);
        if (address % alignment || address < pe->sections + pe->n * SECTION_SIZE || address >= size)
            return false;
        want = MIN((want + alignment - 1) & ~(uint64_t)(alignment - 1), size - address);
        put32(s + 16, (uint32_t)want);
        put32(s + 20, address);
    }
    put32(file + pe->optional + OPTIONAL_FILE_ALIGNMENT, alignment);
    return true;
}

static void clear_directory(uint8_t *file, const struct pe *pe, unsigned which)
{
    if (which < pe->n_directories)
        memset(file + pe->directories + which * DIRECTORY, 0, DIRECTORY);
}

GByteArray *image__pe(const struct memory_image *m)
{
    struct pe pe;
    if (m->size > IMAGE_MAX || m->entry < m->start || m->entry - m->start >= m->size || !find_headers(m, m->entry, &pe))
        return NULL;
    size_t size = MIN(pe.size, m->size - pe.at);
    uint64_t base = m->start + pe.at;
    GByteArray *file = g_byte_array_sized_new((guint)size);
    g_byte_array_append(file, m->bytes + pe.at, (guint)size);
    if (!lay_out(file->data, size, &pe)) {
        g_byte_array_free(file, TRUE);
        return NULL;
    }
    put32(file->data + pe.optional + OPTIONAL_ENTRY, (uint32_t)(m->entry - base));
    put32(file->data + pe.optional + OPTIONAL_CHECKSUM, 0);
    if (pe.wide)
        memcpy(file->data + pe.optional + OPTIONAL_BASE_64, &base, 8);
    else
        put32(file->data + pe.optional + OPTIONAL_BASE_32, (uint32_t)base);
    clear_directory(file->data, &pe, SECURITY);
    clear_directory(file->data, &pe, DEBUG);
    return file;
}
