/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which thread runs on a vCPU, who it is, and whether it still lives. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "decode/decode.h"
#include "guest/nt/io.h"
#include "guest/nt/nt.h"
#include "guest/nt/objects.h"
#include "guest/nt/process.h"
#include "guest/nt/tables.h"

#define KPCR_THREAD_64 0x188u
#define KPCR_THREAD_32 0x124u
#define KPCR_SELF_32   0x1cu
#define KPCR_UNIPROC   0xffdff000u /* where x86 has it before Vista, on the first processor */
#define THREAD_OBJECT  6u          /* DISPATCHER_HEADER.Type of a thread */
#define SIGNAL_STATE   4u          /* DISPATCHER_HEADER.SignalState: not 0 once the thread has ended */
#define CLAIMS_MAX     1000u
#define SWEEP_FIRST    16u
#define SWEEP_LAST     65536u

static unsigned word_of(const struct guest *g)
{
    return g->nt.is_64 ? 8 : 4;
}

static bool in_kernel(const struct guest *g, uint64_t address)
{
    return g->nt.is_64 ? (int64_t)address < 0 : address >= 0x80000000u && address <= 0xffffffffu;
}

static bool read_word(struct guest_cpu *cpu, uint64_t addr, uint64_t *out)
{
    *out = 0;
    return vm__read_exact(cpu->vm, addr, out, word_of(cpu->guest));
}

static bool member(struct guest_cpu *cpu, uint64_t base, enum nt_offset which, void *out, size_t size)
{
    uint32_t off = cpu->guest->nt.offset[which];
    return off != NT_NONE && base != 0 && vm__read_exact(cpu->vm, base + off, out, size);
}

static bool member_word(struct guest_cpu *cpu, uint64_t base, enum nt_offset which, uint64_t *out)
{
    *out = 0;
    return member(cpu, base, which, out, word_of(cpu->guest));
}

/* x86: fs has the KPCR only inside the kernel, so its address is kept from when it was seen there. */
static uint64_t kpcr_32(struct guest_cpu *cpu)
{
    uint64_t fs = vm__reg(cpu->vm, VM_FS_BASE) & 0xffffffffu, self;
    if (fs != cpu->kpcr && in_kernel(cpu->guest, fs) && read_word(cpu, fs + KPCR_SELF_32, &self) && self == fs)
        cpu->kpcr = fs;
    if (!cpu->kpcr && cpu->guest->n_cpus == 1 && read_word(cpu, KPCR_UNIPROC + KPCR_SELF_32, &self) &&
        self == KPCR_UNIPROC)
        cpu->kpcr = KPCR_UNIPROC;
    return cpu->kpcr;
}

/* x64: one of the two bases of gs, whichever side of swapgs this is. */
static uint64_t kpcr_64(struct guest_cpu *cpu)
{
    uint64_t base = vm__reg(cpu->vm, VM_K_GS_BASE);
    return in_kernel(cpu->guest, base) ? base : vm__reg(cpu->vm, VM_GS_BASE);
}

uint64_t nt__read_current(struct guest_cpu *cpu)
{
    bool wide = cpu->guest->nt.is_64;
    uint64_t kpcr = wide ? kpcr_64(cpu) : kpcr_32(cpu), object;
    if (!in_kernel(cpu->guest, kpcr))
        return 0;
    cpu->count[QBK_COUNT_IDENTITY_READS]++;
    if (!read_word(cpu, kpcr + (wide ? KPCR_THREAD_64 : KPCR_THREAD_32), &object))
        return 0;
    return in_kernel(cpu->guest, object) ? object : 0;
}

/* Process and thread id, in one read. */
static bool read_cid(struct guest_cpu *cpu, uint64_t object, int32_t *pid, int32_t *tid)
{
    uint8_t cid[16];
    unsigned word = word_of(cpu->guest);
    if (!member(cpu, object, NT_THREAD_CID, cid, 2 * word))
        return false;
    memcpy(pid, cid, sizeof(*pid));
    memcpy(tid, cid + word, sizeof(*tid));
    return true;
}

static void introduce(struct guest_cpu *cpu, struct guest_thread *t)
{
    uint64_t process, parent, created = 0;
    char name[16] = {0};
    t->ppid = -1;
    t->uid = t->euid = t->gid = UINT32_MAX;
    if (member_word(cpu, t->object, NT_THREAD_PROCESS, &process)) {
        if (member_word(cpu, process, NT_PROCESS_PARENT, &parent))
            t->ppid = (int32_t)parent;
        if (member(cpu, process, NT_PROCESS_NAME, name, 15))
            memcpy(t->comm, name, strlen(name));
        if (member(cpu, process, NT_PROCESS_CREATE_TIME, &created, sizeof(created)))
            t->start_time = created;
    }
    bool born = nt_process__identify(cpu, t);
    guest__filter_thread(cpu->guest, t);
    cpu->count[QBK_COUNT_THREADS_BORN]++;
    guest__emit_thread(cpu->guest, cpu, t, born ? QBK_THREAD_BORN : QBK_THREAD_SEEN, 1);
}

