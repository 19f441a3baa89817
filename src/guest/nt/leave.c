/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User mode goes on: where? At an ordinary place the call that brought the thread here has returned. At one of ntdll's
 * dispatchers it has not; NtContinue and NtCallbackReturn go on with it later.
 */
#include <string.h>

#include "decode/decode.h"
#include "guest/nt/capture.h"
#include "guest/nt/io.h"
#include "guest/nt/nt.h"
#include "guest/nt/process.h"
#include "guest/nt/tables.h"

#define STATUS_PENDING 0x103u
#define STACK_SPAN     (1u << 20)

/* Where user mode will be. */
struct target {
    uint64_t ip, sp;
};

/* Where CONTEXT has the registers. */
static const struct context {
    uint16_t ax, sp, ip;
} contexts[2] = {{0xb0, 0xc4, 0xb8}, {0x78, 0x98, 0xf8}}; /* x86, x64 */

static bool user_frame_64(struct guest_cpu *cpu, struct target *to)
{
    uint64_t frame[5]; /* rip cs rflags rsp ss */
    if (!vm__read_exact(cpu->vm, vm__reg(cpu->vm, VM_RSP), frame, sizeof(frame)) || (frame[1] & 3) != 3)
        return false;
    *to = (struct target){frame[0], frame[3]};
    return true;
}

static bool user_frame_32(struct guest_cpu *cpu, struct target *to)
{
    uint32_t frame[5] = {0};
    uint64_t at = vm__reg(cpu->vm, VM_RSP) & 0xffffffffu;
    if (!vm__read_exact(cpu->vm, at, frame, 12) || (frame[1] & 3) != 3 ||
        !vm__read_exact(cpu->vm, at + 12, frame + 3, 8))
        return false;
    *to = (struct target){frame[0], frame[3]};
    return true;
}

/* False: not to user mode at all. */
static bool find_target(struct guest_cpu *cpu, enum insn_kind kind, struct target *to)
{
    if (kind == INSN_IRET)
        return cpu->guest->nt.is_64 ? user_frame_64(cpu, to) : user_frame_32(cpu, to);
    if (kind == INSN_SYSRET)
        *to = (struct target){vm__reg(cpu->vm, VM_RCX), vm__reg(cpu->vm, VM_RSP)};
    else
        *to = (struct target){vm__reg(cpu->vm, VM_RDX) & 0xffffffffu, vm__reg(cpu->vm, VM_RCX) & 0xffffffffu};
    return true;
}

static enum nt_dispatcher dispatcher_at(const struct guest *g, uint64_t ip)
{
    unsigned i = 0;
    while (i < NT_DISPATCHERS && g->nt.dispatcher[i] != ip)
        i++;
    return (enum nt_dispatcher)i;
}

/* Where the dispatcher finds the CONTEXT of what it interrupts. */
static uint64_t context_of(struct guest_cpu *cpu, enum nt_dispatcher which, uint64_t sp)
{
    uint32_t at = 0;
    if (cpu->guest->nt.is_64)
        return sp;
    if (which == NT_APC)
        return sp + 16;
    return vm__read_exact(cpu->vm, sp + 4, &at, sizeof(at)) ? at : 0;
}

static void end_top(struct guest_cpu *cpu, struct calls_thread *thread, enum qbk_end end, uint8_t flags,
                    uint64_t result)
{
    calls__end(cpu->guest->calls, thread, cpu->vm->index, cpu, end, flags, result);
}

static void end_returned(struct guest_cpu *cpu, struct calls_thread *thread, uint64_t result, uint8_t flags)
{
    enum qbk_end end = (uint32_t)result == STATUS_PENDING ? QBK_END_PENDING : QBK_END_RETURNED;
    end_top(cpu, thread, end, (uint8_t)(flags | QBK_RETURN_HAS_RESULT), result);
}

void nt__give_up_above(struct guest_cpu *cpu, struct calls_thread *thread, const struct qebek_call *call)
{
    struct qebek_call *top = calls__top(thread);
    do {
        bool told = top && top->mark[NT_MARK_WAIT] == NT_SUSPENDED;
        if (!top || top == call)
            return;
        end_top(cpu, thread, QBK_END_INTERRUPTED,
                told ? QBK_RETURN_HANDLER | QBK_RETURN_HAS_RESULT : QBK_RETURN_HANDLER,
                told ? top->mark[NT_MARK_RESULT] : 0);
        top = calls__top(thread);
    } while (call);
}

/* The innermost call in that state; of the suspended ones the one with this CONTEXT. Not past one that is called back.
 */
