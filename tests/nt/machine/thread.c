/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes, threads, and who runs. */
#include "nt.h"
#include "xt.h"

#define ETHREAD_ROUND ((ETHREAD_SIZE + 63) & ~63)
#define THREAD_BYTES  (ETHREAD_ROUND + sizeof(struct thread))

struct process *processes, *system_process;
struct thread *threads;
u32 live_threads;
volatile u64 ticks;
static u32 next_id = 8;
static word log_next = PHYS_TRUTH;
static word free_stacks[2]; /* small, large */

static word stack_new(bool large)
{
    word stack = free_stacks[large];
    if (!stack)
        return (word)pool_new(large ? KSTACK_LARGE : KSTACK_BYTES);
    free_stacks[large] = *(word *)stack;
    return stack;
}

static void stack_free(word stack, bool large)
{
    *(word *)stack = free_stacks[large];
    free_stacks[large] = stack;
}

static void stack_is(struct thread *t, word stack, bool large)
{
    t->stack = stack;
    t->large = large;
    t->stack_base = stack + (large ? KSTACK_LARGE : KSTACK_BYTES) - 64;
    AT(t->e, KTHREAD_INITIAL_STACK, word) = t->stack_base;
    AT(t->e, KTHREAD_STACK_LIMIT, word) = stack;
    AT(t->e, KTHREAD_STACK_BASE, word) = stack + (large ? KSTACK_LARGE : KSTACK_BYTES);
}

struct frame *thread_stack_grows(struct thread *t, const struct frame *f)
{
    t->stack_left = t->stack;
    stack_is(t, stack_new(true), true);
    cpu_runs(t);
    struct frame *to = (struct frame *)(t->stack_base - sizeof(*to));
    *to = *f;
    return to;
}

void thread_stack_left(struct thread *t)
{
    if (t->stack_left)
        stack_free(t->stack_left, false);
    t->stack_left = 0;
}

/* The clock that everybody may read. */
static u64 system_time(void)
{
    return SYSTEM_TIME + ticks * 10000u;
}

struct process *process_new(const char *name, u32 parent)
{
    struct process *p = pool_new(sizeof(*p));
    p->e = (u8 *)object_new(KIND_PROCESS, EPROCESS_SIZE + 8);
    p->cr3 = address_space_new(&p->user_cr3);
    p->pid = next_id += 4;
    p->next = processes;
    processes = p;
    AT(p->e, 0, u8) = 3; /* ProcessObject */
    AT(p->e, KPROCESS_CR3, word) = p->cr3;
    AT(p->e, EPROCESS_PID, word) = p->pid;
    AT(p->e, EPROCESS_INHERITED, word) = parent;
    AT(p->e, EPROCESS_PEB, word) = USER_PEB;
    AT(p->e, EPROCESS_CREATE_TIME, u64) = system_time() + p->pid;
    AT(p->e, EPROCESS_EXIT_STATUS, u32) = STATUS_PENDING;
    for (u32 i = 0; i < 15 && name[i]; i++)
        p->e[EPROCESS_IMAGE_FILE_NAME + i] = (u8)name[i];
    u8 *handles = pool_new(0x80);
    p->handles = page_new();
    AT(handles, HANDLE_TABLE_CODE, word) = BASE + p->handles;
    AT(handles, HANDLE_TABLE_QUOTA, word) = (word)p->e;
    AT(handles, HANDLE_TABLE_PID, word) = p->pid;
    AT(p->e, EPROCESS_OBJECT_TABLE, word) = (word)handles;
    map(p, KUSER_USER, kuser_page, false);
    return p;
}

struct thread *thread_of(void *e)
{
    return (struct thread *)((u8 *)e + ETHREAD_ROUND);
}

static struct thread *thread_make(struct process *p)
{
    u8 *e = object_new(KIND_THREAD, THREAD_BYTES);
    struct thread *t = thread_of(e);
    t->e = e;
    t->process = p;
    t->tid = next_id += 4;
    stack_is(t, stack_new(false), false);
    AT(e, 0, u8) = 6; /* ThreadObject, not signalled */
    AT(e, KTHREAD_PROCESS, word) = (word)p->e;
    AT(e, ETHREAD_CID, word) = p->pid;
    AT(e, ETHREAD_CID + sizeof(word), word) = t->tid;
    t->next = threads;
    threads = t;
    return t;
}

/* The n-th page of one of a thread's areas; made once for each slot. */
static void area(struct process *p, word va, word bytes)
{
    for (word off = 0; off < bytes; off += PAGE) {
        if (!user_at(p, va + off))
            map(p, va + off, page_new(), true);
    }
}

static u32 slot_take(struct process *p)
{
    for (u32 i = 0; i < THREADS_MAX; i++) {
        if (!(p->slots[i / 32] >> (i % 32) & 1)) {
            p->slots[i / 32] |= 1u << (i % 32);
            return i;
        }
    }
    machine_off(4);
}

static void make_teb(struct thread *t, word stack)
{
    word at = t->teb = USER_TEB(t->slot), v;
    const word fields[][2] = {
        {sizeof(word), stack + options.stack_kib * 1024},
        {2 * sizeof(word), stack},
        {TEB_SELF, at},
        {TEB_CID, t->process->pid},
        {TEB_CID + sizeof(word), t->tid},
        {TEB_PEB, USER_PEB},
        {TEB_TLS, USER_ARENA(t->slot)},
    };
    area(t->process, at, 2 * PAGE);
    for (u32 i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        v = fields[i][1];
        user_write(t->process, at + fields[i][0], &v, sizeof(v));
    }
    AT(t->e, KTHREAD_TEB, word) = at;
}

