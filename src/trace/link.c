// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

union fd_control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static int64_t now_ms(void)
{
    struct timespec ts = {0, 0};

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Wait until `events` or the deadline (< 0: none). 0 or -errno. */
static int wait_for(int sock, short events, int64_t deadline)
{
    for (;;) {
        struct pollfd p = {.fd = sock, .events = events};
        int64_t left = deadline < 0 ? -1 : deadline - now_ms();
        int n;

        if (deadline >= 0 && left < 0)
            left = 0;
        n = poll(&p, 1, (int)left);
        if (n > 0)
            return 0;
        if (n == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

/* Send what is left of iov, with fd on the first byte. Advances iov. Returns bytes or -errno. */
static ssize_t send_some(int sock, struct iovec *iov, size_t n, int fd)
{
    union fd_control control;
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};
    ssize_t sent;

    if (fd >= 0) {
        memset(&control, 0, sizeof(control));
        msg.msg_control = &control;
        msg.msg_controllen = sizeof(control.bytes);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    }
    sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

int link__send(int sock, enum link_type type, const void *payload, size_t len, int fd)
{
    struct link_header h = {.magic = LINK_MAGIC, .version = LINK_VERSION, .type = (uint16_t)type};
    size_t done = 0;

    if (len > LINK_MESSAGE_MAX)
        return -EMSGSIZE;
    h.len = (uint32_t)len;
    while (done < sizeof(h) + len) {
        size_t of_payload = done > sizeof(h) ? done - sizeof(h) : 0;
        size_t of_header = done - of_payload;
        struct iovec iov[2] = {
            {(char *)&h + of_header, sizeof(h) - of_header},
            {NULL, len - of_payload},
        };
        ssize_t n;

        if (len > 0) {
            const char *rest = (const char *)payload + of_payload;

            memcpy(&iov[1].iov_base, &rest, sizeof(rest)); /* without const; sendmsg does not write there */
        }
        n = send_some(sock, iov, 2, done == 0 ? fd : -1);

        if (n == -EAGAIN)
            n = wait_for(sock, POLLOUT, -1);
        if (n < 0 && n != -EINTR)
            return (int)n;
        if (n > 0)
            done += (size_t)n;
    }
    return 0;
}

/* Keep the first descriptor that came along, close all others. */
static void take_fds(struct msghdr *msg, int *fd)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        size_t n;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(0))
            continue;
        n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int got;

            memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof(got));
            if (*fd < 0)
                *fd = got;
            else
                close(got);
        }
    }
}

/* Read exactly len bytes, keeping a descriptor that comes with them. 0 or -errno. */
static int receive_all(int sock, void *buf, size_t len, int *fd, int64_t deadline)
{
    size_t done = 0;

    while (done < len) {
        union fd_control control;
        struct iovec iov = {(char *)buf + done, len - done};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
        ssize_t n;
        int err = wait_for(sock, POLLIN, deadline);

        if (err < 0)
            return err;
        msg.msg_control = &control;
        msg.msg_controllen = sizeof(control);
        n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return -EPIPE;
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return -errno;
        take_fds(&msg, fd);
        done += (size_t)n;
    }
    return 0;
}

/* Header, then payload. Returns its length or -errno; a descriptor may be in *fd in any case. */
static long receive(int sock, enum link_type *type, void *buf, size_t size, int *fd, int64_t deadline)
{
    struct link_header h;
    int err = receive_all(sock, &h, sizeof(h), fd, deadline);

    if (err < 0)
        return err;
    if (h.magic != LINK_MAGIC || h.version != LINK_VERSION || h.type < LINK_HELLO || h.type > LINK_REPLY ||
        h.len > LINK_MESSAGE_MAX || h.len > size)
        return -EPROTO;
    err = receive_all(sock, buf, h.len, fd, deadline);
    if (err < 0)
        return err;
    *type = (enum link_type)h.type;
    return (long)h.len;
}

long link__receive(int sock, enum link_type *type, void *buf, size_t size, int *fd, int timeout_ms)
{
    long n;

    *fd = -1;
    n = receive(sock, type, buf, size, fd, timeout_ms < 0 ? -1 : now_ms() + timeout_ms);
    if (n < 0 && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return n;
}
