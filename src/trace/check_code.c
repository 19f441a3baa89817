/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trace/check_code.h"

#include <glib.h>

#define KNOWN_MAX (16u << 20)
#define PAGE      4096u
#define FLAGS     (QBK_BLOCK_CUT | QBK_BLOCK_UNKNOWN | QBK_BLOCK_32)

/* What is kept of a CODE, in a pointer's bits: its place in the page, and how many instructions it has. */
#define PLACE_BITS 12u

struct check_code {
    GHashTable *known; /* id → that */
    uint64_t blocks, insns;
    bool overflow;
};

struct check_code *check_code__new(void)
{
    struct check_code *c = g_new0(struct check_code, 1);

    c->known = g_hash_table_new(NULL, NULL);
    return c;
}

void check_code__free(struct check_code *c)
{
    g_hash_table_destroy(c->known);
    g_free(c);
}

static const char *define(struct check_code *c, const struct qbk_code *rec)
{
    gpointer is = GUINT_TO_POINTER((guint)rec->insns << PLACE_BITS | rec->offset), was;

    if (rec->offset >= PAGE)
        return "it begins beyond its page";
    was = g_hash_table_lookup(c->known, GUINT_TO_POINTER(rec->id));
    if (was && was != is)
        return "its number was given to other code before";
    if (g_hash_table_size(c->known) >= KNOWN_MAX)
        c->overflow = true;
    else
        g_hash_table_insert(c->known, GUINT_TO_POINTER(rec->id), is);
    return NULL;
}

static const char *wrong_length(const struct qbk_block *b, unsigned insns)
{
    bool cut = b->flags & QBK_BLOCK_CUT;

    if (b->insns > insns)
        return "a block has more instructions than its code";
    return cut == (b->insns < insns) ? NULL : "a block is told as cut short and is not, or is and is not told so";
}

static const char *wrong_block(const struct check_code *c, const struct qbk_block *b)
{
    guint code = GPOINTER_TO_UINT(g_hash_table_lookup(c->known, GUINT_TO_POINTER(b->code)));

    if (b->flags & ~FLAGS)
        return "a block has flags that there are not";
    if ((b->insns == 0) != ((b->flags & QBK_BLOCK_UNKNOWN) != 0) ||
        ((b->flags & QBK_BLOCK_UNKNOWN) && !(b->flags & QBK_BLOCK_CUT)))
        return "a block without instructions is not told as unknown, or the other way round";
    if (b->code == 0) /* there was no room */
        return NULL;
    if (code == 0)
        return "the code of a block was not told";
    if ((b->pc & (PAGE - 1)) != (code & (PAGE - 1)))
        return "a block is not where its code is in the page";
    return wrong_length(b, code >> PLACE_BITS);
}

static const char *execute(struct check_code *c, const struct qbk_blocks *rec)
{
    const char *wrong = rec->h.thread ? NULL : "it is of no thread";

    for (uint32_t i = 0; i < rec->count; i++) {
        const char *here = wrong_block(c, &rec->block[i]);

        c->blocks++;
        c->insns += rec->block[i].insns;
        wrong = wrong ? wrong : here;
    }
    return wrong;
}

const char *check_code__feed(struct check_code *c, const struct qbk_record *rec)
{
    switch (rec->type) {
    case QBK_CODE:
        return define(c, (const void *)rec);
    case QBK_BLOCKS:
        return execute(c, (const void *)rec);
    default:
        return NULL;
    }
}

uint64_t check_code__blocks(const struct check_code *c)
{
    return c->blocks;
}

uint64_t check_code__insns(const struct check_code *c)
{
    return c->insns;
}

bool check_code__overflow(const struct check_code *c)
{
    return c->overflow;
}
