/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The entry of the command: finds the sub-command and runs it. */
#include "cmd/cmd.h"

#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct cmd commands[] = {
    {"run", CMD_RUN, "[--] qemu-system-x86_64 ARGUMENT...", "start this machine and trace it", cmd_run},
    {"read", CMD_READ, "TRACE", "show a kept trace", cmd_read},
    {"check", CMD_CHECK, "TRACE", "prove the invariants on a kept trace", cmd_check},
    {"list", CMD_LIST, "syscalls|classes|outputs|...", "what can be named in options", cmd_list},
    {"doctor", CMD_DOCTOR, "[QEMU | TRACE]", "is this host fit to trace machines?", cmd_doctor},
    {"plugin", CMD_PLUGIN, "[QEMU]", "print the -plugin argument for a machine started elsewhere", cmd_plugin},
    {"ctl", CMD_CTL, "SOCKET start|stop|filter", "start, stop or refilter a live trace", cmd_ctl},
    {"attach", CMD_ATTACH, "SOCKET", "trace a machine that was started with that argument", cmd_attach},
};

static void say(const char *format, va_list ap)
{
    g_autofree char *raw = g_strdup_vprintf(format, ap);

    for (char *p = raw; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            *p = '?';
        }
    }
    fprintf(stderr, "qebek: %s\n", raw);
}

void cmd__say(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    say(format, ap);
    va_end(ap);
}

int cmd__usage(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    say(format, ap);
    va_end(ap);
    return CMD_USAGE;
}

int cmd__failed(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    say(format, ap);
    va_end(ap);
    return CMD_FAILED;
}

static sigset_t ignored_for_us;

/* An output that is a closed pipe, or a file that may grow no more, is an error like any other, not a death. */
static void ignore_signals(void)
{
    static const int signals[] = {SIGPIPE, SIGXFSZ};

    sigemptyset(&ignored_for_us);
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        struct sigaction old;

        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
            sigaddset(&ignored_for_us, signals[i]);
            signal(signals[i], SIG_IGN);
        }
    }
}

const sigset_t *cmd__ignored(void)
{
    return &ignored_for_us;
}

static void print_help(void)
{
    printf("qebek shows every system call of a virtual machine, entry and return, from outside it.\n\n");
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        printf("  qebek %-7s %-36s %s\n", commands[i].name, commands[i].operands, commands[i].help);
    }
    printf("  qebek --version\n\n\"qebek COMMAND --help\" tells the options of each; the manual page, qebek(1), the "
           "rest.\n");
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    setlocale(LC_CTYPE, "");
    ignore_signals();
    if (!name) {
        print_help();
        return CMD_USAGE;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            int status = commands[i].main(&commands[i], argc - 1, argv + 1);

            if (fflush(stdout) != 0 && status == CMD_OK) {
                status = cmd__failed("standard output: %s", g_strerror(errno));
            }
            return status;
        }
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help();
        return CMD_OK;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        printf("qebek %s\n", QEBEK_VERSION);
        return CMD_OK;
    }
    return cmd__usage("there is no command \"%s\"; \"qebek --help\" lists them", name);
}
