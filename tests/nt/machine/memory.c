/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nt.h"

#define PRESENT  1u
#define WRITABLE 2u
#define USER     4u

void *memset(void *to, int value, size_t len)
{
    void *p = to;
    __asm__ volatile("rep stosb" : "+D"(p), "+c"(len) : "a"(value) : "memory");
    return to;
}

void *memcpy(void *to, const void *from, size_t len)
{
    void *p = to;
    __asm__ volatile("rep movsb" : "+D"(p), "+S"(from), "+c"(len) : : "memory");
    return to;
}

static word pages_next = PHYS_POOL, pages_freed;
static u8 *pool_at, *pool_end;
static word system_cr3;

static void *at(word physical)
{
    return (void *)(BASE + physical);
}

word page_new(void)
{
    word page = pages_freed;
    if (page) {
        pages_freed = *(word *)at(page);
    } else {
        page = pages_next;
        pages_next += PAGE;
        if (pages_next > PHYS_TRUTH)
            machine_off(2);
    }
    memset(at(page), 0, PAGE);
    return page;
}

void page_free(word page)
{
    *(word *)at(page) = pages_freed;
    pages_freed = page;
}

/* Pages come in order until the first is freed, so a pool of its own that never gives back. */
void *pool_new(size_t bytes)
{
    bytes = (bytes + 63) & ~(size_t)63;
    if (!pool_at) {
        pool_at = at(pages_next);
        pages_next += 4u << 20;
        pool_end = at(pages_next);
    }
    if (bytes > (size_t)(pool_end - pool_at))
        machine_off(3);
    void *p = pool_at;
    pool_at += bytes;
    memset(p, 0, bytes);
    return p;
}

/* The entry that maps va at the lowest level, tables made on the way; NULL if they are not there and !make. */
static word *entry(word cr3, word va, bool make)
{
#ifdef __x86_64__
    static const unsigned shifts[] = {39, 30, 21, 12};
    const unsigned mask = 511;
#else
    static const unsigned shifts[] = {22, 12};
    const unsigned mask = 1023;
#endif
    word *table = at(cr3);
    unsigned last = sizeof(shifts) / sizeof(shifts[0]) - 1;
    for (unsigned i = 0; i < last; i++) {
        word *e = &table[va >> shifts[i] & mask];
        if (!(*e & PRESENT)) {
            if (!make)
                return NULL;
            *e = page_new() | PRESENT | WRITABLE | USER;
        }
        table = at(*e & ~(word)(PAGE - 1));
    }
    return &table[va >> shifts[last] & mask];
}

static void map_kernel(word cr3, word va, word physical)
{
    *entry(cr3, va, true) = physical | PRESENT | WRITABLE;
}

void map_system(word va, word physical)
{
    map_kernel(system_cr3, va, physical);
}

void load_cr3(word cr3)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
}

word kuser_page;

void memory_init(void)
{
    system_cr3 = PHYS_TABLES;
    kuser_page = page_new();
    map_kernel(system_cr3, KUSER, kuser_page);
    *entry(system_cr3, APIC, true) = 0xfee00000u | PRESENT | WRITABLE | 0x10;
}

#ifdef __x86_64__
extern u8 KiSystemCall64[], kvas_end[];
extern u64 idt[];

static word kernel_physical(const void *p)
{
    return (word)p - KERNEL + PHYS_KERNEL_64;
}

static void shadow_map(word cr3, const void *from, const void *to)
{
    for (const u8 *p = (const u8 *)((word)from & ~(word)(PAGE - 1)); p < (const u8 *)to; p += PAGE)
        map_kernel(cr3, (word)p, kernel_physical(p));
}

word address_space_new(word *user)
{
    word cr3 = page_new();
    memcpy((u8 *)at(cr3) + 2048, (u8 *)at(system_cr3) + 2048, 2048);
    *user = cr3;
    if (options.shadow) {
        *user = page_new();
        shadow_map(*user, KiSystemCall64, kvas_end);
        shadow_map(*user, idt, (u8 *)idt + PAGE);
        for (unsigned i = 0; i < options.cpus; i++)
            shadow_map(*user, &cpus[i].shadow, (u8 *)&cpus[i].shadow + PAGE);
    }
    return cr3;
}
#else
word address_space_new(word *user)
{
    word cr3 = page_new();
    memcpy((u8 *)at(cr3) + 2048, (u8 *)at(system_cr3) + 2048, 2048);
    *user = cr3;
    return cr3;
}
#endif

