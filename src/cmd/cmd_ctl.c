/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qebek ctl: change a live trace that was started with --control. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/options.h"
#include "trace/link.h"

#define REPLY_MS 10000

static const char *const verbs[] = {"start", "stop", "filter"};

static bool is_verb(const char *word)
{
    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (strcmp(verbs[i], word) == 0) {
            return true;
        }
    }
    return false;
}

/* The verb and the options, each with its NUL, behind their head. NULL: too long. */
static GByteArray *pack(const char *verb, char **options, int n)
{
    GByteArray *message = g_byte_array_new();
    struct link_request head = {.argc = (uint32_t)n + 1};

    g_byte_array_append(message, (const guint8 *)&head, sizeof(head));
    g_byte_array_append(message, (const guint8 *)verb, (guint)strlen(verb) + 1);
    for (int i = 0; i < n; i++) {
        g_byte_array_append(message, (const guint8 *)options[i], (guint)strlen(options[i]) + 1);
    }
    head.len = message->len - (uint32_t)sizeof(head);
    memcpy(message->data, &head, sizeof(head));
    if (message->len > LINK_REQUEST_MAX) {
        g_byte_array_free(message, TRUE);
        return NULL;
    }
    return message;
}

static int ask(int sock, const GByteArray *message)
{
    struct link_reply reply;
    enum link_type type;
    int fd = -1, err = link__send(sock, LINK_REQUEST, message->data, message->len, -1);
    long got = err < 0 ? err : link__receive(sock, &type, &reply, sizeof(reply), &fd, REPLY_MS);

    if (fd >= 0) {
        close(fd);
    }
    if (got < 0) {
        return cmd__failed("no answer: %s", g_strerror((int)-got));
    }
    if (got != (long)sizeof(reply) || type != LINK_REPLY || !memchr(reply.text, 0, sizeof(reply.text))) {
        return cmd__failed("the other side is not a qebek of this version");
    }
    return reply.status == CMD_OK      ? CMD_OK
           : reply.status == CMD_USAGE ? cmd__usage("%s", reply.text)
                                       : cmd__failed("%s", reply.text);
}

static int control(const char *path, const char *verb, char **options, int n)
{
    GByteArray *message = pack(verb, options, n);
    int sock, status;

    if (!message) {
        return cmd__usage("too many filters for one request");
    }
    sock = link__connect(path);
    if (sock < 0) {
        status = cmd__usage("%s: %s; is a trace running with \"--control %s\"?", path, g_strerror(-sock), path);
    } else {
        status = ask(sock, message);
        close(sock);
    }
    g_byte_array_free(message, TRUE);
    return status;
}

/* b is as options begin, without numbers. */
static bool same_set(const struct number_set *a, const struct number_set *b)
{
    return !a->numbers && !b->numbers && a->others == b->others;
}

/* -e is more than a filter. */
static bool only_filters(const struct show_options *o)
{
    struct show_options none;
    bool only;

    show_options__init(&none);
    only = same_set(&o->signals, &none.signals) && same_set(&o->dump_reads, &none.dump_reads) &&
           same_set(&o->dump_writes, &none.dump_writes);
    show_options__clear(&none);
    return only;
}

/* Wrong names are told here, and not where the trace is shown. */
static bool filters_are_good(const struct options *o)
{
    g_autoptr(GError) error = NULL;
    struct show *show = show__new(&o->show, &error);

    if (!show) {
        cmd__say("%s", error->message);
        return false;
    }
    show__free(show);
    if (!only_filters(&o->show)) {
        cmd__say("-e signal=, read= and write= cannot be changed while a trace is shown");
        return false;
    }
    return true;
}

int cmd_ctl(const struct cmd *cmd, int argc, char **argv)
{
    struct options o;
    int first, status;

    if (options__parse(cmd, argc, argv, &o, &first) == OPTIONS_EXIT) {
        status = o.status;
    } else if (argc - first != 2 || !is_verb(argv[first + 1])) {
        status = cmd__usage("what to do? \"qebek ctl SOCKET start|stop\" or \"qebek ctl SOCKET filter [options]\"");
    } else if (first > 1 && strcmp(argv[first + 1], "filter") != 0) {
        status = cmd__usage("%s takes no options", argv[first + 1]);
    } else {
        status = filters_are_good(&o) ? control(argv[first], argv[first + 1], argv + 1, first - 1) : CMD_USAGE;
    }
    options__clear(&o);
    return status;
}
