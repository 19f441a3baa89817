/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --control: a socket through which `qebek ctl` starts, stops and refilters the trace that this process shows. */
#ifndef QEBEK_CMD_CONTROL_H
#define QEBEK_CMD_CONTROL_H

#include "cmd/options.h"
#include "show/show.h"
#include "trace/link.h"

struct control;

/*
 * Listen at o->control. `o`, `show` and `settings` (those of the trace, with which it begins) must outlive it. NULL:
 * has been said.
 */
struct control *control__open(const struct options *o, struct show *show, const struct link_settings *settings);
void control__close(struct control *control); /* NULL is fine */

/*
 * Take a request if there is one. Often, and on the thread that shows records. `send` hands a CONTROL to the plugin: 0
 * or -errno. A client that is slow with its words holds this thread for a tenth of a second at most.
 */
typedef int (*control_send)(void *user, const void *payload, size_t len);
void control__poll(struct control *control, control_send send, void *user);
/* A record is about to be shown: is it the META that says that the request is in force? */
void control__see(struct control *control, const struct qbk_record *rec);

#endif
