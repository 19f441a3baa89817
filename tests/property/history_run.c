// SPDX-License-Identifier: GPL-2.0-or-later
/* One history on src/calls and on the model, compared after each step. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "history.h"
#include "model.h"

#define SLOTS 3u

/* What pre leaves in a context for post to find. */
static uint8_t pattern(uint64_t serial, unsigned hook, size_t i)
{
    return (uint8_t)((serial >> (i % 8 * 8)) + hook * 31 + i / 8 + 1);
}

static struct world {
    struct calls *calls;
    struct model model;
    struct calls_thread *real[MODEL_THREADS];
    struct model_event actual[MODEL_EXPECTED];
    unsigned n_actual;
    uint8_t last_slot[MODEL_THREADS];
    bool used[MODEL_THREADS];
    const char *inside; /* what a callback found wrong */
} w;

static const uint64_t keys[MODEL_THREADS] = {
    0, 1, UINT64_MAX, 0xffff888000000000u, 0xffff888000001000u, 0xffff888000001040u, 0x8000000000000000u, 64};

/* Which arguments the feeder read: the first, and any others, also of those that cannot be. */
static uint32_t have_of(uint64_t serial)
{
    return 1u | (uint32_t)(serial >> 32);
}

static bool as_fed(const struct qebek_call *call)
{
    uint64_t serial = call->args[0];
    if (call->cookie != ~serial || call->have_args != (have_of(serial) & ((1u << CALLS_ARGS_MAX) - 1)))
        return false;
    for (unsigned i = 0; i < CALLS_ARGS_MAX; i++) {
        if ((call->have_args >> i & 1) && call->args[i] != serial + i)
            return false;
    }
    return true;
}

static void note(char what, unsigned hook, const struct qebek_call *call)
{
    struct model_event *event = &w.actual[w.n_actual++ % MODEL_EXPECTED];
    memset(event, 0, sizeof *event);
    event->what = what;
    event->hook = (uint8_t)hook;
    event->abi = call->abi;
    event->depth = call->depth;
    event->nr = call->nr;
    event->serial = call->args[0];
    event->key = call->thread->key;
    event->machine = (uintptr_t)call->machine;
    if (what == '>') {
        event->end = call->end;
        event->flags = call->flags;
        event->result = call->result;
    }
    if (!as_fed(call))
        w.inside = "what the feeder told of the call is not there";
}

static enum qebek_verdict pre(struct qebek_call *call, void *context, void *user)
{
    const struct model_hook *hook = user;
    unsigned id = (unsigned)(hook - model_hooks);
    uint8_t *bytes = context;
    note('<', id, call);
    if ((hook->size == 0) != (context == NULL))
        w.inside = "a context that should (not) be";
    for (size_t i = 0; i < hook->size; i++) {
        if (bytes[i] != 0)
            w.inside = "a context is not zero before pre";
        bytes[i] = pattern(call->args[0], id, i);
    }
    if (calls__top(call->thread) == call)
        w.inside = "a call is on the stack before its pre has decided";
    return model__wants(id, call->args[0]) ? QEBEK_WATCH : QEBEK_SKIP;
}

static void post(struct qebek_call *call, void *context, void *user)
{
    const struct model_hook *hook = user;
    unsigned id = (unsigned)(hook - model_hooks);
    const uint8_t *bytes = context;
    note('>', id, call);
    for (size_t i = 0; hook->has_pre && i < hook->size; i++) {
        if (bytes[i] != pattern(call->args[0], id, i))
            w.inside = "a context is not as its pre left it";
    }
    if (calls__top(call->thread) != call)
        w.inside = "a call is not on top of the stack in its post";
}

static struct qebek_hook hook_of(unsigned id)
{
    const struct model_hook *hook = &model_hooks[id];
    return (struct qebek_hook){.size = sizeof(struct qebek_hook),
                               .pre = hook->has_pre ? pre : NULL,
                               .post = hook->has_post ? post : NULL,
                               .user = (void *)(uintptr_t)hook,
                               .context_size = hook->size};
}

