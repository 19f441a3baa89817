/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What NtDeviceIoControlFile tells and asks AFD, the driver of sockets. */
#include <string.h>

#include "decode/nt/message_parts.h"

#define FAMILY_IPV4 2u
#define FAMILY_IPV6 23u
#define ADDRESS_MAX 36u /* bytes that are looked at: a TRANSPORT_ADDRESS with an IPv6 address has 34 */
#define BUFFERS_MAX 16u

/* ---- addresses ---- */

/* family, port in network order, then IPv4: address; IPv6: flow, address. */
static bool take_sockaddr(const uint8_t *b, size_t have, struct nt_address *out)
{
    unsigned family = have >= 8 ? (unsigned)message__load(b, 2) : 0;
    if (family == FAMILY_IPV4) {
        out->family = 4;
        memcpy(out->ip, b + 4, 4);
    } else if (family == FAMILY_IPV6 && have >= 24) {
        out->family = 6;
        memcpy(out->ip, b + 8, 16);
    } else {
        return false;
    }
    out->port = (uint16_t)(b[2] << 8 | b[3]);
    return true;
}

bool nt_message__address(const uint8_t *b, size_t have, struct nt_address *out)
{
    memset(out, 0, sizeof(*out));
    if (take_sockaddr(b, have, out))
        return true;
    /* One address: its length without the family, then a sockaddr. */
    return have >= 14 && message__load(b, 4) == 1 && message__load(b + 4, 2) >= 6 &&
           take_sockaddr(b + 6, have - 6, out);
}

static void read_address(const struct nt_message_call *c, struct nt_message *m, uint64_t at, uint64_t room)
{
    size_t have = 0, len = room < ADDRESS_MAX ? (size_t)room : ADDRESS_MAX;
    const uint8_t *b = at && len ? c->read(c->user, at, len, false, &have) : NULL;
    if (b)
        (void)nt_message__address(b, have, &m->address);
}

/* An address inside the input, from `offset` on. */
static void input_address(const struct nt_message_call *c, struct nt_message *m, unsigned offset)
{
    uint64_t length = (uint32_t)c->args[7];
    if (length > offset)
        read_address(c, m, c->args[6] + offset, length - offset);
}

/* ---- data ---- */

/* How many bytes were moved: the status block's second word. */
static uint64_t moved(const struct nt_message_call *c)
{
    unsigned word = message__word(c);
    const uint8_t *b = message__read(c, c->args[4], 2 * word);
    uint64_t n = b ? message__load(b + word, word) : 0;
    return n < NT_MESSAGE_BYTES ? n : NT_MESSAGE_BYTES;
}

/* The input begins with an array of (32-bit length, address), and how many. */
static void buffers(const struct nt_message_call *c, struct nt_message *m, uint64_t left)
{
    unsigned word = message__word(c);
    const uint8_t *b = (uint32_t)c->args[7] >= word + 4 ? message__read(c, c->args[6], word + 4) : NULL, *each;
    uint64_t count = b ? message__load(b + word, 4) : 0;
    if (count > BUFFERS_MAX)
        count = BUFFERS_MAX;
    each = count ? message__read(c, message__load(b, word), (size_t)count * 2 * word) : NULL;
    for (uint64_t i = 0; each && i < count; i++) {
        const uint8_t *one = each + i * 2 * word;
        message__part(m, message__load(one + word, word), message__load(one, 4), &left);
    }
}

/* ---- each control code ---- */

static void bind_(const struct nt_message_call *c, struct nt_message *m)
{
    input_address(c, m, 4); /* behind how it is shared */
}

static void connect_(const struct nt_message_call *c, struct nt_message *m)
{
    input_address(c, m, 3 * message__word(c));
}

static void connect_ex(const struct nt_message_call *c, struct nt_message *m)
{
    input_address(c, m, 4);
    if (m->address.family == 0)
        input_address(c, m, 2); /* Vista and later: a sockaddr right behind a BOOLEAN */
}

static void listen_(const struct nt_message_call *c, struct nt_message *m)
{
    const uint8_t *b = message__read(c, c->args[6], 8);
    m->backlog = b ? (uint32_t)message__load(b + 4, 4) : 0;
}

