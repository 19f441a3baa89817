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

#define CHAINS      1024u      /* a power of two */
#define THREADS_MAX (1u << 18) /* that have calls in flight; a guest may claim to have any number */
#define FRAMES_ALL                                                                                                     \
    (1u << 21) /* of all threads; beyond that each keeps what it has room for, and FRAMES_FEW at least                 \
                */
#define FRAMES_FEW 16u
#define SPARE_MAX  64u
#define SPARE_ROOM 256u

static struct {
    pthread_mutex_t lock; /* guards what follows */
    struct function_thread *chain[CHAINS];
    uint32_t count;
    struct function_thread *spare; /* with the room that they had: threads without calls come and go with each switch */
    uint32_t spares;
    uint64_t room; /* atomic; frames that all of them have room for */
} threads = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct function_thread **chain_of(uint64_t object)
{
    return &threads.chain[(object * 0x9e3779b97f4a7c15u) >> 54 & (CHAINS - 1)];
}

static struct function_thread *make(uint64_t object, struct function_thread **chain)
{
    struct function_thread *t = threads.spare;
    if (threads.count >= THREADS_MAX)
        return NULL;
    if (t) {
        threads.spare = t->next;
        threads.spares--;
    } else if (!(t = calloc(1, sizeof(*t)))) {
        return NULL;
    }
    threads.count++;
    t->object = object;
    t->number = t->stack = 0;
    t->next = *chain;
    *chain = t;
    return t;
}

/* It is in no chain, and has no frames. */
static void unmake(struct function_thread *t)
{
    threads.count--;
    if (threads.spares < SPARE_MAX && t->frames.room <= SPARE_ROOM) {
        t->next = threads.spare;
        threads.spare = t;
        threads.spares++;
        return;
    }
    __atomic_sub_fetch(&threads.room, t->frames.room, __ATOMIC_RELAXED);
    frames__clear(&t->frames);
    free(t);
}

struct function_thread *functions_threads__claim(uint64_t object, bool create)
{
    pthread_mutex_lock(&threads.lock);
    struct function_thread **chain = chain_of(object), *t = *chain;
    while (t && t->object != object)
        t = t->next;
    if (!t && create)
        t = make(object, chain);
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
        unmake(t);
    }
    pthread_mutex_unlock(&threads.lock);
}

enum frames_entry functions_threads__enter(struct function_thread *t, const struct frame *frame, frames_ended *ended,
                                           void *data)
{
    size_t before = t->frames.room;
    bool full = __atomic_load_n(&threads.room, __ATOMIC_RELAXED) >= FRAMES_ALL;
    t->frames.limit = full && before > FRAMES_FEW ? before : full ? FRAMES_FEW : 0;
    enum frames_entry entered = frames__enter(&t->frames, frame, ended, data);
    if (t->frames.room != before)
        __atomic_add_fetch(&threads.room, t->frames.room - before, __ATOMIC_RELAXED);
    return entered;
}

void functions_threads__follow_filter(struct guest_cpu *cpu, struct function_thread *t)
{
    frames__moved(&t->frames, functions.shared ? NULL : vm__filter(cpu->vm));
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
            t->runs = false;
            unmake(t);
        }
    }
}
