/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Leaving for user mode, and for ntdll's dispatchers: offsets are those of CONTEXT and of each dispatcher's frame. */
#include "nt.h"

#define USER_FLAGS 0x202u

struct reg {
    u16 in_frame, in_context;
};
#define REG(f, c)                                                                                                      \
    {                                                                                                                  \
        offsetof(struct frame, f), c                                                                                   \
    }

#ifdef __x86_64__
#define CONTEXT_SIZE   0x4d0u
#define CONTEXT_FLAGS  0x30
#define CONTEXT_EFLAGS 0x44
#define CONTEXT_CS     0x38
#define FLAGS_VALUE    0x10000bu
static const struct reg regs[] = {REG(ax, 0x78),  REG(cx, 0x80),  REG(dx, 0x88),  REG(bx, 0x90),  REG(sp, 0x98),
                                  REG(bp, 0xa0),  REG(si, 0xa8),  REG(di, 0xb0),  REG(r8, 0xb8),  REG(r9, 0xc0),
                                  REG(r10, 0xc8), REG(r11, 0xd0), REG(r12, 0xd8), REG(r13, 0xe0), REG(r14, 0xe8),
                                  REG(r15, 0xf0), REG(ip, 0xf8)};
#define USER_CS 0x33
#define USER_SS 0x2b
#else
#define CONTEXT_SIZE   0x2ccu
#define CONTEXT_FLAGS  0x00
#define CONTEXT_EFLAGS 0xc0
#define CONTEXT_CS     0xbc
#define FLAGS_VALUE    0x10007u
static const struct reg regs[] = {REG(di, 0x9c), REG(si, 0xa0), REG(bx, 0xa4), REG(dx, 0xa8), REG(cx, 0xac),
                                  REG(ax, 0xb0), REG(bp, 0xb4), REG(ip, 0xb8), REG(sp, 0xc4)};
#define USER_CS        0x1b
#define USER_SS        0x23
#endif

