/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the ring share: rings, and records whose content tells what it must be. */
#ifndef QEBEK_TESTS_TRACE_RING_HELP_H
#define QEBEK_TESTS_TRACE_RING_HELP_H

#include "trace/ring.h"

struct ring_set *ring_help__create(unsigned n_vcpus, size_t size, int *fd);
struct ring_set *ring_help__open(int fd);
/* A LOG record of `len` bytes whose content follows from `tag`. False: dropped. */
bool ring_help__put(struct ring_set *set, unsigned index, uint32_t tag, size_t len);
void ring_help__assert_content(const struct qbk_record *rec);
uint32_t ring_help__random(uint32_t *x); /* *x: the state, not 0 */

#endif
