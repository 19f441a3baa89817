/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which instructions get which callback, and what those callbacks tell the rest of the plugin. */
#include <string.h>

#include "vm/internal.h"

#define RESET_VECTOR 0xfffffff0u
#define RESET_CS     0xf000u
#define CALL_REL32   5u /* bytes of such a call */

#define BLOCK_BYTES_MAX 8192u /* two pages, which is as far as QEMU translates at a time */

/*
 * ---- execution ----
 * What a callback needs to know of its site travels in the userdata pointer itself, so that nothing is allocated for a
 * translation: bits 0-7 kind or probe, 8-15 flags, 16-27 offset in the page, 32-63 eax of an entry.
 */
static void *site_pack(unsigned kind, unsigned flags, uint64_t address)
{
    return (void *)(uintptr_t)(kind | flags << 8 | (unsigned)(address & 0xfff) << 16);
}

static void on_entry(unsigned int index, void *site)
{
    uintptr_t s = (uintptr_t)site;
    vm.events->entry(&vm.cpu[index], (enum insn_kind)(s & 0xff), (unsigned)(s >> 8) & 0xff, (unsigned)(s >> 16) & 0xfff,
                     (uint32_t)(s >> 32));
}

static void on_leave(unsigned int index, void *site)
{
    vm.events->leave(&vm.cpu[index], (enum insn_kind)((uintptr_t)site & 0xff));
}

static void on_page_table(unsigned int index, void *unused)
{
    (void)unused;
    vm.events->page_table(&vm.cpu[index]);
}

static void on_probe(unsigned int index, void *site)
{
    vm.events->probe(&vm.cpu[index], (unsigned)((uintptr_t)site & 0xff));
}

static void on_kernel(unsigned int index, void *address)
{
    vm.events->kernel(&vm.cpu[index], (uint64_t)(uintptr_t)address);
}

static void on_attention(unsigned int index, void *unused)
{
    (void)unused;
    struct vm_board *board = qemu_plugin_scoreboard_find(vm.board, index);
    __atomic_store_n(&board->attention, 0, __ATOMIC_RELAXED);
    vm.events->attention(&vm.cpu[index]);
}

/*
 * Any program may have code of its own at that address. A processor that starts has no page tables, none of the
 * features that long mode needs, and this selector (Intel SDM vol. 3, "Processor State After Reset").
 */
static void on_reset(unsigned int index, void *unused)
{
    (void)unused;
    struct vm_cpu *cpu = &vm.cpu[index];
    if (vm__reg(cpu, VM_CR3) == 0 && vm__reg(cpu, VM_CR4) == 0 && (vm__reg(cpu, VM_CS) & 0xffff) == RESET_CS)
        vm.events->reset(cpu);
}

static void on_function(unsigned int index, void *function)
{
    vm.events->function(&vm.cpu[index], (uint32_t)(uintptr_t)function);
}

static void on_function_return(unsigned int index, void *pc)
{
    vm.events->function_return(&vm.cpu[index], (uint64_t)(uintptr_t)pc);
}

static void on_function_call(unsigned int index, void *ret)
{
    vm.events->function_call(&vm.cpu[index], (uint64_t)(uintptr_t)ret);
}

/* A block that there was no room for: what is left of it fits into the pointer, which is odd then. */
static void *block_pack(unsigned page_offset, unsigned n)
{
    return (void *)(uintptr_t)(1u | page_offset << 1 | n << 13);
}

static void on_block(unsigned int index, void *site)
{
    uintptr_t s = (uintptr_t)site;
    if (s & 1) {
        vm.events->block(&vm.cpu[index], NULL, (unsigned)(s >> 1) & 0xfff, (unsigned)(s >> 13));
        return;
    }
    struct vm_block *block = site;
    vm.events->block(&vm.cpu[index], block, block->offset, block->n);
}

static void on_user_function(unsigned int index, void *site)
{
    vm.events->user_function(&vm.cpu[index], (unsigned)((uintptr_t)site >> 16) & 0xfff);
}

static void on_user_return(unsigned int index, void *site)
{
    vm.events->user_return(&vm.cpu[index], (unsigned)((uintptr_t)site >> 16) & 0xfff);
}

/* ---- translation: runs once for each block, on the thread of any vCPU ---- */

static bool is_kernel_half(uint64_t address)
{
    return (int64_t)address < 0;
}

