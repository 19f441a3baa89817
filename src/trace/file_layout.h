/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes of a kept trace; docs/record-format.md tells them in prose. Only the file's own sources include this. */
#ifndef QEBEK_TRACE_FILE_LAYOUT_H
#define QEBEK_TRACE_FILE_LAYOUT_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "qebek/record.h"

#define FILE_MAGIC        "QEBEKTRC"
#define FILE_CONTINUATION 0x1u /* begun by rotation */

#define BLOCK_MAGIC 0x4b4c4251u /* "QBLK" */
#define END_MAGIC   0x444e4551u /* "QEND" */

#define BLOCK_TARGET (256u << 10)   /* a block is written when the next record would make it longer */
#define BLOCK_MAX    QBK_RECORD_MAX /* … so none is longer than the longest record */

/* Once, at the start. Where magic, version and crc lie never changes. */
struct file_header {
    char magic[8];
    uint32_t version; /* QBK_FORMAT_VERSION */
    uint32_t flags;   /* FILE_* */
    uint64_t created_ns;
    uint32_t reserved;
    uint32_t crc; /* of the bytes before it */
};

/*
 * Before each block's compressed bytes; and the last thing in a file that was ended in order: with END_MAGIC, lengths
 * 0, `records` 1 if the trace goes on in the next file, `first` the number of records in this file.
 */
struct file_block {
    uint32_t magic;
    uint32_t stored;     /* compressed bytes that follow */
    uint32_t raw;        /* bytes of the records */
    uint32_t records;    /* how many these are */
    uint64_t first;      /* seq of the first … */
    uint64_t last;       /* … and the last */
    uint32_t data_crc;   /* of the compressed bytes */
    uint32_t header_crc; /* of the bytes of this header before it */
};

G_STATIC_ASSERT(sizeof(struct file_header) == 32);
G_STATIC_ASSERT(sizeof(struct file_block) == 40);

/*
 * CRC-32 (that of zlib and PNG). Our own few lines, because zstd's checksum covers neither lengths nor compressed
 * bytes: with this one a damaged block is known before the decompressor sees it, and a damaged length is not taken for
 * a file that was cut.
 */
uint32_t file__crc(const void *data, size_t len);

/* What a rotated-to file must repeat: the start of the trace, the guest, live threads with what they told, their calls
 * in flight. */
struct file_state;
struct file_state *file_state__new(void);
void file_state__free(struct file_state *s);
void file_state__see(struct file_state *s, const struct qbk_record *rec);
/* META, GUEST, THREADs by seq, then NAMEs, OBJECTs and ENTERs by seq. `emit` returns 0, or anything else to stop, which
 * is returned. */
int file_state__repeat(struct file_state *s, int (*emit)(void *opaque, const struct qbk_record *rec), void *opaque);

#endif
