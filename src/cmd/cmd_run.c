/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qebek run: start a machine as the user would, with the plugin in it, and show what it does until it ends. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/outputs.h"
#include "cmd/qemu.h"
#include "cmd/session.h"

static volatile sig_atomic_t child;

/*
 * What somebody sends to qebek is meant for the machine. The terminal sends its signals to the whole group by itself,
 * QEMU included, and those are not passed on a second time.
 */
static void pass_on(int signo, siginfo_t *info, void *context)
{
    int saved = errno;

    (void)context;
    if (child > 0 && info->si_code != SI_KERNEL) {
        kill((pid_t)child, signo);
    }
    errno = saved;
}

static void catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};

    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        struct sigaction old;

        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) { /* nohup stays nohup */
            sigaction(signals[i], &action, NULL);
        }
    }
}

/* The user's command with our -plugin behind it. */
static char **command_with_plugin(char **argv, const struct qemu *qemu, int fd)
{
    g_autofree char *escaped = qemu__escape(qemu->plugin);
    GPtrArray *command = g_ptr_array_new_with_free_func(g_free);

    for (char **arg = argv; *arg; arg++) {
        g_ptr_array_add(command, g_strdup(*arg));
    }
    g_ptr_array_add(command, g_strdup("-plugin"));
    g_ptr_array_add(command, g_strdup_printf("file=%s,fd=%d", escaped, fd));
    g_ptr_array_add(command, NULL);
    return (char **)g_ptr_array_free(command, FALSE);
}

/* QEMU's wait status. The number may be another process's as soon as it is reaped: forget it before. */
static int wait_for_child(pid_t pid)
{
    siginfo_t info;
    int status = 0;

    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
    }
    child = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* What the way the trace ended means for our own exit status, where QEMU's is 0. */
static int judge(enum session_end end, int shown, int qemu_status, const struct options *o)
{
    if (end == SESSION_SILENT && qemu_status == 0) {
        return cmd__failed("nothing was traced: QEMU ended before it loaded the plugin");
    }
    if (end == SESSION_CUT && !o->quiet) {
        cmd__say("QEMU ended without the plugin's last words: the trace ends where it was cut off");
    }
    if (end == SESSION_UNFIT) {
        return CMD_USAGE;
    }
    if (qemu_status != 0) {
        return qemu_status;
    }
    return shown != 0 || end == SESSION_REFUSED || end == SESSION_CUT ? CMD_FAILED : CMD_OK;
}

/* With `session` filled but for the socket: start QEMU, show what comes, and wait for its end. */
static int trace(struct options *o, struct session *session, const struct qemu *qemu, char **argv)
{
    g_auto(GStrv) command = NULL;
    enum session_end end;
    int sockets[2], shown;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0) {
        return cmd__usage("no socket for the plugin: %s", g_strerror(errno));
    }
    command = command_with_plugin(argv, qemu, sockets[1]);
    catch_signals();
    pid = qemu__spawn(qemu->path, command, sockets[1]);
    close(sockets[1]);
    if (pid < 0) {
        close(sockets[0]);
        return cmd__usage("%s cannot be started: %s", qemu->path, g_strerror(-pid));
    }
    child = pid;
    session->sock = sockets[0];
    outputs__confine(o, pid, NULL);
    end = session__run(session);
    shown = show__finish(session->show);
    return judge(end, shown, wait_for_child(pid), o);
}

static int set_up_and_trace(struct options *o, struct show *show, const struct qemu *qemu, char **argv)
{
    g_autofree char *line = g_strjoinv(" ", argv);
    g_autofree char *api = g_strdup_printf("%d", qemu->level);
    const char *meta[] = {"qemu", qemu->version ? qemu->version : "?", "qemu_api", api, "command", line, NULL};
    g_autofree struct link_settings *settings = g_new0(struct link_settings, 1);
    struct session session = {.show = show,
                              .settings = settings,
                              .find = {.btf_file = o->btf_file, .map_file = o->map_file, .isf_file = o->isf_file},
                              .hello_ms = -1,
                              .quiet = o->quiet};
    int status = outputs__settings(o, show, meta, settings);

    if (status == CMD_OK) {
        status = hooks__open(o, &session, settings);
    }
    if (status == CMD_OK && o->control) {
        session.control = control__open(o, show, settings);
        status = session.control ? CMD_OK : CMD_USAGE;
    }
    if (status == CMD_OK) {
        status = trace(o, &session, qemu, argv);
    }
    control__close(session.control);
    hooks__free(session.hooks);
    return status;
}

int cmd_run(const struct cmd *cmd, int argc, char **argv)
{
    struct qemu qemu = {0};
    struct options o;
    struct show *show;
    const char *other;
    int first, status;

    if (options__parse(cmd, argc, argv, &o, &first) == OPTIONS_EXIT) {
        status = o.status;
        options__clear(&o);
        return status;
    }
    other = qemu__other_accelerator(argv + first);
    if (first >= argc) {
        status = cmd__usage("which machine? \"qebek run [options] -- qemu-system-x86_64 ...\"");
    } else if (other) {
        status = cmd__usage("\"%s\": qebek sees machines under TCG only; start QEMU without it", other);
    } else if (qemu__daemonizes(argv + first)) {
        status =
            cmd__usage("-daemonize: qebek run stays with its machine; for one in the background use \"qebek plugin\" "
                       "and \"qebek attach\"");
    } else {
        show = outputs__open(&o, STDERR_FILENO);
        status = CMD_USAGE;
        if (show) {
            qemu__ask(argv[first], &qemu);
            status = qemu.problem ? cmd__usage("%s", qemu.problem) : set_up_and_trace(&o, show, &qemu, argv + first);
            show__free(show);
        }
    }
    qemu__clear(&qemu);
    options__clear(&o);
    return status;
}
