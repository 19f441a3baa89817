/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Functions of an ELF file: of its dynamic symbol table, and of the full one where it was not stripped. */
#ifndef QEBEK_FUNCTIONS_ELF_SYMBOLS_H
#define QEBEK_FUNCTIONS_ELF_SYMBOLS_H

#include "functions/function.h"

#define FUNCTION_NOT_IN_FILE                                                                                           \
    UINT64_MAX /* as an address: the code lies in another file (this one has debug data only) */

struct function_elf {
    size_t count;
    struct function_symbol *symbol; /* address: offset in the file; those of the dynamic table first */
    uint64_t *value;                /* the symbol's own value: an address as the file is linked */
    bool cut;                       /* there were more than is kept */
    char build_id[41];              /* hexadecimal digits, "": none */
    bool is_64;
    char *names;
};

/*
 * Reads a whole file. Of symbols with versions the default one has its plain name, others "NAME@VERSION". libelf does
 * it in a child that can only compute (it may write to its own copy of `bytes`, which must be writable memory of this
 * process's own); what comes back is checked. False: this is no ELF file with functions; *error says which.
 */
bool functions__from_elf(uint8_t *bytes, size_t size, struct function_elf *elf, GError **error);
void functions__elf_clear(struct function_elf *elf);

#endif
