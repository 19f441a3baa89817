/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The half of the host table (qebek/module.h) that needs no machine: registration, and what a call itself knows.
 * Whoever has the machine fills in arg, thread, read and log. Each module has a host of its own, which remembers what
 * it registered.
 */
#ifndef QEBEK_CALLS_HOST_H
#define QEBEK_CALLS_HOST_H

#include "calls/calls.h"

struct calls_host {
    struct qebek_host api; /* what the module gets; it hands its address back */
    struct calls *calls;
    bool closed;              /* no registration any more */
    struct qebek_hook *hooks; /* registered, each once */
    size_t n_hooks;
};

/*
 * Fills the table but for arg, thread, read and log, which stay NULL: set them before any module sees it. `host` is
 * where the module will find it until host__clear.
 */
void host__init(struct calls_host *host, struct calls *calls);
/* From here on registration fails with -EINVAL (it belongs into qebek_module_init). */
void host__close(struct calls_host *host);
/* Takes out all hooks that were registered through it. Calls in flight keep theirs. */
void host__clear(struct calls_host *host);

#endif
