// SPDX-License-Identifier: GPL-2.0-or-later
#include "model.h"

#include <errno.h>
#include <string.h>

#define HOOKS_ON_ONE 64u /* the limit that the public header tells */

const struct model_hook model_hooks[MODEL_HOOKS] = {
    {8, true, true, 0},   {16, true, true, 128}, {512, true, true, 64}, {0, false, true, 0},
    {24, true, false, 0}, {40, true, true, 255}, {0, true, true, 100},  {9, true, true, 10},
};

bool model__wants(unsigned hook, uint64_t serial)
{
    uint64_t x = (serial * MODEL_HOOKS + hook) * 0x9e3779b97f4a7c15u;
    return (x >> 40 & 0xff) >= model_hooks[hook].refuses;
}

void model__init(struct model *model)
{
    memset(model, 0, sizeof *model);
}

static bool applies(const struct model_rule *rule, unsigned abi, uint32_t nr)
{
    return rule->all || (rule->abi == abi && rule->nr == nr);
}

static unsigned how_many(const struct model *model, unsigned abi, uint32_t nr)
{
    unsigned n = 0;
    for (unsigned i = 0; i < model->n_rules; i++)
        n += applies(&model->rule[i], abi, nr);
    return n;
}

bool model__has_room(const struct model *model)
{
    return model->n_rules < MODEL_RULES;
}

bool model__wanted(const struct model *model, unsigned abi, uint32_t nr)
{
    return how_many(model, abi, nr) > 0;
}

int model__hook(struct model *model, unsigned hook, unsigned abi, uint32_t nr)
{
    if (abi >= QBK_ABIS || nr >= CALLS_NR_MAX)
        return -EINVAL;
    if (how_many(model, abi, nr) >= HOOKS_ON_ONE)
        return -ENOSPC;
    model->rule[model->n_rules++] = (struct model_rule){.hook = (uint8_t)hook, .abi = (uint8_t)abi, .nr = nr};
    return 0;
}

int model__hook_all(struct model *model, unsigned hook)
{
    unsigned all = 0;
    for (unsigned i = 0; i < model->n_rules; i++) {
        const struct model_rule *rule = &model->rule[i];
        all += rule->all;
        if (!rule->all && how_many(model, rule->abi, rule->nr) >= HOOKS_ON_ONE)
            return -ENOSPC;
    }
    if (all >= HOOKS_ON_ONE)
        return -ENOSPC;
    model->rule[model->n_rules++] = (struct model_rule){.hook = (uint8_t)hook, .all = true};
    return 0;
}

void model__unhook(struct model *model, unsigned hook)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < model->n_rules; i++) {
        if (model->rule[i].hook != hook)
            model->rule[kept++] = model->rule[i];
    }
    model->n_rules = kept;
}

struct model_thread *model__thread(struct model *model, unsigned index, uint64_t key)
{
    struct model_thread *thread = &model->thread[index];
    if (!thread->alive) {
        thread->alive = true;
        thread->key = key;
        thread->born = ++model->births;
        thread->depth = 0;
    }
    return thread;
}

static struct model_event *expect(struct model *model, char what, unsigned hook, const struct model_thread *thread,
                                  const struct model_call *call, unsigned depth, uint64_t machine)
{
    struct model_event *event = &model->expected[model->n_expected++ % MODEL_EXPECTED];
    memset(event, 0, sizeof *event);
    event->what = what;
    event->hook = (uint8_t)hook;
    event->abi = call->abi;
    event->depth = (uint8_t)depth;
    event->nr = call->nr;
    event->serial = call->serial;
    event->key = thread->key;
    event->machine = machine;
    return event;
}

bool model__end(struct model *model, struct model_thread *thread, unsigned end, uint8_t flags, uint64_t result,
                uint64_t machine)
{
    if (thread->depth == 0)
        return false;
    const struct model_call *call = &thread->call[thread->depth - 1];
    for (unsigned i = 0; i < call->n_watchers; i++) {
        struct model_event *event = expect(model, '>', call->watcher[i], thread, call, thread->depth - 1, machine);
        event->end = (uint8_t)end;
        event->flags = flags;
        event->result = result;
    }
    model->ends[end]++;
    thread->depth--;
    return true;
}

bool model__enter(struct model *model, struct model_thread *thread, uint64_t serial, unsigned abi, uint32_t nr,
                  bool nested, uint64_t machine)
{
    struct model_call call = {.serial = serial, .nr = nr, .abi = (uint8_t)abi};
    while (!nested && model__end(model, thread, QBK_END_ORPHANED, 0, 0, machine))
        ;
    if (!model__wanted(model, abi, nr))
        return false;
    if (thread->depth == CALLS_DEPTH_MAX) {
        model->too_deep++;
        return false;
    }
    for (unsigned i = 0; i < model->n_rules; i++) {
        unsigned hook = model->rule[i].hook;
        if (!applies(&model->rule[i], abi, nr))
            continue;
        if (model_hooks[hook].has_pre)
            expect(model, '<', hook, thread, &call, thread->depth, machine);
        if (model_hooks[hook].has_post && (!model_hooks[hook].has_pre || model__wants(hook, serial)))
            call.watcher[call.n_watchers++] = (uint8_t)hook;
    }
    if (call.n_watchers == 0)
        return false;
    thread->call[thread->depth++] = call;
    model->entries++;
    return true;
}

void model__gone(struct model *model, struct model_thread *thread, unsigned innermost, unsigned others,
                 uint64_t machine)
{
    unsigned end = innermost;
    while (model__end(model, thread, end, 0, 0, machine))
        end = others;
    thread->alive = false;
}

static struct model_thread *oldest(struct model *model)
{
    struct model_thread *found = NULL;
    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        struct model_thread *thread = &model->thread[i];
        if (thread->alive && (found == NULL || thread->born < found->born))
            found = thread;
    }
    return found;
}

void model__all_gone(struct model *model, unsigned end, uint64_t machine)
{
    for (struct model_thread *thread = oldest(model); thread != NULL; thread = oldest(model))
        model__gone(model, thread, end, end, machine);
}

unsigned model__in_flight(const struct model *model)
{
    unsigned n = 0;
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        n += model->thread[i].alive ? model->thread[i].depth : 0;
    return n;
}
