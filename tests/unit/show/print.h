/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One call, made up with the memory that its arguments lead to, and how it is shown. */
#ifndef QEBEK_TESTS_SHOW_PRINT_H
#define QEBEK_TESTS_SHOW_PRINT_H

#include <stdbool.h>
#include <stdlib.h>

#include "shown.h"

struct print_piece {
    uint64_t addr;
    const void *bytes;
    uint32_t len;
    bool out;    /* as the call left it; else as it was before */
    bool string; /* the NUL is counted in len */
    bool fault;  /* what follows could not be read */
};

struct print_shot {
    const char *want; /* strace's line, with one space before the "=" */
    uint32_t nr;
    uint8_t abi;
    uint8_t nargs;
    uint8_t verbose;
    bool netlink; /* the first argument is a socket of netlink, and 71 made it */
    uint64_t args[6];
    int64_t result;
    struct print_piece piece[8]; /* up to one without an address */
};

void print__check(const struct print_shot *shot);
void print__check_all(const struct print_shot *shots, size_t count);

#define BYTES(...)                                                                                                     \
    (const uint8_t[])                                                                                                  \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define LONGS(...)                                                                                                     \
    (const uint64_t[])                                                                                                 \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define INTS(...)                                                                                                      \
    (const uint32_t[])                                                                                                 \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define IN_MEMORY(address, data)                                                                                       \
    {                                                                                                                  \
        .addr = (address), .bytes = (data), .len = sizeof(data)                                                        \
    }
#define OUT_MEMORY(address, data)                                                                                      \
    {                                                                                                                  \
        .addr = (address), .bytes = (data), .len = sizeof(data), .out = true                                           \
    }
#define IN_TEXT(address, text)                                                                                         \
    {                                                                                                                  \
        .addr = (address), .bytes = (text), .len = sizeof(text), .string = true                                        \
    }
#define OUT_TEXT(address, text)                                                                                        \
    {                                                                                                                  \
        .addr = (address), .bytes = (text), .len = sizeof(text) - 1, .out = true                                       \
    }

#endif
