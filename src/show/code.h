/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code that watched threads executed: the instructions that BLOCKS records refer to, whose blocks are shown, and the
 * instructions as text.
 */
#ifndef QEBEK_SHOW_CODE_H
#define QEBEK_SHOW_CODE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "show/code_maps.h"
#include "show/model.h"
#include "trace/link.h"

struct show_options;

/* Whose: what --insns names. */
struct code_who {
    char comm[16];      /* NUL-padded, a '*' at the end stands for any rest; "": not by name */
    int32_t pid;        /* of the process or a thread; 0: not by number */
    const char *module; /* the last part of a file's name, a '*' at the end as above; NULL: all of it */
};

/* Reads "NAME", "PID", and either with ":MODULE" behind it, which `text` must outlive. NULL, or what is wrong. */
const char *code_who__parse(const char *text, struct code_who *who);
/* Adds what the plugin has to watch. False: too many. */
bool code_who__watch(const struct code_who *who, struct link_settings *settings);

struct code; /* CODE records by their numbers, and what is mapped where; part of the model */

struct code *code__new(void);
void code__free(struct code *code);
void code__take(struct code *code, const struct qbk_code *rec);
void code__take_mapping(struct code *code, const struct qbk_mapping *rec);
void code__process_gone(struct code *code, int32_t pid);
/* What file's code lies at this address for the thread; NULL: none that is known. Valid until the next record. */
const struct code_map *code__map(const struct code *code, const struct model_thread *thread, uint64_t pc);
/* NULL: not told, or there was no room. */
const struct qbk_code *code__find(const struct code *code, uint32_t id);
/* How many bytes its first `insns` instructions are long; all, if it has no more. */
uint32_t code__size(const struct qbk_code *code, unsigned insns);

/* Does the user want to see this block of the event, a BLOCKS record's? */
bool code__shown(const struct show_options *options, const struct model_event *event, const struct qbk_block *block);

/* One instruction, as "mov rax, [rbp-0x08]". `pc`: its address, or UINT64_MAX: what it leads to is told from there. */
void code__insn(GString *to, const uint8_t *bytes, size_t len, uint64_t pc, bool is_32);

#endif
