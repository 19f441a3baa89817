/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plugin's end of the link to the qebek process. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "plugin/plugin.h"

#define HANDSHAKE_MS   10000
#define ANSWER_SECONDS 20
#define NAP_NS         20000000

static uint8_t message[LINK_MESSAGE_MAX]; /* of the link's thread, and of the handshake before it */

/* A new ring for each reader: sequence numbers begin at 1, and nothing of an earlier reader's is left in it. */
static int offer_ring(int *fd)
{
    GError *error = NULL;
    struct ring_set *ring = ring__create(plugin.n_cpus, RING_SIZE_DEFAULT, fd, &error);
    if (!ring) {
        fprintf(stderr, "qebek: no memory for the ring: %s\n", error ? error->message : "?");
        g_clear_error(&error);
        return -ENOMEM;
    }
    plugin.old_ring = plugin.guest.ring; /* freed with the next: a late record may still go there */
    plugin.guest.ring = ring;
    return 0;
}

int link_plugin__handshake(int sock)
{
    struct link_hello hello = {.qemu_api = QEBEK_QEMU_API, .vcpus = plugin.n_cpus, .qemu_pid = getpid()};
    enum link_type type;
    int ring_fd = -1, extra = -1;
    snprintf(hello.target, sizeof(hello.target), "x86_64");
    snprintf(hello.qebek, sizeof(hello.qebek), "%s", QEBEK_VERSION);
    if (plugin.old_ring)
        ring__free(plugin.old_ring);
    plugin.old_ring = NULL;
    int err = offer_ring(&ring_fd);
    if (err)
        return err;
    err = link__send(sock, LINK_HELLO, &hello, sizeof(hello), ring_fd);
    close(ring_fd);
    if (err)
        return err;
    long len = link__receive(sock, &type, message, sizeof(message), &extra, HANDSHAKE_MS);
    if (extra >= 0)
        close(extra);
    if (len < 0)
        return (int)len;
    if (type != LINK_SETTINGS || (size_t)len != sizeof(plugin.incoming))
        return -EPROTO;
    memcpy(&plugin.incoming, message, sizeof(plugin.incoming));
    return plugin.incoming.size == sizeof(plugin.incoming) ? 0 : -EPROTO;
}

bool link_plugin__find(const struct link_find *question, int image)
{
    struct timespec until;
    bool answered = false;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ANSWER_SECONDS;
    pthread_mutex_lock(&plugin.lock);
    plugin.has_answer = false;
    if (plugin.sock >= 0 && link__send(plugin.sock, LINK_FIND, question, sizeof(*question), image) == 0) {
        int err = 0;
        while (!plugin.has_answer && plugin.sock >= 0 && err == 0)
            err = pthread_cond_timedwait(&plugin.answered, &plugin.lock, &until);
        answered = plugin.has_answer;
    }
    pthread_mutex_unlock(&plugin.lock);
    return answered;
}

/* `fd`: the functions to hook, or -1: none. */
static void take_answer(size_t len, int fd)
{
    const struct link_found *found = (const void *)message;
    pthread_mutex_lock(&plugin.lock);
    if (len >= sizeof(*found) && found->epoch == plugin.find_epoch && found->text_len <= sizeof(found->text)) {
        plugin.found = *found;
        if (found->os == LINK_OS_LINUX && found->layout_len == sizeof(plugin.layout) &&
            len == sizeof(*found) + sizeof(plugin.layout))
            memcpy(&plugin.layout, message + sizeof(*found), sizeof(plugin.layout));
        else if (found->os == LINK_OS_NT && found->layout_len == sizeof(plugin.nt) &&
                 len == sizeof(*found) + sizeof(plugin.nt))
            memcpy(&plugin.nt, message + sizeof(*found), sizeof(plugin.nt));
        else
            plugin.found.os = LINK_OS_UNKNOWN;
        functions__clear(&plugin.functions);
        if (fd >= 0)
            (void)functions__read(fd, &plugin.functions); /* what is wrong with it leaves it empty */
        plugin.has_answer = true;
        pthread_cond_broadcast(&plugin.answered);
    }
    pthread_mutex_unlock(&plugin.lock);
}

static void want(enum plugin_want what)
{
    __atomic_or_fetch(&plugin.want, (unsigned)what, __ATOMIC_ACQ_REL);
    vm__call_attention();
}

static void take_settings(const struct link_control *control, size_t len)
{
    struct link_settings *settings = &plugin.incoming;
    if (control->len != sizeof(*settings) || len != sizeof(*control) + sizeof(*settings))
        return;
    pthread_mutex_lock(&plugin.lock); /* the settings before these may just be taken over */
    memcpy(settings, control + 1, sizeof(*settings));
    pthread_mutex_unlock(&plugin.lock);
    want(WANT_SETTINGS);
}

