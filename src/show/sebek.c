/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guest's programs read, wrote, opened and connected to, in the packets of Sebek, version 3. */
#include "show/sebek.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "show/files/fds.h"
#include "show/io.h"
#include "show/nt/sebek.h"
#include "show/object.h"
#include "show/output.h"
#include "show/sebek_packet.h"
#include "show/sebek_send.h"

#define KEYSTROKES_MAX 256u /* bytes of a read that a person may have typed */

struct sebek {
    struct sebek_sender *sender;
    struct fds *fds; /* what descriptors stand for, where the trace tells */
    const struct sebek_options *options;
    const char *where;
    uint32_t counter;
    uint64_t sent, refused;
    uint64_t ipv6; /* sockets that version 3 has no place for */
    uint64_t cut;  /* bytes that the trace does not hold */
    bool quiet, told;
    struct nt_sebek nt;
    size_t held; /* bytes in `data`, of the call at hand */
    uint8_t data[SEBEK_DATA];
};

/* One call on its way into records. */
struct sending {
    struct sebek *sebek;
    struct sebek_record record;
    GError **error;
    int status;
};

void sebek_options__init(struct sebek_options *o)
{
    *o = (struct sebek_options){
        .magic = SEBEK_MAGIC, .from = {10, 0, 2, 15}, .to = {10, 0, 2, 2}, .to_port = SEBEK_PORT};
}

bool sebek_options__address(const char *text, uint8_t ip[4], uint16_t *port)
{
    const char *colon = strchr(text, ':');
    g_autofree char *address = colon ? g_strndup(text, (size_t)(colon - text)) : g_strdup(text);
    struct in_addr parsed;
    guint64 number = 0;

    if (*address && inet_pton(AF_INET, address, &parsed) != 1)
        return false;
    if (colon && (!g_ascii_string_to_unsigned(colon + 1, 10, 1, UINT16_MAX, &number, NULL)))
        return false;
    if (!*address && !colon)
        return false;
    if (*address)
        memcpy(ip, &parsed, 4);
    if (colon)
        *port = (uint16_t)number;
    return true;
}

/* ---- records ---- */

static void tell_refused(struct sebek *s)
{
    if (!s->told && !s->quiet)
        fprintf(stderr, "qebek: output sebek:%s: the receiver does not take records; sending goes on\n", s->where);
    s->told = true;
}

static bool send_one(struct sending *to, const uint8_t *data, size_t len)
{
    uint8_t bytes[SEBEK_HEADER + SEBEK_DATA];
    struct sebek *s = to->sebek;
    int status;

    to->record.counter = s->counter++;
    to->record.data = data;
    to->record.len = (uint32_t)len;
    status =
        sebek_send__record(s->sender, to->record.time_ns, bytes, sebek_packet__record(bytes, &to->record), to->error);
    to->record.data = NULL; /* the caller's */
    if (status < 0) {
        to->status = -1;
        return false;
    }
    s->sent += status == 1;
    s->refused += status == 0;
    if (status == 0)
        tell_refused(s);
    return true;
}

static bool send_held(struct sending *to)
{
    size_t len = to->sebek->held;

    to->sebek->held = 0;
    return len == 0 || send_one(to, to->sebek->data, len);
}

/*
 * What does not fit a packet goes into as many as it needs; the buffers of a vector follow one another in them, as the
 * call moved them at once.
 */
static bool send_piece(const uint8_t *bytes, size_t have, uint64_t full, void *user)
{
    struct sending *to = user;

    to->sebek->cut += full - have;
    while (have > 0) {
        size_t len = MIN(have, SEBEK_DATA - to->sebek->held);

        memcpy(to->sebek->data + to->sebek->held, bytes, len);
        to->sebek->held += len;
        bytes += len;
        have -= len;
        if (to->sebek->held == SEBEK_DATA && !send_held(to))
            return false;
    }
    return true;
}

static void send_moved(struct sending *to, const struct model_call *call, const struct io_row *row, int64_t moved)
{
    to->record.type = row->what == IO_WRITE ? SEBEK_WRITE : SEBEK_READ;
    io__each(call, row, (uint64_t)moved, send_piece, to);
    if (to->status == 0)
        (void)send_held(to);
}

