/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/nt/sebek.h"

#include <string.h>

#include "decode/nt/nt.h"
#include "show/nt/message.h"
#include "show/nt/nt.h"
#include "show/nt/stream.h"

/* Numbers of Linux's socketcall, which is how Sebek names what was done to a socket. */
#define CALL_CONNECT  3u
#define CALL_ACCEPT   5u
#define CALL_SENDTO   11u
#define CALL_RECVFROM 12u

/* What AFD is asked for; without a number: the payload is read or written, as with a file. */
static const struct {
    const char *op;
    uint16_t call;
    bool reads;
} operations[] = {{"connect", CALL_CONNECT, false},
                  {"wait_for_connection", CALL_ACCEPT, false},
                  {"accept", CALL_ACCEPT, false},
                  {"send_to", CALL_SENDTO, false},
                  {"receive_from", CALL_RECVFROM, false},
                  {"send", 0, false},
                  {"receive", 0, true}};

void nt_sebek__init(struct nt_sebek *s)
{
    *s = (struct nt_sebek){.data = g_string_new(NULL)};
    deed__init(&s->deed);
}

void nt_sebek__clear(struct nt_sebek *s)
{
    g_string_free(s->data, TRUE);
    deed__clear(&s->deed);
}

static bool opened(struct nt_sebek *s, const struct model_event *e)
{
    uint64_t handle;
    if (!deed__event(&s->deed, e) || !s->deed.done || !nt_handles__made(e->call, 0, &handle))
        return false;
    s->type = SEBEK_OPEN;
    s->fd = (uint32_t)handle;
    g_string_append_len(s->data, s->deed.path->str, (gssize)s->deed.path->len);
    return true;
}

static bool of_socket(struct nt_sebek *s, const struct model_call *c, const struct nt_message *m)
{
    uint64_t full = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(operations); i++) {
        if (strcmp(operations[i].op, m->op) != 0)
            continue;
        s->fd = (uint32_t)c->enter->args[0];
        if (operations[i].call == 0) {
            s->type = operations[i].reads ? SEBEK_READ : SEBEK_WRITE;
            nt_message__data(c, m, s->data, &full);
            s->missing = full - s->data->len;
            return full > 0;
        }
        s->type = SEBEK_SOCK;
        s->ipv6 = m->address.family == 6;
        s->socket = (struct sebek_socket){.call = operations[i].call, .to_port = m->address.port};
        memcpy(s->socket.to, m->address.ip, sizeof(s->socket.to));
        return m->address.family != 0;
    }
    return false;
}

static bool moved(struct nt_sebek *s, const struct model_call *c, bool completion)
{
    struct nt_stream stream = {0};
    bool file = c->row == DECODE_NT_ReadFile || c->row == DECODE_NT_WriteFile;
    bool any = file ? nt_stream__transfer(c, s->data, &s->missing)
                    : nt_stream__text(c, completion, &stream, s->data, &s->missing);
    if (file && !nt_stream__of(c, completion, &stream))
        stream.input = c->row == DECODE_NT_ReadFile;
    s->type = stream.input ? SEBEK_READ : SEBEK_WRITE;
    s->typed = stream.input && (stream.console || stream.standard);
    s->fd = file ? (uint32_t)c->enter->args[0] : 0; /* consoles have no handle in a message to their server */
    return any;
}

bool nt_sebek__event(struct nt_sebek *s, const struct model_event *e)
{
    const struct model_call *c = e->call;
    bool completion = e->type == EVENT_COMPLETION;
    struct nt_message m;
    if ((e->type != EVENT_CALL && !completion) || (c->abi != QBK_ABI_NT_X64 && c->abi != QBK_ABI_NT_X86) || !c->enter ||
        !c->service || !c->ret || c->ret->end != QBK_END_RETURNED ||
        decode__wrote_nothing((enum qbk_abi)c->abi, c->ret->result))
        return false;
    g_string_truncate(s->data, 0);
    s->missing = 0;
    s->typed = s->ipv6 = false;
    if (c->row == DECODE_NT_CreateFile || c->row == DECODE_NT_OpenFile)
        return opened(s, e);
    if (nt_message__of(c, false, &m) && m.kind == NT_MESSAGE_SOCKET)
        return of_socket(s, c, &m);
    return moved(s, c, completion);
}
