/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/nt/sessions.h"

#include <arpa/inet.h>
#include <string.h>

#include "decode/nt/nt.h"
#include "show/nt/message.h"

#define SOCKETS_MAX  4096u /* of one process */
#define ADDRESS_SIZE 64u

/* What is known of a socket, by its handle. */
struct nt_socket {
    char local[ADDRESS_SIZE], peer[ADDRESS_SIZE]; /* peer: of a connection that waits to be accepted; "": none */
    struct model_session *session;                /* that it was accepted for; NULL: none */
};

static void socket_free(gpointer data)
{
    struct nt_socket *s = data;
    if (s->session)
        sessions__unref(s->session);
    g_free(s);
}

static gpointer key_of(uint64_t handle)
{
    return GSIZE_TO_POINTER((gsize)(handle & ~(uint64_t)3));
}

static struct nt_socket *known(const struct model_proc *p, uint64_t handle)
{
    return p->sockets ? g_hash_table_lookup(p->sockets, key_of(handle)) : NULL;
}

static struct nt_socket *socket_of(struct model_proc *p, uint64_t handle)
{
    struct nt_socket *s = known(p, handle);
    if (s)
        return s;
    if (!p->sockets)
        p->sockets = g_hash_table_new_full(NULL, NULL, NULL, socket_free);
    if (g_hash_table_size(p->sockets) >= SOCKETS_MAX)
        g_hash_table_remove_all(p->sockets);
    s = g_new0(struct nt_socket, 1);
    g_hash_table_insert(p->sockets, key_of(handle), s);
    return s;
}

static void put_address(char to[ADDRESS_SIZE], const struct nt_address *a)
{
    char text[INET6_ADDRSTRLEN];
    if (a->family && inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->ip, text, sizeof(text)))
        g_snprintf(to, ADDRESS_SIZE, a->family == 4 ? "%s:%u" : "[%s]:%u", text, a->port);
}

/* The connection that came last to this socket, or that AcceptEx itself tells of, goes on with another handle. */
static void accepted(struct sessions *all, struct model_proc *p, const struct model_call *c, const struct nt_message *m,
                     struct model_event *e)
{
    struct nt_socket *listening = socket_of(p, c->enter->args[0]), *socket;
    put_address(listening->peer, &m->address);
    if (!listening->peer[0] || !m->other)
        return;
    struct model_session *session =
        sessions__begin(all, p, listening->peer, listening->local, e->rec->time_ns, (uint32_t)m->other);
    listening->peer[0] = 0;
    socket = socket_of(p, m->other);
    if (socket->session)
        sessions__unref(socket->session);
    socket->session = session;
    e->session_step = SESSION_BEGINS;
    e->session = session;
}

static void used(struct model_proc *p, uint64_t handle)
{
    const struct nt_socket *s = known(p, handle);
    if (s && s->session)
        sessions__uses(p, s->session);
}

static void control(struct sessions *all, struct model_proc *p, const struct model_call *c, struct model_event *e)
{
    struct nt_message m;
    if (!nt_message__of(c, false, &m) || m.kind != NT_MESSAGE_SOCKET)
        return;
    if (strcmp(m.op, "bind") == 0)
        put_address(socket_of(p, c->enter->args[0])->local, &m.address);
    else if (strcmp(m.op, "wait_for_connection") == 0)
        put_address(socket_of(p, c->enter->args[0])->peer, &m.address);
    else if (strcmp(m.op, "accept") == 0)
        accepted(all, p, c, &m, e);
    else if (strcmp(m.op, "send") == 0 || strcmp(m.op, "receive") == 0)
        used(p, c->enter->args[0]);
}

static void closed(struct model_proc *p, uint64_t handle)
{
    const struct nt_socket *s = known(p, handle);
    if (s && s->session)
        sessions__closes(p, s->session);
    if (s)
        g_hash_table_remove(p->sockets, key_of(handle));
}

void nt_sessions__call(struct sessions *all, const struct model_call *c, struct model_event *e)
{
    struct model_proc *p = c->thread->proc;
    bool nt = c->abi == QBK_ABI_NT_X64 || c->abi == QBK_ABI_NT_X86;
    if (!nt || !p || !c->enter || c->enter->nargs == 0 || !c->ret || c->ret->end != QBK_END_RETURNED ||
        decode__wrote_nothing((enum qbk_abi)c->abi, c->ret->result))
        return;
    if (c->row == DECODE_NT_DeviceIoControlFile)
        control(all, p, c, e);
    else if (c->row == DECODE_NT_ReadFile || c->row == DECODE_NT_WriteFile)
        used(p, c->enter->args[0]);
    else if (c->row == DECODE_NT_Close)
        closed(p, c->enter->args[0]);
}
