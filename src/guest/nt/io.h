/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations that go on behind their call's return (STATUS_PENDING), and how it is noticed that they are done: a wait
 * for their event or file comes to its end, their APC is delivered, they are taken from a completion port; and, where a
 * program just looks at the status block, a look at it at later calls of the process.
 *
 * What an event costs does not depend on how many operations are pending: all looking is by key, in short steps. Any
 * vCPU's thread; locked inside.
 */
#ifndef QEBEK_GUEST_NT_IO_H
#define QEBEK_GUEST_NT_IO_H

#include "decode/decode.h"
#include "guest/guest.h"

/* What a status block held when the call began, so that a stale one is not taken for a result. */
struct nt_io_before {
    uint32_t status;
};

/* Before the call. Only the caller's memory is read. */
void nt_io__before(struct guest_cpu *cpu, const struct decode_service *service, const uint64_t *args,
                   struct nt_io_before *before);
/* A call ended as pending; `enter`: the seq of its ENTER. */
void nt_io__add(struct guest_cpu *cpu, const struct qebek_call *call, uint64_t enter,
                const struct nt_io_before *before);

/* A call begins: remembers what it waits for, if it does, and looks at a few status blocks of its process. */
void nt_io__enters(struct guest_cpu *cpu, struct guest_thread *t, uint32_t row, const uint64_t *args);
/* The call that nt_io__enters was told of last comes back with this result. */
void nt_io__returns(struct guest_cpu *cpu, struct guest_thread *t, uint64_t result);
/*
 * An APC is delivered: user mode goes on in its dispatcher, with this stack pointer. It may be that of a call which is
 * still in flight, as APCs came between it and its return, so that it has not told yet that it was left pending.
 */
void nt_io__apc(struct guest_cpu *cpu, const struct calls_thread *thread, uint64_t sp);
/* Are there any? Cheap. Then the arguments of calls that wait are needed. */
bool nt_io__any(const struct guest *guest);
/* Does this service wait for operations? */
bool nt_io__waits(uint32_t row);
/* A thread has gone; with the last one of its process go the operations that nobody will hear of. */
void nt_io__thread_gone(struct guest *guest, const struct guest_thread *t);
/* All are forgotten: another session, or another kernel. */
void nt_io__clear(struct guest *guest);

#endif
