/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Object headers: types and names. */
#include "guest/nt/objects.h"

#include <string.h>

#define LEVELS_MAX     16u
#define COMPONENT_MAX  512u /* bytes of one name */
#define TYPE_INDEX_MAX 256u
#define CHUNK          4096u
#define TRIES_MAX      64u
#define CANDIDATES_MAX 256u /* words of the image that could be in the table of types */

/* Offsets that all releases of a width have in common; `old`: up to Vista. */
static const struct format {
    unsigned word, header;
    unsigned type, name_offset; /* old: a pointer; how far before the header the name is */
    unsigned index, mask;       /* new: an index, scrambled since 10; which parts lie before the header */
    unsigned creator, name;     /* their sizes */
    unsigned type_name, type_name_old, type_index;
} formats[2] = {{4, 0x18, 0x8, 0xc, 0xc, 0xe, 0x10, 0x10, 0x8, 0x40, 0x14},
                {8, 0x30, 0x10, 0x18, 0x18, 0x1a, 0x20, 0x20, 0x10, 0x78, 0x28}};

static const struct format *format_of(const struct guest_cpu *cpu)
{
    return &formats[cpu->guest->nt.is_64 != 0];
}

unsigned nt_objects__word(const struct guest_cpu *cpu)
{
    return format_of(cpu)->word;
}

bool nt_objects__is_kernel(const struct guest_cpu *cpu, uint64_t at)
{
    if (at % format_of(cpu)->word)
        return false;
    return cpu->guest->nt.is_64 ? at >= 0xffff800000000000u : at >= 0x80000000u && at < UINT32_MAX;
}

bool nt_objects__read_word(struct guest_cpu *cpu, uint64_t at, uint64_t *out)
{
    *out = 0;
    return vm__read_exact(cpu->vm, at, out, format_of(cpu)->word);
}

static bool read_object(struct guest_cpu *cpu, uint64_t at, uint64_t *out)
{
    return nt_objects__read_word(cpu, at, out) && nt_objects__is_kernel(cpu, *out);
}

/* ---- text ---- */

bool nt_path__prepend_ascii(struct nt_path *p, const char *text, size_t len)
{
    if (len > p->at)
        return false;
    p->at -= len;
    memcpy(p->buf + p->at, text, len);
    return true;
}

/* From the last unit to the first. Returns how many units the character has. */
static size_t last_point(const uint16_t *text, size_t n, uint32_t *c)
{
    *c = text[n - 1];
    if (n < 2 || *c < 0xdc00 || *c > 0xdfff || text[n - 2] < 0xd800 || text[n - 2] > 0xdbff)
        return 1;
    *c = 0x10000 + ((uint32_t)(text[n - 2] - 0xd800) << 10) + (*c - 0xdc00);
    return 2;
}

static bool prepend_point(struct nt_path *p, uint32_t c)
{
    char bytes[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c >>= 6)
        bytes[i] = (char)(0x80 | (c & 0x3f));
    bytes[0] = (char)(lead[n] | c);
    return nt_path__prepend_ascii(p, bytes, n);
}

bool nt_path__prepend(struct nt_path *p, const uint8_t *text, size_t bytes)
{
    uint16_t units[GUEST_PATH_MAX / 2];
    size_t n = bytes / 2;
    uint32_t c;
    if (bytes > sizeof(units))
        return false;
    memcpy(units, text, n * 2);
    while (n > 0) {
        n -= last_point(units, n, &c);
        if (!prepend_point(p, c))
            return false;
    }
    return true;
}

bool nt_path__prepend_string(struct guest_cpu *cpu, struct nt_path *p, uint64_t at, size_t most)
{
    uint8_t text[GUEST_PATH_MAX];
    uint16_t len;
    uint64_t buffer;
    if (!vm__read_exact(cpu->vm, at, &len, sizeof(len)) || len > most || len > sizeof(text) || len % 2)
        return false;
    if (len == 0)
        return true;
    return nt_objects__read_word(cpu, at + format_of(cpu)->word, &buffer) &&
           nt_objects__is_kernel(cpu, buffer & ~(uint64_t)7) && vm__read_exact(cpu->vm, buffer, text, len) &&
           nt_path__prepend(p, text, len);
}

/* ---- types ---- */

