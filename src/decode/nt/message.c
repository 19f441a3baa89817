/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decode/nt/message.h"

#include <string.h>

#include "decode/nt/message_parts.h"
#include "decode/nt/nt.h"

#define CONDRV_ISSUE_USER_IO 0x500016u
#define AFD_DEVICE           0x12000u /* control codes of FILE_DEVICE_NETWORK: the function in bits 2 to 11 */
#define CSR_READ_CONSOLE     0x2021du
#define CSR_WRITE_CONSOLE    0x2021eu
#define SHORT_TEXT           80u        /* bytes that fit into the message itself */
#define CONDRV_READ          0x1000005u /* layer 1, number 5 */
#define CONDRV_WRITE         0x1000006u
#define CONDRV_BUFFERS       8u

/* ---- reading ---- */

const uint8_t *message__read(const struct nt_message_call *c, uint64_t address, size_t len)
{
    size_t have = 0;
    const uint8_t *bytes = address ? c->read(c->user, address, len, false, &have) : NULL;
    return bytes && have == len ? bytes : NULL;
}

unsigned message__word(const struct nt_message_call *c)
{
    return decode__word(c->abi);
}

uint64_t message__load(const uint8_t *at, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, at, size <= sizeof(value) ? size : sizeof(value));
    return value;
}

void message__part(struct nt_message *m, uint64_t address, uint64_t length, uint64_t *left)
{
    if (length > *left)
        length = *left;
    if (m->parts == NT_MESSAGE_PARTS || length == 0 || address == 0)
        return;
    *left -= length;
    m->part[m->parts].address = address;
    m->part[m->parts++].length = length;
}

/* ---- the console by messages to CSRSS or conhost ---- */

/* Offsets in the message, and in its data, for words of 4 and of 8 bytes. */
static const struct {
    unsigned number, data;
    unsigned text, pointer, length, in_message, wide;              /* WriteConsole */
    unsigned r_text, r_pointer, r_length, r_captured, r_wide, end; /* ReadConsole */
} csr[2] = {{0x1c, 0x28, 8, 0x58, 0x5c, 0x64, 0x65, 0xa, 0x5c, 0x60, 0x64, 0x74, 0x78},
            {0x30, 0x40, 16, 0x60, 0x68, 0x70, 0x71, 0x12, 0x68, 0x70, 0x74, 0x84, 0x88}};

static bool csr_message(const struct nt_message_call *c, uint64_t at, struct nt_message *m)
{
    unsigned word = message__word(c), w = word == 8;
    uint64_t left = NT_MESSAGE_BYTES;
    const uint8_t *b = message__read(c, at, csr[w].data + csr[w].end), *d;
    if (!b || message__load(b + csr[w].number, 4) != (c->at_return ? CSR_READ_CONSOLE : CSR_WRITE_CONSOLE))
        return false;
    d = b + csr[w].data;
    m->kind = c->at_return ? NT_MESSAGE_CONSOLE_INPUT : NT_MESSAGE_CONSOLE_OUTPUT;
    m->console = message__load(d, word);
    m->wide = d[c->at_return ? csr[w].r_wide : csr[w].wide] != 0;
    uint64_t length = message__load(d + (c->at_return ? csr[w].r_length : csr[w].length), 4);
    bool inside = c->at_return ? message__load(d + csr[w].r_captured, 4) <= SHORT_TEXT : d[csr[w].in_message] != 0;
    if (inside && length > SHORT_TEXT)
        return false; /* it would not fit: no such message */
    if (inside)
        message__part(m, at + csr[w].data + (c->at_return ? csr[w].r_text : csr[w].text), length, &left);
    else
        message__part(m, message__load(d + (c->at_return ? csr[w].r_pointer : csr[w].pointer), word), length, &left);
    return true;
}

/* ---- the console driver ---- */

struct condrv {
    uint64_t client;
    uint32_t inputs, outputs;
    uint64_t at[CONDRV_BUFFERS];
    uint32_t size[CONDRV_BUFFERS];
};

