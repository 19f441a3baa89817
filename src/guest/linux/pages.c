/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A look at a file: its bytes out of the kernel's page cache, where they are whatever way they came there (write,
 * mapping, sendfile, an image's own segments). inode -> address_space -> i_pages, an xarray (include/linux/xarray.h,
 * lib/xarray.c) of folios; a folio's struct page tells the number of its page frame, and the direct map has its bytes
 * (arch/x86/include/asm/page_64.h, Documentation/mm/memory-model.rst of Linux).
 *
 * Everything is bounded: by the limit of a file, by the tree's own shape (each node's shift is 6 less than its
 * parent's), and by a mark of what was looked at, so that a program that is run ten thousand times is read once.
 */
#include <string.h>

#include "guest/linux/linux.h"

#define PAGE      4096u
#define SLOTS     64u /* XA_CHUNK_SIZE with CONFIG_BASE_SMALL off, as on all x86-64 */
#define SHIFT     6u
#define SHIFT_TOP 60u
#define RUN       16u /* pages of one record */

#define TYPE_MASK    0170000u /* include/uapi/linux/stat.h */
#define TYPE_REGULAR 0100000u
#define MODE_WRITE   0x2u  /* FMODE_WRITE (include/linux/fs.h) */
#define FLAG_EXEC    0x20u /* __FMODE_EXEC */
#define MINOR_BITS   20u   /* of the kernel's own dev_t (include/linux/kdev_t.h) */

#define OFTEN_SIZE  (1u << 20) /* a file that is larger … */
#define OFTEN_LOOKS 16u        /* … is looked at so often, and then only when it is run */

struct look {
    struct guest_cpu *cpu;
    uint64_t thread, number;
    uint64_t vmemmap, direct; /* where struct pages begin, and the map of all memory */
    uint64_t pages;           /* of the file that are looked at */
    uint64_t size;            /* bytes that are */
    uint64_t sent, absent;
    uint64_t first; /* page of the run that is being put together */
    unsigned n;
    uint64_t run[RUN]; /* addresses of its pages */
};

static bool member(struct guest_cpu *cpu, uint64_t base, enum linux_offset which, void *out, size_t size)
{
    uint32_t off = cpu->guest->layout.offset[which];
    return off != LAYOUT_NONE && (int64_t)base < 0 && vm__read_exact(cpu->vm, base + off, out, size);
}

/* ---- records ---- */

static void send_run(struct look *l)
{
    uint64_t offset = l->first * PAGE;
    size_t want = (size_t)(l->size - offset < (uint64_t)l->n * PAGE ? l->size - offset : (uint64_t)l->n * PAGE),
           have = 0;
    unsigned n = l->n;
    struct qbk_pages *rec = n ? guest__begin_pages(l->cpu, l->thread, want) : NULL;
    l->n = 0;
    if (!rec) {
        l->absent += n;
        return;
    }
    while (have < want) {
        size_t bite = want - have < PAGE ? want - have : PAGE;
        if (vm__read(l->cpu->vm, l->run[have / PAGE], rec->bytes + have, bite) < bite)
            break;
        have += bite;
    }
    l->absent += (want - have + PAGE - 1) / PAGE;
    l->sent += have;
    rec->look = l->number;
    rec->offset = offset;
    rec->len = (uint32_t)have;
    guest__end_pages(l->cpu, rec);
}

static void send_last(const struct look *l)
{
    struct qbk_pages *rec = guest__begin_pages(l->cpu, l->thread, 0);
    if (!rec)
        return;
    rec->look = l->number;
    rec->sent = l->sent;
    rec->absent = l->absent;
    rec->flags = QBK_PAGES_LAST;
    guest__end_pages(l->cpu, rec);
}

/* ---- the tree ---- */

static void add_page(struct look *l, uint64_t index, uint64_t address)
{
    if (l->n == RUN || (l->n > 0 && index != l->first + l->n))
        send_run(l);
    if (l->n == 0)
        l->first = index;
    l->run[l->n++] = address;
}

/* `count` pages of the file from `index` on, in a folio from its page `within` on. */
static void add_folio(struct look *l, uint64_t folio, uint64_t index, uint64_t within, uint64_t count)
{
    uint32_t size = l->cpu->guest->layout.offset[LAYOUT_PAGE_SIZE];
    uint64_t flags = 0, number = (folio - l->vmemmap) / size;
    bool good = folio >= l->vmemmap && (folio - l->vmemmap) % size == 0 && number < 1ull << 40 &&
                member(l->cpu, folio, OFF_PAGE_FLAGS, &flags, 8) &&
                (flags >> (l->cpu->guest->layout.offset[LAYOUT_UPTODATE] & 63) & 1);
    for (uint64_t i = 0; i < count && index + i < l->pages; i++) {
        if (good)
            add_page(l, index + i, l->direct + (number + within + i) * PAGE);
        else
            l->absent++;
    }
}

