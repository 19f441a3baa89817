/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF files out of memory. Source of the format: <elf.h>, and the ELF and x86-64 psABI specifications. */
#include <elf.h>
#include <string.h>

#include "show/unpack/image.h"

#define SEGMENTS_MAX 64u
#define HEADERS_MAX  128u /* program headers of a header that is believed */

/* A program header of either class. */
struct segment {
    uint32_t type, flags;
    uint64_t offset, vaddr, filesz, memsz, align;
};

/* A file header of either class. */
struct header {
    bool is_32;
    uint16_t type;
    uint64_t entry, phoff;
    unsigned phnum;
};

/* ---- both classes as one ---- */

static size_t ehdr_size(bool is_32)
{
    return is_32 ? sizeof(Elf32_Ehdr) : sizeof(Elf64_Ehdr);
}

static size_t phdr_size(bool is_32)
{
    return is_32 ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr);
}

static void read_segment(const uint8_t *at, bool is_32, struct segment *s)
{
    if (is_32) {
        Elf32_Phdr p;
        memcpy(&p, at, sizeof(p));
        *s = (struct segment){p.p_type, p.p_flags, p.p_offset, p.p_vaddr, p.p_filesz, p.p_memsz, p.p_align};
    } else {
        Elf64_Phdr p;
        memcpy(&p, at, sizeof(p));
        *s = (struct segment){p.p_type, p.p_flags, p.p_offset, p.p_vaddr, p.p_filesz, p.p_memsz, p.p_align};
    }
}

static void write_segment(uint8_t *at, bool is_32, const struct segment *s)
{
    if (is_32) {
        Elf32_Phdr p = {.p_type = s->type,
                        .p_flags = s->flags,
                        .p_offset = (uint32_t)s->offset,
                        .p_vaddr = (uint32_t)s->vaddr,
                        .p_paddr = (uint32_t)s->vaddr,
                        .p_filesz = (uint32_t)s->filesz,
                        .p_memsz = (uint32_t)s->memsz,
                        .p_align = (uint32_t)s->align};
        memcpy(at, &p, sizeof(p));
    } else {
        Elf64_Phdr p = {s->type, s->flags, s->offset, s->vaddr, s->vaddr, s->filesz, s->memsz, s->align};
        memcpy(at, &p, sizeof(p));
    }
}

static void write_header(uint8_t *at, const struct header *h, unsigned sections, uint64_t shoff)
{
    bool has = sections > 0;
    if (h->is_32) {
        Elf32_Ehdr e = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
                        .e_type = h->type,
                        .e_machine = EM_386,
                        .e_version = EV_CURRENT,
                        .e_entry = (uint32_t)h->entry,
                        .e_phoff = (uint32_t)h->phoff,
                        .e_shoff = (uint32_t)shoff,
                        .e_ehsize = sizeof(e),
                        .e_phentsize = sizeof(Elf32_Phdr),
                        .e_phnum = (uint16_t)h->phnum,
                        .e_shentsize = has ? sizeof(Elf32_Shdr) : 0,
                        .e_shnum = (uint16_t)sections,
                        .e_shstrndx = (uint16_t)(has ? sections - 1 : 0)};
        memcpy(at, &e, sizeof(e));
    } else {
        Elf64_Ehdr e = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                        .e_type = h->type,
                        .e_machine = EM_X86_64,
                        .e_version = EV_CURRENT,
                        .e_entry = h->entry,
                        .e_phoff = h->phoff,
                        .e_shoff = shoff,
                        .e_ehsize = sizeof(e),
                        .e_phentsize = sizeof(Elf64_Phdr),
                        .e_phnum = (uint16_t)h->phnum,
                        .e_shentsize = has ? sizeof(Elf64_Shdr) : 0,
                        .e_shnum = (uint16_t)sections,
                        .e_shstrndx = (uint16_t)(has ? sections - 1 : 0)};
        memcpy(at, &e, sizeof(e));
    }
}

