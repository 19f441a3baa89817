/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NT kernels: a PE image around the address that kernel code was seen at, then ntdll around the first calls. Here no
 * more is read of the headers than where the image begins and ends; the qebek process parses the rest.
 */
#include <sched.h>
#include <string.h>
#include <time.h>

#include "guest/nt/image.h"
#include "guest/nt/nt.h"
#include "plugin/plugin.h"

#define BACK_PAGES 8192u /* 32 MiB: no kernel is larger */
#define KUSER_64   0xfffff78000000000ull
#define KUSER_32   0xffdf0000u
#define CALLS_MAX  (1u << 16)
#define YIELDS     100u
#define NAP_NS     50000
#define NAPS_MAX   400000u

static uint64_t pages_of(const struct nt_module *image)
{
    return (image->end - image->start + NT_IMAGE_PAGE - 1) / NT_IMAGE_PAGE;
}

static void hook_functions(struct guest_cpu *cpu)
{
    static const char why[] = "functions are not hooked: no memory";
    if (!functions__install(&plugin.functions))
        guest__emit_text(&plugin.guest, cpu, QBK_ERROR, 0, why, sizeof(why) - 1);
}

static void found(struct guest_cpu *cpu)
{
    struct guest *g = &plugin.guest;
    g->os = LINK_OS_NT;
    g->nt = plugin.nt;
    g->follow_switch = false;
    cpu->now = vm__now(cpu->vm);
    guest__emit_text(g, cpu, QBK_GUEST, 0, plugin.found.text, plugin.found.text_len);
    /* All that is needed is instrumented while looking, so that no call is missed; the renewal drops the rest. */
    nt__begin(g);
    hook_functions(cpu);
    __atomic_store_n(&g->phase, GUEST_NT, __ATOMIC_RELEASE);
    vm__renew();
}

void lookout_nt__ask(struct guest_cpu *cpu, uint64_t address)
{
    uint64_t kuser = address >> 32 ? KUSER_64 : KUSER_32;
    struct nt_module image;
    if (!nt_image__around(cpu, address, BACK_PAGES, &image) ||
        !lookout__ask(cpu, LINK_FIND_NT_KERNEL, image.start, pages_of(&image), address, kuser) ||
        plugin.found.os != LINK_OS_NT || !nt_layout__valid(&plugin.nt))
        return;
    if (nt_layout__usable(&plugin.nt)) {
        found(cpu);
        return;
    }
    memcpy(plugin.half_found, plugin.found.text, plugin.found.text_len);
    plugin.half_found_len = plugin.found.text_len;
}

/*
 * The number of calls seen decides when to look: at the first ones, and then in ever longer distances.
 */
static bool is_due(uint64_t calls)
{
    return calls <= 4 || (calls & (calls - 1)) == 0;
}

static uint64_t comes_from(struct guest_cpu *cpu, enum insn_kind kind, unsigned page_offset)
{
    bool graphics = (vm__reg(cpu->vm, VM_RAX) >> 12 & 3) == 1;
    if (cpu->guest->nt.is_64 || !graphics)
        return vm__pc(cpu->vm, page_offset);
    /* x86: the instruction is ntdll's for all stubs; it returns into the stub. */
    uint32_t stub = 0;
    (void)vm__read_exact(cpu->vm, vm__reg(cpu->vm, kind == INSN_SYSENTER ? VM_RDX : VM_RSP) & 0xffffffffu, &stub,
                         sizeof(stub));
    return stub;
}

/* Code of this page was not seen making calls yet; for so many pages that is reason enough to look. */
static bool is_new(uint64_t page)
{
    for (unsigned i = 0; i < PLUGIN_PAGES; i++) {
        uint64_t seen = 0;
        if (__atomic_compare_exchange_n(&plugin.pages_seen[i], &seen, page, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return true;
        if (seen == page)
            return false;
    }
    return false;
}

static void take_stubs(struct guest_cpu *cpu)
{
    struct guest *g = &plugin.guest;
    struct nt_layout *nt = &plugin.nt;
    /* Other vCPUs read these at any time: the numbers first, the dispatchers (which say that all is there) last. */
    memcpy(g->nt.arg_bytes, nt->arg_bytes, sizeof(g->nt.arg_bytes));
    memcpy(g->nt.row, nt->row, sizeof(g->nt.row));
    memcpy(g->nt.stubs, nt->stubs, sizeof(g->nt.stubs));
    g->nt.int_gate = nt->int_gate;
    g->nt.thread_start = nt->thread_start;
    for (unsigned i = NT_DISPATCHERS; i-- > 0;)
        __atomic_store_n(&g->nt.dispatcher[i], nt->dispatcher[i], __ATOMIC_RELEASE);
    cpu->now = vm__now(cpu->vm);
    guest__emit_text(g, cpu, QBK_GUEST, 0, plugin.found.text, plugin.found.text_len);
}

/* ntdll is always wanted; win32u once a call has a number of its table. */
static bool stubs_missing(struct guest_cpu *cpu)
{
    const struct nt_layout *nt = &cpu->guest->nt;
    if (__atomic_load_n(&nt->dispatcher[NT_CALLBACK], __ATOMIC_ACQUIRE) == 0)
        return true;
    return nt->stubs[1].start == 0 && (vm__reg(cpu->vm, VM_RAX) >> 12 & 3) == 1;
}

/* Another vCPU may be asking: what its answer tells matters for this call already. It waits some seconds at most. */
static bool take_turn(void)
{
    struct timespec nap = {0, NAP_NS};
    for (unsigned i = 0; i < NAPS_MAX; i++) {
        if (!__atomic_exchange_n(&plugin.looking_here, true, __ATOMIC_ACQ_REL))
            return true;
        if (i < YIELDS)
            sched_yield();
        else
            nanosleep(&nap, NULL);
    }
    return false;
}

void lookout_nt__on_call(struct guest_cpu *cpu, enum insn_kind kind, unsigned page_offset)
{
    if (__atomic_load_n(&plugin.module_calls, __ATOMIC_RELAXED) > CALLS_MAX || !stubs_missing(cpu))
        return;
    uint64_t n = __atomic_add_fetch(&plugin.module_calls, 1, __ATOMIC_RELAXED);
    uint64_t from = comes_from(cpu, kind, page_offset);
    struct nt_module image;
    if (!take_turn())
        return;
    if (stubs_missing(cpu) && (is_new(from / NT_IMAGE_PAGE) || is_due(n)) &&
        nt_image__around(cpu, from, BACK_PAGES, &image) &&
        lookout__ask(cpu, LINK_FIND_NT_STUBS, image.start, pages_of(&image), from, 0) &&
        plugin.found.os == LINK_OS_NT && nt_layout__valid(&plugin.nt))
        take_stubs(cpu);
    __atomic_store_n(&plugin.looking_here, false, __ATOMIC_RELEASE);
}
