/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "functions/elf_symbols.h"

#include <gelf.h>
#include <string.h>
#include <sys/mman.h>

#include "guest/find/child.h"

#define SYMBOLS_MAX  (1u << 20)
#define NAMES_MAX    (64u << 20)
#define NAME_MAX_LEN 511u
#define SEGMENTS_MAX 64u
#define VERSIONS_MAX 512u
#define BUILD_ID_MAX 20u

/* What the child writes; names stand behind the symbols. */
struct found {
    uint64_t value, offset;
    uint32_t name; /* offset in the names */
    uint32_t flags;
};
struct answer {
    uint32_t count, is_64, cut, build_id_len;
    size_t names;
    uint8_t build_id[BUILD_ID_MAX];
    struct found symbol[];
};

struct sizes {
    uint32_t symbols;
    size_t names;
};

struct file {
    uint8_t *bytes;
    size_t size;
    struct sizes room;
};

struct segment {
    uint64_t vaddr, offset, size;
};

struct reader {
    Elf *elf;
    struct answer *answer;
    struct sizes room;
    char *names;
    struct segment segment[SEGMENTS_MAX];
    unsigned n_segments;
    const char *version[VERSIONS_MAX]; /* by number; of the dynamic table */
};

static char *names_of(struct answer *answer, const struct sizes *room)
{
    return (char *)(answer->symbol + room->symbols);
}

static uint64_t offset_of(const struct reader *r, uint64_t value)
{
    for (unsigned i = 0; i < r->n_segments; i++) {
        const struct segment *s = &r->segment[i];
        if (value >= s->vaddr && value - s->vaddr < s->size)
            return s->offset + (value - s->vaddr);
    }
    return FUNCTION_NOT_IN_FILE;
}

/* Loaded parts whose bytes the file has. */
static void read_segments(struct reader *r, size_t file_size)
{
    size_t n = 0;
    if (elf_getphdrnum(r->elf, &n) != 0)
        return;
    for (size_t i = 0; i < n && i < 4096 && r->n_segments < SEGMENTS_MAX; i++) {
        GElf_Phdr p;
        if (!gelf_getphdr(r->elf, (int)i, &p) || p.p_type != PT_LOAD || !(p.p_flags & PF_X))
            continue;
        if (p.p_offset < file_size && p.p_filesz <= file_size - p.p_offset)
            r->segment[r->n_segments++] = (struct segment){p.p_vaddr, p.p_offset, p.p_filesz};
    }
}

/* ---- versions ---- */

static void read_definitions(struct reader *r, Elf_Scn *section, const GElf_Shdr *head)
{
    Elf_Data *data = elf_getdata(section, NULL);
    int at = 0;
    for (unsigned i = 0; data && i < VERSIONS_MAX; i++) {
        GElf_Verdef def;
        GElf_Verdaux aux;
        if (!gelf_getverdef(data, at, &def) || !gelf_getverdaux(data, at + (int)def.vd_aux, &aux))
            return;
        unsigned number = def.vd_ndx & 0x7fffu;
        if (number < VERSIONS_MAX)
            r->version[number] = elf_strptr(r->elf, head->sh_link, aux.vda_name);
        if (def.vd_next == 0 || def.vd_next > (uint32_t)G_MAXINT - (uint32_t)at)
            return;
        at += (int)def.vd_next;
    }
}

/* The version that stands behind a symbol's name; NULL: it is the default one, or there are none. */
static const char *version_of(const struct reader *r, Elf_Data *versions, int index)
{
    GElf_Versym number = 0;
    if (!versions || !gelf_getversym(versions, index, &number) || !(number & 0x8000))
        return NULL;
    return (number & 0x7fffu) < VERSIONS_MAX ? r->version[number & 0x7fff] : NULL;
}

/* ---- symbols ---- */

static bool is_function(const GElf_Sym *symbol)
{
    unsigned type = GELF_ST_TYPE(symbol->st_info);
    return (type == STT_FUNC || type == STT_GNU_IFUNC) && symbol->st_shndx != SHN_UNDEF && symbol->st_value != 0;
}

/* "memcpy@@GLIBC_2.14" is the default, as full tables write it. */
static size_t plain_length(const char *name)
{
    const char *version = strstr(name, "@@");
    return version ? (size_t)(version - name) : strlen(name);
}

static void add(struct reader *r, const GElf_Sym *symbol, const char *name, const char *version)
{
    struct answer *a = r->answer;
    size_t len = plain_length(name), more = version ? strlen(version) + 1 : 0;
    if (len == 0 || len + more > NAME_MAX_LEN)
        return;
    if (a->count == r->room.symbols || a->names + len + more + 1 > r->room.names) {
        a->cut = 1;
        return;
    }
    char *to = r->names + a->names;
    memcpy(to, name, len);
    if (version) {
        to[len] = '@';
        memcpy(to + len + 1, version, more - 1);
    }
    to[len + more] = 0;
    a->symbol[a->count++] =
        (struct found){.value = symbol->st_value,
                       .offset = offset_of(r, symbol->st_value),
                       .name = (uint32_t)a->names,
                       .flags = (GELF_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC ? FUNCTION_INDIRECT : 0u) |
                                (GELF_ST_BIND(symbol->st_info) == STB_LOCAL ? FUNCTION_LOCAL : 0u)};
    a->names += len + more + 1;
}