/*
 * Is this block 64-bit code for certain? A 32-bit program counter cannot reach the upper half. And QEMU translates a
 * block for one mode: bytes 40h to 4Fh begin a longer instruction in 64-bit mode only (elsewhere they are inc and dec).
 * What is missed here costs a look at the code segment at each execution.
 */
static bool certainly_64(const struct qemu_plugin_tb *tb, size_t n, uint64_t address)
{
    if (address >> 32)
        return true;
    for (size_t i = 0; i < n; i++) {
        const struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint8_t first = 0;
        if (qemu_plugin_insn_size(insn) > 1 && qemu_plugin_insn_data(insn, &first, 1) && (first & 0xf0) == 0x40)
            return true;
    }
    return false;
}

/*
 * mov eax, imm32? A block runs from its beginning without a stop (what interrupts it goes on with another block), so
 * the constant is what the next instruction finds.
 */
static bool loads_eax(const struct qemu_plugin_insn *insn, uint32_t *value)
{
    uint8_t bytes[5];
    if (qemu_plugin_insn_size(insn) != sizeof(bytes) ||
        qemu_plugin_insn_data(insn, bytes, sizeof(bytes)) != sizeof(bytes) || bytes[0] != 0xb8)
        return false;
    memcpy(value, bytes + 1, sizeof(*value));
    return true;
}

/* Where kernels of 32 bits have themselves. */
static bool is_kernel_32(uint64_t address)
{
    return address >= 0x80000000u && address <= 0xffffffffu;
}

static void instrument_entry(const struct qemu_plugin_tb *tb, struct qemu_plugin_insn *insn, enum insn_kind kind)
{
    uint64_t address = qemu_plugin_insn_vaddr(insn);
    unsigned len = (unsigned)qemu_plugin_insn_size(insn) & 0xf; /* 15 at most */
    size_t n = qemu_plugin_tb_n_insns(tb);
    unsigned flags = len << VM_LENGTH_SHIFT;
    uint32_t eax = 0;
    if (is_kernel_half(address)) /* a kernel that makes system calls of itself: none of ours does */
        return;
    qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64,
                                                        vm_board__word(offsetof(struct vm_board, site_entries)), 1);
    if (kind == INSN_SYSCALL && certainly_64(tb, n, address))
        flags |= VM_CERTAINLY_64;
    if (n > 1 && loads_eax(qemu_plugin_tb_get_insn(tb, n - 2), &eax))
        flags |= VM_EAX_KNOWN;
    uintptr_t site = (uintptr_t)site_pack(kind, flags, address) | (uintptr_t)eax << 32;
    qemu_plugin_register_vcpu_insn_exec_cb(insn, on_entry, QEMU_PLUGIN_CB_R_REGS, (void *)site);
}

static void instrument_return(const struct vm_plan *plan, struct qemu_plugin_insn *insn, enum insn_kind kind,
                              uint64_t address)
{
    if (kind == INSN_IRET) /* every kernel takes interrupts, so every vCPU comes by here soon */
        qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, on_attention, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_COND_NE,
                                                    vm_board__word(offsetof(struct vm_board, attention)), 0, NULL);
    if (plan->looking && kind == INSN_IRET && (is_kernel_half(address) || is_kernel_32(address)))
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_kernel, QEMU_PLUGIN_CB_R_REGS, (void *)(uintptr_t)address);
    if (!plan->returns)
        return;
    qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64,
                                                        vm_board__word(offsetof(struct vm_board, site_returns)), 1);
    qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, on_leave, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_COND_NE,
                                                vm_board__word(offsetof(struct vm_board, pending)), 0,
                                                site_pack(kind, 0, address));
}

static void instrument_probe(const struct vm_probe *probe, struct qemu_plugin_insn *insn)
{
    void *site = site_pack(probe->id, 0, probe->address);
    if (probe->only_deferred)
        qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, on_probe, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_COND_NE,
                                                    vm_board__word(offsetof(struct vm_board, deferred)), 0, site);
    else
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_probe, QEMU_PLUGIN_CB_R_REGS, site);
}

