/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QEBEK_CMD_DOCTOR_TRACE_H
#define QEBEK_CMD_DOCTOR_TRACE_H

#include <stdbool.h>

/* Is this file a kept trace? Looks at its first bytes alone. */
bool doctor_trace__is(const char *file);
/* Prints what the trace says of its guest's kernel: what was found how, and what is missing. Confines this process.
 * Returns the exit status: CMD_FAILED if no kernel was found, its threads could not be told, or the trace not read. */
int doctor_trace(const char *file);

#endif
