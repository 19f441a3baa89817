/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hooked functions of the kernel: the table that came with the answer of what kernel this is, the frames of each
 * thread, and the records. A thread here is whatever the kernel switches to, its own threads and idle ones too.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frames/frames.h"
#include "plugin/plugin.h"

#define KERNEL_STACK                                                                                                   \
    0x4000u           /* of a task, and what it is aligned to, as of interrupts (THREAD_SIZE, IRQ_STACK_SIZE)          \
                       */
#define CHAINS  1024u /* a power of two */
#define RETURNS 1024u /* return addresses of which is known that a call lies before them; a power of two */

_Static_assert(FRAMES_FILTER == VM_FILTER, "both sides choose the word of a return address alike");

/* Of one thread; made at its first call of a hooked function. */
struct function_thread {
    struct function_thread *next; /* of its chain */
    uint64_t object;
    uint64_t number; /* of its records: as last known, 0: none */
    bool runs;       /* on a vCPU; guarded by the lock */
    struct frames frames;
};

static struct {
    struct functions_table table; /* in force; changed while all vCPUs are halted, or none has sites */
    struct vm_functions *at;      /* its addresses */
    uint64_t trampoline[FUNCTIONS_TRAMPOLINES + 1]; /* of the table; 0 ends it */
    uint8_t *told;                                  /* atomic; one for each: its definition is in the trace */
    pthread_mutex_t lock;                           /* guards the chains */
    struct function_thread *chain[CHAINS];
    uint64_t unseen;              /* atomic; entries that no record tells of */
    uint64_t (*returns)[RETURNS]; /* by vCPU: known return addresses, by their last bits */
    struct function_thread **on;  /* by vCPU: whose frames its filter has; that vCPU's thread alone */
} f = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct function_thread **chain_of(uint64_t object)
{
    return &f.chain[(object * 0x9e3779b97f4a7c15u) >> 54 & (CHAINS - 1)];
}

/* The thread, which runs on this vCPU from now on. NULL: it has no frames, or a guest that lies has it run elsewhere.
 */
static struct function_thread *claim(uint64_t object, bool create)
{
    pthread_mutex_lock(&f.lock);
    struct function_thread **chain = chain_of(object), *t = *chain;
    while (t && t->object != object)
        t = t->next;
    if (!t && create && (t = calloc(1, sizeof(*t)))) {
        t->object = object;
        t->next = *chain;
        *chain = t;
    }
    if (t && t->runs)
        t = NULL;
    if (t)
        t->runs = true;
    pthread_mutex_unlock(&f.lock);
    return t;
}

/* It runs no longer; one without frames need not be kept. */
static void let_go(struct function_thread *t)
{
    pthread_mutex_lock(&f.lock);
    t->runs = false;
    if (t->frames.n == 0) {
        struct function_thread **at = chain_of(t->object);
        while (*at != t)
            at = &(*at)->next;
        *at = t->next;
        frames__clear(&t->frames);
        free(t);
    }
    pthread_mutex_unlock(&f.lock);
}

/* Where the words of a vCPU lie may change when vCPUs are added. */
static void follow_filter(struct guest_cpu *cpu, struct function_thread *t)
{
    t->frames.filter = vm__filter(cpu->vm);
}

void functions__switched(struct guest_cpu *cpu)
{
    if (!f.at)
        return;
    struct function_thread **on = &f.on[cpu->vm->index];
    if (*on && (*on)->object == cpu->object)
        return;
    if (*on) {
        follow_filter(cpu, *on);
        frames__off(&(*on)->frames);
        let_go(*on);
    }
    *on = claim(cpu->object, false);
    if (*on)
        frames__on(&(*on)->frames, vm__filter(cpu->vm));
}

/* ---- records ---- */

static void tell_function(struct guest_cpu *cpu, uint32_t index)
{
    const struct functions_entry *entry = &f.table.entry[index];
    if (!__atomic_load_n(&f.told[index], __ATOMIC_RELAXED) &&
        guest__emit_function(cpu, index, entry->address, f.table.text + entry->name))
        __atomic_store_n(&f.told[index], 1, __ATOMIC_RELAXED);
}

/* What ended() is told beside. */
struct ending {
    struct guest_cpu *cpu;
    struct function_thread *thread;
    uint64_t result;
    enum qbk_function_end gone; /* what FRAMES_GONE means */
};

static void on_ended(void *data, const struct frame *frame, enum frames_end end)
{
    const struct ending *e = data;
    const enum qbk_function_end ends[FRAMES_ENDS] = {[FRAMES_RETURNED] = QBK_FUNCTION_RETURNED,
                                                     [FRAMES_UNWOUND] = QBK_FUNCTION_UNWOUND,
                                                     [FRAMES_EVICTED] = QBK_FUNCTION_EVICTED,
                                                     [FRAMES_GONE] = e->gone};
    struct qbk_function_return rec = {.call = frame->cookie, .function = frame->function, .end = (uint8_t)ends[end]};
    if (end == FRAMES_RETURNED)
        rec.result = e->result;
    if (frame->cookie) /* else its beginning is not in the trace: lost, and counted as such */
        guest__emit_function_return(e->cpu, e->thread->number, &rec);
}

