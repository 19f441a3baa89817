/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/outputs.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd/confine.h"
#include "show/code.h"

/* A process that talks to a server: names of hosts are looked up, connections are made, and nothing else. */
static void confine_sender(void)
{
    static const char *const read[] = {"/etc",
                                       "/usr/lib",
                                       "/lib",
                                       "/usr/share/ca-certificates",
                                       "/usr/local/share/ca-certificates",
                                       "/run/systemd/resolve",
                                       "/run/resolvconf"};
    g_autoptr(GPtrArray) files = g_ptr_array_new();
    struct confine confine = {.read_files = files, .connects = true};

    for (size_t i = 0; i < G_N_ELEMENTS(read); i++) {
        g_ptr_array_add(files, (char *)(uintptr_t)read[i]);
    }
    (void)confine__now(&confine);
}

struct show *outputs__open(struct options *o, int fallback_fd)
{
    g_autoptr(GError) error = NULL;
    struct show *show;

    if (o->outputs->len == 0) {
        o->show.colour = isatty(fallback_fd) == 1 && !g_getenv("NO_COLOR");
    }
    o->show.confine_sender = confine_sender;
    show = show__new(&o->show, &error);
    if (!show) {
        cmd__say("%s", error->message);
        return NULL;
    }
    if (o->outputs->len == 0 && show__add_output(show, "text", fallback_fd, &error) != 0) {
        cmd__say("%s", error->message);
        show__free(show);
        return NULL;
    }
    for (unsigned i = 0; i < o->outputs->len; i++) {
        if (show__add_output(show, o->outputs->pdata[i], fallback_fd, &error) != 0) {
            cmd__say("%s", error->message);
            show__free(show);
            return NULL;
        }
    }
    return show;
}

/* The directories in which outputs go on making files. */
static GPtrArray *output_dirs(const struct options *o)
{
    GPtrArray *dirs = g_ptr_array_new_with_free_func(g_free);

    for (unsigned i = 0; i < o->outputs->len; i++) {
        const char *spec = o->outputs->pdata[i], *where = strchr(spec, ':');
        bool rotates = o->show.rotate_bytes > 0 && g_str_has_prefix(spec, "qbk:");

        if (show__makes_files(spec) && (!where || strcmp(where + 1, "-") == 0)) {
            g_ptr_array_add(dirs, g_strdup(g_get_tmp_dir()));
        } else if (where && (rotates || show__makes_files(spec) || strstr(where, "%p"))) {
            g_ptr_array_add(dirs, g_path_get_dirname(where + 1));
        } else if (where && show__has_directory(spec)) {
            g_ptr_array_add(dirs, g_strdup(where + 1));
        }
    }
    return dirs;
}

void outputs__confine(const struct options *o, pid_t child, const char *read_dir)
{
    g_autoptr(GPtrArray) dirs = output_dirs(o), files = g_ptr_array_new(), sockets = g_ptr_array_new();
    g_autofree char *socket_dir = o->control ? g_path_get_dirname(o->control) : NULL;
    struct confine confine = {
        .write_dirs = dirs, .read_files = files, .remove_dirs = sockets, .child = child, .accepts = o->control != NULL};
    unsigned means;

    if (o->btf_file) {
        g_ptr_array_add(files, (char *)o->btf_file);
    }
    if (o->map_file) {
        g_ptr_array_add(files, (char *)o->map_file);
    }
    if (o->isf_file) {
        g_ptr_array_add(files, (char *)o->isf_file);
    }
    if (read_dir) {
        g_ptr_array_add(files, (char *)(uintptr_t)read_dir);
    }
    if (socket_dir) { /* the socket is removed at the end */
        g_ptr_array_add(sockets, socket_dir);
    }
    means = confine__now(&confine);
    if (o->show.verbose && !(means & CONFINE_SECCOMP)) {
        cmd__say("this host has no seccomp: the reader is %s",
                 means & CONFINE_LANDLOCK ? "confined by Landlock only" : "not confined");
    }
}

/* Appends "key\0value\0"; a value that does not fit is cut, a key that does not fit is left out. */
static void meta_add(struct link_settings *settings, const char *key, const char *value)
{
    size_t room = sizeof(settings->meta) - settings->meta_len, key_len = strlen(key) + 1;
    size_t value_len = strlen(value);

    if (room < key_len + 2) {
        return;
    }
    memcpy(settings->meta + settings->meta_len, key, key_len);
    settings->meta_len += (uint32_t)key_len;
    room -= key_len;
    value_len = MIN(value_len, room - 1);
    memcpy(settings->meta + settings->meta_len, value, value_len);
    settings->meta[settings->meta_len + value_len] = '\0';
    settings->meta_len += (uint32_t)value_len + 1;
}

static void meta_add_number(struct link_settings *settings, const char *key, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" G_GUINT64_FORMAT, value);
    meta_add(settings, key, text);
}

