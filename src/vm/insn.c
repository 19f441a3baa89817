/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/insn.h"

static bool is_legacy_prefix(uint8_t byte)
{
    switch (byte) {
    case 0x26: /* es */
    case 0x2e: /* cs */
    case 0x36: /* ss */
    case 0x3e: /* ds */
    case 0x64: /* fs */
    case 0x65: /* gs */
    case 0x66: /* operand size */
    case 0x67: /* address size */
    case 0xf0: /* lock (faults, but is decoded) */
    case 0xf2:
    case 0xf3:
        return true;
    default:
        return false;
    }
}

static enum insn_kind two_byte(uint8_t opcode)
{
    switch (opcode) {
    case 0x05:
        return INSN_SYSCALL;
    case 0x07:
        return INSN_SYSRET;
    case 0x34:
        return INSN_SYSENTER;
    case 0x35:
        return INSN_SYSEXIT;
    default:
        return INSN_OTHER;
    }
}

static enum insn_kind interrupt(uint8_t vector)
{
    switch (vector) {
    case 0x80:
        return INSN_INT80;
    case 0x2e:
        return INSN_INT2E;
    case 0x2b:
        return INSN_INT2B;
    default:
        return INSN_OTHER;
    }
}

/*
 * Where the opcode is. 40 to 4F are REX prefixes in 64-bit code and whole instructions (inc, dec) elsewhere. In the
 * latter case the instruction ends there, so its length is 1 and there is nothing after the byte to mistake.
 */
static size_t skip_prefixes(const uint8_t *bytes, size_t len, int *wide)
{
    size_t i = 0;
    *wide = 0;
    while (i < len && is_legacy_prefix(bytes[i]))
        i++;
    while (i < len && (bytes[i] & 0xf0) == 0x40) {
        *wide = (bytes[i] & 8) != 0; /* only the last one counts */
        i++;
        while (i < len && is_legacy_prefix(bytes[i])) { /* a legacy prefix after REX cancels it */
            *wide = 0;
            i++;
        }
    }
    return i;
}

bool insn__is_call(const uint8_t *bytes, size_t len)
{
    int wide;
    size_t i = skip_prefixes(bytes, len, &wide);
    return i + 1 < len && (bytes[i] == 0xe8 || (bytes[i] == 0xff && (bytes[i + 1] >> 3 & 7) == 2));
}

enum insn_kind insn__kind(const uint8_t *bytes, size_t len, int *wide)
{
    size_t i = skip_prefixes(bytes, len, wide);
    if (i >= len)
        return INSN_OTHER;
    if (bytes[i] == 0xcf)
        return INSN_IRET;
    if (i + 1 >= len)
        return INSN_OTHER;
    if (bytes[i] == 0x0f && bytes[i + 1] == 0x22)
        return i + 2 < len && (bytes[i + 2] >> 3 & 7) == 3 && !*wide ? INSN_MOV_CR3 : INSN_OTHER;
    if (bytes[i] == 0x0f)
        return two_byte(bytes[i + 1]);
    if (bytes[i] == 0xcd)
        return interrupt(bytes[i + 1]);
    return INSN_OTHER;
}
