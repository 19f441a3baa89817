/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU as seen from outside: which one it is, which plugin fits it, and running it. */
#ifndef QEBEK_CMD_QEMU_H
#define QEBEK_CMD_QEMU_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#define QEMU_API_OLDEST 4 /* levels that plugins are built for, if the build had their declarations */
#define QEMU_API_NEWEST 7

struct qemu {
    char *path;    /* of the executable */
    char *version; /* "10.0.2", or NULL if it does not tell */
    char *target;  /* "x86_64", or NULL */
    int api, min;  /* plugin API levels it takes; 0: not known */
    int level;     /* level of the plugin chosen; 0: none */
    char *plugin;  /* its path, or NULL */
    char *problem; /* one line: why this QEMU cannot be traced; NULL: it can */
};

/*
 * Ask `name` (a path, or found through PATH) what it is, by running it twice for a moment. Always fills *qemu; look at
 * qemu->problem.
 */
void qemu__ask(const char *name, struct qemu *qemu);
void qemu__clear(struct qemu *qemu);

/* Path of the plugin for this API level, or NULL: beside this executable, in ../lib/qebek, where it was installed. */
char *qemu__plugin_path(int level);
/* `-plugin` takes commas as separators: doubled ones stand for themselves. */
char *qemu__escape(const char *path);

/* The word in argv that turns TCG, and plugins with it, off ("-enable-kvm", …), or NULL. */
const char *qemu__other_accelerator(char **argv);

/* Does it go into the background (-daemonize)? Then it would outlive whoever waits for it. */
bool qemu__daemonizes(char **argv);

/*
 * Start argv with `fd` inherited under its own number, everything else as it is. Signals that this process ignores for
 * its own sake are set back for the child. Returns the process id, or -errno.
 */
pid_t qemu__spawn(const char *path, char **argv, int fd);

#endif
