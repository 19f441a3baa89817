/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What NT's calls carry in memory: messages of consoles and sockets, as bytes, and bytes that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "decode/nt/message.h"
#include "decode/nt/nt.h"

#define BASE 0x10000u
#define SIZE 0x4000u

/* A piece of a program's memory. */
struct memory {
    uint8_t bytes[SIZE];
    uint64_t data_at, data_len; /* the last data that was asked for */
    unsigned reads;
};

static const uint8_t *look(void *user, uint64_t address, size_t len, bool data, size_t *have)
{
    struct memory *m = user;
    m->reads++;
    *have = 0;
    if (data) {
        m->data_at = address;
        m->data_len = len;
    }
    if (address < BASE || address >= BASE + SIZE)
        return NULL;
    *have = len < BASE + SIZE - address ? len : (size_t)(BASE + SIZE - address);
    return m->bytes + (address - BASE);
}

static void put(struct memory *m, uint64_t at, uint64_t value, size_t size)
{
    memcpy(m->bytes + (at - BASE), &value, size);
}

static struct nt_message_call call(struct memory *m, enum qbk_abi abi, uint32_t row, const uint64_t *args,
                                   bool at_return)
{
    return (struct nt_message_call){
        .abi = abi, .row = row, .args = args, .at_return = at_return, .read = look, .user = m};
}

static bool decode(struct memory *m, enum qbk_abi abi, uint32_t row, const uint64_t *args, bool at_return,
                   struct nt_message *out)
{
    struct nt_message_call c = call(m, abi, row, args, at_return);
    return nt_message__decode(&c, out);
}

/* ---- the console by LPC and ALPC ---- */

struct csr {
    enum qbk_abi abi;
    uint32_t row, number, data;
    unsigned console, text, pointer, length, inside, wide, before, after; /* inside: a flag, or the captured size */
};
/* WriteConsole and ReadConsole of each width. */
static const struct csr writes[] = {
    {QBK_ABI_NT_X86, DECODE_NT_RequestWaitReplyPort, 0x1c, 0x28, 0, 8, 0x58, 0x5c, 0x64, 0x65, 1, 2},
    {QBK_ABI_NT_X64, DECODE_NT_RequestWaitReplyPort, 0x30, 0x40, 0, 16, 0x60, 0x68, 0x70, 0x71, 1, 2},
    {QBK_ABI_NT_X64, DECODE_NT_AlpcSendWaitReceivePort, 0x30, 0x40, 0, 16, 0x60, 0x68, 0x70, 0x71, 2, 4}};
static const struct csr reads[] = {
    {QBK_ABI_NT_X86, DECODE_NT_RequestWaitReplyPort, 0x1c, 0x28, 0, 10, 0x5c, 0x60, 0x64, 0x74, 1, 2},
    {QBK_ABI_NT_X64, DECODE_NT_RequestWaitReplyPort, 0x30, 0x40, 0, 18, 0x68, 0x70, 0x74, 0x84, 1, 2},
    {QBK_ABI_NT_X64, DECODE_NT_AlpcSendWaitReceivePort, 0x30, 0x40, 0, 18, 0x68, 0x70, 0x74, 0x84, 2, 4}};

static void message(struct memory *m, const struct csr *s, uint32_t api, uint64_t at, uint32_t length, bool is_read,
                    bool inside, bool wide)
{
    unsigned word = decode__word(s->abi);
    memset(m, 0, sizeof(*m));
    put(m, at + s->number, api, 4);
    put(m, at + s->data, 0x57, word);
    put(m, at + s->data + s->pointer, BASE + 0x2000, word);
    put(m, at + s->data + s->length, length, 4);
    if (is_read)
        put(m, at + s->data + s->inside, inside ? 80 : length, 4);
    else
        put(m, at + s->data + s->inside, inside, 1);
    put(m, at + s->data + s->wide, wide, 1);
}

