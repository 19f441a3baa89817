/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QEBEK_FUNCTIONS_KERNEL_H
#define QEBEK_FUNCTIONS_KERNEL_H

#include "functions/function.h"
#include "guest/find/find.h"

/*
 * Where the kernel is entered by interrupts, exceptions and calls: assembly that has no return address, or moves the
 * one that it has. False for the few functions among it that return as any other.
 */
bool functions__is_entry_code(const struct find_symbols *symbols, uint64_t address, const char *name);

/*
 * The functions among a Linux kernel's symbols (nm's types t, T, w and W, in its code), for function__match. The names
 * remain those of `symbols`. Functions of modules are not in the image's table. To be freed; *count is how many.
 */
struct function_symbol *functions__of_kernel(const struct find_symbols *symbols, size_t *count);

#endif
