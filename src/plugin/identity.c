/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who makes a call. Learnt at context switches it costs nothing here; but a switch that the probe does not see (a wrong
 * System.map, a kernel that was patched) would give calls to the wrong thread for ever after. So it is read from guest
 * memory now and then, and where both do not agree, it is read at each event from there on.
 */
#include <stdio.h>
#include <string.h>

#include "guest/linux/linux.h"
#include "plugin/plugin.h"

#define CHECK_EVERY 4096u /* calls of one vCPU, a power of two; more often at the beginning */

bool identity__due(struct guest_cpu *cpu)
{
    uint32_t n = ++cpu->identified;
    return cpu->object == 0 || n % CHECK_EVERY == 0 || (n < CHECK_EVERY && (n & (n - 1)) == 0);
}

/* Other vCPUs learn it at their next event: until then they may miss the end of a call. */
static void stop_following(struct guest_cpu *cpu)
{
    static const char text[] = "the kernel switches threads where qebek does not see it: the current thread is read at "
                               "each call from here on, and calls of functions are not recorded any more";
    struct guest *g = cpu->guest;
    if (!__atomic_exchange_n(&g->follow_switch, false, __ATOMIC_ACQ_REL))
        return; /* another vCPU was first */
    for (unsigned i = 0; i < g->n_cpus; i++) {
        if (g->cpu[i].vm)
            vm__set_pending(g->cpu[i].vm, true);
    }
    guest__emit_text(g, cpu, QBK_ERROR, 0, text, sizeof(text) - 1);
}

/* Both ways to know the current thread, and do they agree? */
static void compare(struct guest_cpu *cpu, uint64_t object)
{
    if (object == 0)
        return;
    if (cpu->object != 0) {
        cpu->count[QBK_COUNT_IDENTITY_COMPARED]++;
        if (object != cpu->object) {
            cpu->count[QBK_COUNT_IDENTITY_DIFFERENT]++;
            stop_following(cpu);
        }
    }
    if (object != cpu->object)
        linux__now_runs(cpu, object);
}

/* Is this thread's own stack in use? Interrupts have stacks of their own. */
static bool on_stack_of(struct guest_cpu *cpu, uint64_t object, uint64_t sp)
{
    uint64_t stack = linux__stack(cpu, object);
    return stack && sp >= stack && sp - stack < cpu->guest->layout.thread_size;
}

bool identity__learn(struct guest_cpu *cpu, uint64_t sp, bool settled)
{
    if (cpu->object || !cpu->guest->follow_switch)
        return cpu->object != 0;
    uint64_t object = linux__read_current(cpu, false);
    if (object == 0 || !on_stack_of(cpu, object, sp)) {
        uint64_t other = linux__read_current(cpu, true);
        if (other && on_stack_of(cpu, other, sp))
            object = other;
        else if (!settled)
            object = 0;
    }
    if (object == 0)
        return false;
    cpu->object = object; /* a call that it may be in is joined where it is switched to, not here: its registers need
                             not be on its stack yet */
    cpu->thread = calls__thread_claim(cpu->guest->calls, object, cpu->vm->index, false);
    linux__set_pending(cpu);
    return true;
}

bool identity__establish(struct guest_cpu *cpu, bool user_gs, bool check)
{
    linux__event_begins(cpu, user_gs);
    if (cpu->guest->follow_switch && (cpu->object == 0 || check))
        compare(cpu, linux__read_current(cpu, user_gs));
    if (!cpu->thread && cpu->object)
        cpu->thread = linux__thread_seen(cpu, cpu->object);
    return cpu->thread != NULL;
}
