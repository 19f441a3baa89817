/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Named values as text, the way strace writes them. Bounded, no allocation. */
#ifndef QEBEK_DECODE_FORMAT_H
#define QEBEK_DECODE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "decode/decode.h"

/*
 * "O_RDWR|O_CREAT", "O_RDONLY|0x1000000"; a value without any name as a number with a comment, "O_???" in it. Returns
 * the length written (less than size; NUL-terminated).
 */
size_t decode__flags_text(const struct decode_set *set, uint64_t value, char *buf, size_t size);
/* "SEEK_SET", or a number with a comment. */
size_t decode__enum_text(const struct decode_set *set, uint64_t value, char *buf, size_t size);

#endif
