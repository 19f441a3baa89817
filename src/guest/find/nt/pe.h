/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PE images as they lie in memory: headers, exports, debug record. Every offset is the guest's, and checked. */
#ifndef QEBEK_GUEST_FIND_NT_PE_H
#define QEBEK_GUEST_FIND_NT_PE_H

#include "guest/find/find.h"

#define PE_NAME_MAX 128u

struct pe {
    const struct find_image *image;
    size_t at; /* of the MZ header in the image's copy */
    bool is_64;
    uint32_t size;    /* SizeOfImage */
    uint32_t exports; /* RVA of the directory, 0: none */
    uint32_t exports_size;
    uint32_t debug, debug_size;
    char name[PE_NAME_MAX]; /* what the export directory calls the file; "": nothing */
};

/* False: there is no image at this offset of the copy. */
bool pe__open(const struct find_image *image, size_t at, struct pe *pe);
/* `len` bytes at an RVA, or NULL where they are not (all) there. */
const uint8_t *pe__bytes(const struct pe *pe, uint32_t rva, size_t len);
/* As many bytes at an RVA as are there, at most `max`. */
const uint8_t *pe__some(const struct pe *pe, uint32_t rva, size_t max, size_t *have);
/* Each export with a name. Returns how many there were; *broken counts those that cannot be read. */
typedef void (*pe_export_fn)(const char *name, uint32_t rva, void *data);
uint32_t pe__exports(const struct pe *pe, pe_export_fn fn, void *data, uint32_t *broken);
/* RVA of an export, or 0. */
uint32_t pe__export(const struct pe *pe, const char *name);
/* The RSDS record: the PDB's file name, and "GUID-age" as symbol servers write it, in capital hex digits. */
bool pe__pdb(const struct pe *pe, char *name, size_t name_size, char *id, size_t id_size);

#endif
