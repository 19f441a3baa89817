/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hooked functions of user code: what functions_user*.c share among themselves and with functions_calls.c. */
#ifndef QEBEK_PLUGIN_FUNCTIONS_USER_H
#define QEBEK_PLUGIN_FUNCTIONS_USER_H

#include "plugin/functions.h"

#define FUNCTIONS_NONE UINT32_MAX

/* A function that was found in a file. Never moved nor freed before functions_user__drop. */
struct user_function {
    uint32_t entry;  /* of the table: what was asked for */
    uint32_t file;   /* number of the file (linux_mapped_file); FUNCTIONS_NONE: none, `offset` is an address */
    uint64_t offset; /* of its first instruction in the file */
    const char *module;
    char *name;
    bool chooses; /* it is the resolver of an indirect function (IFUNC): what it returns is what was asked for */
    bool told;    /* atomic: its definition is in the trace */
    struct vm_code code;
};

/* Numbers of user functions begin behind those of the table's entries. */
bool functions_user__is(uint32_t index);
/* What has this number; NULL: nothing. Any thread. */
struct user_function *functions_user__get(uint32_t index);
/* The function at this address of the process that runs here; FUNCTIONS_NONE: none of ours. */
uint32_t functions_user__at(struct guest_cpu *cpu, uint64_t pc);
/* A resolver (`index`) has returned an address. */
void functions_user__chosen(struct guest_cpu *cpu, uint32_t index, uint64_t address);

#endif
