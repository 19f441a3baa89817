/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Source of the trees: lib/maple_tree.c, include/linux/maple_tree.h. */
#include "guest/linux/vmas.h"

#include <string.h>

#define NODE_MASK   0xffull /* of a node's address: its type and more */
#define TYPE_SHIFT  3u
#define RANGE_SLOTS 16u
#define SMALL_SLOTS 10u /* of a node that has gaps, too (arange) */
#define DEPTH_MAX   12u
#define NODES_MAX   32768u

enum maple_type { MAPLE_DENSE = 0, MAPLE_LEAF, MAPLE_RANGE, MAPLE_ARANGE };

struct walk {
    struct guest_cpu *cpu;
    uint64_t mm;
    void (*visit)(void *data, const struct linux_vma *vma);
    void *data;
    unsigned nodes;
};

static bool member(struct guest_cpu *cpu, uint64_t base, enum linux_offset which, void *out, size_t size)
{
    uint32_t off = cpu->guest->layout.offset[which];
    return off != LAYOUT_NONE && (int64_t)base < 0 && vm__read_exact(cpu->vm, base + off, out, size);
}

bool vmas__read(struct guest_cpu *cpu, uint64_t address, struct linux_vma *vma)
{
    memset(vma, 0, sizeof(*vma));
    return member(cpu, address, OFF_VMA_MM, &vma->mm, 8) && member(cpu, address, OFF_VMA_START, &vma->start, 8) &&
           member(cpu, address, OFF_VMA_END, &vma->end, 8) && member(cpu, address, OFF_VMA_FLAGS, &vma->flags, 8) &&
           member(cpu, address, OFF_VMA_PGOFF, &vma->page, 8) && member(cpu, address, OFF_VMA_FILE, &vma->file, 8) &&
           (int64_t)vma->mm < 0 && vma->start < vma->end && (int64_t)vma->end > 0 && vma->page < 1ull << 51;
}

static bool is_node(uint64_t entry)
{
    return (int64_t)entry < 0 && (entry & 3) == 2;
}

/* What lies behind the last slot in use may look like one: a VMA tells its address space. */
static void leaf(struct walk *w, const uint64_t *slots, unsigned n)
{
    struct linux_vma vma;
    for (unsigned i = 0; i < n; i++) {
        if ((int64_t)slots[i] < 0 && (slots[i] & 3) == 0 && vmas__read(w->cpu, slots[i], &vma) && vma.mm == w->mm)
            w->visit(w->data, &vma);
    }
}

static void node(struct walk *w, uint64_t entry, unsigned depth)
{
    uint64_t at = entry & ~NODE_MASK, slots[RANGE_SLOTS], pivots[RANGE_SLOTS] = {0};
    unsigned type = (unsigned)(entry >> TYPE_SHIFT) & 0xf;
    bool small = type == MAPLE_ARANGE;
    unsigned n = small ? SMALL_SLOTS : RANGE_SLOTS;
    if (depth == DEPTH_MAX || ++w->nodes > NODES_MAX || type < MAPLE_LEAF || type > MAPLE_ARANGE ||
        !member(w->cpu, at, small ? OFF_ARANGE_SLOT : OFF_RANGE_SLOT, slots, n * sizeof(slots[0])) ||
        !member(w->cpu, at, small ? OFF_ARANGE_PIVOT : OFF_RANGE_PIVOT, pivots, (n - 1) * sizeof(pivots[0])))
        return;
    if (type == MAPLE_LEAF) {
        leaf(w, slots, n);
        return;
    }
    for (unsigned i = 0; i < n && is_node(slots[i]); i++) {
        node(w, slots[i], depth + 1);
        if (pivots[i] == 0)
            return;
    }
}

bool vmas__each(struct guest_cpu *cpu, uint64_t mm, void (*visit)(void *data, const struct linux_vma *vma), void *data)
{
    struct walk w = {.cpu = cpu, .mm = mm, .visit = visit, .data = data};
    uint64_t root = 0;
    if (cpu->guest->layout.offset[OFF_MM_TREE] == LAYOUT_NONE ||
        cpu->guest->layout.offset[OFF_RANGE_SLOT] == LAYOUT_NONE)
        return false;
    if (member(cpu, mm, OFF_MM_TREE, &root, 8) && is_node(root))
        node(&w, root, 0);
    return true;
}
