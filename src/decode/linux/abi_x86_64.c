/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of the x86-64 ABI. */
#include "decode/linux/abi_headers.h"

#define ABI          x86_64
#define WORD         8
#define NUMBERS_FILE "decode/linux/nr_x86_64.def"

typedef char c8;
typedef uint8_t u8;
typedef int16_t s16;
typedef uint16_t u16;
typedef int32_t s32;
typedef uint32_t u32;
typedef int64_t s64;
typedef uint64_t u64;
typedef int64_t slong;
typedef uint64_t ulong_;
typedef uint64_t ptr;
#define ulong ulong_ /* the C library has a type of that name */

#include "decode/linux/abi.inc"
