/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/linux/elf.h"

#include <elf.h>
#include <string.h>

#define HEADERS_MAX  64u
#define DYNAMIC_MAX  512u
#define VERSIONS_MAX 1024u
#define CHAIN_MAX    4096u /* symbols of one hash value */
#define AT_ONCE      64u   /* words or symbols of one read */
#define BUCKETS_MAX  (1u << 20)

/* ---- segments ---- */

static bool offset_of(const struct elf_file *elf, uint64_t value, bool code, uint64_t *offset)
{
    for (unsigned i = 0; i < elf->n_segments; i++) {
        const struct elf_segment *s = &elf->segment[i];
        if (value >= s->vaddr && value - s->vaddr < s->size && (s->code || !code)) {
            *offset = s->offset + (value - s->vaddr);
            return true;
        }
    }
    return false;
}

bool elf__code_offset(const struct elf_file *elf, uint64_t value, uint64_t *offset)
{
    return offset_of(elf, value, true, offset);
}

static bool is_ours(const Elf64_Ehdr *head)
{
    return memcmp(head->e_ident, ELFMAG, SELFMAG) == 0 && head->e_ident[EI_CLASS] == ELFCLASS64 &&
           head->e_ident[EI_DATA] == ELFDATA2LSB && head->e_machine == EM_X86_64 &&
           (head->e_type == ET_EXEC || head->e_type == ET_DYN) && head->e_phentsize == sizeof(Elf64_Phdr) &&
           head->e_phnum > 0 && head->e_phnum <= HEADERS_MAX && head->e_phoff < 1ull << 40;
}

static void take_segment(struct elf_file *elf, const Elf64_Phdr *p)
{
    if (elf->n_segments < ELF_SEGMENTS_MAX && p->p_filesz < 1ull << 40 && p->p_offset < 1ull << 40 &&
        p->p_vaddr < 1ull << 47)
        elf->segment[elf->n_segments++] =
            (struct elf_segment){p->p_vaddr, p->p_offset, p->p_filesz, (p->p_flags & PF_X) != 0};
}

/* ---- the dynamic section ---- */

static void take_entry(struct elf_file *elf, const Elf64_Dyn *d)
{
    const struct {
        Elf64_Sxword tag;
        uint64_t *to;
    } wanted[] = {{DT_SYMTAB, &elf->symbols}, {DT_STRTAB, &elf->names},    {DT_GNU_HASH, &elf->hash},
                  {DT_HASH, &elf->sysv},      {DT_VERSYM, &elf->versions}, {DT_VERDEF, &elf->definitions}};
    uint64_t offset;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        if (d->d_tag == wanted[i].tag && offset_of(elf, d->d_un.d_ptr, false, &offset))
            *wanted[i].to = offset;
    }
    if (d->d_tag == DT_STRSZ)
        elf->names_size = d->d_un.d_val < 1ull << 32 ? d->d_un.d_val : 0;
    if (d->d_tag == DT_VERDEFNUM)
        elf->n_definitions = d->d_un.d_val < VERSIONS_MAX ? d->d_un.d_val : VERSIONS_MAX;
}

static enum elf_status read_dynamic(struct elf_file *elf, uint64_t offset, uint64_t size)
{
    size_t n = size / sizeof(Elf64_Dyn) < DYNAMIC_MAX ? (size_t)(size / sizeof(Elf64_Dyn)) : DYNAMIC_MAX;
    for (size_t i = 0; i < n; i++) {
        Elf64_Dyn d;
        if (!elf->read(elf->ctx, offset + i * sizeof(d), &d, sizeof(d)))
            return ELF_ABSENT;
        if (d.d_tag == DT_NULL)
            break;
        take_entry(elf, &d);
    }
    return ELF_GOOD;
}

static enum elf_status read_hash(struct elf_file *elf)
{
    uint32_t head[4];
    if (elf->hash) {
        if (!elf->read(elf->ctx, elf->hash, head, sizeof(head)))
            return ELF_ABSENT;
        elf->n_buckets = head[0];
        elf->first = head[1];
        elf->n_bloom = head[2];
        if (!head[0] || head[0] > BUCKETS_MAX || head[1] > ELF_SYMBOLS_MAX || !head[2] || head[2] > BUCKETS_MAX)
            return ELF_UNFIT;
        elf->buckets = elf->hash + sizeof(head) + 8ull * head[2];
        elf->chains = elf->buckets + 4ull * head[0];
    } else if (elf->sysv) {
        if (!elf->read(elf->ctx, elf->sysv, head, 8))
            return ELF_ABSENT;
        elf->n_sysv = head[1] < ELF_SYMBOLS_MAX ? head[1] : ELF_SYMBOLS_MAX;
    }
    elf->dynamic = elf->symbols && elf->names && elf->names_size && (elf->n_buckets || elf->n_sysv);
    return ELF_GOOD;
}

