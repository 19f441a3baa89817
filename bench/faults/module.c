// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A hook module that judges qebek's pairing of calls with results on tests/nt/machine/faults.c, whose calls tell by
 * their first argument what their result will be; or sets as many hooks as wanted, to see what a call costs then.
 *
 *   module.so=pairs            one hook on all services
 *   module.so=cost:N:SAME:ABI  N hooks: SAME of them on NtClose, the others, four each, on numbers that nobody calls
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qebek/module.h"

#define RESULT_OF(id)  (((id)*2654435761u >> 4 | 0x10000u) & 0x0fffffffu)
#define OTHERS_FIRST   5000u
#define HOOKS_A_NUMBER 4u

static const struct qebek_host *qebek;
static _Atomic unsigned long right, wrong, waiting;

static enum qebek_verdict pre(struct qebek_call *call, void *context, void *user)
{
    (void)user;
    *(uint32_t *)context = (uint32_t)qebek->arg(call, 0);
    return QEBEK_WATCH;
}

static void post(struct qebek_call *call, void *context, void *user)
{
    uint32_t id = *(const uint32_t *)context;
    uint64_t result;
    (void)user;
    if (qebek->end(call) == QBK_END_IN_FLIGHT)
        waiting++;
    if (qebek->end(call) != QBK_END_RETURNED || qebek->result(call, &result) != 0)
        return;
    if ((uint32_t)result == RESULT_OF(id))
        right++;
    else
        wrong++;
}

static int hook_many(const struct qebek_host *host, const struct qebek_hook *hook, const char *args)
{
    unsigned wanted, same, abi;
    int err = 0;
    if (sscanf(args, "%u:%u:%u", &wanted, &same, &abi) != 3 || same == 0 || wanted < same)
        return -EINVAL;
    for (unsigned i = 0; i < same && err == 0; i++)
        err = host->hook_service(host, "NtClose", hook);
    if (err == 0)
        err = host->hook_service(host, "NtDelayExecution", hook); /* what is pending is one of these */
    for (unsigned i = same + 1; i < wanted && err == 0; i++)
        err = host->hook_number(host, (enum qbk_abi)abi, OTHERS_FIRST + i / HOOKS_A_NUMBER, hook);
    return err;
}

int qebek_module_init(const struct qebek_host *host, const char *args)
{
    const struct qebek_hook hook = {.size = sizeof hook, .pre = pre, .post = post, .context_size = sizeof(uint32_t)};

    qebek = host;
    if (strcmp(args, "pairs") == 0)
        return host->hook_all(host, &hook);
    return strncmp(args, "cost:", 5) == 0 ? hook_many(host, &hook, args + 5) : -EINVAL;
}

void qebek_module_exit(void)
{
    char line[96];
    snprintf(line, sizeof line, "right %lu wrong %lu waiting %lu", right, wrong, waiting);
    qebek->log(qebek, NULL, line);
}
