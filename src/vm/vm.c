/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plugin's side of QEMU: which instructions get which callback, and the epochs of instrumentation. */
#include "vm/vm.h"

#include <stdlib.h>
#include <string.h>

#include "vm/cpu.h"
#include "vm/qemu_api.h"
#include "vm/state.h"

#define RESET_VECTOR 0xfffffff0u
#define RESET_CS     0xf000u
#define PROBE_SLOTS  256u /* a power of two, well above VM_PROBES_MAX */

/* Per vCPU, in memory that generated code reads and writes. */
struct board {
    uint64_t pending;
    uint64_t deferred;
    uint64_t attention;
    uint64_t site_entries;
    uint64_t site_returns;
};

struct plan {
    struct vm_plan wanted;
    uint64_t slot_address[PROBE_SLOTS]; /* 0: free */
    uint8_t slot_probe[PROBE_SLOTS];    /* index into wanted.probe */
};

static struct {
    qemu_plugin_id_t id;
    const struct vm_events *events;
    struct vm_cpu *cpu;
    unsigned max_cpus;
    bool blind;
    struct qemu_plugin_scoreboard *board;
    struct plan *plan; /* in force; changed only while all vCPUs are halted */
    struct plan *next; /* room for the one that was asked for; owned by whoever swaps it out */
} vm;

static qemu_plugin_u64 board_u64(size_t offset)
{
    return (qemu_plugin_u64){vm.board, offset};
}

static unsigned probe_hash(uint64_t address)
{
    return (unsigned)((address * 0x9e3779b97f4a7c15u) >> 56) & (PROBE_SLOTS - 1);
}

/* The table of probes by address, from plan->wanted. */
static void plan_index(struct plan *plan)
{
    if (plan->wanted.n_probes > VM_PROBES_MAX)
        plan->wanted.n_probes = VM_PROBES_MAX;
    for (unsigned i = 0; i < plan->wanted.n_probes; i++) {
        uint64_t address = plan->wanted.probe[i].address;
        unsigned slot = probe_hash(address);
        while (plan->slot_address[slot] && plan->slot_address[slot] != address)
            slot = (slot + 1) & (PROBE_SLOTS - 1);
        plan->slot_address[slot] = address;
        plan->slot_probe[slot] = (uint8_t)i;
    }
}

static struct plan *plan_new(const struct vm_plan *wanted)
{
    struct plan *plan = calloc(1, sizeof(*plan));
    if (!plan)
        return NULL;
    plan->wanted = *wanted;
    plan_index(plan);
    return plan;
}

static const struct vm_probe *plan_probe(const struct plan *plan, uint64_t address)
{
    for (unsigned slot = probe_hash(address); plan->slot_address[slot]; slot = (slot + 1) & (PROBE_SLOTS - 1)) {
        if (plan->slot_address[slot] == address)
            return &plan->wanted.probe[plan->slot_probe[slot]];
    }
    return NULL;
}

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
    struct board *board = qemu_plugin_scoreboard_find(vm.board, index);
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
                                                        board_u64(offsetof(struct board, site_entries)), 1);
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
                                                    board_u64(offsetof(struct board, attention)), 0, NULL);
    if (plan->looking && kind == INSN_IRET && (is_kernel_half(address) || is_kernel_32(address)))
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_kernel, QEMU_PLUGIN_CB_R_REGS, (void *)(uintptr_t)address);
    if (!plan->returns)
        return;
    qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64,
                                                        board_u64(offsetof(struct board, site_returns)), 1);
    qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, on_leave, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_COND_NE,
                                                board_u64(offsetof(struct board, pending)), 0,
                                                site_pack(kind, 0, address));
}

static void instrument_probe(const struct vm_probe *probe, struct qemu_plugin_insn *insn)
{
    void *site = site_pack(probe->id, 0, probe->address);
    if (probe->only_deferred)
        qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, on_probe, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_COND_NE,
                                                    board_u64(offsetof(struct board, deferred)), 0, site);
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

static void on_translate(QEMU_API_TB_ARGS)
{
    QEMU_API_UNUSED;
    size_t n = qemu_plugin_tb_n_insns(tb);
    const struct plan *plan = vm.plan;
    uint64_t start = qemu_plugin_tb_vaddr(tb);
    if (n == 0 || vm.blind)
        return;
    if (is_kernel_half(start) && plan->wanted.n_probes) {
        const struct vm_probe *probe = plan_probe(plan, start);
        if (probe)
            instrument_probe(probe, qemu_plugin_tb_get_insn(tb, 0));
    }
    if (start == RESET_VECTOR)
        qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_tb_get_insn(tb, 0), on_reset, QEMU_PLUGIN_CB_R_REGS, NULL);
    instrument_last(&plan->wanted, tb, qemu_plugin_tb_get_insn(tb, n - 1));
}

