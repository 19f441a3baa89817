/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reads: every read that succeeded, with the data that it read.
 *
 *     qebek run --module ./reads.so -- qemu-system-x86_64 …
 *
 * The classic pair. Before the call the buffer is known, but nothing is in it yet; after it the result tells how much
 * is. What the first callback knows reaches the second one in the call's own context.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <qebek/module.h>

#define DATA_MAX 900 /* bytes logged of one read: four characters each, and a log line has 4096 at most */

static const struct qebek_host *qebek;

/* Belongs to one call, from before it until after it, whatever the thread and the others do meanwhile. */
struct a_read {
    uint64_t handle, buffer, size;
};

static enum qebek_verdict before(struct qebek_call *call, void *context, void *user)
{
    struct a_read *r = context; /* zeroed */

    (void)user;
    r->handle = qebek->arg(call, 0);
    r->buffer = qebek->arg(call, 1);
    r->size = qebek->arg(call, 2);
    /* Nothing to be seen of a read of no bytes: no second callback, and no cost when it returns. */
    return r->size > 0 ? QEBEK_WATCH : QEBEK_SKIP;
}

/* Bytes as a C string would have them. What comes from the guest may be anything, so nothing is copied as it is. */
static void append(char *line, size_t room, size_t *len, const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < n && *len + 8 < room; i++) {
        int plain = data[i] >= ' ' && data[i] <= '~' && data[i] != '\\' && data[i] != '"';
        *len += (size_t)snprintf(line + *len, room - *len, plain ? "%c" : "\\x%02x", data[i]);
    }
}

static void after(struct qebek_call *call, void *context, void *user)
{
    const struct a_read *r = context;
    struct qebek_thread thread;
    uint8_t data[DATA_MAX];
    char line[4096];
    uint64_t result;
    size_t len, n;

    (void)user;
    /* The thread may have been killed in it, or the machine switched off: then there is no result. */
    if (qebek->end(call) != QBK_END_RETURNED || qebek->result(call, &result) != 0)
        return;
    if ((int64_t)result <= 0 || result > r->size) /* an error, or the end of the file */
        return;
    n = qebek->read(call, r->buffer, data, result < DATA_MAX ? result : DATA_MAX);
    qebek->thread(call, &thread);
    len = (size_t)snprintf(line, sizeof line, "reads: tid %d fd %" PRIu64 " got %" PRIu64 ", %zu here: \"", thread.tid,
                           r->handle, result, n);
    append(line, sizeof line, &len, data, n);
    snprintf(line + len, sizeof line - len, "\"");
    qebek->log(qebek, call, line);
}

int qebek_module_init(const struct qebek_host *host, const char *args)
{
    const struct qebek_hook hook = {
        .size = sizeof hook, .pre = before, .post = after, .context_size = sizeof(struct a_read)};

    qebek = host;
    if (args[0] != '\0')
        return -EINVAL;
    return host->hook_service(host, "read", &hook); /* for 64-bit and for 32-bit programs */
}
