/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies what calls carry in memory beyond their arguments (decode/nt/message.h) into a record. */
#ifndef QEBEK_GUEST_NT_MESSAGE_H
#define QEBEK_GUEST_NT_MESSAGE_H

#include "guest/linux/capture.h"

/* An upper bound of the bytes that nt_message__capture will write; 0: such a call carries nothing. */
size_t nt_message__bound(const struct capture *c, uint32_t row);
void nt_message__capture(const struct capture *c, uint32_t row, struct snippet_writer *w);

#endif
