/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Version string, build id, and the BTF blob: found by their own marks in the image. */
#include <stdio.h>

#include "guest/find/image.h"

bool find__banner(const struct find_image *image, char *banner, size_t size, char *release, size_t release_size)
{
    static const char mark[] = "Linux version ";
    const uint8_t *at = image->bytes, *end = image->bytes + image__size(image);
    const size_t skip = sizeof(mark) - 1;
    while ((at = memmem(at, (size_t)(end - at), mark, skip)) != NULL) {
        size_t left = (size_t)(end - at);
        if (left > 256 && at[skip] >= '0' && at[skip] <= '9') { /* not the format string of the same text */
            char text[256];
            memcpy(text, at, sizeof(text) - 1);
            text[sizeof(text) - 1] = 0;
            text[strcspn(text, "\n")] = 0;
            snprintf(banner, size, "%s", text);
            snprintf(release, release_size, "%.*s", (int)strcspn(text + skip, " "), text + skip);
            return true;
        }
        at++;
    }
    return false;
}

/* struct btf_header: magic u16, version u8, flags u8, hdr_len u32, type_off, type_len, str_off, str_len u32. */
bool find__btf(const struct find_image *image, const uint8_t **blob, size_t *size)
{
    static const uint8_t mark[8] = {0x9f, 0xeb, 1, 0, 24, 0, 0, 0};
    const size_t rare = 3; /* the zeros behind it would slow the search down: most of the copy is zeros */
    const uint8_t *at = image->bytes, *end = image->bytes + image__size(image);
    size_t best = 0;
    while ((at = memmem(at, (size_t)(end - at), mark, rare)) != NULL) {
        size_t off = (size_t)(at - image->bytes);
        if (image__has(image, off, 24) && memcmp(at, mark, sizeof(mark)) == 0) {
            uint64_t types = image__u32(image, off + 8), type_len = image__u32(image, off + 12);
            uint64_t strings = image__u32(image, off + 16), string_len = image__u32(image, off + 20);
            uint64_t total = 24 + strings + string_len;
            bool fits = types == 0 && strings == type_len && total < (64u << 20);
            if (fits && total > best && image__has(image, off, (size_t)total)) { /* vmlinux's is the largest */
                *blob = at;
                *size = best = (size_t)total;
            }
        }
        at++;
    }
    return best > 65536;
}
