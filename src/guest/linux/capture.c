/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/linux/capture.h"

#include <string.h>

#include "qebek/record.h"

#define PAGE         4096u
#define PATH_LIMIT   4096u
#define STRUCT_LIMIT 4096u /* of one argument's structs, in bytes */
#define FIRST_BITE   128u  /* most strings are shorter, and a bite costs little */

static size_t pad8(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

/* Only the user half is ever followed: a pointer of the program's choice must not lead into the kernel or its devices.
 */
static bool user_range(uint64_t addr, uint64_t len)
{
    return addr != 0 && addr < (1ull << 56) && len < (1ull << 56);
}

/*
 * ---- one snippet ----
 * open reserves the header and says where the bytes go and how many fit; close fills the header in.
 */
static uint8_t *snippet_open(struct snippet_writer *w, size_t *room)
{
    size_t left = (size_t)(w->end - w->at);
    if (left < sizeof(struct qbk_snippet))
        return NULL;
    left = (left - sizeof(struct qbk_snippet)) & ~(size_t)7; /* padding must fit too */
    if (*room > left)
        *room = left;
    return w->at + sizeof(struct qbk_snippet);
}

static void snippet_close(struct snippet_writer *w, const struct qbk_snippet *head)
{
    memcpy(w->at, head, sizeof(*head));
    uint8_t *bytes = w->at + sizeof(*head);
    memset(bytes + head->have, 0, pad8(head->have) - head->have);
    w->at = bytes + pad8(head->have);
}

void capture__bytes(struct snippet_writer *w, enum qbk_snippet_kind kind, uint64_t addr, unsigned arg,
                    const void *bytes, size_t len)
{
    size_t room = len;
    uint8_t *to = snippet_open(w, &room);
    if (!to)
        return;
    memcpy(to, bytes, room);
    struct qbk_snippet head = {
        .addr = addr, .full = len, .have = (uint32_t)room, .kind = (uint8_t)kind, .arg = (uint8_t)arg};
    if (room < len)
        head.flags = QBK_SNIP_TRUNCATED;
    snippet_close(w, &head);
}

/* `full` bytes at addr, at most `limit` of them. Returns how many were read; false in *whole if memory was missing. */
static size_t memory(const struct capture *c, struct snippet_writer *w, uint64_t addr, uint64_t full, uint64_t limit,
                     unsigned arg, unsigned level, bool *whole)
{
    if (!user_range(addr, full) || full == 0)
        return 0;
    size_t room = (size_t)(full < limit ? full : limit);
    size_t want;
    uint8_t *to = snippet_open(w, &room);
    if (!to)
        return 0;
    want = room;
    size_t have = vm__read(c->cpu, addr, to, want);
    struct qbk_snippet head = {.addr = addr,
                               .full = full,
                               .have = (uint32_t)have,
                               .kind = QBK_SNIP_MEM,
                               .arg = (uint8_t)arg,
                               .level = (uint8_t)level};
    if (have < want) {
        head.flags |= QBK_SNIP_FAULT;
        w->partial++;
        *whole = false;
    } else if (want < full) {
        head.flags |= QBK_SNIP_TRUNCATED;
    }
    snippet_close(w, &head);
    return have;
}

/* Up to the NUL, at most `limit` bytes: read in bites that end at page boundaries, as the next page may be missing. */
static void string(const struct capture *c, struct snippet_writer *w, uint64_t addr, size_t limit, unsigned arg,
                   unsigned level, bool *whole)
{
    size_t room = limit, have = 0, bite = FIRST_BITE;
    bool ended = false, fault = false;
    uint8_t *to;
    if (!user_range(addr, limit) || !(to = snippet_open(w, &room)))
        return;
    while (have < room && !ended && !fault) {
        size_t n = PAGE - (size_t)((addr + have) & (PAGE - 1));
        if (n > bite)
            n = bite;
        if (n > room - have)
            n = room - have;
        size_t got = vm__read(c->cpu, addr + have, to + have, n);
        const uint8_t *nul = memchr(to + have, 0, got);
        ended = nul != NULL;
        fault = !ended && got < n;
        have = nul ? (size_t)(nul - to) + 1 : have + got;
        bite = PAGE;
    }
    struct qbk_snippet head = {.addr = addr,
                               .full = ended || fault ? have : have + 1,
                               .have = (uint32_t)have,
                               .kind = QBK_SNIP_MEM,
                               .flags = QBK_SNIP_STRING,
                               .arg = (uint8_t)arg,
                               .level = (uint8_t)level};
    if (fault) {
        head.flags |= QBK_SNIP_FAULT;
        w->partial++;
        *whole = false;
    } else if (!ended) {
        head.flags |= QBK_SNIP_TRUNCATED;
    }
    snippet_close(w, &head);
}

/* ---- lengths ---- */

static unsigned unit_of(const struct capture *c, const struct decode_arg *arg)
{
    if (arg->unit)
        return arg->unit;
    switch (arg->type) {
    case T_INTP:
    case T_FDP:
        return 4;
    case T_LONGP:
        return c->word;
    case T_IOVEC:
        return 2 * c->word;
    default:
        return 1;
    }
}

/* Bytes that the argument points at; 0 when there is nothing (left) to copy. */
static uint64_t length_of(const struct capture *c, const struct decode_arg *arg)
{
    uint64_t units = 0, bound;
    uint32_t deref = 0;
    switch ((enum decode_len)arg->len_from) {
    case L_FIXED:
        units = arg->len ? arg->len : 1;
        break;
    case L_ARG:
        units = arg->len < c->service->nargs ? c->args[arg->len] : 0;
        break;
    case L_RESULT:
        if (!c->at_return)
            return 0;
        units = c->result;
        bound = arg->len < c->service->nargs ? c->args[arg->len] : UINT64_MAX;
        if (units > bound)
            units = bound;
        break;
    case L_DEREF:
        if (arg->len < c->service->nargs && user_range(c->args[arg->len], 4) &&
            vm__read_exact(c->cpu, c->args[arg->len], &deref, sizeof(deref)))
            units = deref;
        break;
    case L_NONE:
    case L_STRING:
        break;
    }
    if (c->word == 4)
        units &= 0xffffffffu;
    unsigned unit = unit_of(c, arg);
    return units > (1ull << 40) ? 1ull << 40 : units * unit;
}

/* Is this argument copied in this phase? */
static bool due(const struct capture *c, unsigned i)
{
    const struct decode_arg *arg = &c->service->arg[i];
    if (arg->type < T_POINTERS || c->args[i] == 0)
        return false;
    if (!c->at_return)
        return (arg->dir & DIR_IN) != 0;
    if ((arg->dir & DIR_OUT) && !c->failed)
        return true;
    return (arg->dir & DIR_IN) && (c->again & (1u << i));
}

static size_t limit_of(const struct capture *c, const struct decode_arg *arg)
{
    switch (arg->type) {
    case T_PATH:
        return PATH_LIMIT;
    case T_STR:
        return c->limits->string_limit;
    case T_BUF:
        return c->limits->buffer_limit;
    default:
        return STRUCT_LIMIT;
    }
}

/* ---- vectors ---- */

static uint64_t load_word(const struct capture *c, const uint8_t *at)
{
    uint64_t value = 0;
    memcpy(&value, at, c->word);
    return value;
}

/*
 * argv: the pointers up to the NULL, then the strings. Of an environment (set != 0) only the pointers, as only their
 * number is shown. Where the pointers went is known from the writer, so they are not read twice.
 */
static void string_vector(const struct capture *c, struct snippet_writer *w, unsigned i, bool *whole)
{
    const struct decode_arg *arg = &c->service->arg[i];
    uint64_t addr = c->args[i];
    size_t max = STRUCT_LIMIT / c->word, n = 0, room = STRUCT_LIMIT;
    bool ended = false, fault = false;
    if (!user_range(addr, 0))
        return;
    const uint8_t *first = snippet_open(w, &room);
    uint8_t *to = w->at + sizeof(struct qbk_snippet);
    if (!first)
        return;
    max = room / c->word;
    while (n < max && !ended && !fault) {
        uint64_t at = addr + n * c->word;
        size_t bite = PAGE - (size_t)(at & (PAGE - 1));
        if (bite > 16 * c->word)
            bite = 16 * c->word;
        if (bite > (max - n) * c->word)
            bite = (max - n) * c->word;
        if (bite < c->word)
            bite = c->word; /* an unaligned vector: one element lies across the boundary */
        size_t got = vm__read(c->cpu, at, to + n * c->word, bite - bite % c->word) / c->word;
        fault = got == 0;
        for (size_t k = 0; k < got && !ended; k++)
            ended = load_word(c, to + n++ * c->word) == 0;
    }
    struct qbk_snippet head = {
        .addr = addr, .full = n * c->word, .have = (uint32_t)(n * c->word), .kind = QBK_SNIP_MEM, .arg = (uint8_t)i};
    if (fault) {
        head.flags = QBK_SNIP_FAULT;
        w->partial++;
        *whole = false;
    } else if (!ended) {
        head.flags = QBK_SNIP_TRUNCATED;
    }
    snippet_close(w, &head);
    for (size_t k = 0; k < n && k < c->limits->vector_limit && arg->set == 0; k++)
        string(c, w, load_word(c, first + k * c->word), c->limits->string_limit, i, 1, whole);
}

/* The vector itself, then its buffers; at return no more of them than the call transferred. */
static void io_vector(const struct capture *c, struct snippet_writer *w, unsigned i, bool *whole)
{
    const struct decode_arg *arg = &c->service->arg[i];
    const uint8_t *first = w->at + sizeof(struct qbk_snippet);
    size_t pair = 2 * c->word;
    uint64_t left = c->at_return ? c->result : UINT64_MAX;
    uint64_t limit = c->limits->buffer_limit;
    size_t n = memory(c, w, c->args[i], length_of(c, arg), c->limits->vector_limit * pair, i, 0, whole) / pair;
    bool wants_data = c->at_return ? (arg->dir & DIR_OUT) && !c->failed : !(arg->dir & DIR_OUT);
    for (size_t k = 0; k < n && wants_data && left && limit; k++) {
        uint64_t base = load_word(c, first + k * pair), len = load_word(c, first + k * pair + c->word);
        if (len > left)
            len = left;
        left -= len;
        size_t got = memory(c, w, base, len, limit, i, 1, whole);
        limit -= got < limit ? got : limit;
    }
}

/* ---- all arguments ---- */

static size_t bound_of(const struct capture *c, unsigned i)
{
    const struct decode_arg *arg = &c->service->arg[i];
    const size_t head = sizeof(struct qbk_snippet) + 8;
    uint64_t len;
    switch (arg->type) {
    case T_PATH:
    case T_STR:
        return head + limit_of(c, arg);
    case T_STRV:
        return head + STRUCT_LIMIT + (arg->set ? 0 : c->limits->vector_limit * (head + c->limits->string_limit));
    case T_IOVEC:
        return head + c->limits->vector_limit * (2 * (size_t)c->word + head) + c->limits->buffer_limit;
    default:
        if (arg->len_from == L_DEREF)
            return head + limit_of(c, arg);
        len = length_of(c, arg);
        return head + (size_t)(len < limit_of(c, arg) ? len : limit_of(c, arg));
    }
}

size_t capture__bound(const struct capture *c)
{
    size_t total = 0;
    for (unsigned i = 0; i < c->service->nargs; i++) {
        if (due(c, i))
            total += bound_of(c, i);
    }
    return total;
}

static void one(struct capture *c, struct snippet_writer *w, unsigned i)
{
    const struct decode_arg *arg = &c->service->arg[i];
    bool whole = true;
    if (arg->type == T_STRV)
        string_vector(c, w, i, &whole);
    else if (arg->type == T_IOVEC)
        io_vector(c, w, i, &whole);
    else if (arg->type == T_PATH || arg->len_from == L_STRING)
        string(c, w, c->args[i], limit_of(c, arg), i, 0, &whole);
    else
        memory(c, w, c->args[i], length_of(c, arg), limit_of(c, arg), i, 0, &whole);
    if (!whole && !c->at_return)
        c->again |= 1u << i;
}

void capture__fill(struct capture *c, struct snippet_writer *w)
{
    for (unsigned i = 0; i < c->service->nargs; i++) {
        if (due(c, i))
            one(c, w, i);
    }
}
