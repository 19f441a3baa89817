/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd.h"

#define ASK_MS     10000
#define ANSWER_MAX 65536u

extern char **environ;

/* Where QEBEK's plugin may lie, from the directory of the executable; absolute ones as they are. */
static const char *const plugin_dirs[] = {".", "../..", "../lib/qebek", QEBEK_PLUGIN_REL, QEBEK_PLUGIN_DIR};

char *qemu__plugin_path(int level)
{
    g_autofree char *name = g_strdup_printf("libqebek-%d.so", level);
    g_autofree char *exe = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *dir = exe ? g_path_get_dirname(exe) : g_strdup("/");

    for (size_t i = 0; i < G_N_ELEMENTS(plugin_dirs); i++) {
        g_autofree char *path = g_path_is_absolute(plugin_dirs[i]) ? g_build_filename(plugin_dirs[i], name, NULL)
                                                                   : g_build_filename(dir, plugin_dirs[i], name, NULL);
        if (access(path, R_OK) == 0) {
            return g_canonicalize_filename(path, NULL);
        }
    }
    return NULL;
}

char *qemu__escape(const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, ",", -1);

    return g_strjoinv(",,", parts);
}

/* What a child wrote to *out until it ended or the time was up; then it is killed. */
static void collect(int fd, GString *out, pid_t pid)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)ASK_MS * 1000;

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        gint64 left = (deadline - g_get_monotonic_time()) / 1000;
        char buf[4096];
        ssize_t got;

        if (left <= 0 || out->len > ANSWER_MAX) {
            kill(pid, SIGKILL); /* a QEMU of our own, that has no machine */
            return;
        }
        if (poll(&p, 1, (int)left) <= 0) {
            continue;
        }
        got = read(fd, buf, sizeof(buf));
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return;
        }
        if (got > 0) {
            g_string_append_len(out, buf, got);
        }
    }
}

/* Run argv with no input, and return all its output as valid UTF-8; NULL and *error if it cannot be started. */
static char *run_and_read(const char *path, char *const *argv, int *error)
{
    GString *out = g_string_new(NULL);
    posix_spawn_file_actions_t actions;
    int pipes[2], status;
    pid_t pid;

    if (pipe2(pipes, O_CLOEXEC) < 0) {
        *error = errno;
        g_string_free(out, TRUE);
        return NULL;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], 2);
    *error = posix_spawn(&pid, path, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    if (*error == 0) {
        collect(pipes[0], out, pid);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
    }
    close(pipes[0]);
    if (*error) {
        g_string_free(out, TRUE);
        return NULL;
    }
    return g_utf8_make_valid(g_string_free(out, FALSE), -1);
}

/* "10.0.2" out of "QEMU emulator version 10.0.2 (Debian …)". */
static char *parse_version(const char *answer)
{
    static const char mark[] = "emulator version ";
    const char *at = answer ? strstr(answer, mark) : NULL;

    if (!at) {
        return NULL;
    }
    at += strlen(mark);
    return g_strndup(at, strspn(at, "0123456789."));
}

/* The number right behind `mark`, or 0. */
static int number_after(const char *text, const char *mark)
{
    const char *at = strstr(text, mark);

    return at ? (int)CLAMP(strtol(at + strlen(mark), NULL, 10), 0, 1000) : 0;
}

/* What QEMU, or our plugin in it, said when asked to load a plugin. */
static void parse_answer(struct qemu *qemu, const char *answer)
{
    const char *ours = strstr(answer, "qebek-probe "), *target;
    int n;

    if (ours) {
        qemu->min = number_after(ours, " min=");
        qemu->api = number_after(ours, " cur=");
        target = strstr(ours, " target=");
        if (target) {
            target += strlen(" target=");
            g_free(qemu->target);
            qemu->target = g_strndup(target, strcspn(target, " \r\n"));
        }
        return;
    }
    n = number_after(answer, "supports only a minimum version of ");
    if (n > 0) {
        qemu->min = n;
        qemu->api = n; /* at least; asking again with that plugin tells the rest */
        return;
    }
    n = number_after(answer, "supports only up to version ");
    if (n > 0) {
        qemu->api = n;
        qemu->min = 1;
    }
}

