/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * counter: how often is each system call made?
 *
 *     qebek run --module ./counter.so -- qemu-system-x86_64 …
 *
 * The smallest useful module: one callback, which runs before every call of the machine. When the trace ends it logs a
 * line for each call that was made at all.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <qebek/module.h>

#define ABIS    5    /* system-call interfaces: enum qbk_abi */
#define NUMBERS 1024 /* Linux has fewer; all numbers above are counted together */

static const struct qebek_host *qebek;

/* vCPUs run callbacks at the same time, so the counters are atomic. No order between them is needed. */
static _Atomic uint64_t count[ABIS][NUMBERS + 1];
static _Atomic(const char *) name[ABIS][NUMBERS + 1];

static enum qebek_verdict before(struct qebek_call *call, void *context, void *user)
{
    uint32_t nr = qebek->nr(call), abi = (uint32_t)qebek->call_abi(call);
    (void)context;
    (void)user;
    if (nr > NUMBERS)
        nr = NUMBERS;
    if (abi < ABIS) {
        atomic_fetch_add_explicit(&count[abi][nr], 1, memory_order_relaxed);
        /* Names are constant strings of qebek's, NULL where no table has the number. */
        atomic_store_explicit(&name[abi][nr], qebek->name(call), memory_order_relaxed);
    }
    return QEBEK_SKIP; /* the number was all there is to know: nothing to do when the call returns */
}

int qebek_module_init(const struct qebek_host *host, const char *args)
{
    /* `size` tells the host which members this module knows of. */
    const struct qebek_hook hook = {.size = sizeof hook, .pre = before};

    qebek = host; /* valid until the end of qebek_module_exit */
    if (args[0] != '\0')
        return -EINVAL; /* nothing is traced then, and qebek says why */
    return host->hook_all(host, &hook);
}

void qebek_module_exit(void)
{
    char line[128];

    for (unsigned abi = 0; abi < ABIS; abi++) {
        for (unsigned nr = 0; nr <= NUMBERS; nr++) {
            const char *known = name[abi][nr];
            if (count[abi][nr] == 0)
                continue;
            snprintf(line, sizeof line, "counter: abi %u nr %u %s %" PRIu64, abi, nr, known != NULL ? known : "?",
                     count[abi][nr]);
            qebek->log(qebek, NULL, line); /* NULL: not about one call */
        }
    }
}
