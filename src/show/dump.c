/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/dump.h"

#include <inttypes.h>
#include <string.h>

#include "decode/decode.h"
#include "trace/record.h"

#define IOV_MAX_COUNT 1024u /* of the kernel: UIO_MAXIOV */

enum shape { BUFFER, VECTOR, MESSAGE }; /* what argument 1 points at: bytes, iovecs, a msghdr */

/* Argument 0 is the descriptor, argument 2 the length or the number of iovecs. */
static const struct {
    const char *name;
    enum shape shape;
    bool reads;
} transfers[] = {
    {"read", BUFFER, true},
    {"pread64", BUFFER, true},
    {"recv", BUFFER, true},
    {"recvfrom", BUFFER, true},
    {"readv", VECTOR, true},
    {"preadv", VECTOR, true},
    {"preadv2", VECTOR, true},
    {"recvmsg", MESSAGE, true},
    {"mq_timedreceive", BUFFER, true},
    {"write", BUFFER, false},
    {"pwrite64", BUFFER, false},
    {"send", BUFFER, false},
    {"sendto", BUFFER, false},
    {"writev", VECTOR, false},
    {"pwritev", VECTOR, false},
    {"pwritev2", VECTOR, false},
    {"sendmsg", MESSAGE, false},
    {"mq_timedsend", BUFFER, false},
    {"mq_timedreceive_time64", BUFFER, true},
    {"mq_timedsend_time64", BUFFER, false},
};

struct from {
    GString *to;
    const struct model_call *call;
    bool after; /* memory as it was after the call */
    /* No more than a record can hold: vectors of a hostile trace may name the same bytes again and again. */
    size_t *budget;
};

/* How much of [addr, addr+len) was captured; *bytes points at it. */
static size_t memory(const struct from *f, uint64_t addr, uint64_t len, const uint8_t **bytes)
{
    size_t want = (size_t)MIN(len, QBK_RECORD_MAX), got = 0;

    if (!f->after)
        got = record__memory(&f->call->enter->h, addr, want, bytes);
    if (got < want) {
        const uint8_t *other;
        size_t n = record__memory(&f->call->ret->h, addr, want, &other);

        if (n > got) {
            *bytes = other;
            got = n;
        }
    }
    return got;
}

static void row(GString *to, size_t offset, const uint8_t *bytes, size_t n)
{
    g_string_append_printf(to, "\n | %05zx ", offset);
    for (size_t i = 0; i < 16; i++) {
        if (i == 8)
            g_string_append_c(to, ' ');
        if (i < n)
            g_string_append_printf(to, " %02x", bytes[i]);
        else
            g_string_append(to, "   ");
    }
    g_string_append(to, "  ");
    for (size_t i = 0; i < 16; i++)
        g_string_append_c(to, i >= n ? ' ' : bytes[i] >= 32 && bytes[i] < 127 ? (char)bytes[i] : '.');
    g_string_append(to, " |");
}

static void buffer(const struct from *f, uint64_t addr, uint64_t len)
{
    const uint8_t *bytes = NULL;
    size_t have = MIN(memory(f, addr, len, &bytes), *f->budget);

    *f->budget -= have;
    for (size_t i = 0; i < have; i += 16)
        row(f->to, i, bytes + i, MIN(have - i, 16));
    if (have < len)
        g_string_append_printf(f->to, "\n | %05zx  (%" PRIu64 " bytes more were not captured)", have, len - have);
}

static uint64_t word(const uint8_t *at, size_t size)
{
    uint64_t v = 0;

    memcpy(&v, at, size);
    return v;
}

/* Up to `most` bytes in all. */
static void vector(const struct from *f, uint64_t addr, uint64_t count, uint64_t most)
{
    size_t size = f->call->abi == QBK_ABI_LINUX_I386 ? 4 : 8, each = 2 * size;
    const uint8_t *bytes = NULL;
    size_t have = memory(f, addr, MIN(count, IOV_MAX_COUNT) * each, &bytes);

    if (have < MIN(count, IOV_MAX_COUNT) * each && f->after) { /* it is read by the kernel: captured at the entry */
        struct from before = {f->to, f->call, false, f->budget};

        have = memory(&before, addr, MIN(count, IOV_MAX_COUNT) * each, &bytes);
    }
    for (size_t i = 0; (i + 1) * each <= have && most > 0; i++) {
        uint64_t base = word(bytes + i * each, size), len = MIN(word(bytes + i * each + size, size), most);

        most -= len;
        if (len == 0)
            continue;
        g_string_append_printf(f->to, "\n * %" PRIu64 " bytes in buffer %zu", len, i);
        buffer(f, base, len);
    }
}

static void message(const struct from *f, uint64_t addr, uint64_t most)
{
    size_t size = f->call->abi == QBK_ABI_LINUX_I386 ? 4 : 8, end = 4 * size; /* name, namelen, iov, iovlen */
    struct from before = {f->to, f->call, false, f->budget};
    const uint8_t *bytes = NULL;

    if (memory(&before, addr, end, &bytes) == end)
        vector(f, word(bytes + 2 * size, size), word(bytes + 3 * size, size), most);
}

void dump__call(GString *to, const struct show_options *o, const struct model_call *c)
{
    size_t budget = QBK_RECORD_MAX;
    struct from f = {.to = to, .call = c, .budget = &budget};
    uint32_t code;
    size_t i = 0;

    if ((number_set__empty(&o->dump_reads) && number_set__empty(&o->dump_writes)) || !c->service || !c->enter ||
        c->enter->nargs < 3 || !c->ret || !(c->ret->flags & QBK_RETURN_HAS_RESULT) ||
        decode__is_error((enum qbk_abi)c->abi, c->ret->result, &code))
        return;
    while (i < G_N_ELEMENTS(transfers) && strcmp(transfers[i].name, c->service->name) != 0)
        i++;
    if (i == G_N_ELEMENTS(transfers) || (int32_t)c->enter->args[0] < 0)
        return;
    const struct number_set *set = transfers[i].reads ? &o->dump_reads : &o->dump_writes;
    if (!number_set__has(set, (uint32_t)c->enter->args[0]))
        return;
    f.after = transfers[i].reads;
    uint64_t most = f.after ? c->ret->result : UINT64_MAX;
    if (transfers[i].shape == BUFFER)
        buffer(&f, c->enter->args[1], f.after ? most : c->enter->args[2]);
    else if (transfers[i].shape == VECTOR)
        vector(&f, c->enter->args[1], c->enter->args[2], most);
    else
        message(&f, c->enter->args[1], most);
}
