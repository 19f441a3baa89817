/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/raw.h"

#include <stdlib.h>
#include <string.h>

/* Two words into one key; never 0. Collisions would pair wrongly, so both are mixed over all bits (splitmix64). */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* The low bits of CR3 are flags, or the process-context id, which differs between entry and exit with isolation on. */
static uint64_t key_of(uint64_t cr3, uint64_t rsp)
{
    return mix(mix(cr3 & ~0xfffull & ~(1ull << 63)) + rsp) | 1;
}

struct idle_list {
    struct calls_thread *thread[RAW_STACKS_MAX];
    unsigned count;
};

static void collect_idle(struct calls_thread *thread, void *data)
{
    struct idle_list *list = data;
    if (thread->depth == 0 && list->count < RAW_STACKS_MAX)
        list->thread[list->count++] = thread;
}

/* Make room: stacks without a call in flight are forgotten. Nothing tells when a thread of an unknown system ends. */
static void forget_idle(struct guest_cpu *cpu)
{
    struct idle_list *list = calloc(1, sizeof(*list));
    if (!list)
        return;
    calls__thread_each(cpu->guest->calls, collect_idle, list);
    for (unsigned i = 0; i < list->count; i++) {
        uint64_t number = guest__of(list->thread[i])->number;
        calls__thread_gone(cpu->guest->calls, list->thread[i], cpu->vm->index, cpu, QBK_END_THREAD_GONE);
        guest__emit_forgotten(cpu, number); /* the reader need not remember it either */
    }
    free(list);
}

struct calls_thread *raw__at_entry(struct guest_cpu *cpu)
{
    uint64_t cr3 = vm__reg(cpu->vm, VM_CR3);
    uint64_t key = key_of(cr3, vm__reg(cpu->vm, VM_RSP));
    struct calls_thread *thread = calls__thread_find(cpu->guest->calls, key);
    if (thread) { /* who was in a call on this stack is not there any more: it exited, or runs another image */
        while (calls__end(cpu->guest->calls, thread, cpu->vm->index, cpu, QBK_END_THREAD_GONE, 0, 0))
            ;
        return thread;
    }
    if (calls__thread_count(cpu->guest->calls) >= RAW_STACKS_MAX)
        forget_idle(cpu);
    if (calls__thread_count(cpu->guest->calls) >= RAW_STACKS_MAX)
        return NULL;
    thread = calls__thread_get(cpu->guest->calls, key);
    if (!thread)
        return NULL;
    struct guest_thread *t = guest__of(thread);
    t->page_table = cr3;
    t->pid = t->tid = t->ppid = -1;
    t->uid = t->euid = t->gid = UINT32_MAX;
    guest__filter_thread(cpu->guest, t);
    guest__emit_thread(cpu->guest, cpu, t, QBK_THREAD_SEEN, 2);
    return thread;
}

struct calls_thread *raw__at_leave(struct guest_cpu *cpu, enum insn_kind kind)
{
    uint64_t rsp = vm__reg(cpu->vm, VM_RSP), frame[5];
    if (kind == INSN_IRET) { /* rip cs rflags rsp ss (64-bit frame) */
        if (!vm__read_exact(cpu->vm, rsp, frame, sizeof(frame)) || (frame[1] & 3) != 3)
            return NULL;
        rsp = frame[3];
    }
    struct calls_thread *thread = calls__thread_find(cpu->guest->calls, key_of(vm__reg(cpu->vm, VM_CR3), rsp));
    return thread && thread->depth > 0 ? thread : NULL;
}
