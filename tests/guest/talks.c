/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads, writes, opens and talks to itself in all the ways that Sebek knows, and says at the end on the serial line
 * what it did: a line "did TYPE pid=… …" for each call, in order. The test compares this with the packets.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char said[65536];
static size_t said_len;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

__attribute__((format(printf, 1, 2))) static void did(const char *format, ...)
{
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(said + said_len, sizeof(said) - said_len, format, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(said) - said_len)
        die("too much to say");
    said_len += (size_t)n;
}

/* A read (0) or a write (1) that moved these bytes. */
static void moved(int type, int fd, const void *bytes, ssize_t n)
{
    const unsigned char *at = bytes;

    if (n < 0)
        die(type ? "write" : "read");
    did("did %d pid=%d ppid=%d uid=%d fd=%d data=", type, getpid(), getppid(), (int)getuid(), fd);
    for (ssize_t i = 0; i < n; i++)
        did("%02x", at[i]);
    did("\n");
}

static int opened(const char *path, int flags)
{
    int fd = open(path, flags, 0600);

    if (fd < 0)
        die(path);
    did("did 3 pid=%d ppid=%d uid=%d fd=%d path=%s\n", getpid(), getppid(), (int)getuid(), fd, path);
    return fd;
}

static struct sockaddr_in end_of(int fd, int (*ask)(int, struct sockaddr *, socklen_t *))
{
    struct sockaddr_in in = {0};
    socklen_t len = sizeof(in);

    if (ask(fd, (struct sockaddr *)&in, &len) != 0)
        memset(&in, 0, sizeof(in));
    return in;
}

static void address(const char *key, struct sockaddr_in in)
{
    char text[INET_ADDRSTRLEN];

    did(" %s=%s:%u", key, inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text)), ntohs(in.sin_port));
}

/* Call number `call` of socketcall(2), with this peer, or the one that the socket is connected with. */
static void talked(int call, int fd, ssize_t result, const struct sockaddr_in *peer, int protocol)
{
    if (result < 0)
        die("socket");
    did("did 2 pid=%d ppid=%d uid=%d fd=%d call=%d protocol=%d", getpid(), getppid(), (int)getuid(), fd, call,
        protocol);
    address("dst", peer ? *peer : end_of(fd, getpeername));
    address("src", end_of(fd, getsockname));
    did("\n");
}

/* ---- what it does ---- */

static void files(void)
{
    char text[] = "a line of text\n", big[5000], buffer[4096];
    struct iovec two[] = {{text, 4}, {text + 4, 6}}, into[] = {{buffer, 3}, {buffer + 3, 20}};
    int fd = opened("/tmp/talks", O_RDWR | O_CREAT | O_TRUNC), null = opened("/dev/null", O_WRONLY);

    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * 7);
    moved(1, fd, text, write(fd, text, strlen(text)));
    moved(1, fd, text, pwrite(fd, text, 3, 100));
    moved(1, fd, text, writev(fd, two, 2));
    moved(0, fd, buffer, pread(fd, buffer, 10, 0));
    moved(0, fd, buffer, preadv(fd, into, 2, 2));
    if (read(fd, buffer, 0) != 0) /* moves nothing: no record */
        die("read nothing");
    moved(1, fd, big, write(fd, big, sizeof(big)));
    moved(1, null, big, write(null, big, 2000));
    close(null);
    close(fd);
}

static struct msghdr message(struct iovec *iov, struct sockaddr_in *name)
{
    return (struct msghdr){.msg_iov = iov, .msg_iovlen = 1, .msg_name = name, .msg_namelen = name ? sizeof(*name) : 0};
}

static int bound(int type, struct sockaddr_in *in)
{
    int fd = socket(AF_INET, type, 0);

    *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (struct sockaddr *)in, sizeof(*in)) != 0)
        die("bind");
    *in = end_of(fd, getsockname);
    return fd;
}