/* Memory of a thread's own that is kept to the end; the thread writes it at `va`. */
static word keep(struct process *p, word va, word bytes)
{
    word at = log_next;
    if (log_next + bytes > boot->memory_top)
        machine_off(5);
    memset((void *)(BASE + log_next), 0, PAGE); /* memory may hold anything at first */
    for (word off = 0; off < bytes; off += PAGE)
        map(p, va + off, log_next + off, true);
    log_next += bytes;
    return BASE + at;
}

static void make_start(struct thread *t, word param, u32 calls)
{
    struct process *p = t->process;
    word bytes = options.log_kib * 1024u;
    struct log_head head = {LOG_MAGIC, (u32)bytes, p->pid, t->tid, 0};
    struct start start = {.arena = USER_ARENA(t->slot),
                          .arena_size = 0x10000,
                          .log = USER_LOG(p->made),
                          .log_end = USER_LOG(p->made) + bytes,
                          .stubs_nt = p->stubs_nt,
                          .stubs_graphics = p->stubs_graphics,
                          .seed = options.seed * 7919u + t->tid,
                          .calls = calls,
                          .param = param,
                          .options = options.what | (options.sep ? 0 : WITHOUT_FAST),
                          .sabotage = options.sabotage,
                          .first = p->made == 0,
                          .pid = p->pid,
                          .tid = t->tid};
    p->made++;
    (void)keep(p, start.log, bytes);
    if (options.xt) {
        start.functions = start.log + LOG_FUNCTIONS;
        t->functions = (struct xt_log *)keep(p, start.functions, bytes);
        *t->functions = (struct xt_log){.magic = XT_MAGIC, .size = (u32)bytes, .pid = p->pid, .tid = t->tid};
    }
    area(p, start.arena, start.arena_size);
    user_write(p, start.log, &head, sizeof(head));
    user_write(p, start.arena, &start, sizeof(start));
}

struct thread *thread_new(struct process *p, word start, word param, u32 calls)
{
    struct thread *t = thread_make(p);
    t->slot = slot_take(p);
    area(p, USER_STACK(t->slot), options.stack_kib * 1024);
    make_teb(t, USER_STACK(t->slot));
    make_start(t, param, calls);
    t->start = start;
    struct frame *f = (struct frame *)(t->stack_base - sizeof(*f));
    memset(f, 0, sizeof(*f));
    user_begin(t, f);
    word *sp = (word *)f;
    *--sp = (word)thread_begins;
    for (u32 i = 0; i < 8; i++)
        *--sp = 0;
#ifndef __x86_64__
    sp += 4; /* four registers are kept, not eight */
#endif
    t->sp = (word)sp;
    p->threads++;
    live_threads++;
    return t;
}

struct thread *thread_idle(u32 cpu)
{
    struct thread *t = thread_make(system_process);
    t->idle = true;
    AT(t->e, KTHREAD_STACK_LIMIT, word) = BASE + PHYS_STACKS + cpu * STACK_FIRST;
    AT(t->e, KTHREAD_STACK_BASE, word) = BASE + PHYS_STACKS + (cpu + 1) * STACK_FIRST;
    t->state = RUNNING;
    t->slot = cpu;
    return t;
}

static bool can_run(const struct thread *t)
{
    return !t->idle && (t->state == RUNNABLE || (t->state == BLOCKED && (t->killed || t->wake <= ticks)));
}

static struct thread *pick(struct thread *now)
{
    for (struct thread *t = now->next; t; t = t->next) {
        if (can_run(t))
            return t;
    }
    for (struct thread *t = threads; t && t != now; t = t->next) {
        if (can_run(t))
            return t;
    }
    return now->state == RUNNING || (now->state == BLOCKED && can_run(now)) ? now : this_cpu()->idle;
}

void schedule(void)
{
    struct thread *now = current(), *next = pick(now);
    if (next == now) {
        now->state = RUNNING;
        return;
    }
    if (now->state == RUNNING && !now->idle)
        now->state = RUNNABLE;
    next->state = RUNNING;
    cpu_runs(next);
    KiSwapContext(&now->sp, next->sp, now->functions);
}

void block(u32 n)
{
    struct thread *t = current();
    t->wake = ticks + n;
    t->state = n ? BLOCKED : RUNNING;
    schedule();
    if (t->killed)
        thread_exit();
}

void thread_kill(struct thread *t)
{
    t->killed = true;
}

static void machine_ends(void)
{
    serial("TRUTH ");
    serial_number(PHYS_TRUTH);
    serial(" ");
    serial_number(log_next);
    serial(" ");
    serial_number(options.log_kib * 1024u);
    serial("\n");
    machine_off(0);
}

void thread_exit(void)
{
    struct thread *t = current(), **link = &threads;
    while (*link != t)
        link = &(*link)->next;
    *link = t->next;
    t->state = DEAD;
    AT(t->e, 4, u32) = 1; /* the thread object is signalled */
    t->process->slots[t->slot / 32] &= ~(1u << (t->slot % 32));
    t->process->threads--;
    if (t->process->threads == 0)
        process_ended(t->process, t->status);
    if (--live_threads == 0)
        machine_ends();
    thread_stack_left(t);
    stack_free(t->stack, t->large);
    object_free(t->e, THREAD_BYTES);
    schedule();
    machine_off(6);
}