static void take_control(size_t len)
{
    const struct link_control *control = (const void *)message;
    if (len < sizeof(*control))
        return;
    if (control->verb == LINK_CONTROL_STOP)
        want(WANT_STOP);
    else if (control->verb == LINK_CONTROL_START)
        want(WANT_START);
    else if (control->verb == LINK_CONTROL_END)
        want(WANT_END);
    else if (control->verb == LINK_CONTROL_SETTINGS)
        take_settings(control, len);
}

static void reader_gone(void)
{
    ring__reader_dead(plugin.guest.ring);
    pthread_mutex_lock(&plugin.lock);
    close(plugin.sock);
    plugin.sock = -1;
    pthread_cond_broadcast(&plugin.answered);
    pthread_mutex_unlock(&plugin.lock);
    want(WANT_END); /* the machine runs on without cost */
}

/* One reader at a time: who comes meanwhile is sent away at once, and told so by the silence. */
static void send_away(void)
{
    int sock = accept4(plugin.listener, NULL, NULL, SOCK_CLOEXEC);
    if (sock >= 0)
        close(sock);
}

/* Until the reader says something or is gone. */
static void wait_for_reader(void)
{
    struct pollfd p[2] = {{.fd = plugin.sock, .events = POLLIN}, {.fd = plugin.listener, .events = POLLIN}};
    for (;;) {
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return;
        if (p[0].revents) /* first: if this reader is gone, the one who comes is the next */
            return;
        if (p[1].revents & POLLIN)
            send_away();
    }
}

/* Until the reader goes away. */
static void serve_reader(void)
{
    for (;;) {
        enum link_type type;
        int extra = -1;
        wait_for_reader();
        long len = link__receive(plugin.sock, &type, message, sizeof(message), &extra, -1);
        if (len >= 0 && type == LINK_FOUND)
            take_answer((size_t)len, extra);
        else if (len >= 0 && type == LINK_CONTROL)
            take_control((size_t)len);
        if (extra >= 0)
            close(extra);
        if (len < 0)
            break;
    }
    reader_gone();
}

static void nap(void)
{
    struct timespec ts = {0, NAP_NS};
    nanosleep(&ts, NULL);
}

static void serve_listener(void)
{
    for (;;) {
        int sock = accept4(plugin.listener, NULL, NULL, SOCK_CLOEXEC);
        if (sock < 0) {
            if (errno != EINTR && errno != ECONNABORTED)
                nap();
            continue;
        }
        while (__atomic_load_n(&plugin.in_session, __ATOMIC_ACQUIRE) ||
               __atomic_load_n(&plugin.want, __ATOMIC_ACQUIRE) != WANT_NOTHING)
            nap(); /* an earlier session is still being ended */
        if (link_plugin__handshake(sock) != 0) {
            close(sock);
            continue;
        }
        plugin.sock = sock;
        if (plugin.blind)
            (void)link_plugin__refuse(PLUGIN_BLIND);
        else
            want(WANT_BEGIN);
        serve_reader();
    }
}

static void *serve(void *unused)
{
    (void)unused;
    if (plugin.sock >= 0)
        serve_reader();
    if (plugin.listener >= 0)
        serve_listener();
    return NULL;
}

void link_plugin__serve(void)
{
    if (__atomic_exchange_n(&plugin.thread_started, true, __ATOMIC_ACQ_REL))
        return;
    if (pthread_create(&plugin.thread, NULL, serve, NULL) == 0)
        pthread_detach(plugin.thread);
}

void link_plugin__done(void)
{
    pthread_mutex_lock(&plugin.lock);
    if (plugin.sock >= 0)
        (void)link__send(plugin.sock, LINK_DONE, NULL, 0, -1); /* the end of the socket says the same */
    pthread_mutex_unlock(&plugin.lock);
}

bool link_plugin__refuse(const char *why)
{
    pthread_mutex_lock(&plugin.lock);
    bool told = plugin.sock >= 0 && link__send(plugin.sock, LINK_REFUSED, why, strnlen(why, LINK_REFUSED_MAX), -1) == 0;
    pthread_mutex_unlock(&plugin.lock);
    return told;
}

int link_plugin__listen(const char *path)
{
    int sock = link__listen(path);
    if (sock < 0)
        return sock;
    plugin.listener = sock;
    plugin.path = realpath(path, NULL); /* QEMU may change its directory; without memory the name just stays */
    return 0;
}

void link_plugin__unlisten(void)
{
    if (plugin.path)
        (void)unlink(plugin.path);
}
