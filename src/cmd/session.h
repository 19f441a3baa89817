/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A live trace: what run and attach share once there is a socket to the plugin. */
#ifndef QEBEK_CMD_SESSION_H
#define QEBEK_CMD_SESSION_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "cmd/control.h"
#include "cmd/hooks.h"
#include "guest/find/find.h"
#include "show/show.h"
#include "trace/link.h"

struct session {
    int sock;          /* connected to the plugin; closed by session__run */
    struct show *show; /* fed, not finished */
    const struct link_settings *settings;
    struct find_options find;
    int hello_ms; /* how long to wait for the plugin's first word; -1: no limit */
    bool quiet;
    struct hooks *hooks;           /* NULL: none */
    struct control *control;       /* NULL: none */
    volatile sig_atomic_t *detach; /* not 0: ask the plugin to stop, then end. NULL: never */
};

enum session_end {
    SESSION_DONE,      /* the plugin said good-bye: everything was read */
    SESSION_CUT,       /* the other side is gone without a word; what it had written was read */
    SESSION_NO_OUTPUT, /* no output is left that works: the machine runs on untraced */
    SESSION_SILENT,    /* the other side was gone before the plugin said anything; nothing has been printed */
    SESSION_UNFIT,     /* the plugin cannot do what the settings ask for: has been said, nothing was traced */
    SESSION_REFUSED    /* the other side is not a plugin of this qebek: has been said */
};

enum session_end session__run(const struct session *session);

#endif
