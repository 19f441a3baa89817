/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls that were changed, or kept back, between the program and the kernel (QBK_SNIP_RAN). */
#ifndef QEBEK_SHOW_RAN_H
#define QEBEK_SHOW_RAN_H

#include <glib.h>

#include "show/model.h"

/* Appends " [ran NAME(ARGS)]" or " [not run]" where the kernel did not run what was asked for; else nothing. */
void ran__text(GString *to, const struct model_call *call);
/* The same as a JSON key: ,"ran":{"nr":…,"name":…,"args":[…]} or ,"ran":null. */
void ran__json(GString *to, const struct model_call *call);

#endif
