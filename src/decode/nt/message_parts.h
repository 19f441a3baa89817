/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between message.c and message_socket.c. */
#ifndef QEBEK_DECODE_NT_MESSAGE_PARTS_H
#define QEBEK_DECODE_NT_MESSAGE_PARTS_H

#include "decode/nt/message.h"

/* All `len` bytes, or NULL. */
const uint8_t *message__read(const struct nt_message_call *c, uint64_t address, size_t len);
unsigned message__word(const struct nt_message_call *c);
uint64_t message__load(const uint8_t *at, size_t size);
/* A piece of the data, if there is room; *left bytes of it all count. */
void message__part(struct nt_message *m, uint64_t address, uint64_t length, uint64_t *left);
/* NtCreateUserProcess */
bool message__process(const struct nt_message_call *c, struct nt_message *m);
bool message__socket(const struct nt_message_call *c, struct nt_message *m);

#endif
