/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/sessions.h"

#include <string.h>

#include "decode/decode.h"
#include "show/object.h"

#define RECENT_MAX 4096u /* connections that a program may come back to when others were accepted since */

struct sessions {
    GHashTable *by_socket; /* number of the socket's inode -> model_session, borrowed */
    GQueue recent;         /* model_session: the latest, oldest first */
    uint64_t last;
};

/* What a call does with the descriptor that is its first argument. */
enum use { USE_NONE, USE_DATA, USE_CLOSE };

static const struct {
    const char *name;
    enum use use;
} uses[] = {
    {"read", USE_DATA},   {"readv", USE_DATA},    {"recvfrom", USE_DATA}, {"recvmsg", USE_DATA},
    {"recv", USE_DATA},   {"recvmmsg", USE_DATA}, {"write", USE_DATA},    {"writev", USE_DATA},
    {"sendto", USE_DATA}, {"sendmsg", USE_DATA},  {"send", USE_DATA},     {"sendmmsg", USE_DATA},
    {"dup2", USE_DATA},   {"dup3", USE_DATA},     {"close", USE_CLOSE},
};

struct sessions *sessions__new(void)
{
    struct sessions *s = g_new0(struct sessions, 1);
    s->by_socket = g_hash_table_new(g_int64_hash, g_int64_equal);
    return s;
}

static void session_clear(gpointer data)
{
    struct model_session *s = data;
    if (g_hash_table_lookup(s->of->by_socket, &s->socket.inode) == s)
        g_hash_table_remove(s->of->by_socket, &s->socket.inode);
    g_free(s->remote);
    g_free(s->local);
}

static void session_unref(gpointer session)
{
    g_rc_box_release_full(session, session_clear);
}

void sessions__free(struct sessions *s)
{
    g_queue_clear_full(&s->recent, session_unref);
    g_hash_table_destroy(s->by_socket);
    g_free(s);
}

static void set(struct model_session **to, struct model_session *session)
{
    struct model_session *before = *to;
    *to = session ? g_rc_box_acquire(session) : NULL;
    if (before)
        session_unref(before);
}

/* The process is in this session from here on. */
static void join(struct model_proc *p, struct model_session *session)
{
    if (p->session == session)
        return;
    if (p->session)
        p->session->processes--;
    if (session)
        session->processes++;
    set(&p->session, session);
}

/* ---- a connection is accepted ---- */

static bool already_has(const struct model_thread *t, uint64_t inode)
{
    GHashTableIter it;
    gpointer object;
    if (!t->objects)
        return false;
    g_hash_table_iter_init(&it, t->objects);
    while (g_hash_table_iter_next(&it, NULL, &object)) {
        if (((const struct qbk_object *)object)->inode == inode)
            return true;
    }
    return false;
}

/*
 * A descriptor for a connection comes by accept, or is a copy of one that is there already (dup, a descriptor that
 * another process passed on). Where the call is not in the trace a socket that nobody knew has been accepted.
 */
static bool is_accepted(const struct sessions *s, const struct model_thread *t, const struct qbk_object *o)
{
    const struct model_call *c = t->calls;
    if (o->why != QBK_OBJECT_INSTALLED || !object__is_connected(o) || g_hash_table_contains(s->by_socket, &o->inode))
        return false;
    if (c)
        return c->service && (strcmp(c->service->name, "accept") == 0 || strcmp(c->service->name, "accept4") == 0 ||
                              strcmp(c->service->name, "socketcall") == 0);
    return !already_has(t, o->inode);
}

static struct model_session *numbered(struct sessions *s, uint64_t now)
{
    struct model_session *session = g_rc_box_new0(struct model_session);
    session->of = s;
    session->number = ++s->last;
    session->begun_ns = now;
    return session;
}

/* It may be come back to when others have been accepted since. */
static void remember(struct sessions *s, struct model_session *session)
{
    g_queue_push_tail(&s->recent, session);
    if (s->recent.length > RECENT_MAX)
        session_unref(g_queue_pop_head(&s->recent));
}

static struct model_session *session_new(struct sessions *s, const struct qbk_object *o)
{
    struct model_session *session = numbered(s, o->h.time_ns);
    session->remote = object__address(o, true);
    session->local = object__address(o, false);
    session->socket = *o;
    if (!session->local)
        session->local = g_strdup("");
    g_hash_table_replace(s->by_socket, &session->socket.inode, session);
    remember(s, session);
    return session;
}

void sessions__object(struct sessions *s, struct model_thread *t, const struct qbk_object *o, struct model_event *e)
{
    struct model_proc *p = t->proc;
    if (!p || !is_accepted(s, t, o))
        return;
    struct model_session *session = session_new(s, o);
    set(&p->serving, session);
    p->serving_fd = o->fd;
    e->session_step = SESSION_BEGINS;
    e->session = session;
}

/* ---- … and used ---- */

static enum use use_of(const struct model_call *c)
{
    for (unsigned i = 0; c->service && i < G_N_ELEMENTS(uses); i++) {
        if (strcmp(uses[i].name, c->service->name) == 0)
            return uses[i].use;
    }
    return USE_NONE;
}

void sessions__call_begins(struct sessions *s, const struct model_call *c)
{
    struct model_proc *p = c->thread->proc;
    enum use use;
    if (!p || !c->enter || c->enter->nargs < 1 || g_hash_table_size(s->by_socket) == 0)
        return;
    uint32_t fd = (uint32_t)c->enter->args[0];
    const struct qbk_object *o = model__object(c->thread, fd);
    if (!o || o->kind != QBK_OBJECT_SOCKET || (use = use_of(c)) == USE_NONE)
        return;
    struct model_session *session = g_hash_table_lookup(s->by_socket, &o->inode);
    if (session && use == USE_DATA)
        join(p, session);
    else if (session && session == p->serving && fd == p->serving_fd) /* its child has it now, or nobody */
        set(&p->serving, NULL);
}

/* ---- processes ---- */

void sessions__born(struct model_proc *p, const struct model_proc *parent)
{
    join(p, parent->serving ? parent->serving : parent->session);
}

void sessions__exec(struct model_proc *p)
{
    if (p && p->serving)
        join(p, p->serving);
}

void sessions__ended(struct model_proc *p, struct model_event *e)
{
    if (!p->session || p->session->processes != 1)
        return;
    e->session_step = SESSION_ENDS;
    e->session = p->session; /* the thread holds the process until after the event */
}

void sessions__leave(struct model_proc *p)
{
    set(&p->serving, NULL);
    join(p, NULL);
}

/* ---- connections that calls tell of ---- */

struct model_session *sessions__begin(struct sessions *s, struct model_proc *p, const char *remote, const char *local,
                                      uint64_t now, uint32_t fd)
{
    struct model_session *session = numbered(s, now);
    session->remote = g_strdup(remote);
    session->local = g_strdup(local);
    set(&p->serving, session);
    p->serving_fd = fd;
    return session;
}

void sessions__unref(struct model_session *session)
{
    session_unref(session);
}

void sessions__uses(struct model_proc *p, struct model_session *session)
{
    join(p, session);
}

void sessions__closes(struct model_proc *p, const struct model_session *session)
{
    if (p->serving == session)
        set(&p->serving, NULL);
}
