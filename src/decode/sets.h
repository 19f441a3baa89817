/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QEBEK_DECODE_SETS_H
#define QEBEK_DECODE_SETS_H

/* Indices for decode__set, one for each SET of linux/sets.def. */
enum decode_set_id {
#define SET(id, unknown, ...) SET_##id,
#include "decode/linux/sets.def"
#undef SET
    DECODE_SETS
};

#endif
