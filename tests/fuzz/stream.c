// SPDX-License-Identifier: GPL-2.0-or-later
#include "stream.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define RECENT     16u
#define RECORD_MAX 65536u

struct stream {
    const uint8_t *at, *end;
    void (*fn)(const struct qbk_record *rec, void *user);
    void *user;
    uint64_t seq, time_ns;
    uint64_t recent[RECENT]; /* numbers of the latest ENTERs */
    unsigned recents;
    uint8_t *rec; /* RECORD_MAX bytes */
    size_t len;
};

static uint8_t byte(struct stream *s)
{
    return s->at < s->end ? *s->at++ : 0;
}

static uint64_t number(struct stream *s, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)byte(s) << (8 * i);
    return v;
}

static uint64_t pointer(uint8_t b)
{
    return 0x10000u + (b & 7u) * 0x1000u + (b >> 3 & 7u) * 8u;
}

static uint64_t value(struct stream *s)
{
    uint8_t b = byte(s);

    if (b < STREAM_POINTER)
        return (uint64_t)(int64_t)(b - 32);
    if (b < STREAM_WORD)
        return pointer(b);
    return number(s, b < STREAM_LONG ? 4 : 8);
}

static void *begin(struct stream *s, enum qbk_type type, uint64_t thread, size_t size)
{
    struct qbk_record *rec = (void *)s->rec;

    memset(s->rec, 0, size);
    rec->type = (uint16_t)type;
    rec->seq = ++s->seq;
    rec->time_ns = s->time_ns += 1000;
    rec->thread = thread;
    s->len = size;
    return s->rec;
}

static void append(struct stream *s, const void *bytes, size_t len)
{
    if (len)
        memcpy(s->rec + s->len, bytes, len);
    s->len += len;
}

static void emit(struct stream *s)
{
    static const uint8_t zero[8];

    append(s, zero, (8 - s->len % 8) % 8);
    ((struct qbk_record *)(void *)s->rec)->size = (uint32_t)s->len;
    s->fn((const struct qbk_record *)(const void *)s->rec, s->user);
}

/* Bytes as they come; words that begin with STREAM_INSIDE become pointers. */
static void memory(struct stream *s, size_t len)
{
    size_t have = (size_t)(s->end - s->at) < len ? (size_t)(s->end - s->at) : len;
    uint8_t *to = s->rec + s->len;

    memset(to, 0, len);
    if (have)
        memcpy(to, s->at, have);
    s->at += have;
    for (size_t i = 0; i + 8 <= len; i += 8) {
        uint64_t word = to[i] == STREAM_INSIDE ? pointer(to[i + 1]) : 0;

        if (word)
            memcpy(to + i, &word, sizeof(word));
    }
    s->len += len;
}

/* kind and flags, address, length, what is missing, argument and level, and as many bytes as the length says. */
static void snippet(struct stream *s)
{
    static const uint8_t zero[8];
    uint8_t what = byte(s), len, more, where;
    struct qbk_snippet head = {.addr = value(s)};

    len = byte(s);
    more = byte(s);
    where = byte(s);
    head.kind = (what & 7) < 5 ? QBK_SNIP_MEM : (uint8_t)((what & 7) - 4);
    head.flags = what >> 3 & 7;
    head.have = len < 192 ? len : (len - 191u) * 64u;
    head.full = head.have + more;
    head.arg = where & 7;
    head.level = where >> 3 & 3;
    if (s->len + sizeof(head) + head.have + 16 > RECORD_MAX)
        return;
    append(s, &head, sizeof(head));
    memory(s, head.have);
    append(s, zero, (8 - head.have % 8) % 8);
}

static void snippets(struct stream *s)
{
    for (unsigned n = byte(s) & 7u; n > 0; n--)
        snippet(s);
}

static uint64_t thread(uint8_t b)
{
    return b & 3u;
}

/* thread, ABI and depth; number; how many arguments; these; snippets */
static void enter(struct stream *s)
{
    uint8_t who = byte(s), nargs;
    struct qbk_enter *rec = begin(s, QBK_ENTER, thread(who), sizeof(*rec));

    rec->abi = who >> 2 & 7;
    rec->depth = who >> 5;
    rec->nr = (uint32_t)number(s, 2) % 1100u;
    nargs = byte(s);
    rec->nargs = nargs % 21;
    rec->flags = nargs >> 6;
    rec->ip = pointer(nargs);
    s->recent[s->recents++ % RECENT] = rec->h.seq;
    for (unsigned i = 0; i < rec->nargs; i++) {
        uint64_t v = value(s);

        append(s, &v, sizeof(v));
    }
    snippets(s);
    emit(s);
}

/* which call; thread and end; flags; number and ABI, should the call not be known; result; snippets */
static void leave(struct stream *s)
{
    uint8_t which = byte(s), who = byte(s), flags = byte(s);
    struct qbk_return *rec = begin(s, QBK_RETURN, thread(who), sizeof(*rec));

    rec->call = which < 240 ? s->recent[which % RECENT] : which;
    rec->end = who >> 2 & 15;
    rec->flags = flags & 7;
    rec->abi = flags >> 3 & 7;
    rec->nr = byte(s);
    rec->result = value(s);
    snippets(s);
    emit(s);
}

