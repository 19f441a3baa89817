/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What NT's calls are in Sebek's records. */
#ifndef QEBEK_SHOW_NT_SEBEK_H
#define QEBEK_SHOW_NT_SEBEK_H

#include "show/deeds.h"
#include "show/sebek_packet.h"

struct nt_sebek {
    enum sebek_type type;
    uint32_t fd;                /* the handle */
    GString *data;              /* READ, WRITE: bytes; OPEN: the path. Kept for the next call */
    uint64_t missing;           /* of the bytes: they were not captured */
    bool typed;                 /* READ: from a console, or a standard input */
    bool ipv6;                  /* SOCK: version 3 has no place for it */
    struct sebek_socket socket; /* SOCK */
    struct deed deed;           /* for its own use */
};

void nt_sebek__init(struct nt_sebek *s);
void nt_sebek__clear(struct nt_sebek *s);
/* A call of NT that has ended with success, or whose operation has. False: it has no record. */
bool nt_sebek__event(struct nt_sebek *s, const struct model_event *event);

#endif
