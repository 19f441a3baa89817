/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bounded access to the copy of the image; inline, as every scan goes through it. */
#ifndef QEBEK_GUEST_FIND_IMAGE_H
#define QEBEK_GUEST_FIND_IMAGE_H

#include <string.h>

#include "guest/find/find.h"

#define IMAGE_PAGE 4096u

static inline size_t image__size(const struct find_image *image)
{
    return image->pages * IMAGE_PAGE;
}

/* Are all pages of [off, off + len) inside and present? */
static inline bool image__has(const struct find_image *image, size_t off, size_t len)
{
    size_t size = image__size(image);
    if (off > size || len > size - off)
        return false;
    for (size_t page = off / IMAGE_PAGE; len && page <= (off + len - 1) / IMAGE_PAGE; page++) {
        if (!(image->present[page / 8] >> (page % 8) & 1))
            return false;
    }
    return true;
}

static inline bool image__offset(const struct find_image *image, uint64_t addr, size_t *off)
{
    if (addr < image->base || addr - image->base >= image__size(image))
        return false;
    *off = (size_t)(addr - image->base);
    return true;
}

/* Little-endian loads; the caller has made sure that they are inside. */
static inline uint16_t image__u16(const struct find_image *image, size_t off)
{
    uint16_t v;
    memcpy(&v, image->bytes + off, sizeof(v));
    return v;
}

static inline uint32_t image__u32(const struct find_image *image, size_t off)
{
    uint32_t v;
    memcpy(&v, image->bytes + off, sizeof(v));
    return v;
}

static inline uint64_t image__u64(const struct find_image *image, size_t off)
{
    uint64_t v;
    memcpy(&v, image->bytes + off, sizeof(v));
    return v;
}

#endif
