/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a call did with descriptors: which it is about, and the bytes that it moved, in order, out of its records. Names
 * of Linux calls only. Everything is the guest's, and bounded by what the records hold.
 */
#ifndef QEBEK_SHOW_IO_H
#define QEBEK_SHOW_IO_H

#include "show/model.h"
#include "trace/link.h"

enum io_what {
    IO_NONE = 0,
    IO_READ,
    IO_WRITE,
    IO_OPEN,
    IO_CONNECT,
    IO_ACCEPT,
    IO_SEND,        /* sendto */
    IO_RECEIVE,     /* recvfrom */
    IO_SEND_MSG,    /* sendmsg, sendmmsg: the message of the first */
    IO_RECEIVE_MSG, /* recvmsg, recvmmsg: the same */
    IO_COPY,        /* sendfile, splice, copy_file_range: between two descriptors, inside the kernel */
    IO_TRUNCATE,    /* by descriptor */
    IO_TRUNCATE_PATH,
    IO_ALLOCATE, /* fallocate */
    IO_RENAME,
    IO_UNLINK,
    IO_LINK,
    IO_DUP,
    IO_CLOSE,
    IO_SEEK,
    IO_MAP,
    IO_FCNTL,
    IO_MEMFD
};

#define IO_NO_ARG 0xff

struct io_row {
    const char *name;
    uint8_t what;   /* enum io_what */
    uint8_t fd;     /* the argument that is a descriptor, or a directory's for a path; IO_NO_ARG: none */
    uint8_t buf;    /* the buffer, vector, struct, or path */
    uint8_t len;    /* its length, or elements of the vector; of a path: the argument with flags */
    uint8_t off;    /* file offset; IO_NO_ARG: the descriptor's own */
    uint8_t vector; /* buf is a vector of buffers */
};

/* NULL: no call that this is about, or its ENTER is not there. */
const struct io_row *io__row(const struct model_call *call);
/* Asks the plugin for all of these calls, whatever the filters want. */
void io__watch(struct link_settings *settings);

/* Argument i, zero-extended; 0 for IO_NO_ARG and for arguments that the record lacks. */
uint64_t io__arg(const struct model_call *call, unsigned i);
/* A descriptor argument: -1 for none. */
int32_t io__fd(const struct model_call *call, const struct io_row *row);
/* The result of a call that ended with one that is no error; else -1. */
int64_t io__result(const struct model_call *call);
/* The file offset that the call names; -1: it goes by the descriptor's own. */
int64_t io__offset(const struct model_call *call, const struct io_row *row);

/* Memory at addr, as it was at entry, or (where it could not be read then) at return. NULL: nothing there. */
const uint8_t *io__memory(const struct model_call *call, bool at_return, uint64_t addr, size_t len, size_t *have);
/* The path at argument i, NUL-terminated, to be freed; NULL if it was not captured whole. */
char *io__path(const struct model_call *call, unsigned i);
/* What argument i, a descriptor, stands for, or the working directory for AT_FDCWD; NULL: not told. To be freed. */
char *io__name(const struct model_call *call, unsigned i);
/* The working directory, if the call has a path that begins there; NULL: not told. To be freed. */
char *io__cwd(const struct model_call *call);
/* What descriptor `fd`, which the call made, stands for. */
char *io__new_name(const struct model_call *call, uint64_t fd);

/* One piece of what was moved: `have` of its `full` bytes were captured. False ends the walk. */
typedef bool (*io_piece_fn)(const uint8_t *bytes, size_t have, uint64_t full, void *user);
/* The `moved` bytes of a READ, WRITE, SEND or RECEIVE in order. */
void io__each(const struct model_call *call, const struct io_row *row, uint64_t moved, io_piece_fn fn, void *user);

/* An address of a socket, out of a sockaddr. */
struct io_address {
    uint8_t family; /* 4, 6; 0: not known */
    uint16_t port;  /* host order */
    uint8_t ip[16]; /* the first 4 for IPv4 */
};
/* The sockaddr that the call carries: peer of connect, accept, sendto, … family 0: none, or of another kind. */
struct io_address io__peer(const struct model_call *call, const struct io_row *row);

#endif
