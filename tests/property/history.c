// SPDX-License-Identifier: GPL-2.0-or-later
/* Making, shrinking and printing histories. */
#include "history.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model.h"

#define HISTORIES 48u /* of one batch: a new table costs more than a history */

static uint64_t next(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static unsigned below(uint64_t *state, unsigned n)
{
    return (unsigned)((next(state) >> 16) % n);
}

/* Few numbers, so that hooks and calls meet; the edges among them. */
static uint32_t any_nr(uint64_t *state)
{
    static const uint32_t numbers[] = {0, 1, 2, 3, 39, CALLS_NR_MAX - 1, CALLS_NR_MAX, UINT32_MAX};
    return numbers[below(state, sizeof numbers / sizeof numbers[0])];
}

static uint8_t any_abi(uint64_t *state)
{
    static const uint8_t abis[] = {0, 0, 0, 1, 2, QBK_ABIS - 1, QBK_ABIS};
    return abis[below(state, sizeof abis)];
}

static struct op any_op(uint64_t *state, uint8_t kind, unsigned threads)
{
    struct op op = {.kind = kind,
                    .thread = (uint8_t)below(state, threads),
                    .slot = (uint8_t)below(state, 4), /* one more than there are */
                    .end = (uint8_t)below(state, QBK_ENDS),
                    .hook = (uint8_t)below(state, MODEL_HOOKS),
                    .abi = any_abi(state),
                    .nested = below(state, 8) != 0,
                    .flags = (uint8_t)below(state, 8),
                    .nr = any_nr(state),
                    .value = next(state)};
    return op;
}

/* How often each kind occurs, of 1000. */
static const uint16_t usual[OP_KINDS] = {
    [OP_ENTER] = 470,  [OP_END] = 420,  [OP_GONE] = 60,   [OP_ALL_GONE] = 8, [OP_HOOK] = 18,
    [OP_HOOK_ALL] = 1, [OP_UNHOOK] = 2, [OP_RECLAIM] = 3, [OP_LOOK] = 18,
};
static const uint16_t deep[OP_KINDS] = {[OP_ENTER] = 960, [OP_END] = 30, [OP_HOOK] = 5, [OP_LOOK] = 5};
static const uint16_t crowded[OP_KINDS] = {
    [OP_ENTER] = 100,   [OP_END] = 90,    [OP_GONE] = 10, [OP_HOOK] = 760,
    [OP_HOOK_ALL] = 20, [OP_UNHOOK] = 10, [OP_LOOK] = 10,
};

static uint8_t any_kind(uint64_t *state, const uint16_t *weights)
{
    unsigned at = below(state, 1000);
    uint8_t kind = 0;
    while (at >= weights[kind])
        at -= weights[kind++];
    return kind;
}

/* One history: threads are born, call, die; at its end everything is gone. */
static size_t one(uint64_t *state, struct op *ops)
{
    unsigned style = below(state, 400), threads = 1 + below(state, MODEL_THREADS);
    const uint16_t *weights = style == 0 ? deep : style == 1 ? crowded : usual;
    size_t n = 0, length = style == 0 ? 700 : style == 1 ? 150 : 8 + below(state, 40);
    if (style == 0)
        threads = 1;
    if (below(state, 4) == 0)
        ops[n++] = any_op(state, OP_HOOK, threads);
    if (below(state, 16) == 0)
        ops[n++] = any_op(state, OP_UNHOOK, threads);
    while (n < length)
        ops[n++] = any_op(state, any_kind(state, weights), threads);
    for (size_t i = 0; style == 0 && i < n; i++) { /* deep: a number that is watched, or nothing comes of it */
        ops[i].abi = 0;
        ops[i].nr = 1;
        ops[i].nested = i % 256 != 255;
    }
    ops[n++] = any_op(state, OP_LOOK, threads);
    ops[n++] = any_op(state, OP_ALL_GONE, threads);
    return n;
}

size_t history__make(uint64_t seed, struct op *ops, uint64_t *histories)
{
    uint64_t state = seed;
    size_t n = 0;
    for (unsigned i = 0; i < 6; i++)
        ops[n++] = any_op(&state, i == 5 && below(&state, 4) == 0 ? OP_HOOK_ALL : OP_HOOK, 1);
    *histories = 0;
    while (*histories < HISTORIES && n < OPS_MAX - 800) {
        n += one(&state, ops + n);
        ++*histories;
    }
    return n;
}

static bool fails(const struct op *ops, size_t n)
{
    char why[256];
    return history__run(ops, n, why, sizeof why, NULL) < n;
}

size_t history__shrink(struct op *ops, size_t n)
{
    static struct op some[OPS_MAX];
    for (size_t chunk = n / 2; chunk > 0;) {
        size_t before = n;
        for (size_t at = 0; at < n;) {
            size_t cut = chunk < n - at ? chunk : n - at;
            memcpy(some, ops, at * sizeof *ops);
            memcpy(some + at, ops + at + cut, (n - at - cut) * sizeof *ops);
            if (fails(some, n - cut)) {
                n -= cut;
                memcpy(ops, some, n * sizeof *ops);
            } else {
                at += cut;
            }
        }
        if (chunk == 1 && n == before)
            break;
        chunk = chunk > 1 ? chunk / 2 : 1;
    }
    return n;
}

void history__print(const struct op *ops, size_t n)
{
    static const char *const names[OP_KINDS] = {"enter",    "end",    "gone",    "all_gone", "hook",
                                                "hook_all", "unhook", "reclaim", "look"};
    for (size_t i = 0; i < n; i++) {
        const struct op *op = &ops[i];
        printf("  %2zu %-8s thread %u slot %u end %u hook %u abi %u nr %" PRIu32 " nested %u flags %u value %#" PRIx64
               "\n",
               i, names[op->kind], op->thread, op->slot, op->end, op->hook, op->abi, op->nr, op->nested, op->flags,
               op->value);
    }
}
