/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hooked functions of NT kernels. No function that NT exports tells when a vCPU goes on with another thread, so each
 * event looks itself: whose kernel stack is the stack pointer on? Mostly that of the thread that the KPCR names. But
 * the kernel changes that name some instructions before the stack (or after it): in between it is the thread before.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "guest/nt/nt.h"
#include "plugin/functions.h"

#define CLAIMS_MAX 1000u
#define FIELDS_MAX 128u

/* Whose stack a vCPU was last seen on; that vCPU's thread alone. */
struct nt_stack {
    uint64_t object;
    uint64_t number; /* of the thread in the trace, as last known; 0: not yet */
    struct frames_stack stack;
};
static struct nt_stack *last; /* by vCPU */

bool functions_nt__begin(void)
{
    functions_nt__end();
    last = calloc(plugin.n_cpus, sizeof(*last));
    return last != NULL;
}

void functions_nt__end(void)
{
    free(last);
    last = NULL;
}

static bool in_kernel(const struct guest *g, uint64_t address)
{
    return g->nt.is_64 ? (int64_t)address < 0 : address >= 0x80000000u && address <= 0xffffffffu;
}

static bool lies_on(uint64_t sp, struct frames_stack stack)
{
    return sp >= stack.low && sp < stack.high;
}

/* Both bounds in one read where they lie near each other. */
static struct frames_stack read_stack(struct guest_cpu *cpu, uint64_t object)
{
    const struct guest *g = cpu->guest;
    uint32_t low_at = g->nt.offset[NT_THREAD_STACK_LIMIT], high_at = g->nt.offset[NT_THREAD_STACK_BASE];
    unsigned word = g->nt.is_64 ? 8 : 4;
    struct frames_stack stack = {0, 0}, none = {0, 0};
    uint8_t bytes[FIELDS_MAX];
    if (low_at == NT_NONE || high_at == NT_NONE)
        return none;
    bool near = high_at > low_at && high_at - low_at <= FIELDS_MAX - word;
    if (!vm__read_exact(cpu->vm, object + low_at, near ? bytes : (void *)&stack.low,
                        near ? high_at - low_at + word : word))
        return none;
    if (near) {
        memcpy(&stack.low, bytes, word);
        memcpy(&stack.high, bytes + (high_at - low_at), word);
    } else if (!vm__read_exact(cpu->vm, object + high_at, &stack.high, word)) {
        return none;
    }
    return in_kernel(g, stack.low) && stack.low < stack.high ? stack : none;
}

static uint64_t known_number(struct guest_cpu *cpu, uint64_t object)
{
    struct calls_thread *thread = calls__thread_find(cpu->guest->calls, object);
    return thread ? guest__of(thread)->number : 0;
}

/* It is on its way out: is it the one that was last in user mode here, or the one whose stack was last seen? */
static bool is_leaving(struct guest_cpu *cpu, uint64_t sp, struct nt_stack *before)
{
    const uint64_t objects[2] = {cpu->object, before->object}; /* the second may have changed its stack */
    for (unsigned i = 0; i < 2; i++) {
        if (!objects[i] || (objects[i] == before->object && lies_on(sp, before->stack)))
            continue;
        struct frames_stack stack = read_stack(cpu, objects[i]);
        if (lies_on(sp, stack))
            *before = (struct nt_stack){objects[i], 0, stack};
    }
    if (!lies_on(sp, before->stack))
        return false;
    if (before->number == 0)
        before->number = known_number(cpu, before->object);
    return true;
}

/*
 * The thread whose code runs here, and the stack that it is on (not known: of interrupts, say); *named: the KPCR names
 * it, too. False: nobody tells.
 */
static bool who(struct guest_cpu *cpu, uint64_t sp, struct nt_stack *here, bool *named)
{
    struct nt_stack *before = &last[cpu->vm->index];
    uint64_t object = nt__read_current(cpu);
    *named = true;
    if (!object)
        return false;
    if (object == before->object && lies_on(sp, before->stack)) {
        *here = *before;
        return true;
    }
    struct frames_stack stack = read_stack(cpu, object);
    if (lies_on(sp, stack))
        *before = (struct nt_stack){object, 0, stack};
    else if (!is_leaving(cpu, sp, before)) {
        *here = (struct nt_stack){object, 0, {0, 0}};
        return true;
    }
    *here = *before;
    *named = here->object == object;
    return true;
}

/* Another vCPU has it for the moment of a look at who has ended. */
static struct function_thread *claim(uint64_t object, bool create)
{
    struct function_thread *t = functions_threads__claim(object, create);
    for (unsigned i = 0; !t && i < CLAIMS_MAX && functions_threads__is_kept(object); i++) {
        sched_yield();
        t = functions_threads__claim(object, create);
    }
    return t;
}

/*
 * Its number in the trace; told of there if it is new. If its object was another thread's, that one ends now. *stay:
 * what has become of it since this was asked for the last time.
 */