static void waited(const struct nt_message_call *c, struct nt_message *m)
{
    if ((uint32_t)c->args[9] > 4)
        read_address(c, m, c->args[8] + 4, (uint32_t)c->args[9] - 4u); /* behind the connection's number */
}

static void accept_(const struct nt_message_call *c, struct nt_message *m)
{
    unsigned word = message__word(c);
    const uint8_t *b = message__read(c, c->args[6], 8 + word);
    m->other = b ? message__load(b + 8, word) : 0;
}

/* Input: two BOOLEAN, handle, lengths of data and of the two addresses that stand behind each other in the output. */
static void accept_ex(const struct nt_message_call *c, struct nt_message *m)
{
    unsigned word = message__word(c);
    const uint8_t *b = message__read(c, c->args[6], 2 * word + 12);
    uint64_t left = NT_MESSAGE_BYTES;
    if (!b)
        return;
    uint64_t data = message__load(b + 2 * word, 4), local = message__load(b + 2 * word + 4, 4);
    uint64_t remote = message__load(b + 2 * word + 8, 4), room = (uint32_t)c->args[9];
    m->other = message__load(b + word, word);
    if (!c->at_return || data + local + remote > room)
        return;
    if (data)
        left = moved(c);
    read_address(c, m, c->args[8] + data + local, remote);
    message__part(m, c->args[8], data, &left);
}

static void send_(const struct nt_message_call *c, struct nt_message *m)
{
    buffers(c, m, NT_MESSAGE_BYTES);
}

static void receive(const struct nt_message_call *c, struct nt_message *m)
{
    buffers(c, m, moved(c));
}

/* Behind the buffers lies a TDI request, and in it the address at last. */
static void send_to(const struct nt_message_call *c, struct nt_message *m)
{
    unsigned word = message__word(c), at = word == 8 ? 88 : 48;
    const uint8_t *b = (uint32_t)c->args[7] >= at + 2 * word ? message__read(c, c->args[6], at + 2 * word) : NULL;
    if (b)
        read_address(c, m, message__load(b + at + word, word), message__load(b + at, 4));
    send_(c, m);
}

static void receive_from(const struct nt_message_call *c, struct nt_message *m)
{
    unsigned word = message__word(c), at = word == 8 ? 24 : 16;
    const uint8_t *b = (uint32_t)c->args[7] >= at + 2 * word ? message__read(c, c->args[6], at + 2 * word) : NULL;
    const uint8_t *length = b ? message__read(c, message__load(b + at + word, word), 4) : NULL;
    if (length)
        read_address(c, m, message__load(b + at, word), message__load(length, 4));
    receive(c, m);
}

enum { AT_ENTRY = 1, AT_RETURN = 2 };

static const struct {
    uint32_t code;
    const char *op;
    unsigned when;
    void (*take)(const struct nt_message_call *c, struct nt_message *m);
} operations[] = {{0x12003, "bind", AT_ENTRY, bind_},
                  {0x12007, "connect", AT_ENTRY, connect_},
                  {0x1200b, "listen", AT_ENTRY, listen_},
                  {0x1200c, "wait_for_connection", AT_RETURN, waited},
                  {0x12010, "accept", AT_ENTRY, accept_},
                  {0x12017, "receive", AT_RETURN, receive},
                  {0x1201b, "receive_from", AT_RETURN, receive_from},
                  {0x1201f, "send", AT_ENTRY, send_},
                  {0x12023, "send_to", AT_ENTRY, send_to},
                  {0x12083, "accept", AT_ENTRY | AT_RETURN, accept_ex},
                  {0x120c7, "connect", AT_ENTRY, connect_ex}};

bool message__socket(const struct nt_message_call *c, struct nt_message *m)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (operations[i].code != (uint32_t)c->args[5] ||
            !(operations[i].when & (unsigned)(c->at_return ? AT_RETURN : AT_ENTRY)))
            continue;
        m->kind = NT_MESSAGE_SOCKET;
        m->op = operations[i].op;
        operations[i].take(c, m);
        return true;
    }
    return false;
}