/* Load the plugin of `level` into a QEMU without a machine. Returns what it said; NULL: qemu->problem is set. */
static char *ask_plugin(struct qemu *qemu, const char *plugin)
{
    g_autofree char *escaped = qemu__escape(plugin);
    g_autofree char *arg = g_strdup_printf("file=%s,probe=on", escaped);
    char *argv[] = {qemu->path, "-machine", "none", "-nodefaults", "-display", "none", "-plugin", arg, NULL};
    int error;
    char *answer = run_and_read(qemu->path, argv, &error);

    if (!answer) {
        qemu->problem = g_strdup_printf("%s cannot be started: %s", qemu->path, g_strerror(error));
    }
    return answer;
}

/* The plugin for the highest level in [min, api] that was built. */
static void choose(struct qemu *qemu)
{
    for (int level = MIN(qemu->api, QEMU_API_NEWEST); level >= MAX(qemu->min, QEMU_API_OLDEST); level--) {
        char *path = qemu__plugin_path(level);

        if (path) {
            g_free(qemu->plugin);
            qemu->plugin = path;
            qemu->level = level;
            return;
        }
    }
}

/* Which API a QEMU has whose messages do not tell, by its version: only what is known for certain. */
static int api_of_version(const char *version)
{
    int major = version ? atoi(version) : 0;

    return major > 0 && major < 8 ? 1 : 0;
}

static bool too_old(const char *version)
{
    int major = 0, minor = 0;

    return version && sscanf(version, "%d.%d", &major, &minor) == 2 && (major < 9 || (major == 9 && minor < 2));
}

/* One line for whatever stands in the way. */
static void find_problem(struct qemu *qemu, const char *answer)
{
    g_autofree char *line = g_strndup(answer, strcspn(answer, "\r\n"));
    const char *version = qemu->version ? qemu->version : "(of unknown version)";

    if (qemu->level && qemu->target && strcmp(qemu->target, "x86_64") == 0) {
        return;
    }
    if (qemu->target && strcmp(qemu->target, "x86_64") != 0) {
        qemu->problem = g_strdup_printf("%s runs %s machines; qebek knows x86_64 ones only", qemu->path, qemu->target);
    } else if (strstr(answer, "plugin interface not enabled") || strstr(answer, "-plugin: invalid option")) {
        qemu->problem = g_strdup_printf("QEMU %s was built without plugins (configure --enable-plugins); "
                                        "Debian's has them: apt install -t bookworm-backports qemu-system-x86",
                                        version);
    } else if ((qemu->api > 0 && qemu->api < QEMU_API_OLDEST) || too_old(qemu->version)) {
        int api = qemu->api ? qemu->api : api_of_version(qemu->version);
        g_autofree char *has = api ? g_strdup_printf("has plugin API %d", api) : g_strdup("is too old");

        qemu->problem =
            g_strdup_printf("QEMU %s %s; qebek needs QEMU 10.0 or newer (bookworm-backports has it)", version, has);
    } else if (qemu->api > 0) {
        qemu->problem =
            g_strdup_printf("QEMU %s takes plugins of API %d to %d, and no libqebek-N.so of those was built", version,
                            qemu->min, qemu->api);
    } else {
        qemu->problem = g_strdup_printf("%s does not tell which plugins it takes: \"%.200s\"", qemu->path, line);
    }
}

/* The lowest plugin there is: the one to ask with. */
static char *any_plugin(void)
{
    for (int level = QEMU_API_OLDEST; level <= QEMU_API_NEWEST; level++) {
        char *path = qemu__plugin_path(level);

        if (path) {
            return path;
        }
    }
    return NULL;
}

