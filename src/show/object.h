/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an OBJECT record says, in words. */
#ifndef QEBEK_SHOW_OBJECT_H
#define QEBEK_SHOW_OBJECT_H

#include <glib.h>
#include <stdbool.h>

#include "qebek/record.h"

/* Address families as OBJECT records have them: those of Linux. */
#define OBJECT_INET  2u
#define OBJECT_INET6 10u

/* Is it a socket of one of the two internet families? */
bool object__is_internet(const struct qbk_object *object);
/* Does a byte stream connect it with a peer? */
bool object__is_connected(const struct qbk_object *object);
/* An IPv4 address, also one that is mapped into IPv6: its 4 bytes in network order. NULL: it is none. */
const uint8_t *object__ipv4(const struct qbk_object *object, bool peer);
/*
 * The socket's own end or its peer's: "192.0.2.1:22", "[2001:db8::1]:22". NULL: no internet socket, or that end is not
 * set. Freed by the caller. Only digits, letters, dots, colons and brackets: nothing to escape.
 */
char *object__address(const struct qbk_object *object, bool peer);

#endif