static void consoles(void **state)
{
    struct memory *m = calloc(1, sizeof(*m));
    struct nt_message out;
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        const bool is_read = i >= 3;
        const struct csr *s = is_read ? &reads[i - 3] : &writes[i];
        const uint32_t api = is_read ? 0x2021d : 0x2021e;
        const uint64_t at = BASE + 0x100;
        uint64_t args[20] = {0x18};
        args[is_read ? s->after : s->before] = at;
        for (unsigned inside = 0; inside < 2; inside++) {
            const uint32_t length = inside ? 80 : 300;
            message(m, s, api, at, length, is_read, inside, i & 1);
            assert_true(decode(m, s->abi, s->row, args, is_read, &out));
            assert_int_equal(out.kind, is_read ? NT_MESSAGE_CONSOLE_INPUT : NT_MESSAGE_CONSOLE_OUTPUT);
            assert_int_equal(out.wide, i & 1);
            assert_int_equal(out.console, 0x57);
            assert_int_equal(out.parts, 1);
            assert_int_equal(out.part[0].address, inside ? at + s->data + s->text : BASE + 0x2000);
            assert_int_equal(out.part[0].length, length);
            assert_int_equal(m->data_at, out.part[0].address);
            assert_int_equal(m->data_len, length);
            assert_false(decode(m, s->abi, s->row, args, !is_read, &out)); /* not at the other end of the call */
        }
        message(m, s, api + 1, at, 10, is_read, true, false); /* another service of the server's */
        assert_false(decode(m, s->abi, s->row, args, is_read, &out));
        message(m, s, api, at, 0xffffffff, is_read, false, false); /* 4 GiB */
        assert_true(decode(m, s->abi, s->row, args, is_read, &out));
        assert_int_equal(out.part[0].length, NT_MESSAGE_BYTES);
        args[is_read ? s->after : s->before] = 0;
        assert_false(decode(m, s->abi, s->row, args, is_read, &out));
    }
    message(m, &writes[0], 0x2021e, BASE, 81, false, true, false); /* more than fits in the message */
    const uint64_t args[20] = {0, BASE, BASE};
    assert_false(decode(m, QBK_ABI_NT_X86, DECODE_NT_RequestWaitReplyPort, args, false, &out));
    free(m);
}

/* ---- the console driver ---- */

static void condrv(struct memory *m, unsigned word, uint32_t inputs, uint32_t outputs, uint32_t api)
{
    memset(m, 0, sizeof(*m));
    put(m, BASE, 0x64, word);
    put(m, BASE + word, inputs, 4);
    put(m, BASE + word + 4, outputs, 4);
    for (unsigned i = 0; i < inputs + outputs && i < 8; i++) {
        uint64_t at = BASE + word + 8 + (uint64_t)i * 2 * word;
        put(m, at, i == 0 ? 28 : i == inputs ? 20 : 100, 4);
        put(m, at + word, BASE + 0x1000 + 0x100 * i, word);
    }
    put(m, BASE + 0x1000, api, 4);
    put(m, BASE + 0x1000 + 8, 1, 1);  /* ReadConsole: wide */
    put(m, BASE + 0x1000 + 12, 1, 1); /* WriteConsole: wide */
    if (outputs)
        put(m, BASE + 0x1000 + 0x100 * inputs + 16, 130, 4);
}