static bool differ(char *why, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool differ(char *why, size_t room, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(why, room, format, ap);
    va_end(ap);
    return false;
}

static void print_event(char *to, size_t room, const struct model_event *e, bool there)
{
    if (there)
        snprintf(to, room,
                 "%c hook %u abi %u nr %" PRIu32 " depth %u end %u flags %u serial %" PRIx64 " key %" PRIx64
                 " result %" PRIx64 " machine %" PRIu64,
                 e->what, e->hook, e->abi, e->nr, e->depth, e->end, e->flags, e->serial, e->key, e->result, e->machine);
    else
        snprintf(to, room, "nothing");
}

static bool same_events(char *why, size_t room)
{
    unsigned n = w.model.n_expected > w.n_actual ? w.model.n_expected : w.n_actual;
    for (unsigned i = 0; i < n; i++) {
        const struct model_event *a = &w.model.expected[i % MODEL_EXPECTED], *b = &w.actual[i % MODEL_EXPECTED];
        bool has_a = i < w.model.n_expected, has_b = i < w.n_actual;
        if (has_a && has_b && memcmp(a, b, sizeof *a) == 0)
            continue;
        char expected[256], actual[256];
        print_event(expected, sizeof expected, a, has_a);
        print_event(actual, sizeof actual, b, has_b);
        return differ(why, room, "callback %u: %s; expected: %s", i, actual, expected);
    }
    if (w.inside != NULL)
        return differ(why, room, "%s", w.inside);
    return true;
}

static bool same_stacks(char *why, size_t room)
{
    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        const struct model_thread *t = &w.model.thread[i];
        if (!t->alive)
            continue;
        const struct qebek_call *top = calls__top(w.real[i]);
        if (w.real[i]->depth != t->depth || (top != NULL) != (t->depth > 0))
            return differ(why, room, "thread %u is at depth %u, not %u", i, w.real[i]->depth, t->depth);
        if (top != NULL && top->args[0] != t->call[t->depth - 1].serial)
            return differ(why, room, "thread %u: another call is on top", i);
    }
    return true;
}

static unsigned n_listed;
static uint64_t listed[MODEL_THREADS + 1];

static void list(struct calls_thread *thread, void *data)
{
    (void)data;
    listed[n_listed < MODEL_THREADS ? n_listed : MODEL_THREADS] = thread->key;
    n_listed++;
}

static bool look(const struct op *op, char *why, size_t room)
{
    struct calls_counts counts;
    unsigned alive = 0;
    uint64_t last = 0;
    n_listed = 0;
    calls__thread_each(w.calls, list, NULL);
    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        const struct model_thread *t = &w.model.thread[i];
        struct calls_thread *found = calls__thread_find(w.calls, keys[i]);
        alive += t->alive;
        if (found != (t->alive ? w.real[i] : NULL))
            return differ(why, room, "thread %u is not found as it should be", i);
    }
    if (n_listed != alive || calls__thread_count(w.calls) != alive)
        return differ(why, room, "%u threads are listed, %zu counted, %u alive", n_listed, calls__thread_count(w.calls),
                      alive);
    for (unsigned n = 0; n < n_listed; n++) {
        for (unsigned i = 0; i < MODEL_THREADS; i++) {
            if (keys[i] != listed[n])
                continue;
            if (w.model.thread[i].born <= last)
                return differ(why, room, "threads are not listed in the order of birth");
            last = w.model.thread[i].born;
        }
    }
    if (calls__wanted(w.calls, (enum qbk_abi)op->abi, op->nr) !=
        (op->abi < QBK_ABIS && model__wanted(&w.model, op->abi, op->nr)))
        return differ(why, room, "wanted(%u, %" PRIu32 ") is wrong", op->abi, op->nr);
    calls__counts(w.calls, &counts);
    if (counts.entries != w.model.entries || counts.too_deep != w.model.too_deep || counts.no_memory != 0 ||
        memcmp(counts.ends, w.model.ends, sizeof counts.ends) != 0)
        return differ(why, room, "the counters are wrong");
    return true;
}

static struct model_thread *thread_of(const struct op *op)
{
    struct model_thread *thread = &w.model.thread[op->thread];
    if (!thread->alive) {
        thread = model__thread(&w.model, op->thread, keys[op->thread]);
        w.real[op->thread] = calls__thread_get(w.calls, keys[op->thread]);
    }
    return thread;
}

static bool enter(const struct op *op, uint64_t machine, char *why, size_t room)
{
    struct model_thread *thread = thread_of(op);
    struct qebek_call prepare = {.nr = op->nr,
                                 .abi = op->abi,
                                 .have_args = have_of(op->value),
                                 .cookie = ~op->value,
                                 .machine = (void *)(uintptr_t)machine};
    for (unsigned i = 0; i < CALLS_ARGS_MAX; i++)
        prepare.args[i] = op->value + i;
    unsigned abi = op->abi; /* beyond the last one nobody can have hooks */
    bool watched = abi < QBK_ABIS && model__enter(&w.model, thread, op->value, abi, op->nr, op->nested, machine);
    while (abi >= QBK_ABIS && !op->nested && model__end(&w.model, thread, QBK_END_ORPHANED, 0, 0, machine))
        ;
    const struct qebek_call *call = calls__enter(w.calls, w.real[op->thread], op->slot, &prepare, op->nested);
    if ((call != NULL) != watched)
        return differ(why, room, "the call is%s watched", call != NULL ? "" : " not");
    return call == NULL || call == calls__top(w.real[op->thread]) || differ(why, room, "not the call on top");
}

