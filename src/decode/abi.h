/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of each ABI, as decode's own files see them. */
#ifndef QEBEK_DECODE_ABI_H
#define QEBEK_DECODE_ABI_H

#include "decode/decode.h"
#include "decode/linux/structs.h"

#define DECODE_NR_END 512u

#define DECODE_ABI_TABLES(abi)                                                                                         \
    extern const struct decode_struct abi##_structs[DECODE_STRUCTS];                                                   \
    extern const struct decode_service *const abi##_services[DECODE_NR_END];                                           \
    extern const struct decode_selector *const abi##_selectors[DECODE_NR_END];

DECODE_ABI_TABLES(decode__x86_64)
DECODE_ABI_TABLES(decode__i386)

#endif