static void drivers(void **state)
{
    struct memory *m = calloc(1, sizeof(*m));
    struct nt_message out;
    const uint64_t args[20] = {0x50, 0, 0, 0, 0, 0x500016, BASE, 64, 0, 0};
    (void)state;
    for (unsigned w = 0; w < 2; w++) {
        const enum qbk_abi abi = w ? QBK_ABI_NT_X64 : QBK_ABI_NT_X86;
        const uint32_t row = DECODE_NT_DeviceIoControlFile;
        condrv(m, w ? 8 : 4, 3, 0, 0x1000006);
        assert_true(decode(m, abi, row, args, false, &out));
        assert_int_equal(out.kind, NT_MESSAGE_CONSOLE_OUTPUT);
        assert_true(out.wide);
        assert_int_equal(out.console, 0x64);
        assert_int_equal(out.parts, 2);
        assert_int_equal(out.part[1].address, BASE + 0x1200);
        assert_false(decode(m, abi, row, args, true, &out));
        condrv(m, w ? 8 : 4, 1, 3, 0x1000005);
        assert_true(decode(m, abi, row, args, true, &out));
        assert_int_equal(out.kind, NT_MESSAGE_CONSOLE_INPUT);
        assert_int_equal(out.parts, 2);
        assert_int_equal(out.part[0].address, BASE + 0x1200);
        assert_int_equal(out.part[0].length, 100);
        assert_int_equal(out.part[1].length, 30); /* of 100: 130 bytes were read in all */
        condrv(m, w ? 8 : 4, 1, 1, 0x1000005);
        assert_false(decode(m, abi, row, args, true, &out)); /* the message alone comes out */
        condrv(m, w ? 8 : 4, 3, 0, 0x1000001);
        assert_false(decode(m, abi, row, args, false, &out)); /* GetMode */
        condrv(m, w ? 8 : 4, 0xffffffff, 2, 0x1000006);
        assert_false(decode(m, abi, row, args, false, &out));
        condrv(m, w ? 8 : 4, 0, 0, 0x1000006);
        assert_false(decode(m, abi, row, args, false, &out));
    }
    free(m);
}

/* ---- sockets ---- */

static const uint8_t sockaddr4[] = {2, 0, 0x1f, 0x90, 10, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0};
static const uint8_t tdi4[] = {1, 0, 0, 0, 14, 0, 2, 0, 0x1f, 0x90, 10, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0};
static const uint8_t sockaddr6[] = {23, 0, 0, 80, 0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0,
                                    0,  0, 1, 2,  3, 4, 5, 6, 7,    8,    0, 0, 0, 0};
static const uint8_t tdi6[] = {1, 0, 0, 0, 26, 0, 23, 0, 0, 80, 0, 0, 0, 0, 0xfe, 0x80, 0,
                               0, 0, 0, 0, 0,  1, 2,  3, 4, 5,  6, 7, 8, 0, 0,    0,    0};

static const struct {
    const uint8_t *bytes;
    size_t len;
    uint8_t family;
    uint16_t port;
} addresses[] = {{sockaddr4, sizeof(sockaddr4), 4, 8080},
                 {tdi4, sizeof(tdi4), 4, 8080},
                 {sockaddr6, sizeof(sockaddr6), 6, 80},
                 {tdi6, sizeof(tdi6), 6, 80}};

static void is_address(const struct nt_address *a, unsigned i)
{
    static const uint8_t ip4[] = {10, 1, 2, 3}, ip6[] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    assert_int_equal(a->family, addresses[i].family);
    assert_int_equal(a->port, addresses[i].port);
    assert_memory_equal(a->ip, addresses[i].family == 4 ? ip4 : ip6, addresses[i].family == 4 ? 4 : 16);
}

static void address(void **state)
{
    struct nt_address a;
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        assert_true(nt_message__address(addresses[i].bytes, addresses[i].len, &a));
        is_address(&a, i);
        for (size_t n = 0; n < (addresses[i].family == 4 ? 8u : 24u) + (i & 1 ? 6 : 0); n++)
            assert_false(nt_message__address(addresses[i].bytes, n, &a));
    }
    static const uint8_t other[32] = {1, 0, 0, 0, 14, 0, 6, 0, 1, 2, 3}; /* AF_IPX in the same clothes */
    assert_false(nt_message__address(other, sizeof(other), &a));
}

static const struct {
    uint32_t code;
    const char *op;
    bool at_return;
    unsigned offset[2]; /* of the address in the input, or the output; x86, x64; 0: none there */
} operations[] = {{0x12003, "bind", false, {4, 4}},
                  {0x12007, "connect", false, {12, 24}},
                  {0x120c7, "connect", false, {4, 4}},
                  {0x1200c, "wait_for_connection", true, {4, 4}}};

