/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How to find a row by number (for NT: by its place in the table) or name. */
#include <string.h>

#include "decode/abi.h"
#include "decode/decode.h"
#include "decode/nt/nt.h"

struct tables {
    const struct decode_struct *structs;
    const struct decode_service *const *services;
    const struct decode_selector *const *selectors; /* NULL: no variants */
    uint16_t first_struct, structs_end;
    uint32_t end; /* of services */
};

static const struct tables tables[QBK_ABIS] = {
    [QBK_ABI_LINUX_X86_64] = {decode__x86_64_structs, decode__x86_64_services, decode__x86_64_selectors, 0,
                              DECODE_STRUCTS, DECODE_NR_END},
    [QBK_ABI_LINUX_I386] = {decode__i386_structs, decode__i386_services, decode__i386_selectors, 0, DECODE_STRUCTS,
                            DECODE_NR_END},
    [QBK_ABI_NT_X64] = {decode__nt_x64_structs, decode__nt_x64_services, NULL, DECODE_NT_STRUCT_FIRST,
                        DECODE_NT_STRUCTS, DECODE_NT_ROWS},
    [QBK_ABI_NT_X86] = {decode__nt_x86_structs, decode__nt_x86_services, NULL, DECODE_NT_STRUCT_FIRST,
                        DECODE_NT_STRUCTS, DECODE_NT_ROWS},
};

static bool known(enum qbk_abi abi, uint32_t nr)
{
    return (unsigned)abi < QBK_ABIS && nr < tables[abi].end;
}

const struct decode_service *decode__service(enum qbk_abi abi, uint32_t nr)
{
    return known(abi, nr) ? tables[abi].services[nr] : NULL;
}

static const struct decode_service *variant(const struct decode_selector *select, uint64_t key)
{
    for (size_t i = 0; i < select->count; i++) {
        if (select->variant[i].key == key)
            return select->variant[i].row;
    }
    return NULL;
}

const struct decode_service *decode__service_for(enum qbk_abi abi, uint32_t nr, const uint64_t *args)
{
    const struct decode_selector *select = known(abi, nr) && tables[abi].selectors ? tables[abi].selectors[nr] : NULL;
    if (!select)
        return decode__service(abi, nr);
    uint64_t key = args[select->first] & select->mask;
    if (select->second != 0xff)
        key |= args[select->second] << 32;
    const struct decode_service *row = variant(select, key);
    if (!row && key >> 32)
        row = variant(select, key & 0xffffffffu);
    return row ? row : tables[abi].services[nr];
}

const struct decode_struct *decode__struct(enum qbk_abi abi, uint16_t index)
{
    if ((unsigned)abi >= QBK_ABIS || index == 0 || index < tables[abi].first_struct || index >= tables[abi].structs_end)
        return NULL;
    return &tables[abi].structs[index - tables[abi].first_struct];
}

unsigned decode__word(enum qbk_abi abi)
{
    return abi == QBK_ABI_LINUX_I386 || abi == QBK_ABI_NT_X86 ? 4 : 8;
}

uint32_t decode__service_end(enum qbk_abi abi)
{
    uint32_t end = (unsigned)abi < QBK_ABIS ? tables[abi].end : 0;
    while (end > 0 && !decode__service(abi, end - 1))
        end--;
    return end;
}

/* The kernel's own names where they are not those of the table (SYSCALL_DEFINE, __syscall_meta). */
static const struct {
    const char *alias, *name;
} aliases[] = {{"newstat", "stat"},         {"newfstat", "fstat"},         {"newlstat", "lstat"},
               {"fstatat64", "newfstatat"}, {"fstatat", "newfstatat"},     {"newuname", "uname"},
               {"sendfile64", "sendfile"},  {"umount", "umount2"},         {"pread", "pread64"},
               {"pwrite", "pwrite64"},      {"sigreturn", "rt_sigreturn"}, {"accept", "accept4"},
               {"send", "sendto"},          {"recv", "recvfrom"}};

/* NT's graphics services are many, and in the order of their names. */
static int graphics_number(enum qbk_abi abi, const char *name)
{
    uint32_t low = DECODE_NT_GRAPHICS, high = tables[abi].end;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(name, tables[abi].services[middle]->name);
        if (order == 0)
            return (int)middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

int decode__number(enum qbk_abi abi, const char *name)
{
    bool nt = abi == QBK_ABI_NT_X64 || abi == QBK_ABI_NT_X86;
    int graphics = nt ? graphics_number(abi, name) : -1;
    uint32_t end = nt ? DECODE_NT_GRAPHICS : decode__service_end(abi);
    if (graphics >= 0)
        return graphics;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t nr = 0; nr < end; nr++) {
            const struct decode_service *row = decode__service(abi, nr);
            if (row && strcmp(row->name, name) == 0)
                return (int)nr;
        }
        const char *real = NULL;
        for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
            if (strcmp(aliases[i].alias, name) == 0)
                real = aliases[i].name;
        }
        if (!real)
            break;
        name = real;
    }
    return -1;
}

static const char *const class_names[] = {"file",    "desc",  "network", "process", "signal",  "ipc",
                                          "memory",  "creds", "stat",    "lstat",   "fstat",   "statfs",
                                          "fstatfs", "clock", "pure",    "%stat",   "%statfs", "registry"};

const char *decode__class_name(unsigned index)
{
    return index < sizeof(class_names) / sizeof(class_names[0]) ? class_names[index] : NULL;
}

uint32_t decode__class(const char *name)
{
    if (strcmp(name, "net") == 0)
        name = "network";
    for (unsigned i = 0; decode__class_name(i); i++) {
        if (strcmp(class_names[i], name) == 0)
            return 1u << i;
    }
    return 0;
}
