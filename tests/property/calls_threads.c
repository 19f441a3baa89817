// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pairing with several vCPUs at once: each is a host thread, guest threads move between them also inside calls, die and
 * are born again with the same key, while another host thread hooks and unhooks. Nothing but calls__thread_claim keeps
 * the vCPUs from each other's guest threads: what a guest thread's calls are to be is plain memory that belongs to
 * whoever holds it, so that the thread sanitizer sees a claim that orders nothing.
 *   QEBEK_PROPERTY_SECONDS=N  how long (8)
 *   QEBEK_PROPERTY_SEED=N     where to begin (the order of events between vCPUs is the host's, not the seed's)
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "calls/calls.h"

#define VCPUS     4u
#define GUESTS    10u
#define DEPTH     12u
#define ROUND_OPS 20000u
#define CONSTANT  3u  /* hooks that stay: on all, on number 1, and on number 2 with a pre that refuses half */
#define HOOKS     7u  /* the others come and go */
#define EVENTS    64u /* callbacks of one event: at most CONSTANT for each call in flight */

enum { ON = 1, OFF = 3 }; /* states of a hook that comes and goes, of 4; between them it is being changed */

struct guest {
    bool alive;
    uint64_t generation;
    unsigned depth;
    uint64_t serial[DEPTH];
    uint32_t nr[DEPTH];
    unsigned last_vcpu;
};

struct vcpu {
    unsigned index;
    uint64_t random;
    uint64_t expected[EVENTS], actual[EVENTS]; /* callbacks of the constant hooks: hook, what, serial */
    unsigned n_expected, n_actual;
    uint32_t gen[HOOKS];
    bool asked[HOOKS];
    uint64_t calls, moved, deaths, contended;
};

static struct calls *calls;
static struct guest guests[GUESTS];
static _Atomic uint32_t gens[HOOKS]; /* state of each hook: see ON and OFF */
static _Atomic uint64_t watched[HOOKS], posts[HOOKS], serials;
static _Atomic bool stop;
static _Atomic(const char *) wrong;
static uint64_t total_calls, total_moved, total_deaths, total_contended, changes;

static void fail(const char *what)
{
    const char *none = NULL;
    atomic_compare_exchange_strong(&wrong, &none, what);
    atomic_store(&stop, true);
}

static uint64_t next(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    return x ^ (x >> 31);
}

static unsigned below(uint64_t *state, unsigned n)
{
    return (unsigned)((next(state) >> 20) % n);
}

static bool wants(unsigned id, uint64_t serial)
{
    return id < 2 || ((serial * 0x9e3779b97f4a7c15u) >> (30 + id) & 1);
}

static uint64_t event(unsigned id, bool post, uint64_t serial)
{
    return serial << 4 | id << 1 | post;
}

static enum qebek_verdict pre(struct qebek_call *call, void *context, void *user)
{
    unsigned id = (unsigned)(uintptr_t)user;
    struct vcpu *vcpu = call->machine;
    uint64_t *bytes = context, serial = call->args[0];
    if (bytes[0] != 0 || bytes[1] != 0)
        fail("a context is not zero before pre");
    bytes[0] = serial;
    bytes[1] = ~serial + id;
    if (id < CONSTANT)
        vcpu->actual[vcpu->n_actual++ % EVENTS] = event(id, false, serial);
    vcpu->asked[id] = true;
    if (id >= CONSTANT && vcpu->gen[id] % 4 == OFF && atomic_load(&gens[id]) == vcpu->gen[id])
        fail("a hook was asked that is not in force");
    if (!wants(id, serial))
        return QEBEK_SKIP;
    atomic_fetch_add_explicit(&watched[id], 1, memory_order_relaxed);
    return QEBEK_WATCH;
}

static void post(struct qebek_call *call, void *context, void *user)
{
    unsigned id = (unsigned)(uintptr_t)user;
    struct vcpu *vcpu = call->machine;
    const uint64_t *bytes = context;
    if (bytes[0] != call->args[0] || bytes[1] != ~call->args[0] + id)
        fail("a context is not as its pre left it");
    if (id < CONSTANT)
        vcpu->actual[vcpu->n_actual++ % EVENTS] = event(id, true, call->args[0]);
    atomic_fetch_add_explicit(&posts[id], 1, memory_order_relaxed);
}

static struct qebek_hook hook_of(unsigned id)
{
    return (struct qebek_hook){
        .size = sizeof(struct qebek_hook), .pre = pre, .post = post, .user = (void *)(uintptr_t)id, .context_size = 16};
}

