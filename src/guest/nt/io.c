/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When pending operations are done; the table of them is io_table.c. */
#include "guest/nt/io.h"

#include <sched.h>
#include <string.h>

#include "decode/nt/nt.h"
#include "guest/linux/capture.h"
#include "guest/nt/io_table.h"
#include "guest/nt/message.h"

#define STATUS_PENDING 0x103u
#define WAITS_MAX      100000u
#define LOOKS          4u  /* at status blocks, for each call of a process that has operations pending */
#define HANDLES_MAX    64u /* MAXIMUM_WAIT_OBJECTS */
#define PACKETS_MAX    64u /* of one NtRemoveIoCompletionEx */
#define WAIT_ANY       1u  /* WAIT_TYPE */
#define USER_END_64    0x800000000000u
#define USER_END_32    0xc0000000u

static unsigned word_of(const struct guest_cpu *cpu)
{
    return cpu->guest->nt.is_64 ? 8 : 4;
}

/* `count` words of the program's own memory. */
static bool read_words(struct guest_cpu *cpu, uint64_t at, uint64_t *out, unsigned count)
{
    uint8_t bytes[HANDLES_MAX * 8];
    unsigned word = word_of(cpu);
    if (count > HANDLES_MAX || at == 0 || at >= (word == 8 ? USER_END_64 : USER_END_32) ||
        !vm__read_exact(cpu->vm, at, bytes, (size_t)count * word))
        return false;
    for (unsigned i = 0; i < count; i++) {
        out[i] = 0;
        memcpy(&out[i], bytes + (size_t)i * word, word);
    }
    return true;
}

/* The argument that is the status block, or -1. */
static int status_block_of(const struct decode_service *service)
{
    for (unsigned i = 0; i < service->nargs; i++) {
        if (service->arg[i].type == T_STRUCT && service->arg[i].set == DECODE_NT_STRUCT_IOSB &&
            (service->arg[i].dir & DIR_OUT))
            return (int)i;
    }
    return -1;
}

void nt_io__before(struct guest_cpu *cpu, const struct decode_service *service, const uint64_t *args,
                   struct nt_io_before *before)
{
    int i = status_block_of(service);
    uint64_t word;
    before->status = i >= 0 && read_words(cpu, args[i], &word, 1) ? (uint32_t)word : STATUS_PENDING;
}

static void emit(struct guest_cpu *cpu, const struct guest_thread *t, const struct io *io, uint32_t status,
                 uint64_t information, enum qbk_completion_how how)
{
    struct guest *g = cpu->guest;
    enum qbk_abi abi = (enum qbk_abi)io->abi;
    struct capture c = {.cpu = cpu->vm,
                        .service = decode__service_for(abi, io->row, io->args),
                        .abi = abi,
                        .args = io->args,
                        .limits = &g->settings,
                        .word = decode__word(abi),
                        .at_return = true,
                        .failed = decode__wrote_nothing(abi, status),
                        .result = status};
    size_t message = c.service ? nt_message__bound(&c, io->row) : 0;
    size_t bound = sizeof(struct qbk_completion) + (c.service ? capture__bound(&c) : 0) + message;
    cpu->count[QBK_COUNT_COMPLETIONS]++;
    struct qbk_completion *rec = ring__reserve(g->ring, cpu->vm->index, bound, QBK_COMPLETION);
    if (!rec)
        return; /* the ring counted it */
    rec->h.type = QBK_COMPLETION;
    rec->h.thread = t->number;
    rec->call = io->call;
    rec->caller = io->caller;
    rec->information = information;
    rec->status = status;
    rec->nr = io->number;
    rec->abi = io->abi;
    rec->how = (uint8_t)how;
    rec->reserved = 0;
    rec->reserved2 = 0;
    struct snippet_writer w = {.at = (uint8_t *)(rec + 1), .end = (uint8_t *)rec + bound};
    if (c.service)
        capture__fill(&c, &w);
    if (message)
        nt_message__capture(&c, io->row, &w);
    cpu->count[QBK_COUNT_PARTIAL_READS] += w.partial;
    ring__commit(g->ring, cpu->vm->index, (size_t)(w.at - (uint8_t *)rec), cpu->now);
}

