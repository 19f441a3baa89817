/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/find/nt/code.h"

#include <Zydis/Zydis.h>

#define INSNS_MAX     24u
#define BYTES_MAX     160u
#define KPCR_THREAD64 0x188
#define KPCR_THREAD32 0x124
#define UNIPROC_KPCR  0xffdff000u /* where kernels for one processor have it, before Vista */

struct reader {
    ZydisDecoder decoder;
    const struct pe *pe;
    const uint8_t *at;
    size_t left;
    uint32_t rva; /* of `at` */
    bool is_64;
    ZydisDecodedInstruction insn;
    ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

static bool reader_open(struct reader *r, const struct pe *pe, uint32_t rva)
{
    ZyanStatus status =
        ZydisDecoderInit(&r->decoder, pe->is_64 ? ZYDIS_MACHINE_MODE_LONG_64 : ZYDIS_MACHINE_MODE_LEGACY_32,
                         pe->is_64 ? ZYDIS_STACK_WIDTH_64 : ZYDIS_STACK_WIDTH_32);
    r->pe = pe;
    r->rva = rva;
    r->is_64 = pe->is_64;
    r->at = pe__some(pe, rva, BYTES_MAX, &r->left);
    return r->at && ZYAN_SUCCESS(status);
}

static bool reader_next(struct reader *r)
{
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&r->decoder, r->at, r->left, &r->insn, r->op)))
        return false;
    r->at += r->insn.length;
    r->rva += r->insn.length;
    r->left -= r->insn.length;
    return true;
}

/*
 * ---- getters ----
 * The function is followed with what each register is known to hold: nothing, the argument, the current thread, a place
 * on the stack; each plus an offset, or what lies there. A number is an offset from nothing.
 */
enum what { W_NOTHING = 0, W_NUMBER, W_ARGUMENT, W_THREAD, W_STACK };
struct value {
    enum what what;
    bool loaded; /* what lies at the offset, not its address */
    int64_t offset;
};
#define REGS 16u
struct state {
    struct value reg[REGS];
    bool is_64;
};

/* The whole register's number, whichever part of it is named; REGS if it is none of ours. */
static unsigned reg_index(ZydisRegister reg)
{
    ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
    if (whole < ZYDIS_REGISTER_RAX || whole > ZYDIS_REGISTER_R15)
        return REGS;
    return (unsigned)(whole - ZYDIS_REGISTER_RAX);
}

#define RAX 0u
#define RCX 1u
#define RDX 2u
#define RSP 4u

static struct value reg_value(const struct state *s, ZydisRegister reg)
{
    unsigned i = reg_index(reg);
    return i < REGS ? s->reg[i] : (struct value){0};
}

/* The address that a memory operand forms; false: not one that we follow. */
static bool address_of(const struct state *s, const ZydisDecodedOperand *op, struct value *out)
{
    if (op->mem.index != ZYDIS_REGISTER_NONE || op->mem.base == ZYDIS_REGISTER_NONE)
        return false;
    *out = reg_value(s, op->mem.base);
    out->offset += op->mem.disp.has_displacement ? op->mem.disp.value : 0;
    return out->what > W_NUMBER && !out->loaded;
}

/* gs:[188h], fs:[124h]; x86 kernels for one processor also name the address itself. */
static bool is_current_thread(const struct state *s, const ZydisDecodedOperand *op)
{
    if (op->mem.base != ZYDIS_REGISTER_NONE || op->mem.index != ZYDIS_REGISTER_NONE)
        return false;
    if (!s->is_64 && op->mem.segment == ZYDIS_REGISTER_DS)
        return (uint32_t)op->mem.disp.value == UNIPROC_KPCR + KPCR_THREAD32;
    return op->mem.segment == (s->is_64 ? ZYDIS_REGISTER_GS : ZYDIS_REGISTER_FS) &&
           op->mem.disp.value == (s->is_64 ? KPCR_THREAD64 : KPCR_THREAD32);
}

static struct value load_value(const struct state *s, const ZydisDecodedOperand *op)
{
    struct value at;
    if (is_current_thread(s, op))
        return (struct value){.what = W_THREAD};
    if (op->mem.segment == ZYDIS_REGISTER_GS || op->mem.segment == ZYDIS_REGISTER_FS || !address_of(s, op, &at))
        return (struct value){0};
    if (at.what == W_STACK) /* x86: the argument lies above the return address */
        return !s->is_64 && at.offset == 4 ? (struct value){.what = W_ARGUMENT} : (struct value){0};
    at.loaded = true;
    return at;
}

