/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text of the guest for places where people read it with other tools: exact, and no danger to a terminal. */
#ifndef QEBEK_SHOW_GUEST_TEXT_H
#define QEBEK_SHOW_GUEST_TEXT_H

#include <glib.h>
#include <stdbool.h>

/*
 * Is this character seen, and no more than that? Not so: controls, invisible ones (format characters can turn the
 * direction of writing), those that end a line, and numbers that are no characters.
 */
bool guest_text__shows(gunichar c);

/*
 * Appends valid UTF-8. Printable characters stay; a backslash is doubled; controls, what is not
 * seen, and bytes that are no UTF-8 become \n, \t, or a backslash and three octal digits
 * for each byte. Different bytes give different text.
 */
void guest_text__append(GString *to, const char *text, size_t len);

#endif