static bool is_node(uint64_t entry)
{
    return (entry & 3) == 2 && entry > PAGE;
}

static void walk(struct look *l, uint64_t entry, uint64_t base, unsigned above)
{
    uint64_t node = entry - 2, slots[SLOTS];
    uint8_t shift = 0;
    if (!member(l->cpu, node, OFF_XA_SHIFT, &shift, 1) || shift >= above || shift > SHIFT_TOP || shift % SHIFT != 0 ||
        !member(l->cpu, node, OFF_XA_SLOTS, slots, sizeof(slots))) {
        l->absent++;
        return;
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        uint64_t index = base + ((uint64_t)i << shift), first = i;
        if (index >= l->pages)
            return;
        if (is_node(slots[i])) {
            walk(l, slots[i], index, shift);
            continue;
        }
        if ((slots[i] & 3) == 2 && slots[i] >> 2 < i) /* a part of the folio in a slot before */
            first = slots[i] >> 2;
        if (slots[first] != 0 && (slots[first] & 3) == 0)
            add_folio(l, slots[first], index, (i - first) << shift, 1ull << shift);
    }
}

static void send_pages(struct look *l, uint64_t mapping)
{
    uint64_t head = 0;
    if (member(l->cpu, mapping, OFF_MAPPING_HEAD, &head, 8)) {
        if (is_node(head))
            walk(l, head, 0, SHIFT_TOP + 1);
        else if (head != 0 && (head & 3) == 0)
            add_folio(l, head, 0, 0, 1);
    } else {
        l->absent++;
    }
    send_run(l);
    send_last(l);
}

/* ---- looks ---- */

/* What a look needs of an inode. */
struct subject {
    uint64_t inode, mapping, pages;
    struct qbk_file file;
};

static bool describe(struct guest_cpu *cpu, uint64_t file, struct subject *s)
{
    uint64_t sb = 0, type = 0, name = 0;
    uint32_t dev = 0;
    uint16_t mode = 0;
    memset(s, 0, sizeof(*s));
    if (!member(cpu, file, OFF_FILE_INODE, &s->inode, 8) || !member(cpu, s->inode, OFF_INODE_MODE, &mode, 2) ||
        (mode & TYPE_MASK) != TYPE_REGULAR || !member(cpu, s->inode, OFF_INODE_INO, &s->file.inode, 8) ||
        !member(cpu, s->inode, OFF_INODE_SB, &sb, 8) || !member(cpu, sb, OFF_SB_DEV, &dev, 4) ||
        !member(cpu, s->inode, OFF_INODE_SIZE, &s->file.size, 8) || (int64_t)s->file.size < 0)
        return false;
    s->file.file = file;
    s->file.mode = mode;
    s->file.dev_major = dev >> MINOR_BITS;
    s->file.dev_minor = dev & ((1u << MINOR_BITS) - 1);
    (void)member(cpu, s->inode, OFF_INODE_LINKS, &s->file.links, 4);
    (void)member(cpu, s->inode, OFF_INODE_MTIME_SEC, &s->file.mtime_sec, 8);
    (void)member(cpu, s->inode, OFF_INODE_MTIME_NSEC, &s->file.mtime_nsec, 4);
    if (member(cpu, s->inode, OFF_INODE_MAPPING, &s->mapping, 8))
        (void)member(cpu, s->mapping, OFF_MAPPING_PAGES, &s->pages, 8);
    if (member(cpu, sb, OFF_SB_TYPE, &type, 8) && member(cpu, type, OFF_FSTYPE_NAME, &name, 8) && (int64_t)name < 0) {
        char *fs = s->file.fs;
        fs[vm__read(cpu->vm, name, fs, sizeof(s->file.fs) - 1)] = 0;
        memset(fs + strlen(fs), 0, sizeof(s->file.fs) - strlen(fs));
    }
    return true;
}

/* File systems that have nothing behind their page cache; what tmpfs has swapped out has an entry of its own. */
static bool in_memory(const char *fs)
{
    static const char *const names[] = {"tmpfs", "ramfs", "rootfs", "devtmpfs"};
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(fs, names[i]) == 0)
            return true;
    }
    return false;
}

/* A mark of a file in this state; never 0. Keyed with a secret, as a guest that knew two states of one mark could hide
 * a change. */
static uint64_t mark_of(const struct guest *g, const struct subject *s)
{
    const uint64_t words[] = {s->inode,     s->file.inode,     (uint64_t)s->file.dev_major << 32 | s->file.dev_minor,
                              s->file.size, s->file.mtime_sec, s->file.mtime_nsec,
                              s->pages};
    uint64_t mark = g->object_key;
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        mark = (mark ^ words[i]) * (g->object_key | 1);
        mark ^= mark >> 29;
    }
    return mark ? mark : 1;
}

