/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hook modules: loads them, and gives them what needs the machine. */
#include <stdio.h>
#include <string.h>

#include "calls/host.h"
#include "calls/load.h"
#include "plugin/plugin.h"

#define MODULES_MAX 32u
#define LOG_MAX     4096u

static struct {
    struct calls_host host;
    struct load_module module[MODULES_MAX];
    unsigned count;
    bool ready;
} modules;

static uint64_t host_arg(struct qebek_call *call, unsigned index)
{
    return index < CALLS_ARGS_MAX && (call->have_args & (1u << index)) ? call->args[index] : 0;
}

static void host_thread(struct qebek_call *call, struct qebek_thread *out)
{
    const struct guest_thread *t = guest__of(call->thread);
    memset(out, 0, sizeof(*out));
    out->number = t->number;
    out->pid = t->pid;
    out->tid = t->tid;
    out->ppid = t->ppid;
    out->uid = t->uid;
    memcpy(out->comm, t->comm, sizeof(t->comm)); /* shorter than out->comm, so the NUL stays */
}

static size_t host_read(struct qebek_call *call, uint64_t addr, void *buf, size_t len)
{
    struct guest_cpu *cpu = call->machine;
    if (addr >= 1ull << 56) /* user memory only: a hostile pointer must not reach the kernel or a device */
        return 0;
    return vm__read(cpu->vm, addr, buf, len);
}

static void host_log(const struct qebek_host *host, struct qebek_call *call, const char *text)
{
    struct guest_cpu *cpu = call ? call->machine : NULL;
    (void)host;
    guest__emit_text(&plugin.guest, cpu, QBK_LOG, call ? guest__of(call->thread)->number : 0, text,
                     strnlen(text, LOG_MAX));
}

static void prepare(struct guest *guest)
{
    host__init(&modules.host, guest->calls);
    modules.host.api.arg = host_arg;
    modules.host.api.thread = host_thread;
    modules.host.api.read = host_read;
    modules.host.api.log = host_log;
    modules.ready = true;
}

int modules__load(struct guest *guest, char *why, size_t room)
{
    const char *at = guest->settings.modules, *end = at + sizeof(guest->settings.modules);
    snprintf(why, room, "the tracer's hooks could not be set");
    if (modules.ready) /* a later session: they are in force already */
        return 0;
    prepare(guest);
    for (uint32_t i = 0; i < guest->settings.n_modules && i < MODULES_MAX && at < end; i++) {
        char spec[8192];
        const char *path = at, *args;
        size_t len = strnlen(at, (size_t)(end - at));
        args = at + len + 1;
        if (args >= end)
            break;
        at = args + strnlen(args, (size_t)(end - args)) + 1;
        snprintf(spec, sizeof(spec), *args ? "%s=%s" : "%s%s", path, args);
        if (load__module(&modules.module[modules.count], &modules.host, spec, why, room) != 0)
            return -1;
        modules.count++;
    }
    host__close(&modules.host);
    guest->has_modules = modules.count > 0;
    return 0;
}

void modules__unload(void)
{
    for (unsigned i = 0; i < modules.count; i++)
        load__exit(&modules.module[i]);
    modules.count = 0;
}
