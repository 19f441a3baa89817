/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "program.h"

#define AREA_BYTES 0x1800u

#define S(name, nr, nargs) {"Nt" #name, nr, nargs, false, 0},
#define G(name, nr, nargs) {"Nt" #name, nr, nargs, true, 0},
struct service_facts services[] = {
#include SERVICES
};

u32 chance(struct me *me, u32 n)
{
    return random_below(&me->random, n);
}

word any_word(struct me *me)
{
    switch (chance(me, 4)) {
    case 0:
        return chance(me, 64);
    case 1:
        return (word)0 - chance(me, 5);
    case 2:
        return me->start.arena + chance(me, (u32)me->start.arena_size);
    default:
        return (word)(me->random >> 13);
    }
}

u32 any_status(struct me *me)
{
    static const u32 statuses[] = {0,          0,          0,          0,          0x102,      0x40000000,
                                   0x80000005, 0x80000006, 0xc0000005, 0xc0000008, 0xc0000022, 0xc0000034};
    return statuses[chance(me, sizeof(statuses) / sizeof(statuses[0]))];
}

struct plan new_plan(u32 status)
{
    struct plan p = {.magic = PLAN_MAGIC, .status = status};
    return p;
}

void add(struct plan *p, u32 op, u32 a, word at, word value)
{
    u32 i = 0;
    while (i < PLAN_STEPS - 1 && p->step[i].op)
        i++;
    p->step[i] = (struct plan_step){op, a, at, value};
}

void any_args(struct me *me, word *args)
{
    for (u32 i = 0; i < 20; i++)
        args[i] = any_word(me);
}

static bool is_special(u32 s)
{
    return s == NtContinue || s == NtCallbackReturn || s == NtTerminateThread || s == NtTerminateProcess ||
           s == NtRaiseException || s == NtRemoveIoCompletion || s == NtWriteVirtualMemory ||
#ifdef __x86_64__
           s == NtCreateThreadEx || s == NtCreateUserProcess || s == NtRemoveIoCompletionEx ||
#else
           s == NtCreateProcessEx ||
#endif
           s == NtCreateThread;
}

enum service any_service(struct me *me)
{
    u32 s;
    do
        s = chance(me, SERVICES_COUNT);
    while (is_special(s));
    return (enum service)s;
}

word area(const struct me *me)
{
    return me->start.arena + 0x1000 + AREA_BYTES * (me->depth < DEPTH_MAX ? me->depth : DEPTH_MAX);
}
u32 raw_call(struct me *me, enum service s, const word *args, const struct plan *plan)
{
    void *stub = (void *)services[s].stub;
    if (!stub) {
        stub =
            (void *)find_export(services[s].graphics ? me->start.stubs_graphics : me->start.stubs_nt, services[s].name);
        services[s].stub = (word)stub;
    }
    if (me->way == WAY_FAST)
        stub = (void *)direct_syscall;
    else if (me->way == WAY_2E)
        stub = (void *)direct_2e;
    else if (me->way == WAY_NOWHERE)
        stub = (void *)(me->start.arena + NOWHERE);
#ifdef __x86_64__
    else if (me->start.options & WITH_WOW64 && chance(me, 4) == 0)
        return (u32)invoke_wow64(stub, services[s].nargs, args, plan, services[s].nr);
#endif
    return (u32)invoke(stub, services[s].nargs, args, plan, services[s].nr);
}

u32 call(struct me *me, enum service s, const word *args, const struct plan *plan, const struct seen *seen, u32 n)
{
    u32 id = log_enter(me, s, args), result = raw_call(me, s, args, plan);
    log_return(me, s, id, result, seen, n);
    return result;
}

void call_last(struct me *me, enum service s, const word *args)
{
    u32 id = log_enter(me, s, args);
    log_end(me, 'N', s, id);
    me->depth++;
    raw_call(me, s, args, NULL);
    __asm__ volatile("hlt");
}
