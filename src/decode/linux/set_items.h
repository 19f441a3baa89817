/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the words of sets.h become a struct decode_set. Included by the files that hold the sets, after their headers. */
#ifndef QEBEK_DECODE_LINUX_SET_ITEMS_H
#define QEBEK_DECODE_LINUX_SET_ITEMS_H

#include "decode/decode.h"

/* Negative 32-bit constants stay 32 bits. */
#define DECODE_U(x) (sizeof(x) == 4 ? (uint64_t)(uint32_t)(x) : (uint64_t)(x))
#define DECODE_ITEM(value, mask, name)                                                                                 \
    {                                                                                                                  \
        (value), (mask), (name)                                                                                        \
    }
#define V(x)              DECODE_ITEM(DECODE_U(x), UINT64_MAX, #x)
#define N(x, v)           DECODE_ITEM(DECODE_U(v), UINT64_MAX, #x)
#define F(x)              DECODE_ITEM(DECODE_U(x), DECODE_U(x), #x)
#define NF(x, v)          DECODE_ITEM(DECODE_U(v), DECODE_U(v), #x)
#define M(x, m)           DECODE_ITEM(DECODE_U(x), DECODE_U(m), #x)
#define NM(x, v, m)       DECODE_ITEM(DECODE_U(v), DECODE_U(m), #x)
#define Z(x)              DECODE_ITEM(0, UINT64_MAX, #x)
#define REST(c, m)        DECODE_ITEM(0, DECODE_U(m), "?" c)
#define SHIFTED(x, at, m) DECODE_ITEM(at, DECODE_U(m) << (at), "<<" #x)
#define SET(id, unknown, ...)                                                                                          \
    static const struct decode_const items_##id[] = {__VA_ARGS__};                                                     \
    extern const struct decode_set decode__set_##id;                                                                   \
    const struct decode_set decode__set_##id = {unknown, items_##id, sizeof(items_##id) / sizeof(items_##id[0])};

#endif
