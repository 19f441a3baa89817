/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opens: files below one folder that are opened, and how that went.
 *
 *     qebek run --module ./opens.so=/etc/ -- qemu-system-x86_64 …
 *
 * Watches some calls, and costs next to nothing for the others: only openat is hooked, so all other calls are not
 * looked at; and the first callback refuses what is not below the folder, so nothing happens when those return.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <qebek/module.h>

#define PATH_MAX_HERE 256

static const struct qebek_host *qebek;
static char folder[PATH_MAX_HERE];
static size_t folder_len;
static _Atomic uint64_t asked, refused, ended;

struct an_open {
    char path[PATH_MAX_HERE];
};

/* The path is read before the call: afterwards the program may have put something else there. */
static enum qebek_verdict before(struct qebek_call *call, void *context, void *user)
{
    struct an_open *o = context;
    size_t n = qebek->read(call, qebek->arg(call, 1), o->path, sizeof o->path - 1);

    (void)user;
    atomic_fetch_add_explicit(&asked, 1, memory_order_relaxed);
    o->path[n] = '\0'; /* n bytes could be read; a guest need not end its strings */
    if (strncmp(o->path, folder, folder_len) == 0)
        return QEBEK_WATCH;
    atomic_fetch_add_explicit(&refused, 1, memory_order_relaxed);
    return QEBEK_SKIP;
}

static void after(struct qebek_call *call, void *context, void *user)
{
    const struct an_open *o = context;
    char line[PATH_MAX_HERE + 64];
    uint64_t result;

    (void)user;
    atomic_fetch_add_explicit(&ended, 1, memory_order_relaxed);
    if (qebek->result(call, &result) == 0)
        snprintf(line, sizeof line, "opens: %" PRId64 " %s", (int64_t)result, o->path);
    else
        snprintf(line, sizeof line, "opens: no result %s", o->path);
    qebek->log(qebek, call, line); /* outputs escape what a terminal must not see */
}

int qebek_module_init(const struct qebek_host *host, const char *args)
{
    const struct qebek_hook hook = {
        .size = sizeof hook, .pre = before, .post = after, .context_size = sizeof(struct an_open)};

    qebek = host;
    folder_len = strlen(args);
    if (folder_len == 0 || folder_len >= sizeof folder)
        return -EINVAL;
    memcpy(folder, args, folder_len + 1);
    return host->hook_service(host, "openat", &hook);
}

void qebek_module_exit(void)
{
    char line[128];

    snprintf(line, sizeof line, "opens: %" PRIu64 " calls, %" PRIu64 " refused, %" PRIu64 " ended", asked, refused,
             ended);
    qebek->log(qebek, NULL, line);
}
