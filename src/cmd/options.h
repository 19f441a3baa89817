/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of all sub-commands: one table, in strace's spelling where strace has the thing. */
#ifndef QEBEK_CMD_OPTIONS_H
#define QEBEK_CMD_OPTIONS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "cmd/cmd.h"
#include "show/show.h"

struct options {
    struct show_options show;
    GPtrArray *outputs;                         /* char *: KIND[:WHERE] */
    GPtrArray *modules;                         /* char *: PATH[=ARGUMENTS] as given */
    GPtrArray *hooks;                           /* char *: --hook as given */
    GPtrArray *hook_expand;                     /* char *: --hook-expand as given */
    uint32_t hook_max;                          /* functions that one of them may name */
    GPtrArray *strings;                         /* owns whatever of the above is not part of argv */
    const char *btf_file, *map_file, *isf_file; /* --profile */
    uint32_t flags;                             /* enum link_flags */
    uint32_t stall_ms;
    uint32_t capture;      /* --capture, bytes; 0: not given */
    const char *text_file; /* -o */
    const char *socket;    /* --socket of plugin */
    const char *control;   /* --control */
    unsigned forks;        /* -f; -ff: one file a thread */
    bool follow, quiet, json;
    int status; /* with OPTIONS_EXIT: the exit status */
};

enum options_next { OPTIONS_GO, OPTIONS_EXIT };

/*
 * Read argv (argv[0] is the sub-command) into *o, which is initialised here. On OPTIONS_GO *operands is the index of
 * the first operand. On OPTIONS_EXIT everything has been said (help, or one line about what is wrong): exit with
 * o->status.
 */
enum options_next options__parse(const struct cmd *cmd, int argc, char **argv, struct options *o, int *operands);
void options__clear(struct options *o);

/* "10", "4k", "2M", "1G": false if it is not such a number, or above max. */
bool options__size(const char *text, uint64_t max, uint64_t *value);

#endif
