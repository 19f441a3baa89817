/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a handle to its object: the process's handle table, of up to three levels. */
#include "guest/nt/objects.h"

#include <string.h>

#define PAGE       4096u
#define SCAN_FIRST 0x80u /* of an EPROCESS, for the pointer to its table */
#define SCAN_LAST  0xc00u
#define SCAN_TRIES 64u
#define TYPE_MAX   32u
#define BUILD_8    9200u
#define BUILD_8_1  9600u

/* HANDLE_TABLE: where its code, its owner and its owner's id are; before Windows 8, and from then on. */
static const struct nt_table_format {
    unsigned code, owner, id;
} table_formats[2][2] = {{{0x0, 0x4, 0x8}, {0x8, 0xc, 0x18}}, {{0x0, 0x8, 0x10}, {0x8, 0x10, 0x28}}};

static const struct nt_table_format *format(const struct guest_cpu *cpu)
{
    return &table_formats[cpu->guest->nt.is_64 != 0][cpu->guest->nt.build >= BUILD_8];
}

/* A handle table that says it is this process's: the id must be right, and the owner, who is not told of the system's.
 */
static bool is_table(struct guest_cpu *cpu, uint64_t at, uint64_t process, int32_t pid)
{
    const struct nt_table_format *f = format(cpu);
    uint64_t owner, id;
    return nt_objects__is_kernel(cpu, at) && nt_objects__read_word(cpu, at + f->owner, &owner) &&
           nt_objects__read_word(cpu, at + f->id, &id) && (owner == process || owner == 0) && id == (uint32_t)pid;
}

/* The table's pointer lies at the same place in all processes: looked for in one, and believed only with its way back.
 */
static uint64_t find_table(struct guest_cpu *cpu, uint64_t process, int32_t pid)
{
    struct nt_objects *o = &cpu->guest->objects;
    unsigned word = nt_objects__word(cpu);
    uint64_t at;
    if (o->table_offset && nt_objects__read_word(cpu, process + o->table_offset, &at) &&
        is_table(cpu, at, process, pid))
        return at;
    if (o->table_offset || o->table_tries > SCAN_TRIES)
        return 0;
    o->table_tries++;
    for (unsigned off = SCAN_FIRST; off < SCAN_LAST; off += word) {
        if (nt_objects__read_word(cpu, process + off, &at) && at != process && is_table(cpu, at, process, pid)) {
            o->table_offset = off;
            return at;
        }
    }
    return 0;
}

/* The entry of a handle's index, or 0. */
static uint64_t entry_of(struct guest_cpu *cpu, uint64_t code, uint64_t index)
{
    unsigned word = nt_objects__word(cpu), level = code & 3;
    uint64_t entries = PAGE / (2 * word), pointers = PAGE / word, at = code & ~(uint64_t)3, span = entries;
    if (level > 2)
        return 0;
    for (unsigned i = 0; i < level; i++)
        span *= pointers;
    if (index >= span)
        return 0;
    for (unsigned i = level; i > 0; i--) {
        span /= pointers;
        if (!nt_objects__is_kernel(cpu, at) || !nt_objects__read_word(cpu, at + index / span * word, &at))
            return 0;
        index %= span;
    }
    return nt_objects__is_kernel(cpu, at) ? at + index * 2 * word : 0;
}

/* The object's header out of the first word of an entry. */
static uint64_t header_in(const struct guest_cpu *cpu, uint64_t value)
{
    if (!cpu->guest->nt.is_64 || cpu->guest->nt.build < BUILD_8)
        return value & ~(uint64_t)7;
    return (uint64_t)((int64_t)value >> (cpu->guest->nt.build < BUILD_8_1 ? 19 : 16)) & ~(uint64_t)15;
}

/* The object behind a handle of the process, or 0. */
static uint64_t object_of(struct guest_cpu *cpu, uint64_t process, int32_t pid, uint64_t handle)
{
    uint64_t table = find_table(cpu, process, pid), code, entry, value;
    if (!table || !nt_objects__read_word(cpu, table + format(cpu)->code, &code))
        return 0;
    entry = entry_of(cpu, code, handle / 4);
    if (!entry || !nt_objects__read_word(cpu, entry, &value) || value == 0)
        return 0;
    uint64_t header = header_in(cpu, value);
    return nt_objects__is_kernel(cpu, header) ? header + (cpu->guest->nt.is_64 ? 0x30 : 0x18) : 0;
}

static size_t name_object(struct guest_cpu *cpu, uint64_t body, char *buf, size_t size)
{
    char type[TYPE_MAX], text[GUEST_PATH_MAX];
    struct nt_path p = {text, GUEST_PATH_MAX};
    if (!nt_objects__type(cpu, body, type, sizeof(type)))
        return 0;
    nt_objects__name(cpu, type, body, &p);
    size_t head = strlen(type) + 1, len = GUEST_PATH_MAX - p.at;
    if (head + len > size)
        len = size - head;
    memcpy(buf, type, head);
    memcpy(buf + head, text + p.at, len);
    return head + len;
}

size_t nt__handle_name(struct guest_cpu *cpu, const struct guest_thread *t, uint64_t handle, char *buf, size_t size)
{
    struct guest *g = cpu->guest;
    uint64_t process, body;
    uint32_t at = g->nt.offset[NT_THREAD_PROCESS];
    size_t len = 0;
    if (!g->nt.is_64)
        handle &= UINT32_MAX;
    if (handle < 4 || handle > INT32_MAX || at == NT_NONE || size <= TYPE_MAX)
        return 0; /* none, one of those that stand for the caller itself, or the kernel's own */
    pthread_mutex_lock(&g->objects.lock);
    if (nt_objects__read_word(cpu, t->object + at, &process) && nt_objects__is_kernel(cpu, process) &&
        (body = object_of(cpu, process, t->pid, handle)) != 0)
        len = name_object(cpu, body, buf, size);
    pthread_mutex_unlock(&g->objects.lock);
    return len;
}

void nt_objects__reset(struct guest *g)
{
    pthread_mutex_lock(&g->objects.lock);
    g->objects.known = g->objects.by_pointer = g->objects.scrambled = false;
    g->objects.asked = g->objects.tries = g->objects.table_offset = g->objects.table_tries = 0;
    g->objects.key_parent = g->objects.key_tries = 0;
    g->objects.letter_age = 0;
    g->objects.table = 0;
    memset(g->objects.device, 0, sizeof(g->objects.device));
    pthread_mutex_unlock(&g->objects.lock);
}
