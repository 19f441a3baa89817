/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A call begins. As on Linux the order is that of cost: the number first, registers then, user memory last. */
#include <string.h>

#include "decode/decode.h"
#include "decode/nt/nt.h"
#include "guest/nt/io.h"
#include "guest/nt/nt.h"

#define UNKNOWN_ARGS_64 4u
#define UNKNOWN_ARGS_32 4u
#define UNKNOWN_NUMBER  4096u /* numbers without a row: beyond all rows, so that they are "unknown" to the filters */
#define STACK_SPAN      (1u << 20)

static const enum vm_reg regs_64[4] = {VM_R10, VM_RDX, VM_R8, VM_R9};

/* A number in the tables' own terms, and what it does to threads. */
static uint32_t row_of(const struct guest *g, uint32_t number)
{
    unsigned table = number >> 12 & 3, index = number & 0xfff;
    if (table < NT_TABLES && index < NT_TABLE_SIZE && g->nt.row[table][index])
        return g->nt.row[table][index] - 1u;
    return UNKNOWN_NUMBER + (number & 0x3fff);
}

static enum nt_control control_of(uint32_t row)
{
    switch (row) {
    case DECODE_NT_Continue:
    case DECODE_NT_ContinueEx:
        return NT_CONTINUES;
    case DECODE_NT_CallbackReturn:
        return NT_RETURNS_CALLBACK;
    case DECODE_NT_TerminateThread:
    case DECODE_NT_TerminateProcess:
        return NT_TERMINATES;
    default:
        return NT_NO_CONTROL;
    }
}

static unsigned args_of(const struct guest *g, const struct qebek_call *call)
{
    const struct decode_service *service = decode__service((enum qbk_abi)call->abi, call->nr);
    uint8_t bytes = call->number < NT_TABLE_SIZE ? g->nt.arg_bytes[call->number] : 0xff;
    unsigned n = g->nt.is_64 ? UNKNOWN_ARGS_64 : UNKNOWN_ARGS_32;
    if (service)
        n = service->nargs;
    else if (bytes != 0xff)
        n = bytes / 4u;
    return n < CALLS_ARGS_MAX ? n : CALLS_ARGS_MAX;
}

/* Arguments on the stack, in one read where they lie in one page. What cannot be read is 0. */
static void read_stack(struct guest_cpu *cpu, struct qebek_call *call, uint64_t at, unsigned from, unsigned until)
{
    uint64_t words[CALLS_ARGS_MAX];
    size_t have = from < until ? vm__read(cpu->vm, at, words, (until - from) * sizeof(words[0])) / sizeof(words[0]) : 0;
    for (unsigned i = from; i < until; i++) {
        if (i - from < have)
            call->args[i] = words[i - from];
        call->have_args |= 1u << i;
    }
}

/*
 * x86: edx points at the arguments or, where the stub called ntdll's gate, at two words before them: where the gate
 * returns to, and the stub. Returns the first: where the stub is; 0: no gate, or not readable.
 */
static uint64_t read_args_32(struct guest_cpu *cpu, enum insn_kind kind, bool gate, struct qebek_call *call)
{
    uint32_t words[2 + CALLS_ARGS_MAX] = {0};
    unsigned n = args_of(cpu->guest, call), before = gate || kind == INSN_SYSENTER ? 2 : 0;
    uint64_t at = vm__reg(cpu->vm, VM_RDX) & 0xffffffffu;
    if (kind == INSN_INT2E && gate)
        at -= 8;
    (void)vm__read(cpu->vm, at, words, (before + n) * sizeof(words[0]));
    for (unsigned i = 0; i < n; i++) {
        call->args[i] = words[before + i];
        call->have_args |= 1u << i;
    }
    return gate ? words[0] : 0;
}

static void read_args_64(struct guest_cpu *cpu, struct qebek_call *call)
{
    unsigned n = args_of(cpu->guest, call);
    for (unsigned i = 0; i < n && i < 4; i++) {
        call->args[i] = vm__reg(cpu->vm, regs_64[i]);
        call->have_args |= 1u << i;
    }
    read_stack(cpu, call, call->mark[NT_MARK_SP] + 0x28, 4, n);
}

/* Is the memory at `low` below the stack pointer on the same stack, so that it is not in use any more? */
static bool unwound(uint64_t low, uint64_t sp)
{
    return sp > low && sp - low < STACK_SPAN;
}

/* Calls whose dispatcher was jumped out of: their CONTEXT lies where the stack has ended by now. */
static void drop_unwound(struct guest_cpu *cpu, struct calls_thread *thread, uint64_t sp)
{
    struct qebek_call *top;
    while ((top = calls__top(thread)) != NULL && top->mark[NT_MARK_WAIT] == NT_SUSPENDED &&
           unwound(top->mark[NT_MARK_CONTEXT], sp))
        nt__give_up_above(cpu, thread, NULL);
}

/* The end of the call before was missed: a defect, and counted as one. */
static void drop_missed(struct guest_cpu *cpu, struct calls_thread *thread)
{
    if (guest__of(thread)->nt.where == NT_IN_CALL && thread->depth > 0)
        calls__end(cpu->guest->calls, thread, cpu->vm->index, cpu, QBK_END_ORPHANED, 0, 0);
}

