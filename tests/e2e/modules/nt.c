// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A module on an NT guest: hooks NtReadFile by name, before and after, and logs of each what it asked for and got:
 *   nt: PID TID HANDLE LENGTH END STATUS INFORMATION BYTES
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <qebek/module.h>

#define BYTES_MAX 64u

static const struct qebek_host *qebek;

struct a_read {
    uint64_t file, block, buffer, length;
};

static enum qebek_verdict before(struct qebek_call *call, void *context, void *user)
{
    struct a_read *r = context;

    (void)user;
    *r = (struct a_read){qebek->arg(call, 0), qebek->arg(call, 4), qebek->arg(call, 5), qebek->arg(call, 6)};
    return strcmp(qebek->name(call), "NtReadFile") == 0 ? QEBEK_WATCH : QEBEK_SKIP;
}

static void after(struct qebek_call *call, void *context, void *user)
{
    const struct a_read *r = context;
    struct qebek_thread thread;
    uint64_t block[2] = {0}, status = 0;
    size_t word = qebek->call_abi(call) == QBK_ABI_NT_X64 ? 8 : 4, n = 0;
    uint8_t data[BYTES_MAX], raw[16];
    char line[512];
    int len;

    (void)user;
    qebek->thread(call, &thread);
    if (qebek->result(call, &status) == 0 && (int32_t)status >= 0 && status != 0x103 &&
        qebek->read(call, r->block, raw, 2 * word) == 2 * word) {
        memcpy(&block[1], raw + word, word);
        n = block[1] < sizeof data ? (size_t)block[1] : sizeof data;
        n = qebek->read(call, r->buffer, data, n);
    }
    len = snprintf(line, sizeof line, "nt: %d %d %" PRIu64 " %" PRIu64 " %d %" PRIu64 " %" PRIu64 " ", thread.pid,
                   thread.tid, r->file, r->length, (int)qebek->end(call), status, block[1]);
    for (size_t i = 0; i < n; i++)
        len += snprintf(line + len, sizeof line - (size_t)len, "%02x", data[i]);
    qebek->log(qebek, call, line);
}

int qebek_module_init(const struct qebek_host *host, const char *args)
{
    const struct qebek_hook hook = {
        .size = sizeof hook, .pre = before, .post = after, .context_size = sizeof(struct a_read)};

    (void)args;
    qebek = host;
    return host->hook_service(host, "NtReadFile", &hook);
}