static struct frames_stack kernel_stack(uint64_t sp)
{
    uint64_t low = sp & ~(uint64_t)(KERNEL_STACK - 1);
    return (struct frames_stack){low, low + KERNEL_STACK};
}

static uint64_t witness(const uint64_t *args, unsigned n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum = (sum ^ args[i]) * 0x100000001b3u;
    return sum;
}

/*
 * Does a call lie before this address? That is read once for each address: should the kernel change its code, what was
 * a call is taken for one still, which costs nothing but a frame that is told as unwound.
 */
static bool follows_call(struct guest_cpu *cpu, uint64_t ret)
{
    uint64_t *known = &f.returns[cpu->vm->index][ret & (RETURNS - 1)];
    uint8_t before[VM_CALL_MAX];
    if (*known == ret)
        return true;
    if ((int64_t)ret >= 0 || !vm__read_exact(cpu->vm, ret - sizeof(before), before, sizeof(before)) ||
        !vm__ends_in_call(before, sizeof(before)))
        return false;
    *known = ret;
    return true;
}

/* What the kernel's own entry code begins with is no call of anybody's. */
static void enter_only(struct guest_cpu *cpu, const struct function_thread *t, uint32_t index, uint64_t enter)
{
    struct qbk_function_return rec = {.call = enter, .function = index, .end = QBK_FUNCTION_ENTRY_ONLY};
    if (enter)
        guest__emit_function_return(cpu, t->number, &rec);
}

static void enter(struct guest_cpu *cpu, struct function_thread *t, uint32_t index, uint64_t sp, uint64_t ret,
                  bool returns)
{
    static const enum vm_reg registers[FUNCTIONS_ARGS_MAX] = {VM_RDI, VM_RSI, VM_RDX, VM_RCX, VM_R8, VM_R9};
    uint64_t args[FUNCTIONS_ARGS_MAX];
    unsigned n = f.table.entry[index].n_args;
    for (unsigned i = 0; i < n; i++)
        args[i] = vm__reg(cpu->vm, registers[i]);
    struct frame frame = {.sp = sp, .ret = ret, .witness = witness(args, n), .function = index, .pops = 8};
    struct ending ending = {.cpu = cpu, .thread = t};
    frame.stack = kernel_stack(sp);
    follow_filter(cpu, t);
    enum frames_entry entered = returns ? frames__enter(&t->frames, &frame, on_ended, &ending) : FRAMES_NEW;
    if (entered == FRAMES_NO_MEMORY)
        __atomic_add_fetch(&f.unseen, 1, __ATOMIC_RELAXED);
    if (entered != FRAMES_NEW)
        return;
    struct qbk_function_enter rec = {.object = t->object,
                                     .sp = sp,
                                     .ret = ret,
                                     .function = index,
                                     .depth = (uint32_t)(t->frames.n - returns),
                                     .nargs = (uint8_t)n};
    uint64_t seq = guest__emit_function_enter(cpu, t->number, &rec, args);
    if (returns)
        t->frames.frame[t->frames.n - 1].cookie = seq;
    else
        enter_only(cpu, t, index, seq);
}

static bool is_trampoline(uint64_t ret)
{
    bool found = false;
    for (unsigned i = 0; f.trampoline[i]; i++)
        found |= f.trampoline[i] == ret;
    return found;
}

/*
 * The return address of a function that was reached by a jump may have been replaced since the first one of its frame
 * was entered: the kernel traces that one, too. Where it returns to is known then; where it is not, the trampoline it
 * is.
 */
static uint64_t true_return(const struct frames *frames, uint64_t sp, uint64_t ret)
{
    for (size_t i = frames->n; i-- > 0;) {
        if (frames->frame[i].sp == sp)
            return frames->frame[i].ret;
    }
    return ret;
}

/* The frames of the thread that runs here. NULL: that is not known yet, or there is no memory. */
static struct function_thread *running(struct guest_cpu *cpu)
{
    struct function_thread **on = &f.on[cpu->vm->index];
    functions__switched(cpu);
    if (!*on && cpu->object)
        *on = claim(cpu->object, true);
    if (*on && cpu->thread)
        (*on)->number = guest__of(cpu->thread)->number;
    if (!*on)
        __atomic_add_fetch(&f.unseen, 1, __ATOMIC_RELAXED);
    return *on;
}

