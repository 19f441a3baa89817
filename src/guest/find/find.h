/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What kernel is this? Answers the plugin's question from a copy of the kernel's image. Runs in the qebek process,
 * never inside QEMU: everything in the image is hostile, and parsers of such formats have been crashed before.
 */
#ifndef QEBEK_GUEST_FIND_FIND_H
#define QEBEK_GUEST_FIND_FIND_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/linux/layout.h"
#include "trace/link.h"

/* The copy: page i of it is at guest address base + 4096 * i; absent pages read as zeros and are told by `present`. */
struct find_image {
    uint64_t base;
    size_t pages;
    const uint8_t *bytes;   /* pages * 4096 */
    const uint8_t *present; /* bitmap, bit i: page i was readable */
    uint64_t entry;         /* the kernel address that led here */
    const uint8_t *extra;   /* one more page, which the question's kind tells about; NULL: none */
};

struct find_image;
struct find_symbols;
struct pe;
struct find_options {
    /* Called by find__kernel once, when the symbols of a Linux kernel are known; NULL: nobody wants them. */
    void (*known)(const struct find_image *image, const struct find_symbols *symbols, void *data);
    /* Called by find_nt__kernel once, with the kernel's image; NULL: nobody wants it. */
    void (*known_nt)(const struct pe *kernel, void *data);
    void *data;
    const char *btf_file; /* --profile: raw BTF or an ELF file with .BTF, or NULL */
    const char *map_file; /* --profile: a System.map, or NULL */
    const char *isf_file; /* --profile: a symbol table of an NT kernel, or NULL */
};

/* A kernel's names and addresses, sorted by address. */
struct find_symbol {
    uint64_t addr;
    const char *name;
    char type; /* as in System.map: 't', 'T', 'd' … */
};
struct find_symbols {
    struct find_symbol *symbol;
    size_t count;
    char *names; /* one allocation for all names */
};

/*
 * Fill *found (os, text, text_len, layout_len) and *layout. Returns true when a kernel was recognised (even if only in
 * part: what is missing is LAYOUT_NONE or 0, and a "missing" key in the text says it in words). The image is only read.
 * The text tells at least: os, release ("6.1.0-56-cloud-amd64"), version (the whole banner), build_id (hex, if found),
 * how (which of btf, kallsyms, profile gave what), took_us.
 */
bool find__kernel(const struct find_image *image, const struct find_options *options, struct link_found *found,
                  struct linux_layout *layout);

/* The kernel's symbol for a probe; of several, that of the oldest kernel. NULL: there is no such probe. */
const char *find__probe_name(enum linux_probe probe);

/* The parts, each usable (and tested) alone. All return false and leave the output empty where the thing is not there.
 */
bool find__banner(const struct find_image *image, char *banner, size_t size, char *release, size_t release_size);
bool find__kallsyms(const struct find_image *image, struct find_symbols *symbols);
bool find__system_map(const char *path, struct find_symbols *symbols, GError **error);
const struct find_symbol *find__symbol(const struct find_symbols *symbols, const char *name);
void find__symbols_clear(struct find_symbols *symbols);
/* *blob points into the image (whole and contiguous) at a BTF header whose section lengths fit. */
bool find__btf(const struct find_image *image, const uint8_t **blob, size_t *size);
/* Offsets of `layout` out of a BTF blob, through libbpf, in a forked child that may do nothing but compute: a blob that
 * crashes the parser costs us the layouts, not the process. */
bool find__btf_layout(const uint8_t *blob, size_t size, struct linux_layout *layout, char *missing,
                      size_t missing_size);

/* The system-call names and arguments that the guest's own __syscall_metadata tells (CONFIG_FTRACE_SYSCALLS), for tests
 * and for numbers our tables lack. */
#define FIND_SERVICE_NAME 64u
struct find_service {
    uint32_t nr;
    char name[FIND_SERVICE_NAME];
    int nargs; /* -1: only the name is known (from sys_call_table and kallsyms) */
    char args[6][32];
    char types[6][48];
};
/* Those of the 64-bit interface, at most `max`, in order of their numbers; returns how many. */
size_t find__services(const struct find_image *image, const struct find_symbols *symbols, struct find_service *out,
                      size_t max);

/* Where a rootkit would change the way of system calls; what is not found stays 0. */
void find__integrity(const struct find_image *image, const struct find_symbols *symbols, struct linux_integrity *out);

#endif
