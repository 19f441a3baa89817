/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decode/sets.h"

#include "decode/decode.h"
#include "decode/nt/nt.h"

#define SET(id, unknown, ...) extern const struct decode_set decode__set_##id;
#include "decode/linux/sets.inc"
#undef SET

static const struct decode_set *const sets[DECODE_SETS] = {
#define SET(id, unknown, ...) [DECODE_SET_##id] = &decode__set_##id,
#include "decode/linux/sets.inc"
#undef SET
};

const struct decode_set *decode__set(uint16_t index)
{
    static const struct decode_set empty = {"", NULL, 0};
    if (index >= DECODE_NT_SET_FIRST && index < DECODE_NT_SETS)
        return decode__nt_sets[index - DECODE_NT_SET_FIRST];
    return index > 0 && index < DECODE_SETS ? sets[index] : &empty;
}
