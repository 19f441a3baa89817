/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/typed/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TERMINALS_MAX 65536u /* of which nobody told that they are gone; Linux has at most 4096 pseudo-terminals */

#define MAJOR_TTY 4u /* include/uapi/linux/major.h; from minor number 64 on these are serial lines */
#define MAJOR_AUX 5u
#define SERIAL    64u

const char *const terminal__calls[] = {"read",
                                       "readv",
                                       "write",
                                       "writev",
                                       "open",
                                       "openat",
                                       "openat2",
                                       "pread64",
                                       "pwrite64",
                                       "NtReadFile",
                                       "NtWriteFile",
                                       "NtDeviceIoControlFile",
                                       "NtRequestWaitReplyPort",
                                       "NtAlpcSendWaitReceivePort",
                                       NULL};

struct terminals {
    GHashTable *by_key; /* terminal.key -> terminal */
    terminal_fn gone;
    void *user;
    uint64_t last;
};

struct terminals *terminals__new(terminal_fn gone, void *user)
{
    struct terminals *all = g_new0(struct terminals, 1);
    all->by_key = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    all->gone = gone;
    all->user = user;
    return all;
}

void terminals__each(struct terminals *all, terminal_fn fn, void *user)
{
    GHashTableIter it;
    gpointer terminal;
    g_hash_table_iter_init(&it, all->by_key);
    while (g_hash_table_iter_next(&it, NULL, &terminal))
        fn(terminal, user);
}

static void drop_all(struct terminals *all)
{
    terminals__each(all, all->gone, all->user);
    g_hash_table_remove_all(all->by_key);
}

uint64_t terminals__last(const struct terminals *all)
{
    return all->last;
}

void terminals__free(struct terminals *all)
{
    if (!all)
        return;
    drop_all(all);
    g_hash_table_destroy(all->by_key);
    g_free(all);
}

static uint64_t key_of(const struct qbk_object *o)
{
    return o->tty_side == QBK_TTY_MASTER ? o->tty_other : o->tty;
}

/* A terminal that is opened by way of /dev/tty or /dev/console does not tell its own device's number. */
static void name_it(struct terminal *t, const struct qbk_object *o)
{
    if (o->tty_side != QBK_TTY_TERMINAL)
        g_snprintf(t->name, sizeof(t->name), "pts/%u", o->tty_index);
    else if (o->rdev_major == MAJOR_TTY)
        g_snprintf(t->name, sizeof(t->name), o->rdev_minor < SERIAL ? "tty%u" : "ttyS%u",
                   o->rdev_minor < SERIAL ? o->rdev_minor : o->rdev_minor - SERIAL);
    else if (o->rdev_major != MAJOR_AUX || !t->name[0])
        g_snprintf(t->name, sizeof(t->name), "tty-%u-%u", o->tty_major, o->tty_index);
}

/* Is the master's side just being opened? Only that makes a new pseudo-terminal; a copy of a descriptor does not. */
static bool is_opened(const struct model_event *e, const struct qbk_object *o)
{
    const struct model_call *c = e->thread->calls;
    return o->why == QBK_OBJECT_INSTALLED && o->tty_side == QBK_TTY_MASTER && c && c->service &&
           strncmp(c->service->name, "open", 4) == 0;
}

static struct terminal *terminal_new(struct terminals *all, const struct model_event *e, const struct qbk_object *o)
{
    const struct model_session *session;
    struct terminal *t, *old;
    if (g_hash_table_size(all->by_key) >= TERMINALS_MAX)
        drop_all(all);
    t = g_new0(struct terminal, 1);
    t->number = ++all->last;
    t->begun_ns = e->rec->time_ns;
    t->key = key_of(o);
    t->pseudo = o->tty_side != QBK_TTY_TERMINAL;
    t->rows = o->rows;
    t->columns = o->columns;
    session = t->pseudo ? model__session(e->thread) : NULL; /* others are there for everybody */
    if (session) {
        t->session = session->number;
        (void)g_strlcpy(t->remote, session->remote, sizeof(t->remote));
    }
    old = g_hash_table_lookup(all->by_key, &t->key);
    if (old)
        all->gone(old, all->user);
    g_hash_table_replace(all->by_key, &t->key, t);
    return t;
}

struct terminal *terminals__told(struct terminals *all, const struct model_event *e, bool *resized)
{
    const struct qbk_object *o = (const void *)e->rec;
    *resized = false;
    if (e->type != EVENT_RECORD || e->rec->type != QBK_OBJECT || !e->thread || o->kind != QBK_OBJECT_TTY || !key_of(o))
        return NULL;
    struct terminal *t = terminals__find(all, o);
    if (!t || is_opened(e, o))
        t = terminal_new(all, e, o);
    name_it(t, o);
    *resized = t->rows != o->rows || t->columns != o->columns;
    t->rows = o->rows;
    t->columns = o->columns;
    return t;
}

struct terminal *terminals__find(const struct terminals *all, const struct qbk_object *o)
{
    uint64_t key = o && o->kind == QBK_OBJECT_TTY ? key_of(o) : 0;
    return key ? g_hash_table_lookup(all->by_key, &key) : NULL;
}

struct terminal *terminals__console(struct terminals *all, const struct model_thread *th, uint64_t now)
{
    uint64_t key = th->process; /* small numbers, which no address of Linux's kernel is */
    const struct model_session *session = model__session(th);
    struct terminal *t = key ? g_hash_table_lookup(all->by_key, &key) : NULL;
    if (t || !key)
        return t;
    if (g_hash_table_size(all->by_key) >= TERMINALS_MAX)
        drop_all(all);
    t = g_new0(struct terminal, 1);
    t->number = ++all->last;
    t->begun_ns = now;
    t->key = key;
    g_snprintf(t->name, sizeof(t->name), "console-%d", th->id.pid);
    if (session) {
        t->session = session->number;
        (void)g_strlcpy(t->remote, session->remote, sizeof(t->remote));
    }
    g_hash_table_replace(all->by_key, &t->key, t);
    return t;
}

/* ---- files ---- */

static void cannot(GError **error, const char *what, const char *name)
{
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "cannot %s '%s': %s", what, name,
                g_strerror(errno));
}

int terminal__folder(const char *path, GError **error)
{
    int fd;
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        cannot(error, "make the directory", path);
        return -1;
    }
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || faccessat(fd, ".", W_OK | X_OK, 0) != 0) {
        cannot(error, "write into", path);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

/* Closed after each: there may be more terminals than files can be open. */
int terminal__write(int folder, const struct terminal *t, const char *suffix, bool first, GString *text, GError **error)
{
    char name[48];
    size_t done = 0;
    int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | (first ? O_TRUNC : O_APPEND), fd, status = 0;
    g_snprintf(name, sizeof(name), "%04" G_GUINT64_FORMAT ".%s", t->number, suffix);
    fd = openat(folder, name, flags, 0666);
    while (fd >= 0 && done < text->len) {
        ssize_t n = write(fd, text->str + done, text->len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        done += (size_t)n;
    }
    if (fd < 0 || done < text->len) {
        cannot(error, "write", name);
        status = -1;
    }
    if (fd >= 0 && close(fd) != 0 && status == 0) {
        cannot(error, "write", name);
        status = -1;
    }
    g_string_truncate(text, 0);
    return status;
}
