/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/linux/capture.h"

#include <string.h>

#include "guest/linux/snippet.h"
#include "qebek/record.h"

#define PAGE          4096u
#define PATH_LIMIT    4096u
#define WTEXT_LIMIT   8192u  /* the same as UTF-16 */
#define STRUCT_LIMIT  4096u  /* of one argument's structs, in bytes */
#define LIST_LIMIT    32768u /* of structs whose number another argument tells */
#define STREAM_LIMIT  65536u /* of structs that follow one another in as many bytes as the result says (getdents) */
#define NETLINK_LIMIT 16384u /* of a buffer of netlink messages, whose heads lie all over it */
#define NETLINK_HEAD  16u
#define BUFFER_LEAST  64u /* of each buffer of a vector, where the limit of all is reached */
#define DEPTH_LIMIT   4u  /* pointers in structs that pointers in structs lead to */
#define RECORD_LIMIT  (QBK_RECORD_MAX - 65536u)

void capture__bytes(struct snippet_writer *w, enum qbk_snippet_kind kind, uint64_t addr, unsigned arg,
                    const void *bytes, size_t len)
{
    size_t room = len;
    uint8_t *to = snippet__open(w, &room);
    if (!to)
        return;
    memcpy(to, bytes, room);
    struct qbk_snippet head = {
        .addr = addr, .full = len, .have = (uint32_t)room, .kind = (uint8_t)kind, .arg = (uint8_t)arg};
    if (room < len)
        head.flags = QBK_SNIP_TRUNCATED;
    snippet__close(w, &head);
}

/*
 * How much of a buffer is kept: what was asked for, and of messages of netlink more. What a socket is, is not known
 * here, so a buffer counts as such if its first bytes can be the head of one (linux/netlink.h).
 */
static uint64_t buffer_limit(const struct capture *c, uint64_t addr, uint64_t full)
{
    uint64_t limit = c->limits->buffer_limit;
    uint32_t len = 0;
    uint16_t flags = 0;
    uint8_t head[NETLINK_HEAD];
    if (!(c->service->classes & C_NETWORK) || full < sizeof(head) || limit >= NETLINK_LIMIT ||
        !snippet__user_range(addr, full) || !vm__read_exact(c->cpu, addr, head, sizeof(head)))
        return limit;
    memcpy(&len, head, sizeof(len));
    memcpy(&flags, head + 6, sizeof(flags));
    return len >= NETLINK_HEAD && len <= full && flags < 0x1000 ? NETLINK_LIMIT : limit;
}

/*
 * ---- lengths ----
 * What a length refers to: the arguments of the call, or the fields of the struct that the pointer lies in.
 */
struct scope {
    const struct decode_struct *within; /* NULL: the call's arguments */
    const uint8_t *bytes;               /* the struct, as far as it is there */
    size_t have;
};

static uint64_t load(const uint8_t *at, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, at, size <= sizeof(value) ? size : sizeof(value));
    return value;
}

/* Argument or field number i. */
static uint64_t sibling(const struct capture *c, const struct scope *scope, unsigned i)
{
    if (!scope->within)
        return i < c->service->nargs ? c->args[i] : 0;
    if (i >= scope->within->nfields ||
        (size_t)scope->within->field[i].offset + scope->within->field[i].size > scope->have)
        return 0;
    return load(scope->bytes + scope->within->field[i].offset, scope->within->field[i].size);
}

static uint64_t result_at_most(const struct capture *c, const struct scope *scope, const struct decode_arg *arg)
{
    uint64_t bound = UINT64_MAX;
    if (!c->at_return)
        return 0;
    if (arg->len != 0xff)
        bound = sibling(c, scope, arg->len);
    if (c->word == 4)
        bound &= 0xffffffffu;
    return c->result < bound ? c->result : bound;
}

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

static uint64_t bounded(uint64_t units, unsigned unit)
{
    return units > (1ull << 40) ? 1ull << 40 : units * unit;
}

/*
 * NT tells how much it wrote in memory: at `offset` behind what argument `set` points at. Told nowhere, or more than
 * asked for: all that was asked for.
 */
static uint64_t nt_moved(const struct capture *c, const struct decode_arg *arg, uint64_t asked, unsigned offset,
                         unsigned size)
{
    uint64_t at = arg->set < c->service->nargs ? c->args[arg->set] : 0, moved = 0;
    if (!snippet__user_range(at, 16) || !vm__read_exact(c->cpu, at + offset, &moved, size))
        return asked;
    return moved < asked ? moved : asked;
}