static void read_symbols(struct reader *r, Elf_Scn *section, const GElf_Shdr *head, Elf_Data *versions)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t each = gelf_fsize(r->elf, ELF_T_SYM, 1, EV_CURRENT);
    size_t n = data && each ? data->d_size / each : 0;
    for (size_t i = 1; i < n && i < SYMBOLS_MAX && !r->answer->cut; i++) {
        GElf_Sym symbol;
        if (!gelf_getsym(data, (int)i, &symbol) || !is_function(&symbol))
            continue;
        const char *name = elf_strptr(r->elf, head->sh_link, symbol.st_name);
        if (name)
            add(r, &symbol, name, version_of(r, versions, (int)i));
    }
}

static void read_build_id(struct reader *r, Elf_Scn *section)
{
    Elf_Data *data = elf_getdata(section, NULL);
    GElf_Nhdr note;
    size_t name, desc;
    if (!data || !data->d_buf || gelf_getnote(data, 0, &note, &name, &desc) == 0 || note.n_type != NT_GNU_BUILD_ID ||
        note.n_descsz > BUILD_ID_MAX || desc > data->d_size || note.n_descsz > data->d_size - desc)
        return;
    memcpy(r->answer->build_id, (const uint8_t *)data->d_buf + desc, note.n_descsz);
    r->answer->build_id_len = note.n_descsz;
}

/* The sections of one type, one after another. */
static Elf_Scn *next_of(struct reader *r, Elf_Scn *after, uint32_t type, GElf_Shdr *head)
{
    Elf_Scn *section = after;
    while ((section = elf_nextscn(r->elf, section)) != NULL) {
        if (gelf_getshdr(section, head) && head->sh_type == type)
            return section;
    }
    return NULL;
}

static bool work(void *shared, const void *data)
{
    const struct file *file = data;
    struct reader r = {.answer = shared, .room = file->room};
    GElf_Shdr head;
    Elf_Scn *section;
    if (elf_version(EV_CURRENT) == EV_NONE || !(r.elf = elf_memory((char *)file->bytes, file->size)))
        return false;
    r.names = names_of(r.answer, &r.room);
    r.answer->is_64 = gelf_getclass(r.elf) == ELFCLASS64;
    if (elf_kind(r.elf) == ELF_K_ELF) {
        read_segments(&r, file->size);
        if ((section = next_of(&r, NULL, SHT_GNU_verdef, &head)) != NULL)
            read_definitions(&r, section, &head);
        section = next_of(&r, NULL, SHT_GNU_versym, &head);
        Elf_Data *versions = section ? elf_getdata(section, NULL) : NULL;
        if ((section = next_of(&r, NULL, SHT_DYNSYM, &head)) != NULL)
            read_symbols(&r, section, &head, versions);
        if ((section = next_of(&r, NULL, SHT_SYMTAB, &head)) != NULL)
            read_symbols(&r, section, &head, NULL);
        for (section = NULL; (section = next_of(&r, section, SHT_NOTE, &head)) && !r.answer->build_id_len;)
            read_build_id(&r, section);
    }
    elf_end(r.elf);
    return r.answer->count > 0;
}

/* ---- what came back ---- */

/* Every offset and every name is inside, or the answer is none. */
static bool take(struct answer *a, const struct sizes *room, struct function_elf *elf)
{
    uint32_t count = MIN(a->count, room->symbols);
    size_t names = MIN(a->names, room->names);
    if (count == 0 || names == 0 || a->build_id_len > BUILD_ID_MAX)
        return false;
    elf->names = g_memdup2(names_of(a, room), names);
    elf->names[names - 1] = 0;
    elf->symbol = g_new0(struct function_symbol, count);
    elf->value = g_new0(uint64_t, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct found *f = &a->symbol[i];
        if (f->name >= names)
            return false;
        elf->symbol[i] =
            (struct function_symbol){.name = elf->names + f->name, .address = f->offset, .flags = f->flags};
        elf->value[i] = f->value;
    }
    for (uint32_t i = 0; i < a->build_id_len; i++)
        g_snprintf(elf->build_id + 2 * i, 3, "%02x", a->build_id[i]);
    elf->count = count;
    elf->cut = a->cut != 0;
    elf->is_64 = a->is_64 != 0;
    return true;
}

static struct sizes room_for(size_t file_size)
{
    return (struct sizes){.symbols = (uint32_t)MIN(file_size / 8 + 1, (size_t)SYMBOLS_MAX),
                          .names = MIN(4 * file_size + 4096, (size_t)NAMES_MAX)};
}

bool functions__from_elf(uint8_t *bytes, size_t size, struct function_elf *elf, GError **error)
{
    struct file file = {.bytes = bytes, .size = size, .room = room_for(size)};
    size_t shared = sizeof(struct answer) + file.room.symbols * sizeof(struct found) + file.room.names;
    bool magic = size >= EI_NIDENT && memcmp(bytes, ELFMAG, SELFMAG) == 0;
    struct answer *answer = magic ? child__shared(shared) : NULL;
    memset(elf, 0, sizeof(*elf));
    bool ok = answer && child__compute(work, answer, &file) && take(answer, &file.room, elf);
    if (answer)
        munmap(answer, shared);
    if (ok)
        return true;
    functions__elf_clear(elf);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s",
                !magic ? "not an ELF file" : "no symbols of functions in it (or it is damaged): it may be stripped");
    return false;
}

void functions__elf_clear(struct function_elf *elf)
{
    g_free(elf->symbol);
    g_free(elf->value);
    g_free(elf->names);
    memset(elf, 0, sizeof(*elf));
}
