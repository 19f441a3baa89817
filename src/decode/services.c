/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rows, and how to find one by number or name. */
#include <string.h>

#include "decode/decode.h"
#include "decode/linux/macros.h"
#include "decode/sets.h"

#define NR_END 512u

#define S(nr, n, res, fl, cl, ...) static const struct decode_arg args_##n[] = {__VA_ARGS__};
#define S0(nr, n, res, fl, cl)
#include "decode/linux/calls.def"
#undef S
#undef S0

static const struct decode_service x86_64[NR_END] = {
#define S(nr, n, res, fl, cl, ...) [nr] = {#n, sizeof(args_##n) / sizeof(args_##n[0]), res, fl, cl, args_##n},
#define S0(nr, n, res, fl, cl)     [nr] = {#n, 0, res, fl, cl, NULL},
#include "decode/linux/calls.def"
#undef S
#undef S0
};

/* The 32-bit interface: names from the kernel's header at build time; their rows are found by name. */
static const struct {
    uint32_t nr;
    const char *name;
} i386_names[] = {
#include "i386_names.h"
};

/* Same name, other arguments: two registers for one 64-bit value, other order, or structs of old. */
static const char *const i386_differ[] = {
    "mmap",           "clone",       "pread64",   "pwrite64", "fadvise64", "readahead", "sync_file_range",
    "fallocate",      "preadv",      "pwritev",   "preadv2",  "pwritev2",  "select",    "fanotify_mark",
    "lookup_dcookie", "ftruncate64", "truncate64"};

static const struct decode_arg raw_args[6] = {HEX(arg1), HEX(arg2), HEX(arg3), HEX(arg4), HEX(arg5), HEX(arg6)};

#define I386_END 512u
static struct decode_service i386[I386_END]; /* filled once, before main or at load */

static const struct decode_service *by_name(const char *name)
{
    for (uint32_t i = 0; i < NR_END; i++) {
        if (x86_64[i].name && strcmp(x86_64[i].name, name) == 0)
            return &x86_64[i];
    }
    return NULL;
}

static bool differs(const char *name)
{
    for (size_t i = 0; i < sizeof(i386_differ) / sizeof(i386_differ[0]); i++) {
        if (strcmp(i386_differ[i], name) == 0)
            return true;
    }
    return false;
}

/* A constructor, so that look-ups on the hot path are plain reads: runs before any thread of ours exists. */
__attribute__((constructor)) static void fill_i386(void)
{
    for (size_t i = 0; i < sizeof(i386_names) / sizeof(i386_names[0]); i++) {
        uint32_t nr = i386_names[i].nr;
        const struct decode_service *row = by_name(i386_names[i].name);
        if (nr >= I386_END)
            continue;
        if (row)
            i386[nr] = *row;
        if (!row || differs(i386_names[i].name))
            i386[nr] = (struct decode_service){.nargs = 6, .arg = raw_args, .classes = row ? row->classes : 0};
        i386[nr].name = i386_names[i].name;
    }
}

const struct decode_service *decode__service(enum qbk_abi abi, uint32_t nr)
{
    const struct decode_service *row = NULL;
    if (abi == QBK_ABI_LINUX_X86_64 && nr < NR_END)
        row = &x86_64[nr];
    else if (abi == QBK_ABI_LINUX_I386 && nr < I386_END)
        row = &i386[nr];
    return row && row->name ? row : NULL;
}

uint32_t decode__service_end(enum qbk_abi abi)
{
    uint32_t end = abi == QBK_ABI_LINUX_X86_64 ? NR_END : abi == QBK_ABI_LINUX_I386 ? I386_END : 0;
    while (end > 0 && !decode__service(abi, end - 1))
        end--;
    return end;
}

/* The kernel's own names where they are not those of the table (SYSCALL_DEFINE, __syscall_meta). */
static const struct {
    const char *alias, *name;
} aliases[] = {{"newstat", "stat"},         {"newfstat", "fstat"},        {"newlstat", "lstat"},
               {"fstatat64", "newfstatat"}, {"fstatat", "newfstatat"},    {"newuname", "uname"},
               {"sendfile64", "sendfile"},  {"umount", "umount2"},        {"pread", "pread64"},
               {"pwrite", "pwrite64"},      {"sigreturn", "rt_sigreturn"}};

int decode__number(enum qbk_abi abi, const char *name)
{
    uint32_t end = decode__service_end(abi);
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

static const char *const class_names[] = {"file", "desc",  "network", "process", "signal",  "ipc",   "memory", "creds",
                                          "stat", "lstat", "fstat",   "statfs",  "fstatfs", "clock", "pure"};

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