static void send_open(struct sending *to, const struct model_call *call, const struct io_row *row, int64_t fd)
{
    g_autofree char *path = io__path(call, row->buf);

    to->record.type = SEBEK_OPEN;
    to->record.fd = (uint32_t)fd;
    if (path && *path)
        (void)(send_piece((const uint8_t *)path, strlen(path), strlen(path), to) && send_held(to));
    else /* not known, or empty; Wireshark's dissector takes a record without data for a damaged one */
        (void)send_one(to, (const uint8_t *)"", 1);
}

/* ---- sockets ---- */

static const uint16_t socketcalls[] = {
    [IO_CONNECT] = 3, [IO_ACCEPT] = 5, [IO_SEND] = 11, [IO_RECEIVE] = 12, [IO_SEND_MSG] = 16, [IO_RECEIVE_MSG] = 17};

/* The peer that the call names, or the one that the socket has. */
static struct io_address peer_of(const struct model_call *call, const struct io_row *row, const struct qbk_object *o)
{
    struct io_address peer = io__peer(call, row);
    const uint8_t *v4 = o ? object__ipv4(o, true) : NULL;

    if (peer.family || !o || !object__is_internet(o) || !o->peer_port)
        return peer;
    peer.family = v4 ? 4 : 6;
    peer.port = o->peer_port;
    if (v4)
        memcpy(peer.ip, v4, 4);
    return peer;
}

static void send_socket(struct sending *to, const struct model_call *call, const struct io_row *row,
                        const struct qbk_object *o)
{
    struct io_address peer = peer_of(call, row, o);
    struct sebek_socket socket = {.call = socketcalls[row->what]};
    const uint8_t *own = o ? object__ipv4(o, false) : NULL;
    uint8_t data[SEBEK_SOCKET];

    if (peer.family == 6) {
        to->sebek->ipv6++;
        return;
    }
    if (peer.family != 4)
        return;
    memcpy(socket.to, peer.ip, 4);
    socket.to_port = peer.port;
    if (own) {
        memcpy(socket.from, own, 4);
        socket.from_port = o->local_port;
        socket.protocol = (uint8_t)o->protocol;
    }
    to->record.type = SEBEK_SOCK;
    sebek_packet__socket(data, &socket);
    (void)send_one(to, data, sizeof(data));
}

/* ---- calls ---- */

/* The number in "socket:[123]", "pipe:[123]": the inode. */
static uint32_t inode_of(const char *name)
{
    const char *at = name && !strchr(name, '/') ? strstr(name, ":[") : NULL;

    return at ? (uint32_t)g_ascii_strtoull(at + 2, NULL, 10) : 0;
}

static bool is_terminal(const struct qbk_object *o, const char *name)
{
    if (o)
        return o->kind == QBK_OBJECT_TTY;
    return name && (g_str_has_prefix(name, "/dev/pts/") || g_str_has_prefix(name, "/dev/tty") ||
                    strcmp(name, "/dev/console") == 0);
}

static void send_call(struct sending *to, const struct model_call *call, const struct io_row *row)
{
    const struct sebek_options *o = to->sebek->options;
    g_autofree char *name = row->fd != IO_NO_ARG ? io__name(call, row->fd) : NULL;
    int64_t result = io__result(call);
    bool makes = row->what == IO_OPEN || row->what == IO_ACCEPT;
    const struct fds *fds = to->sebek->fds;
    const struct qbk_object *object = fds__of(fds, call->thread->number, makes ? result : io__fd(call, row));
    bool going = row->what == IO_CONNECT; /* one that is under way (EINPROGRESS) counts, too */

    if (result < 0 && !going)
        return;
    to->record.fd = (uint32_t)io__fd(call, row);
    to->record.inode = object ? (uint32_t)object->inode : row->what == IO_OPEN ? 0 : inode_of(name);
    if (o->keystrokes && (row->what != IO_READ || result > (int64_t)KEYSTROKES_MAX || !is_terminal(object, name)))
        return;
    switch (row->what) {
    case IO_READ:
    case IO_WRITE:
        send_moved(to, call, row, result);
        break;
    case IO_OPEN:
        send_open(to, call, row, result);
        break;
    default:
        if (row->what < G_N_ELEMENTS(socketcalls) && socketcalls[row->what])
            send_socket(to, call, row, object);
    }
}

