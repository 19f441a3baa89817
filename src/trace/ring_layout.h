/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes of the ring's memory file, and the private side of each end. Only the ring's own files include this.
 *
 * What one end believes never comes from memory that the other end can write, save the two counters that must cross:
 * the writer believes its own head and a checked copy of tail, the reader its own tail and a checked copy of head.
 */
#ifndef QEBEK_TRACE_RING_LAYOUT_H
#define QEBEK_TRACE_RING_LAYOUT_H

#include "trace/ring.h"

#define RING_MAGIC    0x474e49524b424551ull /* "QEBKRING" */
#define RING_VERSION  1u
#define RING_PAGE     4096u
#define RING_SIZE_MIN 4096u /* far below any use; small rings are for tests */
#define RING_SIZE_MAX (1u << 30)
#define RING_LINE     64u
/* The reader gives space back after so much of a ring (size / 16) or so many records, so that a slow one does it too.
 */
#define RING_RELEASE_SHARE   16u
#define RING_RELEASE_RECORDS 256u

/* At offset 0. Written once by the writer, save the last two lines, which the reader writes. */
struct ring_header {
    uint64_t magic;
    uint32_t version;
    uint32_t n_rings;
    uint64_t ring_size;      /* of each ring's data */
    uint64_t control_offset; /* of the first struct ring_control */
    uint64_t data_offset;    /* of the first ring's data */
    uint64_t total;          /* size of the file */
    uint64_t reserved[2];
    /* second line */
    uint32_t asleep; /* futex: 1 while the reader sleeps; a writer that wakes it sets 0 */
    uint32_t reserved2[15];
    /* third line */
    uint64_t progress; /* grows with each record handed out, and whenever space is given back */
    uint64_t next_seq; /* the first record that was not handed out; 0: none ever was. For a reader that comes later */
    uint64_t reserved3[6];
};

/* One for each ring, each counter on a line of its own so that the ends do not slow each other. */
struct ring_control {
    uint64_t head; /* bytes ever written; the writer's */
    uint64_t reserved[7];
    uint64_t tail; /* bytes ever given back; the reader's */
    uint64_t reserved2[7];
    uint64_t lost_records; /* dropped, and not yet told in a GAP; the writer's, for a reader of a killed writer */
    uint64_t lost_bytes;
    uint64_t lost_enters;
    uint64_t lost_returns;
    uint64_t lost_reason;
    uint64_t reserved3[3];
};

G_STATIC_ASSERT(sizeof(struct ring_header) == 192);
G_STATIC_ASSERT(sizeof(struct ring_control) == 3 * RING_LINE);

/* One ring as its writer sees it: touched by that writer alone, save `lost`, `waits`, `wait_ns` (read by anyone). */
struct ring_writer {
    uint8_t *data;
    struct ring_control *control;
    uint64_t head;    /* committed */
    uint64_t tail;    /* as last seen and found sane */
    uint64_t wake_at; /* when head passes this, see whether the reader must be woken */
    uint64_t at;      /* where the reservation begins: a pending GAP, then the record */
    size_t reserved;  /* bytes of the record's reservation; 0: none */
    bool gap_first;   /* the reservation begins with room for the GAP */
    uint16_t vcpu;
    uint32_t gap_reason;
    uint64_t gap_records, gap_bytes, gap_enters, gap_returns; /* dropped and not yet told */
    uint64_t lost;                                            /* dropped ever */
    uint64_t waits, wait_ns;
} __attribute__((aligned(RING_LINE * 2)));

/* One ring as the reader sees it. */
struct ring_reader {
    const uint8_t *data;
    struct ring_control *control;
    uint64_t head; /* as last seen and found sane */
    uint64_t tail; /* end of the records handed out */
    uint64_t released;
    uint64_t seq;  /* of the record at tail, if the ring is in the heap */
    uint32_t size; /* … and its size, as it was when checked */
};

struct ring_set {
    /* The one thing that all writers change: on lines of its own, or each record would slow every other vCPU. */
    uint64_t seq;
    uint8_t line[RING_LINE * 2 - sizeof(uint64_t)];

    struct ring_header *header; /* the mapping */
    size_t total;
    size_t ring_size;
    size_t record_max;
    unsigned n_rings;

    /* writer */
    struct ring_writer *writers;
    bool lossy;
    unsigned stall_ms;
    int dead;
    uint64_t stalled; /* `progress` + 1 at the time a writer lost patience; 0: none did */
    uint64_t strays;  /* drops for an index that has no ring */

    /* reader */
    struct ring_reader *readers;
    unsigned *heap; /* rings with a known front, the smallest seq first */
    unsigned n_heap;
    unsigned *empty; /* the other rings */
    unsigned n_empty;
    uint64_t next;   /* the seq to hand out next */
    uint64_t resume; /* records below this were handed out by an earlier reader */
    bool taken;      /* the heap's first record was handed out */
    bool dirty;      /* something is to be released */
    bool broken;
    uint8_t *copy; /* the record handed out */
};

#endif
