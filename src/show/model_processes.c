/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The model's processes: which thread is part of which, and what is known of each. */
#include <string.h>

#include "show/model_internal.h"
#include "show/sessions.h"
#include "show/sockets.h"

#define PATH_MOST    4096u
#define COMMAND_MOST 131072u /* NT's have up to 32767 characters */

static void proc_clear(gpointer data)
{
    struct model_proc *p = data;
    g_clear_pointer(&p->cgroup, g_ref_string_release);
    g_clear_pointer(&p->exe, g_ref_string_release);
    g_clear_pointer(&p->command, g_ref_string_release);
    g_clear_pointer(&p->user, g_ref_string_release);
    g_clear_pointer(&p->handles, g_hash_table_destroy);
    g_clear_pointer(&p->sockets, g_hash_table_destroy);
    sessions__leave(p);
}

void model_process__unref(gpointer data)
{
    g_rc_box_release_full(data, proc_clear);
}

struct model_proc *model_process__of(struct model *m, const struct model_thread *t)
{
    return t && t->id.pid >= 0 ? g_hash_table_lookup(m->processes, &t->id.pid) : NULL;
}

/* NT: a process has the status that it was ended with; else its last thread's. */
static void take_nt_status(struct model_proc *p, int32_t status, uint32_t flags)
{
    bool of_process = (flags & QBK_EXIT_GROUP) != 0, last = p->threads == 1 && !p->has_status;
    if ((flags & QBK_EXIT_UNKNOWN) || (!of_process && !last))
        return;
    p->status = status;
    p->has_status = true;
}

void model_process__leaves(struct model *m, const struct model_thread *t, int32_t status, uint32_t flags,
                           struct model_event *e)
{
    struct model_proc *p = model_process__of(m, t);
    if (!p)
        return;
    if (model__is_nt(t))
        take_nt_status(p, status, flags);
    else if (t->id.tid == t->id.pid || p->threads == 1)
        p->status = t->id.tid == t->id.pid || p->status < 0 ? status : p->status;
    p->lives = model__is_nt(t) && (flags & QBK_EXIT_ALONE);
    if (--p->threads > 0 || p->lives)
        return;
    e->process = PROCESS_EXITS;
    sockets__gone(m->sockets, t->id.pid);
    e->process_status = p->status;
    e->no_status = model__is_nt(t) && !p->has_status;
    sessions__ended(p, e);
    g_hash_table_remove(m->processes, &t->id.pid);
}

/* NT tells a parent by its number alone, which may be another's by now: one that is younger than its child. */
static const struct model_proc *parent_by_number(struct model *m, const struct model_thread *t)
{
    const struct model_proc *parent = t->id.ppid > 0 ? g_hash_table_lookup(m->processes, &t->id.ppid) : NULL;
    if (!parent || parent->pid == t->id.pid ||
        (parent->started && t->id.start_time_ns && parent->started > t->id.start_time_ns))
        return NULL;
    return parent;
}

static void process_joins(struct model *m, struct model_thread *t, struct model_event *e)
{
    struct model_proc *p = model_process__of(m, t);
    uint64_t started = model__is_nt(t) ? t->id.start_time_ns : 0;
    if (p && ((t->id.why == QBK_THREAD_BORN && t->id.tid == t->id.pid && t->id.tid > 0) ||
              (started && p->started && started != p->started))) {
        p->threads = 0; /* the number of one whose end was lost */
        p->lives = false;
    }
    g_clear_pointer(&t->proc, model_process__unref);
    t->process = p ? p->first : 0;
    t->parent_process = p ? p->parent : 0;
    if (t->id.pid < 0)
        return;
    if (p && (p->threads++ > 0 || p->lives)) {
        p->lives = false;
        t->proc = g_rc_box_acquire(p);
        return;
    }
    p = g_rc_box_new0(struct model_proc);
    p->pid = t->id.pid;
    p->threads = 1;
    p->status = -1;
    g_hash_table_replace(m->processes, &p->pid, p);
    t->proc = g_rc_box_acquire(p);
    const struct model_thread *maker = g_hash_table_lookup(m->threads, &t->id.parent_thread);
    const struct model_proc *parent = maker ? maker->proc : model__is_nt(t) ? parent_by_number(m, t) : NULL;
    p->started = started;
    p->first = t->process = t->number;
    p->parent = t->parent_process = parent ? parent->first : 0;
    p->cgroup = parent && parent->cgroup ? g_ref_string_acquire(parent->cgroup) : NULL;
    if (parent)
        sessions__born(p, parent);
    e->process = PROCESS_STARTS;
}