static bool never_returns(const struct qebek_call *call)
{
    const struct decode_service *service = call ? decode__service((enum qbk_abi)call->abi, call->nr) : NULL;
    return service && (service->flags & (DECODE_NORETURN | DECODE_RESUMES));
}

/* Of the process, where it has ended; else what the thread itself asked for. */
static uint32_t exit_status(struct guest_cpu *cpu, struct guest_thread *t)
{
    uint32_t status;
    enum nt_process_end end = nt_process__ended(cpu, t, &status);
    if (end == NT_PROCESS_ENDED) {
        t->group_exit = true;
        return status;
    }
    t->exits_alone = end == NT_PROCESS_LIVES && !t->nt.ends_process;
    t->group_exit = t->nt.ends_process;
    t->status_unknown = !t->nt.ends;
    return t->nt.ends ? t->nt.status : 0;
}

static void thread_gone(struct guest_cpu *cpu, struct calls_thread *thread)
{
    struct guest_thread last = *guest__of(thread);
    uint32_t status = exit_status(cpu, &last);
    enum qbk_end innermost = never_returns(calls__top(thread)) ? QBK_END_NORETURN : QBK_END_THREAD_GONE;
    last.n_names = 0;
    if (cpu->guest->on_gone)
        cpu->guest->on_gone(cpu, last.object);
    guest__call_over(guest__of(thread));
    calls__thread_gone(cpu->guest->calls, thread, cpu->vm->index, cpu, innermost);
    cpu->count[QBK_COUNT_THREADS_GONE]++;
    guest__emit_thread_exit(cpu, &last, (int32_t)status);
    nt_io__thread_gone(cpu->guest, &last);
}

/* Another vCPU holds a thread that runs here only for the moment of a look at it (nt__sweep), so it is worth waiting.
 */
struct calls_thread *nt__thread_known(struct guest_cpu *cpu, uint64_t object)
{
    struct calls *calls = cpu->guest->calls;
    for (unsigned i = 0; i < CLAIMS_MAX; i++) {
        struct calls_thread *thread = calls__thread_claim(calls, object, cpu->vm->index, false);
        if (thread || !calls__thread_find(calls, object))
            return thread;
        sched_yield();
    }
    return NULL;
}

/* Objects are used again: the same address with another id is another thread. */
static struct calls_thread *checked(struct guest_cpu *cpu, uint64_t object, struct calls_thread *thread)
{
    int32_t pid, tid;
    if (!read_cid(cpu, object, &pid, &tid))
        return thread;
    if (thread && guest__of(thread)->tid == tid && guest__of(thread)->pid == pid) {
        nt_process__look(cpu, guest__of(thread));
        return thread;
    }
    if (thread)
        thread_gone(cpu, thread);
    thread = calls__thread_claim(cpu->guest->calls, object, cpu->vm->index, true);
    if (!thread)
        return NULL;
    struct guest_thread *t = guest__of(thread);
    if (t->number == 0) {
        t->object = object;
        t->pid = pid;
        t->tid = tid;
        introduce(cpu, t);
        nt_process__look(cpu, t);
    }
    return thread;
}

struct calls_thread *nt__thread_here(struct guest_cpu *cpu, uint64_t object)
{
    return checked(cpu, object, nt__thread_known(cpu, object));
}

/* For tests: are the ids what they were, where nobody looks? */
static void compare(struct guest_cpu *cpu, const struct guest_thread *t)
{
    int32_t pid, tid;
    if (!read_cid(cpu, t->object, &pid, &tid))
        return;
    cpu->count[QBK_COUNT_IDENTITY_COMPARED]++;
    if (pid != t->pid || tid != t->tid)
        cpu->count[QBK_COUNT_IDENTITY_DIFFERENT]++;
}

/*
 * Comes back from its call to where it made that, with the same stack: the object is the same thread's still. A new
 * thread with an old one's object begins in LdrInitializeThunk or KiUserApcDispatcher, whatever its creator wants.
 */
static bool is_back(const struct guest *g, const struct guest_thread *t, uint64_t ip, uint64_t sp)
{
    if (t->nt.where == NT_IN_USER || t->nt.control != NT_NO_CONTROL || t->nt.sp == 0 || t->nt.sp != sp ||
        (t->nt.ip != 0 && t->nt.ip != ip) || g->nt.thread_start == 0 || g->nt.thread_start == ip)
        return false;
    for (unsigned i = 0; i < NT_DISPATCHERS; i++) {
        if (g->nt.dispatcher[i] == 0 || g->nt.dispatcher[i] == ip)
            return false;
    }
    return true;
}