static void endpoints(void **state)
{
    struct memory *m = calloc(1, sizeof(*m));
    struct nt_message out;
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned k = 0; k < 8; k++) {
            const enum qbk_abi abi = k & 1 ? QBK_ABI_NT_X64 : QBK_ABI_NT_X86;
            const uint64_t args[20] = {0x50, 0, 0, 0, BASE, operations[i].code, BASE + 0x100, 64, BASE + 0x200, 64};
            memset(m, 0, sizeof(*m));
            memcpy(m->bytes + (operations[i].at_return ? 0x200 : 0x100) + operations[i].offset[k & 1],
                   addresses[k / 2].bytes, addresses[k / 2].len);
            assert_true(decode(m, abi, DECODE_NT_DeviceIoControlFile, args, operations[i].at_return, &out));
            assert_string_equal(out.op, operations[i].op);
            is_address(&out.address, k / 2);
            assert_false(decode(m, abi, DECODE_NT_DeviceIoControlFile, args, !operations[i].at_return, &out));
        }
    }
    memset(m, 0, sizeof(*m)); /* ConnectEx of Vista and later */
    memcpy(m->bytes + 0x102, sockaddr4, sizeof(sockaddr4));
    const uint64_t args[20] = {0x50, 0, 0, 0, BASE, 0x120c7, BASE + 0x100, 18, 0, 0};
    assert_true(decode(m, QBK_ABI_NT_X64, DECODE_NT_DeviceIoControlFile, args, false, &out));
    is_address(&out.address, 0);
    free(m);
}

/* Two buffers, of 100 and 50 bytes; 120 were moved. */
static void transfer(struct memory *m, unsigned word, uint32_t code, bool at_return, const char *op,
                     unsigned address_at, unsigned length_at, bool length_is_pointer)
{
    const uint64_t args[20] = {0x50, 0, 0, 0, BASE, code, BASE + 0x100, 0x80, 0, 0};
    struct nt_message out;
    memset(m, 0, sizeof(*m));
    put(m, BASE + word, 120, word);
    put(m, BASE + 0x100, BASE + 0x300, word);
    put(m, BASE + 0x100 + word, 2, 4);
    put(m, BASE + 0x300, 100, 4);
    put(m, BASE + 0x300 + word, BASE + 0x1000, word);
    put(m, BASE + 0x300 + 2 * word, 50, 4);
    put(m, BASE + 0x300 + 3 * word, BASE + 0x1100, word);
    if (address_at) {
        put(m, BASE + 0x100 + address_at, BASE + 0x400, word);
        put(m, BASE + 0x100 + length_at, length_is_pointer ? BASE + 0x500 : sizeof(sockaddr4),
            length_is_pointer ? word : 4);
        put(m, BASE + 0x500, sizeof(sockaddr4), 4);
        memcpy(m->bytes + 0x400, sockaddr4, sizeof(sockaddr4));
    }
    const enum qbk_abi abi = word == 8 ? QBK_ABI_NT_X64 : QBK_ABI_NT_X86;
    assert_true(decode(m, abi, DECODE_NT_DeviceIoControlFile, args, at_return, &out));
    assert_int_equal(out.kind, NT_MESSAGE_SOCKET);
    assert_string_equal(out.op, op);
    assert_int_equal(out.parts, 2);
    assert_int_equal(out.part[0].length, 100);
    assert_int_equal(out.part[1].address, BASE + 0x1100);
    assert_int_equal(out.part[1].length, at_return ? 20 : 50);
    if (address_at)
        is_address(&out.address, 0);
}

static void transfers(void **state)
{
    struct memory *m = calloc(1, sizeof(*m));
    (void)state;
    for (unsigned word = 4; word <= 8; word += 4) {
        bool w = word == 8;
        transfer(m, word, 0x1201f, false, "send", 0, 0, false);
        transfer(m, word, 0x12017, true, "receive", 0, 0, false);
        transfer(m, word, 0x12023, false, "send_to", w ? 96 : 52, w ? 88 : 48, false);
        transfer(m, word, 0x1201b, true, "receive_from", w ? 24 : 16, w ? 32 : 20, true);
    }
    free(m);
}

