/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading hook modules. */
#ifndef QEBEK_CALLS_LOAD_H
#define QEBEK_CALLS_LOAD_H

#include "calls/host.h"

struct load_module {
    void *handle; /* the same for the same file */
    int (*init)(const struct qebek_host *host, const char *args);
    void (*exit)(void); /* NULL: it has none, or its init has not succeeded */
};

/*
 * Maps the shared object and checks that it is a module for this host. Returns 0, or a negative errno with one line of
 * why, which names the path, in `why`; nothing is mapped then.
 */
int load__open(struct load_module *module, const char *path, char *why, size_t room);
/* Runs its init with the host's table. The same answers; it stays mapped. */
int load__init(struct load_module *module, const char *path, const struct qebek_host *host, const char *args, char *why,
               size_t room);
/* Runs its exit if its init succeeded. */
void load__exit(struct load_module *module);
/* Unmaps it. Nothing may run its code or refer to it any more: see calls__reclaim. */
void load__close(struct load_module *module);

#endif