enum elf_status elf__open(struct elf_file *elf, elf_read *read, void *ctx)
{
    uint64_t dynamic = 0, size = 0;
    Elf64_Ehdr head;
    *elf = (struct elf_file){.read = read, .ctx = ctx};
    if (!read(ctx, 0, &head, sizeof(head)))
        return ELF_ABSENT;
    if (!is_ours(&head))
        return ELF_UNFIT;
    for (unsigned i = 0; i < head.e_phnum; i++) {
        Elf64_Phdr p;
        if (!read(ctx, head.e_phoff + i * sizeof(p), &p, sizeof(p)))
            return ELF_ABSENT;
        if (p.p_type == PT_LOAD)
            take_segment(elf, &p);
        if (p.p_type == PT_DYNAMIC && p.p_offset < 1ull << 40) {
            dynamic = p.p_offset;
            size = p.p_filesz;
        }
    }
    enum elf_status status = dynamic ? read_dynamic(elf, dynamic, size) : ELF_GOOD;
    return status == ELF_GOOD ? read_hash(elf) : status;
}

/* ---- symbols ---- */

/* A string of the file's table, with its NUL. GOOD, ABSENT, or NONE: it is longer than there is room, or outside. */
static enum elf_status name_at(const struct elf_file *elf, uint32_t at, char *name, size_t room)
{
    size_t done = 0;
    if (at >= elf->names_size)
        return ELF_NONE;
    while (done < room) {
        size_t bite = room - done < 64 ? room - done : 64;
        if (bite > elf->names_size - at - done)
            bite = (size_t)(elf->names_size - at - done);
        if (bite == 0)
            return ELF_NONE;
        /* A page at a time: the string may end before a page that is not there. */
        uint64_t offset = elf->names + at + done;
        if (bite > 4096 - offset % 4096)
            bite = (size_t)(4096 - offset % 4096);
        if (!elf->read(elf->ctx, offset, name + done, bite))
            return ELF_ABSENT;
        if (memchr(name + done, 0, bite))
            return ELF_GOOD;
        done += bite;
    }
    return ELF_NONE;
}

/* The name of version number `wanted`. */
static enum elf_status version_name(const struct elf_file *elf, unsigned wanted, char *name, size_t room)
{
    uint64_t at = elf->definitions;
    for (uint64_t i = 0; at && i < elf->n_definitions; i++) {
        Elf64_Verdef def;
        Elf64_Verdaux aux;
        if (!elf->read(elf->ctx, at, &def, sizeof(def)))
            return ELF_ABSENT;
        if ((def.vd_ndx & 0x7fffu) == wanted)
            return elf->read(elf->ctx, at + def.vd_aux, &aux, sizeof(aux)) ? name_at(elf, aux.vda_name, name, room)
                                                                           : ELF_ABSENT;
        if (def.vd_next == 0)
            break;
        at += def.vd_next;
    }
    return ELF_NONE;
}

/* Appends "@VERSION" to the name of a symbol whose version is not the default one. */
static enum elf_status add_version(const struct elf_file *elf, uint32_t index, char name[ELF_NAME_MAX])
{
    uint16_t version = 0;
    if (!elf->versions)
        return ELF_GOOD;
    if (!elf->read(elf->ctx, elf->versions + 2ull * index, &version, sizeof(version)))
        return ELF_ABSENT;
    size_t len = strlen(name);
    if (!(version & 0x8000) || len + 2 > ELF_NAME_MAX)
        return ELF_GOOD;
    name[len] = '@';
    enum elf_status status = version_name(elf, version & 0x7fffu, name + len + 1, ELF_NAME_MAX - len - 1);
    if (status == ELF_NONE) {
        name[len] = 0;
        return ELF_GOOD;
    }
    return status;
}

/* NONE: it is no function of this file. */
static enum elf_status take(const struct elf_file *elf, uint32_t index, const Elf64_Sym *s, struct elf_symbol *symbol)
{
    unsigned type = ELF64_ST_TYPE(s->st_info);
    if ((type != STT_FUNC && type != STT_GNU_IFUNC) || s->st_shndx == SHN_UNDEF || s->st_value == 0 ||
        !offset_of(elf, s->st_value, true, &symbol->offset))
        return ELF_NONE;
    symbol->value = s->st_value;
    symbol->indirect = type == STT_GNU_IFUNC;
    enum elf_status status = name_at(elf, s->st_name, symbol->name, sizeof(symbol->name));
    return status == ELF_GOOD ? add_version(elf, index, symbol->name) : status;
}

