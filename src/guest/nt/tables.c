/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/nt/tables.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode/decode.h"
#include "guest/nt/image.h"

#define EVERY        128u /* returns to user mode, of all vCPUs */
#define REPORTS_MAX  256u
#define BACK_PAGES   8192u
#define GRAPHICS     1u   /* the table of win32k */
#define SHIFTED_FROM 6000 /* the first build of x64 whose entries are distances, four bits to the left */
#define WIN32K_MAX   4u
#define SHADOW_SPAN  0x100u
#define SEARCHES_MAX 8u /* for images, in one look: the machine waits; what is left is for the next look */

struct nt_tables {
    pthread_mutex_t lock;
    uint32_t until; /* atomic; events until the next look */
    unsigned reports, searches;
    uint64_t shadow;                     /* KeServiceDescriptorTableShadow; 0: not known */
    struct nt_module win32k[WIN32K_MAX]; /* images of that name that entries led to */
    unsigned n_win32k;
    bool outside[NT_TABLES];                 /* the table itself was told to lie elsewhere */
    uint64_t told[NT_TABLES][NT_TABLE_SIZE]; /* where an entry was told to lead; 0: nothing was told */
    uint8_t entry[NT_TABLE_SIZE * 4];
};

/* Each is four words: base, counter, limit, arguments. */
struct descriptor {
    uint64_t base;
    uint32_t limit;
};

struct nt_tables *nt_tables__new(void)
{
    struct nt_tables *t = calloc(1, sizeof(*t));
    if (t)
        pthread_mutex_init(&t->lock, NULL);
    return t;
}

