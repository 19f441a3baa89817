/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Part of the model: who came from where. A session begins when a program accepts a connection. Processes that are
 * made while their maker serves it belong to it, and so do all their descendants; the maker itself does if it goes on
 * to use the connection, or runs another program with it.
 *
 * It is learnt from OBJECT and THREAD records, and from the calls that use a connection where they are in the trace.
 */
#ifndef QEBEK_SHOW_SESSIONS_H
#define QEBEK_SHOW_SESSIONS_H

#include "show/model.h"

struct sessions;

struct sessions *sessions__new(void);
void sessions__free(struct sessions *sessions); /* when no process refers to a session any more */

/* An OBJECT record of the thread, which does not have it yet. */
void sessions__object(struct sessions *sessions, struct model_thread *thread, const struct qbk_object *object,
                      struct model_event *event);
/* A call begins; the thread has the objects of its descriptors. */
void sessions__call_begins(struct sessions *sessions, const struct model_call *call);
/* A process was made by another, runs another program, is gone (its last event), is forgotten. */
void sessions__born(struct model_proc *process, const struct model_proc *parent);
void sessions__exec(struct model_proc *process);
void sessions__ended(struct model_proc *process, struct model_event *event);
void sessions__leave(struct model_proc *process);

/* ---- for guests whose sockets are followed from their calls (nt/sessions.c) ---- */
/* The process has accepted a connection, and serves it from here on. Returns a reference. */
struct model_session *sessions__begin(struct sessions *sessions, struct model_proc *process, const char *remote,
                                      const char *local, uint64_t now, uint32_t fd);
void sessions__unref(struct model_session *session);
/* The process moves data on the connection, or closes it. */
void sessions__uses(struct model_proc *process, struct model_session *session);
void sessions__closes(struct model_proc *process, const struct model_session *session);

#endif
