/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Structs that arguments point at: DECODE_STRUCT_id is the index for decode__struct. The structs_*.def describe them;
 * the compiler lays them out as each ABI does (abi.inc).
 *
 *   BEGIN(id) … END(id)                   a struct of these fields
 *   F(id, type, field, flags, KIND, …)    a field: a value or pointer of `type`, meant as an argument of that KIND
 *                                         (row.h); `flags` of enum decode_field_flags; where the KIND wants the number
 *                                         of another field, it is I_id_field
 *   A(id, type, field, count, flags, KIND, …)  an array of that many
 *   P(id, type, field, count)             padding, and what nobody shows
 *   OPAQUE(id, x86-64, i386)              a struct of that many bytes that only its own printer knows; 0: the length
 *                                         always comes from another argument
 */
#ifndef QEBEK_DECODE_LINUX_STRUCTS_H
#define QEBEK_DECODE_LINUX_STRUCTS_H

enum decode_struct_id {
    DECODE_STRUCT_NONE = 0,
#define BEGIN(S) DECODE_STRUCT_##S,
#define END(S)
#define F(...)
#define A(...)
#define P(...)
#define OPAQUE(S, n64, n32) DECODE_STRUCT_##S,
#include "decode/linux/structs.inc"
#undef BEGIN
#undef END
#undef F
#undef A
#undef P
#undef OPAQUE
    DECODE_STRUCTS
};

#endif