/*
 * Is there reason to read it? A run program's bytes are those of the last look if nothing about it changed. One that
 * was open for writing is always read, as a mapping may have changed it without a trace; but large ones not for ever.
 */
static bool worthwhile(struct guest *g, const struct subject *s, uint8_t *flags)
{
    struct guest_looked *slot = &g->looked[(s->inode >> 6 ^ s->inode >> 16) % GUEST_LOOKED];
    uint64_t mark = mark_of(g, s), before = __atomic_exchange_n(&slot->mark, mark, __ATOMIC_RELAXED);
    if (s->file.why == QBK_FILE_STARTED || s->file.why == QBK_FILE_RUN)
        return before != mark;
    if (__atomic_exchange_n(&slot->inode, s->inode, __ATOMIC_RELAXED) != s->inode)
        __atomic_store_n(&slot->looks, 0, __ATOMIC_RELAXED);
    if (s->file.size <= OFTEN_SIZE || __atomic_add_fetch(&slot->looks, 1, __ATOMIC_RELAXED) <= OFTEN_LOOKS)
        return true;
    __atomic_store_n(&slot->mark, 0, __ATOMIC_RELAXED); /* when it is run, it is read */
    *flags |= QBK_FILE_REPEATED;
    return false;
}

static bool can_read(struct guest_cpu *cpu, struct look *l)
{
    const struct linux_layout *layout = &cpu->guest->layout;
    static const enum linux_offset needed[] = {OFF_MAPPING_HEAD, OFF_XA_SHIFT,     OFF_XA_SLOTS,
                                               OFF_PAGE_FLAGS,   LAYOUT_PAGE_SIZE, LAYOUT_UPTODATE};
    for (unsigned i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (layout->offset[needed[i]] == LAYOUT_NONE)
            return false;
    }
    return layout->offset[LAYOUT_PAGE_SIZE] > 0 && layout->vmemmap_base && layout->page_offset_base &&
           vm__read_exact(cpu->vm, layout->vmemmap_base, &l->vmemmap, 8) &&
           vm__read_exact(cpu->vm, layout->page_offset_base, &l->direct, 8) && (int64_t)l->vmemmap < 0 &&
           (int64_t)l->direct < 0;
}

static void look_at(struct guest_cpu *cpu, const struct guest_thread *t, uint64_t file, enum qbk_file_why why)
{
    struct guest *g = cpu->guest;
    struct look l = {.cpu = cpu, .thread = t ? t->number : 0};
    struct subject s;
    char *path = (char *)cpu->scratch;
    if (!describe(cpu, file, &s))
        return;
    s.file.why = (uint8_t)why;
    if (in_memory(s.file.fs))
        s.file.flags |= QBK_FILE_IN_MEMORY;
    if (why != QBK_FILE_OPENED && s.mapping && worthwhile(g, &s, &s.file.flags) && can_read(cpu, &l))
        s.file.flags |= QBK_FILE_PAGES;
    s.file.look = l.number = __atomic_add_fetch(&g->next_look, 1, __ATOMIC_RELAXED);
    s.file.len = (uint32_t)linux__file_path(cpu, file, path, GUEST_PATH_MAX);
    guest__emit_file(cpu, l.thread, &s.file, path);
    if (!(s.file.flags & QBK_FILE_PAGES))
        return;
    l.size = s.file.size < g->settings.file_limit ? s.file.size : g->settings.file_limit;
    l.pages = l.size / PAGE + (l.size % PAGE != 0);
    send_pages(&l, s.mapping);
}

void linux__look_opened(struct guest_cpu *cpu, const struct guest_thread *t, uint64_t file)
{
    uint32_t mode = 0;
    if (member(cpu, file, OFF_FILE_MODE, &mode, 4) && (mode & MODE_WRITE))
        look_at(cpu, t, file, QBK_FILE_OPENED);
}

void linux__look_over(struct guest_cpu *cpu, const struct guest_thread *t, uint64_t file)
{
    uint32_t mode = 0, flags = 0;
    if (member(cpu, file, OFF_FILE_MODE, &mode, 4) && (mode & MODE_WRITE))
        look_at(cpu, t, file, QBK_FILE_CLOSED);
    else if (member(cpu, file, OFF_FILE_FLAGS, &flags, 4) && (flags & FLAG_EXEC))
        look_at(cpu, t, file, QBK_FILE_RUN);
}

void linux__look_started(struct guest_cpu *cpu, const struct guest_thread *t)
{
    uint64_t mm = 0, file = 0;
    if (member(cpu, t->object, OFF_TASK_MM, &mm, 8) && member(cpu, mm, OFF_MM_EXE_FILE, &file, 8))
        look_at(cpu, t, file, QBK_FILE_STARTED);
}
