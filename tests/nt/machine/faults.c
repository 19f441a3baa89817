/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other program of the machine: calls whose result can be told from their first argument, so that whoever pairs
 * calls with results knows by himself whether he is right; and a loop that measures what a call costs.
 */
#include "lib.h"

#define S(name, nr, nargs) NR_Nt##name = nr,
#define G(name, nr, nargs) NR_Nt##name = nr,
enum {
#include SERVICES
};

enum mode { MODE_SEQUENCE = 1, MODE_NESTED, MODE_SWITCHES, MODE_COST };

#define BATCH   20u
#define ROUNDS  1000u
#define SETTLES 2u             /* rounds that are not measured: code is still being translated */
#define ENOUGH  10000000000ull /* steps of the processor's counter */

struct me {
    struct start start;
    u64 random;
    u32 ids, made, nesting, depth;
};

static const struct service {
    const char *name;
    u32 nr, nargs;
    bool graphics;
} services[] = {
    {"NtClose", NR_NtClose, 1, false},
    {"NtReadFile", NR_NtReadFile, 9, false},
    {"NtWriteFile", NR_NtWriteFile, 9, false},
    {"NtDeviceIoControlFile", NR_NtDeviceIoControlFile, 10, false},
    {"NtWaitForSingleObject", NR_NtWaitForSingleObject, 3, false},
    {"NtDelayExecution", NR_NtDelayExecution, 2, false},
    {"NtUserMessageCall", NR_NtUserMessageCall, 7, true},
};
#define SERVICES_COUNT (sizeof(services) / sizeof(services[0]))
#define DELAY          5u
#define MESSAGE        6u
static void *stubs[SERVICES_COUNT];

static volatile u32 parked; /* threads that are as deep in calls as they are to be */

static u32 chance(struct me *me, u32 n)
{
    return random_below(&me->random, n);
}

static u32 make_call(const struct me *me, u32 which, word first, const struct plan *plan)
{
    const word args[12] = {first, 0};
    word from = services[which].graphics ? me->start.stubs_graphics : me->start.stubs_nt;
    if (!stubs[which])
        stubs[which] = (void *)find_export(from, services[which].name);
    return (u32)invoke(stubs[which], services[which].nargs, args, plan, services[which].nr);
}

static struct plan one_step(u32 status, u32 op, u32 a, word at, word value)
{
    struct plan p = {.magic = PLAN_MAGIC, .status = status};
    p.step[0] = (struct plan_step){op, a, at, value};
    return p;
}

/* ---- pairing ---- */

/* No other call of this run has it. */
static u32 new_id(struct me *me)
{
    return (u32)me->start.tid << 20 | ++me->ids;
}

static void told_call(struct me *me, u32 which, struct plan *p)
{
    u32 id = new_id(me);
    p->magic = PLAN_MAGIC;
    p->status = FAULTS_RESULT(id);
    if (make_call(me, which, id, p) != p->status)
        __asm__ volatile("hlt"); /* the machine itself is wrong */
    me->made++;
}

/* To whoever runs the machine. */
static void say(struct me *me, u32 what, word value)
{
    struct plan p = one_step(0, OP_SAY, what, 0, value);
    told_call(me, DELAY, &p);
}

static void sequence(struct me *me)
{
    struct plan p = {0};
    if (chance(me, 8) == 0)
        p = one_step(0, OP_BLOCK, chance(me, 2), 0, 0);
    told_call(me, chance(me, SERVICES_COUNT), &p);
}

static void nested(struct me *me)
{
    struct plan p = {0};
    u32 which = chance(me, 2) ? MESSAGE : chance(me, SERVICES_COUNT);
    if (which == MESSAGE && me->depth < 4)
        p = one_step(0, OP_CALLBACK, 0, 0, 0);
    told_call(me, which, &p);
}

static void switches(struct me *me)
{
    struct plan p = one_step(0, OP_BLOCK, chance(me, 3), 0, 0);
    told_call(me, chance(me, SERVICES_COUNT), &p);
}

/* What the kernel asks of a message call. */
static u32 callback(word buffer, word len)
{
    struct me *me = self();
    (void)buffer;
    (void)len;
    me->depth++;
    for (u32 n = chance(me, 3); n > 0; n--)
        nested(me);
    me->depth--;
    if (chance(me, 2)) /* both ways are used; the one is a call, which does not return */
        callback_2b(0);
    const word args[3] = {new_id(me), 0, 0};
    invoke((void *)find_export(me->start.stubs_nt, "NtCallbackReturn"), 3, args, NULL, NR_NtCallbackReturn);
    return 0;
}

void *const callbacks[] = {(void *)callback};

/* ---- cost ---- */

static u64 now(void)
{
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

static void measure(struct me *me)
{
    static const word args[12];
    u64 least = ~0ull, started = now();
    make_call(me, 0, 0, NULL); /* finds the stub */
    for (u32 round = 0; round < ROUNDS && (round <= SETTLES || now() - started < ENOUGH); round++) {
        u64 begin = now();
        for (u32 i = 0; i < BATCH; i++)
            invoke(stubs[0], 1, args, NULL, services[0].nr);
        u64 took = now() - begin;
        if (round >= SETTLES && took < least)
            least = took;
    }
    say(me, SAID_COST, (word)(least * 16 / BATCH)); /* in sixteenths of the counter's steps */
}

static void park(struct me *me);

APC_ROUTINE(on_apc)
{
    park(self());
}

/* So many calls of this thread are in flight: each waits for an APC to be handled, and the last for ever. */
static void park(struct me *me)
{
    struct plan p;
    if (++me->depth >= me->nesting) {
        __atomic_add_fetch(&parked, 1, __ATOMIC_SEQ_CST);
        p = one_step(0, OP_BLOCK, 1u << 30, 0, 0);
    } else {
        p = one_step(0, OP_APC, 0, (word)on_apc, 0);
    }
    make_call(me, DELAY, 0, &p);
}

static void cost(struct me *me)
{
    u32 others = (u32)me->start.param;
    if (me->start.first) {
        struct plan p = one_step(0, OP_BLOCK, 1, 0, 0);
        while (__atomic_load_n(&parked, __ATOMIC_SEQ_CST) < others)
            make_call(me, DELAY, 0, &p);
        measure(me);
        p = one_step(0, OP_OFF, 0, 0, 0);
        make_call(me, DELAY, 0, &p);
    }
    park(me);
}

void thread_main(word param)
{
    struct me *me = self();
    (void)param;
    me->random = me->start.seed;
    me->nesting = (u32)me->start.calls;
    if (me->start.options == MODE_COST)
        cost(me);
    while (me->made < me->start.calls) {
        if (me->start.options == MODE_SEQUENCE)
            sequence(me);
        else if (me->start.options == MODE_NESTED)
            nested(me);
        else
            switches(me);
    }
    say(me, SAID_MADE, me->made + 1);
    const word args[2] = {0, 0};
    invoke((void *)find_export(me->start.stubs_nt, "NtTerminateThread"), 2, args, NULL, NR_NtTerminateThread);
}

/* ---- what ntdll calls ---- */

void thread_hook(word context)
{
    struct me *me = self();
    (void)context;
    me->random = me->ids = me->made = me->nesting = me->depth = 0;
}

void exception_hook(word record, word context)
{
    (void)record;
    (void)context;
    __asm__ volatile("hlt");
}

void raised_hook(word status)
{
    (void)status;
}