static uint64_t number_of(struct guest_cpu *cpu, uint64_t object, enum nt_stay *stay)
{
    struct calls_thread *thread = nt__thread_here(cpu, object);
    uint64_t number = 0;
    *stay = NT_STAYS;
    if (thread) {
        number = guest__of(thread)->number;
        *stay = (enum nt_stay)guest__of(thread)->nt.stay;
        guest__of(thread)->nt.stay = NT_STAYS;
        calls__thread_release(thread);
    }
    return number;
}

/*
 * It went to user mode and has come back for something new: what lies below where that begins is over. It is an
 * exception, or NtCallbackReturn, that leaves it behind; all services return to one place, so that what comes next may
 * look as if one of these had jumped to it. (Of NtCallbackReturn itself this is not asked: where it goes on is not
 * here.)
 */
static void drop_left(struct guest_cpu *cpu, struct function_thread *t, const struct nt_stack *here)
{
    uint32_t at = cpu->guest->nt.offset[NT_THREAD_INITIAL_STACK];
    uint64_t initial = 0;
    if (t->frames.n > 0 && at != NT_NONE &&
        vm__read_exact(cpu->vm, here->object + at, &initial, cpu->guest->nt.is_64 ? 8 : 4) &&
        initial > here->stack.low && initial <= here->stack.high)
        functions_calls__unwind(cpu, t, here->stack.low, initial);
}

/* What is kept of an object that belongs to another thread now, of which nobody told that it has ended, is not its. */
static void take_over(struct guest_cpu *cpu, struct function_thread *t, const struct nt_stack *here)
{
    struct nt_stack *before = &last[cpu->vm->index];
    if (here->number != t->number)
        functions_calls__end_thread(cpu, t, QBK_FUNCTION_THREAD_GONE);
    t->number = here->number;
    if (before->object == here->object)
        before->number = here->number;
}

static uint64_t stack_pointer(struct guest_cpu *cpu)
{
    return vm__reg(cpu->vm, VM_RSP) & (cpu->guest->nt.is_64 ? UINT64_MAX : UINT32_MAX);
}

static void unseen(void)
{
    __atomic_add_fetch(&functions.unseen, 1, __ATOMIC_RELAXED);
}

void functions_nt__on_entry(struct guest_cpu *cpu, uint32_t index)
{
    if (index >= functions.table.count)
        return;
    const struct functions_entry *entry = &functions.table.entry[index];
    unsigned word = cpu->guest->nt.is_64 ? 8 : 4;
    struct function_call call = {.index = index, .sp = stack_pointer(cpu)};
    struct nt_stack here;
    enum nt_stay stay = NT_STAYS;
    bool named;
    if (!who(cpu, call.sp, &here, &named)) {
        unseen();
        return;
    }
    cpu->now = vm__now(cpu->vm);
    /* First: it may end what is kept of this object. */
    if (named)
        here.number = number_of(cpu, here.object, &stay);
    struct function_thread *t = claim(here.object, true);
    if (!t) {
        unseen();
        return;
    }
    take_over(cpu, t, &here);
    if (stay == NT_LEFT)
        drop_left(cpu, t, &here);
    call.stack = here.stack;
    call.pops = entry->pops == FUNCTIONS_POPS_UNKNOWN ? FRAMES_POPS_UNKNOWN : (uint16_t)(word * (1u + entry->pops));
    call.returns = vm__read_exact(cpu->vm, call.sp, &call.ret, word) && in_kernel(cpu->guest, call.ret) &&
                   functions_calls__follows(cpu, call.ret);
    functions_calls__begin(cpu, t, &call);
    functions_threads__let_go(t);
}

void functions_nt__on_return(struct guest_cpu *cpu, uint64_t pc)
{
    uint64_t sp = stack_pointer(cpu);
    struct nt_stack here;
    bool named;
    if (!functions.at || !functions_shared__waits(pc, sp) || !who(cpu, sp, &here, &named))
        return;
    struct function_thread *t = claim(here.object, false);
    if (!t)
        return;
    cpu->now = vm__now(cpu->vm);
    functions_calls__end(cpu, t, pc, sp, here.stack);
    functions_threads__let_go(t);
}

void functions_nt__on_call(struct guest_cpu *cpu, uint64_t ret)
{
    unsigned word = cpu->guest->nt.is_64 ? 8 : 4;
    uint64_t sp = stack_pointer(cpu);
    struct nt_stack here;
    bool named;
    if (!functions.at || !functions_shared__lies(ret, sp - word) || !who(cpu, sp, &here, &named))
        return;
    struct function_thread *t = claim(here.object, false);
    if (!t)
        return;
    cpu->now = vm__now(cpu->vm);
    functions_calls__called(cpu, t, sp - word, here.stack);
    functions_threads__let_go(t);
}

void functions_nt__on_gone(struct guest_cpu *cpu, uint64_t object)
{
    struct function_thread *t = functions.at ? claim(object, false) : NULL;
    if (!t)
        return;
    functions_calls__end_thread(cpu, t, QBK_FUNCTION_THREAD_GONE);
    functions_threads__let_go(t);
}