/* Bytes that a pointer points at; 0 when there is nothing (left) to copy. */
static uint64_t length_of(const struct capture *c, const struct scope *scope, const struct decode_arg *arg)
{
    unsigned unit = unit_of(c, arg);
    uint64_t units = 0, told = arg->len_from == L_FIXED ? 0 : sibling(c, scope, arg->len);
    uint32_t deref = 0;
    if (c->word == 4)
        told &= 0xffffffffu;
    switch ((enum decode_len)arg->len_from) {
    case L_FIXED:
        units = arg->len ? arg->len : 1;
        break;
    case L_ARG:
        units = told;
        break;
    case L_RESULT:
        units = result_at_most(c, scope, arg);
        break;
    case L_DEREF:
        if (snippet__user_range(told, 4) && vm__read_exact(c->cpu, told, &deref, sizeof(deref)))
            units = deref;
        break;
    case L_BITS:
        return bounded(told / (8 * unit) + (told % (8 * unit) != 0), unit);
    case L_PAGES:
        units = told / PAGE + (told % PAGE != 0);
        break;
    case L_ARG_WORD:
        return unit + bounded(told, 1);
    case L_RESULT_WORD:
        return c->at_return ? unit + bounded(result_at_most(c, scope, arg), 1) : 0;
    case L_NT_IOSB:
        return c->at_return ? nt_moved(c, arg, told, c->word, c->word) : told;
    case L_NT_RETURNED:
        return c->at_return ? nt_moved(c, arg, told, 0, 4) : told;
    case L_NONE:
    case L_STRING:
        break;
    }
    return bounded(units, unit);
}

/* Is what an argument or field points at copied in this phase? */
static bool in_phase(const struct capture *c, const struct decode_arg *arg, unsigned i)
{
    if (arg->type < T_POINTERS)
        return false;
    if (!c->at_return)
        return (arg->dir & DIR_IN) != 0;
    if (arg->dir & DIR_INTERRUPTED)
        return c->interrupted;
    if ((arg->dir & DIR_OUT) && (!c->failed || (arg->dir & DIR_EVEN_FAILED)))
        return true;
    return (arg->dir & DIR_IN) && (c->again & (1u << i));
}

static bool due(const struct capture *c, unsigned i)
{
    return c->args[i] != 0 && in_phase(c, &c->service->arg[i], i);
}

static size_t limit_of(const struct capture *c, const struct decode_arg *arg)
{
    switch (arg->type) {
    case T_PATH:
        return PATH_LIMIT;
    case T_WTEXT:
        return WTEXT_LIMIT;
    case T_STR:
        return c->limits->string_limit;
    case T_BUF:
        return c->limits->buffer_limit + (c->service->classes & C_NETWORK ? NETLINK_LIMIT : 0);
    case T_STRUCT:
        if (arg->len_from == L_RESULT && arg->unit == 1)
            return STREAM_LIMIT;
        return arg->len_from == L_ARG && arg->unit > 1 ? LIST_LIMIT : STRUCT_LIMIT;
    default:
        return STRUCT_LIMIT;
    }
}

/* ---- vectors ---- */

/* Of an environment the number of strings is enough, mostly. */
static bool wants_strings(const struct capture *c, const struct decode_arg *arg)
{
    return arg->set != DECODE_ENVIRONMENT || (c->limits->flags & LINK_ENVIRONMENT);
}

/*
 * argv: the pointers up to the NULL, then the strings. Of an environment only the pointers, as only their number is
 * shown. Where the pointers went is known from the writer, so they are not read twice.
 */
static void string_vector(const struct capture *c, struct snippet_writer *w, const struct decode_arg *arg,
                          uint64_t addr, unsigned i, unsigned level, bool *whole)
{
    size_t max = STRUCT_LIMIT / c->word, n = 0, room = STRUCT_LIMIT;
    bool ended = false, fault = false;
    if (!snippet__user_range(addr, 0))
        return;
    const uint8_t *first = snippet__open(w, &room);
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
            ended = load(to + n++ * c->word, c->word) == 0;
    }
    struct qbk_snippet head = {.addr = addr,
                               .full = n * c->word,
                               .have = (uint32_t)(n * c->word),
                               .kind = QBK_SNIP_MEM,
                               .arg = (uint8_t)i,
                               .level = (uint8_t)level};
    if (fault) {
        head.flags = QBK_SNIP_FAULT;
        w->partial++;
        *whole = false;
    } else if (!ended) {
        head.flags = QBK_SNIP_TRUNCATED;
    }
    snippet__close(w, &head);
    for (size_t k = 0; k < n && k < c->limits->vector_limit && wants_strings(c, arg); k++)
        snippet__string(c, w, load(first + k * c->word, c->word), c->limits->string_limit, i, level + 1, whole);
}

