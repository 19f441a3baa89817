/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of the i386 ABI, whose 64-bit values are aligned to 4 bytes. */
#include "decode/linux/abi_headers.h"

#define ABI          i386
#define WORD         4
#define NUMBERS_FILE "decode/linux/nr_i386.def"

typedef char c8;
typedef uint8_t u8;
typedef int16_t s16;
typedef uint16_t u16;
typedef int32_t s32;
typedef uint32_t u32;
typedef int64_t s64 __attribute__((aligned(4)));
typedef uint64_t u64 __attribute__((aligned(4)));
typedef int32_t slong;
typedef uint32_t ulong_;
typedef uint32_t ptr;
#define ulong ulong_ /* the C library has a type of that name */

#include "decode/linux/abi.inc"
