/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Direct system calls of NT: those that neither ntdll nor win32u made (QBK_SNIP_ORIGIN). */
#ifndef QEBEK_SHOW_NT_ORIGIN_H
#define QEBEK_SHOW_NT_ORIGIN_H

#include <glib.h>

#include "show/model.h"

/* Appends " [direct, from NAME at 0x…]" or " [direct, from no image at 0x…]" to such a call; else nothing. */
void origin__text(GString *to, const struct model_call *call);
/* The same as JSON keys: ,"direct":true,"from":… and, where it is known, ,"module":"…". */
void origin__json(GString *to, const struct model_call *call);

#endif
