/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the kernel keeps a process's token and the full name of its image, for process.c, which holds its lock. */
#ifndef QEBEK_GUEST_NT_PROCESS_FIND_H
#define QEBEK_GUEST_NT_PROCESS_FIND_H

#include "guest/guest.h"

#define NT_SID_PARTS 15u
#define NT_SID_TEXT  (24 + NT_SID_PARTS * 11)

/* Who a user is: S-1-AUTHORITY-PART-PART… */
struct nt_sid {
    uint8_t authority;
    uint8_t parts; /* at least 1 */
    uint32_t part[NT_SID_PARTS];
};

/* Offsets that were found; 0: not yet. */
struct nt_process_find {
    uint32_t token;  /* in an EPROCESS */
    uint32_t groups; /* in a TOKEN: SID_AND_ATTRIBUTES of the user, and then its groups */
    uint32_t image;  /* in an EPROCESS: SeAuditProcessCreationInfo */
    uint32_t token_tries, image_tries;
};

/* The user of the process's token. */
bool nt_process_find__user(struct guest_cpu *cpu, struct nt_process_find *find, uint64_t process, struct nt_sid *sid);
/* The path of its image with its drive letter, into `path` (GUEST_PATH_MAX bytes), not terminated; `name`: what
 * ImageFileName says. 0: not known. */
size_t nt_process_find__image(struct guest_cpu *cpu, struct nt_process_find *find, uint64_t process, const char *name,
                              char *path);
/* Writes it in letters; returns how many, not counting the NUL. */
size_t nt_sid__text(const struct nt_sid *sid, char text[NT_SID_TEXT]);

#endif
