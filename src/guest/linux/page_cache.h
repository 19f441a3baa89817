/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes of a file, out of the kernel's page cache: nothing of it need be mapped anywhere. Kernel page tables.
 * inode -> address_space -> i_pages, as pages.c has it, which reads whole files; this reads one page.
 */
#ifndef QEBEK_GUEST_LINUX_PAGE_CACHE_H
#define QEBEK_GUEST_LINUX_PAGE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/guest.h"

/* What one reader needs; good as long as the event at hand. */
struct page_cache {
    struct guest_cpu *cpu;
    uint64_t tree;            /* head of the file's xarray; 0: it has no page */
    uint64_t vmemmap, direct; /* where struct pages begin, and the map of all memory */
    uint64_t size;            /* bytes of the file */
    uint64_t index, page;     /* found last: number in the file, address; page 0: none */
};

/* Of the file with this struct inode. False: it cannot be read in this kernel. */
bool page_cache__open(struct page_cache *cache, struct guest_cpu *cpu, uint64_t inode);
/* All `len` bytes from `offset` on, or false: some of them are not there (now), or behind the end of the file. */
bool page_cache__read(struct page_cache *cache, uint64_t offset, void *buf, size_t len);

#endif
