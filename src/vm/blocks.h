/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Blocks of code as QEMU translates them: a run of instructions that is entered at its first one. QEMU translates the
 * same code again at will, and once for all addresses that its page is mapped at; here it is one block, known by its
 * place in the page and by its instructions.
 */
#ifndef QEBEK_VM_BLOCKS_H
#define QEBEK_VM_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VM_BLOCKS_MAX       (1u << 20)   /* … in an epoch */
#define VM_BLOCKS_BYTES_MAX (128u << 20) /* … memory that they take */
#define VM_BLOCK_INSNS_MAX  1023u        /* QEMU translates at most 512 at a time */

struct vm_block {
    struct vm_block *next; /* of its chain */
    uint32_t id;           /* never used twice in the life of this process; not 0 */
    uint32_t told;         /* atomic; whatever the owner of the events keeps of it, 0 at first */
    uint16_t offset;       /* of the first instruction in its page */
    uint16_t n;            /* instructions */
    uint16_t len;          /* bytes of them all */
    uint16_t last;         /* where the last one begins among them */
    bool repeats;          /* the last one can jump to itself without any access to memory */
    uint8_t bytes[];       /* `len` of code, then the length of each instruction */
};

static inline const uint8_t *vm_block__lengths(const struct vm_block *block)
{
    return block->bytes + block->len;
}

/* Where instruction `i` begins, in bytes from the first; i == n: behind the last one. */
unsigned vm_block__at(const struct vm_block *block, unsigned i);
/* Which instruction begins `at` bytes from the first; -1: none does. */
int vm_block__index(const struct vm_block *block, uint64_t at);

/*
 * The block of these instructions: `len` bytes, and `n` lengths that add up to it. Made if it is new. NULL: there are
 * too many. Any thread.
 */
struct vm_block *vm_blocks__get(unsigned offset, const uint8_t *bytes, size_t len, const uint8_t *lengths, unsigned n);
/* Forgets them all. All vCPUs halted, and nothing that is translated refers to any. */
void vm_blocks__clear(void);

#endif
