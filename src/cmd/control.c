/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One request at a time. It goes to the plugin, which answers in the trace itself: the META record that tells of the
 * change comes exactly where the change does, and so other filters of this process begin there, too.
 */
#include "cmd/control.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/outputs.h"
#include "trace/record.h"

#define WORDS_MS   100     /* for a client to say what it wants */
#define FORCE_US   5000000 /* for the machine to come by; then the client hears that it did not */
#define WORDS_MAX  256u
#define ASKED_TEXT "not done yet: the machine does not run at the moment; it will be done as soon as it does"

struct control {
    const struct options *o;
    struct show *show;
    const struct link_settings *settings;
    int listener;
    struct stat socket;          /* its name in the file system, which may be another's by the end */
    int client;                  /* waits for its answer, or -1 */
    bool waiting;                /* for the META */
    gint64 deadline;             /* of the client's patience */
    struct show_filters *filter; /* to be adopted with the META, or NULL */
    GPtrArray *requests;         /* struct request *: filters in force borrow from them */
};

/* The words of a request, and what they mean. */
struct request {
    uint8_t *words;
    bool parsed;
    struct options options;
};

static void request_free(gpointer p)
{
    struct request *r = p;

    if (r->parsed) {
        options__clear(&r->options);
    }
    g_free(r->words);
    g_free(r);
}

struct control *control__open(const struct options *o, struct show *show, const struct link_settings *settings)
{
    int listener = link__listen(o->control);
    struct control *c;

    if (listener < 0 || fcntl(listener, F_SETFL, O_NONBLOCK) < 0) {
        int err = listener < 0 ? -listener : errno;

        cmd__say("--control: %s: %s", o->control, err == EADDRINUSE ? "another trace listens there" : g_strerror(err));
        if (listener >= 0) {
            close(listener);
        }
        return NULL;
    }
    c = g_new0(struct control, 1);
    c->o = o;
    c->show = show;
    c->settings = settings;
    c->listener = listener;
    (void)lstat(o->control, &c->socket);
    c->client = -1;
    c->requests = g_ptr_array_new_with_free_func(request_free);
    return c;
}

static void G_GNUC_PRINTF(3, 4) reply(struct control *c, int status, const char *format, ...)
{
    struct link_reply answer = {.status = status};
    va_list ap;

    if (c->client < 0) {
        return;
    }
    va_start(ap, format);
    (void)g_vsnprintf(answer.text, sizeof(answer.text), format, ap);
    va_end(ap);
    (void)link__send(c->client, LINK_REPLY, &answer, sizeof(answer), -1); /* it may have gone away */
    close(c->client);
    c->client = -1;
}

/* A host without Landlock does not let a confined process do it: then the next trace that wants the name does. */
static void remove_socket(const struct control *c)
{
    struct stat now;

    if (lstat(c->o->control, &now) == 0 && now.st_dev == c->socket.st_dev && now.st_ino == c->socket.st_ino) {
        (void)unlink(c->o->control);
    }
}

void control__close(struct control *c)
{
    if (!c) {
        return;
    }
    reply(c, CMD_FAILED, "the trace ended before that was done");
    close(c->listener);
    remove_socket(c);
    g_ptr_array_free(c->requests, TRUE);
    g_free(c);
}

static void ask_plugin(struct control *c, control_send send, void *user, const void *payload, size_t len)
{
    int err = send(user, payload, len);

    if (err < 0) {
        reply(c, CMD_FAILED, "the machine cannot be asked: %s", g_strerror(-err));
        return;
    }
    c->waiting = true;
    c->deadline = g_get_monotonic_time() + FORCE_US;
}

static void ask_plain(struct control *c, enum link_control_verb verb, control_send send, void *user)
{
    struct link_control control = {.verb = verb};

    ask_plugin(c, send, user, &control, sizeof(control));
}

/* "filter -e trace=open": for the trace, so that its reader knows why calls are missing from there on. */
static char *request_text(char **argv)
{
    g_autofree char *text = g_strjoinv(" ", argv);

    return g_utf8_make_valid(text, -1);
}

