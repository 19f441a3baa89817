/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The directory that files are kept in. No name of the guest is ever a name here: files are called by their SHA-256,
 * those that are being put together by a number. `manifest.jsonl` says what each was.
 */
#ifndef QEBEK_SHOW_FILES_STORE_H
#define QEBEK_SHOW_FILES_STORE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct store_limits {
    uint64_t size;  /* bytes of one file */
    uint64_t count; /* files, each content once */
    uint64_t total; /* bytes of all */
};
#define STORE_SIZE_DEFAULT  (16u << 20)
#define STORE_COUNT_DEFAULT 10000u
#define STORE_TOTAL_DEFAULT (4ull << 30)

struct store;

/* Makes the directory if it is not there. NULL and error. */
struct store *store__open(const char *path, const struct store_limits *limits, GError **error);
/* Flushes the manifest. */
int store__close(struct store *store, GError **error);
const struct store_limits *store__limits(const struct store *store);

/* A new file for a content: a number that names it. */
unsigned store__number(struct store *store);
/* Its descriptor, open for reading and writing; `fresh`: it is made, empty. -1 and error. Valid until the next call. */
int store__file(struct store *store, unsigned number, bool fresh, GError **error);
/*
 * Room for so many more bytes of files that are being put together, at most twice as many as may be kept: a guest that
 * writes a lot fills no disk of ours. False: there is no more.
 */
bool store__reserve(struct store *store, uint64_t bytes);
void store__release(struct store *store, uint64_t bytes);
/* It is not needed any more. */
void store__drop(struct store *store, unsigned number);
/*
 * What `number` holds, `size` bytes, becomes the file of this hash; `copy`: number stays. *is_new as in struct kept.
 * 1: kept; 0: not, as there are as many as there may be; -1 and error.
 */
int store__keep(struct store *store, unsigned number, uint64_t size, const char *sha256, bool copy, bool *is_new,
                GError **error);

/* The manifest's lines, each with its newline; written out now and then, and by store__flush. */
GString *store__manifest(struct store *store);
int store__flush(struct store *store, bool now, GError **error);

/* All of it, or an error. */
int store__write_all(int fd, const uint8_t *bytes, size_t len, uint64_t offset, GError **error);

#endif
