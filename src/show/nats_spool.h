/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What waits to be sent: a ring of objects in a file that two processes share, one that puts in and one that takes out.
 * The file has no name and is as large as it will ever be from the start, so that a full disk shows then and not later.
 */
#ifndef QEBEK_SHOW_NATS_SPOOL_H
#define QEBEK_SHOW_NATS_SPOOL_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "show/trace_id.h"

/* An object and what its message is called: TRACE-SEQ-PART. */
struct spool_item {
    uint32_t size; /* of the whole item, a multiple of 8 */
    uint32_t len;  /* of text */
    uint64_t seq;  /* of the record that it is about */
    uint32_t part; /* SPOOL_PAD: only fills the end of the ring */
    uint32_t reserved;
    char text[];
};
#define SPOOL_PAD      UINT32_MAX
#define SPOOL_LAST     400u
#define SPOOL_PART_END 16u /* from here on: told at the trace's end, of records that came long before */

/* Shared; each field is written by one side only. Atomic. */
struct spool_state {
    uint64_t put, taken;       /* bytes since the beginning */
    uint64_t items, sent;      /* put in; acknowledged by the server */
    uint64_t duplicates;       /* of these: the server had them already */
    uint32_t closing;          /* nothing more will be put in: end when all is sent, or wait_ms later */
    uint32_t connected;        /* to the server */
    char trace[TRACE_ID_SIZE]; /* set before the first item */
};

struct spool {
    struct spool_state *state;
    uint8_t *ring;
    uint64_t size;
    int wake[2]; /* a pipe: a byte where the ring was empty before; its end is the other side's */
};

/* Make one of `size` bytes (a multiple of 4096) in the directory for temporary files. 0, or -1 with error. */
int spool__open(struct spool *spool, uint64_t size, GError **error);
void spool__close(struct spool *spool);
/*
 * The side that puts in. False: no room now. For the very last item some is always left, if it is of at most
 * SPOOL_LAST bytes: it may have to say what found no room.
 */
bool spool__put(struct spool *spool, uint64_t seq, uint32_t part, const char *text, size_t len, bool last);
/* The side that takes out: the item at `at` (from state->taken up), or NULL if there is none; *next is the one's after
 * it. It stays until spool__taken. */
const struct spool_item *spool__look(const struct spool *spool, uint64_t at, uint64_t *next);
void spool__taken(struct spool *spool, uint64_t up_to);
/* Largest text that fits. */
size_t spool__largest(const struct spool *spool);

#endif
