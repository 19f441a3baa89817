/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of JSON, written straight into a buffer: the objects are flat and a hundred thousand come a second, which a
 * tree of allocated values for each would not keep up with. Every key_ function writes `,"key":value`, so an object is
 * begun with a key of another kind. Keys are the caller's own text and not escaped.
 */
#ifndef QEBEK_SHOW_JSON_H
#define QEBEK_SHOW_JSON_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* What a double holds exactly; readers such as jq keep numbers in one. */
#define JSON_EXACT (INT64_C(1) << 53)

/*
 * Bytes of the guest as a JSON string: valid UTF-8 stays (control characters as \uXXXX), each other byte becomes
 * U+FFFD. Returns whether all of it was valid, so that nothing is lost.
 */
bool json__string(GString *to, const char *text, size_t len);

/* A name of our own tables: nothing to escape. */
void json__key_word(GString *to, const char *key, const char *word);
/* Text of the guest. If it is no valid UTF-8, KEY_bytes follows with all of it in base64. */
void json__key_text(GString *to, const char *key, const char *text, size_t len);
/* Bytes in base64. */
void json__key_bytes(GString *to, const char *key, const uint8_t *bytes, size_t len);
/*
 * Numbers, exact. Beyond ±2^53, KEY_hex follows: the 64 bits as a string in hexadecimal. Unsigned numbers from 2^63 on
 * are written as the negative number of the same bits: many readers have 64 bits with a sign, and refuse what is
 * beyond.
 */
void json__key_int(GString *to, const char *key, int64_t value);
void json__key_uint(GString *to, const char *key, uint64_t value);
/* "2026-01-02T03:04:05.123456789Z" of nanoseconds since 1970. */
void json__key_time(GString *to, const char *key, uint64_t ns);
void json__key_true(GString *to, const char *key);

#endif
