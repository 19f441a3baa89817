/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Services: what NT's own control services do, and, for all, what the caller's plan says. */
#include "nt.h"
#include "xt.h"

#define S(name, nr, nargs) NR_Nt##name = nr,
#define G(name, nr, nargs) NR_Nt##name = nr,
enum {
    NO_SERVICE = 0x7fffffff,
#include SERVICES
};
#undef S
#undef G
#define S(name, nr, nargs) {nr, nargs},
#define G(name, nr, nargs) {nr, nargs},
static const struct {
    u32 nr, nargs;
} table[] = {
#include SERVICES
};
#undef S
#undef G

/*
 * ---- the service tables ----
 * A function for each service, which the tables lead to as their release's do: by addresses on x86, by distances from
 * the table, four bits to the left, on x64.
 */
#define TABLE_MAX 0x400u

static u32 ki_service(u32 nr);
static __attribute__((noinline)) u32 ki_no_service(word a, word b, word c, word d)
{
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return STATUS_INVALID_SYSTEM_SERVICE;
}

#define S(name, nr, nargs)                                                                                             \
    u32 Nt##name(word a, word b, word c, word d);                                                                      \
    u32 Nt##name(word a, word b, word c, word d)                                                                       \
    {                                                                                                                  \
        (void)a;                                                                                                       \
        (void)b;                                                                                                       \
        (void)c;                                                                                                       \
        (void)d;                                                                                                       \
        return ki_service(nr);                                                                                         \
    }
#define G(name, nr, nargs) S(name, nr, nargs)
#include SERVICES
#undef S
#undef G
#define S(name, nr, nargs) Nt##name,
#define G(name, nr, nargs) Nt##name,
static service_function *const functions[] = {
#include SERVICES
};

#ifdef __x86_64__
typedef int table_entry;
#else
typedef word table_entry;
#endif
struct descriptor {
    table_entry *base;
    word counter, limit, arguments;
};
static table_entry KiServiceTable[TABLE_MAX], W32pServiceTable[TABLE_MAX];
struct descriptor KeServiceDescriptorTable[4], KeServiceDescriptorTableShadow[4];

static table_entry leads_to(const table_entry *base, word function)
{
#ifdef __x86_64__
    return (table_entry)((function - (word)base) << 4);
#else
    (void)base;
    return function;
#endif
}

void tables_init(void)
{
    for (u32 i = 0; i < TABLE_MAX; i++) {
        KiServiceTable[i] = leads_to(KiServiceTable, (word)ki_no_service);
        W32pServiceTable[i] = leads_to(W32pServiceTable, (word)ki_no_service);
    }
    for (u32 i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        table_entry *base = table[i].nr >> 12 ? W32pServiceTable : KiServiceTable;
        base[table[i].nr & 0xfff] = leads_to(base, (word)functions[i]);
    }
    KeServiceDescriptorTable[0] = KeServiceDescriptorTableShadow[0] =
        (struct descriptor){KiServiceTable, 0, TABLE_MAX, 0};
    KeServiceDescriptorTableShadow[1] = (struct descriptor){W32pServiceTable, 0, TABLE_MAX, 0};
}

#ifndef __x86_64__
service_function *ki_look_up(u32 nr, u32 graphic)
{
    const struct descriptor *d = graphic ? KeServiceDescriptorTableShadow : KeServiceDescriptorTable;
    d += nr >> 12 & 3;
    return (nr & 0xfff) < d->limit ? (service_function *)d->base[nr & 0xfff] : NULL;
}
#endif

/* As a rootkit does it: the entry leads to code of somebody else's, which goes on to the true function. */
void table_hook(bool graphics, bool undo)
{
    table_entry *base = graphics ? W32pServiceTable : KiServiceTable;
    u32 nr = (graphics ? NR_NtUserPeekMessage : NR_NtReadFile) & 0xfff;
    word function = (word)(graphics ? NtUserPeekMessage : NtReadFile);
    u8 *code = (u8 *)FOREIGN + 64 * graphics;
#ifdef __x86_64__
    code[0] = 0xff;
    code[1] = 0x25;
    AT(code, 2, u32) = 0;
    AT(code, 6, word) = function;
#else
    code[0] = 0x68;
    AT(code, 1, word) = function;
    code[5] = 0xc3;
#endif
    base[nr] = leads_to(base, undo ? function : (word)code);
}

/* Services by which the tables are changed and put right again. */
#define HOOK_FROM  50u
#define HOOK_UNTIL 300u
#define LATER_MAX  256u
static struct pending {
    struct thread *thread; /* NULL: free */
    u32 tid;
    word at;
    u64 due;
} pending[LATER_MAX];

word argument(struct thread *t, const struct frame *f, enum way way, u32 i)
{
    word at, value;
#ifdef __x86_64__
    const word regs[4] = {f->r10, f->dx, f->r8, f->r9};
    (void)way;
    if (i < 4)
        return regs[i];
    at = f->sp + 8 + 8 * i;
#else
    at = f->dx + (way == WAY_SYSENTER ? 8 : 0) + 4 * i;
#endif
    user_read(t->process, at, &value, sizeof(value));
    return value;
}