/* Its APC was delivered before it returned. */
static bool came_early(struct guest_cpu *cpu, struct guest_thread *t, const struct io *io)
{
    for (unsigned i = 0; i < GUEST_EARLY; i++) {
        struct guest_early early = t->nt.early[i];
        if (early.block == 0 || early.block != io->key[IO_BLOCK])
            continue;
        t->nt.early[i].block = 0;
        emit(cpu, t, io, early.status, early.information, QBK_COMPLETION_APC);
        return true;
    }
    return false;
}

void nt_io__add(struct guest_cpu *cpu, const struct qebek_call *call, uint64_t enter, const struct nt_io_before *before)
{
    static const char full[] =
        "more I/O operations are pending than qebek keeps: completions of the oldest are not told";
    const struct decode_service *service = decode__service((enum qbk_abi)call->abi, call->nr);
    const struct guest_thread *t = guest__of(call->thread);
    int block = service ? status_block_of(service) : -1;
    bool was_full = false;
    if (block < 0 || enter == 0)
        return;
    struct io io = {.call = enter,
                    .caller = t->number,
                    .created = t->start_time,
                    .pid = t->pid,
                    .row = call->nr,
                    .number = call->number,
                    .abi = call->abi};
    memcpy(io.args, call->args, sizeof(io.args));
    io.before = before->status;
    io.key[IO_PROCESS] = 1;
    io.key[IO_BLOCK] = call->args[block];
    io.key[IO_FILE] = call->args[0];
    io.key[IO_CALLER] = t->number;
    if (block >= 3) { /* … event, APC routine, APC context, status block … */
        io.key[IO_EVENT] = call->args[block - 3];
        io.apc = call->args[block - 2];
        io.key[IO_CONTEXT] = io.apc ? 0 : call->args[block - 1];
    }
    if (came_early(cpu, guest__of(call->thread), &io))
        return;
    if (!io_table__add(cpu->guest, &io, &was_full))
        return;
    if (was_full)
        guest__emit_text(cpu->guest, cpu, QBK_ERROR, 0, full, sizeof(full) - 1);
}

/* ---- done ---- */

/*
 * Has the status block a result? `certain`: it is known that the operation is done. Else a changed status tells, and no
 * other change: NT writes it last, and this may be the moment between the two.
 */
static bool is_done(struct guest_cpu *cpu, const struct io *io, bool certain, uint64_t block[2])
{
    if (!read_words(cpu, io->key[IO_BLOCK], block, 2) || (uint32_t)block[0] == STATUS_PENDING)
        return false;
    return certain || (uint32_t)block[0] != io->before;
}

/* Tells of it, if nobody else does. */
static void tell(struct guest_cpu *cpu, const struct guest_thread *t, uint32_t at, const struct io *io,
                 const uint64_t block[2], enum qbk_completion_how how)
{
    if (!io_table__take(cpu->guest, at, io->call))
        return;
    emit(cpu, t, io, (uint32_t)block[0], block[1], how);
    io_table__drop(cpu->guest, at, io->call);
}

/*
 * Another vCPU may just be reading what an operation of this thread left in its memory, as it looked there. The thread
 * goes on when that is done: it may use the memory for something else then.
 */
static void wait_for_tellers(struct guest_cpu *cpu, const struct guest_thread *t)
{
    struct io_found found;
    struct io io;
    if (!nt_io__any(cpu->guest))
        return;
    io_table__find(cpu->guest, t, IO_CALLER, t->number, &found);
    for (unsigned i = 0; i < found.count; i++) {
        for (unsigned n = 0; n < WAITS_MAX && io_table__get(cpu->guest, found.at[i], found.call[i], &io) && io.busy;
             n++)
            sched_yield();
    }
}

