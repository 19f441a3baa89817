/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Takes from this process what showing a trace does not need: what it parses from then on is hostile. */
#ifndef QEBEK_CMD_CONFINE_H
#define QEBEK_CMD_CONFINE_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

struct confine {
    GPtrArray *write_dirs; /* char *: files are still made, renamed and removed below these; NULL or empty: none */
    GPtrArray
        *read_files; /* char *: these, or all files in these directories, are still opened for reading; NULL: none */
    GPtrArray
        *remove_dirs; /* char *: files in these are still removed, where Landlock keeps that to these; NULL: none */
    pid_t child;      /* may still be signalled; 0: none */
    bool connects;    /* makes connections to servers */
    bool accepts;     /* takes connections on a socket that listens already */
};

enum confine_means {
    CONFINE_SECCOMP = 1u << 0, /* no new programs, sockets, files (save those above), other processes' memory … */
    CONFINE_LANDLOCK = 1u << 1 /* and of the file system nothing but those directories and files */
};

/*
 * From here on and for all threads and children made later. Call it with one thread, once everything is open. Returns
 * which means are in force; a host that has neither is no reason not to go on.
 */
unsigned confine__now(const struct confine *confine);

/* Which means this host has. */
unsigned confine__available(void);

#endif
