// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A module that tests what modules are promised, from inside: hooks by name, by number and on all numbers, contexts of
 * no size and of the largest, answers of the host. Arguments: a letter for each hook wanted, or "fail". What it saw it
 * logs at the end.
 *   n  getppid by name, context of 0 bytes      x  getpid by number, context of the largest size
 *   a  all numbers, with a post                 e  exit_group by name, tells each end
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <qebek/module.h>

#define GETPID 39 /* on x86-64 */

static const struct qebek_host *qebek;
static _Atomic uint64_t pres[4], posts[4], ends[8], wrong, late;
static _Atomic int ended;

static void check(int good)
{
    if (!good)
        atomic_fetch_add(&wrong, 1);
}

static uint8_t pattern(const struct qebek_thread *thread, size_t i)
{
    return (uint8_t)(thread->number * 31 + i + 1);
}

/* user: which hook, and the size of its context. */
struct kind {
    unsigned index;
    size_t size;
};
static const struct kind kinds[4] = {{0, 0}, {1, QEBEK_CONTEXT_MAX}, {2, 1}, {3, 8}};

static enum qebek_verdict before(struct qebek_call *call, void *context, void *user)
{
    const struct kind *kind = user;
    struct qebek_thread thread;
    uint8_t *bytes = context, byte;

    qebek->thread(call, &thread);
    check(thread.number != 0 && memchr(thread.comm, 0, sizeof thread.comm) != NULL);
    check((context == NULL) == (kind->size == 0));
    check(qebek->arg(call, 20) == 0 && qebek->arg(call, 1000) == 0);
    check(qebek->read(call, UINT64_MAX - 7, &byte, 1) == 0 && qebek->read(call, 0xffff888000000000u, &byte, 1) == 0);
    if (kind->index == 1)
        check(qebek->nr(call) == GETPID && strcmp(qebek->name(call), "getpid") == 0);
    for (size_t i = 0; i < kind->size; i++) {
        check(bytes[i] == 0);
        bytes[i] = pattern(&thread, i);
    }
    atomic_fetch_add(&pres[kind->index], 1);
    if (ended)
        atomic_fetch_add(&late, 1);
    return QEBEK_WATCH;
}

static void after(struct qebek_call *call, void *context, void *user)
{
    const struct kind *kind = user;
    struct qebek_thread thread;
    const uint8_t *bytes = context;
    uint64_t result = 0, word;
    int has_result = qebek->result(call, &result) == 0;
    enum qbk_end end = qebek->end(call);

    qebek->thread(call, &thread);
    for (size_t i = 0; i < kind->size; i++)
        check(bytes[i] == pattern(&thread, i));
    check(end <= QBK_END_ORPHANED && (end != QBK_END_RETURNED || has_result));
    if (end == QBK_END_IN_FLIGHT || end == QBK_END_THREAD_GONE || end == QBK_END_NORETURN)
        check(qebek->read(call, qebek->arg(call, 1), &word, sizeof word) == 0);
    if (kind->index == 1)
        check(end != QBK_END_RETURNED || result == (uint64_t)thread.pid);
    atomic_fetch_add(&posts[kind->index], 1);
    if (kind->index == 2)
        atomic_fetch_add(&ends[end & 7], 1);
    if (ended)
        atomic_fetch_add(&late, 1);
}

static struct qebek_hook hook_of(unsigned index)
{
    struct qebek_hook hook = {.size = sizeof hook,
                              .pre = before,
                              .post = after,
                              .user = (void *)(uintptr_t)&kinds[index],
                              .context_size = kinds[index].size};
    return hook;
}

int qebek_module_init(const struct qebek_host *host, const char *args)
{
    struct qebek_hook name = hook_of(0), number = hook_of(1), all = hook_of(2), exits = hook_of(3);
    int err = 0;

    qebek = host;
    host->log(host, NULL, "probe: init");
    check(host->abi == QEBEK_MODULE_ABI && host->size >= sizeof *host);
    check(host->hook_service(host, "no_such_service", &name) == -ENOENT);
    if (strchr(args, 'n') != NULL)
        err = err != 0 ? err : host->hook_service(host, "getppid", &name);
    if (strchr(args, 'x') != NULL)
        err = err != 0 ? err : host->hook_number(host, QBK_ABI_LINUX_X86_64, GETPID, &number);
    if (strchr(args, 'a') != NULL)
        err = err != 0 ? err : host->hook_all(host, &all);
    if (strchr(args, 'e') != NULL)
        err = err != 0 ? err : host->hook_service(host, "exit_group", &exits);
    return strcmp(args, "fail") == 0 ? -EACCES : err;
}

void qebek_module_exit(void)
{
    char line[256];
    struct qebek_hook hook = hook_of(0);

    ended = 1;
    check(qebek->hook_service(qebek, "getppid", &hook) == -EINVAL); /* in init only */
    snprintf(line, sizeof line,
             "probe: wrong %" PRIu64 " late %" PRIu64 " n %" PRIu64 "/%" PRIu64 " x %" PRIu64 "/%" PRIu64 " a %" PRIu64
             "/%" PRIu64 " e %" PRIu64 "/%" PRIu64,
             wrong, late, pres[0], posts[0], pres[1], posts[1], pres[2], posts[2], pres[3], posts[3]);
    qebek->log(qebek, NULL, line);
    snprintf(line, sizeof line,
             "probe: ends %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
             ends[0], ends[1], ends[2], ends[3], ends[4], ends[5], ends[6], ends[7]);
    qebek->log(qebek, NULL, line);
}
