/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plugin's side of QEMU: its life, the epochs of instrumentation, and the words that conditional callbacks look at.
 */
#include "vm/vm.h"

#include <stdlib.h>

#include "vm/cpu.h"
#include "vm/internal.h"
#include "vm/state.h"

struct vm_machine vm;

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
    qemu_plugin_register_vcpu_tb_trans_cb(vm.id, vm_translate__block QEMU_API_USERDATA);
    qemu_plugin_register_atexit_cb(vm.id, on_exit_, NULL);
}

static void on_renewed(QEMU_API_SIMPLE_ARGS)
{
    QEMU_API_UNUSED;
    struct vm_plan_table *next = __atomic_exchange_n(&vm.next, NULL, __ATOMIC_ACQ_REL);
    if (next) { /* else a request before this one has brought everything up to date */
        vm.events->renewed(&next->wanted);
        vm_blocks__clear();
        vm_plan__index(next);
        free(vm.plan);
        vm.plan = next;
    }
    register_all();
}

void vm__renew(void)
{
    struct vm_plan_table *next = calloc(1, sizeof(*next));
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
    vm.board = qemu_plugin_scoreboard_new(sizeof(struct vm_board));
    vm.filter = qemu_plugin_scoreboard_new(VM_FILTER_WORDS * sizeof(uint64_t));
    vm.plan = vm_plan__new(plan);
    if (!vm.filter || !vm.cpu || !vm.board || !vm.plan)
        return -1;
    register_all();
    (void)vm_state__watch(events, QEBEK_QEMU_API); /* without, a loaded snapshot is noticed late */
    return 0;
}

unsigned vm__max_cpus(void)
{
    return vm.max_cpus;
}

static struct vm_board *board_of(struct vm_cpu *cpu)
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

void vm__set_watched(struct vm_cpu *cpu, uint64_t what)
{
    board_of(cpu)->watched = what;
}

bool vm__finished(struct vm_cpu *cpu)
{
    return board_of(cpu)->finished != 0;
}

void vm__set_finished(struct vm_cpu *cpu, bool on)
{
    board_of(cpu)->finished = on;
}

uint64_t *vm__filter(struct vm_cpu *cpu)
{
    return qemu_plugin_scoreboard_find(vm.filter, cpu->index);
}

void vm__filter_all(unsigned slot, uint64_t value)
{
    unsigned n = (unsigned)qemu_plugin_num_vcpus();
    for (unsigned i = 0; i < n && i < vm.max_cpus; i++) {
        uint64_t *words = qemu_plugin_scoreboard_find(vm.filter, i);
        __atomic_store_n(&words[slot], value, __ATOMIC_RELEASE);
    }
}

void vm__call_attention(void)
{
    unsigned n = (unsigned)qemu_plugin_num_vcpus();
    for (unsigned i = 0; i < n && i < vm.max_cpus; i++) {
        struct vm_board *board = qemu_plugin_scoreboard_find(vm.board, i);
        __atomic_store_n(&board->attention, 1, __ATOMIC_RELEASE);
    }
}

uint64_t vm__site_entries(void)
{
    return qemu_plugin_u64_sum(vm_board__word(offsetof(struct vm_board, site_entries)));
}

uint64_t vm__site_returns(void)
{
    return qemu_plugin_u64_sum(vm_board__word(offsetof(struct vm_board, site_returns)));
}

void vm__debug(const char *text)
{
    qemu_plugin_outs(text);
}
