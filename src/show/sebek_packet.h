/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sebek's packets: a version 3 record, and the Ethernet frame that carries it. Pure functions on bytes; all numbers on
 * the wire are big-endian.
 */
#ifndef QEBEK_SHOW_SEBEK_PACKET_H
#define QEBEK_SHOW_SEBEK_PACKET_H

#include <stddef.h>
#include <stdint.h>

#define SEBEK_HEADER 56u
#define SEBEK_FRAME  (14u + 20u + 8u)             /* Ethernet, IPv4 and UDP before a record */
#define SEBEK_DATA   (1500u - 28u - SEBEK_HEADER) /* of one record, so that the packet fits an Ethernet frame */
#define SEBEK_SOCKET 15u                          /* bytes of a socket record's data */

enum sebek_type { SEBEK_READ = 0, SEBEK_WRITE = 1, SEBEK_SOCK = 2, SEBEK_OPEN = 3 };

struct sebek_record {
    uint32_t magic;
    uint16_t type; /* enum sebek_type */
    uint32_t counter;
    uint64_t time_ns;
    uint32_t ppid, pid, uid, fd, inode;
    const char *comm; /* at most 12 bytes of it */
    const uint8_t *data;
    uint32_t len; /* at most SEBEK_DATA */
};

struct sebek_socket {
    uint8_t to[4], from[4];
    uint16_t to_port, from_port;
    uint16_t call; /* number of socketcall(2) */
    uint8_t protocol;
};

struct sebek_way {
    uint8_t from[4], to[4];
    uint16_t from_port, to_port;
};

/* Writes a record, SEBEK_HEADER + len bytes. Returns how many. */
size_t sebek_packet__record(uint8_t *to, const struct sebek_record *record);
/* Writes a socket record's data: SEBEK_SOCKET bytes. */
void sebek_packet__socket(uint8_t *to, const struct sebek_socket *socket);
/*
 * Writes the SEBEK_FRAME bytes that go before `len` bytes of payload at to + SEBEK_FRAME, which must be there already:
 * their checksum is among them. `id` numbers the IP packets. Returns the whole length.
 */
size_t sebek_packet__frame(uint8_t *to, const struct sebek_way *way, uint16_t id, size_t len);

#endif