/* One who asks for its own end tells with which status. */
static void ends(const struct guest *g, struct guest_thread *t, const struct qebek_call *call)
{
    uint64_t self = g->nt.is_64 ? UINT64_MAX : UINT32_MAX; /* NtCurrentProcess(); the thread's is one less */
    bool process = call->nr == DECODE_NT_TerminateProcess;
    if (call->args[0] != 0 && call->args[0] != (process ? self : self - 1))
        return;
    t->nt.ends = true;
    t->nt.ends_process = process;
    t->nt.status = (uint32_t)call->args[1];
}

static void enter(struct guest_cpu *cpu, struct calls_thread *thread, const struct qebek_call *call,
                  enum nt_control control)
{
    struct guest *g = cpu->guest;
    struct guest_thread *t = guest__of(thread);
    drop_missed(cpu, thread);
    nt_io__enters(cpu, t, call->nr, call->args);
    if (thread->depth > 0)
        drop_unwound(cpu, thread, call->mark[NT_MARK_SP]);
    cpu->thread = thread;
    bool watched = calls__wanted(g->calls, (enum qbk_abi)call->abi, call->nr) && (!t->skip || g->has_modules) &&
                   calls__enter(g->calls, thread, cpu->vm->index, call, true) != NULL;
    if (!watched)
        cpu->count[QBK_COUNT_UNWATCHED]++;
    t->nt.where = watched ? NT_IN_CALL : NT_IN_UNWATCHED;
    t->nt.control = (uint8_t)control;
    t->nt.context = control == NT_CONTINUES ? call->args[0] : 0;
    t->nt.ip = call->cookie;
    t->nt.sp = call->mark[NT_MARK_SP];
    if (control == NT_RETURNS_CALLBACK) {
        t->nt.stay = NT_RESUMES;
        nt__callback_returns(cpu, thread);
    }
    if (control == NT_TERMINATES) {
        nt__sweep_soon(g);
        ends(g, t, call);
    }
}

static bool is_64_bit(struct guest_cpu *cpu, unsigned flags)
{
    return cpu->guest->nt.is_64 && ((flags & VM_CERTAINLY_64) || (vm__reg(cpu->vm, VM_CS) & 0xffff) == 0x33);
}

/* The thread that makes the call: the one that last left for user mode here. At first, who the KPCR says it is. */
static struct calls_thread *caller(struct guest_cpu *cpu)
{
    if (cpu->object)
        return nt__thread_known(cpu, cpu->object);
    uint64_t object = nt__read_current(cpu);
    if (!object)
        return NULL;
    cpu->object = object;
    return nt__thread_here(cpu, object);
}

/* Where the stack is when the call returns. */
static uint64_t stack_of(struct guest_cpu *cpu, enum insn_kind kind)
{
    return kind == INSN_SYSENTER ? vm__reg(cpu->vm, VM_RDX) & 0xffffffffu : vm__reg(cpu->vm, VM_RSP);
}

static void prepare(struct guest_cpu *cpu, const struct guest_thread *t, enum insn_kind kind, unsigned flags,
                    unsigned page_offset, struct qebek_call *call)
{
    uint64_t pc = vm__pc(cpu->vm, page_offset), stub = 0;
    if (kind != INSN_SYSENTER) /* that goes on where the kernel was told to, at KiFastSystemCallRet */
        call->cookie = pc + (flags >> VM_LENGTH_SHIFT);
    cpu->sp = call->mark[NT_MARK_SP];
    if (cpu->guest->nt.is_64)
        read_args_64(cpu, call);
    else
        stub = read_args_32(cpu, kind, nt__through_gate(cpu->guest, kind, pc), call);
    if (!t->skip)
        nt__find_origin(cpu, t, pc, stub);
}

void nt__on_entry(struct guest_cpu *cpu, enum insn_kind kind, unsigned flags, unsigned page_offset)
{
    struct guest *g = cpu->guest;
    bool ours = kind == INSN_INT2E || kind == INSN_INT2B || (kind == INSN_SYSCALL && is_64_bit(cpu, flags)) ||
                (kind == INSN_SYSENTER && !g->nt.is_64);
    if (!ours) {
        cpu->count[QBK_COUNT_REFUSED]++;
        return;
    }
    uint32_t number = (uint32_t)vm__reg(cpu->vm, VM_RAX), row = row_of(g, number);
    enum qbk_abi abi = g->nt.is_64 ? QBK_ABI_NT_X64 : QBK_ABI_NT_X86;
    struct qebek_call call = {.nr = row, .number = number, .abi = (uint8_t)abi, .machine = cpu};
    cpu->now = vm__now(cpu->vm);
    struct calls_thread *thread = caller(cpu);
    if (!thread) {
        cpu->count[QBK_COUNT_BEFORE_START]++;
        return;
    }
    if (kind == INSN_INT2B) {
        cpu->count[QBK_COUNT_REFUSED]++; /* ends a callback; it is no call of its own */
        cpu->thread = thread;
        guest__of(thread)->nt.stay = NT_RESUMES;
        nt__callback_returns(cpu, thread);
    } else {
        enum nt_control control = control_of(row);
        bool wanted = calls__wanted(g->calls, abi, row);
        call.mark[NT_MARK_SP] = stack_of(cpu, kind);
        if (wanted || control != NT_NO_CONTROL || thread->depth > 0 || (nt_io__waits(row) && g->io))
            prepare(cpu, guest__of(thread), kind, flags, page_offset, &call);
        enter(cpu, thread, &call, control);
    }
    cpu->thread = NULL;
    calls__thread_release(thread);
}
