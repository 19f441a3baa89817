/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that sends: takes items out of the spool and has the server acknowledge each. */
#ifndef QEBEK_SHOW_NATS_SEND_H
#define QEBEK_SHOW_NATS_SEND_H

#include <glib.h>

#include "show/nats_login.h"
#include "show/nats_spool.h"

struct nats_target {
    char *url;       /* nats://HOST:PORT or tls://HOST:PORT, as the library takes it */
    char *shown;     /* the same without a password */
    char *subject;   /* where messages go */
    unsigned wait_s; /* how long to go on without a server when nothing more will be put in */
    struct nats_login login;
};

/*
 * The whole life of the child: until the spool is closing and empty, or its time is up. What goes wrong is told on
 * standard error, once for each time that it begins.
 */
void nats_send__run(struct spool *spool, struct nats_target *target);

#endif
