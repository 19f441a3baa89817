/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What src/calls is to do, done as simply as possible: lists that are searched from end to end, nothing shared, nothing
 * reused. Knows of src/calls only the public constants. Instead of running callbacks it writes down which ones must
 * run.
 */
#ifndef QEBEK_TESTS_PROPERTY_MODEL_H
#define QEBEK_TESTS_PROPERTY_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "calls/calls.h"

#define MODEL_HOOKS    8u
#define MODEL_THREADS  8u
#define MODEL_RULES    256u
#define MODEL_EXPECTED 2048u

/* A hook as the test knows it: context size, which callbacks it has, how often its pre refuses. */
struct model_hook {
    uint32_t size;
    bool has_pre, has_post;
    uint8_t refuses; /* of 256 calls */
};
extern const struct model_hook model_hooks[MODEL_HOOKS];

/* Does hook `hook` want the call with this serial number? The same answer in the model and in the real callbacks. */
bool model__wants(unsigned hook, uint64_t serial);

/* A callback: one that must run, or one that ran. */
struct model_event {
    char what; /* '<' pre, '>' post */
    uint8_t hook;
    uint8_t abi, depth, end, flags;
    uint32_t nr;
    uint64_t serial, key, result, machine;
};

struct model_call {
    uint64_t serial;
    uint32_t nr;
    uint8_t abi;
    unsigned n_watchers;
    uint8_t watcher[64];
};

struct model_thread {
    bool alive;
    uint64_t key, born; /* born: order of birth */
    unsigned depth;
    struct model_call call[CALLS_DEPTH_MAX];
};

/* A registration. Those on one number alone have all == false. */
struct model_rule {
    uint8_t hook, abi;
    bool all;
    uint32_t nr;
};

struct model {
    struct model_thread thread[MODEL_THREADS];
    uint64_t births;
    struct model_rule rule[MODEL_RULES];
    unsigned n_rules;
    uint64_t entries, ends[QBK_ENDS], too_deep;
    struct model_event expected[MODEL_EXPECTED];
    unsigned n_expected;
};

void model__init(struct model *model);
/* 0 or the negative errno that calls__hook or calls__hook_all must return. Only while model__has_room. */
int model__hook(struct model *model, unsigned hook, unsigned abi, uint32_t nr);
int model__hook_all(struct model *model, unsigned hook);
bool model__has_room(const struct model *model);
void model__unhook(struct model *model, unsigned hook);
bool model__wanted(const struct model *model, unsigned abi, uint32_t nr);
struct model_thread *model__thread(struct model *model, unsigned index, uint64_t key); /* made if it is not alive */
/* True: watched by somebody. */
bool model__enter(struct model *model, struct model_thread *thread, uint64_t serial, unsigned abi, uint32_t nr,
                  bool nested, uint64_t machine);
bool model__end(struct model *model, struct model_thread *thread, unsigned end, uint8_t flags, uint64_t result,
                uint64_t machine);
void model__gone(struct model *model, struct model_thread *thread, unsigned innermost, unsigned others,
                 uint64_t machine);
void model__all_gone(struct model *model, unsigned end, uint64_t machine);
unsigned model__in_flight(const struct model *model);

#endif