static void fill_meta(const struct options *o, const char *const *meta, struct link_settings *settings)
{
    struct utsname host;

    meta_add(settings, "qebek", QEBEK_VERSION);
    meta_add_number(settings, "string_limit", settings->string_limit);
    meta_add_number(settings, "buffer_limit", settings->buffer_limit);
    meta_add_number(settings, "vector_limit", settings->vector_limit);
    meta_add(settings, "fd_names", settings->flags & LINK_FD_NAMES ? "yes" : "no");
    meta_add(settings, "objects", settings->flags & LINK_OBJECTS ? "yes" : "no");
    meta_add(settings, "files", settings->flags & LINK_FILES ? "yes" : "no");
    meta_add(settings, "ip", settings->flags & LINK_IP ? "yes" : "no");
    meta_add(settings, "lossy", settings->flags & LINK_LOSSY ? "yes" : "no");
    for (unsigned i = 0; i < o->show.trace->len; i++) {
        meta_add(settings, "trace", o->show.trace->pdata[i]);
    }
    if (uname(&host) == 0) {
        g_autofree char *text = g_strdup_printf("%s %s %s", host.sysname, host.release, host.machine);

        meta_add(settings, "host", text);
    }
    for (; meta && meta[0]; meta += 2) {
        meta_add(settings, meta[0], meta[1]);
    }
}

/* "path\0arguments\0" for each module; paths made absolute, QEMU may run elsewhere. */
static int fill_modules(const struct options *o, struct link_settings *settings)
{
    size_t used = 0;

    for (unsigned i = 0; i < o->modules->len; i++) {
        const char *spec = o->modules->pdata[i], *equals = strchr(spec, '=');
        g_autofree char *given = equals ? g_strndup(spec, (size_t)(equals - spec)) : g_strdup(spec);
        const char *args = equals ? equals + 1 : "";
        char path[PATH_MAX];
        size_t len;

        if (!realpath(given, path)) {
            return cmd__usage("--module: %s: %s", given, g_strerror(errno));
        }
        len = strlen(path) + strlen(args) + 2;
        if (len > sizeof(settings->modules) - used) {
            return cmd__usage("--module: too many of them");
        }
        memcpy(settings->modules + used, path, strlen(path) + 1);
        memcpy(settings->modules + used + strlen(path) + 1, args, strlen(args) + 1);
        used += len;
    }
    settings->n_modules = o->modules->len;
    return CMD_OK;
}

/* The filters that the plugin applies before any work; their counts are bounded by the options' own checks. */
static void fill_filters(const struct show_options *show, struct link_settings *settings)
{
    settings->n_pids = MIN(show->pids->len, LINK_IDS_MAX);
    for (unsigned i = 0; i < settings->n_pids; i++) {
        settings->pids[i] = g_array_index(show->pids, int32_t, i);
    }
    settings->n_uids = MIN(show->uids->len, LINK_IDS_MAX);
    for (unsigned i = 0; i < settings->n_uids; i++) {
        settings->uids[i] = g_array_index(show->uids, uint32_t, i);
    }
    settings->n_comms = MIN(show->comms->len, LINK_COMM_MAX);
    for (unsigned i = 0; i < settings->n_comms; i++) {
        const char *comm = show->comms->pdata[i];

        memcpy(settings->comms[i], comm, strnlen(comm, sizeof(settings->comms[i])));
    }
}

void outputs__refilter(const struct options *o, const struct show_options *by, const struct show_filters *filters,
                       const struct link_settings *base, const char *request, struct link_settings *settings)
{
    *settings = *base;
    settings->flags &= ~(uint32_t)(LINK_WATCH_UNKNOWN | LINK_FD_NAMES);
    settings->flags |= o->flags & LINK_FD_NAMES;
    memset(settings->pids, 0, sizeof(settings->pids));
    memset(settings->uids, 0, sizeof(settings->uids));
    memset(settings->comms, 0, sizeof(settings->comms));
    fill_filters(by, settings);
    show__filters_want(filters, settings);
    (void)g_strlcpy(settings->request, request, sizeof(settings->request));
}

int outputs__settings(const struct options *o, const struct show *show, const char *const *meta,
                      struct link_settings *settings)
{
    int status;

    memset(settings, 0, sizeof(*settings));
    settings->size = sizeof(*settings);
    settings->flags = o->flags;
    settings->stall_ms = o->stall_ms;
    show__want(show, settings);
    settings->string_limit = MAX(settings->string_limit, o->capture);
    settings->buffer_limit = MAX(settings->buffer_limit, o->capture);
    status = fill_modules(o, settings);
    if (status != CMD_OK) {
        return status;
    }
    fill_filters(&o->show, settings);
    for (guint i = 0; o->show.insns->len == 0 && i < o->outputs->len; i++) {
        if (show__is_code(o->outputs->pdata[i])) {
            return cmd__usage("--output %s: needs --insns WHO, which says whose code",
                              (const char *)o->outputs->pdata[i]);
        }
    }
    for (guint i = 0; i < o->show.insns->len; i++) { /* no more than fit: the options see to it */
        (void)code_who__watch(&g_array_index(o->show.insns, struct code_who, i), settings);
        settings->flags |= LINK_MAPPINGS;
    }
    fill_meta(o, meta, settings);
    return CMD_OK;
}
