/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/linux/snippet.h"

#include <string.h>

#define PAGE       4096u
#define FIRST_BITE 128u /* most strings are shorter, and a bite costs little */

static size_t pad8(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

bool snippet__user_range(uint64_t addr, uint64_t len)
{
    return addr != 0 && addr < (1ull << 56) && len < (1ull << 56);
}

uint8_t *snippet__open(struct snippet_writer *w, size_t *room)
{
    size_t left = (size_t)(w->end - w->at);
    if (left < sizeof(struct qbk_snippet))
        return NULL;
    left = (left - sizeof(struct qbk_snippet)) & ~(size_t)7; /* padding must fit too */
    if (*room > left)
        *room = left;
    return w->at + sizeof(struct qbk_snippet);
}

void snippet__close(struct snippet_writer *w, const struct qbk_snippet *head)
{
    memcpy(w->at, head, sizeof(*head));
    uint8_t *bytes = w->at + sizeof(*head);
    memset(bytes + head->have, 0, pad8(head->have) - head->have);
    w->at = bytes + pad8(head->have);
}

size_t snippet__copy(struct vm_cpu *cpu, struct snippet_writer *w, struct qbk_snippet head, uint64_t limit, bool *whole)
{
    size_t room = (size_t)(head.full < limit ? head.full : limit);
    uint8_t *to = head.full ? snippet__open(w, &room) : NULL;
    if (!to)
        return 0;
    head.have = (uint32_t)vm__read(cpu, head.addr, to, room);
    if (head.have < room) {
        head.flags |= QBK_SNIP_FAULT;
        w->partial++;
        *whole = false;
    } else if (room < head.full) {
        head.flags |= QBK_SNIP_TRUNCATED;
    }
    snippet__close(w, &head);
    return head.have;
}

size_t snippet__memory(const struct capture *c, struct snippet_writer *w, uint64_t addr, uint64_t full, uint64_t limit,
                       unsigned arg, unsigned level, bool *whole)
{
    struct qbk_snippet head = {
        .addr = addr, .full = full, .kind = QBK_SNIP_MEM, .arg = (uint8_t)arg, .level = (uint8_t)level};
    return snippet__user_range(addr, full) ? snippet__copy(c->cpu, w, head, limit, whole) : 0;
}

/* Where its end is, a unit of zeros, among `got` more bytes behind `have`; NULL: not there. */
static const uint8_t *find_end(const uint8_t *text, size_t have, size_t got, size_t unit)
{
    if (unit == 1)
        return memchr(text + have, 0, got);
    for (size_t at = have & ~(size_t)1; at + 2 <= have + got; at += 2) {
        if (text[at] == 0 && text[at + 1] == 0)
            return text + at;
    }
    return NULL;
}

/* Read in bites that end at page boundaries, as the next page may be missing. */
void snippet__text(struct vm_cpu *cpu, struct snippet_writer *w, struct qbk_snippet head, size_t limit, size_t unit,
                   bool *whole)
{
    size_t room = limit * unit, have = 0, bite = FIRST_BITE;
    bool ended = false, fault = false;
    uint8_t *to = snippet__open(w, &room);
    if (!to)
        return;
    room -= room % unit;
    while (have < room && !ended && !fault) {
        size_t n = PAGE - (size_t)((head.addr + have) & (PAGE - 1));
        if (n > bite)
            n = bite;
        if (n > room - have)
            n = room - have;
        size_t got = vm__read(cpu, head.addr + have, to + have, n);
        const uint8_t *nul = find_end(to, have, got, unit);
        ended = nul != NULL;
        fault = !ended && got < n;
        have = nul ? (size_t)(nul - to) + unit : have + got;
        bite = PAGE;
    }
    head.full = ended || fault ? have : have + unit;
    head.have = (uint32_t)have;
    head.flags |= QBK_SNIP_STRING;
    if (fault) {
        head.flags |= QBK_SNIP_FAULT;
        w->partial++;
        *whole = false;
    } else if (!ended) {
        head.flags |= QBK_SNIP_TRUNCATED;
    }
    snippet__close(w, &head);
}

void snippet__string(const struct capture *c, struct snippet_writer *w, uint64_t addr, size_t limit, unsigned arg,
                     unsigned level, bool *whole)
{
    struct qbk_snippet head = {.addr = addr, .kind = QBK_SNIP_MEM, .arg = (uint8_t)arg, .level = (uint8_t)level};
    if (snippet__user_range(addr, limit))
        snippet__text(c->cpu, w, head, limit, 1, whole);
}