static void context_write(const struct process *p, word at, const struct frame *f)
{
    u32 flags = FLAGS_VALUE, eflags = (u32)f->flags, cs = USER_CS;
    for (u32 i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
        user_write(p, at + regs[i].in_context, (const u8 *)f + regs[i].in_frame, sizeof(word));
    user_write(p, at + CONTEXT_FLAGS, &flags, 4);
    user_write(p, at + CONTEXT_EFLAGS, &eflags, 4);
    user_write(p, at + CONTEXT_CS, &cs, 2);
}

void user_continue(struct thread *t, struct frame *f, word at)
{
    u32 eflags;
    for (u32 i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
        user_read(t->process, at + regs[i].in_context, (u8 *)f + regs[i].in_frame, sizeof(word));
    user_read(t->process, at + CONTEXT_EFLAGS, &eflags, 4);
    f->flags = (eflags & 0xcd5u) | USER_FLAGS;
    t->slow = true;
}

static word dispatcher(const struct process *p, const char *name)
{
    word at = image_export(p, p->stubs_nt, name);
    if (!at)
        machine_off(7);
    return at;
}

#ifndef __x86_64__
static void push(struct thread *t, word *sp, word value)
{
    *sp -= sizeof(word);
    user_write(t->process, *sp, &value, sizeof(value));
}
#endif

/* A user APC: the thread goes on in KiUserApcDispatcher, what it was about is in the CONTEXT on its stack. */
static void apc(struct thread *t, struct frame *f, const struct apc *a)
{
    word context;
#ifdef __x86_64__
    context = (f->sp - 0x80 - CONTEXT_SIZE) & ~(word)63;
    context_write(t->process, context, f);
    const word homes[4] = {a->context, a->a, a->b, a->routine};
    user_write(t->process, context, homes, sizeof(homes));
    f->sp = context;
#else
    context = (f->sp - CONTEXT_SIZE) & ~(word)3;
    context_write(t->process, context, f);
    word sp = context;
    push(t, &sp, a->b);
    push(t, &sp, a->a);
    push(t, &sp, a->context);
    push(t, &sp, a->routine);
    f->sp = sp;
#endif
    f->ip = dispatcher(t->process, "KiUserApcDispatcher");
    f->flags = USER_FLAGS;
    t->slow = true;
}

void user_begin(struct thread *t, struct frame *f)
{
    struct process *p = t->process;
    f->cs = USER_CS;
    f->ss = USER_SS;
    f->flags = USER_FLAGS;
    f->sp = USER_STACK(t->slot) + options.stack_kib * 1024 - 0x400;
    f->ip = dispatcher(p, "RtlUserThreadStart");
#ifdef __x86_64__
    f->cx = t->start;
    word context = (f->sp - CONTEXT_SIZE - 0x80) & ~(word)63;
    f->sp -= 8;
    context_write(p, context, f);
    f->sp = context;
    f->cx = context;
    f->dx = p->stubs_nt;
    f->ip = dispatcher(p, "LdrInitializeThunk");
#else
    f->fs = 0x3b;
    f->ax = t->start;
    push(t, &f->sp, 0);
    const struct apc first = {dispatcher(p, "LdrInitializeThunk"), 0, p->stubs_nt, 0};
    apc(t, f, &first);
#endif
}

/* What went wrong in user mode, or was raised by a service: told to KiUserExceptionDispatcher. */
void user_exception(struct thread *t, struct frame *f, u32 code)
{
    struct process *p = t->process;
    word record[20] = {0}, at;
    record[0] = code;
    record[sizeof(word) == 8 ? 2 : 3] = f->ip;
#ifdef __x86_64__
    word context = (f->sp - 0x80 - CONTEXT_SIZE - 0x120) & ~(word)63;
    at = context + CONTEXT_SIZE + 0x20;
    context_write(p, context, f);
    user_write(p, at, record, 0x98);
    f->sp = context;
#else
    word context = (f->sp - CONTEXT_SIZE) & ~(word)3, sp;
    context_write(p, context, f);
    at = context - 0x50;
    user_write(p, at, record, 0x50);
    sp = at;
    push(t, &sp, context);
    push(t, &sp, at);
    f->sp = sp;
#endif
    f->ip = dispatcher(p, "KiUserExceptionDispatcher");
    f->flags = USER_FLAGS;
    t->slow = true;
}

/* The last thing before user mode; the result of a call is in the frame. */
bool user_leave(struct thread *t, struct frame *f, bool of_service)
{
    bool fast;
    if (t->killed)
        thread_exit();
    if (t->raise_return) {
        t->raise_return = false;
        f->ip = dispatcher(t->process, "KiRaiseUserExceptionDispatcher");
        t->slow = true;
    }
    if (t->raise) {
        user_exception(t, f, t->raise);
        t->raise = 0;
    }
    if (t->apcs && of_service)
        apc(t, f, &t->apc[--t->apcs]);
    fast = !t->slow;
    t->slow = false;
    return fast;
}

/* On callback_leave's way out: the kernel stack goes on below what waits on it. */
void ki_callback_leaves(word sp);
void ki_callback_leaves(word sp)
{
    struct thread *t = current();
    t->stack_base = sp & ~(word)15;
    AT(t->e, KTHREAD_INITIAL_STACK, word) = t->stack_base;
    cpu_runs(t);
    unlock();
}

u32 user_callback(struct thread *t, u32 index, word value)
{
    struct process *p = t->process;
    struct callback c = {.outer = t->callback, .stack_base = t->stack_base, .frame = t->frame};
    struct frame f = *t->frame;
    u32 word_pair[2] = {sizeof(word), index};
#ifdef __x86_64__
    word buffer = (f.sp - 0x80 - 0x40) & ~(word)63, sp = buffer - 0x40;
    user_write(p, buffer, &value, sizeof(value));
    user_write(p, sp + 0x20, &buffer, sizeof(buffer));
    user_write(p, sp + 0x28, word_pair, sizeof(word_pair));
#else
    word buffer = (f.sp - 0x10) & ~(word)3, sp = buffer;
    user_write(p, buffer, &value, sizeof(value));
    push(t, &sp, word_pair[0]);
    push(t, &sp, buffer);
    push(t, &sp, index);
    push(t, &sp, 0);
#endif
    f.sp = sp;
    f.ip = dispatcher(p, "KiUserCallbackDispatcher");
    f.flags = USER_FLAGS;
    t->callback = &c;
    return (u32)callback_leave(&c, &f);
}

/* NtCallbackReturn, int 2Bh: does not come back where there is a callback to return from. */
u32 user_callback_done(struct thread *t, u32 status)
{
    struct callback *c = t->callback;
    if (!c)
        return STATUS_NO_CALLBACK_ACTIVE;
    c->status = status;
    t->callback = c->outer;
    t->stack_base = c->stack_base;
    t->frame = c->frame;
    AT(t->e, KTHREAD_INITIAL_STACK, word) = t->stack_base;
    cpu_runs(t);
    callback_return(c->sp);
}
