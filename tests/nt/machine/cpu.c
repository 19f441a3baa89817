/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nt.h"

#define TIMER_VECTOR 0xd1u
#define TIMER_COUNT  60000u

struct cpu cpus[CPUS_MAX];
volatile u32 cpus_up;
static volatile u32 held;

static void out8(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

void serial(const char *text)
{
    while (*text)
        out8(0x3f8, (u8)*text++);
}

void serial_number(u64 n)
{
    char digits[24];
    unsigned i = sizeof(digits) - 1;
    digits[i] = 0;
    do { /* no 64-bit division on x86 without a library */
        u64 q = 0, r = 0;
        for (int b = 63; b >= 0; b--) {
            r = r << 1 | (n >> b & 1);
            if (r >= 10) {
                r -= 10;
                q |= 1ull << b;
            }
        }
        digits[--i] = (char)('0' + (int)r);
        n = q;
    } while (n);
    serial(digits + i);
}

void machine_off(u32 status)
{
    for (;;)
        __asm__ volatile("outl %0, %1; cli; hlt" : : "a"(status), "Nd"((u16)0xf4));
}

void lock(void)
{
    while (__atomic_exchange_n(&held, 1, __ATOMIC_ACQUIRE))
        __asm__ volatile("pause");
}

void unlock(void)
{
    __atomic_store_n(&held, 0, __ATOMIC_RELEASE);
}

static void wrmsr(u32 msr, u64 value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)));
}

bool cpu_has_sep(void)
{
    u32 a = 1, b, c, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
    return d >> 11 & 1;
}

static void apic(u32 reg, u32 value)
{
    *(volatile u32 *)(APIC + reg) = value;
}

void timer_start(void)
{
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
    apic(0xf0, 0x1ff);
    apic(0x3e0, 3);
    apic(0x320, TIMER_VECTOR | 0x20000);
    apic(0x380, options.tick * TIMER_COUNT + 977 * this_cpu()->index);
}

void timer_done(void)
{
    apic(0xb0, 0);
}

struct thread *current(void)
{
    return this_cpu()->running;
}

#ifdef __x86_64__
#define MSR_STAR    0xc0000081u
#define MSR_LSTAR   0xc0000082u
#define MSR_FMASK   0xc0000084u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KGS     0xc0000102u
#define MSR_EFER    0xc0000080u

extern u64 interrupt_entries[];
extern u8 KiSystemCall64[], KiSystemCall64Shadow[];
extern u64 shadow_on;
u64 idt[512] __attribute__((aligned(4096)));

struct table {
    u16 limit;
    u64 base;
} __attribute__((packed));

struct cpu *this_cpu(void)
{
    struct cpu *c;
    __asm__ volatile("mov %%gs:0x18, %0" : "=r"(c));
    return c;
}

static void gates(void)
{
    for (const u64 *e = interrupt_entries; e[0]; e += 2) {
        u64 at = e[1], user = e[0] == 3 || e[0] == 0x2b || e[0] == 0x2e ? 3 : 0;
        idt[2 * e[0]] = (at & 0xffff) | 0x10ull << 16 | (0x8e00ull | user << 13) << 32 | (at >> 16 & 0xffff) << 48;
        idt[2 * e[0] + 1] = at >> 32;
    }
}

static void segments(struct cpu *c)
{
    u64 *gdt = c->shadow.gdt, tss = (u64)c->shadow.tss;
    gdt[2] = 0x00af9b000000ffff; /* 10h kernel code */
    gdt[3] = 0x00cf93000000ffff; /* 18h kernel data */
    gdt[4] = 0x00cffb000000ffff; /* 20h user code, 32 bits */
    gdt[5] = 0x00cff3000000ffff; /* 28h user data */
    gdt[6] = 0x00affb000000ffff; /* 30h user code, 64 bits */
    gdt[8] = 0x67 | (tss & 0xffffff) << 16 | 0x89ull << 40 | (tss >> 24 & 0xff) << 56;
    gdt[9] = tss >> 32;
    AT(c->shadow.tss, 102, u16) = 104;
    struct table t = {16 * 8 - 1, (u64)gdt}, i = {sizeof(idt) - 1, (u64)idt};
    __asm__ volatile("lgdt %0; lidt %1" : : "m"(t), "m"(i));
    __asm__ volatile("pushq $0x10; lea 1f(%%rip), %%rax; push %%rax; lretq; 1: mov $0x18, %%eax; mov %%eax, %%ss;"
                     "mov $0x2b, %%eax; mov %%eax, %%ds; mov %%eax, %%es; ltr %w0"
                     :
                     : "r"(0x40)
                     : "rax", "memory");
}

void cpu_init(u32 index)
{
    struct cpu *c = &cpus[index];
    c->index = index;
    segments(c);
    AT(c->pcr, 0x18, word) = (word)c;         /* Self */
    AT(c->pcr, 0x20, word) = (word)c + 0x180; /* CurrentPrcb */
    wrmsr(MSR_GS_BASE, (u64)c);
    wrmsr(MSR_KGS, 0);
    wrmsr(MSR_EFER, 0x501);
    wrmsr(MSR_STAR, 0x23ull << 48 | 0x10ull << 32);
    wrmsr(MSR_LSTAR, (u64)(options.shadow ? KiSystemCall64Shadow : KiSystemCall64));
    wrmsr(MSR_FMASK, 0x4700);
    if (index == 0) {
        shadow_on = options.shadow;
        gates();
    }
}