static int set_hook(unsigned id)
{
    struct qebek_hook hook = hook_of(id);
    bool all = id == 0 || id == CONSTANT;
    return all ? calls__hook_all(calls, &hook) : calls__hook(calls, QBK_ABI_LINUX_X86_64, id % 2 ? 1 : 2, &hook);
}

static bool hooks_number(unsigned id, uint32_t nr)
{
    return id == 0 || id == CONSTANT || nr == (id % 2 ? 1u : 2u);
}

static void expect(struct vcpu *vcpu, uint32_t nr, bool is_post, uint64_t serial)
{
    for (unsigned id = 0; id < CONSTANT; id++) {
        if (hooks_number(id, nr) && (!is_post || wants(id, serial)))
            vcpu->expected[vcpu->n_expected++ % EVENTS] = event(id, is_post, serial);
    }
}

static void compare(struct vcpu *vcpu)
{
    if (vcpu->n_expected > EVENTS || vcpu->n_expected != vcpu->n_actual ||
        memcmp(vcpu->expected, vcpu->actual, vcpu->n_expected * sizeof vcpu->expected[0]) != 0)
        fail("other callbacks ran than must");
    vcpu->n_expected = vcpu->n_actual = 0;
}

static void enter(struct vcpu *vcpu, struct guest *guest, struct calls_thread *thread)
{
    uint64_t serial = atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed) + 1;
    struct qebek_call prepare = {
        .nr = below(&vcpu->random, 4), .abi = QBK_ABI_LINUX_X86_64, .args = {serial}, .have_args = 1, .machine = vcpu};
    for (unsigned id = 0; id < HOOKS; id++) {
        vcpu->gen[id] = atomic_load(&gens[id]);
        vcpu->asked[id] = false;
    }
    expect(vcpu, prepare.nr, false, serial);
    if (calls__enter(calls, thread, vcpu->index, &prepare, true) == NULL)
        fail("a call is not watched");
    for (unsigned id = CONSTANT; id < HOOKS; id++) {
        bool in_force = vcpu->gen[id] % 4 == ON && atomic_load(&gens[id]) == vcpu->gen[id];
        if (in_force && !vcpu->asked[id] && hooks_number(id, prepare.nr))
            fail("a hook in force was not asked");
    }
    guest->serial[guest->depth] = serial;
    guest->nr[guest->depth++] = prepare.nr;
    vcpu->calls++;
}

static void leave(struct vcpu *vcpu, struct guest *guest, struct calls_thread *thread)
{
    bool there = guest->depth > 0;
    if (there) {
        guest->depth--;
        expect(vcpu, guest->nr[guest->depth], true, guest->serial[guest->depth]);
    }
    if (calls__end(calls, thread, vcpu->index, vcpu, QBK_END_RETURNED, 0, 0) != there)
        fail("a call did not end, or one that was not there did");
    vcpu->moved += there && guest->last_vcpu != vcpu->index;
}

static void die(struct vcpu *vcpu, struct guest *guest, struct calls_thread *thread)
{
    while (guest->depth > 0) {
        guest->depth--;
        expect(vcpu, guest->nr[guest->depth], true, guest->serial[guest->depth]);
    }
    guest->alive = false;
    vcpu->deaths++;
    calls__thread_gone(calls, thread, vcpu->index, vcpu, QBK_END_THREAD_GONE);
}

/* Somewhere between one event and a few, as a scheduler would have it. */
static void run_guest(struct vcpu *vcpu, unsigned which)
{
    uint64_t key = 0xffff888000000000u + which * 4096;
    struct calls_thread *thread = calls__thread_claim(calls, key, vcpu->index, true);
    struct guest *guest = &guests[which];
    if (thread == NULL) {
        vcpu->contended++;
        return;
    }
    uint64_t *generation = thread->owner;
    if (!guest->alive) {
        *guest = (struct guest){.alive = true, .generation = guest->generation + 1, .last_vcpu = vcpu->index};
        if (*generation != 0 || thread->depth != 0)
            fail("a new thread has something of the old one");
        *generation = guest->generation;
    }
    if (*generation != guest->generation || thread->depth != guest->depth || thread->key != key)
        fail("not the thread that was left here");
    for (unsigned n = 1 + below(&vcpu->random, 6); n > 0; n--) {
        unsigned what = below(&vcpu->random, 40);
        if (what == 0) {
            die(vcpu, guest, thread);
            compare(vcpu); /* the guest is not ours any more */
            return;
        }
        if (what < 21 && guest->depth < DEPTH)
            enter(vcpu, guest, thread);
        else
            leave(vcpu, guest, thread);
        compare(vcpu);
        guest->last_vcpu = vcpu->index;
    }
    calls__thread_release(thread);
}