void qemu__ask(const char *name, struct qemu *qemu)
{
    g_autofree char *version = NULL, *answer = NULL, *plugin = any_plugin();
    char *version_argv[] = {NULL, "-version", NULL};
    int error = 0;

    *qemu = (struct qemu){.path = g_find_program_in_path(name)};
    if (!qemu->path) {
        qemu->problem = g_strdup_printf("%s: no such program; QEMU 10.0 or newer is in bookworm-backports: "
                                        "apt install -t bookworm-backports qemu-system-x86",
                                        name);
        return;
    }
    if (!plugin) {
        qemu->problem =
            g_strdup_printf("libqebek-%d.so is neither beside qebek nor in %s: build or install qebek whole",
                            QEMU_API_OLDEST, QEBEK_PLUGIN_DIR);
        return;
    }
    version_argv[0] = qemu->path;
    version = run_and_read(qemu->path, version_argv, &error);
    qemu->version = parse_version(version);
    answer = ask_plugin(qemu, plugin);
    if (!answer) {
        return;
    }
    parse_answer(qemu, answer);
    choose(qemu);
    if (qemu->level && !qemu->target) { /* it refused that plugin: ask with one that it takes */
        g_free(answer);
        answer = ask_plugin(qemu, qemu->plugin);
        if (!answer) {
            return;
        }
        parse_answer(qemu, answer);
        choose(qemu);
    }
    find_problem(qemu, answer);
}

void qemu__clear(struct qemu *qemu)
{
    g_free(qemu->path);
    g_free(qemu->version);
    g_free(qemu->target);
    g_free(qemu->plugin);
    g_free(qemu->problem);
    *qemu = (struct qemu){0};
}

/* Is the first of the accelerators in "kvm:tcg", or "kvm,option=on", another than TCG? */
static bool is_other(const char *list)
{
    static const char *const others[] = {"kvm", "xen", "hvf", "nvmm", "whpx", "mshv"};
    size_t len = strcspn(list, ":,");

    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        if (strlen(others[i]) == len && strncmp(list, others[i], len) == 0) {
            return true;
        }
    }
    return false;
}

/* The same for the value of -machine, which may have an accel= in it. */
static bool machine_is_other(const char *value)
{
    static const char key[] = "accel=";

    for (const char *at = value; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (g_str_has_prefix(at, key) && is_other(at + strlen(key))) {
            return true;
        }
    }
    return false;
}

/* An option's name without its dashes, of which QEMU takes one or two; NULL: it is none. */
static const char *option_name(const char *word)
{
    if (word[0] != '-' || !word[1]) {
        return NULL;
    }
    return word + (word[1] == '-' ? 2 : 1);
}

static bool is_one_of(const char *name, const char *const *names)
{
    return name && g_strv_contains(names, name);
}

const char *qemu__other_accelerator(char **argv)
{
    static const char *const enable[] = {"enable-kvm", NULL}, *const accel[] = {"accel", NULL},
                             *const machine[] = {"machine", "M", NULL};

    for (char **arg = argv; *arg; arg++) {
        const char *name = option_name(*arg);

        if (is_one_of(name, enable)) {
            return *arg;
        }
        if (arg[1] &&
            ((is_one_of(name, accel) && is_other(arg[1])) || (is_one_of(name, machine) && machine_is_other(arg[1])))) {
            return arg[1];
        }
    }
    return NULL;
}

bool qemu__daemonizes(char **argv)
{
    static const char *const daemonize[] = {"daemonize", NULL};

    for (char **arg = argv; *arg; arg++) {
        if (is_one_of(option_name(*arg), daemonize)) {
            return true;
        }
    }
    return false;
}

pid_t qemu__spawn(const char *path, char **argv, int fd)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    pid_t pid = -1;
    int error;

    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigdefault(&attr, cmd__ignored());
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fd, fd); /* onto itself: close-on-exec is cleared in the child */
    error = posix_spawn(&pid, path, &actions, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return error ? -error : pid;
}
