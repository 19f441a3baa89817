/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tracing starts and stops, the machine is reset, the instrumentation renewed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "guest/linux/linux.h"
#include "plugin/plugin.h"

static void meta_add(char *buf, size_t size, size_t *len, const char *key, const char *value)
{
    size_t k = strlen(key) + 1, v = strlen(value) + 1;
    if (*len + k + v > size)
        return;
    memcpy(buf + *len, key, k);
    memcpy(buf + *len + k, value, v);
    *len += k + v;
}

static void emit_meta(struct guest *g)
{
    char text[sizeof(g->settings.meta) + 512], number[32];
    size_t len = g->settings.meta_len < sizeof(g->settings.meta) ? g->settings.meta_len : 0;
    memcpy(text, g->settings.meta, len);
    snprintf(number, sizeof(number), "%d", QEBEK_QEMU_API);
    meta_add(text, sizeof(text), &len, "plugin_api", number);
    snprintf(number, sizeof(number), "%u", plugin.n_cpus);
    meta_add(text, sizeof(text), &len, "vcpus", number);
    guest__emit_text(g, NULL, QBK_META, 0, text, len);
}

int session__begin(char *why, size_t room)
{
    struct guest *g = &plugin.guest;
    g->settings = plugin.incoming;
    ring__set_policy(g->ring, (g->settings.flags & LINK_LOSSY) != 0, g->settings.stall_ms);
    for (unsigned i = 0; i < plugin.n_cpus; i++)
        memset(g->cpu[i].count, 0, sizeof(g->cpu[i].count));
    g->site_entries_base = vm__site_entries();
    g->site_returns_base = vm__site_returns();
    plugin.kernel_irets = plugin.looking_calls = 0;
    plugin.attempts = 0;
    emit_meta(g);
    __atomic_store_n(&plugin.in_session, true, __ATOMIC_RELEASE);
    if (tracer__hook(g) != 0) {
        snprintf(why, room, "not enough memory for the tracer's hooks");
        return -1;
    }
    if (modules__load(g, why, room) != 0)
        return -1;
    __atomic_store_n(&g->phase, GUEST_LOOKING, __ATOMIC_RELEASE);
    return 0;
}

/*
 * A reader that stood still may be reading again by now: it gets one more chance to make room. Where it does not take
 * it, the ring's own counters tell the reader what no GAP does.
 */
static void tell_losses(struct guest *g)
{
    if (plugin.sock >= 0)
        ring__reader_back(g->ring);
    for (unsigned i = 0; i <= plugin.n_cpus; i++)
        ring__flush_gap(g->ring, i, vm__now());
}

/* What qebek itself had no room for must not be missing without a word. */
static void tell_no_room(struct guest *g)
{
    char text[160];
    uint64_t calls = 0;
    for (unsigned i = 0; i < plugin.n_cpus; i++)
        calls += g->cpu[i].count[QBK_COUNT_NO_ROOM];
    if (calls == 0)
        return;
    snprintf(text, sizeof(text),
             "%" PRIu64 " system calls are not in the trace: more threads or calls in flight than "
             "qebek has room for",
             calls);
    guest__emit_text(g, NULL, QBK_ERROR, 0, text, strlen(text));
}

void session__end(enum qbk_end end, bool for_good)
{
    struct guest *g = &plugin.guest;
    if (!plugin.in_session)
        return;
    __atomic_store_n(&g->phase, GUEST_IDLE, __ATOMIC_RELEASE);
    struct guest_cpu *cpu = &g->cpu[0];
    if (cpu->vm) {
        cpu->now = vm__now();
        for (unsigned i = 0; i < plugin.n_cpus; i++) { /* entries that never reached the kernel's own code */
            g->cpu[i].count[QBK_COUNT_REFUSED] += g->cpu[i].deferring;
            g->cpu[i].deferring = false;
        }
        calls__all_gone(g->calls, 0, cpu, end);
    }
    modules__unload(g, !for_good);
    tell_no_room(g);
    tell_losses(g);
    guest__emit_summary(g);
    for (unsigned i = 0; i < plugin.n_cpus; i++) {
        g->cpu[i].object = 0;
        g->cpu[i].thread = NULL;
    }
    link_plugin__done();
    __atomic_store_n(&plugin.in_session, false, __ATOMIC_RELEASE); /* the next reader may have the ring */
}

