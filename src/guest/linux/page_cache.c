/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/linux/page_cache.h"

#include "guest/linux/linux.h"

#define PAGE      4096u
#define SLOTS     64u /* XA_CHUNK_SIZE with CONFIG_BASE_SMALL off, as on all x86-64 */
#define SHIFT     6u
#define SHIFT_TOP 60u

static bool member(struct guest_cpu *cpu, uint64_t base, enum linux_offset which, void *out, size_t size)
{
    uint32_t off = cpu->guest->layout.offset[which];
    return off != LAYOUT_NONE && (int64_t)base < 0 && vm__read_exact(cpu->vm, base + off, out, size);
}

static bool base(struct guest_cpu *cpu, uint64_t variable, uint64_t *value)
{
    return variable != 0 && vm__read_exact(cpu->vm, variable, value, sizeof(*value)) && (int64_t)*value < 0;
}

bool page_cache__open(struct page_cache *cache, struct guest_cpu *cpu, uint64_t inode)
{
    const struct linux_layout *layout = &cpu->guest->layout;
    uint64_t mapping = 0;
    *cache = (struct page_cache){.cpu = cpu};
    return layout->offset[LAYOUT_PAGE_SIZE] != LAYOUT_NONE && layout->offset[LAYOUT_PAGE_SIZE] > 0 &&
           layout->offset[LAYOUT_UPTODATE] != LAYOUT_NONE && base(cpu, layout->vmemmap_base, &cache->vmemmap) &&
           base(cpu, layout->page_offset_base, &cache->direct) && member(cpu, inode, OFF_INODE_MAPPING, &mapping, 8) &&
           member(cpu, mapping, OFF_MAPPING_HEAD, &cache->tree, 8) &&
           member(cpu, inode, OFF_INODE_SIZE, &cache->size, 8);
}

/* Where the direct map has page `within` of a folio; 0: it is none, or not filled yet. */
static uint64_t folio_page(const struct page_cache *cache, uint64_t folio, uint64_t within)
{
    uint32_t size = cache->cpu->guest->layout.offset[LAYOUT_PAGE_SIZE];
    uint64_t flags = 0, number = (folio - cache->vmemmap) / size;
    if (folio < cache->vmemmap || (folio - cache->vmemmap) % size != 0 || number >= 1ull << 40 ||
        !member(cache->cpu, folio, OFF_PAGE_FLAGS, &flags, 8) ||
        !(flags >> (cache->cpu->guest->layout.offset[LAYOUT_UPTODATE] & 63) & 1))
        return 0;
    return cache->direct + (number + within) * PAGE;
}

static bool is_node(uint64_t entry)
{
    return (entry & 3) == 2 && entry > PAGE;
}

static bool slot(const struct page_cache *cache, uint64_t node, unsigned i, uint64_t *entry)
{
    uint32_t off = cache->cpu->guest->layout.offset[OFF_XA_SLOTS];
    return off != LAYOUT_NONE && (int64_t)node < 0 && vm__read_exact(cache->cpu->vm, node + off + 8ull * i, entry, 8);
}

/* Address of page `index` of the file; 0: not in the cache. */
static uint64_t find_page(const struct page_cache *cache, uint64_t index)
{
    uint64_t entry = cache->tree, within = 0;
    unsigned above = SHIFT_TOP + 1;
    if (!is_node(entry) && index != 0)
        return 0;
    while (is_node(entry)) {
        uint64_t node = entry - 2;
        uint8_t shift = 0;
        if (!member(cache->cpu, node, OFF_XA_SHIFT, &shift, 1) || shift >= above || shift % SHIFT != 0 ||
            index >> shift >= SLOTS)
            return 0;
        unsigned i = (unsigned)(index >> shift), first = i;
        above = shift;
        index &= (1ull << shift) - 1;
        within = index;
        if (!slot(cache, node, i, &entry))
            return 0;
        if ((entry & 3) == 2 && entry >> 2 < i) { /* a part of the folio in a slot before */
            first = (unsigned)(entry >> 2);
            within += (uint64_t)(i - first) << shift;
            if (!slot(cache, node, first, &entry) || is_node(entry))
                return 0;
        }
    }
    return entry != 0 && (entry & 3) == 0 ? folio_page(cache, entry, within) : 0;
}

bool page_cache__read(struct page_cache *cache, uint64_t offset, void *buf, size_t len)
{
    uint8_t *to = buf;
    if (offset > cache->size || len > cache->size - offset)
        return false;
    while (len > 0) {
        size_t in = (size_t)(offset % PAGE), bite = PAGE - in < len ? PAGE - in : len;
        if (!cache->page || cache->index != offset / PAGE) {
            cache->index = offset / PAGE;
            cache->page = find_page(cache, cache->index);
        }
        if (!cache->page || !vm__read_exact(cache->cpu->vm, cache->page + in, to, bite))
            return false;
        to += bite;
        offset += bite;
        len -= bite;
    }
    return true;
}
