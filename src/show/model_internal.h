/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the model share. */
#ifndef QEBEK_SHOW_MODEL_INTERNAL_H
#define QEBEK_SHOW_MODEL_INTERNAL_H

#include "show/model.h"

struct model {
    GHashTable *threads;   /* number -> model_thread */
    GHashTable *tids;      /* tid -> model_thread: who has it now */
    GHashTable *processes; /* pid -> model_proc */
    struct sessions *sessions;
    unsigned objects; /* of all threads */
    struct pending_calls *pending;
    GHashTable *names; /* number of a call -> struct guest_service, as the latest GUEST record tells */
    struct sockets *sockets;
    struct function_calls *functions;
    struct layers *layers;
    struct code *code;
};

/* ---- model_processes.c ---- */
void model_process__unref(gpointer process);
/* Of a thread, by its pid; NULL: not known. */
struct model_proc *model_process__of(struct model *m, const struct model_thread *t);
/* A thread of it is no more; *e tells if that is the process's end. */
void model_process__leaves(struct model *m, const struct model_thread *t, int32_t status, uint32_t flags,
                           struct model_event *e);
/* Nobody is found by this thread's number any more. */
void model_process__leave_tid(struct model *m, const struct model_thread *t);
/* What a THREAD record and a NAME record tell. */
void model_process__thread(struct model *m, struct model_thread *t, const struct qbk_record *rec,
                           struct model_event *e);
void model_process__name(struct model *m, struct model_thread *t, const struct qbk_record *rec);
/* Its process's control group, a reference of the caller's; NULL: not told. */
GRefString *model_process__cgroup(struct model *m, const struct model_thread *t);

#endif
