/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/sebek_send.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "show/sebek_packet.h"

#define SCHEME  "udp://"
#define SNAPLEN 65535
#define ROOM_MS 10 /* wait so long for room in the socket's buffer */

struct sebek_sender {
    int sock; /* -1: a file */
    pcap_t *pcap;
    pcap_dumper_t *file;
    struct sebek_way way;
    uint16_t id;
    uint8_t frame[SEBEK_FRAME + SEBEK_HEADER + SEBEK_DATA];
};

static void set_file_error(GError **error, const char *what)
{
    int err = errno ? errno : EIO;

    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err), "%s: %s", what, g_strerror(err));
}

/* ---- a receiver ---- */

/* "HOST:PORT", "[V6]:PORT". */
static bool host_and_port(const char *text, char **host, char **port)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;

    if (!colon || len == 0 || !colon[1])
        return false;
    if (text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    *host = g_strndup(text, len);
    *port = g_strdup(colon + 1);
    return true;
}

/* A socket of ours that speaks to this address only, so that its refusals reach us. */
static int connected(const struct addrinfo *to, uint16_t from_port)
{
    int sock = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(from_port)};
    struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons(from_port)};
    const void *any = to->ai_family == AF_INET6 ? (const void *)&any6 : (const void *)&any4;
    socklen_t len = to->ai_family == AF_INET6 ? sizeof(any6) : sizeof(any4);

    if (sock < 0)
        return -1;
    if ((from_port && bind(sock, any, len) != 0) || connect(sock, to->ai_addr, to->ai_addrlen) != 0) {
        int err = errno;

        close(sock);
        errno = err;
        return -1;
    }
    return sock;
}

static int open_receiver(struct sebek_sender *s, const char *where, const struct sebek_options *o, GError **error)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    struct addrinfo *found = NULL;
    g_autofree char *host = NULL, *port = NULL;
    int status;

    if (!host_and_port(where + strlen(SCHEME), &host, &port)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "sebek:%s: say where to: sebek:udp://HOST:PORT (port %u was Sebek's own)", where, SEBEK_PORT);
        return -1;
    }
    status = getaddrinfo(host, port, &hints, &found);
    if (status != 0) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "sebek:%s: %s", where, gai_strerror(status));
        return -1;
    }
    for (const struct addrinfo *a = found; a && s->sock < 0; a = a->ai_next)
        s->sock = connected(a, o->from_port);
    if (s->sock < 0)
        set_file_error(error, where);
    freeaddrinfo(found);
    return s->sock < 0 ? -1 : 0;
}

/* An error of an earlier packet (nobody listens there) is told at a later one, which is then not sent: once more. */
static int send_record(const struct sebek_sender *s, const uint8_t *record, size_t len)
{
    for (unsigned tries = 0; tries < 3; tries++) {
        struct pollfd room = {.fd = s->sock, .events = POLLOUT};

        if (send(s->sock, record, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len)
            return tries == 0 ? 1 : 0; /* who refused the one before will refuse this one */
        if (errno == EAGAIN || errno == ENOBUFS)
            (void)poll(&room, 1, ROOM_MS);
        else if (errno != ECONNREFUSED && errno != EINTR)
            return 0;
    }
    return 0;
}

/* ---- a file ---- */

static int open_file(struct sebek_sender *s, const char *where, const struct sebek_options *o, GError **error)
{
    memcpy(s->way.from, o->from, sizeof(s->way.from));
    memcpy(s->way.to, o->to, sizeof(s->way.to));
    s->way.from_port = o->from_port ? o->from_port : SEBEK_PORT;
    s->way.to_port = o->to_port;
    s->pcap = pcap_open_dead(DLT_EN10MB, SNAPLEN);
    if (!s->pcap) {
        errno = ENOMEM;
        set_file_error(error, where);
        return -1;
    }
    s->file = pcap_dump_open(s->pcap, where);
    if (!s->file) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "cannot write: %s", pcap_geterr(s->pcap));
        return -1;
    }
    return 0;
}

static int write_record(struct sebek_sender *s, uint64_t time_ns, const uint8_t *record, size_t len, GError **error)
{
    struct pcap_pkthdr head = {
        .ts = {.tv_sec = (time_t)(time_ns / 1000000000u), .tv_usec = (suseconds_t)(time_ns % 1000000000u / 1000u)}};

    memcpy(s->frame + SEBEK_FRAME, record, len);
    head.len = head.caplen = (bpf_u_int32)sebek_packet__frame(s->frame, &s->way, s->id++, len);
    errno = 0;
    pcap_dump((u_char *)s->file, &head, s->frame);
    if (ferror(pcap_dump_file(s->file))) {
        set_file_error(error, "cannot write");
        return -1;
    }
    return 1;
}

/* ---- both ---- */

struct sebek_sender *sebek_send__open(const char *where, const struct sebek_options *options, GError **error)
{
    struct sebek_sender *s = g_new0(struct sebek_sender, 1);
    int status;

    s->sock = -1;
    if (strcmp(where, "-") == 0) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "sebek: say where to: sebek:udp://HOST:PORT or sebek:FILE.pcap");
        status = -1;
    } else if (g_str_has_prefix(where, SCHEME)) {
        status = open_receiver(s, where, options, error);
    } else {
        status = open_file(s, where, options, error);
    }
    if (status != 0) {
        (void)sebek_send__close(s, NULL);
        return NULL;
    }
    return s;
}

int sebek_send__record(struct sebek_sender *s, uint64_t time_ns, const uint8_t *record, size_t len, GError **error)
{
    g_assert(len <= SEBEK_HEADER + SEBEK_DATA);
    return s->sock >= 0 ? send_record(s, record, len) : write_record(s, time_ns, record, len, error);
}

int sebek_send__flush(struct sebek_sender *s, GError **error)
{
    errno = 0;
    if (s->file && pcap_dump_flush(s->file) != 0) {
        set_file_error(error, "cannot write");
        return -1;
    }
    return 0;
}

int sebek_send__close(struct sebek_sender *s, GError **error)
{
    int status = sebek_send__flush(s, error);

    if (s->file)
        pcap_dump_close(s->file);
    if (s->pcap)
        pcap_close(s->pcap);
    if (s->sock >= 0)
        close(s->sock);
    g_free(s);
    return status;
}
