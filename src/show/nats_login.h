/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a server is known, and how it knows us: certificates and credentials. All is read from files when the output is
 * opened: the process that connects may read none of them, and a wrong file is told before the machine starts.
 */
#ifndef QEBEK_SHOW_NATS_LOGIN_H
#define QEBEK_SHOW_NATS_LOGIN_H

#include <glib.h>
#include <nats/nats.h>
#include <stdbool.h>

#include "show/show.h"

/* The texts are owned, NULL where not given. */
struct nats_login {
    bool tls;
    char *host;       /* that the server's certificate must be for */
    char *ca;         /* PEM: who may sign it, instead of the host's own list */
    char *cert, *key; /* PEM: our own */
    char *jwt, *seed; /* of a credentials file */
};

/* 0, or -1 with error: a file cannot be read, or holds something else. What is there is to be cleared in any case. */
int nats_login__load(struct nats_login *login, const struct show_options *options, GError **error);
/* Before each connection. `login` must stay as long as the options and connections made of them. */
natsStatus nats_login__apply(struct nats_login *login, natsOptions *options);
void nats_login__clear(struct nats_login *login);

#endif