static bool end(const struct op *op, uint64_t machine, char *why, size_t room)
{
    struct model_thread *thread = thread_of(op);
    bool there = model__end(&w.model, thread, op->end, op->flags, op->value, machine);
    bool ended = calls__end(w.calls, w.real[op->thread], op->slot, (void *)(uintptr_t)machine, (enum qbk_end)op->end,
                            op->flags, op->value);
    return there == ended || differ(why, room, "a call %s", ended ? "ended that was not there" : "did not end");
}

static bool hook(const struct op *op, char *why, size_t room)
{
    struct qebek_hook real = hook_of(op->hook);
    bool all = op->kind == OP_HOOK_ALL;
    if (!model__has_room(&w.model))
        return true;
    int expected = all ? model__hook_all(&w.model, op->hook) : model__hook(&w.model, op->hook, op->abi, op->nr);
    int err = all ? calls__hook_all(w.calls, &real) : calls__hook(w.calls, (enum qbk_abi)op->abi, op->nr, &real);
    return err == expected || differ(why, room, "hooking returned %d, not %d", err, expected);
}

static void count(struct tally *tally, const struct op *op)
{
    const struct model_thread *t = &w.model.thread[op->thread];
    if (op->kind == OP_END && t->alive && t->depth > 0 && w.last_slot[op->thread] != op->slot)
        tally->migrated++;
    if (op->kind == OP_ENTER || op->kind == OP_END)
        w.last_slot[op->thread] = op->slot;
    if (op->kind == OP_GONE && t->alive)
        tally->dead_in_call += t->depth > 0;
    if (op->kind == OP_ENTER && !t->alive)
        tally->reused += w.used[op->thread];
    w.used[op->thread] |= op->kind == OP_ENTER;
    if (op->kind == OP_HOOK || op->kind == OP_HOOK_ALL || op->kind == OP_UNHOOK)
        tally->changes_in_flight += model__in_flight(&w.model) > 0;
    tally->deepest = t->alive && t->depth > tally->deepest ? t->depth : tally->deepest;
    tally->ops++;
}

static bool step(const struct op *op, uint64_t machine, char *why, size_t room)
{
    struct qebek_hook real = hook_of(op->hook);
    unsigned innermost = op->flags & 1 ? QBK_END_NORETURN : QBK_END_THREAD_GONE;
    switch (op->kind) {
    case OP_ENTER:
        return enter(op, machine, why, room);
    case OP_END:
        return end(op, machine, why, room);
    case OP_GONE:
        model__gone(&w.model, thread_of(op), innermost, QBK_END_THREAD_GONE, machine);
        calls__thread_gone(w.calls, w.real[op->thread], op->slot, (void *)(uintptr_t)machine, (enum qbk_end)innermost);
        return true;
    case OP_ALL_GONE:
        model__all_gone(&w.model, op->end, machine);
        calls__all_gone(w.calls, op->slot, (void *)(uintptr_t)machine, (enum qbk_end)op->end);
        return true;
    case OP_HOOK:
    case OP_HOOK_ALL:
        return hook(op, why, room);
    case OP_UNHOOK:
        model__unhook(&w.model, op->hook);
        calls__unhook(w.calls, &real);
        return true;
    case OP_RECLAIM:
        if (model__in_flight(&w.model) == 0)
            calls__reclaim(w.calls);
        return true;
    default:
        return look(op, why, room);
    }
}

volatile size_t history__at;

size_t history__run(const struct op *ops, size_t n, char *why, size_t room, struct tally *tally)
{
    size_t i;
    memset(w.used, 0, sizeof w.used);
    model__init(&w.model);
    w.calls = calls__new(SLOTS, 0);
    w.inside = NULL;
    for (i = 0; i < n; i++) {
        history__at = i;
        w.n_actual = w.model.n_expected = 0;
        if (tally != NULL)
            count(tally, &ops[i]);
        if (!step(&ops[i], i + 1, why, room) || !same_events(why, room) || !same_stacks(why, room))
            break;
        if (tally != NULL)
            tally->callbacks += w.n_actual;
    }
    for (unsigned e = 0; tally != NULL && e < QBK_ENDS; e++)
        tally->ends[e] += w.model.ends[e];
    if (tally != NULL)
        tally->too_deep += w.model.too_deep;
    calls__free(w.calls);
    return i;
}