static void ask_filter(struct control *c, struct request *r, int argc, char **argv, control_send send, void *user)
{
    static const struct cmd ctl = {.name = "ctl", .bit = CMD_CTL};
    g_autoptr(GError) error = NULL;
    g_autofree char *text = request_text(argv);
    struct {
        struct link_control control;
        struct link_settings settings;
    } * message;
    int first;

    r->parsed = true;
    if (options__parse(&ctl, argc, argv, &r->options, &first) != OPTIONS_GO || first != argc) {
        reply(c, CMD_USAGE, "these are not options of a filter");
        return;
    }
    c->filter = show__filters_new(c->show, &r->options.show, &error);
    if (!c->filter) {
        reply(c, CMD_USAGE, "%s", error->message);
        return;
    }
    message = g_malloc0(sizeof(*message));
    message->control.verb = LINK_CONTROL_SETTINGS;
    message->control.len = sizeof(message->settings);
    outputs__refilter(c->o, &r->options.show, c->filter, c->settings, text, &message->settings);
    ask_plugin(c, send, user, message, sizeof(*message));
    g_free(message);
    if (!c->waiting) {
        c->filter = NULL;
    }
}

/* argv from the words, which end with NUL each. False: they are not as they should be. */
static bool split(uint8_t *words, size_t len, uint32_t argc, char **argv)
{
    size_t at = 0;

    if (argc == 0 || argc > WORDS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < argc; i++) {
        const uint8_t *end = at < len ? memchr(words + at, 0, len - at) : NULL;

        if (!end) {
            return false;
        }
        argv[i] = (char *)words + at;
        at = (size_t)(end - words) + 1;
    }
    argv[argc] = NULL;
    return at == len;
}

static void take_request(struct control *c, struct request *r, size_t len, control_send send, void *user)
{
    struct link_request head;
    char *argv[WORDS_MAX + 1];

    memcpy(&head, r->words, MIN(len, sizeof(head)));
    if (len < sizeof(head) || head.len != len - sizeof(head) ||
        !split(r->words + sizeof(head), head.len, head.argc, argv)) {
        reply(c, CMD_FAILED, "that is not a request of this qebek's");
    } else if (strcmp(argv[0], "start") == 0 && head.argc == 1) {
        ask_plain(c, LINK_CONTROL_START, send, user);
    } else if (strcmp(argv[0], "stop") == 0 && head.argc == 1) {
        ask_plain(c, LINK_CONTROL_STOP, send, user);
    } else if (strcmp(argv[0], "filter") == 0) {
        ask_filter(c, r, (int)head.argc, argv, send, user);
    } else {
        reply(c, CMD_USAGE, "it is one of start, stop and filter");
    }
}

static void serve_client(struct control *c, control_send send, void *user)
{
    struct request *r = g_new0(struct request, 1);
    enum link_type type;
    int fd = -1;
    long len;

    r->words = g_malloc0(LINK_REQUEST_MAX);
    g_ptr_array_add(c->requests, r);
    len = link__receive(c->client, &type, r->words, LINK_REQUEST_MAX, &fd, WORDS_MS);
    if (fd >= 0) {
        close(fd);
    }
    if (len < 0 || type != LINK_REQUEST) {
        reply(c, CMD_FAILED, "that is not a request of this qebek's");
    } else if (c->waiting) {
        reply(c, CMD_FAILED, "an earlier request is not done yet: the machine does not run at the moment");
    } else {
        take_request(c, r, (size_t)len, send, user);
    }
    if (!c->waiting || !c->filter) { /* nothing borrows from it */
        g_ptr_array_remove(c->requests, r);
    }
}

void control__poll(struct control *c, control_send send, void *user)
{
    int client;

    if (c->client >= 0 && g_get_monotonic_time() > c->deadline) {
        reply(c, CMD_FAILED, ASKED_TEXT);
    }
    if (c->client >= 0) {
        return;
    }
    client = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) {
        return; /* nobody, or somebody who has gone again */
    }
    c->client = client;
    serve_client(c, send, user);
}

void control__see(struct control *c, const struct qbk_record *rec)
{
    if (!c->waiting || rec->type != QBK_META || !record__text_get((const struct qbk_text *)rec, LINK_META_CONTROL)) {
        return;
    }
    c->waiting = false;
    if (c->filter) {
        show__adopt(c->show, c->filter);
        c->filter = NULL;
    }
    reply(c, CMD_OK, "%s", "");
}
