/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which descriptors are sockets of netlink, as calls make and close them: only their messages are taken apart. */
#ifndef QEBEK_SHOW_SOCKETS_H
#define QEBEK_SHOW_SOCKETS_H

#include <stdbool.h>

#include "show/model.h"

struct sockets;

struct sockets *sockets__new(void);
void sockets__free(struct sockets *s);
/* A call of the thread returned. */
void sockets__returned(struct sockets *s, const struct model_call *c);
/* The process ended: what it had open is forgotten. */
void sockets__gone(struct sockets *s, int32_t pid);
/* Is the first argument of this call a socket of netlink? False where nobody saw it made. */
bool sockets__netlink(const struct sockets *s, const struct model_call *c);

#endif
