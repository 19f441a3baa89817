/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: what the sub-commands share. */
#ifndef QEBEK_CMD_CMD_H
#define QEBEK_CMD_CMD_H

#include <glib.h>
#include <signal.h>
#include <stdbool.h>

/* Exit statuses of qebek itself; `run` otherwise passes QEMU's own on. */
#define CMD_OK     0
#define CMD_FAILED 1 /* the work was begun and something went wrong: see the message */
#define CMD_USAGE  2 /* nothing was begun: options, files, QEMU or plugin are not what they must be */

/* One bit for each sub-command: which options it takes, see options.c. */
enum cmd_bit {
    CMD_RUN = 1u << 0,
    CMD_READ = 1u << 1,
    CMD_CHECK = 1u << 2,
    CMD_LIST = 1u << 3,
    CMD_DOCTOR = 1u << 4,
    CMD_PLUGIN = 1u << 5,
    CMD_ATTACH = 1u << 6,
    CMD_CTL = 1u << 7,
    CMD_LIVE = CMD_RUN | CMD_ATTACH,
    CMD_SHOWS = CMD_LIVE | CMD_READ,
    CMD_FILTERS = CMD_SHOWS | CMD_CTL
};

struct cmd {
    const char *name;
    enum cmd_bit bit;
    const char *operands;                                      /* as in the usage line */
    const char *help;                                          /* one line */
    int (*main)(const struct cmd *cmd, int argc, char **argv); /* argv[0]: the sub-command; returns the exit status */
};

int cmd_run(const struct cmd *cmd, int argc, char **argv);
int cmd_read(const struct cmd *cmd, int argc, char **argv);
int cmd_check(const struct cmd *cmd, int argc, char **argv);
int cmd_list(const struct cmd *cmd, int argc, char **argv);
int cmd_doctor(const struct cmd *cmd, int argc, char **argv);
int cmd_plugin(const struct cmd *cmd, int argc, char **argv);
int cmd_ctl(const struct cmd *cmd, int argc, char **argv);
int cmd_attach(const struct cmd *cmd, int argc, char **argv);

/* One line on standard error, "qebek: …"; control characters (names may be anybody's) are made harmless. */
void cmd__say(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* The same for what went wrong; returns CMD_USAGE resp. CMD_FAILED, so that it can be returned at once. */
int cmd__usage(const char *format, ...) G_GNUC_PRINTF(1, 2);
int cmd__failed(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Signals that this process ignores for its own sake: a child must get them back as they were. */
const sigset_t *cmd__ignored(void);

#endif