static void add_section(GByteArray *to, bool is_32, const Elf64_Shdr *s)
{
    Elf32_Shdr narrow = {.sh_name = s->sh_name,
                         .sh_type = s->sh_type,
                         .sh_flags = (uint32_t)s->sh_flags,
                         .sh_addr = (uint32_t)s->sh_addr,
                         .sh_offset = (uint32_t)s->sh_offset,
                         .sh_size = (uint32_t)s->sh_size,
                         .sh_addralign = (uint32_t)s->sh_addralign};
    if (is_32)
        g_byte_array_append(to, (const uint8_t *)&narrow, sizeof(narrow));
    else
        g_byte_array_append(to, (const uint8_t *)s, sizeof(*s));
}

/* ---- sections: for disassemblers ---- */

/* Appended to the file; returns their number, and where they begin. */
static unsigned add_sections(GByteArray *to, bool is_32, const struct segment *s, unsigned n, uint64_t *shoff)
{
    g_autoptr(GString) names = g_string_new_len("", 1);
    uint32_t name[HEADERS_MAX + 1];
    unsigned count = 1;
    static const uint8_t zeros[16] = {0};
    for (unsigned i = 0; i < n; i++) {
        name[i] = (uint32_t)names->len;
        if (s[i].type == PT_LOAD && s[i].filesz) {
            g_string_append_printf(names, ".%s%u",
                                   s[i].flags & PF_X   ? "text"
                                   : s[i].flags & PF_W ? "data"
                                                       : "rodata",
                                   i);
            g_string_append_c(names, 0);
        }
    }
    uint32_t own = (uint32_t)names->len;
    g_string_append_len(names, ".shstrtab", sizeof(".shstrtab"));
    uint64_t at = to->len;
    g_byte_array_append(to, (const uint8_t *)names->str, (guint)names->len);
    g_byte_array_append(to, zeros, (guint)(-to->len & 15u));
    *shoff = to->len;
    add_section(to, is_32, &(Elf64_Shdr){0});
    for (unsigned i = 0; i < n; i++) {
        if (s[i].type != PT_LOAD || !s[i].filesz)
            continue;
        uint64_t flags = SHF_ALLOC | (s[i].flags & PF_W ? SHF_WRITE : 0u) | (s[i].flags & PF_X ? SHF_EXECINSTR : 0u);
        add_section(to, is_32,
                    &(Elf64_Shdr){.sh_name = name[i],
                                  .sh_type = SHT_PROGBITS,
                                  .sh_flags = flags,
                                  .sh_addr = s[i].vaddr,
                                  .sh_offset = s[i].offset,
                                  .sh_size = s[i].filesz,
                                  .sh_addralign = 1});
        count++;
    }
    add_section(to, is_32,
                &(Elf64_Shdr){
                    .sh_name = own, .sh_type = SHT_STRTAB, .sh_offset = at, .sh_size = names->len, .sh_addralign = 1});
    return count + 1;
}

/* ---- a header in memory ---- */

static bool read_header(const struct memory_image *m, size_t at, struct header *h)
{
    const uint8_t *e = m->bytes + at;
    uint16_t machine, phentsize, phnum;
    if (m->size - at < sizeof(Elf64_Ehdr) || memcmp(e, ELFMAG, SELFMAG) != 0 || e[EI_DATA] != ELFDATA2LSB)
        return false;
    h->is_32 = e[EI_CLASS] == ELFCLASS32;
    memcpy(&h->type, e + offsetof(Elf64_Ehdr, e_type), 2);
    memcpy(&machine, e + offsetof(Elf64_Ehdr, e_machine), 2);
    if (h->is_32) {
        Elf32_Ehdr n;
        memcpy(&n, e, sizeof(n));
        h->entry = n.e_entry;
        h->phoff = n.e_phoff;
        phentsize = n.e_phentsize;
        phnum = n.e_phnum;
    } else {
        Elf64_Ehdr w;
        memcpy(&w, e, sizeof(w));
        h->entry = w.e_entry;
        h->phoff = w.e_phoff;
        phentsize = w.e_phentsize;
        phnum = w.e_phnum;
    }
    h->phnum = phnum;
    return (e[EI_CLASS] == ELFCLASS64 || h->is_32) && machine == (h->is_32 ? EM_386 : EM_X86_64) &&
           (h->type == ET_EXEC || h->type == ET_DYN) && phentsize == phdr_size(h->is_32) && phnum > 0 &&
           phnum <= HEADERS_MAX && h->phoff >= ehdr_size(h->is_32) && h->phoff % 4 == 0 && h->phoff <= m->size - at &&
           (size_t)phnum * phentsize <= m->size - at - h->phoff;
}

