/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses of hooked functions, looked up once for each instruction that is translated. */
#ifndef QEBEK_VM_FUNCTIONS_H
#define QEBEK_VM_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VM_NO_FUNCTION 0xffffffffu

/* Immutable once made. */
struct vm_functions;

/* `address` are `count` different addresses, none 0; what is found is the index among them. NULL: no memory. */
struct vm_functions *vm_functions__new(const uint64_t *address, uint32_t count);
void vm_functions__free(struct vm_functions *functions);
/* VM_NO_FUNCTION: none begins there. */
uint32_t vm_functions__at(const struct vm_functions *functions, uint64_t address);

/*
 * Do the `len` bytes before a block (at most VM_CALL_MAX, the last ones in memory order) end in what may be a near
 * call? Never false for one that is whole in them. Source: Intel SDM vol. 2, "CALL".
 */
#define VM_CALL_MAX 7u
bool vm__ends_in_call(const uint8_t *before, size_t len);

#endif
