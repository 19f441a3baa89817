/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small piece of an NT kernel's memory, for tests and as seeds of a fuzzer: types, a process and its thread, a handle
 * table of up to three levels, a file on a device that a drive letter leads to, a key, and service tables.
 */
#ifndef QEBEK_TESTS_GUEST_NT_WORLD_H
#define QEBEK_TESTS_GUEST_NT_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "guest/guest.h"

#define WORLD_PAGES 12u
#define WORLD_BYTES (WORLD_PAGES * 4096u)
/* Where in the world the things are that the code under test is told of; the rest it has to find. */
#define WORLD_TYPES   0x100u /* exported variables, a word each */
#define WORLD_TABLES  0x200u /* KeServiceDescriptorTable */
#define WORLD_THREAD  0x2100u
#define WORLD_PROCESS 0x3100u
#define WORLD_PID     1234u

struct world {
    uint8_t bytes[WORLD_BYTES];
    uint64_t base;
    uint32_t build;
    unsigned word, next, strings;
    uint64_t type[NT_TYPES];
};

static inline uint64_t world__base(bool is_64)
{
    return is_64 ? 0xfffff80000000000u : 0x81000000u;
}

static inline void world__layout(struct nt_layout *l, bool is_64, uint32_t build)
{
    static const uint32_t offsets[NT_OFFSETS] = {0x40, 0x48, 0x50, 0x40, 0x48, 0x50, 0x60, 0x68};
    memset(l, 0, sizeof(*l));
    l->is_64 = is_64;
    l->build = build;
    l->image_start = world__base(is_64);
    l->image_end = l->image_start + WORLD_BYTES;
    memcpy(l->offset, offsets, sizeof(offsets));
    for (unsigned i = 0; i < NT_TYPES; i++)
        l->type_variable[i] = l->image_start + WORLD_TYPES + (uint64_t)i * (is_64 ? 8 : 4);
    l->services = l->image_start + WORLD_TABLES;
}

static inline void world__word(struct world *w, uint32_t at, uint64_t value)
{
    memcpy(w->bytes + at, &value, w->word);
}

static inline void world__string(struct world *w, uint32_t at, const char *text)
{
    uint16_t len = (uint16_t)(2 * strlen(text));
    memcpy(w->bytes + at, &len, 2);
    memcpy(w->bytes + at + 2, &len, 2);
    world__word(w, at + w->word, w->base + w->strings);
    for (; *text; text++, w->strings += 2)
        w->bytes[w->strings] = (uint8_t)*text;
    w->strings += 8;
}

/* The header of an object at `body`, with a name in a directory (0: it has none). */
static inline void world__header(struct world *w, uint32_t body, enum nt_type type, uint64_t directory,
                                 const char *name)
{
    bool wide = w->word == 8, old = w->build < 7600;
    uint32_t header = body - (wide ? 0x30 : 0x18), info = header - (wide ? 0x20 : 0x10);
    if (old)
        world__word(w, header + (wide ? 0x10 : 0x8), w->type[type]);
    else
        w->bytes[header + (wide ? 0x18 : 0xc)] =
            (uint8_t)((type + 2) ^ (w->build >= 10000 ? 0x5a ^ (uint8_t)((w->base + header) >> 8) : 0));
    if (!name)
        return;
    if (old)
        w->bytes[header + (wide ? 0x18 : 0xc)] = (uint8_t)(header - info); /* where the old name offset is */
    else
        w->bytes[header + (wide ? 0x1a : 0xe)] = 2;
    world__word(w, info, directory);
    world__string(w, info + w->word, name);
}

static inline uint32_t world__object(struct world *w, enum nt_type type, uint64_t directory, const char *name)
{
    uint32_t body = w->next + 0x80;
    w->next += 0x180;
    world__header(w, body, type, directory, name);
    return body;
}

static inline void world__types(struct world *w)
{
    static const char *const names[NT_TYPES] = {
        "Process",   "Thread",    "File",   "Event", "Section", "Key",           "Token",     "Port",
        "ALPC Port", "Semaphore", "Mutant", "Job",   "Desktop", "WindowStation", "Directory", "SymbolicLink"};
    bool wide = w->word == 8, old = w->build < 7600;
    for (uint32_t i = 0; i < NT_TYPES; i++) {
        uint32_t at = 0x400 + i * 0xa0;
        w->type[i] = w->base + at;
        world__word(w, WORLD_TYPES + i * w->word, w->type[i]);
        world__word(w, 0x300 + (i + 2) * w->word, w->type[i]); /* ObTypeIndexTable */
        world__string(w, at + (old ? (wide ? 0x78 : 0x40) : wide ? 0x10 : 0x8), names[i]);
        if (!old)
            w->bytes[at + (wide ? 0x28 : 0x14)] = (uint8_t)(i + 2);
    }
}

