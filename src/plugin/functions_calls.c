/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls of hooked functions begin and end: what vm tells of their sites, and the records. */
#include <string.h>

#include "plugin/functions_user.h"

#define PAGE 4096u

_Static_assert(sizeof(struct values_kept) <= sizeof(((struct frame *)0)->kept), "kept in the frame");

static void tell_user_function(struct guest_cpu *cpu, uint32_t index, struct user_function *f)
{
    if (!__atomic_load_n(&f->told, __ATOMIC_RELAXED) &&
        guest__emit_function(cpu, index, f->offset, f->name, f->module, functions__values(index)->prototype))
        __atomic_store_n(&f->told, true, __ATOMIC_RELAXED);
}

static void tell_function(struct guest_cpu *cpu, uint32_t index)
{
    const struct functions_entry *entry = functions__entry(index);
    if (functions_user__is(index))
        tell_user_function(cpu, index, functions_user__get(index));
    else if (!__atomic_load_n(&functions.told[index], __ATOMIC_RELAXED) &&
             guest__emit_function(cpu, index, entry->address, functions.table.text + entry->name, "",
                                  functions.values[index].prototype))
        __atomic_store_n(&functions.told[index], 1, __ATOMIC_RELAXED);
}

/* It is called by the dynamic linker, to learn where the function is that a program means. Nobody asked for it. */
static bool is_resolver(uint32_t index)
{
    const struct user_function *f = functions_user__get(index);
    return f && f->chooses;
}

/* What ended() is told beside. */
struct ending {
    struct guest_cpu *cpu;
    struct function_thread *thread;
    enum qbk_function_end gone; /* what FRAMES_GONE means */
};

static void on_ended(void *data, const struct frame *frame, enum frames_end end)
{
    const struct ending *e = data;
    if (functions.shared)
        functions_shared__remove(frame);
    const enum qbk_function_end ends[FRAMES_ENDS] = {[FRAMES_RETURNED] = QBK_FUNCTION_RETURNED,
                                                     [FRAMES_UNWOUND] = QBK_FUNCTION_UNWOUND,
                                                     [FRAMES_EVICTED] = QBK_FUNCTION_EVICTED,
                                                     [FRAMES_GONE] = e->gone};
    struct qbk_function_return rec = {.call = frame->cookie, .function = frame->function, .end = (uint8_t)ends[end]};
    if (end == FRAMES_RETURNED && is_resolver(frame->function))
        functions_user__chosen(e->cpu, frame->function, vm__reg(e->cpu->vm, VM_RAX));
    if (!frame->cookie) /* its beginning is not in the trace: lost, and counted as such */
        return;
    if (end != FRAMES_RETURNED) {
        guest__emit_function_return(e->cpu, e->thread->number, &rec, NULL);
        return;
    }
    struct values_kept kept;
    struct values_call values = {.plan = functions__values(frame->function), .cpu = e->cpu, .kept = &kept};
    memcpy(&kept, frame->kept, sizeof(kept));
    values__result(&values);
    rec.result = values.result;
    guest__emit_function_return(e->cpu, e->thread->number, &rec, &values);
}

/* What the kernel's own entry code begins with is no call of anybody's. */
static void enter_only(struct guest_cpu *cpu, const struct function_thread *t, uint32_t index, uint64_t enter)
{
    struct qbk_function_return rec = {.call = enter, .function = index, .end = QBK_FUNCTION_ENTRY_ONLY};
    if (enter)
        guest__emit_function_return(cpu, t->number, &rec, NULL);
}

void functions_calls__begin(struct guest_cpu *cpu, struct function_thread *t, const struct function_call *call)
{
    struct values_kept kept = {.again = 0};
    struct values_call values = {.plan = functions__values(call->index), .cpu = cpu, .kept = &kept};
    struct frame frame = {
        .sp = call->sp, .ret = call->ret, .function = call->index, .pops = call->pops, .stack = call->stack};
    struct ending ending = {.cpu = cpu, .thread = t};
    values__arguments(&values, call->sp);
    functions_threads__follow_filter(cpu, t);
    enum frames_entry entered = FRAMES_NEW;
    if (call->returns)
        entered = functions_threads__enter(t, &frame, on_ended, &ending);
    else
        frames__entry_alone(&t->frames);
    if (entered == FRAMES_NO_MEMORY)
        __atomic_add_fetch(&functions.unseen, 1, __ATOMIC_RELAXED);
    if (entered != FRAMES_NEW || is_resolver(call->index))
        return;
    struct qbk_function_enter rec = {.object = t->object,
                                     .sp = call->sp,
                                     .ret = call->ret,
                                     .function = call->index,
                                     .depth = (uint32_t)(t->frames.n - call->returns)};
    if (call->returns && functions.shared)
        functions_shared__add(&frame);
    tell_function(cpu, call->index);
    uint64_t seq = guest__emit_function_enter(cpu, t->number, &rec, &values);
    if (!call->returns) {
        enter_only(cpu, t, call->index, seq);
        return;
    }
    struct frame *kept_frame = frames__newest(&t->frames);
    kept_frame->cookie = seq;
    memcpy(kept_frame->kept, &kept, sizeof(kept));
}

void functions_calls__end(struct guest_cpu *cpu, struct function_thread *t, uint64_t pc, uint64_t sp,
                          struct frames_stack stack)
{
    struct ending ending = {.cpu = cpu, .thread = t};
    functions_threads__follow_filter(cpu, t);
    frames__return(&t->frames, pc, sp, stack, on_ended, &ending);
}

