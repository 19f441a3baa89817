/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers of services by release: the last resort for kernels whose exports do not tell them. Source of the facts: the
 * public "Windows System Call Tables" of Mateusz Jurczyk (scripts/nt-numbers).
 */
#ifndef QEBEK_GUEST_FIND_NT_NUMBERS_H
#define QEBEK_GUEST_FIND_NT_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/nt/layout.h"

/* What is known of the kernel. */
struct numbers_query {
    bool is_64;
    uint32_t build;                      /* 0: not known; then the version decides */
    uint32_t major, minor;               /* 0 and 0: not known */
    const char *(*known)[NT_TABLE_SIZE]; /* [NT_TABLES]: names that the guest tells, or NULL */
};

/* A name in our table: not terminated, and without Nt. */
struct numbers_name {
    const char *at; /* NULL: not known */
    size_t len;
};

struct numbers {
    unsigned releases; /* that it can be; 0: none is known of that build, or the guest's names are not theirs */
    bool refuted;      /* there are such releases, but the guest's own names are others */
    struct numbers_name name[NT_TABLES][NT_TABLE_SIZE];
};

/*
 * Several releases may have the same build, and updates may bring the numbers of one to others: a number has a name
 * where all that have one agree. Releases that the guest's own names contradict are left out. Any thread.
 */
void numbers__find(const struct numbers_query *query, struct numbers *out);

#endif
