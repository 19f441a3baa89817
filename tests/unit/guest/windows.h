/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where real 64-bit kernels have what qebek looks for: facts, read from the public symbol tables of these builds
 * (ntkrnlmp.pdb). tests/unit/guest/profiles.c compares them with the tables where those are at hand.
 */
#ifndef QEBEK_TESTS_GUEST_WINDOWS_H
#define QEBEK_TESTS_GUEST_WINDOWS_H

#include "guest/nt/layout.h"

struct windows {
    const char *release, *pdb_id;
    uint32_t offset[NT_OFFSETS]; /* in the order of enum nt_offset */
    uint32_t object_table, table_code, quota_process;
};

static const struct windows windows[] = {
    {"6.1.7601",
     "339E74133576439CBCDF7E0229DA3773-1",
     {0x70, 0xb8, 0x3b8, 0x180, 0x290, 0x2e0, 0x338, 0x168},
     0x200,
     0x0,
     0x8},
    {"6.3.9600",
     "169C65213E3E42DDBEB4E3AC66312B82-1",
     {0xb8, 0xf0, 0x620, 0x2e0, 0x3d0, 0x438, 0x3e8, 0x2d0},
     0x408,
     0x8,
     0x10},
    {"10.0.14393",
     "DBBC830E3E9A48FDA25A2144C146930E-1",
     {0xb8, 0xf0, 0x630, 0x2e8, 0x3e0, 0x450, 0x3f8, 0x308},
     0x418,
     0x8,
     0x10},
    {"10.0.17763",
     "1806D020A6E46538D7AC3325FAC114D8-1",
     {0xb8, 0xf0, 0x638, 0x2e0, 0x3e0, 0x450, 0x3f8, 0x308},
     0x418,
     0x8,
     0x10},
    {"10.0.18362",
     "DCA4AD4BEEB4746D48F84C0125019E43-1",
     {0xb8, 0xf0, 0x648, 0x2e8, 0x3e8, 0x450, 0x3f8, 0x310},
     0x418,
     0x8,
     0x10},
    {"10.0.19041",
     "606FF669409B00F7FC8C61A9C1670129-1",
     {0xb8, 0xf0, 0x478, 0x440, 0x540, 0x5a8, 0x550, 0x468},
     0x570,
     0x8,
     0x10},
    {"10.0.20348",
     "879AD95F3461091BB6318FA98072AD8E-1",
     {0xb8, 0xf0, 0x4c8, 0x440, 0x540, 0x5a8, 0x550, 0x468},
     0x570,
     0x8,
     0x10},
    {"10.0.22000",
     "0CE4A95C0CD782A7596B034D8648E585-1",
     {0xb8, 0xf0, 0x4c8, 0x440, 0x540, 0x5a8, 0x550, 0x468},
     0x570,
     0x8,
     0x10},
};

#endif