static void instrument_last(const struct vm_plan *plan, const struct qemu_plugin_tb *tb, struct qemu_plugin_insn *insn)
{
    uint8_t bytes[15];
    int wide;
    size_t len = qemu_plugin_insn_data(insn, bytes, sizeof(bytes));
    enum insn_kind kind = insn__kind(bytes, len < sizeof(bytes) ? len : sizeof(bytes), &wide);
    switch (kind) {
    case INSN_SYSCALL:
    case INSN_SYSENTER:
    case INSN_INT80:
    case INSN_INT2E:
    case INSN_INT2B:
        if (plan->entries)
            instrument_entry(tb, insn, kind);
        break;
    case INSN_SYSRET:
    case INSN_SYSEXIT:
    case INSN_IRET:
        instrument_return(plan, insn, kind, qemu_plugin_insn_vaddr(insn));
        break;
    case INSN_MOV_CR3: /* ends its block, as the others do */
        if (plan->page_tables && is_kernel_half(qemu_plugin_insn_vaddr(insn)))
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_page_table, QEMU_PLUGIN_CB_R_REGS, NULL);
        break;
    case INSN_OTHER:
    case INSN_KINDS:
        break;
    }
}

/*
 * Is this block where a call comes back to? Where the bytes before it lie in another page, which need not be the one
 * before in this machine's memory, it may be.
 */
static bool follows_call(const struct qemu_plugin_insn *first, uint64_t start)
{
    size_t len = start & 0xfff;
    const uint8_t *code = qemu_plugin_insn_haddr(first); /* NULL: not in the machine's memory */
    if (!code || len < VM_CALL_MAX)
        return true;
    return vm__ends_in_call(code - VM_CALL_MAX, VM_CALL_MAX);
}

static bool is_among(const uint64_t *addresses, uint64_t address)
{
    while (*addresses && *addresses != address)
        addresses++;
    return *addresses != 0;
}

static qemu_plugin_u64 filter_word(size_t word)
{
    return (qemu_plugin_u64){vm.filter, word * sizeof(uint64_t)};
}

/* Asks whether anybody waits for this return address. */
static void instrument_if_waited_for(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_udata_cb_t asks, uint64_t ret,
                                     void *data)
{
    qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, asks, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_COND_NE,
                                                filter_word(ret & (VM_FILTER - 1)), 0, data);
}

/* The instruction behind a function's first one: it runs, so the first one did not fault. */
static void instrument_passed(struct qemu_plugin_insn *insn, uint64_t value)
{
    qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_STORE_U64, filter_word(VM_PASSED),
                                                        value);
}

/* A return address begins a block. So does what follows a first instruction that is a call, as the kernel's tracers
 * make it. */
static void instrument_return_site(const struct vm_plan *plan, struct qemu_plugin_insn *first, uint64_t start)
{
    uint32_t called = vm_functions__at(plan->functions, start - CALL_REL32);
    instrument_if_waited_for(first, on_function_return, start, (void *)(uintptr_t)start);
    if (called != VM_NO_FUNCTION)
        instrument_passed(first, called + 1ull);
}

static void instrument_call(struct qemu_plugin_insn *last)
{
    uint8_t bytes[15];
    size_t len = qemu_plugin_insn_data(last, bytes, sizeof(bytes));
    uint64_t ret = qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last);
    if (insn__is_call(bytes, len < sizeof(bytes) ? len : sizeof(bytes)))
        instrument_if_waited_for(last, on_function_call, ret, (void *)(uintptr_t)ret);
}

/* The kernel's code has one address alone, so that those of its instructions are exact. */
static void instrument_functions(const struct vm_plan *plan, const struct qemu_plugin_tb *tb, size_t n, uint64_t start)
{
    struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0);
    if (follows_call(first, start) || is_among(plan->also_return, start))
        instrument_return_site(plan, first, start);
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint32_t index = vm_functions__at(plan->functions, qemu_plugin_insn_vaddr(insn));
        if (index == VM_NO_FUNCTION)
            continue;
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_function, QEMU_PLUGIN_CB_R_REGS, (void *)(uintptr_t)index);
        if (i + 1 < n)
            instrument_passed(qemu_plugin_tb_get_insn(tb, i + 1), index + 1ull);
    }
    instrument_call(qemu_plugin_tb_get_insn(tb, n - 1));
}

/* The block's code; false: it cannot be read, or is too long. */
static struct vm_block *block_of(const struct qemu_plugin_tb *tb, size_t n, unsigned offset)
{
    uint8_t bytes[BLOCK_BYTES_MAX], lengths[VM_BLOCK_INSNS_MAX];
    size_t len = 0;
    if (n > VM_BLOCK_INSNS_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        const struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        size_t size = qemu_plugin_insn_size(insn);
        if (size > 15 || len + size > sizeof(bytes) || qemu_plugin_insn_data(insn, bytes + len, size) != size)
            return NULL;
        lengths[i] = (uint8_t)size;
        len += size;
    }
    return vm_blocks__get(offset, bytes, len, lengths, (unsigned)n);
}

