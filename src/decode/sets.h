/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets of named values, one for each SET of linux/sets_*.def; DECODE_SET_id is the index for decode__set.
 *
 *   SET(id, "comment for unknown values", items…)   items in the order in which strace names them
 *   V(x) N(x, value)                                a value of an enumeration
 *   F(x) NF(x, value)                               a flag
 *   M(x, mask) NM(x, value, mask)                   a value within a field of a word of flags
 *   Z(x)                                            a name for no flag at all
 *   REST("comment", mask)                           after a field's values: all others, as a number with this comment
 *   SHIFTED(x, at, mask)                            a number in the bits of mask << at, shown last: "21<<x"
 *
 * A comment that begins with '|' is also given to what is left beside a field's value when no flag is known.
 *
 * The forms with a value are for what the installed headers may lack (a newer kernel's, or never in a header).
 */
#ifndef QEBEK_DECODE_SETS_H
#define QEBEK_DECODE_SETS_H

enum decode_set_id {
    DECODE_SET_NONE = 0,
#define SET(id, unknown, ...) DECODE_SET_##id,
#include "decode/linux/sets.inc"
#undef SET
    DECODE_SETS
};

#endif
