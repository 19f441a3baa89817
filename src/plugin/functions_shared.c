/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Of some kernels nothing tells when a vCPU goes on with another thread. Then the words that return sites look at are
 * of the frames of all threads, the same on each vCPU. As many threads wait in functions for long, others come by the
 * words of those often: by the stack pointer most are told apart from them without a look at guest memory.
 */
#include "plugin/functions.h"

#define WAITING 65536u /* a power of two */

static struct {
    pthread_mutex_t lock; /* guards what follows, and the words of all vCPUs */
    uint32_t count[VM_FILTER];
    uint32_t waiting[WAITING]; /* atomic: frames by where they return to; written under the lock */
    uint32_t lying[WAITING];   /* the same: by where their return address lies */
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static unsigned hash(uint64_t pc, uint64_t sp)
{
    return (unsigned)(((pc ^ sp << 20 ^ sp >> 44) * 0x9e3779b97f4a7c15u) >> 48) & (WAITING - 1);
}

/* Those of which it is not known how much they take off the stack, are counted by the address alone. */
static uint32_t *waiting_of(const struct frame *frame)
{
    bool known = frame->pops != FRAMES_POPS_UNKNOWN;
    return &shared.waiting[hash(frame->ret, known ? frame->sp + frame->pops : 0)];
}

void functions_shared__add(const struct frame *frame)
{
    unsigned slot = frames__slot(frame->ret);
    pthread_mutex_lock(&shared.lock);
    __atomic_add_fetch(waiting_of(frame), 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&shared.lying[hash(frame->ret, frame->sp)], 1, __ATOMIC_RELAXED);
    if (shared.count[slot]++ == 0)
        vm__filter_all(slot, 1);
    pthread_mutex_unlock(&shared.lock);
}

void functions_shared__remove(const struct frame *frame)
{
    unsigned slot = frames__slot(frame->ret);
    pthread_mutex_lock(&shared.lock);
    __atomic_sub_fetch(waiting_of(frame), 1, __ATOMIC_RELAXED);
    __atomic_sub_fetch(&shared.lying[hash(frame->ret, frame->sp)], 1, __ATOMIC_RELAXED);
    if (--shared.count[slot] == 0)
        vm__filter_all(slot, 0);
    pthread_mutex_unlock(&shared.lock);
}

bool functions_shared__waits(uint64_t pc, uint64_t sp)
{
    return __atomic_load_n(&shared.waiting[hash(pc, sp)], __ATOMIC_RELAXED) != 0 ||
           __atomic_load_n(&shared.waiting[hash(pc, 0)], __ATOMIC_RELAXED) != 0;
}

bool functions_shared__lies(uint64_t ret, uint64_t slot)
{
    return __atomic_load_n(&shared.lying[hash(ret, slot)], __ATOMIC_RELAXED) != 0;
}

/* Its words are all 0. */
void functions_shared__on_cpu(void)
{
    pthread_mutex_lock(&shared.lock);
    for (unsigned slot = 0; slot < VM_FILTER; slot++) {
        if (shared.count[slot])
            vm__filter_all(slot, 1);
    }
    pthread_mutex_unlock(&shared.lock);
}
