/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What runs on the machine: threads that make calls of all kinds, chosen from a seed, and write down what they called
 * and what they got.
 */
#include <stdbool.h>
#include <stddef.h>

#include "plan.h"
#include LAYOUT

#define STATUS_PENDING 0x103u
#define AREA_BYTES     0x1800u
#define DEPTH_MAX      7u

enum service {
#define S(name, nr, nargs) Nt##name,
#define G(name, nr, nargs) Nt##name,
#include SERVICES
    SERVICES_COUNT
};
#undef S
#undef G
#define S(name, nr, nargs) {"Nt" #name, nr, nargs, false, 0},
#define G(name, nr, nargs) {"Nt" #name, nr, nargs, true, 0},
static struct {
    const char *name;
    u32 nr, nargs;
    bool graphics;
    word stub;
} services[] = {
#include SERVICES
};

struct me {
    struct start start; /* filled by the kernel */
    u64 random;
    u8 *log;
    u32 calls, depth, made;
    void *jump[5]; /* for code that is jumped out of */
    u32 abandoned; /* a call that the jump gives up */
    bool lied;
    u8 way; /* of the call at hand: enum way */
};

enum way { WAY_STUB, WAY_FAST, WAY_2E, WAY_NOWHERE };
#define NOWHERE 0xf00u /* in the arena: a copy of direct_2e, which is no image's */

word invoke(void *stub, u32 nargs, const word *args, const struct plan *plan, u32 nr);
word invoke_wow64(void *stub, u32 nargs, const word *args, const struct plan *plan, u32 nr);
void direct_syscall(void);
void direct_2e(void);
void callback_2b(u32 status) __attribute__((noreturn));
static void scenario(struct me *me);

void *memset(void *to, int value, size_t len)
{
    for (volatile u8 *p = to; len; len--)
        *p++ = (u8)value;
    return to;
}

void *memcpy(void *to, const void *from, size_t len)
{
    volatile u8 *p = to;
    for (const u8 *q = from; len; len--)
        *p++ = *q++;
    return to;
}

static struct me *self(void)
{
    struct me *me;
#ifdef __x86_64__
    __asm__ volatile("movq %%gs:0x1480, %0" : "=r"(me));
#else
    __asm__ volatile("movl %%fs:0xe10, %0" : "=r"(me));
#endif
    return me;
}

static u32 chance(struct me *me, u32 n)
{
    me->random = me->random * 6364136223846793005ull + 1442695040888963407ull;
    return (u32)(me->random >> 33) % n;
}

static word any_word(struct me *me)
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

/* ---- the truth ---- */

/* Is it time for this lie? Once a thread, when it has made some calls. */
static bool lies(struct me *me, enum sabotage what)
{
    if (me->start.sabotage != what || me->lied || me->calls < 10)
        return false;
    return me->lied = true;
}

static struct log_entry *entry(struct me *me, u8 kind, u32 nr, u32 call, size_t room)
{
    struct log_entry *e = (struct log_entry *)me->log;
    size_t size = (sizeof(*e) + room + 7) & ~(size_t)7;
    if (me->log + size + sizeof(*e) > (u8 *)me->start.log_end)
        __asm__ volatile("mov $0xdead, %eax; hlt"); /* a fault that the machine reports */
    memset(e, 0, size + sizeof(*e));
    e->kind = kind;
    e->nr = nr;
    e->call = call;
    me->log += size;
    return e;
}

/* The thread may be killed at any moment: an entry counts from here on, whole. */
static void commit(const struct me *me, struct log_entry *e)
{
    __atomic_store_n(&e->size, (u32)(me->log - (u8 *)e), __ATOMIC_RELEASE);
}

/* How will the program make the next call? */
static enum way any_way(struct me *me)
{
    u32 way = me->start.options & WITH_DIRECT ? chance(me, 24) : 24;
    if (way == WAY_FAST && me->start.options & WITHOUT_FAST)
        way = WAY_2E;
    return way <= WAY_NOWHERE ? (enum way)way : WAY_STUB;
}

static u32 log_way(struct me *me, enum service s, const word *args, enum way way)
{
    u32 n = services[s].nargs, call = ++me->calls;
    struct log_entry *e = entry(me, 'E', services[s].nr, call, n * sizeof(u64));
    u64 *to = (u64 *)(e + 1);
    e->nargs = (u8)n;
    e->origin = way == WAY_STUB ? 0 : way == WAY_NOWHERE ? 2 : 1;
    if (lies(me, SABOTAGE_ORIGIN))
        e->origin ^= 1;
    e->depth = (u8)me->depth++;
    for (u32 i = 0; i < n; i++)
        to[i] = args[i];
    if (n && lies(me, SABOTAGE_HANDLE))
        to[0] += 4;
    if (lies(me, SABOTAGE_DEPTH))
        e->depth++;
    commit(me, e);
    ((struct log_head *)me->start.log)->calls = me->calls;
    return call;
}

