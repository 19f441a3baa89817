/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls of hooked functions, as lines for people have them. */
#ifndef QEBEK_SHOW_FUNCTION_TEXT_H
#define QEBEK_SHOW_FUNCTION_TEXT_H

#include <glib.h>

#include "show/function_calls.h"
#include "show/show.h"

/* "vfs_read(0xffff888003b1c000, 0x7f0010)", also of one that has just begun. Everything of the guest's is escaped. */
void function_text__head(GString *to, const struct show_options *o, const struct function_call *call);
/* How it ended: "= 0x340", "= ? <unwound>". */
void function_text__result(GString *to, const struct show_options *o, const struct function_call *call);
/* One that has ended: "vfs_read(0xffff888003b1c000, 0x7f0010) = 0x340". */
void function_text__call(GString *to, const struct show_options *o, const struct function_call *call);

#endif
