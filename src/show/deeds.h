/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a call did, in the words of those who look at an intrusion: ran a program, contacted somebody, touched a file.
 * Outputs that keep tables or events (sqlite, ecs, cowrie, html) all read calls through this.
 */
#ifndef QEBEK_SHOW_DEEDS_H
#define QEBEK_SHOW_DEEDS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "show/model.h"

enum deed_kind {
    DEED_NONE,
    DEED_EXEC,    /* path, text: the command line */
    DEED_CONNECT, /* to address; also datagrams that name their receiver */
    DEED_ACCEPT,  /* from address, if the caller asked for it */
    DEED_LISTEN,  /* bound to address */
    DEED_READ,    /* opened, for reading only */
    DEED_WRITE,   /* opened for writing, or changed its size */
    DEED_CREATE,  /* opened with O_CREAT for writing: it may have been there before */
    DEED_DELETE,
    DEED_RENAME, /* path to text */
    DEED_LINK,   /* path: what is linked to; text: the new name */
    DEED_MKDIR,
    DEED_CHMOD,
    DEED_CHOWN,
    DEED_KINDS
};

struct deed {
    enum deed_kind kind;
    /* Which call, or which record. */
    uint64_t seq, ns, duration_ns;
    const struct model_thread *thread;
    bool failed;       /* it returned an error */
    bool pending;      /* NT: it goes on; when it is done, there will be an event about the same seq */
    bool done;         /* it returned without one, or became another program */
    uint32_t code;     /* of the error: errno, or NTSTATUS … */
    const char *error; /* … by name: "ENOENT"; NULL if there is none, or it has none */
    GString *path;     /* as the program gave it, made absolute where the base is known; hostile, any byte save NUL */
    GString *text;     /* see the kinds; hostile */
    bool cut;          /* path or text was captured in part */
    unsigned family;   /* of the address: AF_INET, AF_INET6, AF_UNIX (then path is its name) */
    char address[46];  /* numeric; "" for none */
    unsigned port;     /* 0: none */
    uint64_t fd;       /* of sockets */
    const char *scope; /* of inet addresses: "loopback", "private" or "public"; else NULL */
};

/* path and text are made and kept for the next call. */
void deed__init(struct deed *deed);
void deed__clear(struct deed *deed);
/*
 * Fill *deed from an event: a call that has ended, and (NT) one that was left pending, when its operation is done; NT's
 * processes when they are told of. Returns deed->kind != DEED_NONE.
 */
bool deed__event(struct deed *deed, const struct model_event *event);
/* "exec", "connect", … */
const char *deed__name(enum deed_kind kind);
static inline bool deed__is_file(enum deed_kind kind)
{
    return kind >= DEED_READ && kind < DEED_KINDS;
}
static inline bool deed__is_network(enum deed_kind kind)
{
    return kind >= DEED_CONNECT && kind <= DEED_LISTEN;
}

#endif
