/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hook modules: loads them for the time of a session, and gives them what needs the machine. */
#include <stdio.h>
#include <string.h>

#include "calls/host.h"
#include "calls/load.h"
#include "plugin/plugin.h"

#define MODULES_MAX 32u
#define LOG_MAX     4096u

struct module {
    struct calls_host host;
    struct load_module loaded;
};

/* Of the session that runs. */
static struct {
    struct module one[MODULES_MAX];
    unsigned count;
    bool may_log; /* atomic: there is a trace to write to */
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
    bool there = !call->ended || call->end == QBK_END_RETURNED || call->end == QBK_END_INTERRUPTED ||
                 call->end == QBK_END_PENDING;
    if (!there) /* another thread may run here now, or none at all */
        return 0;
    if (addr >= 1ull << 56) /* user memory only: a hostile pointer must not reach the kernel or a device */
        return 0;
    return vm__read(cpu->vm, addr, buf, len);
}

static void host_log(const struct qebek_host *host, struct qebek_call *call, const char *text)
{
    struct guest_cpu *cpu = call ? call->machine : NULL;
    (void)host;
    if (!__atomic_load_n(&modules.may_log, __ATOMIC_ACQUIRE))
        return;
    guest__emit_text(&plugin.guest, cpu, QBK_LOG, call ? guest__of(call->thread)->number : 0, text,
                     strnlen(text, LOG_MAX));
}

static void prepare(struct calls_host *host, struct calls *calls)
{
    host__init(host, calls);
    host->api.arg = host_arg;
    host->api.thread = host_thread;
    host->api.read = host_read;
    host->api.log = host_log;
}

static bool loaded_before(const struct load_module *module)
{
    for (unsigned i = 0; i < modules.count; i++) {
        if (modules.one[i].loaded.handle == module->handle)
            return true;
    }
    return false;
}

static int load(struct guest *guest, const char *path, const char *args, char *why, size_t room)
{
    struct load_module loaded;
    if (modules.count == MODULES_MAX) {
        snprintf(why, room, "%s: at most %u modules can be loaded", path, MODULES_MAX);
        return -1;
    }
    if (load__open(&loaded, path, why, room) != 0)
        return -1;
    if (loaded_before(&loaded)) {
        snprintf(why, room, "%s: this module is named twice", path);
        load__close(&loaded);
        return -1;
    }
    struct module *module = &modules.one[modules.count++]; /* from here on modules__unload cares for it */
    module->loaded = loaded;
    prepare(&module->host, guest->calls);
    int err = load__init(&module->loaded, path, &module->host.api, args, why, room);
    host__close(&module->host);
    return err != 0 ? -1 : 0;
}

int modules__load(struct guest *guest, char *why, size_t room)
{
    const char *at = guest->settings.modules, *end = at + sizeof(guest->settings.modules);
    size_t said = (size_t)snprintf(why, room, "--module: ");
    __atomic_store_n(&modules.may_log, true, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < guest->settings.n_modules && at < end; i++) {
        const char *path = at, *args = at + strnlen(at, (size_t)(end - at)) + 1;
        at = args < end ? args + strnlen(args, (size_t)(end - args)) + 1 : end + 1;
        if (at > end) /* the last string has no end */
            snprintf(why + said, room - said, "the list is cut off");
        if (at > end || load(guest, path, args, why + said, room - said) != 0) {
            modules__unload(guest, true);
            return -1;
        }
    }
    guest->has_modules = modules.count > 0;
    return 0;
}

void modules__unload(struct guest *guest, bool unmap)
{
    for (unsigned i = modules.count; i-- > 0;) {
        load__exit(&modules.one[i].loaded);
        host__clear(&modules.one[i].host);
    }
    __atomic_store_n(&modules.may_log, false, __ATOMIC_RELEASE);
    guest->has_modules = false;
    if (!unmap) /* the process ends, and so does their code */
        return;
    calls__reclaim(guest->calls); /* the chains that were replaced still know their code */
    while (modules.count > 0)
        load__close(&modules.one[--modules.count].loaded);
}