/* A call that the program makes next, with raw_call. */
static u32 log_enter(struct me *me, enum service s, const word *args)
{
    me->way = (u8)any_way(me);
    return log_way(me, s, args, (enum way)me->way);
}

/* 'N': it never returns. 'X': it is given up. */
static void log_end(struct me *me, u8 kind, enum service s, u32 call)
{
    commit(me, entry(me, kind, services[s].nr, call, 0));
    me->depth--;
}

struct seen {
    u8 arg;
    bool in; /* as it was before the call */
    word at, len;
};

static void log_data(u8 *to, struct me *me, const struct seen *seen, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        u32 head[2] = {seen[i].arg | (seen[i].in ? 0x100u : 0), (u32)seen[i].len};
        if (head[1] && lies(me, SABOTAGE_LENGTH))
            head[1]--;
        memcpy(to, head, 8);
        memcpy(to + 8, (void *)seen[i].at, seen[i].len);
        to += 8 + (seen[i].len + 7) / 8 * 8;
    }
}

static void log_return(struct me *me, enum service s, u32 call, u32 result, const struct seen *seen, u32 n)
{
    size_t room = 0;
    if (lies(me, SABOTAGE_RETURN)) {
        me->depth--;
        return;
    }
    for (u32 i = 0; i < n; i++)
        room += 8 + (seen[i].len + 7) / 8 * 8;
    struct log_entry *e = entry(me, 'R', services[s].nr, call, room);
    e->result = lies(me, SABOTAGE_RESULT) ? result ^ 1 : result;
    e->nargs = (u8)n;
    e->depth = (u8)--me->depth;
    log_data((u8 *)(e + 1), me, seen, n);
    commit(me, e);
}

/* ---- calls ---- */