/* Client, two counts, then pairs of size and address: those that go in first, then those that come out. */
static bool condrv_request(const struct nt_message_call *c, struct condrv *r)
{
    unsigned word = message__word(c), head = word + 8;
    const uint8_t *b = message__read(c, c->args[6], head), *p;
    if (!b)
        return false;
    *r = (struct condrv){.client = message__load(b, word),
                         .inputs = (uint32_t)message__load(b + word, 4),
                         .outputs = (uint32_t)message__load(b + word + 4, 4)};
    if (r->inputs == 0 || r->inputs > CONDRV_BUFFERS || r->outputs > CONDRV_BUFFERS ||
        r->inputs + r->outputs > CONDRV_BUFFERS)
        return false;
    unsigned n = r->inputs + r->outputs;
    p = message__read(c, c->args[6] + head, (size_t)n * 2 * word);
    for (unsigned i = 0; p && i < n; i++) {
        r->size[i] = (uint32_t)message__load(p + (size_t)i * 2 * word, 4);
        r->at[i] = message__load(p + (size_t)i * 2 * word + word, word);
    }
    return p != NULL;
}

static bool condrv_message(const struct nt_message_call *c, struct nt_message *m)
{
    struct condrv r;
    uint64_t left = NT_MESSAGE_BYTES;
    if (!condrv_request(c, &r) || r.size[0] < 16)
        return false;
    const uint8_t *b = message__read(c, r.at[0], 16), *body;
    uint32_t number = b ? (uint32_t)message__load(b, 4) : 0;
    if (number != (c->at_return ? CONDRV_READ : CONDRV_WRITE))
        return false;
    m->console = r.client;
    m->wide = b[c->at_return ? 8 : 12] != 0;
    m->kind = c->at_return ? NT_MESSAGE_CONSOLE_INPUT : NT_MESSAGE_CONSOLE_OUTPUT;
    if (!c->at_return) {
        for (unsigned i = 1; i < r.inputs; i++)
            message__part(m, r.at[i], r.size[i], &left);
        return true;
    }
    /* What comes out first is the message again, now with how much was read; then the text. */
    body = r.outputs >= 2 && r.size[r.inputs] >= 20 ? message__read(c, r.at[r.inputs], 20) : NULL;
    if (!body)
        return false;
    if (message__load(body + 16, 4) < left)
        left = message__load(body + 16, 4);
    for (unsigned i = r.inputs + 1; i < r.inputs + r.outputs; i++)
        message__part(m, r.at[i], r.size[i], &left);
    return true;
}

/* ---- all of them ---- */

bool nt_message__may(uint32_t row, const uint64_t *args)
{
    if (row == DECODE_NT_DeviceIoControlFile)
        return (uint32_t)args[5] == CONDRV_ISSUE_USER_IO || ((uint32_t)args[5] & ~0xfffu) == AFD_DEVICE;
    if (row == DECODE_NT_CreateUserProcess)
        return args[8] != 0 || args[10] != 0;
    return row == DECODE_NT_RequestWaitReplyPort || row == DECODE_NT_AlpcSendWaitReceivePort;
}

static bool understand(const struct nt_message_call *c, struct nt_message *m)
{
    switch (c->row) {
    case DECODE_NT_RequestWaitReplyPort: /* port, request, reply */
        return csr_message(c, c->args[c->at_return ? 2 : 1], m);
    case DECODE_NT_AlpcSendWaitReceivePort: /* port, flags, send, its attributes, receive … */
        return csr_message(c, c->args[c->at_return ? 4 : 2], m);
    case DECODE_NT_CreateUserProcess:
        return message__process(c, m);
    case DECODE_NT_DeviceIoControlFile:
        return (uint32_t)c->args[5] == CONDRV_ISSUE_USER_IO ? condrv_message(c, m) : message__socket(c, m);
    default:
        return false;
    }
}

bool nt_message__decode(const struct nt_message_call *c, struct nt_message *out)
{
    size_t have;
    memset(out, 0, sizeof(*out));
    if (!nt_message__may(c->row, c->args) || !understand(c, out)) {
        out->kind = NT_MESSAGE_NONE;
        return false;
    }
    for (unsigned i = 0; i < out->parts; i++)
        (void)c->read(c->user, out->part[i].address, (size_t)out->part[i].length, true, &have);
    return true;
}
