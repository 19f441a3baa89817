/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/blocks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CHAINS (1u << 16)

static struct {
    pthread_mutex_t lock;
    struct vm_block **chain; /* CHAINS of them; made with the first block */
    size_t count, bytes;
    uint32_t last_id;
} blocks = {.lock = PTHREAD_MUTEX_INITIALIZER};

unsigned vm_block__at(const struct vm_block *block, unsigned i)
{
    unsigned at = 0;
    for (unsigned k = 0; k < i; k++)
        at += vm_block__lengths(block)[k];
    return at;
}

int vm_block__index(const struct vm_block *block, uint64_t at)
{
    uint64_t here = 0;
    for (unsigned i = 0; i < block->n; i++) {
        if (here == at)
            return (int)i;
        here += vm_block__lengths(block)[i];
    }
    return -1;
}

static uint32_t chain_of(unsigned offset, const uint8_t *bytes, size_t len)
{
    uint64_t hash = offset;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return (uint32_t)((hash * 0x9e3779b97f4a7c15u) >> 48) & (CHAINS - 1);
}

static bool is_same(const struct vm_block *b, unsigned offset, const uint8_t *bytes, size_t len, const uint8_t *lengths,
                    unsigned n)
{
    return b->offset == offset && b->len == len && b->n == n && memcmp(b->bytes, bytes, len) == 0 &&
           memcmp(vm_block__lengths(b), lengths, n) == 0;
}

/* jmp rel8, rel32; jcc rel8, rel32; loop and jcxz: what else can lead to itself reads the target from somewhere. */
static bool is_direct_jump(const uint8_t *bytes, size_t len)
{
    while (len && (*bytes == 0xf2 || *bytes == 0x2e || *bytes == 0x3e || *bytes == 0x66 || *bytes == 0x67)) {
        bytes++;
        len--;
    }
    if (len == 0)
        return false;
    if (*bytes == 0xeb || *bytes == 0xe9 || (*bytes & 0xf0) == 0x70 || (*bytes & 0xfc) == 0xe0)
        return true;
    return len > 1 && bytes[0] == 0x0f && (bytes[1] & 0xf0) == 0x80;
}

static struct vm_block *make(unsigned offset, const uint8_t *bytes, size_t len, const uint8_t *lengths, unsigned n)
{
    size_t size = sizeof(struct vm_block) + len + n;
    if (blocks.count >= VM_BLOCKS_MAX || blocks.bytes + size > VM_BLOCKS_BYTES_MAX || blocks.last_id == UINT32_MAX)
        return NULL;
    struct vm_block *b = calloc(1, size);
    if (!b)
        return NULL;
    b->id = ++blocks.last_id;
    b->offset = (uint16_t)offset;
    b->n = (uint16_t)n;
    b->len = (uint16_t)len;
    memcpy(b->bytes, bytes, len);
    memcpy(b->bytes + len, lengths, n);
    b->last = (uint16_t)(len - lengths[n - 1]);
    b->repeats = is_direct_jump(bytes + b->last, lengths[n - 1]);
    blocks.count++;
    blocks.bytes += size;
    return b;
}

static struct vm_block *get(unsigned offset, const uint8_t *bytes, size_t len, const uint8_t *lengths, unsigned n)
{
    if (!blocks.chain && !(blocks.chain = calloc(CHAINS, sizeof(struct vm_block *))))
        return NULL;
    struct vm_block **chain = &blocks.chain[chain_of(offset, bytes, len)];
    for (struct vm_block *b = *chain; b; b = b->next) {
        if (is_same(b, offset, bytes, len, lengths, n))
            return b;
    }
    struct vm_block *b = make(offset, bytes, len, lengths, n);
    if (b) {
        b->next = *chain;
        *chain = b;
    }
    return b;
}

struct vm_block *vm_blocks__get(unsigned offset, const uint8_t *bytes, size_t len, const uint8_t *lengths, unsigned n)
{
    if (n == 0 || n > VM_BLOCK_INSNS_MAX || len > UINT16_MAX)
        return NULL;
    pthread_mutex_lock(&blocks.lock);
    struct vm_block *b = get(offset, bytes, len, lengths, n);
    pthread_mutex_unlock(&blocks.lock);
    return b;
}

void vm_blocks__clear(void)
{
    for (size_t i = 0; blocks.chain && i < CHAINS; i++) {
        while (blocks.chain[i]) {
            struct vm_block *b = blocks.chain[i];
            blocks.chain[i] = b->next;
            free(b);
        }
    }
    free(blocks.chain);
    blocks.chain = NULL;
    blocks.count = blocks.bytes = 0;
}
