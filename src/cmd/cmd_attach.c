/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qebek plugin and qebek attach: machines that somebody else starts. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/outputs.h"
#include "cmd/qemu.h"
#include "cmd/session.h"

#define DEFAULT_QEMU "qemu-system-x86_64"
#define HELLO_MS     10000

/* ---- plugin ---- */
static int print_plugin(const struct qemu *qemu, const char *given)
{
    g_autofree char *runtime = g_build_filename(g_get_user_runtime_dir(), "qebek.sock", NULL);
    g_autofree char *sock = g_canonicalize_filename(given ? given : runtime, NULL);
    g_autofree char *escaped = qemu__escape(sock), *plugin = qemu__escape(qemu->plugin);
    g_autofree char *value = g_strdup_printf("file=%s,socket=%s", plugin, escaped);
    g_autofree char *shell = g_shell_quote(value), *xml = g_markup_escape_text(value, -1);
    g_autofree char *shell_sock = g_shell_quote(sock);

    if (strlen(sock) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
        return cmd__usage("--socket: \"%s\" is too long for a socket's name (at most 107 bytes)", sock);
    }
    printf("-plugin %s\n", shell);
    fprintf(
        stderr,
        "\nTo be added to the command line of %s. In a libvirt domain (whose element then says\n"
        "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>):\n\n"
        "  <qemu:commandline>\n    <qemu:arg value='-plugin'/>\n    <qemu:arg value='%s'/>\n  </qemu:commandline>\n\n"
        "QEMU's user must be allowed to read the plugin and to make the socket. Then:\n\n  qebek attach %s\n",
        qemu->path, xml, shell_sock);
    return CMD_OK;
}

int cmd_plugin(const struct cmd *cmd, int argc, char **argv)
{
    struct qemu qemu = {0};
    struct options o;
    int first, status;

    if (options__parse(cmd, argc, argv, &o, &first) == OPTIONS_EXIT) {
        status = o.status;
    } else if (argc - first > 1) {
        status = cmd__usage("one QEMU at a time: \"qebek plugin [options] [QEMU]\"");
    } else {
        qemu__ask(first < argc ? argv[first] : DEFAULT_QEMU, &qemu);
        status = qemu.problem ? cmd__usage("%s", qemu.problem) : print_plugin(&qemu, o.socket);
    }
    qemu__clear(&qemu);
    options__clear(&o);
    return status;
}

/* ---- attach ---- */
static volatile sig_atomic_t detach;

static void ask_to_detach(int signo)
{
    (void)signo;
    detach = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = ask_to_detach, .sa_flags = SA_RESTART};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

/* What the way the trace ended means for the exit status. */
static int judge(enum session_end end, const char *path)
{
    switch (end) {
    case SESSION_DONE:
        return CMD_OK;
    case SESSION_CUT:
        return detach ? CMD_OK
                      : cmd__failed("the machine ended without the plugin's last words: the trace ends where it was "
                                    "cut off");
    case SESSION_SILENT:
        return cmd__failed("%s: the plugin hung up at once: is another qebek attached?", path);
    case SESSION_UNFIT:
        return CMD_USAGE;
    case SESSION_NO_OUTPUT:
    case SESSION_REFUSED:
        break;
    }
    return CMD_FAILED;
}

/* With `session` filled but for the socket. */
static int trace(const struct options *o, struct session *session, const char *path)
{
    int status;

    session->sock = link__connect(path);
    if (session->sock < 0) {
        return cmd__usage("%s: %s; is a machine running with the argument that \"qebek plugin\" prints?", path,
                          session->sock == -ENAMETOOLONG ? "too long for a socket's name" : g_strerror(-session->sock));
    }
    catch_signals();
    outputs__confine(o, 0, NULL);
    status = judge(session__run(session), path);
    return show__finish(session->show) != 0 && status == CMD_OK ? CMD_FAILED : status;
}

static int attach(struct options *o, struct show *show, const char *path)
{
    g_autofree struct link_settings *settings = g_new0(struct link_settings, 1);
    const char *meta[] = {"attach", path, NULL};
    struct session session = {.show = show,
                              .settings = settings,
                              .hello_ms = HELLO_MS,
                              .quiet = o->quiet,
                              .find = {.btf_file = o->btf_file, .map_file = o->map_file, .isf_file = o->isf_file},
                              .detach = &detach};
    int status = outputs__settings(o, show, meta, settings);

    if (status == CMD_OK) {
        status = hooks__open(o, &session, settings);
    }
    if (status == CMD_OK && o->control) {
        session.control = control__open(o, show, settings);
        status = session.control ? CMD_OK : CMD_USAGE;
    }
    if (status == CMD_OK) {
        status = trace(o, &session, path);
    }
    control__close(session.control);
    hooks__free(session.hooks);
    return status;
}

int cmd_attach(const struct cmd *cmd, int argc, char **argv)
{
    struct options o;
    struct show *show;
    int first, status;

    if (options__parse(cmd, argc, argv, &o, &first) == OPTIONS_EXIT) {
        status = o.status;
    } else if (argc - first != 1) {
        status = cmd__usage("which machine? \"qebek attach [options] SOCKET\"; \"qebek plugin\" tells about sockets");
    } else {
        show = outputs__open(&o, STDERR_FILENO);
        status = CMD_USAGE;
        if (show) {
            status = attach(&o, show, argv[first]);
            show__free(show);
        }
    }
    options__clear(&o);
    return status;
}
