/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a file of the guest holds, as far as it is known: its bytes in a sparse file of ours, and which ranges of it are
 * known at all. Bounded in size, however far a guest seeks, and in the number of ranges.
 */
#ifndef QEBEK_SHOW_FILES_CONTENT_H
#define QEBEK_SHOW_FILES_CONTENT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct store;
struct content;

/* Nothing is known of it, or (`empty`) that it has no bytes. */
struct content *content__new(struct store *store, bool empty);
void content__free(struct content *content);

/* All of these: -1 and error where our own file cannot be written or read. */
int content__write(struct content *content, uint64_t offset, const uint8_t *bytes, size_t len, GError **error);
/* The length is now `size`; what is new is zeros. */
int content__truncate(struct content *content, uint64_t size, GError **error);
/* Up to len known bytes at offset; returns how many of the first ones are known and there. */
int content__read(struct content *content, uint64_t offset, uint8_t *bytes, size_t len, size_t *got, GError **error);

/* These bytes are not known any more, or were written with what nobody saw. The size grows with them. */
void content__unknown(struct content *content, uint64_t offset, uint64_t len);
/* Nothing is known any more: something was written, and not even where is known. */
void content__astray(struct content *content);
/* The size, told from elsewhere; bytes beyond what was known before stay unknown. */
void content__set_size(struct content *content, uint64_t size);
bool content__size(const struct content *content, uint64_t *size); /* false: not known */

enum content_lack {
    CONTENT_BYTES = 1u << 0, /* some are not known */
    CONTENT_SIZE = 1u << 1,  /* the size is not known */
    CONTENT_LIMIT = 1u << 2  /* longer than the limit */
};
/* What keeps it from being the whole file; 0: nothing. *have: bytes below the size and the limit that are known. */
unsigned content__lacks(const struct content *content, uint64_t *have);

struct kept {
    char sha256[65];
    uint64_t size; /* of our file: up to the limit */
    bool new_file; /* not kept before in this run */
};
/*
 * Keep it as it is now, in the store, under its hash. `last`: the content is not written again, and may be moved there.
 */
int content__keep(struct content *content, bool last, struct kept *kept, GError **error);

#endif
