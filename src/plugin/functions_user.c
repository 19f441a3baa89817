/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds hooked functions in the files that the guest maps as code. The names of a file's dynamic symbols are read out
 * of the kernel's page cache when the file is first mapped as code, before anything in it can run. Pages of it that are
 * not there then are looked for again whenever something is mapped or its rights change: the dynamic linker reads the
 * tables of a library before it lets anybody call it, and then takes away the right to write what it has relocated.
 */
#include "plugin/functions_user.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/linux/elf.h"
#include "guest/linux/page_cache.h"

#define CHUNK     1024u /* functions that are made room for at once */
#define CHUNKS    1024u
#define SLOTS     4096u /* of the hash at first; a power of two */
#define KNOWN     1024u /* addresses that a vCPU remembers; a power of two */
#define FILES_MAX 4096u

/* What was asked for, out of the text of an entry: MODULE:NAME, PROCESS:MODULE+0xOFFSET or 0xADDRESS. */
struct wanted {
    uint32_t entry;
    char *process; /* NULL: all */
    char *module;  /* base name, or a whole path; NULL: `offset` is an address */
    char *name;    /* NULL: `offset` of the module */
    uint64_t offset;
    bool wild;
    bool seen; /* its module was mapped */
};

/* A file that some of them are about. */
struct user_file {
    const struct linux_mapped_file *file;
    uint8_t *settled; /* one for each wanted: nothing more is to be found */
    bool all_settled;
};

