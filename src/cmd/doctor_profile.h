/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QEBEK_CMD_DOCTOR_PROFILE_H
#define QEBEK_CMD_DOCTOR_PROFILE_H

/* Prints both side by side; `trace` NULL: the symbol table alone. Confines this process. Returns the exit status:
 * CMD_OK, or CMD_FAILED if they differ or one cannot be read. */
int doctor_profile(const char *file, const char *trace);

#endif