/* Handles in place of descriptors, and no inodes. */
static void send_nt(struct sending *to, const struct nt_sebek *nt)
{
    struct sebek *s = to->sebek;
    uint8_t data[SEBEK_SOCKET];

    to->record.type = (uint16_t)nt->type;
    to->record.fd = nt->fd;
    if (s->options->keystrokes && (!nt->typed || nt->data->len + nt->missing > KEYSTROKES_MAX))
        return;
    if (nt->type == SEBEK_SOCK) {
        s->ipv6 += nt->ipv6;
        sebek_packet__socket(data, &nt->socket);
        if (!nt->ipv6)
            (void)send_one(to, data, sizeof(data));
        return;
    }
    if (nt->data->len == 0 && nt->type == SEBEK_OPEN)
        (void)send_one(to, NULL, 0);
    else
        (void)(send_piece((const uint8_t *)nt->data->str, nt->data->len, nt->data->len + nt->missing, to) &&
               send_held(to));
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct sebek *s = out->state;
    bool nt = passed && !e->final && nt_sebek__event(&s->nt, e);
    const struct io_row *row = e->type == EVENT_CALL && passed && !e->final ? io__row(e->call) : NULL;
    const struct qbk_thread *id;
    struct sending to = {.sebek = s, .error = error};

    if (e->type == EVENT_RECORD && e->rec->type == QBK_OBJECT)
        fds__object(s->fds, (const void *)e->rec);
    if (e->type == EVENT_RECORD && e->rec->type == QBK_THREAD_EXIT)
        fds__thread_gone(s->fds, e->rec->thread);
    if (!row && !nt)
        return 0;
    id = &e->thread->id;
    to.record = (struct sebek_record){.magic = s->options->magic,
                                      .time_ns = e->rec->time_ns,
                                      .ppid = (uint32_t)id->ppid,
                                      .pid = (uint32_t)id->pid,
                                      .uid = id->uid,
                                      .comm = e->thread->comm};
    if (nt)
        send_nt(&to, &s->nt);
    else
        send_call(&to, e->call, row);
    return to.status;
}

static int on_open(struct output *out, const char *where, int fallback_fd, GError **error)
{
    struct sebek *s = g_new0(struct sebek, 1);

    (void)fallback_fd;
    s->options = &out->options->sebek;
    s->where = out->where;
    s->quiet = out->options->quiet;
    s->sender = sebek_send__open(where, s->options, error);
    if (!s->sender) {
        g_free(s);
        return -1;
    }
    s->fds = fds__new();
    nt_sebek__init(&s->nt);
    out->state = s;
    return 0;
}

static int on_tick(struct output *out, GError **error)
{
    const struct sebek *s = out->state;

    return sebek_send__flush(s->sender, error);
}

static int on_finish(struct output *out, GError **error)
{
    struct sebek *s = out->state;
    int status = sebek_send__close(s->sender, error);

    if (!s->quiet && s->refused + s->ipv6 + s->cut > 0)
        fprintf(stderr,
                "qebek: output sebek:%s: %" G_GUINT64_FORMAT " records; %" G_GUINT64_FORMAT
                " of them the receiver did not take; left out: %" G_GUINT64_FORMAT
                " uses of IPv6 sockets, %" G_GUINT64_FORMAT " bytes that were not captured\n",
                s->where, s->sent + s->refused, s->refused, s->ipv6, s->cut);
    fds__free(s->fds);
    nt_sebek__clear(&s->nt);
    g_free(s);
    return status;
}

const struct output_ops output_sebek = {.kind = "sebek",
                                        .help = "Sebek's packets, version 3: sebek:udp://HOST:PORT or sebek:FILE.pcap",
                                        .wants = OUTPUT_WANTS_DATA | OUTPUT_WANTS_NAMES | OUTPUT_WANTS_OBJECTS,
                                        .open = on_open,
                                        .event = on_event,
                                        .tick = on_tick,
                                        .finish = on_finish};