/* What the header at `at` says, checked against where it lies. */
struct found {
    struct header h;
    struct segment segment[HEADERS_MAX];
    size_t at;
    uint64_t low;  /* address of the first segment's page, as the header has it */
    uint64_t bias; /* what is added to the header's addresses */
    uint64_t high;
};

static bool spans(struct found *f)
{
    f->low = UINT64_MAX;
    f->high = 0;
    for (unsigned i = 0; i < f->h.phnum; i++) {
        const struct segment *s = &f->segment[i];
        if (s->type != PT_LOAD)
            continue;
        if (s->memsz > IMAGE_MAX || s->vaddr + s->memsz < s->vaddr)
            return false;
        f->low = MIN(f->low, s->vaddr & ~(uint64_t)(IMAGE_PAGE - 1));
        f->high = MAX(f->high, s->vaddr + s->memsz);
    }
    return f->low < f->high && f->high - f->low <= IMAGE_MAX;
}

/* Headers lie at the begin of the first segment. */
static bool covers(const struct memory_image *m, struct found *f, uint64_t address)
{
    if (!spans(f))
        return false;
    f->bias = m->start + f->at - f->low;
    if (f->h.type == ET_EXEC && f->bias != 0)
        return false;
    for (unsigned i = 0; i < f->h.phnum; i++) {
        const struct segment *s = &f->segment[i];
        if (s->type == PT_LOAD && address - f->bias - s->vaddr < s->memsz)
            return true;
    }
    return false;
}

/* The header of the image that `address` belongs to: the nearest below it. */
static bool find_header(const struct memory_image *m, uint64_t address, struct found *f)
{
    size_t at = (size_t)(address - m->start) & ~(size_t)(IMAGE_PAGE - 1);
    for (;; at -= IMAGE_PAGE) {
        if (m->present[at / IMAGE_PAGE] && read_header(m, at, &f->h)) {
            f->at = at;
            for (unsigned i = 0; i < f->h.phnum; i++)
                read_segment(m->bytes + at + f->h.phoff + i * phdr_size(f->h.is_32), f->h.is_32, &f->segment[i]);
            if (covers(m, f, address))
                return true;
        }
        if (at == 0)
            return false;
    }
}

/*
 * The file is the memory from the header on, so that a segment lies in it as far behind the header as in memory. What
 * is not there any more (or not yet) is zeros.
 */
static GByteArray *by_header(const struct memory_image *m, struct found *f)
{
    uint64_t size = MIN(f->high - f->low, m->size - f->at), shoff = 0;
    GByteArray *file = g_byte_array_sized_new((guint)size);
    g_byte_array_append(file, m->bytes + f->at, (guint)size);
    for (unsigned i = 0; i < f->h.phnum; i++) {
        struct segment *s = &f->segment[i];
        uint64_t offset = s->vaddr - f->low;
        bool within = s->vaddr >= f->low && offset < size;
        if (s->type == PT_LOAD) /* with what it was given beyond its file */
            s->filesz = within ? MIN(s->memsz, size - offset) : 0;
        else if (s->filesz && within)
            s->filesz = MIN(s->filesz, size - offset);
        if (s->type == PT_LOAD && (s->align == 0 || s->align > IMAGE_PAGE || (s->align & (s->align - 1))))
            s->align = IMAGE_PAGE;
        s->offset = within ? offset : 0;
        if (s->filesz && !within) /* it has something that memory does not */
            *s = (struct segment){.type = PT_NULL};
    }
    unsigned sections = add_sections(file, f->h.is_32, f->segment, f->h.phnum, &shoff);
    for (unsigned i = 0; i < f->h.phnum; i++)
        write_segment(file->data + f->h.phoff + i * phdr_size(f->h.is_32), f->h.is_32, &f->segment[i]);
    if (f->h.entry < f->low || f->h.entry >= f->high)
        f->h.entry = m->entry - f->bias;
    write_header(file->data, &f->h, sections, shoff);
    return file;
}