static void identity(struct stream *s)
{
    uint8_t who = byte(s);
    struct qbk_thread *rec = begin(s, QBK_THREAD, thread(who), sizeof(*rec));

    rec->why = who >> 2 & 7;
    rec->os = who >> 6;
    rec->parent_thread = thread(byte(s));
    rec->pid = (int32_t)value(s);
    rec->tid = (int32_t)value(s);
    rec->ppid = (int32_t)value(s);
    rec->uid = (uint32_t)value(s);
    rec->page_table = value(s);
    for (size_t i = 0; i < sizeof(rec->comm); i++)
        rec->comm[i] = (char)byte(s);
    emit(s);
}

static void signal_comes(struct stream *s)
{
    uint8_t who = byte(s);
    struct qbk_signal *rec = begin(s, QBK_SIGNAL, thread(who), sizeof(*rec));

    rec->how = who >> 2 & 7;
    rec->signo = (int32_t)value(s);
    rec->code = (int32_t)value(s);
    rec->info_len = byte(s) % (sizeof(rec->info) + 1);
    for (size_t i = 0; i < rec->info_len; i++)
        rec->info[i] = byte(s);
    emit(s);
}

static void name(struct stream *s)
{
    uint8_t who = byte(s), len = byte(s);
    struct qbk_name *rec = begin(s, QBK_NAME, thread(who), sizeof(*rec));

    rec->fd = who & 4 ? QBK_NAME_EXE : value(s);
    rec->len = len;
    memory(s, len);
    emit(s);
}

static void object(struct stream *s)
{
    uint8_t who = byte(s), what = byte(s);
    struct qbk_object *rec = begin(s, QBK_OBJECT, thread(who), sizeof(*rec));

    rec->fd = what & 7;
    rec->inode = who >> 5;
    rec->kind = what >> 3 & 3;
    rec->why = what >> 5 & 1;
    rec->state = what >> 6 & 1;
    rec->family = what & 0x80 ? 10 : 2;
    rec->socket_type = 1;
    rec->peer_port = (uint16_t)value(s);
    rec->tty = value(s);
    rec->tty_other = value(s);
    rec->tty_side = who >> 3 & 3;
    rec->lflag = (uint32_t)value(s);
    for (size_t i = 0; i < sizeof(rec->peer_address); i++)
        rec->peer_address[i] = byte(s);
    emit(s);
}

static void text(struct stream *s, bool pairs)
{
    uint8_t who = byte(s), len = byte(s);
    enum qbk_type type = pairs ? (who & 4 ? QBK_GUEST : QBK_META) : (who & 4 ? QBK_LOG : QBK_ERROR);
    struct qbk_text *rec = begin(s, type, thread(who), sizeof(*rec));

    rec->len = len;
    memory(s, len);
    emit(s);
}

static void gone(struct stream *s)
{
    uint8_t who = byte(s);
    struct qbk_thread_exit *rec = begin(s, QBK_THREAD_EXIT, thread(who), sizeof(*rec));

    rec->status = (int32_t)number(s, 2);
    emit(s);
}

static void gap(struct stream *s)
{
    struct qbk_gap *rec = begin(s, QBK_GAP, thread(byte(s)), sizeof(*rec));

    rec->reason = byte(s);
    rec->records = value(s);
    emit(s);
}

static void summary(struct stream *s)
{
    struct qbk_summary *rec = begin(s, QBK_SUMMARY, 0, sizeof(*rec));

    rec->count = byte(s) % 40;
    for (unsigned i = 0; i < ((struct qbk_summary *)(void *)s->rec)->count; i++) {
        uint64_t v = value(s);

        append(s, &v, sizeof(v));
    }
    emit(s);
}

void stream__read(const uint8_t *data, size_t size, void (*fn)(const struct qbk_record *rec, void *user), void *user)
{
    struct stream s = {.at = data, .end = data + size, .fn = fn, .user = user, .time_ns = 1700000000000000000u};

    s.rec = calloc(1, RECORD_MAX + 64);
    if (!s.rec)
        abort();
    while (s.at < s.end) {
        switch ((enum stream_op)(byte(&s) % STREAM_OPS)) {
        case STREAM_ENTER:
            enter(&s);
            break;
        case STREAM_RETURN:
            leave(&s);
            break;
        case STREAM_THREAD:
            identity(&s);
            break;
        case STREAM_EXIT:
            gone(&s);
            break;
        case STREAM_SIGNAL:
            signal_comes(&s);
            break;
        case STREAM_NAME:
            name(&s);
            break;
        case STREAM_PAIRS:
        case STREAM_TEXT:
            text(&s, s.at[-1] % STREAM_OPS == STREAM_PAIRS);
            break;
        case STREAM_GAP:
            gap(&s);
            break;
        case STREAM_SUMMARY:
        case STREAM_OBJECT:
            object(&s);
            break;
        case STREAM_OPS:
            summary(&s);
            break;
        }
    }
    free(s.rec);
}
