/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NT's part of the tables, as decode's own files see it. A service's "number" here is the place of its row in
 * services.def: the guest's numbers differ from release to release, and its own stubs tell which is which.
 */
#ifndef QEBEK_DECODE_NT_H
#define QEBEK_DECODE_NT_H

#include "decode/decode.h"

/* Structs that NT's arguments point at; numbered apart from Linux's. */
enum decode_nt_struct {
    DECODE_NT_STRUCT_FIRST = 1024,
    DECODE_NT_STRUCT_IOSB = DECODE_NT_STRUCT_FIRST, /* IO_STATUS_BLOCK */
    DECODE_NT_STRUCT_STRING,                        /* UNICODE_STRING */
    DECODE_NT_STRUCT_OBJECT,                        /* OBJECT_ATTRIBUTES */
    DECODE_NT_STRUCT_CLIENT,                        /* CLIENT_ID */
    DECODE_NT_STRUCT_STRING_OUT,                    /* UNICODE_STRING that the call fills */
    DECODE_NT_STRUCT_GUID,
    DECODE_NT_STRUCTS
};

/* Sets of named values (nt/sets_*.def), behind Linux's. Words: decode/sets.h. */
enum decode_nt_set {
    DECODE_NT_SET_FIRST = 2048,
    DECODE_NT_SET_BEFORE_FIRST = DECODE_NT_SET_FIRST - 1,
#define SET(id, unknown, ...) DECODE_NT_SET_##id,
#include "decode/nt/sets.inc"
#undef SET
    DECODE_NT_SETS
};
extern const struct decode_set *const decode__nt_sets[DECODE_NT_SETS - DECODE_NT_SET_FIRST];

enum decode_nt_row {
#define SVC(n, ...)  DECODE_NT_##n,
#define SVCF(n, ...) DECODE_NT_##n,
#define SVC0(n, ...) DECODE_NT_##n,
#define SVCR(n)      DECODE_NT_##n,
#include "decode/nt/services.def"
    DECODE_NT_GRAPHICS, /* from here on in the order of names */
    DECODE_NT_GRAPHICS_BEFORE = DECODE_NT_GRAPHICS - 1,
#include "decode/nt/services_graphics.def"
#undef SVC
#undef SVCF
#undef SVC0
#undef SVCR
    DECODE_NT_ROWS
};

#define DECODE_NT_TABLES(abi)                                                                                          \
    extern const struct decode_struct abi##_structs[DECODE_NT_STRUCTS - DECODE_NT_STRUCT_FIRST];                       \
    extern const struct decode_service *const abi##_services[DECODE_NT_ROWS];

DECODE_NT_TABLES(decode__nt_x64)
DECODE_NT_TABLES(decode__nt_x86)

#endif