void cpu_runs(struct thread *t)
{
    struct cpu *c = this_cpu();
    word interrupt_stack = options.shadow ? (word)c->shadow.stack + sizeof(c->shadow.stack) : t->stack_base;
    c->running = t;
    AT(c->pcr, KPCR_THREAD, word) = (word)t->e;
    AT(c->pcr, 0x1a8, word) = t->stack_base;
    AT(c->shadow.tss, 4, word) = interrupt_stack;
    c->shadow.stack_base = t->stack_base;
    if (t->idle)
        return;
    wrmsr(MSR_KGS, t->teb);
    if (c->shadow.kernel_cr3 != t->process->cr3)
        load_cr3(t->process->cr3);
    c->shadow.kernel_cr3 = t->process->cr3;
    c->shadow.user_cr3 = t->process->user_cr3;
}
#else
#define MSR_SYSENTER_CS  0x174u
#define MSR_SYSENTER_ESP 0x175u
#define MSR_SYSENTER_EIP 0x176u
#define KPCR_FIRST       0xffdff000u /* where the first processor has its KPCR; the others have it anywhere */
#define KPCR_OURS        0xd00       /* struct cpu of this processor */
#define SEL_TSS          0x28
#define SEL_KPCR         0x30
#define SEL_TEB          0x38

extern u32 interrupt_entries[];
extern u8 KiFastCallEntry[];
u64 idt[256] __attribute__((aligned(4096)));

struct table {
    u16 limit;
    u32 base;
} __attribute__((packed));

struct cpu *this_cpu(void)
{
    struct cpu *c;
    __asm__ volatile("mov %%fs:0xd00, %0" : "=r"(c));
    return c;
}

static void gates(void)
{
    for (const u32 *e = interrupt_entries; e[0]; e += 2) {
        u64 at = e[1], user = e[0] == 3 || e[0] == 0x2b || e[0] == 0x2e ? 3 : 0;
        idt[e[0]] = (at & 0xffff) | 0x08ull << 16 | (0x8e00ull | user << 13) << 32 | (at >> 16 & 0xffff) << 48;
    }
}

static u64 descriptor(u64 kind, word base, u64 limit)
{
    return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | kind << 40 | (limit >> 16 & 15) << 48 |
           (u64)(base >> 24) << 56;
}

/* 08h and 10h kernel, 18h and 20h user, then TSS, KPCR, TEB. */
static void segments(struct cpu *c, word kpcr)
{
    u64 *gdt = c->shadow.gdt;
    gdt[1] = descriptor(0xc09b, 0, 0xfffff);
    gdt[2] = descriptor(0xc093, 0, 0xfffff);
    gdt[3] = descriptor(0xc0fb, 0, 0xfffff);
    gdt[4] = descriptor(0xc0f3, 0, 0xfffff);
    gdt[SEL_TSS / 8] = descriptor(0x0089, (word)c->shadow.tss, 0x67);
    gdt[SEL_KPCR / 8] = descriptor(0x4093, kpcr, 0x1fff);
    gdt[SEL_TEB / 8] = descriptor(0x40f3, 0, 0xfff);
    AT(c->shadow.tss, 8, u32) = 0x10;
    AT(c->shadow.tss, 102, u16) = 104;
    struct table t = {16 * 8 - 1, (u32)gdt}, i = {sizeof(idt) - 1, (u32)idt};
    __asm__ volatile("lgdt %0; lidt %1" : : "m"(t), "m"(i));
    __asm__ volatile("ljmp $8, $1f; 1: mov $0x10, %%eax; mov %%eax, %%ss; mov $0x23, %%eax; mov %%eax, %%ds;"
                     "mov %%eax, %%es; mov $0x30, %%eax; mov %%eax, %%fs; xor %%eax, %%eax; mov %%eax, %%gs; ltr %w0"
                     :
                     : "r"(SEL_TSS)
                     : "eax", "memory");
}

void cpu_init(u32 index)
{
    struct cpu *c = &cpus[index];
    word kpcr = index ? (word)c : KPCR_FIRST;
    c->index = index;
    if (index == 0) {
        map_system(KPCR_FIRST, (word)c - BASE);
        gates();
    }
    segments(c, kpcr);
    AT(c->pcr, 0x1c, word) = kpcr;         /* SelfPcr */
    AT(c->pcr, 0x20, word) = kpcr + 0x120; /* Prcb */
    AT(c->pcr, 0x38, word) = (word)idt;
    AT(c->pcr, 0x3c, word) = (word)c->shadow.gdt;
    AT(c->pcr, 0x40, word) = (word)c->shadow.tss;
    AT(c->pcr, KPCR_OURS, word) = (word)c;
    if (!options.sep)
        return;
    wrmsr(MSR_SYSENTER_CS, 8);
    wrmsr(MSR_SYSENTER_ESP, 0);
    wrmsr(MSR_SYSENTER_EIP, (word)KiFastCallEntry);
}

void cpu_runs(struct thread *t)
{
    struct cpu *c = this_cpu();
    c->running = t;
    AT(c->pcr, KPCR_THREAD, word) = (word)t->e;
    AT(c->shadow.tss, 4, word) = t->stack_base;
    if (t->idle)
        return;
    c->shadow.gdt[SEL_TEB / 8] = descriptor(0x40f3, t->teb, 0xfff);
    if (c->shadow.kernel_cr3 != t->process->cr3)
        load_cr3(t->process->cr3);
    c->shadow.kernel_cr3 = t->process->cr3;
}
#endif
