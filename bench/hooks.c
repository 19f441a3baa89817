// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A hook module of the bench: sets as many hooks as its argument says, one of them on getppid and each other one on a
 * number of its own, to see that the cost of a call does not grow with the hooks that are set.
 */
#include <errno.h>
#include <stdlib.h>

#include "qebek/module.h"

#define GETPPID_NR 110u

static enum qebek_verdict pre(struct qebek_call *call, void *context, void *user)
{
    uint64_t *count = user;
    (void)call;
    *(uint64_t *)context = ++*count; /* one vCPU */
    return QEBEK_WATCH;
}

static void post(struct qebek_call *call, void *context, void *user)
{
    (void)call;
    (void)context;
    (void)user;
}

int qebek_module_init(const struct qebek_host *host, const char *args)
{
    static uint64_t count;
    unsigned long wanted = strtoul(args, NULL, 10);
    struct qebek_hook hook = {
        .size = sizeof(hook), .pre = pre, .post = post, .user = &count, .context_size = sizeof(uint64_t)};
    if (wanted == 0)
        return -EINVAL;
    int err = host->hook_number(host, QBK_ABI_LINUX_X86_64, GETPPID_NR, &hook);
    /* Numbers that no kernel has: what other programs of the guest call is not to be counted. */
    for (unsigned long i = 1; i < wanted && err == 0; i++)
        err = host->hook_number(host, QBK_ABI_LINUX_X86_64, 1024 + (uint32_t)i, &hook);
    return err;
}