void nt_tables__free(struct nt_tables *t)
{
    if (!t)
        return;
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static bool inside(const struct nt_module *m, uint64_t address)
{
    return address >= m->start && address < m->end;
}

static bool in_kernel(const struct guest *g, uint64_t address)
{
    return address >= g->nt.image_start && address < g->nt.image_end;
}

enum place { PLACE_RIGHT, PLACE_ELSEWHERE, PLACE_NEXT_TIME };

/* Parts of win32k are images of their own since Windows 10: win32kbase.sys, win32kfull.sys. */
static enum place place_of(struct nt_tables *t, struct guest_cpu *cpu, uint64_t address)
{
    struct nt_module image;
    char name[NT_IMAGE_NAME_MAX];
    if (in_kernel(cpu->guest, address))
        return PLACE_RIGHT;
    for (unsigned i = 0; i < t->n_win32k; i++) {
        if (inside(&t->win32k[i], address))
            return PLACE_RIGHT;
    }
    if (t->n_win32k == WIN32K_MAX)
        return PLACE_ELSEWHERE;
    if (t->searches++ >= SEARCHES_MAX)
        return PLACE_NEXT_TIME;
    if (!nt_image__around(cpu, address, BACK_PAGES, &image) || nt_image__name(cpu, image.start, name) < 6 ||
        memcmp(name, "win32k", 6) != 0)
        return PLACE_ELSEWHERE;
    t->win32k[t->n_win32k++] = image;
    return PLACE_RIGHT;
}

/* ---- telling ---- */

static void report(struct nt_tables *t, struct guest_cpu *cpu, const char *text)
{
    char pairs[256];
    if (t->reports >= REPORTS_MAX)
        return;
    const char *said = ++t->reports == REPORTS_MAX ? "there is more, which is not told" : text;
    int n = snprintf(pairs, sizeof(pairs), "os%cnt%chooked%c%s", 0, 0, 0, said);
    if (n > 0 && (size_t)n < sizeof(pairs))
        guest__emit_text(cpu->guest, cpu, QBK_GUEST, 0, pairs, (size_t)n + 1);
}

static const char *name_of(const struct guest *g, unsigned table, unsigned index, char *buf, size_t size)
{
    unsigned row = g->nt.row[table][index];
    const struct decode_service *service =
        row ? decode__service(g->nt.is_64 ? QBK_ABI_NT_X64 : QBK_ABI_NT_X86, row - 1u) : NULL;
    if (service)
        return service->name;
    snprintf(buf, size, "service_%#x", table << 12 | index);
    return buf;
}

/* A change of what was told before: tell it. */
static void judge(struct nt_tables *t, struct guest_cpu *cpu, unsigned table, unsigned index, uint64_t target, bool bad)
{
    char text[160], buf[32];
    const char *name = name_of(cpu->guest, table, index, buf, sizeof(buf));
    if (bad)
        snprintf(text, sizeof(text), "%s: the service table leads to %#" PRIx64 ", outside the kernel and win32k", name,
                 target);
    else
        snprintf(text, sizeof(text), "%s: the service table leads where it should again", name);
    t->told[table][index] = bad ? target : 0;
    report(t, cpu, text);
}

/* ---- looking ---- */

static unsigned word_of(const struct guest *g)
{
    return g->nt.is_64 ? 8 : 4;
}

static bool read_descriptor(struct guest_cpu *cpu, uint64_t at, struct descriptor *out)
{
    uint8_t bytes[32];
    unsigned word = word_of(cpu->guest);
    *out = (struct descriptor){0};
    if (!vm__read_exact(cpu->vm, at, bytes, 4 * word))
        return false;
    memcpy(&out->base, bytes, word);
    memcpy(&out->limit, bytes + 2 * word, sizeof(out->limit));
    return out->base != 0 && out->limit != 0 && out->limit <= NT_TABLE_SIZE;
}

/*
 * x86 does not export the shadow table, which has win32k's beside the kernel's; it lies close to the one that is
 * exported, and begins with the same descriptor.
 */
static void find_shadow(struct nt_tables *t, struct guest_cpu *cpu)
{
    const struct nt_layout *nt = &cpu->guest->nt;
    uint64_t at = nt->services - SHADOW_SPAN;
    unsigned word = word_of(cpu->guest);
    struct descriptor own, one, two;
    t->shadow = nt->services_shadow;
    if (t->shadow || !read_descriptor(cpu, nt->services, &own))
        return;
    for (; at <= nt->services + SHADOW_SPAN && !t->shadow; at += word) {
        if (at != nt->services && read_descriptor(cpu, at, &one) && one.base == own.base && one.limit == own.limit &&
            read_descriptor(cpu, at + 4u * word, &two))
            t->shadow = at;
    }
}

static uint64_t target_of(const struct guest *g, uint64_t base, const uint8_t *entry)
{
    uint32_t value;
    memcpy(&value, entry, sizeof(value));
    return g->nt.is_64 ? base + (uint64_t)(int64_t)((int32_t)value >> 4) : value;
}

static void look_at_table(struct nt_tables *t, struct guest_cpu *cpu, unsigned table, const struct descriptor *d)
{
    const struct guest *g = cpu->guest;
    size_t have = vm__read(cpu->vm, d->base, t->entry, 4ull * d->limit) / 4;
    for (unsigned i = 0; i < have; i++) {
        uint64_t target = target_of(g, d->base, t->entry + 4ull * i);
        if (target == t->told[table][i])
            continue;
        enum place place = place_of(t, cpu, target);
        if (place == PLACE_ELSEWHERE || (place == PLACE_RIGHT && t->told[table][i] != 0))
            judge(t, cpu, table, i, target, place == PLACE_ELSEWHERE);
    }
}

/* The table itself may have been replaced by a copy: its entries are looked at all the same. */
static void look_at_base(struct nt_tables *t, struct guest_cpu *cpu, unsigned table, const struct descriptor *d)
{
    char text[128];
    enum place place = place_of(t, cpu, d->base);
    bool bad = place == PLACE_ELSEWHERE;
    if (place == PLACE_NEXT_TIME)
        return;
    if (bad && !t->outside[table]) {
        snprintf(text, sizeof(text), "the service table %u itself lies at %#" PRIx64 ", outside the kernel and win32k",
                 table, d->base);
        report(t, cpu, text);
    }
    t->outside[table] = bad;
}

static void look(struct nt_tables *t, struct guest_cpu *cpu)
{
    const struct nt_layout *nt = &cpu->guest->nt;
    struct descriptor d;
    t->searches = 0;
    if (!t->shadow)
        find_shadow(t, cpu);
    for (unsigned table = 0; table < NT_TABLES; table++) {
        uint64_t at = table == GRAPHICS ? t->shadow : nt->services;
        if (at == 0 || !read_descriptor(cpu, at + table * 4ull * word_of(cpu->guest), &d))
            continue;
        look_at_base(t, cpu, table, &d);
        look_at_table(t, cpu, table, &d);
    }
}

void nt_tables__look(struct nt_tables *t, struct guest_cpu *cpu)
{
    const struct nt_layout *nt = &cpu->guest->nt;
    if (!t || nt->services == 0 || (nt->is_64 && nt->build < SHIFTED_FROM))
        return;
    uint32_t until = __atomic_load_n(&t->until, __ATOMIC_RELAXED);
    if (until > 0) {
        __atomic_store_n(&t->until, until - 1, __ATOMIC_RELAXED); /* one that another vCPU takes away does not matter */
        return;
    }
    if (pthread_mutex_trylock(&t->lock) != 0)
        return;
    __atomic_store_n(&t->until, EVERY, __ATOMIC_RELAXED);
    look(t, cpu);
    pthread_mutex_unlock(&t->lock);
}
