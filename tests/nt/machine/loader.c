/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's -kernel takes 32-bit multiboot images only. This one finds the PE files that came as modules, puts the kernel
 * to its place, maps memory, starts the other processors and goes to the kernel.
 */
#include "boot.h"

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define LARGE_PAGE 0x83u /* present, writable, large */
#define TABLE      0x3u
#define APIC_ICR   0xfee00300u

struct multiboot {
    u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
};
struct module {
    u32 start, end, string, reserved;
};

struct boot boot;
extern u64 kernel_entry;
extern u32 kernel_is_64;
extern u8 trampoline[], trampoline_end[];

void enter_kernel(u32 cpu);
void loader_main(const struct multiboot *mb);

static u16 at16(const u8 *p)
{
    return (u16)(p[0] | p[1] << 8);
}

static u32 at32(const u8 *p)
{
    return (u32)at16(p) | (u32)at16(p + 2) << 16;
}

static void copy(u8 *to, const u8 *from, u32 len)
{
    while (len--)
        *to++ = *from++;
}

static void zero(u8 *to, u32 len)
{
    while (len--)
        *to++ = 0;
}

/* Headers and sections of the PE file to where they belong relative to `to`; returns the entry's offset. */
static u32 load(const u8 *file, u8 *to)
{
    const u8 *pe = file + at32(file + 0x3c), *section = pe + 24 + at16(pe + 20);
    zero(to, at32(pe + 24 + 56));
    copy(to, file, at32(pe + 24 + 60));
    for (u32 i = 0; i < at16(pe + 6); i++, section += 40)
        copy(to + at32(section + 12), file + at32(section + 20), at32(section + 16));
    return at32(pe + 24 + 16);
}

static void map_64(void)
{
    u64 *top = (u64 *)PHYS_TABLES, *low = top + 512, *kernel = top + 1024, *gib = top + 1536, *image = top + 2048;
    zero((u8 *)PHYS_TABLES, 5 * 4096);
    for (u32 i = 0; i < 512; i++)
        gib[i] = (u64)i << 21 | LARGE_PAGE;
    low[0] = (u32)gib | TABLE;
    top[0] = (u32)low | TABLE;
    top[(BASE_64 >> 39) & 511] = (u32)low | TABLE;
    for (u32 i = 0; i < 4; i++)
        image[(KERNEL_64 >> 21 & 511) + i] = (PHYS_KERNEL_64 + (i << 21)) | LARGE_PAGE;
    kernel[(KERNEL_64 >> 30) & 511] = (u32)image | TABLE;
    top[(KERNEL_64 >> 39) & 511] = (u32)kernel | TABLE;
}

static void map_32(void)
{
    u32 *top = (u32 *)PHYS_TABLES;
    zero((u8 *)PHYS_TABLES, 4096);
    for (u32 i = 0; i < 256; i++) {
        top[i] = i << 22 | LARGE_PAGE;
        top[BASE_32 / 0x400000u + i] = i << 22 | LARGE_PAGE;
    }
}

static void wait(u32 loops)
{
    for (volatile u32 i = 0; i < loops; i++)
        ;
}

static void start_others(void)
{
    volatile u32 *icr = (volatile u32 *)APIC_ICR;
    copy((u8 *)PHYS_TRAMPOLINE, trampoline, (u32)(trampoline_end - trampoline));
    *icr = 0xc4500; /* INIT to all others */
    wait(2000000);
    *icr = 0xc4600 | PHYS_TRAMPOLINE >> 12;
    wait(2000000);
}

void loader_main(const struct multiboot *mb)
{
    const struct module *mod = (const struct module *)mb->mods_addr;
    const char *line = (const char *)mb->cmdline;
    boot.memory_top = (mb->mem_upper + 1024) * 1024;
    boot.modules = mb->mods_count < BOOT_MODULES ? mb->mods_count : BOOT_MODULES;
    for (u32 i = 0; i < boot.modules; i++) {
        boot.module[i].start = mod[i].start;
        boot.module[i].end = mod[i].end;
    }
    for (u32 i = 0; i + 1 < BOOT_LINE && line[i]; i++)
        boot.line[i] = line[i];
    const u8 *file = (const u8 *)boot.module[0].start;
    kernel_is_64 = at16(file + at32(file + 0x3c) + 4) == 0x8664;
    if (kernel_is_64)
        kernel_entry = KERNEL_64 + load(file, (u8 *)PHYS_KERNEL_64);
    else
        kernel_entry = KERNEL_32 + load(file, (u8 *)PHYS_KERNEL_32);
    if (kernel_is_64)
        map_64();
    else
        map_32();
    start_others();
    enter_kernel(0);
}
