/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which x86 instructions begin or end a system call, or call a function, told from their bytes. Pure. */
#ifndef QEBEK_VM_INSN_H
#define QEBEK_VM_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum insn_kind {
    INSN_OTHER = 0,
    INSN_SYSCALL,  /* 0F 05 */
    INSN_SYSENTER, /* 0F 34 */
    INSN_INT80,    /* CD 80: Linux, 32-bit interface */
    INSN_INT2E,    /* CD 2E: NT */
    INSN_INT2B,    /* CD 2B: NT, return from a user-mode callback */
    INSN_SYSRET,   /* 0F 07 */
    INSN_SYSEXIT,  /* 0F 35 */
    INSN_IRET,     /* CF */
    INSN_MOV_CR3,  /* 0F 22 with cr3: other page tables */
    INSN_KINDS
};

/*
 * Decode one instruction (at most 15 bytes, as the translator saw it). Any legal prefixes in any order and number are
 * skipped, as a hostile program may stack them (Intel SDM volume 2, chapter 2: groups 1 to 4 and REX). *wide is set
 * when REX.W is in force (sysretq, iretq).
 */
enum insn_kind insn__kind(const uint8_t *bytes, size_t len, int *wide);
/* Is it a near call (E8, FF /2)? */
bool insn__is_call(const uint8_t *bytes, size_t len);

#endif
