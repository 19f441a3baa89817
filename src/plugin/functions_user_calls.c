/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls of hooked functions of user code begin and end. */
#include "plugin/functions_user.h"

#define PAGE        4096u
#define USER_CS_64  0x33u /* __USER_CS of Linux x86-64 (arch/x86/include/asm/segment.h) */
#define BELOW_4_GIB (1ull << 32)

static bool ready(const struct guest_cpu *cpu)
{
    return cpu && __atomic_load_n(&plugin.guest.phase, __ATOMIC_ACQUIRE) == GUEST_LINUX && functions_user__wanted();
}

/* The same library may be there for 32-bit programs, but it is another file; an address alone tells nothing. */
static bool is_64(struct guest_cpu *cpu, uint64_t pc)
{
    return pc >= BELOW_4_GIB || (vm__reg(cpu->vm, VM_CS) & 0xffff) == USER_CS_64;
}

/*
 * The guest's own tracer (uretprobes) puts the address of its trampoline, the beginning of a page, into the place of a
 * return address, after the first function of a frame was entered. What else was reached by a jump returns to where
 * that one does.
 */
static uint64_t true_return(struct frames *frames, uint64_t sp, uint64_t ret)
{
    const struct frame *there = ret % PAGE == 0 ? frames__in_slot(frames, sp) : NULL;
    return there ? there->ret : ret;
}

void functions__on_user_function(struct vm_cpu *vm, unsigned page_offset)
{
    struct guest_cpu *cpu = vm->owner;
    if (!ready(cpu))
        return;
    uint64_t pc = vm__pc(vm, page_offset);
    uint32_t index = functions_user__at(cpu, pc);
    if (index == FUNCTIONS_NONE || !is_64(cpu, pc))
        return;
    struct function_call call = {.index = index, .pops = sizeof(uint64_t), .sp = vm__reg(vm, VM_RSP)};
    struct function_thread *t = functions_threads__running(cpu, call.sp, false);
    if (!t)
        return;
    call.returns = vm__read_exact(vm, call.sp, &call.ret, sizeof(call.ret));
    if (call.returns)
        call.ret = true_return(&t->frames, call.sp, call.ret);
    call.returns = call.returns && (int64_t)call.ret > 0 && functions_calls__follows(cpu, call.ret);
    cpu->now = vm__now(vm);
    functions_calls__begin(cpu, t, &call);
}

void functions__on_user_return(struct vm_cpu *vm, unsigned page_offset)
{
    const struct frames_stack unknown = {0, 0};
    struct guest_cpu *cpu = vm->owner;
    struct function_thread *t = ready(cpu) ? functions.on[vm->index] : NULL;
    if (!t)
        return;
    cpu->now = vm__now(vm);
    functions_calls__end(cpu, t, vm__pc(vm, page_offset), vm__reg(vm, VM_RSP), unknown);
}