/* The table of the process at `at`, of so many levels, with these objects behind handles 4, 8, …; its pages follow. */
static inline void world__handles(struct world *w, uint32_t at, unsigned level, const uint32_t *body, unsigned n)
{
    bool late = w->build >= 9200;
    uint32_t page = (at & ~0xfffu) + 0x1000, entries = page + 0x1000 * level;
    world__word(w, at + (late ? 8 : 0), w->base + page + level);
    world__word(w, at + (late ? (w->word == 8 ? 0x10 : 0xc) : w->word), w->base + WORLD_PROCESS);
    world__word(w, at + (late ? (w->word == 8 ? 0x28 : 0x18) : 2 * w->word), WORLD_PID);
    for (unsigned i = 0; i < level; i++)
        world__word(w, page + 0x1000 * i, w->base + page + 0x1000 * (i + 1));
    for (unsigned i = 0; i < n; i++) {
        uint64_t header = w->base + body[i] - (w->word == 8 ? 0x30 : 0x18);
        if (w->word == 8 && late)
            header <<= w->build < 9600 ? 19 : 16;
        world__word(w, entries + (i + 1) * 2 * w->word, header | 1);
    }
}

static inline uint32_t world__link(struct world *w, uint32_t directory, const char *name, const char *target)
{
    uint32_t link = world__object(w, NT_TYPE_LINK, w->base + directory, name);
    world__string(w, link + 8, target);
    return link;
}

/* Puts an object into a bucket of a directory. */
static inline void world__enter(struct world *w, uint32_t directory, unsigned bucket, uint32_t body)
{
    uint32_t entry = w->next;
    w->next += 0x20;
    world__word(w, entry, 0);
    world__word(w, entry + w->word, w->base + body);
    world__word(w, directory + bucket * w->word, w->base + entry);
}

/* Handles: 4 the file C:\\notes.txt, 8 an event \\BaseNamedObjects\\Ready, 12 the process itself, 16 the key. */
static inline void world__build(struct world *w, bool is_64, uint32_t build, unsigned level)
{
    memset(w, 0, sizeof(*w));
    *w = (struct world){
        .base = world__base(is_64), .build = build, .word = is_64 ? 8 : 4, .next = 0x4000, .strings = 0x6000};
    world__types(w);
    world__header(w, WORLD_PROCESS, NT_TYPE_PROCESS, 0, NULL);
    world__header(w, WORLD_THREAD, NT_TYPE_THREAD, 0, NULL);
    world__word(w, WORLD_THREAD + 0x40, w->base + WORLD_PROCESS);
    world__word(w, WORLD_PROCESS + 0x40, WORLD_PID);
    memcpy(w->bytes + WORLD_PROCESS + 0x50, "cmd.exe", 8);
    world__word(w, WORLD_PROCESS + 0x90, w->base + 0x7000);
    uint32_t root = world__object(w, NT_TYPE_DIRECTORY, 0, "\\");
    uint32_t dos = world__object(w, NT_TYPE_DIRECTORY, w->base + root, "GLOBAL??");
    uint32_t devices = world__object(w, NT_TYPE_DIRECTORY, w->base + root, "Device");
    uint32_t named = world__object(w, NT_TYPE_DIRECTORY, w->base + root, "BaseNamedObjects");
    world__enter(w, root, 3, dos);
    world__enter(w, dos, 5, world__link(w, dos, "C:", "\\Device\\HarddiskVolume1"));
    uint32_t device = world__object(w, NT_TYPE_EVENT, w->base + devices, "HarddiskVolume1");
    uint32_t file = world__object(w, NT_TYPE_FILE, 0, NULL);
    w->bytes[file] = 5;
    world__word(w, file + w->word, w->base + device);
    world__string(w, file + (is_64 ? 0x58 : 0x30), "\\notes.txt");
    uint32_t key = world__object(w, NT_TYPE_KEY, 0, NULL), block = w->next;
    bool keys = is_64 ? build == 9600 || build == 7601 || build >= 14393 : build == 2600;
    unsigned parent = !is_64 ? 0x18 : build >= 14393 && build < 18362 ? 0x40 : 0x48;
    w->next += 0x100;
    memcpy(w->bytes + key, "20yk", 4);
    world__word(w, key + w->word, keys ? w->base + block : 0);
    world__word(w, block + parent + w->word, w->base + block + 0x80);
    w->bytes[block + 0x80] = 1;
    w->bytes[block + 0x80 + (is_64 ? 0x18 : 0xc)] = 8;
    memcpy(w->bytes + block + 0x80 + (is_64 ? 0x1a : 0xe), "REGISTRY", 8);
    const uint32_t bodies[] = {file, world__object(w, NT_TYPE_EVENT, w->base + named, "Ready"), WORLD_PROCESS, key};
    world__handles(w, 0x7000, level, bodies, 4);
    world__word(w, WORLD_TABLES, w->base + 0xb000); /* base, counter, limit, arguments */
    world__word(w, WORLD_TABLES + 2 * w->word, 64);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t entry = is_64 ? (uint32_t)(-0xb000 + (int)i * 16) << 4 : (uint32_t)w->base + i * 16;
        memcpy(w->bytes + 0xb000 + 4 * i, &entry, 4);
    }
}

#endif