/* Does the result count the bytes of all buffers? Not in calls with many messages, whose result counts those. */
static bool result_is_bytes(const struct capture *c, unsigned i)
{
    return c->service->arg[i].type != T_STRUCT || c->service->arg[i].len_from == L_FIXED;
}

/* The vector itself, then its buffers; at return no more of them than the call transferred. */
static void io_vector(const struct capture *c, struct snippet_writer *w, const struct scope *scope,
                      const struct decode_arg *arg, uint64_t addr, unsigned i, unsigned level, bool *whole)
{
    const uint8_t *first = w->at + sizeof(struct qbk_snippet);
    size_t pair = 2 * c->word;
    uint64_t left = c->at_return && result_is_bytes(c, i) ? c->result : UINT64_MAX;
    uint64_t limit = c->limits->buffer_limit, budget = limit + c->limits->vector_limit * BUFFER_LEAST;
    size_t n =
        snippet__memory(c, w, addr, length_of(c, scope, arg), c->limits->vector_limit * pair, i, level, whole) / pair;
    bool wants_data = c->at_return ? (arg->dir & DIR_OUT) && !c->failed : !(arg->dir & DIR_OUT);
    wants_data = wants_data || (c->at_return && !(arg->dir & DIR_OUT)); /* once more */
    for (size_t k = 0; k < n && wants_data && left && budget; k++) {
        uint64_t base = load(first + k * pair, c->word), len = load(first + k * pair + c->word, c->word);
        if (len > left)
            len = left;
        left -= len;
        uint64_t most = buffer_limit(c, base, len);
        size_t got =
            snippet__memory(c, w, base, len, most > limit || limit < budget ? most : budget, i, level + 1, whole);
        if (most <= limit)
            budget -= got < budget ? got : budget;
    }
}

/* ---- structs ---- */

static void follow(const struct capture *c, struct snippet_writer *w, const struct scope *scope,
                   const struct decode_arg *arg, uint64_t value, unsigned i, unsigned level, bool *whole);

/* The pointers in a struct whose bytes are at hand. */
static void follow_fields(const struct capture *c, struct snippet_writer *w, const struct decode_struct *within,
                          const uint8_t *bytes, size_t have, unsigned i, unsigned level, bool *whole)
{
    struct scope scope = {.within = within, .bytes = bytes, .have = have};
    for (unsigned k = 0; k < within->nfields; k++) {
        const struct decode_field *field = &within->field[k];
        const uint8_t *at = bytes + field->offset;
        if ((size_t)field->offset + field->size > have)
            continue;
        if (field->arg.type == T_INNER) {
            const struct decode_struct *inner = decode__struct(c->abi, field->arg.set);
            if (inner && inner->size)
                follow_fields(c, w, inner, at, inner->size, i, level, whole);
            continue;
        }
        uint64_t value = load(at, field->size);
        if (value && in_phase(c, &field->arg, i))
            follow(c, w, &scope, &field->arg, value, i, level + 1, whole);
    }
}

static void structs(const struct capture *c, struct snippet_writer *w, const struct scope *scope,
                    const struct decode_arg *arg, uint64_t value, unsigned i, unsigned level, bool *whole)
{
    const struct decode_struct *each = decode__struct(c->abi, arg->set);
    const uint8_t *first = w->at + sizeof(struct qbk_snippet);
    size_t have = snippet__memory(c, w, value, length_of(c, scope, arg), limit_of(c, arg), i, level, whole);
    if (!each || each->size == 0 || level >= DEPTH_LIMIT)
        return;
    if (arg->unit == 1) { /* as much of one struct as the program knows */
        follow_fields(c, w, each, first, have, i, level, whole);
        return;
    }
    for (size_t at = 0; have - at >= each->size && have > at; at += each->size)
        follow_fields(c, w, each, first + at, each->size, i, level, whole);
}

