/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/nt/message.h"

#include "decode/nt/message.h"
#include "decode/nt/nt.h"
#include "guest/linux/snippet.h"
#include "qebek/record.h"

#define STRUCTS_MAX   2048u /* of all structs that are looked at on the way */
#define SNIPPETS_MAX  32u
#define TEXT_LEAST    1024u  /* of the data, however little of buffers is asked for: text is what it is all about */
#define COMMAND_LEAST 65536u /* … of a new process's command line and names */
#define USER_END_64   0x800000000000u
#define USER_END_32   0xc0000000u

struct recorder {
    const struct capture *c;
    struct snippet_writer *w;
    size_t data_left;
};

static size_t data_limit(const struct capture *c, uint32_t row)
{
    if (row == DECODE_NT_CreateUserProcess) /* rare, and a command line cut off tells nothing */
        return COMMAND_LEAST > c->limits->buffer_limit ? COMMAND_LEAST : c->limits->buffer_limit;
    return c->limits->buffer_limit > TEXT_LEAST ? c->limits->buffer_limit : TEXT_LEAST;
}

/* Looks at memory by copying it into the record. */
static const uint8_t *look(void *user, uint64_t address, size_t len, bool data, size_t *have)
{
    struct recorder *r = user;
    const uint64_t end = r->c->word == 8 ? USER_END_64 : USER_END_32;
    size_t room = (size_t)(r->w->end - r->w->at), want = len;
    *have = 0;
    if (data && want > r->data_left)
        want = r->data_left;
    if (want == 0 || address == 0 || address >= end || len > end - address ||
        room < sizeof(struct qbk_snippet) + want + 8)
        return NULL;
    uint8_t *bytes = r->w->at + sizeof(struct qbk_snippet);
    *have = vm__read(r->c->cpu, address, bytes, want);
    struct qbk_snippet head = {.addr = address,
                               .full = len,
                               .have = (uint32_t)*have,
                               .kind = QBK_SNIP_MEM,
                               .arg = 0xff,
                               .level = 1,
                               .flags = *have < want ? QBK_SNIP_FAULT
                                        : want < len ? QBK_SNIP_TRUNCATED
                                                     : 0};
    r->w->partial += *have < want;
    r->data_left -= data ? *have : 0;
    snippet__close(r->w, &head);
    return bytes;
}

size_t nt_message__bound(const struct capture *c, uint32_t row)
{
    if (!nt_message__may(row, c->args) || (c->at_return && c->failed))
        return 0;
    return SNIPPETS_MAX * (sizeof(struct qbk_snippet) + 8) + STRUCTS_MAX + data_limit(c, row);
}

void nt_message__capture(const struct capture *c, uint32_t row, struct snippet_writer *w)
{
    struct recorder r = {.c = c, .w = w, .data_left = data_limit(c, row)};
    const struct nt_message_call call = {
        .abi = c->abi, .row = row, .args = c->args, .at_return = c->at_return, .read = look, .user = &r};
    struct nt_message m;
    (void)nt_message__decode(&call, &m);
}