static enum elf_status symbol_at(const struct elf_file *elf, uint32_t index, struct elf_symbol *symbol)
{
    Elf64_Sym s;
    if (!elf->read(elf->ctx, elf->symbols + sizeof(s) * (uint64_t)index, &s, sizeof(s)))
        return ELF_ABSENT;
    return take(elf, index, &s, symbol);
}

/* How many symbols the GNU hash table knows: behind the last one of the last chain. */
static enum elf_status count(const struct elf_file *elf, uint32_t *n)
{
    uint32_t word[AT_ONCE], last = 0;
    for (uint32_t i = 0; i < elf->n_buckets; i += AT_ONCE) {
        uint32_t bite = elf->n_buckets - i < AT_ONCE ? elf->n_buckets - i : AT_ONCE;
        if (!elf->read(elf->ctx, elf->buckets + 4ull * i, word, bite * sizeof(word[0])))
            return ELF_ABSENT;
        for (uint32_t j = 0; j < bite; j++)
            last = word[j] > last ? word[j] : last;
    }
    *n = 0;
    if (last < elf->first || last >= ELF_SYMBOLS_MAX)
        return ELF_GOOD;
    for (uint32_t i = 0; i < CHAIN_MAX; i++, last++) {
        if (!elf->read(elf->ctx, elf->chains + 4ull * (last - elf->first), word, sizeof(word[0])))
            return ELF_ABSENT;
        if (word[0] & 1) {
            *n = last + 1;
            return ELF_GOOD;
        }
    }
    return ELF_UNFIT;
}

enum elf_status elf__each(const struct elf_file *elf, bool (*visit)(void *data, const struct elf_symbol *symbol),
                          void *data)
{
    uint32_t n = elf->n_sysv, first = elf->n_buckets ? elf->first : 1;
    struct elf_symbol symbol;
    enum elf_status status = elf->n_buckets ? count(elf, &n) : ELF_GOOD;
    if (!elf->dynamic)
        return ELF_UNFIT;
    for (uint32_t i = first; status == ELF_GOOD && i < n && i < ELF_SYMBOLS_MAX; i++) {
        status = symbol_at(elf, i, &symbol);
        if (status == ELF_NONE)
            status = ELF_GOOD;
        else if (status == ELF_GOOD && !visit(data, &symbol))
            break;
    }
    return status;
}

struct lookup {
    const char *name;
    struct elf_symbol *symbol;
    bool found;
};

static bool compare(void *data, const struct elf_symbol *symbol)
{
    struct lookup *l = data;
    if (strcmp(symbol->name, l->name) != 0)
        return true;
    *l->symbol = *symbol;
    l->found = true;
    return false;
}

static enum elf_status find_slowly(const struct elf_file *elf, const char *name, struct elf_symbol *symbol)
{
    struct lookup l = {name, symbol, false};
    enum elf_status status = elf__each(elf, compare, &l);
    return l.found ? ELF_GOOD : status == ELF_GOOD ? ELF_NONE : status;
}

/* Of the name without its version. */
static uint32_t hash_of(const char *name)
{
    uint32_t h = 5381;
    for (; *name && *name != '@'; name++)
        h = h * 33 + (uint8_t)*name;
    return h;
}

enum elf_status elf__find(const struct elf_file *elf, const char *name, struct elf_symbol *symbol)
{
    uint32_t hash = hash_of(name), index = 0, word = 0;
    if (!elf->dynamic)
        return ELF_UNFIT;
    if (!elf->n_buckets)
        return find_slowly(elf, name, symbol);
    if (!elf->read(elf->ctx, elf->buckets + 4ull * (hash % elf->n_buckets), &index, sizeof(index)))
        return ELF_ABSENT;
    if (index < elf->first)
        return ELF_NONE;
    for (uint32_t i = 0; i < CHAIN_MAX && index < ELF_SYMBOLS_MAX && !(word & 1); i++, index++) {
        if (!elf->read(elf->ctx, elf->chains + 4ull * (index - elf->first), &word, sizeof(word)))
            return ELF_ABSENT;
        if ((word | 1) != (hash | 1))
            continue;
        enum elf_status status = symbol_at(elf, index, symbol);
        if (status == ELF_ABSENT || (status == ELF_GOOD && strcmp(symbol->name, name) == 0))
            return status;
    }
    return ELF_NONE;
}