struct known {
    uint64_t mm, pc, epoch;
    uint32_t index;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all but `known`, which are each vCPU's own, and what
                                                            is atomic */
static struct {
    struct wanted *wanted;
    size_t n_wanted;
    struct user_file *file;
    size_t n_files;
    struct user_function *chunk[CHUNKS]; /* atomic */
    uint32_t n;                          /* atomic: functions */
    uint32_t *slot;                      /* by file and offset: index + 1 of a function */
    size_t slots;
    uint64_t epoch; /* atomic: grows with n */
    uint32_t hazy;  /* functions of which no code is known yet */
    bool unsettled; /* atomic: something is still to be looked for */
    struct vm_codes *codes, **retired;
    size_t n_retired;
    struct known (*known)[KNOWN];
} user;

/* ---- functions ---- */

static uint32_t base(void)
{
    return functions.table.count;
}

bool functions_user__is(uint32_t index)
{
    return index >= base();
}

struct user_function *functions_user__get(uint32_t index)
{
    uint32_t i = index - base();
    if (index < base() || i >= __atomic_load_n(&user.n, __ATOMIC_ACQUIRE))
        return NULL;
    return &__atomic_load_n(&user.chunk[i / CHUNK], __ATOMIC_ACQUIRE)[i % CHUNK];
}

static size_t slot_of(uint32_t file, uint64_t offset)
{
    return (size_t)(((offset + file * 0x10001ull) * 0x9e3779b97f4a7c15u) >> 32) & (user.slots - 1);
}

/* Locked. */
static uint32_t find(uint32_t file, uint64_t offset)
{
    for (size_t at = user.slots ? slot_of(file, offset) : 0; user.slots && user.slot[at];
         at = (at + 1) & (user.slots - 1)) {
        const struct user_function *f = functions_user__get(base() + user.slot[at] - 1);
        if (f && f->file == file && f->offset == offset)
            return base() + user.slot[at] - 1;
    }
    return FUNCTIONS_NONE;
}

static void put(uint32_t i, const struct user_function *f)
{
    size_t at = slot_of(f->file, f->offset);
    while (user.slot[at])
        at = (at + 1) & (user.slots - 1);
    user.slot[at] = i + 1;
}

static bool more_slots(void)
{
    size_t slots = user.slots ? user.slots * 2 : SLOTS;
    uint32_t *old = user.slot, *larger = user.n * 2 >= user.slots ? calloc(slots, sizeof(*larger)) : NULL;
    if (user.n * 2 < user.slots)
        return true;
    if (!larger)
        return false;
    user.slot = larger;
    user.slots = slots;
    for (uint32_t i = 0; i < user.n; i++)
        put(i, functions_user__get(base() + i));
    free(old);
    return true;
}

/* Of several names of one code the first is taken. False: no memory. Locked. */
static bool add(const struct user_function *function, const char *name)
{
    uint32_t i = user.n;
    if (find(function->file, function->offset) != FUNCTIONS_NONE)
        return true;
    if (i >= CHUNK * CHUNKS || !more_slots())
        return false;
    if (!user.chunk[i / CHUNK]) {
        struct user_function *chunk = calloc(CHUNK, sizeof(*chunk));
        if (!chunk)
            return false;
        __atomic_store_n(&user.chunk[i / CHUNK], chunk, __ATOMIC_RELEASE);
    }
    struct user_function *f = &user.chunk[i / CHUNK][i % CHUNK];
    *f = *function;
    f->name = strdup(name);
    if (!f->name)
        return false;
    user.hazy += f->code.len == 0;
    __atomic_store_n(&user.n, i + 1, __ATOMIC_RELEASE);
    put(i, f);
    __atomic_add_fetch(&user.epoch, 1, __ATOMIC_RELEASE);
    return true;
}

/* What is translated from now on has the functions that are known by now. Locked. */
static void publish(void)
{
    struct vm_code *code = calloc(user.n + 1u, sizeof(*code));
    struct vm_codes **retired = realloc(user.retired, (user.n_retired + 1) * sizeof(*retired));
    if (retired)
        user.retired = retired;
    for (uint32_t i = 0; code && i < user.n; i++)
        code[i] = functions_user__get(base() + i)->code;
    struct vm_codes *codes = code && retired ? vm_codes__new(code, user.n) : NULL;
    free(code);
    if (!codes)
        return;
    if (user.codes)
        user.retired[user.n_retired++] = user.codes;
    user.codes = codes;
    vm__watch_codes(codes);
}

/* ---- symbols ---- */

static bool read_cached(void *ctx, uint64_t offset, void *buf, size_t len)
{
    return page_cache__read(ctx, offset, buf, len);
}

static void say(struct guest_cpu *cpu, const struct wanted *w, const char *what)
{
    char text[FUNCTIONS_NAME_MAX + 256];
    int n = snprintf(text, sizeof(text), "%s: %s", functions.table.text + functions.table.entry[w->entry].name, what);
    if (n > 0)
        guest__emit_text(&plugin.guest, cpu, QBK_ERROR, 0, text,
                         (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

struct search {
    struct guest_cpu *cpu;
    struct page_cache cache;
    struct elf_file elf;
    const struct wanted *wanted;
    struct user_file *file;
    bool no_memory;
};

/* The first bytes of a function; none where its page is not there yet. */
static void read_code(struct search *s, struct user_function *f)
{
    unsigned at = (unsigned)f->offset & 0xfff;
    size_t len = 0x1000 - at < VM_CODE_MAX ? 0x1000 - at : VM_CODE_MAX;
    f->code = (struct vm_code){.offset = (uint16_t)at};
    if (page_cache__read(&s->cache, f->offset, f->code.bytes, len))
        f->code.len = (uint8_t)len;
}

static void found(struct search *s, uint64_t offset, bool chooses, const char *name)
{
    struct user_function f = {.entry = s->wanted->entry,
                              .file = s->file->file->number,
                              .offset = offset,
                              .module = s->wanted->module,
                              .chooses = chooses};
    read_code(s, &f);
    if (!add(&f, name))
        s->no_memory = true;
}

static bool take_if_wanted(void *data, const struct elf_symbol *symbol)
{
    struct search *s = data;
    if (fnmatch(s->wanted->name, symbol->name, FNM_NOESCAPE) == 0)
        found(s, symbol->offset, symbol->indirect, symbol->name);
    return !s->no_memory;
}

static enum elf_status search_names(struct search *s)
{
    const struct wanted *w = s->wanted;
    struct elf_symbol symbol;
    if (w->wild)
        return elf__each(&s->elf, take_if_wanted, s);
    enum elf_status status = elf__find(&s->elf, w->name, &symbol);
    if (status == ELF_GOOD)
        found(s, symbol.offset, symbol.indirect, symbol.name);
    return status;
}

/* True: it is settled. */
static bool search_one(struct search *s)
{
    const struct wanted *w = s->wanted;
    char name[32];
    if (!w->name) {
        snprintf(name, sizeof(name), "+0x%llx", (unsigned long long)w->offset);
        found(s, w->offset, false, name);
        return true;
    }
    switch (search_names(s)) {
    case ELF_GOOD:
        break;
    case ELF_ABSENT:
        return false;
    case ELF_NONE:
        say(s->cpu, w, "no such function among the dynamic symbols of that file");
        break;
    case ELF_UNFIT:
        say(s->cpu, w, "that file has no dynamic symbols (or is no 64-bit ELF file for this machine)");
        break;
    }
    if (s->no_memory)
        say(s->cpu, w, "not all functions are hooked: no memory");
    return true;
}

static bool is_about(const struct wanted *w, const struct linux_mapped_file *file)
{
    const char *base_name = strrchr(file->path, '/');
    if (!w->module)
        return false;
    return strcmp(w->module, w->module[0] == '/' || !base_name ? file->path : base_name + 1) == 0;
}

/* Locked. True: something was found. */
static bool search_file(struct guest_cpu *cpu, struct user_file *file)
{
    struct search s = {.cpu = cpu, .file = file};
    uint32_t before = user.n;
    bool all = true;
    bool readable = page_cache__open(&s.cache, cpu, file->file->object);
    enum elf_status status = readable ? elf__open(&s.elf, read_cached, &s.cache) : ELF_ABSENT;
    for (size_t i = 0; i < user.n_wanted; i++) {
        s.wanted = &user.wanted[i];
        if (file->settled[i])
            continue;
        if (status == ELF_UNFIT)
            s.elf.dynamic = false;
        file->settled[i] = status != ELF_ABSENT && search_one(&s);
        all &= file->settled[i];
    }
    file->all_settled = all;
    return user.n > before;
}

/* The file, if any of the wanted is about it; *fresh: it was not known. Locked. */
static struct user_file *file_of(const struct linux_mapped_file *mapped, bool *fresh)
{
    bool any = false;
    *fresh = false;
    for (size_t i = 0; i < user.n_files; i++) {
        if (user.file[i].file == mapped)
            return &user.file[i];
    }
    for (size_t i = 0; i < user.n_wanted; i++)
        any |= is_about(&user.wanted[i], mapped);
    struct user_file *larger =
        any && user.n_files < FILES_MAX ? realloc(user.file, (user.n_files + 1) * sizeof(*larger)) : NULL;
    if (!larger)
        return NULL;
    user.file = larger;
    struct user_file *file = &user.file[user.n_files];
    *file = (struct user_file){.file = mapped, .settled = calloc(user.n_wanted, 1)};
    if (!file->settled)
        return NULL;
    for (size_t i = 0; i < user.n_wanted; i++) {
        file->settled[i] = !is_about(&user.wanted[i], mapped);
        user.wanted[i].seen |= !file->settled[i];
    }
    user.n_files++;
    *fresh = true;
    return file;
}

static void look_for_unsettled(void)
{
    bool any = user.hazy > 0;
    for (size_t i = 0; i < user.n_files; i++)
        any |= !user.file[i].all_settled;
    __atomic_store_n(&user.unsettled, any, __ATOMIC_RELEASE);
}

static void on_mapped(void *data, struct guest_cpu *cpu, const struct linux_mapping *mapping)
{
    bool fresh, late;
    (void)data;
    pthread_mutex_lock(&lock);
    struct user_file *file = file_of(mapping->file, &fresh);
    bool changed = file && fresh && search_file(cpu, file);
    late = changed && cpu->guest->mid_life; /* it may have run before tracing began */
    if (changed)
        publish();
    look_for_unsettled();
    pthread_mutex_unlock(&lock);
    if (late)
        vm__renew();
}

/* Code that was not there when its function was found. Locked. */
static bool clear_haze(struct guest_cpu *cpu)
{
    bool changed = false;
    for (size_t i = 0; user.hazy && i < user.n_files; i++) {
        struct search s = {.cpu = cpu};
        if (!page_cache__open(&s.cache, cpu, user.file[i].file->object))
            continue;
        for (uint32_t k = 0; k < user.n; k++) {
            struct user_function *f = functions_user__get(base() + k);
            if (f->file != user.file[i].file->number || f->code.len)
                continue;
            read_code(&s, f);
            if (f->code.len) {
                user.hazy--;
                changed = true;
            }
        }
    }
    return changed;
}

void functions_user__look_again(struct guest_cpu *cpu)
{
    bool found_more = false, changed;
    if (!__atomic_load_n(&user.unsettled, __ATOMIC_ACQUIRE))
        return;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < user.n_files; i++)
        found_more |= !user.file[i].all_settled && search_file(cpu, &user.file[i]);
    changed = clear_haze(cpu);
    if (found_more || changed)
        publish();
    look_for_unsettled();
    pthread_mutex_unlock(&lock);
    if (found_more)
        vm__renew(); /* some of it may have run, and been translated, since its file was mapped */
}

/* ---- at run time ---- */

uint32_t functions_user__at(struct guest_cpu *cpu, uint64_t pc)
{
    struct linux_mappings *mappings = cpu->guest->mappings;
    struct known *known = &user.known[cpu->vm->index][(pc >> 4 ^ cpu->mm >> 6) & (KNOWN - 1)];
    struct linux_mapping mapping;
    if (!mappings)
        return FUNCTIONS_NONE;
    /* Both only grow: the sum is the same only if both are. */
    uint64_t epoch = mappings__epoch(mappings) + __atomic_load_n(&user.epoch, __ATOMIC_ACQUIRE);
    if (known->mm == cpu->mm && known->pc == pc && known->epoch == epoch)
        return known->index;
    bool mapped = mappings__find(mappings, cpu->mm, pc, &mapping);
    pthread_mutex_lock(&lock);
    uint32_t index = mapped ? find(mapping.file->number, mapping.offset + (pc - mapping.start)) : FUNCTIONS_NONE;
    if (index == FUNCTIONS_NONE)
        index = find(FUNCTIONS_NONE, pc);
    pthread_mutex_unlock(&lock);
    *known = (struct known){cpu->mm, pc, epoch, index};
    return index;
}

void functions_user__chosen(struct guest_cpu *cpu, uint32_t index, uint64_t address)
{
    const struct user_function *resolver = functions_user__get(index);
    struct linux_mapping mapping;
    if (!resolver || !mappings__find(cpu->guest->mappings, cpu->mm, address, &mapping))
        return;
    struct user_function f = {.entry = resolver->entry,
                              .file = mapping.file->number,
                              .offset = mapping.offset + (address - mapping.start),
                              .module = resolver->module};
    unsigned at = (unsigned)f.offset & 0xfff;
    size_t len = 0x1000 - at < VM_CODE_MAX ? 0x1000 - at : VM_CODE_MAX;
    f.code.offset = (uint16_t)at;
    if (vm__read_exact(cpu->vm, address, f.code.bytes, len))
        f.code.len = (uint8_t)len;
    pthread_mutex_lock(&lock);
    uint32_t before = user.n;
    (void)add(&f, resolver->name);
    bool fresh = user.n > before;
    if (fresh)
        publish();
    pthread_mutex_unlock(&lock);
    if (fresh)
        vm__renew(); /* other code may have called it by then */
}

/* ---- begin and end ---- */

/* The text of an entry, which the table's reader saw to: not empty, and ended. */
static bool read_wanted(struct wanted *w, const char *text)
{
    const char *colon = strrchr(text, ':'), *plus = strrchr(text, '+');
    if (!colon && strncmp(text, "0x", 2) == 0) {
        w->offset = strtoull(text, NULL, 16);
        return true;
    }
    if (!colon)
        return false;
    if (plus && plus > colon && strncmp(plus + 1, "0x", 2) == 0) {
        w->process = strndup(text, (size_t)(colon - text));
        w->module = strndup(colon + 1, (size_t)(plus - colon - 1));
        w->offset = strtoull(plus + 1, NULL, 16);
        return w->process && w->module;
    }
    w->module = strndup(text, (size_t)(colon - text));
    w->name = strdup(colon + 1);
    w->wild = strpbrk(colon + 1, "*?") != NULL;
    return w->module && w->name;
}

static bool take_addresses(void)
{
    for (size_t i = 0; i < user.n_wanted; i++) {
        const struct wanted *w = &user.wanted[i];
        struct user_function f = {.entry = w->entry, .file = FUNCTIONS_NONE, .offset = w->offset, .module = ""};
        f.code.offset = (uint16_t)(w->offset & 0xfff);
        if (!w->module && !add(&f, functions.table.text + functions.table.entry[w->entry].name))
            return false;
    }
    user.hazy = 0; /* nothing tells what code is at an address, so nothing needs to be looked for */
    publish();
    return true;
}

bool functions_user__install(void)
{
    const struct functions_table *table = &functions.table;
    size_t n = 0;
    for (uint32_t i = 0; i < table->count; i++)
        n += (table->entry[i].flags & FUNCTIONS_USER) != 0;
    if (n == 0)
        return true;
    user.wanted = calloc(n, sizeof(*user.wanted));
    user.known = calloc(plugin.n_cpus, sizeof(*user.known));
    if (!user.wanted || !user.known)
        return false;
    for (uint32_t i = 0; i < table->count; i++) {
        struct wanted *w = &user.wanted[user.n_wanted];
        if (!(table->entry[i].flags & FUNCTIONS_USER))
            continue;
        w->entry = i;
        user.n_wanted++;
        if (!read_wanted(w, table->text + table->entry[i].name))
            return false;
    }
    return take_addresses();
}

bool functions_user__wanted(void)
{
    return user.n_wanted > 0;
}

void functions_user__follow(struct linux_mappings *mappings)
{
    mappings__tell(mappings, on_mapped, NULL);
}

void functions_user__tell_unseen(struct guest_cpu *cpu)
{
    for (size_t i = 0; i < user.n_wanted; i++) {
        if (user.wanted[i].module && !user.wanted[i].seen)
            say(cpu, &user.wanted[i], "no process mapped a file of this name as code");
    }
}

/* All vCPUs are halted, and translate anew from here on. */
static void free_retired(void)
{
    for (size_t i = 0; i < user.n_retired; i++)
        vm_codes__free(user.retired[i]);
    user.n_retired = 0;
}

void functions_user__plan(struct vm_plan *plan)
{
    free_retired();
    plan->user_functions = functions_user__wanted();
}

void functions_user__drop(void)
{
    vm__watch_codes(NULL);
    free_retired();
    free(user.retired);
    vm_codes__free(user.codes);
    for (uint32_t i = 0; i < user.n; i++)
        free(user.chunk[i / CHUNK][i % CHUNK].name);
    for (size_t i = 0; i < CHUNKS; i++)
        free(user.chunk[i]);
    for (size_t i = 0; i < user.n_files; i++)
        free(user.file[i].settled);
    for (size_t i = 0; i < user.n_wanted; i++) {
        free(user.wanted[i].process);
        free(user.wanted[i].module);
        free(user.wanted[i].name);
    }
    free(user.file);
    free(user.wanted);
    free(user.slot);
    free(user.known);
    memset(&user, 0, sizeof(user));
}
