/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The half of the host table (qebek/module.h) that needs no machine: registration, and what a call itself knows.
 * Whoever has the machine fills in arg, thread, read and log.
 */
#ifndef QEBEK_CALLS_HOST_H
#define QEBEK_CALLS_HOST_H

#include "calls/calls.h"

struct calls_host {
    struct qebek_host api; /* what modules get; they hand its address back */
    struct calls *calls;
    bool closed; /* no registration any more */
};

/*
 * Fills the table but for arg, thread, read and log, which stay NULL: set them before any module sees it. `host` is
 * where modules will find it for ever.
 */
void host__init(struct calls_host *host, struct calls *calls);
/* From here on registration fails with -EINVAL (it belongs into qebek_module_init). */
void host__close(struct calls_host *host);

#endif
