/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of a program, as it was when code in it began to run, and files that can be loaded made of it. Everything
 * comes from a hostile guest: headers are believed only as far as they agree with what is there.
 */
#ifndef QEBEK_SHOW_UNPACK_IMAGE_H
#define QEBEK_SHOW_UNPACK_IMAGE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "qebek/record.h"

#define IMAGE_PAGE 4096u
#define IMAGE_MAX  (256u << 20) /* bytes of one */

struct memory_image {
    uint64_t start;                          /* of guest memory; a multiple of a page */
    size_t size;                             /* bytes; the same, and not 0 */
    const uint8_t *bytes;                    /* zeros where a page is not there */
    const uint8_t *present;                  /* for each page: 1 if it is there */
    const struct qbk_layer_mapping *mapping; /* hostile: in no order, whatever they say */
    size_t n_mappings;
    uint64_t entry; /* what is about to run */
    bool is_32;     /* … as 32-bit code */
};

enum image_how {
    IMAGE_NONE = 0,
    IMAGE_HEADER, /* a header in memory said what belongs where */
    IMAGE_MADE    /* there was none around the code: as memory is mapped */
};

/*
 * An ELF file of what belongs to the code: with the segments, addresses and entry of the header that covers it, if
 * there is one in memory, else made of all that is there. Each segment that is loaded has a section of its own, for
 * tools that look at those. NULL: there is nothing to make it of.
 */
GByteArray *image__elf(const struct memory_image *m, enum image_how *how);
/*
 * A PE file of the image that the code belongs to; sections lie in it as in memory, and it begins where it ran. NULL:
 * there is no such header.
 */
GByteArray *image__pe(const struct memory_image *m);

#endif
