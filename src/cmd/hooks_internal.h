/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What hooks.c and hooks_nt.c share, and nobody else sees. */
#ifndef QEBEK_CMD_HOOKS_INTERNAL_H
#define QEBEK_CMD_HOOKS_INTERNAL_H

#include "cmd/hooks.h"
#include "functions/function.h"

struct hooks {
    GArray *specs;           /* struct function_spec */
    const GPtrArray *expand; /* char *: members that are wanted */
    size_t max;
    int table; /* memory file, or -1 */
};

/* A function that is wanted. */
struct wanted {
    uint64_t address;
    const char *name;                       /* lives as long as what it is the name of */
    const struct function_prototype *given; /* by the command line, or NULL */
    bool user;                              /* of user code; `address` is a number of its own, below the kernel's */
};

/* Does it name a function of an NT guest's image: ntoskrnl.exe:…, ntdll.dll:…? */
bool hooks__is_nt(const struct function_spec *spec);
/* Adds what one word of the command line names among the symbols; what it does not is said. */
void hooks__add_matches(const struct hooks *hooks, const struct function_spec *spec,
                        const struct function_symbol *symbols, size_t count, GArray *wanted);
/* Each address once. A function that several words name gets the prototype that one of them gives. */
void hooks__make_unique(GArray *wanted);
/* The table of `count` functions for hooks__take, which functions__write made; -1, with errno: it could not. */
void hooks__set_table(struct hooks *hooks, size_t count, int table);

#endif
