// SPDX-License-Identifier: GPL-2.0-or-later
/* A module that does what it is told: "fail=N" makes its init return -N, after it has registered a hook. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qebek/module.h>

QEBEK_MODULE_EXPORT extern char args_were[64];
QEBEK_MODULE_EXPORT extern int exits, posts;
char args_were[64];
int exits, posts;

static void post(struct qebek_call *call, void *context, void *user)
{
    (void)call, (void)context, (void)user;
    posts++;
}

int qebek_module_init(const struct qebek_host *host, const char *args)
{
    const struct qebek_hook hook = {.size = sizeof hook, .post = post};
    int err = host->hook_service(host, "read", &hook);
    if (err != 0)
        return err;
    snprintf(args_were, sizeof args_were, "%s", args);
    return strncmp(args, "fail=", 5) == 0 ? (int)-strtol(args + 5, NULL, 10) : 0;
}

void qebek_module_exit(void)
{
    exits++;
}