static bool do_move(struct state *s, const struct reader *r)
{
    const ZydisDecodedOperand *to = &r->op[0], *from = &r->op[1];
    struct value v = {0};
    if (to->type == ZYDIS_OPERAND_TYPE_MEMORY) /* saving something on the stack, or in the caller's home space */
        return address_of(s, to, &v) && v.what == W_STACK;
    unsigned i = to->type == ZYDIS_OPERAND_TYPE_REGISTER ? reg_index(to->reg.value) : REGS;
    if (i >= REGS || i == RSP)
        return false;
    if (from->type == ZYDIS_OPERAND_TYPE_REGISTER)
        v = reg_value(s, from->reg.value);
    else if (from->type == ZYDIS_OPERAND_TYPE_MEMORY)
        v = load_value(s, from);
    else if (from->type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
        v = (struct value){.what = W_NUMBER, .offset = from->imm.value.s};
    s->reg[i] = v;
    return true;
}

static bool do_lea(struct state *s, const struct reader *r)
{
    struct value v = {0};
    unsigned i = reg_index(r->op[0].reg.value);
    if (i >= REGS || i == RSP)
        return false;
    (void)address_of(s, &r->op[1], &v);
    s->reg[i] = v;
    return true;
}

/* push, pop, add and sub with a constant: of the stack pointer, or on the object's address. */
static bool do_arithmetic(struct state *s, const struct reader *r)
{
    unsigned i = r->op[0].type == ZYDIS_OPERAND_TYPE_REGISTER ? reg_index(r->op[0].reg.value) : REGS;
    if (i < REGS && i != RSP && r->insn.mnemonic == ZYDIS_MNEMONIC_ADD && s->reg[i].what == W_NUMBER &&
        r->op[1].type == ZYDIS_OPERAND_TYPE_MEMORY) { /* the offset was there first, and the object is added */
        struct value v = load_value(s, &r->op[1]);
        v.offset += s->reg[i].offset;
        s->reg[i] = v.loaded ? (struct value){0} : v;
        return s->reg[i].what == W_ARGUMENT;
    }
    if (i >= REGS || r->op[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE || s->reg[i].loaded)
        return false;
    int64_t by = r->op[1].imm.value.s;
    s->reg[i].offset += r->insn.mnemonic == ZYDIS_MNEMONIC_ADD ? by : -by;
    return true;
}

static bool step(struct state *s, const struct reader *r)
{
    unsigned i;
    switch (r->insn.mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
        return do_move(s, r);
    case ZYDIS_MNEMONIC_LEA:
        return do_lea(s, r);
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_SUB:
        return do_arithmetic(s, r);
    case ZYDIS_MNEMONIC_PUSH:
        s->reg[RSP].offset -= s->is_64 ? 8 : 4;
        return true;
    case ZYDIS_MNEMONIC_POP:
        s->reg[RSP].offset += s->is_64 ? 8 : 4;
        i = r->op[0].type == ZYDIS_OPERAND_TYPE_REGISTER ? reg_index(r->op[0].reg.value) : REGS;
        if (i < REGS && i != RSP)
            s->reg[i] = (struct value){0};
        return i < REGS;
    case ZYDIS_MNEMONIC_LEAVE:
        s->reg[RSP] = (struct value){.what = W_STACK};
        s->reg[5] = (struct value){0};
        return true;
    case ZYDIS_MNEMONIC_NOP:
    case ZYDIS_MNEMONIC_ENDBR64:
    case ZYDIS_MNEMONIC_INT3:
        return r->insn.mnemonic != ZYDIS_MNEMONIC_INT3;
    default:
        return false;
    }
}

static enum code_result meaning(const struct value *v, uint32_t *offset)
{
    if (v->offset < 0 || v->offset > 65535)
        return CODE_NOTHING;
    *offset = (uint32_t)v->offset;
    if (v->what == W_ARGUMENT)
        return v->loaded ? CODE_FIELD : CODE_ADDRESS;
    return v->what == W_THREAD && v->loaded ? CODE_THREAD_FIELD : CODE_NOTHING;
}

static bool do_call(struct state *s, const struct reader *r);

/* Follows straight code to its return. */
static bool follow(struct state *s, struct reader *r, bool calls)
{
    for (unsigned n = 0; n < INSNS_MAX && reader_next(r); n++) {
        if (r->insn.mnemonic == ZYDIS_MNEMONIC_RET)
            return true;
        bool call = calls && r->insn.mnemonic == ZYDIS_MNEMONIC_CALL;
        if (call ? !do_call(s, r) : !step(s, r))
            return false;
    }
    return false;
}

/* Where compilers do not put it in place, the current thread comes from a function of the kernel's; no other call is
 * followed. */
static bool do_call(struct state *s, const struct reader *r)
{
    static const unsigned volatiles[] = {RCX, RDX, 8, 9, 10, 11};
    struct reader callee;
    struct state inner = {.is_64 = s->is_64};
    const struct value *v = &inner.reg[RAX];
    if (r->op[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
        return false;
    int64_t rva = (int64_t)r->rva + r->op[0].imm.value.s;
    inner.reg[RSP] = (struct value){.what = W_STACK};
    if (rva < 0 || rva >= (int64_t)r->pe->size || !reader_open(&callee, r->pe, (uint32_t)rva) ||
        !follow(&inner, &callee, false) || callee.op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE || v->what != W_THREAD ||
        v->loaded || v->offset != 0)
        return false;
    for (unsigned i = 0; i < sizeof(volatiles) / sizeof(volatiles[0]); i++)
        s->reg[volatiles[i]] = (struct value){0};
    s->reg[RAX] = *v;
    return true;
}

enum code_result code__getter(const struct pe *pe, uint32_t rva, uint32_t *offset)
{
    struct reader r;
    struct state s = {.is_64 = pe->is_64};
    s.reg[RSP] = (struct value){.what = W_STACK};
    if (pe->is_64)
        s.reg[RCX] = (struct value){.what = W_ARGUMENT};
    return reader_open(&r, pe, rva) && follow(&s, &r, true) ? meaning(&s.reg[RAX], offset) : CODE_NOTHING;
}

/* ---- stubs ---- */

static bool loads_number(const struct reader *r, uint32_t *number)
{
    if (r->insn.mnemonic != ZYDIS_MNEMONIC_MOV || r->op[0].type != ZYDIS_OPERAND_TYPE_REGISTER ||
        r->op[0].reg.value != ZYDIS_REGISTER_EAX || r->op[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
        return false;
    *number = (uint32_t)r->op[1].imm.value.u;
    return *number < 0x4000;
}

/* What goes on into the kernel: the instruction itself, or on x86 a call through the shared page, in the kernel a jump
 * or call to its own entry. */
static bool enters(const struct reader *r)
{
    switch (r->insn.mnemonic) {
    case ZYDIS_MNEMONIC_SYSCALL:
    case ZYDIS_MNEMONIC_SYSENTER:
    case ZYDIS_MNEMONIC_CALL:
    case ZYDIS_MNEMONIC_JMP:
        return true;
    case ZYDIS_MNEMONIC_INT:
        return r->op[0].imm.value.u == 0x2e;
    default:
        return false;
    }
}

bool code__stub(const struct pe *pe, uint32_t rva, uint32_t *number, uint8_t *arg_bytes)
{
    struct reader r;
    bool have = false, entered = false;
    *arg_bytes = 0xff;
    if (!reader_open(&r, pe, rva))
        return false;
    for (unsigned n = 0; n < INSNS_MAX && reader_next(&r); n++) {
        if (r.insn.mnemonic == ZYDIS_MNEMONIC_RET) {
            uint64_t takes = r.op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? r.op[0].imm.value.u : 0;
            if (!pe->is_64 && takes <= 80 && takes % 4 == 0)
                *arg_bytes = (uint8_t)takes;
            break;
        }
        if (!have)
            have = loads_number(&r, number);
        else if (enters(&r))
            entered = true;
        if (entered && r.insn.mnemonic == ZYDIS_MNEMONIC_JMP)
            break;
    }
    return have && entered;
}

/* ---- what a function takes off the stack ---- */

#define WAYS_MAX  64u  /* places that jumps lead to, of one function */
#define STEPS_MAX 600u /* instructions that are looked at, of all its ways */

struct ways {
    uint32_t rva[WAYS_MAX];
    unsigned n, done;
    int pops; /* -1: no return yet */
    bool clear;
};

static void add_way(struct ways *w, const struct pe *pe, int64_t rva)
{
    if (rva < 0 || rva >= (int64_t)pe->size || w->n == WAYS_MAX)
        return;
    for (unsigned i = 0; i < w->n; i++) {
        if (w->rva[i] == (uint32_t)rva)
            return;
    }
    w->rva[w->n++] = (uint32_t)rva;
}

static void returns(struct ways *w, const struct reader *r)
{
    int takes = r->op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? (int)(r->op[0].imm.value.u & 0xffff) : 0;
    w->clear = w->clear && (w->pops < 0 || w->pops == takes);
    w->pops = takes;
}

/* False: this way goes no further. */
static bool go_on(struct ways *w, const struct reader *r)
{
    ZydisInstructionCategory category = r->insn.meta.category;
    bool jumps = category == ZYDIS_CATEGORY_UNCOND_BR;
    if (r->insn.mnemonic == ZYDIS_MNEMONIC_RET) {
        returns(w, r);
        return false;
    }
    if ((jumps || category == ZYDIS_CATEGORY_COND_BR) && r->op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
        add_way(w, r->pe, (int64_t)r->rva + r->op[0].imm.value.s);
    return !jumps && r->insn.mnemonic != ZYDIS_MNEMONIC_INT3 && r->insn.mnemonic != ZYDIS_MNEMONIC_HLT;
}

int code__pops(const struct pe *pe, uint32_t rva)
{
    struct ways w = {.pops = -1, .clear = true};
    struct reader r;
    add_way(&w, pe, rva);
    for (unsigned steps = 0; w.done < w.n && steps < STEPS_MAX;) {
        uint32_t at = w.rva[w.done++];
        for (bool on = reader_open(&r, pe, at); on && steps < STEPS_MAX; steps++) {
            if (r.left < ZYDIS_MAX_INSTRUCTION_LENGTH) /* the reader sees some bytes at a time */
                on = reader_open(&r, pe, r.rva);
            on = on && reader_next(&r) && go_on(&w, &r);
        }
    }
    return w.clear ? w.pops : -1;
}

/* ---- service tables ---- */

#define LEA_PAIR 14u /* lea r10, [rip + …]; lea r11, [rip + …] */

static uint32_t lea_target(const uint8_t *insn, uint32_t rva)
{
    uint32_t distance;
    memcpy(&distance, insn + 3, sizeof(distance));
    return rva + LEA_PAIR / 2 + distance;
}

/* In one page of the image, which may end in the midst of an instruction: two pages are taken as one where both are
 * there. More than one pair of targets: not clear. */
static bool scan_page(const struct pe *pe, uint32_t rva, uint32_t found[2])
{
    static const uint8_t r10[] = {0x4c, 0x8d, 0x15}, r11[] = {0x4c, 0x8d, 0x1d};
    size_t have = 4096 + LEA_PAIR;
    const uint8_t *code = pe__bytes(pe, rva, have);
    if (!code)
        code = pe__bytes(pe, rva, have = 4096);
    for (const uint8_t *p = code; p && (p = memmem(p, have - (size_t)(p - code), r10, sizeof(r10))) != NULL; p++) {
        if ((size_t)(p - code) + LEA_PAIR > have || memcmp(p + LEA_PAIR / 2, r11, sizeof(r11)) != 0)
            continue;
        uint32_t at = rva + (uint32_t)(p - code);
        uint32_t one = lea_target(p, at), two = lea_target(p + LEA_PAIR / 2, at + LEA_PAIR / 2);
        if (one >= pe->size || two >= pe->size || one % 8 || two % 8 || one == two)
            continue;
        if (found[0] && (found[0] != one || found[1] != two))
            return false;
        found[0] = one;
        found[1] = two;
    }
    return true;
}

bool code__service_tables(const struct pe *pe, uint64_t *plain, uint64_t *shadow)
{
    uint64_t base = pe->image->base + pe->at;
    uint32_t found[2] = {pe->is_64 ? 0 : pe__export(pe, "KeServiceDescriptorTable"), 0};
    bool clear = true;
    for (uint32_t rva = 0; pe->is_64 && clear && rva < pe->size; rva += 4096)
        clear = scan_page(pe, rva, found);
    *plain = found[0] && clear ? base + found[0] : 0;
    *shadow = found[1] && clear ? base + found[1] : 0;
    return *plain != 0;
}