static void fill(const struct process *p, word at, word len, word value)
{
    for (word i = 0; i < len; i++) {
        u8 byte = FILL_BYTE(value, i);
        user_write(p, at + i, &byte, 1);
    }
}

static void status_block(const struct process *p, word at, u32 status, word information)
{
    word first = status;
    user_write(p, at + sizeof(word), &information, sizeof(information));
    user_write(p, at, &first, sizeof(first)); /* last, as NT does: who sees it sees all */
}

static void later_add(struct thread *t, const struct plan_step *s)
{
    for (u32 i = 0; i < LATER_MAX; i++) {
        if (!pending[i].thread) {
            pending[i] = (struct pending){t, t->tid, s->at, ticks + s->a};
            return;
        }
    }
}

static void later_comes(struct thread *t, word at)
{
    struct later l;
    u32 done = 1;
    user_read(t->process, at, &l, sizeof(l));
    if (l.buffer)
        fill(t->process, l.buffer, l.len, l.value);
    if (l.iosb)
        status_block(t->process, l.iosb, l.status, l.information);
    user_write(t->process, at + offsetof(struct later, done), &done, 4);
    if (l.how == LATER_APC && t->apcs < 4)
        t->apc[t->apcs++] = (struct apc){l.apc, l.context, l.iosb, 0};
    if (t->state == BLOCKED && t->wake > ticks)
        t->wake = ticks;
}

static struct thread *living(struct thread *wanted, u32 tid)
{
    for (struct thread *t = threads; t; t = t->next) {
        if (t == wanted && t->tid == tid)
            return t;
    }
    return NULL;
}

void service_tick(void)
{
    for (u32 i = 0; i < LATER_MAX; i++) {
        struct thread *t = pending[i].thread;
        if (!t || pending[i].due > ticks)
            continue;
        pending[i].thread = NULL;
        t = living(t, pending[i].tid);
        if (t)
            later_comes(t, pending[i].at);
    }
}

static void open(struct thread *t, const struct plan_step *s)
{
    struct process *p = t->process;
    word handle = 0;
    if (s->a == KIND_FILE)
        handle = handle_new(p, file_new((u32)s->value));
    if (s->a == OPEN_NAMED) {
        if (s->value % 5 == 0)
            handles_grow(p);
        handle = names_open(p, (u32)s->value);
    }
    user_write(p, s->at, &handle, sizeof(handle));
}

/* FILE_IO_COMPLETION_INFORMATION: key, context, status block. */
static void packets(const struct process *p, const struct plan_step *s)
{
    for (u32 i = 0; i < s->a; i++) {
        struct later l;
        word at;
        user_read(p, s->value + i * sizeof(at), &at, sizeof(at));
        user_read(p, at, &l, sizeof(l));
        const word packet[4] = {7, l.context, l.status, l.information};
        user_write(p, s->at + i * sizeof(packet), packet, sizeof(packet));
    }
}

word XT_CALL XtDie(word n, word a)
#ifdef __x86_64__
    ;
#else
    __asm__("_XtDie");
#endif
static void thread_dies(word value)
{
    (void)XtDie(2, value);
}

static void step(struct thread *t, const struct plan_step *s)
{
    struct process *p = t->process;
    switch (s->op) {
    case OP_BLOCK:
        block(s->a);
        break;
    case OP_FILL:
        fill(p, s->at, s->a, s->value);
        break;
    case OP_STORE:
        user_write(p, s->at, &s->value, s->a <= sizeof(word) ? s->a : sizeof(word));
        break;
    case OP_CALLBACK:
        user_callback(t, s->a, s->value);
        break;
    case OP_APC:
        if (t->apcs < 4)
            t->apc[t->apcs++] = (struct apc){s->at, s->value, 0, 0};
        break;
    case OP_RAISE:
        t->raise = s->a;
        break;
    case OP_RAISE_RETURN:
        t->raise_return = true;
        break;
    case OP_LATER:
        later_add(t, s);
        break;
    case OP_IRET:
        t->slow = true;
        break;
    case OP_DIE:
        thread_exit();
    case OP_OPEN:
        open(t, s);
        break;
    case OP_IMAGE: {
        word handle = image_section(p, s->a);
        user_write(p, s->at, &handle, sizeof(handle));
        break;
    }
    case OP_PACKETS:
        packets(p, s);
        break;
    case OP_SAY:
        serial(s->a == SAID_COST ? "COST " : "MADE ");
        serial_number(s->value);
        serial("\n");
        break;
    case OP_FUNCTIONS:
        if (s->a == 1000)
            thread_dies(s->value);
        XtRun(s->value, s->a);
        break;
    case OP_OFF:
        machine_off(0);
    case OP_CLOSE:
        handle_close(p, s->value);
        break;
    }
}

