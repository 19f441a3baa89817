/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where Sebek's records go: a receiver, or a capture file of packets. */
#ifndef QEBEK_SHOW_SEBEK_SEND_H
#define QEBEK_SHOW_SEBEK_SEND_H

#include <glib.h>

#include "show/sebek.h"

struct sebek_sender;

/* "udp://HOST:PORT", or the name of a file. NULL and error. */
struct sebek_sender *sebek_send__open(const char *where, const struct sebek_options *options, GError **error);
/*
 * One record of `len` bytes. 1: sent or written; 0: the receiver did not take it, which is no reason to stop; -1: the
 * file cannot be written, and error.
 */
int sebek_send__record(struct sebek_sender *sender, uint64_t time_ns, const uint8_t *record, size_t len,
                       GError **error);
int sebek_send__flush(struct sebek_sender *sender, GError **error);
int sebek_send__close(struct sebek_sender *sender, GError **error);

#endif