/* Of the operations with this key, those that are done. */
static void finish_those(struct guest_cpu *cpu, const struct guest_thread *t, enum io_key key, uint64_t value,
                         enum qbk_completion_how how)
{
    struct io_found found;
    io_table__find(cpu->guest, t, key, value, &found);
    for (unsigned i = 0; i < found.count; i++) {
        struct io io;
        uint64_t block[2];
        if (io_table__get(cpu->guest, found.at[i], found.call[i], &io) && is_done(cpu, &io, found.count == 1, block))
            tell(cpu, t, found.at[i], &io, block, how);
    }
}

/* The oldest with this context: its packet says how it ended. */
static void finish_packet(struct guest_cpu *cpu, const struct guest_thread *t, uint64_t context,
                          const uint64_t block[2])
{
    struct io_found found;
    struct io io;
    io_table__find(cpu->guest, t, IO_CONTEXT, context, &found);
    if (found.count == 0)
        return;
    uint32_t at = found.at[found.count - 1];
    uint64_t call = found.call[found.count - 1];
    if (io_table__get(cpu->guest, at, call, &io))
        tell(cpu, t, at, &io, block, QBK_COMPLETION_PORT);
}

static void look(struct guest_cpu *cpu, const struct guest_thread *t)
{
    for (unsigned i = 0; i < LOOKS; i++) {
        struct io io;
        uint64_t block[2];
        uint32_t at;
        if (!io_table__next(cpu->guest, t, &at, &io))
            return;
        if (is_done(cpu, &io, false, block))
            tell(cpu, t, at, &io, block, QBK_COMPLETION_STATUS_BLOCK);
    }
}

/* Its own, all of them: after this call their memory may be another's. */
static void look_at_own(struct guest_cpu *cpu, const struct guest_thread *t)
{
    struct io_found found;
    io_table__find(cpu->guest, t, IO_CALLER, t->number, &found);
    for (unsigned i = 0; i < found.count; i++) {
        struct io io;
        uint64_t block[2];
        if (io_table__get(cpu->guest, found.at[i], found.call[i], &io) && is_done(cpu, &io, false, block))
            tell(cpu, t, found.at[i], &io, block, QBK_COMPLETION_STATUS_BLOCK);
    }
    wait_for_tellers(cpu, t);
}

bool nt_io__any(const struct guest *guest)
{
    return io_table__count(guest) != 0;
}

bool nt_io__waits(uint32_t row)
{
    switch (row) {
    case DECODE_NT_WaitForSingleObject:
    case DECODE_NT_WaitForMultipleObjects:
    case DECODE_NT_SignalAndWaitForSingleObject:
    case DECODE_NT_RemoveIoCompletion:
    case DECODE_NT_RemoveIoCompletionEx:
        return true;
    default:
        return false;
    }
}

void nt_io__enters(struct guest_cpu *cpu, struct guest_thread *t, uint32_t row, const uint64_t *args)
{
    t->nt.waits = false;
    if (nt_io__waits(row)) {
        t->nt.waits = true;
        t->nt.wait_row = row;
        memcpy(t->nt.wait, args, sizeof(t->nt.wait));
    }
    if (!nt_io__any(cpu->guest))
        return;
    look_at_own(cpu, t);
    look(cpu, t);
}

static void waited_for(struct guest_cpu *cpu, const struct guest_thread *t, uint64_t handle)
{
    if (handle == 0)
        return;
    finish_those(cpu, t, IO_EVENT, handle, QBK_COMPLETION_EVENT);
    finish_those(cpu, t, IO_FILE, handle, QBK_COMPLETION_HANDLE);
}

/* NtWaitForMultipleObjects(count, handles, type, …): the one that the result names, or all. */
static void waited_for_several(struct guest_cpu *cpu, const struct guest_thread *t, uint32_t result)
{
    uint64_t handle[HANDLES_MAX], count = t->nt.wait[0] & 0xffffffffu;
    bool any = (uint32_t)t->nt.wait[2] == WAIT_ANY;
    if (count > HANDLES_MAX || result >= HANDLES_MAX || !read_words(cpu, t->nt.wait[1], handle, (unsigned)count))
        return;
    for (uint64_t i = 0; i < count; i++) {
        if (!any || i == result)
            waited_for(cpu, t, handle[i]);
    }
}