/* The name in an OBJECT_TYPE, if that is one: letters and a few more. */
static bool type_name(struct guest_cpu *cpu, uint64_t type, char *name, size_t size)
{
    char buf[GUEST_PATH_MAX];
    struct nt_path p = {buf, sizeof(buf)};
    uint32_t at = cpu->guest->objects.type_name;
    if (!nt_path__prepend_string(cpu, &p, type + at, 2 * (size - 1)) || p.at == sizeof(buf))
        return false;
    size_t len = sizeof(buf) - p.at;
    if (len >= size)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = buf[p.at + i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ' '))
            return false;
    }
    memcpy(name, buf + p.at, len);
    name[len] = 0;
    return true;
}

static bool type_index(struct guest_cpu *cpu, uint64_t type, uint8_t *index)
{
    return type && vm__read_exact(cpu->vm, type + format_of(cpu)->type_index, index, 1) && *index >= 2;
}

/* The type that an exported variable points at. */
static uint64_t type_at(struct guest_cpu *cpu, enum nt_type which)
{
    uint64_t type;
    return cpu->guest->nt.type_variable[which] && read_object(cpu, cpu->guest->nt.type_variable[which], &type) ? type
                                                                                                               : 0;
}

/* Where the name is in an OBJECT_TYPE: where the process's reads "Process". */
static bool learn_type_name(struct guest_cpu *cpu, uint64_t process_type)
{
    const struct format *f = format_of(cpu);
    const unsigned offsets[] = {f->type_name, f->type_name_old};
    char name[16];
    for (unsigned i = 0; i < 2; i++) {
        cpu->guest->objects.type_name = offsets[i];
        if (type_name(cpu, process_type, name, sizeof(name)) && strcmp(name, "Process") == 0)
            return true;
    }
    return false;
}

/* Is this chunk's word k the process's type, with those of threads and files where their indices say? */
static bool is_table(struct guest_cpu *cpu, uint64_t at, const uint64_t *type, const uint8_t *index)
{
    uint64_t value;
    for (unsigned i = 0; i < 3; i++) {
        if (!nt_objects__read_word(cpu, at + (uint64_t)index[i] * format_of(cpu)->word, &value) || value != type[i])
            return false;
    }
    return true;
}

/* ObTypeIndexTable, by what must be in it: somewhere in the kernel's image. */
static uint64_t find_table(struct guest_cpu *cpu)
{
    static const enum nt_type known[3] = {NT_TYPE_PROCESS, NT_TYPE_THREAD, NT_TYPE_FILE};
    const struct nt_layout *nt = &cpu->guest->nt;
    unsigned word = format_of(cpu)->word;
    uint8_t chunk[CHUNK], index[3];
    uint64_t type[3];
    unsigned candidates = 0;
    for (unsigned i = 0; i < 3; i++) {
        type[i] = type_at(cpu, known[i]);
        if (!type_index(cpu, type[i], &index[i]))
            return 0;
    }
    for (uint64_t at = nt->image_start; at < nt->image_end && candidates < CANDIDATES_MAX; at += CHUNK) {
        if (!vm__read_exact(cpu->vm, at, chunk, CHUNK))
            continue;
        for (unsigned k = 0; k < CHUNK; k += word) {
            uint64_t begin = at + k - (uint64_t)index[0] * word;
            if (memcmp(chunk + k, &type[0], word) != 0)
                continue;
            if (is_table(cpu, begin, type, index))
                return begin;
            if (++candidates == CANDIDATES_MAX)
                break;
        }
    }
    return 0;
}

/* How the header of this process, and with an index that of this thread, tells that it is one. */
static bool learn_header(struct guest_cpu *cpu, uint64_t process, uint64_t thread)
{
    struct nt_objects *o = &cpu->guest->objects;
    const struct format *f = format_of(cpu);
    uint64_t process_type = type_at(cpu, NT_TYPE_PROCESS), thread_type = type_at(cpu, NT_TYPE_THREAD), word;
    uint8_t raw[2], index[2];
    if (!process_type || !learn_type_name(cpu, process_type))
        return false;
    o->by_pointer = nt_objects__read_word(cpu, process - f->header + f->type, &word) && word == process_type;
    if (o->by_pointer)
        return true;
    if (!vm__read_exact(cpu->vm, process - f->header + f->index, &raw[0], 1) ||
        !vm__read_exact(cpu->vm, thread - f->header + f->index, &raw[1], 1) ||
        !type_index(cpu, process_type, &index[0]) || !type_index(cpu, thread_type, &index[1]))
        return false;
    o->scrambled = raw[0] != index[0] || raw[1] != index[1];
    o->cookie = (uint8_t)(raw[0] ^ index[0] ^ (uint8_t)((process - f->header) >> 8));
    if (o->scrambled && (raw[1] ^ (uint8_t)((thread - f->header) >> 8) ^ o->cookie) != index[1])
        return false;
    o->table = find_table(cpu);
    return true;
}