static struct qebek_call *find_call(const struct calls_thread *thread, enum nt_wait wait, uint64_t context)
{
    for (unsigned i = thread->depth; i > 0; i--) {
        struct qebek_call *call = thread->frames[i - 1];
        if (call->mark[NT_MARK_WAIT] == wait && (wait == NT_CALLED_BACK || call->mark[NT_MARK_CONTEXT] == context))
            return call;
        if (call->mark[NT_MARK_WAIT] == NT_CALLED_BACK)
            return NULL;
    }
    return NULL;
}

void nt__callback_returns(struct guest_cpu *cpu, struct calls_thread *thread)
{
    struct guest_thread *t = guest__of(thread);
    struct qebek_call *call = find_call(thread, NT_CALLED_BACK, 0), *top = calls__top(thread);
    if (!call) { /* the one that called back is not watched, or there is none and an error will come back */
        if (t->nt.where == NT_IN_USER)
            t->nt.where = NT_IN_UNWATCHED;
        return;
    }
    if (t->nt.where == NT_IN_CALL && top != call) /* NtCallbackReturn itself */
        end_top(cpu, thread, QBK_END_NORETURN, 0, 0);
    nt__give_up_above(cpu, thread, call);
    call->mark[NT_MARK_WAIT] = NT_RUNS;
    t->nt.where = NT_IN_CALL;
    t->nt.control = NT_NO_CONTROL;
    t->nt.ip = call->cookie;
}

static uint64_t context_word(struct guest_cpu *cpu, uint64_t context, unsigned offset)
{
    uint64_t value = 0;
    (void)vm__read_exact(cpu->vm, context + offset, &value, cpu->guest->nt.is_64 ? 8 : 4);
    return value;
}

/* The call at the top, which has done its work, waits until user mode has handled an APC or exception. */
static void suspend(struct guest_cpu *cpu, struct qebek_call *call, uint64_t context)
{
    uint64_t result = context_word(cpu, context, contexts[cpu->guest->nt.is_64 != 0].ax);
    call->mark[NT_MARK_WAIT] = NT_SUSPENDED;
    call->mark[NT_MARK_CONTEXT] = context;
    call->mark[NT_MARK_RESULT] = result;
}

/* An ordinary end of what the thread was in the kernel for. */
static void leave_call(struct guest_cpu *cpu, struct calls_thread *thread, const struct target *to, uint64_t result)
{
    enum nt_dispatcher where = dispatcher_at(cpu->guest, to->ip);
    struct qebek_call *top = calls__top(thread);
    if (!top)
        return;
    switch (where) {
    case NT_CALLBACK:
        top->mark[NT_MARK_WAIT] = NT_CALLED_BACK;
        break;
    case NT_APC:
    case NT_EXCEPTION:
        suspend(cpu, top, context_of(cpu, where, to->sp));
        break;
    case NT_RAISE_EXCEPTION:
        end_returned(cpu, thread, result, QBK_RETURN_HANDLER);
        break;
    case NT_DISPATCHERS:
        end_returned(cpu, thread, result, 0);
        break;
    }
}

/* NtContinue has loaded the registers that it was given: with them goes on what was interrupted, if that was a call. */
static void continued(struct guest_cpu *cpu, struct calls_thread *thread, const struct target *to, uint64_t result)
{
    struct guest_thread *t = guest__of(thread);
    struct qebek_call *call = find_call(thread, NT_SUSPENDED, t->nt.context), *top;
    enum nt_dispatcher where = dispatcher_at(cpu->guest, to->ip);
    if (call) {
        nt__give_up_above(cpu, thread, call);
        if (where == NT_APC || where == NT_EXCEPTION) /* the next one, before anything else */
            suspend(cpu, call, context_of(cpu, where, to->sp));
        else
            end_returned(cpu, thread, result, where == NT_RAISE_EXCEPTION ? QBK_RETURN_HANDLER : 0);
        return;
    }
    while ((top = calls__top(thread)) != NULL && top->mark[NT_MARK_WAIT] == NT_SUSPENDED &&
           to->sp > top->mark[NT_MARK_CONTEXT] && to->sp - top->mark[NT_MARK_CONTEXT] < STACK_SPAN)
        nt__give_up_above(cpu, thread, NULL);
}

/*
 * NtContinue and NtCallbackReturn come back only with an error; perhaps not before an APC is handled. By sysenter all
 * calls return to one place: the stack pointer tells a return from a CONTEXT that goes on there.
 */
