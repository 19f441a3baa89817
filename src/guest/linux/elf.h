/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions among the dynamic symbols of an ELF file, read piece by piece where it lies, in the guest. The file is
 * hostile: every number is bounded before it is used, nothing is allocated, and each call ends after a bounded number
 * of reads. Pure C; knows no guest. Source: System V gABI and its AMD64 supplement; for the GNU hash table and symbol
 * versions the Linux Standard Base, "Symbol Versioning".
 */
#ifndef QEBEK_GUEST_LINUX_ELF_H
#define QEBEK_GUEST_LINUX_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_NAME_MAX     256u /* longer names are passed over */
#define ELF_SEGMENTS_MAX 16u
#define ELF_SYMBOLS_MAX  (1u << 18)

/* All of `len` bytes of the file, or false: they are not there. */
typedef bool elf_read(void *ctx, uint64_t offset, void *buf, size_t len);

enum elf_status {
    ELF_GOOD = 0,
    ELF_ABSENT, /* a part that is needed could not be read */
    ELF_NONE,   /* there is no such symbol */
    ELF_UNFIT   /* no 64-bit ELF file for this processor, or without dynamic symbols, or damaged */
};

struct elf_segment {
    uint64_t vaddr, offset, size; /* bytes that the file has */
    bool code;
};

struct elf_file {
    elf_read *read;
    void *ctx;
    struct elf_segment segment[ELF_SEGMENTS_MAX];
    unsigned n_segments;
    bool dynamic;                                    /* it has symbols */
    uint64_t symbols, names, names_size, hash, sysv; /* offsets in the file; 0: none */
    uint64_t versions, definitions, n_definitions;   /* … */
    uint32_t n_buckets, first, n_bloom, n_sysv;      /* of the hash table */
    uint64_t buckets, chains;                        /* offsets */
};

struct elf_symbol {
    uint64_t value;          /* address as the file is linked */
    uint64_t offset;         /* of its code in the file */
    bool indirect;           /* it chooses the function that runs (STT_GNU_IFUNC) */
    char name[ELF_NAME_MAX]; /* that of a version which is not the default one: NAME@VERSION */
};

/* GOOD, ABSENT or UNFIT. Without dynamic symbols it is GOOD, too: the segments tell where code lies. */
enum elf_status elf__open(struct elf_file *elf, elf_read *read, void *ctx);
/* By its exact name, as above. Any status. */
enum elf_status elf__find(const struct elf_file *elf, const char *name, struct elf_symbol *symbol);
/* Each function that is defined, in the order of the table; ends early where `visit` says false. */
enum elf_status elf__each(const struct elf_file *elf, bool (*visit)(void *data, const struct elf_symbol *symbol),
                          void *data);
/* Offset in the file of an address as the file is linked; false: the file has no code there. */
bool elf__code_offset(const struct elf_file *elf, uint64_t value, uint64_t *offset);

#endif
