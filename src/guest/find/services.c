/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of system calls out of the guest's own tables. sys_call_table[nr] holds the address of __x64_sys_NAME, and
 * kallsyms knows that name (arch/x86/entry/syscall_64.c). Where the kernel was built for tracing of system calls
 * (CONFIG_FTRACE_SYSCALLS), a struct syscall_metadata for each name tells the arguments too (include/trace/syscall.h).
 */
#include <stdlib.h>

#include "guest/find/image.h"

#define NR_MAX     1024u
#define PREFIX     "__x64_sys_"
#define META       "__syscall_meta__"
#define NOBODY     "ni_syscall" /* what numbers without a call point at */
#define META_NR    8u           /* struct syscall_metadata: name, int syscall_nr, int nb_args, types, args */
#define META_TYPES 16u
#define META_NAMES 24u

/* What is of use among some hundred thousand symbols. */
struct sorted {
    struct find_symbol *handler; /* by address */
    size_t count;
    GHashTable *meta; /* name of a call -> its struct find_symbol */
};

static int by_address(const void *a, const void *b)
{
    const struct find_symbol *x = a, *y = b;
    return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static bool sort_out(const struct find_symbols *symbols, struct sorted *to)
{
    to->handler = g_try_new(struct find_symbol, symbols->count + 1);
    to->count = 0;
    if (!to->handler)
        return false;
    to->meta = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < symbols->count; i++) {
        const char *name = symbols->symbol[i].name;
        if (strncmp(name, PREFIX, strlen(PREFIX)) == 0)
            to->handler[to->count++] = symbols->symbol[i];
        else if (strncmp(name, META, strlen(META)) == 0)
            g_hash_table_insert(to->meta, (gpointer)(uintptr_t)(name + strlen(META)), &symbols->symbol[i]);
    }
    qsort(to->handler, to->count, sizeof(*to->handler), by_address);
    return true;
}

/* A string of the image that ends within `size`; false where it does not. */
static bool string_at(const struct find_image *image, uint64_t addr, char *out, size_t size)
{
    size_t off;
    if (!image__offset(image, addr, &off))
        return false;
    for (size_t i = 0; i < size && image__has(image, off + i, 1); i++) {
        out[i] = (char)image->bytes[off + i];
        if (out[i] == 0)
            return true;
    }
    return false;
}

static bool word_at(const struct find_image *image, uint64_t addr, uint64_t *value)
{
    size_t off;
    if (!image__offset(image, addr, &off) || !image__has(image, off, sizeof(*value)))
        return false;
    *value = image__u64(image, off);
    return true;
}

/* Names and types of the arguments, where all of them can be read. */
static void arguments(const struct find_image *image, const struct sorted *sorted, struct find_service *service)
{
    uint64_t types = 0, names = 0, count = 0, type = 0, arg = 0;
    const struct find_symbol *meta = g_hash_table_lookup(sorted->meta, service->name);
    if (!meta || !word_at(image, meta->addr + META_NR, &count) || !word_at(image, meta->addr + META_TYPES, &types) ||
        !word_at(image, meta->addr + META_NAMES, &names))
        return;
    count >>= 32; /* the number came with it */
    if (count > G_N_ELEMENTS(service->args))
        return;
    for (unsigned i = 0; i < count; i++) {
        if (!word_at(image, types + 8 * i, &type) || !word_at(image, names + 8 * i, &arg) ||
            !string_at(image, type, service->types[i], sizeof(service->types[i])) ||
            !string_at(image, arg, service->args[i], sizeof(service->args[i])))
            return;
    }
    service->nargs = (int)count;
}

/* A symbol of a kernel: whatever else a hostile image calls so goes no further. */
static bool is_word(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return len > 0 && len < FIND_SERVICE_NAME && name[len] == 0;
}

/* Bytes from a symbol to the next one behind it; 0: there is none, or it is not close. */
static uint64_t size_of(const struct find_symbols *symbols, const struct find_symbol *symbol)
{
    uint64_t size = UINT64_MAX;
    for (size_t i = 0; i < symbols->count; i++) {
        uint64_t distance = symbols->symbol[i].addr - symbol->addr;
        if (distance != 0 && distance < size)
            size = distance;
    }
    return size <= LINUX_BODY_MAX ? size : 0;
}

static const struct find_symbol *handler_at(const struct sorted *sorted, uint64_t address)
{
    struct find_symbol key = {.addr = address};
    return bsearch(&key, sorted->handler, sorted->count, sizeof(*sorted->handler), by_address);
}

size_t find__services(const struct find_image *image, const struct find_symbols *symbols, struct find_service *out,
                      size_t max)
{
    const struct find_symbol *table = find__symbol(symbols, "sys_call_table");
    struct sorted sorted;
    size_t n = 0;
    if (!table || !sort_out(symbols, &sorted))
        return 0;
    uint64_t end = size_of(symbols, table) / 8, address;
    for (uint32_t nr = 0; nr < NR_MAX && nr < end && n < max && word_at(image, table->addr + 8ull * nr, &address);
         nr++) {
        const struct find_symbol *found = handler_at(&sorted, address);
        if (!found)
            continue;
        const char *name = found->name + strlen(PREFIX);
        if (strcmp(name, NOBODY) == 0 || !is_word(name))
            continue;
        out[n] = (struct find_service){.nr = nr, .nargs = -1};
        g_strlcpy(out[n].name, name, sizeof(out[n].name));
        arguments(image, &sorted, &out[n]);
        n++;
    }
    g_hash_table_destroy(sorted.meta);
    g_free(sorted.handler);
    return n;
}

void find__integrity(const struct find_image *image, const struct find_symbols *symbols, struct linux_integrity *out)
{
    static const struct {
        const char *name;
        uint32_t most; /* bytes */
    } bodies[LINUX_BODIES] = {{"x64_sys_call", LINUX_BODY_MAX},
                              {"ia32_sys_call", LINUX_BODY_MAX},
                              {"do_syscall_64", 16},
                              {"entry_SYSCALL_64", 16}};
    static const struct {
        const char *name;
        uint32_t len;
    } tracers[LINUX_TRACERS] = {{"ftrace_caller", 12}, {"ftrace_regs_caller", 12}, {"optprobe_template_entry", 4}};
    const struct find_symbol *table = find__symbol(symbols, "sys_call_table");
    struct sorted sorted;
    uint64_t address;
    if (!table || !sort_out(symbols, &sorted))
        return;
    uint64_t end = size_of(symbols, table) / 8;
    out->table = table->addr;
    for (uint32_t nr = 0; nr < LINUX_HANDLERS_MAX && nr < end && word_at(image, table->addr + 8ull * nr, &address);
         nr++) {
        out->count = nr + 1;
        out->handler[nr] = handler_at(&sorted, address) ? address : 0;
    }
    for (unsigned i = 0; i < LINUX_BODIES; i++) {
        const struct find_symbol *s = find__symbol(symbols, bodies[i].name);
        uint64_t size = s ? size_of(symbols, s) : 0;
        out->body[i] = size ? s->addr : 0;
        out->body_size[i] = (uint32_t)MIN(size, bodies[i].most);
    }
    for (unsigned i = 0; i < LINUX_TRACERS; i++) {
        const struct find_symbol *s = find__symbol(symbols, tracers[i].name);
        out->tracer[i] = s ? s->addr : 0;
        out->tracer_len[i] = tracers[i].len;
    }
    g_hash_table_destroy(sorted.meta);
    g_free(sorted.handler);
}