static bool fails(struct guest_cpu *cpu, const struct guest_thread *t, struct target to, uint64_t result)
{
    enum nt_dispatcher where = dispatcher_at(cpu->guest, to.ip);
    if (where == NT_APC || where == NT_EXCEPTION) {
        const struct context *c = &contexts[cpu->guest->nt.is_64 != 0];
        uint64_t context = context_of(cpu, where, to.sp);
        to = (struct target){context_word(cpu, context, c->ip), context_word(cpu, context, c->sp)};
        result = context_word(cpu, context, c->ax);
        where = dispatcher_at(cpu->guest, to.ip);
    }
    bool there = t->nt.ip ? to.ip == t->nt.ip : where == NT_DISPATCHERS;
    return there && to.sp == t->nt.sp && (int32_t)(uint32_t)result < 0;
}

static void leave_control(struct guest_cpu *cpu, struct calls_thread *thread, const struct target *to, uint64_t result)
{
    struct guest_thread *t = guest__of(thread);
    bool watched = t->nt.where == NT_IN_CALL;
    if (fails(cpu, t, *to, result)) {
        if (watched)
            leave_call(cpu, thread, to, result);
        return;
    }
    if (watched)
        end_top(cpu, thread, QBK_END_NORETURN, 0, 0);
    if (t->nt.control == NT_CONTINUES)
        continued(cpu, thread, to, result);
}

static void leave_thread(struct guest_cpu *cpu, struct calls_thread *thread, const struct target *to)
{
    struct guest_thread *t = guest__of(thread);
    uint64_t result;
    enum nt_dispatcher where = dispatcher_at(cpu->guest, to->ip);
    if (where == NT_APC)
        nt_io__apc(cpu, thread, to->sp);
    t->nt.stay = NT_LEFT;
    if (t->nt.where == NT_IN_USER)
        return;
    result = vm__reg(cpu->vm, VM_RAX);
    if (where == NT_DISPATCHERS)
        nt_io__returns(cpu, t, result);
    if (t->nt.control == NT_CONTINUES || t->nt.control == NT_RETURNS_CALLBACK)
        leave_control(cpu, thread, to, result);
    else if (t->nt.where == NT_IN_CALL)
        leave_call(cpu, thread, to, result);
    t->nt.where = NT_IN_USER;
    t->nt.control = NT_NO_CONTROL;
}

/* Who leaves? With isolated page tables that was read a moment ago, when the kernel's were still in force. */
static struct calls_thread *leaver(struct guest_cpu *cpu, const struct target *to)
{
    struct guest *g = cpu->guest;
    uint64_t object = g->isolation_known && g->isolated ? 0 : nt__read_current(cpu);
    if (object) {
        cpu->object = object;
        g->isolation_known = true;
        return nt__thread_leaves(cpu, object, to->ip, to->sp);
    }
    if (!g->isolation_known && cpu->object) {
        g->isolated = true;
        g->isolation_known = true;
    }
    return cpu->object ? nt__thread_known(cpu, cpu->object) : NULL;
}

/* What needs kernel memory and can wait. */
static void look_around(struct guest_cpu *cpu)
{
    nt__sweep(cpu);
    nt_tables__look(cpu->guest->nt_tables, cpu);
}

void nt__on_leave(struct guest_cpu *cpu, enum insn_kind kind)
{
    struct target to;
    nt_process__since(cpu);
    if (!find_target(cpu, kind, &to)) {
        if (!cpu->guest->nt.is_64 && !cpu->kpcr)
            (void)nt__read_current(cpu); /* back into the kernel: fs still tells where the KPCR is */
        return;
    }
    cpu->now = vm__now(cpu->vm);
    struct calls_thread *thread = leaver(cpu, &to);
    if (!thread)
        return;
    cpu->thread = thread;
    leave_thread(cpu, thread, &to);
    cpu->thread = NULL;
    calls__thread_release(thread);
    if (!cpu->guest->isolated)
        look_around(cpu);
}

void nt__on_page_table(struct guest_cpu *cpu)
{
    struct guest *g = cpu->guest;
    if (g->isolation_known && !g->isolated)
        return;
    uint64_t object = nt__read_current(cpu);
    if (!object) /* on the way in: the kernel's memory is not there yet */
        return;
    cpu->now = vm__now(cpu->vm);
    cpu->object = object;
    struct calls_thread *thread = nt__thread_here(cpu, object);
    if (thread && guest__of(thread)->nt.where == NT_IN_CALL && calls__top(thread))
        nt_names__keep(cpu, guest__of(thread), calls__top(thread));
    if (thread)
        calls__thread_release(thread);
    look_around(cpu);
}
