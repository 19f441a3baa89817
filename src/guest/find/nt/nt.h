/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What NT kernel is this? In two steps: the kernel's own image, as soon as it is seen to run; then ntdll (and win32u,
 * or user32 and gdi32), once a call comes from it. Runs in the qebek process; everything in the images is hostile.
 */
#ifndef QEBEK_GUEST_FIND_NT_NT_H
#define QEBEK_GUEST_FIND_NT_NT_H

#include "guest/find/find.h"
#include "guest/nt/layout.h"

#define NT_STUB_IMAGES 4u /* ntdll, win32u, user32, gdi32 */

/* What has been found of one kernel so far; zeroed at first. */
struct find_nt {
    bool known;
    struct nt_layout layout;
    char *name[NT_TABLES][NT_TABLE_SIZE]; /* of services: "NtClose" */
    char release[64], version[160], pdb[128], pdb_id[64], root[64];
    char base[24];
    uint32_t derived[NT_OFFSETS]; /* as the image alone tells them */
    GString *how, *missing;
    GString *profile; /* where the symbol table disagrees; empty: nowhere, or none was given */
    uint32_t from_kernel, from_stubs[NT_STUB_IMAGES]; /* names that each gave */
    uint32_t from_build[NT_TABLES];                   /* that the table of numbers gave, for want of anything better */
    bool by_build[NT_TABLES][NT_TABLE_SIZE];          /* these */
    const char *no_numbers;                           /* why that table has nothing; NULL: it has */
    uint32_t major, minor;
    int64_t took_us;
};

/*
 * The image's first page is the kernel's header, `image->extra` the page of KUSER_SHARED_DATA or NULL. Forgets what was
 * known before. With a symbol table among the options (NULL: none): what the image does not tell comes from there,
 * and both must agree. Fills *found as find__kernel does (os, text, layout_len) and nt->layout. False: no NT kernel.
 */
bool find_nt__kernel(struct find_nt *nt, const struct find_image *image, const struct find_options *options,
                     struct link_found *found);
/* Is this what some NT kernel calls its image? */
bool find_nt__is_kernel(const char *name);
/* The image is a module that a call came from. False: it tells nothing new, or no kernel is known. */
bool find_nt__stubs(struct find_nt *nt, const struct find_image *image, struct link_found *found);
void find_nt__clear(struct find_nt *nt);

#endif