/* NtRemoveIoCompletion(port, key, context, status block, …) */
static void took_packet(struct guest_cpu *cpu, const struct guest_thread *t)
{
    uint64_t context, block[2];
    if (read_words(cpu, t->nt.wait[2], &context, 1) && read_words(cpu, t->nt.wait[3], block, 2))
        finish_packet(cpu, t, context, block);
}

/* NtRemoveIoCompletionEx(port, packets, count, removed, …); a packet is key, context, status block. */
static void took_packets(struct guest_cpu *cpu, const struct guest_thread *t)
{
    uint64_t removed = 0, packet[4];
    if (!read_words(cpu, t->nt.wait[3], &removed, 1))
        return;
    removed = (uint32_t)removed;
    for (uint64_t i = 0; i < removed && i < PACKETS_MAX; i++) {
        if (read_words(cpu, t->nt.wait[1] + i * 4 * word_of(cpu), packet, 4))
            finish_packet(cpu, t, packet[1], packet + 2);
    }
}

/* It was waiting, and that is over. */
static void waited(struct guest_cpu *cpu, struct guest_thread *t, uint32_t status)
{
    t->nt.waits = false;
    if (status >= HANDLES_MAX) /* timed out, alerted, failed */
        return;
    switch (t->nt.wait_row) {
    case DECODE_NT_WaitForMultipleObjects:
        waited_for_several(cpu, t, status);
        break;
    case DECODE_NT_RemoveIoCompletion:
        took_packet(cpu, t);
        break;
    case DECODE_NT_RemoveIoCompletionEx:
        took_packets(cpu, t);
        break;
    default:
        waited_for(cpu, t, t->nt.wait[t->nt.wait_row == DECODE_NT_SignalAndWaitForSingleObject]);
    }
}

void nt_io__returns(struct guest_cpu *cpu, struct guest_thread *t, uint64_t result)
{
    if (!nt_io__any(cpu->guest)) {
        t->nt.waits = false;
        return;
    }
    if (t->nt.waits)
        waited(cpu, t, (uint32_t)result);
    wait_for_tellers(cpu, t);
}

/* The place for this status block: the same again, for a thread that is interrupted where the APC begins comes there
 * twice. */
static struct guest_early *early_of(struct guest_thread *t, uint64_t block)
{
    for (unsigned i = 0; i < GUEST_EARLY; i++) {
        if (t->nt.early[i].block == block)
            return &t->nt.early[i];
    }
    return &t->nt.early[t->nt.next_early++ % GUEST_EARLY];
}

/* Of the calls in flight one has this status block: what it says goes with that call when it returns. */
static void keep_early(struct guest_cpu *cpu, const struct calls_thread *thread, uint64_t at)
{
    struct guest_thread *t = thread->owner;
    uint64_t block[2];
    for (unsigned i = thread->depth; i > 0; i--) {
        const struct qebek_call *call = thread->frames[i - 1];
        const struct decode_service *service = decode__service((enum qbk_abi)call->abi, call->nr);
        int arg = service ? status_block_of(service) : -1;
        if (arg < 0 || call->args[arg] != at)
            continue;
        if (read_words(cpu, at, block, 2) && (uint32_t)block[0] != STATUS_PENDING)
            *early_of(t, at) = (struct guest_early){.block = at, .status = (uint32_t)block[0], .information = block[1]};
        return;
    }
}

/* Its second argument is the status block (x64: its home; x86: on the stack, behind routine and context). */
void nt_io__apc(struct guest_cpu *cpu, const struct calls_thread *thread, uint64_t sp)
{
    uint64_t block;
    if ((thread->depth == 0 && !nt_io__any(cpu->guest)) || !read_words(cpu, sp + 8, &block, 1) || block == 0)
        return;
    keep_early(cpu, thread, block);
    if (nt_io__any(cpu->guest))
        finish_those(cpu, thread->owner, IO_BLOCK, block, QBK_COMPLETION_APC);
    wait_for_tellers(cpu, thread->owner);
}
