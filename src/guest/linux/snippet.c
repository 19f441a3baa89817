/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/linux/snippet.h"

#include <string.h>

#include "qebek/record.h"

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

size_t snippet__memory(const struct capture *c, struct snippet_writer *w, uint64_t addr, uint64_t full, uint64_t limit,
                       unsigned arg, unsigned level, bool *whole)
{
    if (!snippet__user_range(addr, full) || full == 0)
        return 0;
    size_t room = (size_t)(full < limit ? full : limit);
    size_t want;
    uint8_t *to = snippet__open(w, &room);
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
    snippet__close(w, &head);
    return have;
}

/* Read in bites that end at page boundaries, as the next page may be missing. */
void snippet__string(const struct capture *c, struct snippet_writer *w, uint64_t addr, size_t limit, unsigned arg,
                     unsigned level, bool *whole)
{
    size_t room = limit, have = 0, bite = FIRST_BITE;
    bool ended = false, fault = false;
    uint8_t *to;
    if (!snippet__user_range(addr, limit) || !(to = snippet__open(w, &room)))
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
    snippet__close(w, &head);
}
