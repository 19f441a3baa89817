/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of a call of a function, and what was copied of the memory that they lead to, out of its records. */
#ifndef QEBEK_SHOW_FUNCTION_VALUES_H
#define QEBEK_SHOW_FUNCTION_VALUES_H

#include "show/function_calls.h"
#include "show/print_function.h"

/*
 * Value number `index` of a call whose prototype is known. False: it is not there (a member that could not be reached,
 * the result of a call that did not return, anything of a beginning that was lost). Everything points into the call.
 */
bool function_values__get(const struct function_call *call, unsigned index, struct print_function_value *value);

#endif