void map(const struct process *process, word va, word physical, bool writable)
{
    word value = physical | PRESENT | USER | (writable ? WRITABLE : 0);
    *entry(process->cr3, va, true) = value;
    if (process->user_cr3 != process->cr3)
        *entry(process->user_cr3, va, true) = value;
}

void *user_at(const struct process *process, word va)
{
    word *e = va < 0x7fff0000u ? entry(process->cr3, va, false) : NULL;
#ifdef __x86_64__
    if (!e && va < 0x7fffffff0000u)
        e = entry(process->cr3, va, false);
#endif
    if (!e || !(*e & PRESENT))
        return NULL;
    return (u8 *)at(*e & ~(word)(PAGE - 1)) + (va & (PAGE - 1));
}

static size_t in_page(word va, size_t len)
{
    size_t n = PAGE - (va & (PAGE - 1));
    return n < len ? n : len;
}

void user_write(const struct process *process, word va, const void *from, size_t len)
{
    for (size_t n; len; len -= n, va += n, from = (const u8 *)from + n) {
        u8 *to = user_at(process, va);
        n = in_page(va, len);
        if (to && n == sizeof(word)) /* in one piece: others may look */
            *(volatile word *)to = *(const word *)from;
        else if (to && n == sizeof(u32))
            *(volatile u32 *)to = *(const u32 *)from;
        else if (to)
            memcpy(to, from, n);
    }
}

void user_read(const struct process *process, word va, void *to, size_t len)
{
    for (size_t n; len; len -= n, va += n, to = (u8 *)to + n) {
        const u8 *from = user_at(process, va);
        n = in_page(va, len);
        if (from)
            memcpy(to, from, n);
        else
            memset(to, 0, n);
    }
}

static u32 at32(const u8 *p)
{
    u32 v;
    memcpy(&v, p, 4);
    return v;
}

static u32 at16(const u8 *p)
{
    return (u32)(p[0] | p[1] << 8);
}

/* Pages of ntdll and win32u are the same in all processes; shared_pages[module][page]. */
#define SHARED_PAGES 64u
static word shared_pages[BOOT_MODULES][SHARED_PAGES];

static void image_page(const struct process *process, u32 module, word base, u32 rva, const u8 *from, u32 len,
                       bool shared)
{
    word *kept = shared && rva / PAGE < SHARED_PAGES ? &shared_pages[module][rva / PAGE] : NULL;
    word page = kept && *kept ? *kept : page_new();
    if (len > PAGE)
        len = PAGE;
    if (!kept || !*kept)
        memcpy(at(page), from, len);
    if (kept)
        *kept = page;
    map(process, base + rva, page, !shared);
}

/* Where it wants to be: the images here were linked for different places. */
word image_map(const struct process *process, u32 module, bool shared)
{
    const u8 *file = at(boot->module[module].start), *pe = file + at32(file + 0x3c);
    u32 sections = at16(pe + 6), headers = at32(pe + 24 + 60);
    const u8 *section = pe + 24 + at16(pe + 20);
#ifdef __x86_64__
    word base = at32(pe + 24 + 24) | (word)at32(pe + 24 + 28) << 32;
#else
    word base = at32(pe + 24 + 28);
#endif
    image_page(process, module, base, 0, file, headers, shared);
    for (u32 i = 0; i < sections; i++, section += 40) {
        u32 size = at32(section + 8), rva = at32(section + 12), raw = at32(section + 16), where = at32(section + 20);
        for (u32 off = 0; off < size; off += PAGE)
            image_page(process, module, base, rva + off, file + where + off, off < raw ? raw - off : 0, shared);
    }
    return base;
}

static bool same(const struct process *process, word va, const char *name)
{
    for (;; va++, name++) {
        char c = 0;
        user_read(process, va, &c, 1);
        if (c != *name)
            return false;
        if (!c)
            return true;
    }
}

static u32 user_32(const struct process *process, word va)
{
    u32 v;
    user_read(process, va, &v, 4);
    return v;
}

word image_export(const struct process *process, word base, const char *name)
{
    word pe = base + user_32(process, base + 0x3c);
    word dir = base + user_32(process, pe + 24 + (sizeof(word) == 8 ? 112 : 96));
    u32 names = user_32(process, dir + 24);
    for (u32 i = 0; i < names; i++) {
        u16 ordinal;
        if (!same(process, base + user_32(process, base + user_32(process, dir + 32) + 4 * i), name))
            continue;
        user_read(process, base + user_32(process, dir + 36) + 2 * i, &ordinal, 2);
        return base + user_32(process, base + user_32(process, dir + 28) + 4u * ordinal);
    }
    return 0;
}
