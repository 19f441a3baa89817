/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tracing starts and stops, the machine is reset, the instrumentation renewed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "guest/linux/linux.h"
#include "guest/nt/io.h"
#include "guest/nt/nt.h"
#include "guest/watch.h"
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

/* What holds from here on; `control`: which request it follows, or NULL at the beginning. */
static void emit_meta(struct guest *g, const char *control)
{
    char text[sizeof(g->settings.meta) + sizeof(g->settings.request) + 512], number[32];
    size_t len = g->settings.meta_len < sizeof(g->settings.meta) ? g->settings.meta_len : 0;
    memcpy(text, g->settings.meta, len);
    snprintf(number, sizeof(number), "%d", QEBEK_QEMU_API);
    meta_add(text, sizeof(text), &len, "plugin_api", number);
    snprintf(number, sizeof(number), "%u", plugin.n_cpus);
    meta_add(text, sizeof(text), &len, "vcpus", number);
    if (control)
        meta_add(text, sizeof(text), &len, LINK_META_CONTROL, control);
    guest__emit_text(g, NULL, QBK_META, 0, text, len);
}

/* For the kernel, with nothing known of it. */
static void look(void)
{
    plugin.kernel_irets = plugin.looking_calls = 0;
    plugin.attempts = plugin.looks = 0;
    plugin.half_found_len = 0;
    __atomic_store_n(&plugin.guest.phase, GUEST_LOOKING, __ATOMIC_RELEASE);
}

