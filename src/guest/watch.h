/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose code is looked at as it runs (--insns): decides for each thread, when its name or its process
 * changes, and tells each vCPU, when another thread runs there, what of this one is wanted.
 */
#ifndef QEBEK_GUEST_WATCH_H
#define QEBEK_GUEST_WATCH_H

#include "guest/guest.h"

/* Any of enum link_watch_what, that is wanted of anybody. */
uint32_t watch__wanted(const struct link_settings *settings);
/* What is wanted of this thread. */
uint32_t watch__of(const struct link_settings *settings, const struct guest_thread *thread);
/*
 * From here on the vCPU calls back for the blocks of cpu->thread as they run, if they are wanted: after anything that
 * may have changed which thread runs here, or who that is. cpu->watched is what is wanted.
 */
void watch__follow(struct guest_cpu *cpu);

#endif
