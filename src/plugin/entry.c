/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A call begins. The order is that of cost: the number and one look-up decide for calls that nobody asked for;
 * registers are read for the others; guest memory last.
 *
 * What needs kernel memory (who is this thread, what does this descriptor stand for) cannot be read at the instruction
 * itself when page tables are isolated. Such an entry is put off to the first kernel function that every call passes
 * (do_syscall_64 and its 32-bit brothers), where user memory is as it was and kernel memory is there.
 */
#include <string.h>

#include "decode/decode.h"
#include "guest/linux/linux.h"
#include "guest/nt/nt.h"
#include "guest/raw.h"
#include "plugin/plugin.h"

#define USER_CS_64     0x33u /* __USER_CS of Linux x86-64, and NT's (arch/x86/include/asm/segment.h) */
#define MAX_ARGS_LINUX 6u

static const enum vm_reg regs_64[MAX_ARGS_LINUX] = {VM_RDI, VM_RSI, VM_RDX, VM_R10, VM_R8, VM_R9};
static const enum vm_reg regs_32[MAX_ARGS_LINUX] = {VM_RBX, VM_RCX, VM_RDX, VM_RSI, VM_RDI, VM_RBP};

/* Which interface does this instruction reach? QBK_ABIS: none (it faults in this guest). */
static enum qbk_abi abi_of(struct guest_cpu *cpu, enum insn_kind kind, unsigned flags)
{
    if (kind == INSN_SYSCALL) {
        bool wide = (flags & VM_CERTAINLY_64) || (vm__reg(cpu->vm, VM_CS) & 0xffff) == USER_CS_64;
        return wide ? QBK_ABI_LINUX_X86_64 : QBK_ABI_LINUX_I386;
    }
    return kind == INSN_INT80 || kind == INSN_SYSENTER ? QBK_ABI_LINUX_I386 : QBK_ABIS;
}

/*
 * 32-bit calls carry their sixth argument on the user's stack where ebp is needed otherwise, and the AMD instruction,
 * which destroys ecx, has the second in ebp (arch/x86/entry/vdso/vdso32/system_call.S, entry/common.c).
 */
static uint64_t arg_32(struct guest_cpu *cpu, enum insn_kind kind, unsigned i)
{
    uint32_t value = 0;
    if (kind == INSN_SYSCALL && i == 1)
        return vm__reg(cpu->vm, VM_RBP) & 0xffffffffu;
    if (kind != INSN_INT80 && i == 5) {
        uint64_t at = vm__reg(cpu->vm, kind == INSN_SYSENTER ? VM_RBP : VM_RSP) & 0xffffffffu;
        return vm__read_exact(cpu->vm, at, &value, sizeof(value)) ? value : 0;
    }
    return vm__reg(cpu->vm, regs_32[i]) & 0xffffffffu;
}

static void read_args(struct guest_cpu *cpu, enum insn_kind kind, struct qebek_call *call)
{
    const struct decode_service *service = decode__service((enum qbk_abi)call->abi, call->nr);
    unsigned n = service ? service->nargs : MAX_ARGS_LINUX;
    for (unsigned i = 0; i < n && i < MAX_ARGS_LINUX; i++)
        call->args[i] = call->abi == QBK_ABI_LINUX_I386 ? arg_32(cpu, kind, i) : vm__reg(cpu->vm, regs_64[i]);
    call->have_args = (1u << (n < MAX_ARGS_LINUX ? n : MAX_ARGS_LINUX)) - 1;
}

/* Hand the call to its hooks; the thread is known. */
static void enter(struct guest_cpu *cpu, const struct qebek_call *prepared)
{
    struct guest *g = cpu->guest;
    struct guest_thread *t = guest__of(cpu->thread);
    if (t->skip && !g->has_modules) {
        cpu->count[QBK_COUNT_UNWATCHED]++;
        return;
    }
    guest__call_over(t);
    t->in_signal_work = false;
    uint64_t records = cpu->count[QBK_COUNT_ENTRIES], no_room = calls__no_room(g->calls, cpu->vm->index);
    if (calls__enter(g->calls, cpu->thread, cpu->vm->index, prepared, false))
        vm__set_pending(cpu->vm, true);
    if (calls__no_room(g->calls, cpu->vm->index) != no_room)
        cpu->count[QBK_COUNT_NO_ROOM]++;
    else if (cpu->count[QBK_COUNT_ENTRIES] == records) /* not by the tracer; a module may watch it */
        cpu->count[QBK_COUNT_UNWATCHED]++;
}

/* Found out once for each kernel, at the first call that it matters for. */
static void learn_isolation(struct guest_cpu *cpu)
{
    struct guest *g = cpu->guest;
    if (!g->isolation_known && g->layout.current) {
        g->isolated = linux__read_current(cpu, true) == 0;
        g->isolation_known = true;
    }
}

static bool needs_kernel_memory(struct guest_cpu *cpu, const struct qebek_call *call)
{
    const struct guest *g = cpu->guest;
    cpu->checking = (g->settings.flags & LINK_COMPARE_IDENTITY) || identity__due(cpu);
    if (!cpu->thread || !g->follow_switch || cpu->checking)
        return true;
    const struct decode_service *service = decode__service((enum qbk_abi)call->abi, call->nr);
    return descriptors__room(g, (enum qbk_abi)call->abi, service) > 0 ||
           ((g->settings.flags & LINK_OBJECTS) && descriptors__taken(service));
}