struct calls_thread *nt__thread_leaves(struct guest_cpu *cpu, uint64_t object, uint64_t ip, uint64_t sp)
{
    struct calls_thread *thread = nt__thread_known(cpu, object);
    if (!thread || !is_back(cpu->guest, guest__of(thread), ip, sp))
        return checked(cpu, object, thread);
    if (cpu->guest->settings.flags & LINK_COMPARE_IDENTITY)
        compare(cpu, guest__of(thread));
    nt_process__look(cpu, guest__of(thread));
    return thread;
}

/*
 * ---- death ----
 * No function tells of it, but a thread's object is signalled at its end, and then freed. Threads that are in a call
 * are looked at after something that may have ended some, in ever longer distances.
 */
struct known {
    uint64_t object;
    int32_t pid, tid;
};
struct known_list {
    struct known *one;
    size_t count, room;
};

static void collect(struct calls_thread *thread, void *data)
{
    const struct guest_thread *t = guest__of(thread);
    struct known_list *list = data;
    if (list->count < list->room)
        list->one[list->count++] = (struct known){t->object, t->pid, t->tid};
}

static bool lives(struct guest_cpu *cpu, const struct known *t)
{
    uint8_t head[8];
    uint32_t signalled;
    int32_t pid, tid;
    if (!vm__read_exact(cpu->vm, t->object, head, sizeof(head)))
        return false;
    memcpy(&signalled, head + SIGNAL_STATE, sizeof(signalled));
    if ((head[0] & 0x7f) != THREAD_OBJECT || signalled != 0)
        return false;
    return read_cid(cpu, t->object, &pid, &tid) && pid == t->pid && tid == t->tid;
}

static void sweep_now(struct guest_cpu *cpu)
{
    struct guest *g = cpu->guest;
    struct known_list list = {.room = calls__thread_count(g->calls)};
    list.one = list.room ? malloc(list.room * sizeof(*list.one)) : NULL;
    if (!list.one)
        return; /* no memory: the next time */
    calls__thread_each(g->calls, collect, &list);
    for (size_t i = 0; i < list.count; i++) {
        const struct known *k = &list.one[i];
        if (k->object == 0 || k->object == cpu->object || lives(cpu, k))
            continue;
        struct calls_thread *thread = nt__thread_known(cpu, k->object);
        if (!thread)
            continue;
        if (guest__of(thread)->tid == k->tid) /* else another vCPU was faster, and it is a new one by now */
            thread_gone(cpu, thread);
        else
            calls__thread_release(thread);
    }
    free(list.one);
}

void nt__sweep_soon(struct guest *g)
{
    __atomic_store_n(&g->sweep_after, SWEEP_FIRST, __ATOMIC_RELAXED);
    __atomic_store_n(&g->sweep_in, SWEEP_FIRST, __ATOMIC_RELAXED);
}

/* Never more often than there are threads, so that the share of each event stays the same. */
void nt__sweep(struct guest_cpu *cpu)
{
    struct guest *g = cpu->guest;
    if (__atomic_load_n(&g->sweep_after, __ATOMIC_RELAXED) == 0 ||
        __atomic_sub_fetch(&g->sweep_in, 1, __ATOMIC_RELAXED) != 0)
        return;
    sweep_now(cpu);
    uint32_t next = __atomic_load_n(&g->sweep_after, __ATOMIC_RELAXED) * 4;
    uint32_t least = (uint32_t)calls__thread_count(g->calls);
    if (next < least)
        next = least;
    __atomic_store_n(&g->sweep_after, next > SWEEP_LAST ? 0 : next, __ATOMIC_RELAXED);
    __atomic_store_n(&g->sweep_in, (int32_t)next, __ATOMIC_RELAXED);
}

void nt__plan(const struct guest *guest, struct vm_plan *plan)
{
    plan->entries = true;
    plan->returns = true;
    plan->page_tables = guest->nt.is_64;
}

void nt__begin(struct guest *guest)
{
    nt_io__clear(guest);
    guest->isolation_known = guest->isolated = false;
    nt_objects__reset(guest);
    guest->sweep_after = 0;
    guest->sweep_in = 0;
    nt_tables__free(guest->nt_tables); /* of the kernel before; nobody looks in this phase */
    guest->nt_tables = nt_tables__new();
    nt_processes__free(guest->nt_processes);
    guest->nt_processes = nt_processes__new();
    for (unsigned i = 0; i < guest->n_cpus; i++) {
        guest->cpu[i].kpcr = 0;
        guest->cpu[i].object = 0;
    }
}
