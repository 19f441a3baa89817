// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages of the link: whole, in pieces, too long, nonsense, with descriptors, and when the other end goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "trace/link.h"

static unsigned open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void make_pair(int sock[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock), 0);
}

static void test_message(void **state)
{
    int sock[2];
    int fd = 77;
    char buf[64];
    enum link_type type = LINK_DONE;

    (void)state;
    make_pair(sock);
    assert_int_equal(link__send(sock[0], LINK_FIND, "hello", 5, -1), 0);
    assert_int_equal(link__send(sock[0], LINK_DONE, NULL, 0, -1), 0);
    assert_int_equal(link__receive(sock[1], &type, buf, sizeof(buf), &fd, 1000), 5);
    assert_int_equal(type, LINK_FIND);
    assert_memory_equal(buf, "hello", 5);
    assert_int_equal(fd, -1);
    assert_int_equal(link__receive(sock[1], &type, buf, sizeof(buf), &fd, 1000), 0);
    assert_int_equal(type, LINK_DONE);
    assert_int_equal(link__receive(sock[1], &type, buf, sizeof(buf), &fd, 20), -ETIMEDOUT);
    close(sock[0]);
    assert_int_equal(link__receive(sock[1], &type, buf, sizeof(buf), &fd, 1000), -EPIPE);
    close(sock[1]);
}

static void test_descriptor(void **state)
{
    int sock[2];
    int pipes[2];
    int fd = -1;
    char buf[8];
    enum link_type type;

    (void)state;
    make_pair(sock);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(link__send(sock[0], LINK_HELLO, "x", 1, pipes[1]), 0);
    assert_int_equal(link__receive(sock[1], &type, buf, sizeof(buf), &fd, 1000), 1);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(write(fd, "y", 1), 1);
    assert_int_equal(read(pipes[0], buf, 1), 1);
    assert_int_equal(buf[0], 'y');
    close(fd);
    close(pipes[0]);
    close(pipes[1]);
    close(sock[0]);
    close(sock[1]);
}

struct sender {
    int sock;
    const char *bytes;
    size_t len;
    int result;
};

static void *send_large(void *arg)
{
    struct sender *s = arg;

    s->result = link__send(s->sock, LINK_FOUND, s->bytes, s->len, -1);
    return NULL;
}

