/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading hook modules. */
#ifndef QEBEK_CALLS_LOAD_H
#define QEBEK_CALLS_LOAD_H

#include "calls/host.h"

struct load_module {
    void *handle;
    void (*exit)(void); /* NULL: it has none */
};

/*
 * Loads the module that `spec` tells, "PATH" or "PATH=ARGUMENTS" (the first '=' counts), and runs its init with the
 * host's table. Returns 0, or a negative errno with one line of why in `why`; the module is then not loaded.
 */
int load__module(struct load_module *module, const struct calls_host *host, const char *spec, char *why, size_t room);
/*
 * Runs its exit. The object stays mapped: chains may still hold addresses of its code, and a module may have threads.
 */
void load__exit(struct load_module *module);

#endif
