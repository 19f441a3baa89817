/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random histories of events, and a run of one against src/calls and the model at once. */
#ifndef QEBEK_TESTS_PROPERTY_HISTORY_H
#define QEBEK_TESTS_PROPERTY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum op_kind {
    OP_ENTER,    /* a call of `thread` begins on vCPU `slot` */
    OP_END,      /* its innermost call ends */
    OP_GONE,     /* it dies; its object is used again later */
    OP_ALL_GONE, /* the machine is reset, or tracing stops */
    OP_HOOK,
    OP_HOOK_ALL,
    OP_UNHOOK,
    OP_RECLAIM, /* left out while calls are in flight */
    OP_LOOK,    /* compare all that can be asked */
    OP_KINDS
};

struct op {
    uint8_t kind, thread, slot, end, hook, abi, nested, flags;
    uint32_t nr;
    uint64_t value; /* serial of a call, or a result */
};

#define OPS_MAX 8192u

struct tally {
    uint64_t histories, ops, callbacks, ends[8], migrated, deepest, too_deep, dead_in_call, reused, changes_in_flight;
};

/* A batch of histories on one table; the same for the same seed. Returns the number of ops. */
size_t history__make(uint64_t seed, struct op *ops, uint64_t *histories);
/*
 * Runs ops on a new table and a new model. Returns n, or the index of the first op after which they differed, with
 * `why`. Adds to *tally unless it is NULL.
 */
size_t history__run(const struct op *ops, size_t n, char *why, size_t room, struct tally *tally);
/* The index of the op that runs: for whoever is told of a crash. */
extern volatile size_t history__at;
/* Leaves out ops as long as what is left still fails; returns how many are left. */
size_t history__shrink(struct op *ops, size_t n);
void history__print(const struct op *ops, size_t n);

#endif
