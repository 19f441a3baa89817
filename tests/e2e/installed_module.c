/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hook module that is built with nothing but what is installed: tells each openat that failed for want of the file.
 */
#include <errno.h>
#include <qebek/module.h>
#include <stdio.h>

static const struct qebek_host *host;

static void after(struct qebek_call *call, void *context, void *user)
{
    uint64_t result;
    char path[64], line[128];
    size_t got;

    (void)context;
    (void)user;
    if (host->result(call, &result) != 0 || (int64_t)result != -ENOENT) {
        return;
    }
    got = host->read(call, host->arg(call, 1), path, sizeof(path) - 1);
    path[got] = '\0';
    snprintf(line, sizeof(line), "not there: %s", path);
    host->log(host, call, line);
}

int qebek_module_init(const struct qebek_host *h, const char *args)
{
    const struct qebek_hook hook = {.size = sizeof(hook), .post = after};

    (void)args;
    host = h;
    return h->hook_service(h, "openat", &hook);
}
