/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One snippet of guest memory (qebek/record.h) out of the running call: what capture.c is made of. */
#ifndef QEBEK_GUEST_LINUX_SNIPPET_H
#define QEBEK_GUEST_LINUX_SNIPPET_H

#include "guest/linux/capture.h"
#include "qebek/record.h"

/* Only the user half is ever followed: a pointer of the program's choice must not lead into the kernel or its devices.
 */
bool snippet__user_range(uint64_t addr, uint64_t len);
/*
 * Reserves the header and says where the bytes go, and in *room how many of those that it holds fit; NULL: no room.
 * close fills the header in, behind which head->have bytes lie by then.
 */
uint8_t *snippet__open(struct snippet_writer *w, size_t *room);
void snippet__close(struct snippet_writer *w, const struct qbk_snippet *head);
/*
 * `full` bytes at addr, at most `limit` of them. Returns how many were read; *whole becomes false if memory was
 * missing. `arg` and `level` as in the snippet.
 */
size_t snippet__memory(const struct capture *c, struct snippet_writer *w, uint64_t addr, uint64_t full, uint64_t limit,
                       unsigned arg, unsigned level, bool *whole);
/*
 * The same of any memory, also the kernel's: head->addr and full, kind, arg and level are given, the rest is filled in.
 */
size_t snippet__copy(struct vm_cpu *cpu, struct snippet_writer *w, struct qbk_snippet head, uint64_t limit,
                     bool *whole);
/* … up to a NUL of `unit` bytes (1 or 2), at most `limit` units. */
void snippet__text(struct vm_cpu *cpu, struct snippet_writer *w, struct qbk_snippet head, size_t limit, size_t unit,
                   bool *whole);
/* Up to the NUL, at most `limit` bytes. */
void snippet__string(const struct capture *c, struct snippet_writer *w, uint64_t addr, size_t limit, unsigned arg,
                     unsigned level, bool *whole);

#endif
