/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which file's code lies where in each process, out of MAPPING records. */
#ifndef QEBEK_SHOW_CODE_MAPS_H
#define QEBEK_SHOW_CODE_MAPS_H

#include <glib.h>
#include <stdint.h>

#include "qebek/record.h"

struct code_map {
    uint64_t start, end, offset; /* as in the record */
    uint64_t inode;
    uint32_t dev_major, dev_minor;
    uint32_t file;
    GRefString *path; /* hostile; may hold NUL bytes */
};

struct code_maps;

struct code_maps *code_maps__new(void);
void code_maps__free(struct code_maps *maps);
void code_maps__take(struct code_maps *maps, const struct qbk_mapping *rec);
/* The process is no more. */
void code_maps__gone(struct code_maps *maps, int32_t pid);
/* What was mapped last at this address of the process; NULL: no file that is known. Valid until the next record. */
const struct code_map *code_maps__find(struct code_maps *maps, int32_t pid, uint64_t address);

#endif
