/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From options to a `struct show` with its outputs open, and to what the plugin is told to capture for them. */
#ifndef QEBEK_CMD_OUTPUTS_H
#define QEBEK_CMD_OUTPUTS_H

#include <sys/types.h>

#include "cmd/options.h"
#include "show/show.h"
#include "trace/link.h"

/* Opens everything that the options ask for; without any output: text to fallback_fd. NULL: has been said. */
struct show *outputs__open(struct options *o, int fallback_fd);

/*
 * Confine this process to what is open and what these outputs go on to open (one file a thread, rotation). `child`:
 * QEMU, or 0. read_dir: a directory whose files are still to be read, or NULL. With -v it says what could not be had.
 */
void outputs__confine(const struct options *o, pid_t child, const char *read_dir);

/*
 * Fill *settings from the options and what the outputs want. `meta` tells about the machine: "key", "value", …, NULL.
 * Returns CMD_OK, or CMD_USAGE (has been said): more modules or filters than the link carries, no such module file.
 */
int outputs__settings(const struct options *o, const struct show *show, const char *const *meta,
                      struct link_settings *settings);

/*
 * Other filters in the middle of a trace: *settings becomes `base`, with those of `by` and `filters` (the same ones),
 * and with META told of `request`.
 */
void outputs__refilter(const struct options *o, const struct show_options *by, const struct show_filters *filters,
                       const struct link_settings *base, const char *request, struct link_settings *settings);

#endif