static GRefString *exe_of(struct model *m, uint64_t number)
{
    const struct model_thread *t = g_hash_table_lookup(m->threads, &number);
    return t && t->exe ? g_ref_string_acquire(t->exe) : NULL;
}

void model_process__leave_tid(struct model *m, const struct model_thread *t)
{
    if (g_hash_table_lookup(m->tids, GINT_TO_POINTER(t->id.tid)) == t)
        g_hash_table_remove(m->tids, GINT_TO_POINTER(t->id.tid));
}

void model_process__thread(struct model *m, struct model_thread *t, const struct qbk_record *rec, struct model_event *e)
{
    int32_t before = t->known ? t->id.pid : -1, now = ((const struct qbk_thread *)rec)->pid;
    struct model_event ignored = {0};
    model_process__leave_tid(m, t);
    if (before >= 0 && before != now)
        model_process__leaves(m, t, 0, QBK_EXIT_UNKNOWN, &ignored);
    memset(&t->id, 0, sizeof(t->id)); /* an older writer's record is shorter */
    memcpy(&t->id, rec, MIN(rec->size, sizeof(t->id)));
    memcpy(t->comm, t->id.comm, sizeof(t->id.comm));
    t->comm[sizeof(t->comm) - 1] = 0;
    if (before != now || !t->known)
        process_joins(m, t, e);
    t->known = true;
    if (t->id.tid > 0)
        g_hash_table_insert(m->tids, GINT_TO_POINTER(t->id.tid), t);
    if (t->id.why == QBK_THREAD_EXEC) {
        e->process = PROCESS_EXECS;
        sessions__exec(t->proc);
    }
    if (!t->exe)
        t->exe = exe_of(m, t->id.parent_thread);
}

static void take_path(GRefString **to, const struct qbk_name *name, uint32_t most)
{
    g_clear_pointer(to, g_ref_string_release);
    *to = g_ref_string_new_len(name->path, (gssize)MIN(name->len, most));
}

static void take_standard(struct model_proc *p, const struct qbk_name *name)
{
    g_autofree char *text = g_strndup(name->path, MIN(name->len, 64u));
    char *at = text;
    for (unsigned i = 0; i < G_N_ELEMENTS(p->standard); i++)
        p->standard[i] = g_ascii_strtoull(at, &at, 10);
}

void model_process__name(struct model *m, struct model_thread *t, const struct qbk_record *rec)
{
    const struct qbk_name *name = (const void *)rec;
    struct model_proc *p = model_process__of(m, t);
    if (name->fd == QBK_NAME_EXE) {
        take_path(&t->exe, name, PATH_MOST);
        if (p && model__is_nt(t))
            take_path(&p->exe, name, PATH_MOST);
    } else if (name->fd == QBK_NAME_CGROUP && p) {
        take_path(&p->cgroup, name, PATH_MOST);
    } else if (name->fd == QBK_NAME_COMMAND && p) {
        take_path(&p->command, name, COMMAND_MOST);
    } else if (name->fd == QBK_NAME_USER && p) {
        take_path(&p->user, name, PATH_MOST);
    } else if (name->fd == QBK_NAME_STANDARD && p) {
        take_standard(p, name);
    }
}

GRefString *model_process__cgroup(struct model *m, const struct model_thread *t)
{
    const struct model_proc *p = model_process__of(m, t);
    return p && p->cgroup ? g_ref_string_acquire(p->cgroup) : NULL;
}