void functions__on_entry(struct vm_cpu *vm, uint32_t index)
{
    struct guest_cpu *cpu = vm->owner;
    if (!cpu || __atomic_load_n(&plugin.guest.phase, __ATOMIC_ACQUIRE) != GUEST_LINUX || index >= f.table.count)
        return;
    struct function_thread *t = running(cpu);
    if (!t)
        return;
    uint64_t sp = vm__reg(vm, VM_RSP), ret = 0;
    bool returns = vm__read_exact(vm, sp, &ret, sizeof(ret));
    if (returns && is_trampoline(ret))
        ret = true_return(&t->frames, sp, ret);
    else
        returns = returns && follows_call(cpu, ret);
    cpu->now = vm__now(vm);
    tell_function(cpu, index);
    enter(cpu, t, index, sp, ret, returns);
}

void functions__on_return(struct vm_cpu *vm, uint64_t pc)
{
    struct guest_cpu *cpu = vm->owner;
    if (!cpu || !f.at || __atomic_load_n(&plugin.guest.phase, __ATOMIC_ACQUIRE) != GUEST_LINUX)
        return;
    struct function_thread *t = f.on[vm->index];
    if (!t)
        return;
    uint64_t sp = vm__reg(vm, VM_RSP);
    struct ending ending = {.cpu = cpu, .thread = t, .result = vm__reg(vm, VM_RAX)};
    cpu->now = vm__now(vm);
    follow_filter(cpu, t);
    frames__return(&t->frames, pc, sp, kernel_stack(sp), on_ended, &ending);
}

void functions__on_gone(struct guest_cpu *cpu, uint64_t object)
{
    if (!f.at || object == cpu->object)
        return;
    struct function_thread *t = claim(object, false);
    if (!t)
        return;
    struct ending ending = {.cpu = cpu, .thread = t, .gone = QBK_FUNCTION_THREAD_GONE};
    frames__end(&t->frames, 0, 0, FRAMES_GONE, on_ended, &ending);
    let_go(t);
}

/* The first ones are those before the kernel first switched threads, which is what tells who runs. */
static void tell_unseen(struct guest_cpu *cpu)
{
    char text[128];
    uint64_t n = __atomic_exchange_n(&f.unseen, 0, __ATOMIC_RELAXED);
    if (n == 0)
        return;
    int len = snprintf(
        text, sizeof(text),
        "%" PRIu64 " calls of hooked functions are not in the trace: whose they are was not known, or no memory", n);
    guest__emit_text(&plugin.guest, cpu, QBK_ERROR, 0, text, (size_t)len);
}

void functions__end_all(enum qbk_function_end end)
{
    struct guest_cpu *cpu = &plugin.guest.cpu[0];
    tell_unseen(cpu);
    for (unsigned i = 0; f.at && i < plugin.n_cpus; i++) {
        if (!f.on[i] || !plugin.guest.cpu[i].vm)
            continue;
        follow_filter(&plugin.guest.cpu[i], f.on[i]);
        frames__off(&f.on[i]->frames);
        f.on[i] = NULL;
    }
    for (unsigned c = 0; c < CHAINS; c++) {
        while (f.chain[c]) {
            struct function_thread *t = f.chain[c];
            struct ending ending = {.cpu = cpu, .thread = t, .gone = end};
            frames__end(&t->frames, 0, 0, FRAMES_GONE, on_ended, &ending);
            f.chain[c] = t->next;
            frames__clear(&t->frames);
            free(t);
        }
    }
}

void functions__drop(void)
{
    vm_functions__free(f.at);
    functions__clear(&f.table);
    free(f.told);
    free(f.on);
    free(f.returns);
    f.returns = NULL;
    f.at = NULL;
    f.told = NULL;
    f.on = NULL;
}

static struct vm_functions *index_table(const struct functions_table *table)
{
    uint64_t *address = calloc(table->count, sizeof(*address));
    struct vm_functions *at = NULL;
    for (uint32_t i = 0; address && i < table->count; i++)
        address[i] = table->entry[i].address;
    if (address)
        at = vm_functions__new(address, table->count);
    free(address);
    return at;
}

static void take_trampolines(void)
{
    unsigned n = 0;
    memset(f.trampoline, 0, sizeof(f.trampoline));
    for (unsigned i = 0; i < FUNCTIONS_TRAMPOLINES; i++) {
        if (f.table.trampoline[i])
            f.trampoline[n++] = f.table.trampoline[i];
    }
}

bool functions__install(struct functions_table *table)
{
    functions__drop();
    if (table->count == 0)
        return true;
    f.table = *table;
    take_trampolines();
    memset(table, 0, sizeof(*table));
    f.at = index_table(&f.table);
    f.told = calloc(f.table.count, 1);
    f.on = calloc(plugin.n_cpus, sizeof(struct function_thread *));
    f.returns = calloc(plugin.n_cpus, sizeof(*f.returns));
    if (f.at && f.told && f.on && f.returns)
        return true;
    functions__drop();
    return false;
}

void functions__plan(struct vm_plan *plan)
{
    plan->functions = f.at;
    plan->also_return = f.trampoline;
}
