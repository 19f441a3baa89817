/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qebek read: a kept trace through the same filters and outputs as a live one. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cmd/chain.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/outputs.h"

#define FOLLOW_US 100000 /* how often a growing trace is looked at */

static volatile sig_atomic_t enough;

static void stop(int signo)
{
    (void)signo;
    enough = 1;
}

/* A following reader ends by a signal, and then properly, with its summaries. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = stop};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* Returns the exit status so far. */
static int show_all(struct chain *chain, struct show *show)
{
    g_autoptr(GError) error = NULL;

    while (!enough) {
        const struct qbk_record *rec = NULL;

        switch (chain__read(chain, &rec, &error)) {
        case TRACE_OK:
            if (show__record(show, rec) == 0) {
                return CMD_FAILED; /* the last output that worked has said why it no longer does */
            }
            break;
        case TRACE_AGAIN:
            show__tick(show);
            g_usleep(FOLLOW_US);
            break;
        case TRACE_END:
            return CMD_OK;
        case TRACE_CUT:
        case TRACE_DAMAGED:
        case TRACE_FAILED:
            return cmd__failed("%s: %s; all before it has been read", chain__name(chain),
                               error ? error->message : "unreadable");
        }
    }
    return CMD_OK;
}

static int read_trace(struct options *o, const char *path)
{
    g_autoptr(GError) error = NULL;
    struct chain *chain = chain__open(path, o->follow, &error);
    struct show *show;
    int status;

    if (!chain) {
        return cmd__failed("%s", error->message);
    }
    o->show.kept = !o->follow;
    show = outputs__open(o, STDOUT_FILENO);
    if (!show) {
        chain__close(chain);
        return CMD_USAGE;
    }
    if (o->follow) {
        catch_signals();
    }
    outputs__confine(o, 0, chain__dir(chain));
    status = show_all(chain, show);
    if (show__finish(show) != 0) {
        status = CMD_FAILED;
    }
    show__free(show);
    chain__close(chain);
    return status;
}

int cmd_read(const struct cmd *cmd, int argc, char **argv)
{
    struct options o;
    int first, status;

    if (options__parse(cmd, argc, argv, &o, &first) == OPTIONS_EXIT) {
        status = o.status;
    } else if (argc - first != 1) {
        status = cmd__usage("which trace? \"qebek read [options] TRACE\", one of them");
    } else {
        status = read_trace(&o, argv[first]);
    }
    options__clear(&o);
    return status;
}