/* What a pointer of an argument or a field points at. */
static void follow(const struct capture *c, struct snippet_writer *w, const struct scope *scope,
                   const struct decode_arg *arg, uint64_t value, unsigned i, unsigned level, bool *whole)
{
    if (arg->type == T_STRV)
        string_vector(c, w, arg, value, i, level, whole);
    else if (arg->type == T_IOVEC)
        io_vector(c, w, scope, arg, value, i, level, whole);
    else if (arg->type == T_STRUCT)
        structs(c, w, scope, arg, value, i, level, whole);
    else if (arg->len_from == L_STRING)
        snippet__string(c, w, value, limit_of(c, arg), i, level, whole);
    else {
        uint64_t len = length_of(c, scope, arg);
        snippet__memory(c, w, value, len, arg->type == T_BUF ? buffer_limit(c, value, len) : limit_of(c, arg), i, level,
                        whole);
    }
}

/* ---- all arguments ---- */

static bool has_pointers(const struct capture *c, uint16_t index)
{
    const struct decode_struct *each = decode__struct(c->abi, index);
    for (unsigned k = 0; each && k < each->nfields; k++) {
        const struct decode_arg *arg = &each->field[k].arg;
        if (arg->type >= T_POINTERS || (arg->type == T_INNER && has_pointers(c, arg->set)))
            return true;
    }
    return false;
}

/* Structs behind pointers in structs: enough for what a message has, for each of a few. */
static size_t nested_room(const struct capture *c, const struct decode_arg *arg, size_t head)
{
    size_t one = 2 * STRUCT_LIMIT + 4 * head + c->limits->vector_limit * (2 * (size_t)c->word + head + BUFFER_LEAST) +
                 c->limits->buffer_limit + c->limits->string_limit + NETLINK_LIMIT;
    if (!has_pointers(c, arg->set))
        return 0;
    return arg->len_from == L_FIXED ? one + LIST_LIMIT : 16 * one;
}

static size_t bound_of(const struct capture *c, unsigned i)
{
    const struct scope call = {0};
    const struct decode_arg *arg = &c->service->arg[i];
    const size_t head = sizeof(struct qbk_snippet) + 8;
    size_t nested = 0;
    uint64_t len;
    switch (arg->type) {
    case T_PATH:
    case T_STR:
        return head + limit_of(c, arg);
    case T_STRV:
        return head + STRUCT_LIMIT +
               (wants_strings(c, arg) ? c->limits->vector_limit * (head + c->limits->string_limit) : 0);
    case T_IOVEC:
        return head + c->limits->vector_limit * (2 * (size_t)c->word + head + BUFFER_LEAST) + c->limits->buffer_limit;
    case T_STRUCT:
        nested = nested_room(c, arg, head);
        break;
    default:
        break;
    }
    if (arg->len_from == L_DEREF)
        return head + limit_of(c, arg) + nested;
    len = length_of(c, &call, arg);
    return head + (size_t)(len < limit_of(c, arg) ? len : limit_of(c, arg)) + nested;
}

size_t capture__bound(const struct capture *c)
{
    size_t total = 0;
    for (unsigned i = 0; i < c->service->nargs; i++) {
        if (due(c, i))
            total += bound_of(c, i);
    }
    return total < RECORD_LIMIT ? total : RECORD_LIMIT;
}

void capture__fill(struct capture *c, struct snippet_writer *w)
{
    const struct scope call = {0};
    for (unsigned i = 0; i < c->service->nargs; i++) {
        bool whole = true;
        if (!due(c, i))
            continue;
        follow(c, w, &call, &c->service->arg[i], c->args[i], i, 0, &whole);
        if (!whole && !c->at_return)
            c->again |= 1u << i;
    }
}

/* rt_sigreturn of x86-64 has struct ucontext at its stack pointer, with uc_sigmask there (asm-generic/ucontext.h). */
#define MASK_OFFSET 296u
#define MASK_SIZE   8u

size_t capture__mask_bound(const struct decode_service *service, enum qbk_abi abi)
{
    bool has_mask =
        (service->flags & DECODE_RESUMES) && abi == QBK_ABI_LINUX_X86_64 && strcmp(service->name, "rt_sigreturn") == 0;
    return has_mask ? sizeof(struct qbk_snippet) + MASK_SIZE + 8 : 0;
}

void capture__mask(const struct capture *c, struct snippet_writer *w, uint64_t sp)
{
    bool whole = true;
    snippet__memory(c, w, sp + MASK_OFFSET, MASK_SIZE, MASK_SIZE, 0xff, 0, &whole);
}