/* Longer than what the socket holds: comes in many pieces. */
static void test_large(void **state)
{
    int sock[2];
    int fd;
    int small = 4096;
    enum link_type type;
    char *out = malloc(LINK_MESSAGE_MAX + 1);
    char *in = malloc(LINK_MESSAGE_MAX);
    pthread_t thread;
    struct sender s = {.bytes = out, .len = LINK_MESSAGE_MAX};

    (void)state;
    make_pair(sock);
    setsockopt(sock[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    s.sock = sock[0];
    for (size_t i = 0; i <= LINK_MESSAGE_MAX; i++)
        out[i] = (char)(i * 31 >> 3);
    assert_int_equal(pthread_create(&thread, NULL, send_large, &s), 0);
    assert_int_equal(link__receive(sock[1], &type, in, LINK_MESSAGE_MAX, &fd, 10000), LINK_MESSAGE_MAX);
    pthread_join(thread, NULL);
    assert_int_equal(s.result, 0);
    assert_memory_equal(in, out, LINK_MESSAGE_MAX);
    assert_int_equal(link__send(sock[0], LINK_FOUND, out, LINK_MESSAGE_MAX + 1, -1), -EMSGSIZE);
    free(in);
    free(out);
    close(sock[0]);
    close(sock[1]);
}

static void test_nonsense(void **state)
{
    static const struct link_header bad[] = {
        {LINK_MAGIC + 1, LINK_VERSION, LINK_HELLO, 0, 0},
        {LINK_MAGIC, LINK_VERSION + 1, LINK_HELLO, 0, 0},
        {LINK_MAGIC, LINK_VERSION, 0, 0, 0},
        {LINK_MAGIC, LINK_VERSION, LINK_REPLY + 1, 0, 0},
        {LINK_MAGIC, LINK_VERSION, LINK_HELLO, LINK_MESSAGE_MAX + 1, 0},
        {LINK_MAGIC, LINK_VERSION, LINK_HELLO, 9, 0}, /* longer than the receiver's buffer */
        {LINK_MAGIC, LINK_VERSION, LINK_HELLO, UINT32_MAX, 0},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int sock[2];
        int fd;
        char buf[8];
        enum link_type type;

        make_pair(sock);
        assert_int_equal(write(sock[0], &bad[i], sizeof(bad[i])), sizeof(bad[i]));
        assert_int_equal(link__receive(sock[1], &type, buf, sizeof(buf), &fd, 1000), -EPROTO);
        assert_int_equal(fd, -1);
        close(sock[0]);
        close(sock[1]);
    }
}

/* The other end goes in the middle of each byte of a message. */
static void test_cut(void **state)
{
    struct link_header h = {LINK_MAGIC, LINK_VERSION, LINK_HELLO, 8, 0};
    char whole[sizeof(h) + 8] = {0};

    (void)state;
    memcpy(whole, &h, sizeof(h));
    for (size_t len = 0; len < sizeof(whole); len++) {
        int sock[2];
        int fd;
        char buf[8];
        enum link_type type;

        make_pair(sock);
        assert_int_equal(write(sock[0], whole, len), len);
        if (len % 5 == 0) {
            /* … or just stops there */
            assert_int_equal(link__receive(sock[1], &type, buf, sizeof(buf), &fd, 2), -ETIMEDOUT);
            close(sock[0]);
        } else {
            close(sock[0]);
            assert_int_equal(link__receive(sock[1], &type, buf, sizeof(buf), &fd, 1000), -EPIPE);
        }
        close(sock[1]);
    }
}

static void test_send_to_nobody(void **state)
{
    int sock[2];

    (void)state;
    make_pair(sock);
    close(sock[1]);
    assert_int_equal(link__send(sock[0], LINK_DONE, "x", 1, -1), -EPIPE); /* and no SIGPIPE */
    close(sock[0]);
}

static void send_many(int sock, struct link_header *h, const int *fds, size_t n)
{
    char control[CMSG_SPACE(sizeof(int) * 16)] = {0};
    struct iovec iov = {h, sizeof(*h)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};
    struct cmsghdr *c;

    msg.msg_controllen = CMSG_SPACE(sizeof(int) * n);
    c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * n);
    memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
    assert_int_equal(sendmsg(sock, &msg, 0), sizeof(*h));
}

/* Descriptors that nobody asked for do not stay open here. */
static void test_descriptor_flood(void **state)
{
    struct link_header good = {LINK_MAGIC, LINK_VERSION, LINK_DONE, 0, 0};
    struct link_header bad = {LINK_MAGIC, LINK_VERSION, 99, 0, 0};
    int fds[16] = {0};
    int sock[2];
    int fd;
    char buf[8];
    enum link_type type;
    unsigned before;

    (void)state;
    make_pair(sock);
    before = open_descriptors();
    send_many(sock[0], &good, fds, 16);
    assert_int_equal(link__receive(sock[1], &type, buf, sizeof(buf), &fd, 1000), 0);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(open_descriptors(), before);
    send_many(sock[0], &bad, fds, 1);
    assert_int_equal(link__receive(sock[1], &type, buf, sizeof(buf), &fd, 1000), -EPROTO);
    assert_int_equal(open_descriptors(), before);
    close(sock[0]);
    close(sock[1]);
}

static void on_alarm(int signo)
{
    (void)signo;
}

/* Signals in the middle of waiting are no errors. */
static void test_interrupted(void **state)
{
    struct sigaction sa = {.sa_handler = on_alarm};
    struct itimerval every = {{0, 2000}, {0, 2000}};
    struct itimerval never = {{0, 0}, {0, 0}};
    int sock[2];
    int fd;
    char buf[8];
    enum link_type type;

    (void)state;
    make_pair(sock);
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    assert_int_equal(link__receive(sock[1], &type, buf, sizeof(buf), &fd, 50), -ETIMEDOUT);
    setitimer(ITIMER_REAL, &never, NULL);
    close(sock[0]);
    close(sock[1]);
}

/* Nothing that is there is taken away, save a socket that nobody listens on. */
static void test_listen(void **state)
{
    char dir[] = "/tmp/qebek-link-XXXXXX";
    char path[64];
    char too_long[200];
    struct stat st;
    int sock;
    int client;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/socket", dir);
    assert_int_equal(link__connect(path), -ENOENT);
    sock = link__listen(path);
    assert_true(sock >= 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    client = link__connect(path);
    assert_true(client >= 0);
    close(client);
    assert_int_equal(link__listen(path), -EADDRINUSE);
    close(sock);
    assert_int_equal(link__connect(path), -ECONNREFUSED);
    sock = link__listen(path); /* the stale one is replaced */
    assert_true(sock >= 0);
    close(sock);
    assert_int_equal(unlink(path), 0);
    sock = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(sock >= 0);
    close(sock);
    assert_int_equal(link__listen(path), -EEXIST);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    memset(too_long, 'x', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';
    assert_int_equal(link__listen(too_long), -ENAMETOOLONG);
    assert_int_equal(link__listen(""), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_descriptor),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_send_to_nobody),
        cmocka_unit_test(test_descriptor_flood),
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_listen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