/* ---- without one ---- */

static uint32_t flags_at(const struct memory_image *m, uint64_t address)
{
    for (size_t i = 0; i < m->n_mappings; i++) {
        const struct qbk_layer_mapping *map = &m->mapping[i];
        if (address >= map->start && address < map->end)
            return (map->prot & QBK_PROT_READ ? PF_R : 0u) | (map->prot & QBK_PROT_WRITE ? PF_W : 0u) |
                   (map->prot & QBK_PROT_EXEC ? PF_X : 0u);
    }
    return PF_R | PF_W | PF_X;
}

/* Runs of pages that are there and have the same rights; what does not fit into n is joined to the last. */
static unsigned runs(const struct memory_image *m, struct segment *s, unsigned n)
{
    unsigned count = 0;
    for (size_t at = 0; at < m->size; at += IMAGE_PAGE) {
        uint64_t address = m->start + at;
        uint32_t flags = flags_at(m, address);
        struct segment *last = count ? &s[count - 1] : NULL;
        if (!m->present[at / IMAGE_PAGE])
            continue;
        if (last && last->vaddr + last->memsz == address && (last->flags == flags || count == n)) {
            last->memsz += IMAGE_PAGE;
            last->flags |= flags;
        } else if (count < n) {
            s[count++] = (struct segment){
                .type = PT_LOAD, .flags = flags, .vaddr = address, .memsz = IMAGE_PAGE, .align = IMAGE_PAGE};
        } else {
            last->memsz = address + IMAGE_PAGE - last->vaddr;
            last->flags |= flags;
        }
    }
    return count;
}

static GByteArray *as_mapped(const struct memory_image *m)
{
    struct segment s[SEGMENTS_MAX];
    static const uint8_t zeros[IMAGE_PAGE] = {0};
    struct header h = {.is_32 = m->is_32, .type = ET_EXEC, .entry = m->entry, .phoff = ehdr_size(m->is_32)};
    uint64_t shoff = 0;
    h.phnum = runs(m, s, SEGMENTS_MAX);
    if (h.phnum == 0)
        return NULL;
    GByteArray *file = g_byte_array_new();
    g_byte_array_append(file, zeros, sizeof(zeros));
    _Static_assert(sizeof(Elf64_Ehdr) + SEGMENTS_MAX * sizeof(Elf64_Phdr) <= IMAGE_PAGE, "headers fit into a page");
    for (unsigned i = 0; i < h.phnum; i++) {
        s[i].offset = file->len;
        s[i].filesz = s[i].memsz;
        g_byte_array_append(file, m->bytes + (s[i].vaddr - m->start), (guint)s[i].filesz);
    }
    unsigned sections = add_sections(file, h.is_32, s, h.phnum, &shoff);
    for (unsigned i = 0; i < h.phnum; i++)
        write_segment(file->data + h.phoff + i * phdr_size(h.is_32), h.is_32, &s[i]);
    write_header(file->data, &h, sections, shoff);
    return file;
}

GByteArray *image__elf(const struct memory_image *m, enum image_how *how)
{
    g_autofree struct found *f = g_new0(struct found, 1);
    *how = IMAGE_NONE;
    if (m->size > IMAGE_MAX || m->entry < m->start || m->entry - m->start >= m->size)
        return NULL;
    bool has = find_header(m, m->entry, f);
    GByteArray *file = has ? by_header(m, f) : as_mapped(m);
    if (file)
        *how = has ? IMAGE_HEADER : IMAGE_MADE;
    return file;
}