static bool can_defer(const struct guest *g, enum insn_kind kind)
{
    static const enum linux_probe where[INSN_KINDS] = {[INSN_SYSCALL] = LINUX_PROBE_DO_SYSCALL_64,
                                                       [INSN_INT80] = LINUX_PROBE_DO_INT80,
                                                       [INSN_SYSENTER] = LINUX_PROBE_DO_FAST_32};
    return g->layout.probe[where[kind]] != 0;
}

/* Who makes the call is known from here on, or it is only counted. */
static void enter_identified(struct guest_cpu *cpu, const struct qebek_call *call, bool user_gs)
{
    if (identity__establish(cpu, user_gs, cpu->checking))
        enter(cpu, call);
    else
        cpu->count[QBK_COUNT_BEFORE_START]++;
    linux__event_ends(cpu);
}

static void enter_raw(struct guest_cpu *cpu, struct qebek_call *call)
{
    pthread_mutex_lock(&cpu->guest->raw_lock);
    cpu->thread = raw__at_entry(cpu);
    if (cpu->thread)
        enter(cpu, call);
    else
        cpu->count[QBK_COUNT_NO_ROOM]++;
    pthread_mutex_unlock(&cpu->guest->raw_lock);
}

static void enter_linux(struct guest_cpu *cpu, enum insn_kind kind, struct qebek_call *call)
{
    struct guest *g = cpu->guest;
    if (!needs_kernel_memory(cpu, call)) {
        enter(cpu, call);
        return;
    }
    learn_isolation(cpu);
    if (!g->isolated) {
        enter_identified(cpu, call, true);
    } else if (!g->follow_switch) { /* nothing tells who runs when the call returns */
        lookout__give_up(cpu, "the context switch was not found, and page tables are isolated");
        enter_raw(cpu, call);
    } else if (can_defer(g, call->abi == QBK_ABI_LINUX_I386 && kind == INSN_SYSCALL ? INSN_SYSENTER : kind)) {
        cpu->count[QBK_COUNT_REFUSED] += cpu->deferring; /* one that never reached the kernel's own code */
        cpu->deferred = *call;
        cpu->deferring = true;
        vm__set_deferred(cpu->vm, true);
    } else {
        enter_identified(cpu, call, true);
    }
}

void entry__resume(struct guest_cpu *cpu)
{
    if (!cpu->deferring)
        return;
    cpu->deferring = false;
    vm__set_deferred(cpu->vm, cpu->between);
    enter_identified(cpu, &cpu->deferred, false);
}

/* False: counted, and nothing more to do. */
static bool tracing(struct guest_cpu *cpu, enum guest_phase *phase)
{
    *phase = __atomic_load_n(&cpu->guest->phase, __ATOMIC_ACQUIRE);
    if (*phase == GUEST_LINUX || *phase == GUEST_NT || *phase == GUEST_RAW)
        return true;
    if (*phase == GUEST_LOOKING && lookout__on_call(cpu)) {
        *phase = GUEST_RAW;
        return true;
    }
    cpu->count[QBK_COUNT_BEFORE_START]++;
    return false;
}

void entry__on_entry(struct vm_cpu *vm, enum insn_kind kind, unsigned flags, unsigned page_offset, uint32_t eax)
{
    struct guest_cpu *cpu = vm->owner;
    enum guest_phase phase;
    if (!cpu || !tracing(cpu, &phase))
        return;
    if (phase == GUEST_NT) {
        if (cpu->guest->nt.stubs[0].start == 0 || cpu->guest->nt.stubs[1].start == 0)
            lookout_nt__on_call(cpu, kind, page_offset);
        nt__on_entry(cpu, kind, flags, page_offset);
        return;
    }
    if (cpu->watched & LINK_WATCH_INSNS) {
        cpu->now = vm__now(cpu->vm);
        code__on_call(cpu);
    }
    enum qbk_abi abi = phase == GUEST_RAW ? QBK_ABI_RAW : abi_of(cpu, kind, flags);
    if (abi == QBK_ABIS) {
        cpu->count[QBK_COUNT_REFUSED]++;
        return;
    }
    uint32_t nr = flags & VM_EAX_KNOWN ? eax : (uint32_t)vm__reg(vm, VM_RAX);
    if (!calls__wanted(cpu->guest->calls, abi, nr)) {
        cpu->count[QBK_COUNT_UNWATCHED]++;
        return;
    }
    cpu->now = vm__now(cpu->vm);
    struct qebek_call *call = &cpu->beginning; /* not cleared: have_args tells which arguments are this call's */
    call->nr = nr;
    call->abi = (uint8_t)abi;
    call->cookie = 0;
    const struct decode_service *service = decode__service(abi, nr);
    bool resumes = service && (service->flags & DECODE_RESUMES); /* what it restores lies on the stack */
    if (cpu->guest->settings.flags & LINK_IP)
        call->cookie = vm__pc(vm, page_offset) + (flags >> VM_LENGTH_SHIFT);
    if (resumes || (cpu->guest->settings.flags & LINK_IP))
        cpu->sp = vm__reg(vm, VM_RSP);
    call->machine = cpu;
    read_args(cpu, kind, call);
    if (phase == GUEST_RAW)
        enter_raw(cpu, call);
    else
        enter_linux(cpu, kind, call);
}
