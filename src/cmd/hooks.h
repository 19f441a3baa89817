/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --hook: which functions of the guest to hook, once its kernel is known. */
#ifndef QEBEK_CMD_HOOKS_H
#define QEBEK_CMD_HOOKS_H

#include <glib.h>
#include <stddef.h>

#include "guest/find/find.h"

struct hooks;

/* From the words of the command line; both arrays (char *) must remain. `max`: functions that one of them may name.
 * NULL: *error says what is wrong. */
struct hooks *hooks__new(const GPtrArray *specs, const GPtrArray *expand, size_t max, GError **error);
/* Takes what --hook says into the session, and what that needs into its settings. Returns CMD_OK, or what cmd__usage
 * did. */
struct options;
struct session;
int hooks__open(const struct options *o, struct session *session, struct link_settings *settings);
void hooks__free(struct hooks *hooks);
/*
 * find_options.known, with `hooks` as its data: makes the table of functions of this kernel. What it does not have is
 * said in one line each.
 */
void hooks__known(const struct find_image *image, const struct find_symbols *symbols, void *hooks);
/* find_options.known_nt, the same of an NT kernel, by what its image exports. */
void hooks__known_nt(const struct pe *kernel, void *hooks);
/* The table as a memory file, now the caller's; -1: there is nothing to hook, or no new table since the last time. */
int hooks__take(struct hooks *hooks);

#endif
