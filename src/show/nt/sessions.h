/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Part of the model: connections that NT's programs accept by way of AFD, for show/sessions.h. */
#ifndef QEBEK_SHOW_NT_SESSIONS_H
#define QEBEK_SHOW_NT_SESSIONS_H

#include "show/sessions.h"

/* A call of NT has ended, or its operation is done; the event tells of it, and of a session that begins by it. */
void nt_sessions__call(struct sessions *sessions, const struct model_call *call, struct model_event *event);

#endif
