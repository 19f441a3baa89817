/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What short functions of a kernel or of ntdll tell when they are read (with Zydis) instead of run. */
#ifndef QEBEK_GUEST_FIND_NT_CODE_H
#define QEBEK_GUEST_FIND_NT_CODE_H

#include "guest/find/nt/pe.h"

enum code_result {
    CODE_NOTHING = 0, /* a shape that is not understood: refused, never guessed */
    CODE_ADDRESS,     /* returns argument + offset */
    CODE_FIELD,       /* returns what lies at argument + offset */
    CODE_THREAD_FIELD /* returns what lies at (the current thread, out of the KPCR) + offset */
};

/* What does the function return? Straight code only, a few instructions of it; of calls only those that
 * bring the current thread. */
enum code_result code__getter(const struct pe *pe, uint32_t rva, uint32_t *offset);

/* A stub that enters the kernel, or the kernel's own (Zw…): its service number. *arg_bytes: how much `ret` takes off
 * the stack on x86, or 0xff. */
bool code__stub(const struct pe *pe, uint32_t rva, uint32_t *number, uint8_t *arg_bytes);

/*
 * How many bytes of arguments the function takes off the stack when it returns (x86: stdcall, fastcall): what its `ret`
 * says, on whichever of its ways one is found first, jumps to other functions followed. -1: none was found (within some
 * hundred instructions), or two that differ.
 */
int code__pops(const struct pe *pe, uint32_t rva);

/*
 * The addresses of the descriptors of the service tables: on x86 the exported one (the other is 0); on x64 both, from
 * the kernel's code that chooses between them. False: not found, or not clear.
 */
bool code__service_tables(const struct pe *pe, uint64_t *plain, uint64_t *shadow);

#endif