static bool is_due(uint32_t n)
{
    return (n & (n - 1)) == 0;
}

/* Once; and again now and then where it failed, for pages come and go. */
static bool learnt(struct guest_cpu *cpu)
{
    struct nt_objects *o = &cpu->guest->objects;
    uint64_t process;
    uint32_t at = cpu->guest->nt.offset[NT_THREAD_PROCESS];
    if (o->known || o->tries > TRIES_MAX)
        return o->known;
    if (at == NT_NONE || !is_due(++o->asked))
        return false;
    o->tries++;
    o->known = read_object(cpu, cpu->object + at, &process) && learn_header(cpu, process, cpu->object);
    return o->known;
}

static uint64_t type_by_index(struct guest_cpu *cpu, uint8_t index)
{
    uint64_t type;
    uint8_t own;
    if (cpu->guest->objects.table)
        return read_object(cpu, cpu->guest->objects.table + (uint64_t)index * format_of(cpu)->word, &type) ? type : 0;
    for (unsigned i = 0; i < NT_TYPES; i++) {
        type = type_at(cpu, (enum nt_type)i);
        if (type_index(cpu, type, &own) && own == index)
            return type;
    }
    return 0;
}

bool nt_objects__type(struct guest_cpu *cpu, uint64_t body, char *name, size_t size)
{
    const struct nt_objects *o = &cpu->guest->objects;
    const struct format *f = format_of(cpu);
    uint64_t header = body - f->header, type;
    uint8_t index;
    if (!learnt(cpu))
        return false;
    if (o->by_pointer)
        return read_object(cpu, header + f->type, &type) && type_name(cpu, type, name, size);
    if (!vm__read_exact(cpu->vm, header + f->index, &index, 1))
        return false;
    if (o->scrambled)
        index = (uint8_t)(index ^ (uint8_t)(header >> 8) ^ o->cookie);
    type = type_by_index(cpu, index);
    return type && type_name(cpu, type, name, size);
}

/* ---- names ---- */

/* OBJECT_HEADER_NAME_INFO: directory, then the name. 0: it has none. */
static uint64_t name_info(struct guest_cpu *cpu, uint64_t body)
{
    const struct format *f = format_of(cpu);
    uint64_t header = body - f->header;
    uint8_t told;
    if (!learnt(cpu) ||
        !vm__read_exact(cpu->vm, header + (cpu->guest->objects.by_pointer ? f->name_offset : f->mask), &told, 1))
        return 0;
    if (cpu->guest->objects.by_pointer)
        return told ? header - told : 0;
    if (!(told & 2))
        return 0;
    return header - f->name - (told & 1 ? f->creator : 0);
}

bool nt_objects__path(struct guest_cpu *cpu, uint64_t body, struct nt_path *p, uint64_t *root)
{
    const struct format *f = format_of(cpu);
    size_t empty = p->at;
    *root = 0;
    for (unsigned i = 0; i < LEVELS_MAX; i++) {
        uint64_t info = name_info(cpu, body), above;
        if (!info || !nt_objects__read_word(cpu, info, &above))
            break;
        if (above == 0) { /* the root, which is called "\" itself, or something that hangs on nothing */
            *root = i > 0 ? body : 0;
            return i > 0 || nt_path__prepend_string(cpu, p, info + f->word, COMPONENT_MAX);
        }
        if (!nt_objects__is_kernel(cpu, above) || !nt_path__prepend_string(cpu, p, info + f->word, COMPONENT_MAX) ||
            !nt_path__prepend_ascii(p, "\\", 1))
            break;
        body = above;
    }
    return p->at < empty;
}
