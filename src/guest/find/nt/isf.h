/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A symbol table of Volatility (Intermediate Symbol Format: JSON, also packed with xz), as far as it tells what qebek
 * wants to know of an NT kernel. Files come from strangers: everything is bounded. For the confined qebek process.
 */
#ifndef QEBEK_GUEST_FIND_NT_ISF_H
#define QEBEK_GUEST_FIND_NT_ISF_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "guest/nt/layout.h"

struct isf {
    char pdb[128], pdb_id[64]; /* "ntkrnlmp.pdb", "GUID-age" as the kernel's own RSDS record gives it; "": not told */
    bool is_64;
    uint32_t offset[NT_OFFSETS]; /* NT_NONE: not told */
    uint32_t object_table;       /* EPROCESS.ObjectTable, and in HANDLE_TABLE: … */
    uint32_t table_code, quota_process;
};

/* False with one clear line in error. */
bool isf__read(const char *path, struct isf *isf, GError **error);
/* The same of bytes at hand. */
bool isf__parse(const uint8_t *bytes, size_t size, struct isf *isf, GError **error);

/* What an offset is called: "EPROCESS.UniqueProcessId". */
const char *isf__offset_name(enum nt_offset offset);

#endif