static void connections(void)
{
    char text[] = "over the wire", buffer[64];
    struct iovec iov = {text, 5}, into = {buffer, sizeof(buffer)};
    struct sockaddr_in in, peer = {0};
    struct msghdr out = message(&iov, NULL), back = message(&into, NULL);
    socklen_t len = sizeof(peer);
    int listener = bound(SOCK_STREAM, &in), client = socket(AF_INET, SOCK_STREAM, 0), server;

    if (listen(listener, 1) != 0)
        die("listen");
    talked(3, client, connect(client, (struct sockaddr *)&in, sizeof(in)), &in, IPPROTO_TCP);
    server = accept(listener, (struct sockaddr *)&peer, &len);
    /* a record of the accept has the descriptor that was listened on, and the ends of the one that was made */
    did("did 2 pid=%d ppid=%d uid=%d fd=%d call=5 protocol=6", getpid(), getppid(), (int)getuid(), listener);
    address("dst", peer);
    address("src", end_of(server, getsockname));
    did("\n");
    talked(11, client, send(client, text, 4, 0), NULL, IPPROTO_TCP);
    talked(12, server, recv(server, buffer, 4, 0), NULL, IPPROTO_TCP);
    talked(11, client, sendto(client, text, 4, 0, NULL, 0), NULL, IPPROTO_TCP);
    talked(12, server, recvfrom(server, buffer, 4, 0, NULL, NULL), NULL, IPPROTO_TCP);
    talked(16, client, sendmsg(client, &out, 0), NULL, IPPROTO_TCP);
    talked(17, server, recvmsg(server, &back, 0), NULL, IPPROTO_TCP);
    talked(16, client, sendmmsg(client, &(struct mmsghdr){.msg_hdr = out}, 1, 0), NULL, IPPROTO_TCP);
    moved(0, server, buffer, read(server, buffer, sizeof(buffer)));
    moved(1, server, text, write(server, text, 8));
    moved(0, client, buffer, read(client, buffer, sizeof(buffer)));
    close(server);
    close(client);
    close(listener);
}

static void datagrams(void)
{
    char text[] = "a datagram", buffer[64];
    struct iovec iov = {text, 5}, into = {buffer, sizeof(buffer)};
    struct sockaddr_in in, own, from = {0};
    struct msghdr out = message(&iov, &in), back = message(&into, &from), plain = message(&iov, NULL);
    socklen_t len = sizeof(from);
    int server = bound(SOCK_DGRAM, &in), client = bound(SOCK_DGRAM, &own);

    talked(11, client, sendto(client, text, 4, 0, (struct sockaddr *)&in, sizeof(in)), &in, IPPROTO_UDP);
    talked(12, server, recvfrom(server, buffer, 64, 0, (struct sockaddr *)&from, &len), &own, IPPROTO_UDP);
    talked(16, client, sendmsg(client, &out, 0), &in, IPPROTO_UDP);
    talked(17, server, recvmsg(server, &back, 0), &own, IPPROTO_UDP);
    talked(3, client, connect(client, (struct sockaddr *)&in, sizeof(in)), &in, IPPROTO_UDP);
    talked(11, client, send(client, text, 4, 0), NULL, IPPROTO_UDP);
    talked(16, client, sendmsg(client, &plain, 0), NULL, IPPROTO_UDP);
    close(server);
    close(client);
}

/* A child of another user and another name, which says by the pipe what it did. */
static void child(void)
{
    int data[2], words[2];
    char buffer[64];
    size_t before = said_len;
    ssize_t n;
    pid_t pid;

    if (pipe(data) != 0 || pipe(words) != 0)
        die("pipe");
    moved(1, data[1], "for the child", write(data[1], "for the child", 13));
    before = said_len;
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NAME, "a-child");
        if (setuid(1234) != 0)
            die("setuid");
        moved(0, data[0], buffer, read(data[0], buffer, sizeof(buffer)));
        (void)!write(words[1], said + before, said_len - before);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    n = read(words[0], said + said_len, sizeof(said) - said_len - 1);
    said_len += n > 0 ? (size_t)n : 0;
}

int main(void)
{
    files();
    connections();
    datagrams();
    child();
    int results = open("/dev/ttyS1", O_WRONLY | O_NOCTTY);
    for (size_t at = 0; at < said_len;) {
        ssize_t n = write(results, said + at, said_len - at);

        if (n <= 0)
            die("write");
        at += (size_t)n;
    }
    return 0;
}