/* ---- life ---- */

/* Called on the vCPU's own thread. All vCPUs that a machine begins with are made before the first block is. */
static bool shares_a_thread(struct vm_cpu *cpu)
{
    cpu->thread = pthread_self();
    for (unsigned i = 0; i < vm.max_cpus; i++) {
        if (vm.cpu[i].owner && pthread_equal(vm.cpu[i].thread, cpu->thread))
            return true;
    }
    return false;
}

static void on_cpu_new(QEMU_API_VCPU_ARGS)
{
    QEMU_API_UNUSED;
    if (vcpu_index >= vm.max_cpus)
        return; /* more than QEMU promised */
    struct vm_cpu *cpu = &vm.cpu[vcpu_index];
    if (cpu->owner)
        return; /* a renewal registers again for vCPUs that are known */
    if (shares_a_thread(cpu) && !vm.blind) {
        vm.blind = true;
        vm.events->blind();
    }
    if (!vm.blind && vm_cpu__init(cpu, vcpu_index))
        cpu->owner = vm.events->cpu_new(cpu);
}

static void on_exit_(qemu_plugin_id_t id, void *unused)
{
    (void)id;
    (void)unused;
    vm.events->exit();
}

static void register_all(void)
{
    qemu_plugin_register_vcpu_init_cb(vm.id, on_cpu_new QEMU_API_USERDATA);
    qemu_plugin_register_vcpu_tb_trans_cb(vm.id, on_translate QEMU_API_USERDATA);
    qemu_plugin_register_atexit_cb(vm.id, on_exit_, NULL);
}

static void on_renewed(QEMU_API_SIMPLE_ARGS)
{
    QEMU_API_UNUSED;
    struct plan *next = __atomic_exchange_n(&vm.next, NULL, __ATOMIC_ACQ_REL);
    if (next) { /* else a request before this one has brought everything up to date */
        vm.events->renewed(&next->wanted);
        plan_index(next);
        free(vm.plan);
        vm.plan = next;
    }
    register_all();
}

void vm__renew(void)
{
    struct plan *next = calloc(1, sizeof(*next));
    if (!next)
        return; /* the plan in force stays */
    free(__atomic_exchange_n(&vm.next, next, __ATOMIC_ACQ_REL));
    qemu_plugin_reset(vm.id, on_renewed QEMU_API_USERDATA);
}

int vm__start(uint64_t id, unsigned max_cpus, const struct vm_events *events, const struct vm_plan *plan)
{
    vm.id = id;
    vm.events = events;
    vm.max_cpus = max_cpus;
    vm.cpu = calloc(max_cpus, sizeof(*vm.cpu));
    vm.board = qemu_plugin_scoreboard_new(sizeof(struct board));
    vm.plan = plan_new(plan);
    if (!vm.cpu || !vm.board || !vm.plan)
        return -1;
    register_all();
    (void)vm_state__watch(events, QEBEK_QEMU_API); /* without, a loaded snapshot is noticed late */
    return 0;
}

unsigned vm__max_cpus(void)
{
    return vm.max_cpus;
}

static struct board *board_of(struct vm_cpu *cpu)
{
    return qemu_plugin_scoreboard_find(vm.board, cpu->index);
}

void vm__set_pending(struct vm_cpu *cpu, bool on)
{
    board_of(cpu)->pending = on;
}

void vm__set_deferred(struct vm_cpu *cpu, bool on)
{
    board_of(cpu)->deferred = on;
}

void vm__call_attention(void)
{
    unsigned n = (unsigned)qemu_plugin_num_vcpus();
    for (unsigned i = 0; i < n && i < vm.max_cpus; i++) {
        struct board *board = qemu_plugin_scoreboard_find(vm.board, i);
        __atomic_store_n(&board->attention, 1, __ATOMIC_RELEASE);
    }
}

uint64_t vm__site_entries(void)
{
    return qemu_plugin_u64_sum(board_u64(offsetof(struct board, site_entries)));
}

uint64_t vm__site_returns(void)
{
    return qemu_plugin_u64_sum(board_u64(offsetof(struct board, site_returns)));
}

void vm__debug(const char *text)
{
    qemu_plugin_outs(text);
}
