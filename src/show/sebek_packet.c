/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/sebek_packet.h"

#include <string.h>

#define COMM 12u
#define UDP  17u

static uint8_t *put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
    return put16(put16(at, (uint16_t)(value >> 16)), (uint16_t)value);
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

size_t sebek_packet__record(uint8_t *to, const struct sebek_record *r)
{
    uint8_t *at = put32(to, r->magic);

    at = put16(at, 3);
    at = put16(at, r->type);
    at = put32(at, r->counter);
    at = put32(at, (uint32_t)(r->time_ns / 1000000000u));
    at = put32(at, (uint32_t)(r->time_ns % 1000000000u / 1000u));
    at = put32(at, r->ppid);
    at = put32(at, r->pid);
    at = put32(at, r->uid);
    at = put32(at, r->fd);
    at = put32(at, r->inode);
    memset(at, 0, COMM);
    memcpy(at, r->comm, strnlen(r->comm, COMM));
    at = put32(at + COMM, r->len);
    if (r->len > 0)
        at = put_bytes(at, r->data, r->len);
    return (size_t)(at - to);
}

void sebek_packet__socket(uint8_t *to, const struct sebek_socket *s)
{
    uint8_t *at = put_bytes(to, s->to, 4);

    at = put16(at, s->to_port);
    at = put_bytes(at, s->from, 4);
    at = put16(at, s->from_port);
    at = put16(at, s->call);
    *at = s->protocol;
}

/* The sum of RFC 1071, to be folded. */
static uint32_t sum(uint32_t sum, const uint8_t *at, size_t len)
{
    for (; len > 1; at += 2, len -= 2)
        sum += (uint32_t)(at[0] << 8 | at[1]);
    return len ? sum + (uint32_t)(at[0] << 8) : sum;
}

static uint16_t folded(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffffu) + (sum >> 16);
    return (uint16_t)~sum;
}

size_t sebek_packet__frame(uint8_t *to, const struct sebek_way *way, uint16_t id, size_t len)
{
    static const uint8_t ethernet[14] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* Sebek's own packets were broadcast */
                                         0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 0x08, 0x00};
    uint8_t *ip = put_bytes(to, ethernet, sizeof(ethernet)), *udp = ip + 20, *at = ip;
    uint16_t udp_len = (uint16_t)(8 + len), check;
    uint32_t pseudo;

    at = put16(at, 0x4500);
    at = put16(at, (uint16_t)(20 + udp_len));
    at = put16(at, id);
    at = put16(at, 0x4000); /* do not fragment */
    *at++ = 64;
    *at++ = UDP;
    at = put16(at, 0);
    at = put_bytes(at, way->from, 4);
    put_bytes(at, way->to, 4);
    put16(ip + 10, folded(sum(0, ip, 20)));
    at = put16(udp, way->from_port);
    at = put16(at, way->to_port);
    at = put16(at, udp_len);
    put16(at, 0);
    pseudo = sum(UDP + udp_len, ip + 12, 8);
    check = folded(sum(pseudo, udp, udp_len));
    put16(udp + 6, check ? check : 0xffff);
    return SEBEK_FRAME + len;
}
