/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ring: shared memory between the plugin (writes) and the qebek process (reads).
 *
 * One memory file holds a header page and one ring for each vCPU plus a last one for everything that is not a vCPU.
 * Each ring has one writer and one reader; head and tail are 64-bit byte counts that only grow. Records lie whole in a
 * ring (a QBK_PAD record fills the end before the wrap). Their order over all rings is `seq`: it is drawn from one
 * atomic counter at the moment of commit, so a reader takes the record whose seq is next and never waits for an idle
 * vCPU.
 *
 * Full: the writer waits while the reader makes progress, `stall_ms` at most without any, then counts what it drops and
 * says so in a GAP as soon as there is room; the same at once with `lossy`, or when the reader is known to be dead.
 */
#ifndef QEBEK_TRACE_RING_H
#define QEBEK_TRACE_RING_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qebek/record.h"

#define RING_SIZE_DEFAULT                                                                                              \
    (8u << 20)               /* bytes each; a power of two, at least 4 * QBK_RECORD_MAX to take the largest record */
#define RING_COUNT_MAX 1025u /* 1024 vCPUs and the one for everything else */

struct ring_set; /* one mapping of the memory file, of a writer or a reader */

/*
 * ---- plugin side ----
 * Make the memory file (memfd, close-on-exec, sealed against shrinking) for n_vcpus + 1 rings. *fd is the caller's to
 * send and close. NULL and error set on failure.
 */
struct ring_set *ring__create(unsigned n_vcpus, size_t ring_size, int *fd, GError **error);
void ring__set_policy(struct ring_set *set, bool lossy, unsigned stall_ms);
/* Any thread: from now on no writer waits (the reader's end of the link is closed). Undone by ring__reader_back. */
void ring__reader_dead(struct ring_set *set);
void ring__reader_back(struct ring_set *set);

/*
 * Room for a record of at most `max` bytes in ring `index`, or NULL (dropped, and counted there). No record may be
 * longer than QBK_RECORD_MAX or a quarter of the ring. Called by that vCPU's
 * thread alone (the last index: by whoever holds the plugin's own lock). The returned memory is zeroed only in its
 * first sizeof(struct qbk_record) bytes. `type` tells the loss counters what a drop was.
 */
void *ring__reserve(struct ring_set *set, unsigned index, size_t max, enum qbk_type type);
/*
 * Publish the reserved record: the caller has set type and thread and the rest; this sets size (`used`, rounded up to
 * 8, padding zeroed), vcpu, seq and time_ns. Returns the record's seq.
 */
uint64_t ring__commit(struct ring_set *set, unsigned index, size_t used, uint64_t time_ns);
/* Give a reservation back unused. */
void ring__cancel(struct ring_set *set, unsigned index);
/*
 * Write the GAP of ring `index` that is still to be written, if there is one: at the end, when no record will bring it
 * along. For the ring's own writer; when no vCPU runs any more: for anyone, each ring in turn. False: no room.
 */
bool ring__flush_gap(struct ring_set *set, unsigned index, uint64_t time_ns);
/* Sums over all rings, for the summary. Any thread. */
void ring__stats(struct ring_set *set, uint64_t *lost_records, uint64_t *waits, uint64_t *wait_ns);

/*
 * ---- reader side ----
 * Map a memory file that came from the plugin: every number in it is checked (a hostile guest may have taken QEMU
 * over).
 */
struct ring_set *ring__open(int fd, GError **error);
/*
 * The next record in seq order, or NULL when it is not there yet. It stays valid until the next call of ring__next or
 * ring__release, and is checked: size within the ring, type, alignment. *broken is set when the ring's content is not
 * what a writer of ours leaves: stop reading then. `at_end`: the writer is gone, so holes in seq will not fill: skip
 * them (each skipped number is added to *holes).
 */
const struct qbk_record *ring__next(struct ring_set *set, bool at_end, uint64_t *holes, bool *broken);
/* Hand the space of all records returned so far back to the writers (batched; ring__next does it every so often). */
void ring__release(struct ring_set *set);
/* Sleep until something may be there, at most timeout_ms. Cheap for writers: they wake nobody unless a ring is half
 * full. */
void ring__wait(struct ring_set *set, unsigned timeout_ms);

struct ring_losses {
    uint64_t records, bytes, enters, returns;
};
/* What was dropped without a GAP that says so, because the writer ended too early. Sums over all rings; hostile. */
void ring__untold(struct ring_set *set, struct ring_losses *losses);

void ring__free(struct ring_set *set);

#endif