void functions_calls__unwind(struct guest_cpu *cpu, struct function_thread *t, uint64_t low, uint64_t high)
{
    struct ending ending = {.cpu = cpu, .thread = t};
    functions_threads__follow_filter(cpu, t);
    frames__end(&t->frames, low, high, FRAMES_UNWOUND, on_ended, &ending);
}

void functions_calls__called(struct guest_cpu *cpu, struct function_thread *t, uint64_t slot, struct frames_stack stack)
{
    struct ending ending = {.cpu = cpu, .thread = t};
    functions_threads__follow_filter(cpu, t);
    frames__called(&t->frames, slot, stack, on_ended, &ending);
}

void functions_calls__end_thread(struct guest_cpu *cpu, struct function_thread *t, enum qbk_function_end end)
{
    struct ending ending = {.cpu = cpu, .thread = t, .gone = end};
    frames__end(&t->frames, 0, 0, FRAMES_GONE, on_ended, &ending);
}

/* ---- the kernel's ---- */

/*
 * The stack that sp lies on: the thread's own, or at least the page. Stacks of interrupts and exceptions lie close to
 * one another, but never in one page.
 */
static struct frames_stack kernel_stack(const struct guest_cpu *cpu, const struct function_thread *t, uint64_t sp)
{
    uint64_t size = cpu->guest->layout.thread_size, low = sp & ~(uint64_t)(PAGE - 1);
    if (t->stack && sp >= t->stack && sp - t->stack < size)
        return (struct frames_stack){t->stack, t->stack + size};
    return (struct frames_stack){low, low + PAGE};
}

/*
 * That is read once for each address: should the kernel change its code, what was a call is taken for one still, which
 * costs nothing but a frame that is told as unwound.
 */
bool functions_calls__follows(struct guest_cpu *cpu, uint64_t ret)
{
    uint64_t *known = &functions.returns[cpu->vm->index][ret & (FUNCTIONS_RETURNS - 1)];
    uint8_t before[VM_CALL_MAX];
    if (*known == ret)
        return true;
    if (!vm__read_exact(cpu->vm, ret - sizeof(before), before, sizeof(before)) ||
        !vm__ends_in_call(before, sizeof(before)))
        return false;
    *known = ret;
    return true;
}

static bool is_trampoline(uint64_t ret)
{
    bool found = false;
    for (unsigned i = 0; functions.trampoline[i]; i++)
        found |= functions.trampoline[i] == ret;
    return found;
}

/*
 * The return address of a function that was reached by a jump may have been replaced since the first one of its frame
 * was entered: the kernel traces that one, too. Where it returns to is known then; where it is not, the trampoline it
 * is.
 */
static uint64_t true_return(struct frames *frames, uint64_t sp, uint64_t ret)
{
    const struct frame *there = frames__in_slot(frames, sp);
    return there ? there->ret : ret;
}

/* Is it known which thread runs where? */
static bool following(const struct guest_cpu *cpu)
{
    return cpu && __atomic_load_n(&plugin.guest.phase, __ATOMIC_ACQUIRE) == GUEST_LINUX && functions.at &&
           __atomic_load_n(&plugin.guest.follow_switch, __ATOMIC_RELAXED);
}

void functions__on_entry(struct vm_cpu *vm, uint32_t index)
{
    struct guest_cpu *cpu = vm->owner;
    if (!following(cpu) || index >= functions.table.count)
        return;
    const struct functions_entry *entry = &functions.table.entry[index];
    bool settled = !(entry->flags & FUNCTIONS_NO_RETURN_ADDRESS);
    struct function_call call;
    call.sp = vm__reg(vm, VM_RSP);
    struct function_thread *t = functions_threads__running(cpu, call.sp, settled);
    if (!t)
        return;
    call.index = index;
    call.pops = sizeof(call.ret);
    call.ret = 0;
    call.stack = kernel_stack(cpu, t, call.sp);
    call.returns = settled && vm__read_exact(vm, call.sp, &call.ret, sizeof(call.ret));
    if (call.returns && is_trampoline(call.ret))
        call.ret = true_return(&t->frames, call.sp, call.ret);
    else
        call.returns = call.returns && (int64_t)call.ret < 0 && functions_calls__follows(cpu, call.ret);
    cpu->now = vm__now(vm);
    functions_calls__begin(cpu, t, &call);
}

void functions__on_call(struct vm_cpu *vm)
{
    struct guest_cpu *cpu = vm->owner;
    struct function_thread *t = following(cpu) ? functions.on[vm->index] : NULL;
    if (!t)
        return;
    cpu->now = vm__now(vm);
    uint64_t slot = vm__reg(vm, VM_RSP) - sizeof(uint64_t);
    const struct frames_stack unknown = {0, 0};
    functions_calls__called(cpu, t, slot, (int64_t)slot < 0 ? kernel_stack(cpu, t, slot) : unknown);
}

void functions__on_return(struct vm_cpu *vm, uint64_t pc)
{
    struct guest_cpu *cpu = vm->owner;
    if (!following(cpu))
        return;
    struct function_thread *t = functions.on[vm->index];
    if (!t)
        return;
    uint64_t sp = vm__reg(vm, VM_RSP);
    cpu->now = vm__now(vm);
    functions_calls__end(cpu, t, pc, sp, kernel_stack(cpu, t, sp));
}