static void *vcpu_main(void *data)
{
    struct vcpu *vcpu = data;
    for (unsigned i = 0; i < ROUND_OPS && !atomic_load_explicit(&stop, memory_order_relaxed); i++)
        run_guest(vcpu, below(&vcpu->random, GUESTS));
    return NULL;
}

static void *changer_main(void *data)
{
    uint64_t *random = data;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        unsigned id = CONSTANT + below(random, HOOKS - CONSTANT);
        struct qebek_hook hook = hook_of(id);
        bool on = atomic_load(&gens[id]) % 4 == ON;
        atomic_fetch_add(&gens[id], 1);
        if (on)
            calls__unhook(calls, &hook);
        else if (set_hook(id) != 0)
            fail("hooking failed");
        atomic_fetch_add(&gens[id], 1);
        changes++;
        (void)calls__thread_count(calls);
        nanosleep(&(struct timespec){0, 20000}, NULL); /* so that calls are made while nothing changes, too */
    }
    return NULL;
}

static void end_round(void)
{
    static struct vcpu vcpu;
    struct calls_counts counts;
    uint64_t ends = 0;
    calls__all_gone(calls, 0, &vcpu, QBK_END_IN_FLIGHT);
    for (unsigned i = 0; i < GUESTS; i++)
        guests[i].alive = false;
    for (unsigned id = 0; id < HOOKS; id++) {
        if (atomic_load(&watched[id]) != atomic_load(&posts[id]))
            fail("not every call that was watched had its post");
    }
    calls__counts(calls, &counts);
    for (unsigned i = 0; i < QBK_ENDS; i++)
        ends += counts.ends[i];
    if (counts.entries != ends || counts.entries != atomic_load(&serials) || counts.no_memory + counts.too_deep != 0)
        fail("the counters do not balance");
    if (calls__thread_count(calls) != 0)
        fail("threads are left");
    calls__reclaim(calls);
}

static void round_of(uint64_t *random)
{
    static struct vcpu vcpus[VCPUS];
    pthread_t thread[VCPUS], changer;
    uint64_t seed = next(random);
    if (pthread_create(&changer, NULL, changer_main, &seed) != 0)
        abort();
    for (unsigned i = 0; i < VCPUS; i++) {
        vcpus[i] = (struct vcpu){.index = i, .random = next(random)};
        if (pthread_create(&thread[i], NULL, vcpu_main, &vcpus[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < VCPUS; i++)
        pthread_join(thread[i], NULL);
    bool failed = atomic_exchange(&stop, true) && atomic_load(&wrong) != NULL;
    pthread_join(changer, NULL);
    if (!failed)
        atomic_store(&stop, false);
    for (unsigned i = 0; i < VCPUS; i++) {
        total_calls += vcpus[i].calls;
        total_moved += vcpus[i].moved;
        total_deaths += vcpus[i].deaths;
        total_contended += vcpus[i].contended;
    }
}

int main(void)
{
    const char *text = getenv("QEBEK_PROPERTY_SEED"), *limit = getenv("QEBEK_PROPERTY_SECONDS");
    uint64_t seed;
    time_t until = time(NULL) + (limit != NULL ? strtol(limit, NULL, 0) : 8);
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = (uint64_t)time(NULL);
    if (text != NULL)
        seed = strtoull(text, NULL, 0);
    printf("seed %" PRIu64 "\n", seed);
    fflush(stdout);
    calls = calls__new(VCPUS, sizeof(uint64_t));
    if (calls == NULL)
        return 1;
    for (unsigned id = 0; id < CONSTANT; id++) {
        if (set_hook(id) != 0)
            return 1;
    }
    for (unsigned id = CONSTANT; id < HOOKS; id++)
        atomic_store(&gens[id], OFF);
    do {
        round_of(&seed);
        end_round();
    } while (time(NULL) < until && atomic_load(&wrong) == NULL);
    calls__free(calls);
    if (atomic_load(&wrong) != NULL) {
        printf("not ok: %s\n", atomic_load(&wrong));
        return 1;
    }
    printf("%" PRIu64 " calls on %u vCPUs, %" PRIu64 " ended on another one, %" PRIu64 " deaths, %" PRIu64
           " claims refused, %" PRIu64 " changes of hooks\n",
           total_calls, VCPUS, total_moved, total_deaths, total_contended, changes);
    return !(total_calls && total_moved && total_deaths && total_contended && changes);
}
