/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader's picture of the machine: threads, and calls in flight, joined from records as they come. Bounded by what
 * is alive. */
#ifndef QEBEK_SHOW_MODEL_H
#define QEBEK_SHOW_MODEL_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "qebek/record.h"

struct decode_service;
struct function_call;
struct code;
struct layer;

/*
 * Who came from where: a connection that the machine accepted, and what came of it: the daemon's child that handles it,
 * its terminal, its shell, and all their descendants. Reference-counted (sessions.h).
 */
struct model_session {
    uint64_t number;          /* from 1, in the order of accepting */
    uint64_t begun_ns;        /* when it was accepted */
    char *remote, *local;     /* "192.0.2.1:4711": nothing to escape; never NULL */
    struct qbk_object socket; /* as it was accepted */
    unsigned processes;       /* alive */
    struct sessions *of;      /* the table that finds it */
};

/* From its first thread to its last. Reference-counted: a thread that is gone may still be looked at in its last event.
 */
struct model_proc {
    int32_t pid;
    uint64_t first;  /* number of its first thread */
    uint64_t parent; /* … of the process that made it; 0: not known */
    unsigned threads;
    uint64_t started; /* NT: when it was made, which tells it from another with its number; 0: not told */
    int32_t status;   /* of the thread that gave it its number, if that exited; NT: of the process */
    bool has_status;  /* NT: status was told */
    bool lives;       /* NT: no thread of it is known at the moment, but it goes on */
    GRefString *exe, *command,
        *user;                     /* NT: its image, command line, and the SID of its user; NULL: not told; hostile */
    GRefString *cgroup;            /* where it was last told to be, or its parent when it was born; NULL: not told */
    struct model_session *session; /* that it is part of; NULL: none, or not known */
    struct model_session *serving; /* the connection that it accepted last and has not closed; NULL: none */
    uint32_t serving_fd;           /* … its descriptor */
    uint64_t standard[3];          /* NT: its standard handles as it was started; 0: none */
    GHashTable *sockets;           /* NT: what is known of its sockets (nt/sessions.c); NULL: nothing */
    GHashTable *handles;           /* NT: what its handles stand for (nt/handles.c); NULL: nothing is known */
};

struct model_thread {
    uint64_t number;
    uint64_t process;                  /* number of the first thread that its process had in this trace; 0: not known */
    uint64_t parent_process;           /* the same of the process that made this one; 0: not known */
    struct qbk_thread id;              /* the latest THREAD record's fixed part */
    char comm[33];                     /* NUL-terminated, still hostile */
    GRefString *exe;                   /* path of the image, if told or inherited; hostile, may hold NUL bytes */
    bool known;                        /* a THREAD record came */
    struct model_proc *proc;           /* NULL: its pid is not known */
    GHashTable *objects;               /* fd -> struct qbk_object; use model__object */
    struct model_call *calls;          /* in flight, innermost first */
    const struct decode_service *last; /* of the call that ended last; NULL: none, or unknown */
    unsigned in_flight;                /* how many */
};

#define MODEL_NO_ROW UINT32_MAX

/* NT: what a handle of a call stands for. */
struct model_handle {
    uint64_t handle;
    GRefString *name; /* type, NUL, name; hostile */
};

/* A call between its ENTER and its RETURN (or past it, while an event is delivered). */
struct model_call {
    struct model_thread *thread;          /* never NULL: a placeholder where no THREAD record came */
    const struct qbk_enter *enter;        /* a copy behind this struct, or NULL for a RETURN whose ENTER was lost */
    const struct qbk_return *ret;         /* the record at hand; NULL while in flight */
    const struct decode_service *service; /* NULL: no table knows it */
    const char *guest_name;               /* then: what the guest's own symbols call it (a C identifier), or NULL */
    uint32_t nr;
    uint32_t row; /* what decode knows it as: nr, save on NT and of a subcall; MODEL_NO_ROW: nothing */
    uint8_t abi;
    uint8_t subcall; /* it came through another call, whose first argument this was (decode__subcall); 0: it did not */
    bool netlink;    /* its first argument is a socket of netlink */
    uint64_t duration_ns;               /* 0 while in flight */
    struct model_call *below, *above;   /* the thread's calls in flight */
    const struct show_filters *filters; /* in force when it began; NULL: nobody saw that */
    bool of_interest;                   /* … to them, as far as they are about the thread and not the call */
    struct model_handle *handles;       /* n_handles of them; use nt_handles__find */
    unsigned n_handles;
    uint32_t output_bits; /* outputs that have begun to show it: bit output.bit of each */
};

/*
 * EVENT_COMPLETION: an operation that a call left pending is done. `call` is that call, with the final status as its
 * result and what memory holds by now; `rec` is the COMPLETION; `thread` is where it was noticed.
 */
enum model_event_type { EVENT_RECORD, EVENT_ENTER, EVENT_CALL, EVENT_COMPLETION };

/* What a THREAD or THREAD_EXIT record means for the thread's process. */
enum model_process { PROCESS_SAME, PROCESS_STARTS, PROCESS_EXECS, PROCESS_EXITS };

enum model_session_step { SESSION_SAME, SESSION_BEGINS, SESSION_ENDS };

/* What an output gets to see. */
struct model_event {
    enum model_event_type type;
    const struct qbk_record *rec;         /* the record that caused it */
    struct model_thread *thread;          /* NULL if the record is about none */
    struct model_call *call;              /* for ENTER, CALL and COMPLETION */
    const struct function_call *function; /* of a FUNCTION_ENTER's or FUNCTION_RETURN's RECORD (function_calls.h) */
    const struct layer *layer;  /* of a LAYER_BYTES's RECORD that is the last of its layer (unpack/layers.h) */
    const struct code *code;    /* of a BLOCKS' RECORD: what it refers to (code.h) */
    bool final;                 /* CALL made up for one whose return is not in the trace … */
    bool lost;                  /* … because it was lost, not because the call was still in flight at the end */
    enum model_process process; /* of RECORD */
    int32_t process_status;     /* with PROCESS_EXITS: as wait(2) has it; of NT (thread->id.os) an NTSTATUS */
    bool no_status;             /* … nothing tells it */
    /*
     * A connection was just accepted (of an OBJECT record, or a call of NT), or the last process of its session is
     * gone. One that ended may end again if the server that accepted it goes on to use it.
     */
    enum model_session_step session_step;
    const struct model_session *session; /* where session_step says anything but SAME */
    const GRefString *cgroup;            /* where process says anything but SAME: its control group, if told; hostile */
};

static inline bool model__is_nt(const struct model_thread *thread)
{
    return thread->id.os == 1;
}
/* Are results of this call NTSTATUS values? On NT all are, save those of the graphics' services. */
bool model__has_status(const struct model_call *call);
/* Came it back with an error? *code: the errno, or NTSTATUS. Only with a result. */
bool model__is_error(const struct model_call *call, uint32_t *code);
/* What a descriptor of the thread stands for, as last told; NULL: not told. */
const struct qbk_object *model__object(const struct model_thread *thread, uint32_t fd);
/* The session that the thread's process is part of; NULL: none, or not known. */
static inline const struct model_session *model__session(const struct model_thread *thread)
{
    return thread && thread->proc ? thread->proc->session : NULL;
}

#endif
