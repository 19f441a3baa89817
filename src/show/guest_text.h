/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text of the guest for places where people read it with other tools: exact, and no danger to a terminal. */
#ifndef QEBEK_SHOW_GUEST_TEXT_H
#define QEBEK_SHOW_GUEST_TEXT_H

#include <glib.h>

/*
 * Appends valid UTF-8. Printable characters stay; a backslash is doubled; controls, invisible format characters (which
 * can turn the direction of writing) and bytes that are no UTF-8 become \n, \t, or a backslash and three octal digits
 * for each byte. Different bytes give different text.
 */
void guest_text__append(GString *to, const char *text, size_t len);

#endif
