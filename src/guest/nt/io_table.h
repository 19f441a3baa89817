/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of pending operations, for io.c alone. Bounded; found by any of several keys; locked inside. */
#ifndef QEBEK_GUEST_NT_IO_TABLE_H
#define QEBEK_GUEST_NT_IO_TABLE_H

#include "guest/guest.h"

#define IO_FOUND_MAX 32u

/* By what an operation is found, within its process. */
enum io_key {
    IO_PROCESS = 0, /* all of the process: the value is 1 */
    IO_BLOCK,       /* address of the status block */
    IO_EVENT,       /* handle */
    IO_FILE,        /* handle */
    IO_CONTEXT,     /* of the completion port's packet */
    IO_CALLER,      /* number of the thread */
    IO_KEYS
};

struct io {
    uint64_t call;   /* seq of the ENTER */
    uint64_t caller; /* number of the thread */
    uint64_t created;
    int32_t pid;
    uint32_t row, number;
    uint8_t abi;
    uint64_t args[CALLS_ARGS_MAX];
    uint32_t before;       /* status in the status block when the call began */
    uint64_t apc;          /* routine, or 0 */
    uint64_t key[IO_KEYS]; /* 0: not to be found by this one */
    bool busy;             /* it is being told of */
};

/* Places in the table, with the call that was there: newest first. */
struct io_found {
    unsigned count;
    uint32_t at[IO_FOUND_MAX];
    uint64_t call[IO_FOUND_MAX];
};

/* False: no memory. An older one with the same status block is replaced. *was_full: the oldest of all had to go, for
 * the first time. */
bool io_table__add(struct guest *guest, const struct io *io, bool *was_full);
uint32_t io_table__count(const struct guest *guest);
void io_table__find(struct guest *guest, const struct guest_thread *t, enum io_key key, uint64_t value,
                    struct io_found *found);
/* What is at this place, if it is still that call. */
bool io_table__get(struct guest *guest, uint32_t at, uint64_t call, struct io *out);
/* To tell of it, and then drop it. False: another vCPU was faster. */
bool io_table__take(struct guest *guest, uint32_t at, uint64_t call);
void io_table__drop(struct guest *guest, uint32_t at, uint64_t call);
/* One of the process, another each time. */
bool io_table__next(struct guest *guest, const struct guest_thread *t, uint32_t *at, struct io *out);

#endif
