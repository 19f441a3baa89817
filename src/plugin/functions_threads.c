/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose calls of hooked functions these are. A thread here is whatever the kernel switches to, its own threads and idle
 * ones too.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "guest/linux/linux.h"
#include "plugin/functions.h"

#define CHAINS 1024u /* a power of two */

static struct {
    pthread_mutex_t lock; /* guards the chains */
    struct function_thread *chain[CHAINS];
} threads = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct function_thread **chain_of(uint64_t object)
{
    return &threads.chain[(object * 0x9e3779b97f4a7c15u) >> 54 & (CHAINS - 1)];
}

struct function_thread *functions_threads__claim(uint64_t object, bool create)
{
    pthread_mutex_lock(&threads.lock);
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
    pthread_mutex_unlock(&threads.lock);
    return t;
}

bool functions_threads__is_kept(uint64_t object)
{
    pthread_mutex_lock(&threads.lock);
    const struct function_thread *t = *chain_of(object);
    while (t && t->object != object)
        t = t->next;
    pthread_mutex_unlock(&threads.lock);
    return t != NULL;
}

void functions_threads__let_go(struct function_thread *t)
{
    pthread_mutex_lock(&threads.lock);
    t->runs = false;
    if (t->frames.n == 0) {
        struct function_thread **at = chain_of(t->object);
        while (*at != t)
            at = &(*at)->next;
        *at = t->next;
        frames__clear(&t->frames);
        free(t);
    }
    pthread_mutex_unlock(&threads.lock);
}

void functions_threads__follow_filter(struct guest_cpu *cpu, struct function_thread *t)
{
    t->frames.filter = functions.shared ? NULL : vm__filter(cpu->vm);
}

void functions__switched(struct guest_cpu *cpu)
{
    if (!functions.at)
        return;
    struct function_thread **on = &functions.on[cpu->vm->index];
    if (*on && (*on)->object == cpu->object)
        return;
    if (*on) {
        functions_threads__follow_filter(cpu, *on);
        frames__off(&(*on)->frames);
        functions_threads__let_go(*on);
    }
    *on = functions_threads__claim(cpu->object, false);
    if (*on)
        frames__on(&(*on)->frames, vm__filter(cpu->vm));
}

struct function_thread *functions_threads__running(struct guest_cpu *cpu, uint64_t sp, bool settled)
{
    struct function_thread **on = &functions.on[cpu->vm->index];
    if (!cpu->object)
        (void)identity__learn(cpu, sp, settled);
    functions__switched(cpu);
    if (!*on && cpu->object) {
        *on = functions_threads__claim(cpu->object, true);
        if (*on)
            (*on)->stack = linux__stack(cpu, cpu->object);
    }
    if (*on && cpu->thread)
        (*on)->number = guest__of(cpu->thread)->number;
    if (!*on)
        __atomic_add_fetch(&functions.unseen, 1, __ATOMIC_RELAXED);
    return *on;
}

void functions__on_gone(struct guest_cpu *cpu, uint64_t object)
{
    if (!functions.at || object == cpu->object)
        return;
    struct function_thread *t = functions_threads__claim(object, false);
    if (!t)
        return;
    functions_calls__end_thread(cpu, t, QBK_FUNCTION_THREAD_GONE);
    functions_threads__let_go(t);
}

static void tell_unseen(struct guest_cpu *cpu)
{
    char text[128];
    uint64_t n = __atomic_exchange_n(&functions.unseen, 0, __ATOMIC_RELAXED);
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
    functions_user__tell_unseen(cpu);
    for (unsigned i = 0; functions.at && i < plugin.n_cpus; i++) {
        if (!functions.on[i] || !plugin.guest.cpu[i].vm)
            continue;
        functions_threads__follow_filter(&plugin.guest.cpu[i], functions.on[i]);
        frames__off(&functions.on[i]->frames);
        functions.on[i] = NULL;
    }
    for (unsigned c = 0; c < CHAINS; c++) {
        while (threads.chain[c]) {
            struct function_thread *t = threads.chain[c];
            functions_calls__end_thread(cpu, t, end);
            threads.chain[c] = t->next;
            frames__clear(&t->frames);
            free(t);
        }
    }
}