static bool same(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

static word find_export(word base, const char *name)
{
    const u8 *pe = (const u8 *)base + *(u32 *)(base + 0x3c);
    const u32 *dir = (const u32 *)(base + *(const u32 *)(pe + 24 + (sizeof(word) == 8 ? 112 : 96)));
    const u32 *names = (const u32 *)(base + dir[8]), *functions = (const u32 *)(base + dir[7]);
    const u16 *ordinals = (const u16 *)(base + dir[9]);
    for (u32 i = 0; i < dir[6]; i++) {
        if (same((const char *)base + names[i], name))
            return base + functions[ordinals[i]];
    }
    return 0;
}

static u32 raw_call(struct me *me, enum service s, const word *args, const struct plan *plan)
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

static u32 call(struct me *me, enum service s, const word *args, const struct plan *plan, const struct seen *seen,
                u32 n)
{
    u32 id = log_enter(me, s, args), result = raw_call(me, s, args, plan);
    log_return(me, s, id, result, seen, n);
    return result;
}

/* A call that does not come back. */
static void call_last(struct me *me, enum service s, const word *args)
{
    u32 id = log_enter(me, s, args);
    log_end(me, 'N', s, id);
    me->depth++;
    raw_call(me, s, args, NULL);
    __asm__ volatile("hlt");
}

static u32 any_status(struct me *me)
{
    static const u32 statuses[] = {0,          0,          0,          0,          0x102,      0x40000000,
                                   0x80000005, 0x80000006, 0xc0000005, 0xc0000008, 0xc0000022, 0xc0000034};
    return statuses[chance(me, sizeof(statuses) / sizeof(statuses[0]))];
}

static struct plan new_plan(u32 status)
{
    struct plan p = {.magic = PLAN_MAGIC, .status = status};
    return p;
}

static void add(struct plan *p, u32 op, u32 a, word at, word value)
{
    u32 i = 0;
    while (i < PLAN_STEPS - 1 && p->step[i].op)
        i++;
    p->step[i] = (struct plan_step){op, a, at, value};
}

static void any_args(struct me *me, word *args)
{
    for (u32 i = 0; i < 20; i++)
        args[i] = any_word(me);
}

static bool is_special(u32 s)
{
    return s == NtContinue || s == NtCallbackReturn || s == NtTerminateThread || s == NtTerminateProcess ||
           s == NtRaiseException || s == NtRemoveIoCompletion ||
#ifdef __x86_64__
           s == NtCreateThreadEx ||
#endif
           s == NtCreateThread;
}

static enum service any_service(struct me *me)
{
    u32 s;
    do
        s = chance(me, SERVICES_COUNT);
    while (is_special(s));
    return (enum service)s;
}

/* Memory of the call at hand: not that of those around it. */
static word area(const struct me *me)
{
    return me->start.arena + 0x1000 + AREA_BYTES * (me->depth < DEPTH_MAX ? me->depth : DEPTH_MAX);
}

/* ---- what threads do ---- */

static void plain(struct me *me)
{
    word args[20];
    struct plan p = new_plan(any_status(me));
    any_args(me, args);
    if (chance(me, 4) == 0)
        add(&p, OP_IRET, 0, 0, 0);
    if (chance(me, 4) == 0)
        add(&p, OP_BLOCK, chance(me, 4), 0, 0);
    call(me, any_service(me), args, &p, NULL, 0);
}

/* NtReadFile and NtWriteFile(file, event, apc, context, iosb, buffer, length, offset, key). */
static void transfer(struct me *me, bool write)
{
    word iosb = area(me), buffer = iosb + 0x40 + chance(me, 64),
         len = chance(me, 8) ? chance(me, 100) : chance(me, 4500);
    word moved = chance(me, 2) ? len : chance(me, (u32)len + 1), value = any_word(me);
    word args[20] = {4 * chance(me, 40), 0, 0, 0, iosb, buffer, len, 0, 0};
    u32 status = chance(me, 4) ? 0 : any_status(me);
    struct plan p = new_plan(status);
    bool fails = (int)status < 0 && status != 0x80000005;
    if (fails)
        moved = 0;
    for (word i = 0; write && i < len; i++)
        *(u8 *)(buffer + i) = FILL_BYTE(value, i);
    if (chance(me, 3) == 0)
        add(&p, OP_BLOCK, chance(me, 3), 0, 0);
    if (!write && !fails)
        add(&p, OP_FILL, (u32)moved, buffer, value);
    if (!fails) {
        add(&p, OP_STORE, sizeof(word), iosb, status);
        add(&p, OP_STORE, sizeof(word), iosb + sizeof(word), moved);
    }
    const struct seen seen[2] = {{5, write, buffer, write ? len : moved}, {4, false, iosb, 2 * sizeof(word)}};
    call(me, write ? NtWriteFile : NtReadFile, args, &p, seen, fails ? (u32)write : 2);
}

static void waits(struct me *me)
{
    word args[20] = {4 * chance(me, 40), 1, 0};
    struct plan p = new_plan(chance(me, 2) ? 0 : 0x102);
    add(&p, OP_BLOCK, 1 + chance(me, 5), 0, 0);
    call(me, NtWaitForSingleObject, args, &p, NULL, 0);
}

static const enum service with_callbacks[] = {NtUserGetMessage, NtUserPeekMessage, NtUserDispatchMessage,
                                              NtUserMessageCall};

static void calls_back(struct me *me)
{
    word args[20];
    struct plan p = new_plan(any_status(me));
    u32 kinds = me->start.options & WITH_ABANDON ? 4 : 3;
    any_args(me, args);
    if (chance(me, 2))
        add(&p, OP_BLOCK, chance(me, 3), 0, 0);
    for (u32 i = chance(me, 2) + 1; i > 0; i--)
        add(&p, OP_CALLBACK, chance(me, kinds), 0, any_word(me));
    if (chance(me, 2))
        add(&p, OP_BLOCK, chance(me, 3), 0, 0);
    call(me, with_callbacks[chance(me, 4)], args, &p, NULL, 0);
}

#ifdef __x86_64__
#define APC_CALL
#else
#define APC_CALL __attribute__((stdcall))
#endif

static void some_more(struct me *me, u32 at_most)
{
    for (u32 n = chance(me, at_most + 1); n > 0 && me->depth < DEPTH_MAX; n--)
        scenario(me);
}

/* What the dispatcher will call next; it never comes back here. */
static void logs_continue(struct me *me, word context, word alert)
{
    word args[2] = {context, alert};
    log_end(me, 'N', NtContinue, log_way(me, NtContinue, args, WAY_STUB));
}

static void APC_CALL on_apc(word value, word a, word b
#ifdef __x86_64__
                            ,
                            word context
#endif
)
{
    struct me *me = self();
#ifndef __x86_64__
    word context = (word)(&b + 1);
#endif
    (void)value;
    (void)a;
    (void)b;
    some_more(me, 2);
    logs_continue(me, context, 1);
}

static void gets_apc(struct me *me)
{
    word args[20];
    struct plan p = new_plan(chance(me, 2) ? 0xc0 : any_status(me));
    any_args(me, args);
    add(&p, OP_BLOCK, chance(me, 3), 0, 0);
    for (u32 n = 1 + (chance(me, 4) == 0); n > 0; n--)
        add(&p, OP_APC, 0, (word)on_apc, any_word(me));
    call(me, chance(me, 2) ? NtDelayExecution : NtWaitForMultipleObjects, args, &p, NULL, 0);
}

static void raises(struct me *me)
{
    word args[20];
    struct plan p = new_plan(any_status(me));
    any_args(me, args);
    add(&p, chance(me, 2) ? OP_RAISE : OP_RAISE_RETURN, 0xc0000008, 0, 0);
    call(me, NtClose, args, &p, NULL, 0);
}

/* Calls that come back although they are made not to: with an error. */
static void refused(struct me *me)
{
    word context[20] = {16 * (1 + chance(me, 8)), 1}, callback[20] = {0, 0, any_status(me)};
    call(me, NtContinue, context, NULL, NULL, 0);
    if (me->depth == 0) /* in a callback it would work */
        call(me, NtCallbackReturn, callback, NULL, NULL, 0);
}

static void faults(struct me *me)
{
    (void)me;
    __asm__ volatile("ud2");
}

/* The call that an APC interrupts is given up: its routine jumps out. */
static void APC_CALL on_apc_jumps(word value, word a, word b
#ifdef __x86_64__
                                  ,
                                  word context
#endif
)
{
    struct me *me = self();
    (void)value;
    (void)a;
    (void)b;
#ifdef __x86_64__
    (void)context;
#endif
    some_more(me, 1);
    __builtin_longjmp(me->jump, 1);
}

static void __attribute__((noinline)) jumps(struct me *me)
{
    word args[20];
    struct plan p = new_plan(0xc0);
    any_args(me, args);
    add(&p, OP_APC, 0, (word)on_apc_jumps, 0);
    if (__builtin_setjmp(me->jump) == 0) {
        me->abandoned = log_enter(me, NtDelayExecution, args);
        raw_call(me, NtDelayExecution, args, &p);
    }
    me = self();
    log_end(me, 'X', NtDelayExecution, me->abandoned);
    struct plan next = new_plan(0);
    call(me, NtYieldExecution, args, &next, NULL, 0); /* from up here, so that it is clear that the stack has ended */
}

/* ---- what is done later ---- */

/* An operation that goes on behind its call, in the area of that call. */
struct operation {
    enum service service;
    u32 id;     /* of the call */
    u32 out;    /* argument that is the buffer which it fills; 0: none */
    u32 waits;  /* for it: 0 on its event, 1 on several of which that is one, 2 on the file */
    bool told;  /* its completion is in the truth */
    bool stale; /* the status block held the same before */
    word iosb, buffer, file, event;
    struct later later;
};

static void log_completion(struct me *me, struct operation *o, enum later_how how)
{
    const struct later *l = &o->later;
    bool wrote = (int)l->status >= 0 || l->status == 0x80000005;
    const struct seen seen[2] = {{(u8)o->out, false, o->buffer, l->information},
                                 {o->service == NtFlushBuffersFile ? 1 : 4, false, o->iosb, 2 * sizeof(word)}};
    u32 first = !o->out, n = wrote ? 2 - first : 0;
    u64 information = l->information;
    size_t room = sizeof(information);
    o->told = true;
    if (lies(me, SABOTAGE_UNTOLD))
        return;
    for (u32 i = first; i < first + n; i++)
        room += 8 + (seen[i].len + 7) / 8 * 8;
    struct log_entry *e = entry(me, 'C', services[o->service].nr, o->id, room);
    e->result = l->status;
    e->nargs = (u8)n;
    e->depth = (u8)how;
    if (lies(me, SABOTAGE_COMPLETION))
        information++;
    memcpy(e + 1, &information, sizeof(information));
    log_data((u8 *)(e + 1) + sizeof(information), me, seen + first, n);
    commit(me, e);
}

static void APC_CALL on_io_apc(word value, word a, word b
#ifdef __x86_64__
                               ,
                               word context
#endif
)
{
    struct me *me = self();
#ifndef __x86_64__
    word context = (word)(&b + 1);
#endif
    (void)a;
    (void)b;
    log_completion(me, (struct operation *)value, LATER_APC);
    some_more(me, 1);
    logs_continue(me, context, 1);
}

static void await_event(struct me *me, struct operation *o)
{
    volatile word *handles = (word *)(o->iosb + 0x20);
    u32 result = 0x102;
    word one[20] = {o->waits == 2 ? o->file : o->event, 0, 0}, many[20] = {2, (word)handles, 1, 0, 0};
    handles[0] = o->event + 0x10;
    handles[1] = o->event;
    while (result == 0x102) {
        struct plan p = new_plan(o->waits == 1);
        add(&p, OP_AWAIT, 3, (word)&o->later, 0);
        result = o->waits == 1 ? call(me, NtWaitForMultipleObjects, many, &p, NULL, 0)
                               : call(me, NtWaitForSingleObject, one, &p, NULL, 0);
    }
    log_completion(me, o, LATER_EVENT);
}

/* NtRemoveIoCompletion(port, key, context, status block, timeout) */
static void await_packet(struct me *me, struct operation *o)
{
    word at = o->iosb + 0x20;
    u32 result = 0x102;
    word args[20] = {0x44, at, at + sizeof(word), at + 2 * sizeof(word), 0};
    while (result == 0x102) {
        struct plan p = new_plan(0);
        add(&p, OP_AWAIT, 3, (word)&o->later, 0);
        add(&p, OP_STORE, sizeof(word), at, 7);
        add(&p, OP_STORE, sizeof(word), at + sizeof(word), o->later.context);
        add(&p, OP_STORE, sizeof(word), at + 2 * sizeof(word), o->later.status);
        add(&p, OP_STORE, sizeof(word), at + 3 * sizeof(word), o->later.information);
        result = call(me, NtRemoveIoCompletion, args, &p, NULL, 0);
    }
    log_completion(me, o, LATER_PORT);
}

static void await_apc(struct me *me, struct operation *o)
{
    word args[20] = {1, 0};
    for (u32 after = 0; !o->told && after < 8; after += ((volatile struct later *)&o->later)->done) {
        struct plan p = new_plan(0xc0);
        add(&p, OP_BLOCK, 2, 0, 0);
        call(me, NtDelayExecution, args, &p, NULL, 0);
    }
    if (!o->told && !o->stale) /* the thread had no room for one more APC */
        log_completion(me, o, LATER_SILENT);
}

/* Only looks at the status block; what comes after that is one more call. */
static void await_nothing(struct me *me, struct operation *o)
{
    struct plan p = new_plan(0);
    while (!((volatile struct later *)&o->later)->done)
        __asm__ volatile("pause");
    call(me, NtYieldExecution, NULL, &p, NULL, 0);
    log_completion(me, o, LATER_SILENT);
}

static void pends(struct me *me)
{
    static const struct {
        enum service service;
        u32 buffer, out;
    } kinds[] = {{NtReadFile, 5, 5}, {NtWriteFile, 5, 0}, {NtDeviceIoControlFile, 8, 8}, {NtFsControlFile, 8, 8}};
    static const u32 statuses[] = {0, 0, 0, 0x80000005, 0xc0000120};
    struct operation *o = (struct operation *)(area(me) + 0x80);
    u32 kind = chance(me, 4), how = chance(me, 4), status = statuses[chance(me, 5)];
    word iosb = area(me), buffer = iosb + 0x180 + chance(me, 64), len = 1 + chance(me, chance(me, 4) ? 200 : 4600);
    word moved = (int)status < 0 && status != 0x80000005 ? 0 : chance(me, 3) ? len : chance(me, (u32)len);
    word file = 0x10000 + (((word)me->start.tid << 8) | (me->depth << 5)); /* nobody else's */
    struct plan p = new_plan(STATUS_PENDING);
    u32 waits = how == LATER_EVENT ? chance(me, 3) : 2, before = chance(me, 4);
    word args[20] = {file, waits == 2 ? 0 : file + 4, 0, 0, iosb, buffer, len, 0, 0, 0};
    *o = (struct operation){.service = kinds[kind].service,
                            .id = me->calls + 1,
                            .out = kinds[kind].out,
                            .waits = waits,
                            .stale = before == 1 && how != LATER_SILENT,
                            .iosb = iosb,
                            .buffer = buffer,
                            .file = file,
                            .event = file + 4};
    o->later = (struct later){.status = status, .information = moved, .iosb = iosb, .value = any_word(me), .how = how};
    if (o->out) {
        o->later.buffer = buffer;
        o->later.len = moved;
    }
    if (kinds[kind].buffer == 8) {
        args[5] = 0x99990000u + chance(me, 64);
        args[6] = args[7] = 0;
        args[8] = buffer;
        args[9] = len;
    }
    if (how == LATER_APC) {
        args[2] = (word)on_io_apc;
        args[3] = (word)o;
        o->later.apc = (word)on_io_apc;
        o->later.context = (word)o;
    } else if (how == LATER_PORT) {
        args[3] = o->later.context = (word)o;
    }
    /* Not everybody says beforehand that it is pending: anything may be there, also what the last time left. */
    *(volatile word *)iosb = o->stale ? status : before ? STATUS_PENDING : 0x11111111;
    *(volatile word *)(iosb + sizeof(word)) = o->stale ? moved : 0;
    add(&p, OP_LATER, 1 + chance(me, 3), (word)&o->later, 0);
    call(me, o->service, args, &p, NULL, 0);
    if (how == LATER_EVENT)
        await_event(me, o);
    else if (how == LATER_PORT)
        await_packet(me, o);
    else if (how == LATER_APC)
        await_apc(me, o);
    else
        await_nothing(me, o);
}

/* ---- consoles and sockets ---- */

#ifdef __x86_64__
#define MESSAGE_NUMBER 0x30
#define MESSAGE_DATA   0x40
static const struct {
    u16 text, pointer, length, inside, wide;
} says_at = {16, 0x60, 0x68, 0x70, 0x71}, hears_at = {0x12, 0x68, 0x70, 0x74, 0x84};
#else
#define MESSAGE_NUMBER 0x1c
#define MESSAGE_DATA   0x28
static const struct {
    u16 text, pointer, length, inside, wide;
} says_at = {8, 0x58, 0x5c, 0x64, 0x65}, hears_at = {0xa, 0x5c, 0x60, 0x64, 0x74};
#endif

static void set(word at, u64 value, u32 bytes)
{
    memcpy((void *)at, &value, bytes);
}

/* A message of the console's to its server: text goes out with it, or comes back in the reply. */
static void console_message(struct me *me, bool reads, bool wide, word len, word text)
{
    word at = area(me), data = at + MESSAGE_DATA, value = any_word(me);
    bool inside = len <= 80 && (reads || chance(me, 2)); /* a short reply is always in the message */
    struct plan p = new_plan(0);
    memset((void *)at, 0, 0x100);
    set(at + MESSAGE_NUMBER, reads ? 0x2021d : 0x2021e, 4);
    set(data, 0x57, sizeof(word));
    if (inside && !reads)
        memcpy((void *)(data + says_at.text), (void *)text, len);
    if (inside)
        text = data + (reads ? hears_at.text : says_at.text);
    set(data + (reads ? hears_at.pointer : says_at.pointer), text, sizeof(word));
    set(data + (reads ? hears_at.length : says_at.length), len, 4);
    set(data + (reads ? hears_at.inside : says_at.inside), reads ? (inside ? 80 : len) : inside, reads ? 4 : 1);
    set(data + (reads ? hears_at.wide : says_at.wide), wide, 1);
    if (reads)
        add(&p, OP_FILL, (u32)len, text, value);
    const struct seen seen = {wide ? TALK_CONSOLE_WIDE : TALK_CONSOLE, !reads, text, len};
    word lpc[20] = {0x18, at, at};
#ifdef __x86_64__
    word alpc[20] = {0x18, 0x20000, at, 0, at, 0, 0, 0};
    if (chance(me, 2)) {
        call(me, NtAlpcSendWaitReceivePort, alpc, &p, &seen, 1);
        return;
    }
#endif
    call(me, NtRequestWaitReplyPort, lpc, &p, &seen, 1);
}

/* The same by the console driver. */
static void console_driver(struct me *me, bool reads, bool wide, word len, word text)
{
    word iosb = area(me), at = iosb + 0x40, body = iosb + 0x100, out = iosb + 0x140, list = at + sizeof(word) + 8;
    word args[20] = {0x50, 0, 0, 0, iosb, 0x500016, at, 0x80, 0, 0};
    const word buffers[3][2] = {{28, body}, {reads ? 20 : len, reads ? out : text}, {len + 10, text}};
    struct plan p = new_plan(0);
    set(at, 0x64, sizeof(word));
    set(at + sizeof(word), reads ? 1 : 2, 4);
    set(at + sizeof(word) + 4, reads ? 2 : 0, 4);
    for (u32 i = 0; i < 3; i++) {
        set(list + i * 2 * sizeof(word), buffers[i][0], 4);
        set(list + (i * 2 + 1) * sizeof(word), buffers[i][1], sizeof(word));
    }
    set(body, reads ? 0x1000005 : 0x1000006, 4);
    set(body + 4, 20, 4);
    set(body + 8, reads ? wide : 0, 4);
    set(body + 12, wide, 1);
    if (reads) {
        add(&p, OP_FILL, (u32)len, text, any_word(me));
        add(&p, OP_STORE, 4, out + 16, len);
    }
    const struct seen seen = {wide ? TALK_CONSOLE_WIDE : TALK_CONSOLE, !reads, text, len};
    call(me, NtDeviceIoControlFile, args, &p, &seen, 1);
}

static void consoles(struct me *me)
{
    bool reads = chance(me, 2), wide = !reads && chance(me, 2);
    word text = area(me) + 0x300, len = 2 * (1 + chance(me, chance(me, 2) ? 40 : 400));
    for (word i = 0; !reads && i < len; i++)
        ((u8 *)text)[i] = wide && i % 2 ? 0 : (u8)('a' + (i + len) % 26);
    if (chance(me, 2))
        console_driver(me, reads, wide, len, text);
    else
        console_message(me, reads, wide, len, text);
}

/* The buffers of a transfer lie behind each other in memory; `len` bytes in all. */
static void socket_request(word at, word first, word data, word len)
{
    word list = at + 0x40;
    const word buffers[2][2] = {{first, data}, {len - first, data + first}};
    memset((void *)at, 0, 0x40);
    set(at, list, sizeof(word));
    set(at + sizeof(word), 2, 4);
    for (u32 i = 0; i < 2; i++) {
        set(list + i * 2 * sizeof(word), buffers[i][0], 4);
        set(list + (i * 2 + 1) * sizeof(word), buffers[i][1], sizeof(word));
    }
}

static void sockets(struct me *me)
{
    bool reads = chance(me, 2);
    word iosb = area(me), at = iosb + 0x40, data = iosb + 0x300, len = 2 + chance(me, 1000);
    word moved = reads ? 1 + chance(me, (u32)len) : len;
    word args[20] = {0x54, 0, 0, 0, iosb, reads ? 0x12017 : 0x1201f, at, 3 * sizeof(word), 0, 0};
    struct plan p = new_plan(0);
    socket_request(at, 1 + chance(me, (u32)len - 1), data, len);
    for (word i = 0; !reads && i < len; i++)
        ((u8 *)data)[i] = (u8)(i * 7);
    if (reads)
        add(&p, OP_FILL, (u32)moved, data, any_word(me));
    add(&p, OP_STORE, sizeof(word), iosb, 0);
    add(&p, OP_STORE, sizeof(word), iosb + sizeof(word), moved);
    const struct seen seen = {TALK_SOCKET, !reads, data, moved};
    call(me, NtDeviceIoControlFile, args, &p, &seen, 1);
}

static void talks(struct me *me)
{
    if (chance(me, 2))
        consoles(me);
    else
        sockets(me);
}

void thread_main(word param);

/* A thread that lives for a few calls; sometimes it is killed wherever it is. */
static void spawns(struct me *me)
{
    volatile word *handle = (word *)area(me);
    word args[20] = {(word)handle, 0x1fffff, 0, (word)-1, (word)thread_main, 1 + chance(me, 6), 0, 0, 0, 0, 0};
    const struct seen seen = {0, false, (word)handle, sizeof(word)};
    if (me->made >= 6)
        return;
    me->made++;
#ifdef __x86_64__
    call(me, NtCreateThreadEx, args, NULL, &seen, 1);
#else
    args[6] = args[5];
    args[5] = args[4];
    args[4] = 0;
    call(me, NtCreateThread, args, NULL, &seen, 1);
#endif
    if (chance(me, 2) == 0) {
        some_more(me, 2);
        word kill[2] = {*handle, 0};
        call(me, NtTerminateThread, kill, NULL, NULL, 0);
    }
}

/* A handle is made, used and closed. */
static void names(struct me *me)
{
    static const enum service users[] = {NtSetEvent, NtQueryObject, NtWaitForSingleObject, NtReadFile,
                                         NtDuplicateObject};
    volatile word *handle = (word *)area(me);
    word args[20];
    const struct seen seen = {0, false, (word)handle, sizeof(word)};
    struct plan opens = new_plan(0), closes = new_plan(0);
    any_args(me, args);
    args[0] = (word)handle;
    *handle = 0;
    add(&opens, OP_OPEN, OPEN_NAMED, (word)handle, any_word(me) & 0xffff);
    call(me, chance(me, 2) ? NtCreateFile : NtOpenKey, args, &opens, &seen, 1);
    any_args(me, args);
    args[0] = *handle;
    for (u32 n = chance(me, 3); n > 0; n--) {
        struct plan uses = new_plan(any_status(me));
        add(&uses, OP_BLOCK, chance(me, 2), 0, 0);
        call(me, users[chance(me, sizeof(users) / sizeof(users[0]))], args, &uses, NULL, 0);
    }
    add(&closes, OP_CLOSE, 0, 0, *handle);
    call(me, NtClose, args, &closes, NULL, 0);
}

static const struct {
    void (*run)(struct me *me);
    u32 needs;   /* enum start_options */
    bool nested; /* may be inside another */
} scenarios[] = {
    {plain, 0, true},
    {plain, 0, true},
    {plain, 0, true},
    {waits, 0, true},
    {names, WITH_NAMES, true},
    {calls_back, WITH_CALLBACK, true},
    {gets_apc, WITH_APC, true},
    {raises, WITH_EXCEPTION, true},
    {refused, WITH_CALLBACK, true},
    {faults, WITH_EXCEPTION, true},
    {pends, WITH_PENDING, true},
    {talks, WITH_TALK, true},
    {spawns, WITH_DEATH, false},
    {jumps, WITH_ABANDON, false},
};

static void scenario(struct me *me)
{
    u32 i = chance(me, sizeof(scenarios) / sizeof(scenarios[0]) + 2);
    if (i >= sizeof(scenarios) / sizeof(scenarios[0])) {
        transfer(me, i & 1);
        return;
    }
    bool may = (scenarios[i].needs & ~(u32)me->start.options) == 0 && (scenarios[i].nested || me->depth == 0);
    if (may && me->depth < DEPTH_MAX)
        scenarios[i].run(me);
    else
        plain(me);
}

void thread_main(word param)
{
    struct me *me = self();
    (void)param;
    while (me->calls < me->start.calls + 1)
        scenario(me);
    const word args[2] = {0, 0};
    call_last(me, NtTerminateThread, args);
}

/* ---- what ntdll calls ---- */

static void begin(struct me *me)
{
    me->random = me->start.seed;
    me->log = (u8 *)me->start.log + sizeof(struct log_head);
    me->calls = me->depth = me->made = 0;
    me->lied = false;
    memcpy((void *)(me->start.arena + NOWHERE), (const void *)(word)direct_2e, 16);
}

void thread_hook(word context)
{
    struct me *me = self();
    begin(me);
    logs_continue(me, context, 1);
}

void exception_hook(word record, word context)
{
    struct me *me = self();
    (void)record;
    some_more(me, 2);
    logs_continue(me, context, 0);
}

/* The kernel is through with the call that brought us here: what we do now is not inside it. */
void raised_hook(word status)
{
    struct me *me = self();
    (void)status;
    me->depth--;
    some_more(me, 2);
    me->depth++;
}

static u32 callback_plain(word buffer, word len)
{
    struct me *me = self();
    (void)buffer;
    (void)len;
    some_more(me, 3);
#ifdef __x86_64__
    word args[3] = {0, 0, 7};
    log_end(me, 'N', NtCallbackReturn, log_way(me, NtCallbackReturn, args, WAY_STUB));
#endif
    return 7;
}

static u32 callback_by_call(word buffer, word len)
{
    struct me *me = self();
    word args[3] = {buffer, len, any_status(me)};
    some_more(me, 2);
    u32 id = log_enter(me, NtCallbackReturn, args);
    log_end(me, 'N', NtCallbackReturn, id);
    raw_call(me, NtCallbackReturn, args, NULL);
    return 0;
}

static u32 callback_by_2b(word buffer, word len)
{
    struct me *me = self();
    (void)buffer;
    (void)len;
    some_more(me, 2);
    callback_2b(any_status(me));
}

/* A callback that ends from within an APC: the call that the APC came with is given up. */
static void APC_CALL on_apc_leaves_callback(word value, word a, word b
#ifdef __x86_64__
                                            ,
                                            word context
#endif
)
{
    struct me *me = self();
    (void)a;
    (void)b;
#ifdef __x86_64__
    (void)context;
#endif
    some_more(me, 1);
    word args[3] = {0, 0, 5};
    log_end(me, 'N', NtCallbackReturn, log_enter(me, NtCallbackReturn, args));
    log_end(me, 'X', NtDelayExecution, (u32)value);
    raw_call(me, NtCallbackReturn, args, NULL);
}

static u32 callback_abandons(word buffer, word len)
{
    struct me *me = self();
    word args[20];
    struct plan p = new_plan(0xc0);
    (void)buffer;
    (void)len;
    any_args(me, args);
    u32 id = log_enter(me, NtDelayExecution, args);
    add(&p, OP_APC, 0, (word)on_apc_leaves_callback, id);
    raw_call(me, NtDelayExecution, args, &p);
    return 0;
}

void *const callbacks[] = {(void *)callback_plain, (void *)callback_by_call, (void *)callback_by_2b,
                           (void *)callback_abandons};

void program_entry(void);
void program_entry(void)
{
}