static bool await(struct thread *t, const struct plan_step *s)
{
    u64 until = ticks + s->a;
    u32 done = 0;
    for (;;) {
        user_read(t->process, s->at + offsetof(struct later, done), &done, sizeof(done));
        if (done || ticks >= until)
            return done != 0;
        block((u32)(until - ticks));
    }
}

static u32 do_plan(struct thread *t, word at)
{
    struct plan plan;
    user_read(t->process, at, &plan, sizeof(plan));
    if (at == 0 || plan.magic != PLAN_MAGIC)
        return STATUS_SUCCESS;
    for (u32 i = 0; i < PLAN_STEPS && plan.step[i].op != OP_END; i++) {
        if (plan.step[i].op == OP_AWAIT && !await(t, &plan.step[i]))
            return STATUS_TIMEOUT;
        step(t, &plan.step[i]);
    }
    return plan.status;
}

/* NtCreateThreadEx(&handle, …, start, param, …), and NtCreateThread, whose INITIAL_TEB and CONTEXT we do not take: the
 * start is where the context's instruction pointer would be read from. */
static u32 create_thread(struct thread *t, const struct frame *f, enum way way, u32 start_at)
{
    struct process *p = t->process, *of = process_of_handle(p, argument(t, f, way, 3));
    word where = argument(t, f, way, 0), start = argument(t, f, way, start_at),
         param = argument(t, f, way, start_at + 1);
    struct thread *n = thread_new(of ? of : p, start, param, (u32)param);
    word handle = handle_new(p, n->e);
    if (options.what & WITH_NAMES)
        names_thread(p, (u32)handle, n);
    user_write(p, where, &handle, sizeof(handle));
    return STATUS_SUCCESS;
}

static u32 terminate_thread(struct thread *t, word handle, u32 status)
{
    t->status = status;
    void *e = handle_object(t->process, handle, KIND_THREAD);
    if (handle == 0 || handle == (word)-2)
        thread_exit();
    if (!e)
        return STATUS_INVALID_HANDLE;
    if (thread_of(e) == t)
        thread_exit();
    if (thread_of(e)->e == e) {
        thread_of(e)->status = status;
        thread_kill(thread_of(e));
    }
    return STATUS_SUCCESS;
}

/* What all functions of the tables do. */
static __attribute__((noinline)) u32 ki_service(u32 nr)
{
    struct thread *t = current();
    struct frame *f = t->frame;
    enum way way = t->way;
#ifdef __x86_64__
    word plan = f->r15;
#else
    word plan = f->bx;
#endif
    u32 status;
    if (nr == NR_NtCallbackReturn)
        return user_callback_done(t, (u32)argument(t, f, way, 2));
    status = do_plan(t, plan);
    switch (nr) {
    case NR_NtTerminateThread:
        return terminate_thread(t, argument(t, f, way, 0), (u32)argument(t, f, way, 1));
    case NR_NtTerminateProcess:
        return options.what & WITH_PROCESSES ? terminate_process(t, argument(t, f, way, 0), (u32)argument(t, f, way, 1))
                                             : status;
    case NR_NtWriteVirtualMemory:
        return options.what & WITH_PROCESSES ? write_memory(t, f, way) : status;
#ifdef __x86_64__
    case NR_NtCreateThreadEx:
        return create_thread(t, f, way, 4);
    case NR_NtCreateUserProcess:
        return options.what & WITH_PROCESSES ? create_user_process(t, f, way) : status;
#else
    case NR_NtCreateThread:
        return create_thread(t, f, way, 5);
    case NR_NtCreateProcessEx:
        return options.what & WITH_PROCESSES ? create_process_ex(t, f, way) : status;
#endif
    }
    return status;
}

static u32 dispatch(struct thread *t, const struct frame *f, enum way way)
{
    service_function *function = ki_look_up((u32)f->ax, t->large);
    if (!function)
        return STATUS_INVALID_SYSTEM_SERVICE;
    t->way = way;
    return function(argument(t, f, way, 0), argument(t, f, way, 1), argument(t, f, way, 2), argument(t, f, way, 3));
}

void service(struct thread *t, struct frame *f, enum way way)
{
    static u32 services;
    t->frame = f;
    thread_stack_left(t);
    services++;
    if (options.hook == HOOK_LATER && (services == HOOK_FROM || services == HOOK_UNTIL)) {
        table_hook(false, services == HOOK_UNTIL);
        table_hook(true, services == HOOK_UNTIL);
    }
    if (way == WAY_INT2B) {
        f->ax = user_callback_done(t, (u32)f->ax);
        return;
    }
    if ((u32)f->ax == NR_NtContinue) {
        if (user_at(t->process, argument(t, f, way, 0)))
            user_continue(t, f, argument(t, f, way, 0));
        else
            f->ax = STATUS_ACCESS_VIOLATION;
        return;
    }
    word status = dispatch(t, f, way);
    t->frame->ax = status;
}
