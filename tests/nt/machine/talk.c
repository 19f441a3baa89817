/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls that carry messages: consoles, in all ways that there have been, and sockets. */
#include "program.h"

#ifdef __x86_64__
#define MESSAGE_NUMBER 0x30
#define MESSAGE_DATA   0x40
static const struct {
    u16 text, pointer, length, inside, wide;
} says_at = {16, 0x60, 0x68, 0x70, 0x71}, hears_at = {0x12, 0x68, 0x70, 0x74, 0x84};
#else
#define MESSAGE_NUMBER 0x1c
#define MESSAGE_DATA   0x28
static const struct {
    u16 text, pointer, length, inside, wide;
} says_at = {8, 0x58, 0x5c, 0x64, 0x65}, hears_at = {0xa, 0x5c, 0x60, 0x64, 0x74};
#endif

/* A message of the console's to its server: text goes out with it, or comes back in the reply. */
static void console_message(struct me *me, bool reads, bool wide, word len, word text)
{
    word at = area(me), data = at + MESSAGE_DATA, value = any_word(me);
    bool inside = len <= 80 && (reads || chance(me, 2)); /* a short reply is always in the message */
    struct plan p = new_plan(0);
    memset((void *)at, 0, 0x100);
    set(at + MESSAGE_NUMBER, reads ? 0x2021d : 0x2021e, 4);
    set(data, 0x57, sizeof(word));
    if (inside && !reads)
        memcpy((void *)(data + says_at.text), (void *)text, len);
    if (inside)
        text = data + (reads ? hears_at.text : says_at.text);
    set(data + (reads ? hears_at.pointer : says_at.pointer), text, sizeof(word));
    set(data + (reads ? hears_at.length : says_at.length), len, 4);
    set(data + (reads ? hears_at.inside : says_at.inside), reads ? (inside ? 80 : len) : inside, reads ? 4 : 1);
    set(data + (reads ? hears_at.wide : says_at.wide), wide, 1);
    if (reads)
        add(&p, OP_FILL, (u32)len, text, value);
    const struct seen seen = {wide ? TALK_CONSOLE_WIDE : TALK_CONSOLE, !reads, text, len};
    word lpc[20] = {0x18, at, at};
#ifdef __x86_64__
    word alpc[20] = {0x18, 0x20000, at, 0, at, 0, 0, 0};
    if (chance(me, 2)) {
        call(me, NtAlpcSendWaitReceivePort, alpc, &p, &seen, 1);
        return;
    }
#endif
    call(me, NtRequestWaitReplyPort, lpc, &p, &seen, 1);
}

/* The same by the console driver. */
static void console_driver(struct me *me, bool reads, bool wide, word len, word text)
{
    word iosb = area(me), at = iosb + 0x40, body = iosb + 0x100, out = iosb + 0x140, list = at + sizeof(word) + 8;
    word args[20] = {0x50, 0, 0, 0, iosb, 0x500016, at, 0x80, 0, 0};
    const word buffers[3][2] = {{28, body}, {reads ? 20 : len, reads ? out : text}, {len + 10, text}};
    struct plan p = new_plan(0);
    set(at, 0x64, sizeof(word));
    set(at + sizeof(word), reads ? 1 : 2, 4);
    set(at + sizeof(word) + 4, reads ? 2 : 0, 4);
    for (u32 i = 0; i < 3; i++) {
        set(list + i * 2 * sizeof(word), buffers[i][0], 4);
        set(list + (i * 2 + 1) * sizeof(word), buffers[i][1], sizeof(word));
    }
    set(body, reads ? 0x1000005 : 0x1000006, 4);
    set(body + 4, 20, 4);
    set(body + 8, reads ? wide : 0, 4);
    set(body + 12, wide, 1);
    if (reads) {
        add(&p, OP_FILL, (u32)len, text, any_word(me));
        add(&p, OP_STORE, 4, out + 16, len);
    }
    const struct seen seen = {wide ? TALK_CONSOLE_WIDE : TALK_CONSOLE, !reads, text, len};
    call(me, NtDeviceIoControlFile, args, &p, &seen, 1);
}

static void consoles(struct me *me)
{
    bool reads = chance(me, 2), wide = !reads && chance(me, 2);
    word text = area(me) + 0x300, len = 2 * (1 + chance(me, chance(me, 2) ? 40 : 400));
    for (word i = 0; !reads && i < len; i++)
        ((u8 *)text)[i] = wide && i % 2 ? 0 : (u8)('a' + (i + len) % 26);
    if (chance(me, 2))
        console_driver(me, reads, wide, len, text);
    else
        console_message(me, reads, wide, len, text);
}

/* The buffers of a transfer lie behind each other in memory; `len` bytes in all. */
static void socket_request(word at, word first, word data, word len)
{
    word list = at + 0x40;
    const word buffers[2][2] = {{first, data}, {len - first, data + first}};
    memset((void *)at, 0, 0x40);
    set(at, list, sizeof(word));
    set(at + sizeof(word), 2, 4);
    for (u32 i = 0; i < 2; i++) {
        set(list + i * 2 * sizeof(word), buffers[i][0], 4);
        set(list + (i * 2 + 1) * sizeof(word), buffers[i][1], sizeof(word));
    }
}

static void sockets(struct me *me)
{
    bool reads = chance(me, 2);
    word iosb = area(me), at = iosb + 0x40, data = iosb + 0x300, len = 2 + chance(me, 1000);
    word moved = reads ? 1 + chance(me, (u32)len) : len;
    word args[20] = {0x54, 0, 0, 0, iosb, reads ? 0x12017 : 0x1201f, at, 3 * sizeof(word), 0, 0};
    struct plan p = new_plan(0);
    socket_request(at, 1 + chance(me, (u32)len - 1), data, len);
    for (word i = 0; !reads && i < len; i++)
        ((u8 *)data)[i] = (u8)(i * 7);
    if (reads)
        add(&p, OP_FILL, (u32)moved, data, any_word(me));
    add(&p, OP_STORE, sizeof(word), iosb, 0);
    add(&p, OP_STORE, sizeof(word), iosb + sizeof(word), moved);
    const struct seen seen = {TALK_SOCKET, !reads, data, moved};
    call(me, NtDeviceIoControlFile, args, &p, &seen, 1);
}

void talks(struct me *me)
{
    if (chance(me, 2))
        consoles(me);
    else
        sockets(me);
}
