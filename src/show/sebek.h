/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of the sebek output. */
#ifndef QEBEK_SHOW_SEBEK_H
#define QEBEK_SHOW_SEBEK_H

#include <stdbool.h>
#include <stdint.h>

#define SEBEK_PORT  1101u
#define SEBEK_MAGIC 0xd0d0d0d0u

struct sebek_options {
    uint32_t magic;
    uint8_t from[4], to[4];      /* of packets in a file */
    uint16_t from_port, to_port; /* … ; from_port 0: SEBEK_PORT in a file, any port of ours for a receiver */
    bool keystrokes;             /* only short reads from terminals */
};

void sebek_options__init(struct sebek_options *options);
/* "ADDRESS", "ADDRESS:PORT" or ":PORT": false if it is none of them; what is not named stays as it was. */
bool sebek_options__address(const char *text, uint8_t ip[4], uint16_t *port);

#endif