/*
 * The order matters where the block has one instruction: the callback asks whether the block before was finished, and
 * this one has not been yet. QEMU runs what is registered for an instruction in the order of registration.
 */
static void instrument_block(const struct qemu_plugin_tb *tb, size_t n, uint64_t start)
{
    unsigned offset = (unsigned)start & 0xfff;
    struct vm_block *block = block_of(tb, n, offset);
    qemu_plugin_register_vcpu_insn_exec_cond_cb(qemu_plugin_tb_get_insn(tb, 0), on_block, QEMU_PLUGIN_CB_R_REGS,
                                                QEMU_PLUGIN_COND_NE, vm_board__word(offsetof(struct vm_board, watched)),
                                                0, block ? (void *)block : block_pack(offset, (unsigned)n));
    qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(qemu_plugin_tb_get_insn(tb, n - 1),
                                                        QEMU_PLUGIN_INLINE_STORE_U64,
                                                        vm_board__word(offsetof(struct vm_board, finished)), 1);
}

static bool wants_block(const struct vm_plan *plan, uint64_t start)
{
    return plan->blocks == VM_BLOCKS_ALL || (plan->blocks == VM_BLOCKS_USER && !is_kernel_half(start));
}

/* The beginning of what this instruction is the first of, as far as its page goes. */
static bool begins_function(const struct vm_codes *codes, const struct qemu_plugin_insn *insn)
{
    unsigned offset = (unsigned)qemu_plugin_insn_vaddr(insn) & 0xfff;
    uint8_t own[VM_CODE_MAX];
    const uint8_t *code = qemu_plugin_insn_haddr(insn); /* NULL: not in the machine's memory */
    size_t len = 0x1000 - offset < VM_CODE_MAX ? 0x1000 - offset : VM_CODE_MAX;
    if (!code) {
        len = qemu_plugin_insn_data(insn, own, len);
        code = own;
    }
    return vm_codes__at(codes, offset, code, len);
}

/* The same code may lie at other addresses, too: only offsets in the page are true. */
static void instrument_user(const struct qemu_plugin_tb *tb, size_t n, uint64_t start)
{
    struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0);
    const struct vm_codes *codes = __atomic_load_n(&vm.codes, __ATOMIC_ACQUIRE);
    if (follows_call(first, start))
        instrument_if_waited_for(first, on_user_return, start, site_pack(0, 0, start));
    for (size_t i = 0; codes && i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        if (!begins_function(codes, insn))
            continue;
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_user_function, QEMU_PLUGIN_CB_R_REGS,
                                               site_pack(0, 0, qemu_plugin_insn_vaddr(insn)));
        if (i + 1 < n)
            instrument_passed(qemu_plugin_tb_get_insn(tb, i + 1), VM_PASSED_ANY);
    }
    instrument_call(qemu_plugin_tb_get_insn(tb, n - 1));
}

void vm__watch_codes(const struct vm_codes *codes)
{
    __atomic_store_n(&vm.codes, codes, __ATOMIC_RELEASE);
}

void vm_translate__block(QEMU_API_TB_ARGS)
{
    QEMU_API_UNUSED;
    size_t n = qemu_plugin_tb_n_insns(tb);
    const struct vm_plan_table *plan = vm.plan;
    uint64_t start = qemu_plugin_tb_vaddr(tb);
    if (n == 0 || vm.blind)
        return;
    if (wants_block(&plan->wanted, start))
        instrument_block(tb, n, start);
    if (is_kernel_half(start) && plan->wanted.n_probes) {
        const struct vm_probe *probe = vm_plan__probe(plan, start);
        if (probe)
            instrument_probe(probe, qemu_plugin_tb_get_insn(tb, 0));
    }
    if (plan->wanted.functions && (plan->wanted.kernel_is_32 ? is_kernel_32(start) : is_kernel_half(start)))
        instrument_functions(&plan->wanted, tb, n, start);
    if (!is_kernel_half(start) && plan->wanted.user_functions)
        instrument_user(tb, n, start);
    if (start == RESET_VECTOR)
        qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_tb_get_insn(tb, 0), on_reset, QEMU_PLUGIN_CB_R_REGS, NULL);
    instrument_last(&plan->wanted, tb, qemu_plugin_tb_get_insn(tb, n - 1));
}