int session__begin(char *why, size_t room)
{
    struct guest *g = &plugin.guest;
    g->settings = plugin.incoming;
    ring__set_policy(g->ring, (g->settings.flags & LINK_LOSSY) != 0, g->settings.stall_ms);
    for (unsigned i = 0; i < plugin.n_cpus; i++)
        memset(g->cpu[i].count, 0, sizeof(g->cpu[i].count));
    if (getrandom(&g->object_key, sizeof(g->object_key), GRND_NONBLOCK) != (ssize_t)sizeof(g->object_key))
        g->object_key = vm__now(NULL);
    g->site_entries_base = vm__site_entries();
    g->site_returns_base = vm__site_returns();
    plugin.power_on = false;
    emit_meta(g, NULL);
    __atomic_store_n(&plugin.in_session, true, __ATOMIC_RELEASE);
    if (tracer__hook(g) != 0) {
        snprintf(why, room, "not enough memory for the tracer's hooks");
        return -1;
    }
    if (modules__load(g, why, room) != 0)
        return -1;
    if (!(g->settings.flags & LINK_STOPPED))
        look();
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
        ring__flush_gap(g->ring, i, vm__now(NULL));
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

/* Every call in flight ends, every thread is forgotten, and nothing more is recorded. */
static void quiesce(struct guest *g, enum qbk_end end)
{
    struct guest_cpu *cpu = &g->cpu[0];
    __atomic_store_n(&g->phase, GUEST_IDLE, __ATOMIC_RELEASE);
    if (cpu->vm) {
        cpu->now = vm__now(NULL);
        for (unsigned i = 0; i < plugin.n_cpus; i++) { /* entries that never reached the kernel's own code */
            g->cpu[i].count[QBK_COUNT_REFUSED] += g->cpu[i].deferring;
            g->cpu[i].deferring = false;
            if (g->cpu[i].vm)
                vm__set_deferred(g->cpu[i].vm, false);
        }
        code__end_all();
        calls__all_gone(g->calls, 0, cpu, end);
        functions__end_all(end == QBK_END_MACHINE_GONE ? QBK_FUNCTION_MACHINE_GONE : QBK_FUNCTION_IN_FLIGHT);
    }
    nt_io__clear(g);
    for (unsigned i = 0; i < plugin.n_cpus; i++) {
        g->cpu[i].object = 0;
        g->cpu[i].mm = 0;
        g->cpu[i].thread = NULL;
        if (g->cpu[i].vm)
            watch__follow(&g->cpu[i]);
    }
}

void session__end(enum qbk_end end, bool for_good)
{
    struct guest *g = &plugin.guest;
    if (!plugin.in_session)
        return;
    quiesce(g, end);
    modules__unload(g, !for_good);
    tell_no_room(g);
    tell_losses(g);
    guest__emit_summary(g);
    link_plugin__done();
    __atomic_store_n(&plugin.in_session, false, __ATOMIC_RELEASE); /* the next reader may have the ring */
}

static void stop(struct guest *g)
{
    quiesce(g, QBK_END_IN_FLIGHT);
    emit_meta(g, "stop");
}

static void start(struct guest *g)
{
    emit_meta(g, "start");
    if (g->phase != GUEST_IDLE)
        return;
    plugin.power_on = false; /* what runs has a past that was not seen */
    look();
}

static void filter_one(struct calls_thread *thread, void *guest)
{
    guest__filter_thread(guest, guest__of(thread));
}

/* Calls in flight keep their hooks, and so their RETURNs; what begins from now on is judged anew. */
static void take_settings(struct guest *g)
{
    static const char text[] = "the tracer's hooks could not be set: no memory";
    pthread_mutex_lock(&plugin.lock);
    g->settings = plugin.incoming;
    pthread_mutex_unlock(&plugin.lock);
    ring__set_policy(g->ring, (g->settings.flags & LINK_LOSSY) != 0, g->settings.stall_ms);
    g->settings.request[sizeof(g->settings.request) - 1] = 0;
    emit_meta(g, g->settings.request);
    if (tracer__hook(g) != 0)
        guest__emit_text(g, NULL, QBK_ERROR, 0, text, strlen(text));
    calls__thread_each(g->calls, filter_one, g);
    for (unsigned i = 0; i < plugin.n_cpus; i++) {
        if (g->cpu[i].vm)
            watch__follow(&g->cpu[i]);
    }
}

/* The plan of instrumentation for the phase at hand. */
static void make_plan(struct vm_plan *plan)
{
    const struct guest *g = &plugin.guest;
    switch (g->phase) {
    case GUEST_LOOKING:
    case GUEST_RAW:
        if (g->phase == GUEST_RAW)
            code__refuse("the guest's kernel is not known, and so not whose code runs");
        plan->entries = plan->returns = true;
        plan->looking = plan->page_tables = g->phase == GUEST_LOOKING;
        break;
    case GUEST_SWITCHING:
    case GUEST_LINUX:
        linux__plan(g, plan);
        code__plan(plan);
        functions__plan(plan);
        break;
    case GUEST_NT:
        nt__plan(g, plan);
        functions__plan(plan);
        code__refuse("this is done for Linux guests only");
        break;
    case GUEST_IDLE:
    case GUEST_GONE:
    case GUEST_ENDED:
        break;
    }
}

/* Other vCPUs may be in the middle of an event, so that nothing can be taken away here. False: nothing was traced. */
static bool go_gone(struct guest_cpu *cpu)
{
    struct guest *g = &plugin.guest;
    enum guest_phase phase = __atomic_load_n(&g->phase, __ATOMIC_ACQUIRE);
    do {
        if (phase != GUEST_LINUX && phase != GUEST_NT && phase != GUEST_RAW && phase != GUEST_SWITCHING)
            return false;
    } while (!__atomic_compare_exchange_n(&g->phase, &phase, GUEST_GONE, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    cpu->count[QBK_COUNT_RESETS]++;
    return true;
}

/* Not on a vCPU's thread, so one of them has to ask for the renewal. */
void session__on_restore(void)
{
    plugin.power_on = false; /* the machine that comes has a past that was not seen */
    if (go_gone(&plugin.guest.cpu[0]))
        vm__call_attention();
}

void session__on_reset(struct vm_cpu *vm)
{
    plugin.power_on = true;
    if (vm->owner && go_gone(vm->owner))
        vm__renew();
}

/* What the link's thread asked for is done by a renewal, because that halts all vCPUs, and asked for by a vCPU. */
void session__on_attention(struct vm_cpu *vm)
{
    (void)vm;
    if (__atomic_load_n(&plugin.want, __ATOMIC_ACQUIRE) != WANT_NOTHING ||
        __atomic_load_n(&plugin.guest.phase, __ATOMIC_ACQUIRE) == GUEST_GONE)
        vm__renew();
}

/* In this order: a reader that goes away at once still gets its session begun, and ended. */
static void do_wanted(struct guest *g, unsigned want)
{
    char why[LINK_REFUSED_MAX];
    if ((want & WANT_BEGIN) && !plugin.in_session && session__begin(why, sizeof(why)) != 0) {
        (void)link_plugin__refuse(why); /* if the reader is gone, nobody wants to know */
        want &= WANT_END;
    }
    if (!plugin.in_session)
        return;
    if (want & WANT_SETTINGS)
        take_settings(g);
    if (want & WANT_STOP)
        stop(g);
    if (want & WANT_START)
        start(g);
    if (want & WANT_END)
        session__end(QBK_END_IN_FLIGHT, false);
}

static void set_pending(const struct guest *g, bool on)
{
    for (unsigned i = 0; i < plugin.n_cpus; i++) {
        if (g->cpu[i].vm)
            vm__set_pending(g->cpu[i].vm, on);
    }
}

/* All vCPUs are halted here. */
void session__on_renewed(struct vm_plan *plan)
{
    struct guest *g = &plugin.guest;
    g->cpu[0].count[QBK_COUNT_EPOCHS]++;
    code__end_all();
    if (g->phase == GUEST_GONE) {
        quiesce(g, QBK_END_MACHINE_GONE);
        look();
    }
    do_wanted(g, __atomic_exchange_n(&plugin.want, WANT_NOTHING, __ATOMIC_ACQ_REL));
    if (g->phase == GUEST_SWITCHING) {
        set_pending(g, !g->follow_switch); /* nobody's identity is known until the first switch */
        __atomic_store_n(&g->phase, GUEST_LINUX, __ATOMIC_RELEASE);
    } else if (g->phase == GUEST_LOOKING || g->phase == GUEST_RAW || g->phase == GUEST_NT) {
        set_pending(g, true);
    }
    make_plan(plan);
}