static void accepts(void **state)
{
    struct memory *m = calloc(1, sizeof(*m));
    struct nt_message out;
    uint64_t args[20] = {0x50, 0, 0, 0, BASE, 0x12083, BASE + 0x100, 28, BASE + 0x200, 200};
    (void)state;
    put(m, BASE + 8, 33, 8);
    put(m, BASE + 0x100 + 8, 0x74, 8);
    put(m, BASE + 0x100 + 16, 100, 4);
    put(m, BASE + 0x100 + 20, 32, 4);
    put(m, BASE + 0x100 + 24, 32, 4);
    memcpy(m->bytes + 0x200 + 132, tdi4, sizeof(tdi4));
    assert_true(decode(m, QBK_ABI_NT_X64, DECODE_NT_DeviceIoControlFile, args, true, &out));
    assert_string_equal(out.op, "accept");
    assert_int_equal(out.other, 0x74);
    is_address(&out.address, 1);
    assert_int_equal(out.parts, 1);
    assert_int_equal(out.part[0].length, 33);
    put(m, BASE + 0x100 + 16, 0xffffffff, 4); /* lengths that do not fit into the output */
    assert_true(decode(m, QBK_ABI_NT_X64, DECODE_NT_DeviceIoControlFile, args, true, &out));
    assert_int_equal(out.parts, 0);
    args[5] = 0x12010;
    assert_true(decode(m, QBK_ABI_NT_X64, DECODE_NT_DeviceIoControlFile, args, false, &out));
    assert_int_equal(out.other, 0x74);
    args[5] = 0x1200b;
    put(m, BASE + 0x104, 128, 4);
    assert_true(decode(m, QBK_ABI_NT_X64, DECODE_NT_DeviceIoControlFile, args, false, &out));
    assert_int_equal(out.backlog, 128);
    args[5] = 0x12024; /* another of AFD's */
    assert_false(decode(m, QBK_ABI_NT_X64, DECODE_NT_DeviceIoControlFile, args, false, &out));
    free(m);
}

/* Any bytes, anywhere: bounded, and no more reads than a message may cost. */
static void hostile(void **state)
{
    static const uint32_t codes[] = {0x500016, 0x12003, 0x12007, 0x1200b, 0x1200c, 0x12010,
                                     0x12017,  0x1201b, 0x1201f, 0x12023, 0x12083, 0x120c7};
    static const uint32_t rows[] = {DECODE_NT_DeviceIoControlFile, DECODE_NT_RequestWaitReplyPort,
                                    DECODE_NT_AlpcSendWaitReceivePort};
    struct memory *m = calloc(1, sizeof(*m));
    uint64_t random = 7, args[20];
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct nt_message out;
        for (unsigned i = 0; i < 40; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            put(m, BASE + (random >> 33) % (SIZE / 8 - 1) * 8 / (round % 7 + 1),
                i & 1 ? BASE + (random >> 20) % SIZE : random, 8);
        }
        put(m, BASE + 0x1c, 0x2021d + (round & 1), 4);
        put(m, BASE + 0x30, 0x2021d + (round & 1), 4);
        for (unsigned i = 0; i < 20; i++)
            args[i] = BASE + (random >> i) % 64;
        args[5] = codes[round % 12];
        args[7] = args[9] = random >> 40;
        m->reads = 0;
        uint64_t total = 0;
        if (decode(m, round & 2 ? QBK_ABI_NT_X64 : QBK_ABI_NT_X86, rows[round % 3], args, round & 4, &out)) {
            assert_true(out.parts <= NT_MESSAGE_PARTS);
            for (unsigned i = 0; i < out.parts; i++)
                total += out.part[i].length;
        }
        assert_true(total <= NT_MESSAGE_BYTES);
        assert_true(m->reads <= 32);
    }
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consoles),  cmocka_unit_test(drivers), cmocka_unit_test(address), cmocka_unit_test(endpoints),
        cmocka_unit_test(transfers), cmocka_unit_test(accepts), cmocka_unit_test(hostile)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