void session__plan(struct vm_plan *plan)
{
    const struct guest *g = &plugin.guest;
    memset(plan, 0, sizeof(*plan));
    switch (g->phase) {
    case GUEST_LOOKING:
    case GUEST_RAW:
        plan->entries = plan->returns = true;
        plan->looking = g->phase == GUEST_LOOKING;
        break;
    case GUEST_SWITCHING:
    case GUEST_LINUX:
        linux__plan(g, plan);
        break;
    case GUEST_IDLE:
    case GUEST_ENDED:
        break;
    }
}

void session__machine_gone(struct guest_cpu *cpu)
{
    struct guest *g = &plugin.guest;
    struct vm_plan plan;
    if (g->phase != GUEST_LINUX && g->phase != GUEST_RAW && g->phase != GUEST_SWITCHING)
        return;
    cpu->now = vm__now();
    cpu->count[QBK_COUNT_RESETS]++;
    __atomic_store_n(&g->phase, GUEST_LOOKING, __ATOMIC_RELEASE);
    calls__all_gone(g->calls, cpu->vm->index, cpu, QBK_END_MACHINE_GONE);
    for (unsigned i = 0; i < plugin.n_cpus; i++) {
        struct guest_cpu *other = &g->cpu[i];
        if (!other->vm)
            continue;
        other->count[QBK_COUNT_REFUSED] += other->deferring;
        other->deferring = false;
        other->object = 0;
        other->thread = NULL;
        vm__set_pending(other->vm, false);
        vm__set_deferred(other->vm, false);
    }
    plugin.kernel_irets = plugin.looking_calls = 0;
    plugin.attempts = 0;
    session__plan(&plan);
    vm__renew(&plan);
}

void session__on_reset(struct vm_cpu *vm)
{
    if (!plugin.power_on && plugin.guest.phase == GUEST_LOOKING)
        plugin.power_on = true;
    if (vm->owner)
        session__machine_gone(vm->owner);
}

/* What the link's thread asked for is done here, because QEMU renews only from a vCPU's thread. */
void session__on_attention(struct vm_cpu *vm)
{
    struct vm_plan plan = {0};
    (void)vm;
    enum plugin_want want = __atomic_load_n(&plugin.want, __ATOMIC_ACQUIRE);
    if (want == WANT_START)
        plan.entries = plan.returns = plan.looking = true;
    if (want != WANT_NOTHING)
        vm__renew(&plan);
}

/* All vCPUs are halted here. */
void session__on_renewed(void)
{
    struct guest *g = &plugin.guest;
    g->cpu[0].count[QBK_COUNT_EPOCHS]++;
    enum plugin_want want = __atomic_exchange_n(&plugin.want, WANT_NOTHING, __ATOMIC_ACQ_REL);
    if (want == WANT_STOP) {
        session__end(QBK_END_IN_FLIGHT, false);
        return;
    }
    if (want == WANT_START) {
        char why[LINK_REFUSED_MAX];
        if (session__begin(why, sizeof(why)) != 0)
            (void)link_plugin__refuse(why); /* if the reader is gone, nobody wants to know */
        return;
    }
    if (g->phase == GUEST_SWITCHING) {
        for (unsigned i = 0; i < plugin.n_cpus; i++) { /* nobody's identity is known until the first switch */
            if (g->cpu[i].vm)
                vm__set_pending(g->cpu[i].vm, !g->follow_switch);
        }
        __atomic_store_n(&g->phase, GUEST_LINUX, __ATOMIC_RELEASE);
    } else if (g->phase == GUEST_LOOKING || g->phase == GUEST_RAW) {
        for (unsigned i = 0; i < plugin.n_cpus; i++) {
            if (g->cpu[i].vm)
                vm__set_pending(g->cpu[i].vm, true);
        }
    }
}
