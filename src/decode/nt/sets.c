/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NT's named values. */
/* set_items.h leaves SET defined, which nt.h uses too: the other way round. */
/* clang-format off */
#include "decode/nt/nt.h"
#include "decode/linux/set_items.h"
/* clang-format on */

/* Static, as some of these have the names of Linux's. */
#undef SET
#define SET(id, unknown, ...)                                                                                          \
    static const struct decode_const items_##id[] = {__VA_ARGS__};                                                     \
    static const struct decode_set set_##id = {unknown, items_##id, sizeof(items_##id) / sizeof(items_##id[0])};
#include "decode/nt/sets.inc"

#undef SET
#define SET(id, unknown, ...) [DECODE_NT_SET_##id - DECODE_NT_SET_FIRST] = &set_##id,
const struct decode_set *const decode__nt_sets[DECODE_NT_SETS - DECODE_NT_SET_FIRST] = {
#include "decode/nt/sets.inc"
};
