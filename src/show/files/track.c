/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/files/track_internal.h"

#include <string.h>

#include "trace/record.h"

#define FOLLOWED_MAX 65536u /* files at once; beyond, those that are left alone longest are let go */

#define TYPE_MASK    0170000u /* include/uapi/linux/stat.h */
#define TYPE_REGULAR 0100000u

/* ---- tables ---- */

static guint key_hash(gconstpointer p)
{
    const struct file_key *k = p;

    return g_int64_hash(&k->inode) ^ k->major * 31u ^ k->minor * 131u;
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
    const struct file_key *x = a, *y = b;

    return x->inode == y->inode && x->major == y->major && x->minor == y->minor;
}

static void who_clear(struct file_who *who)
{
    g_clear_pointer(&who->exe, g_ref_string_release);
    g_clear_pointer(&who->remote, g_ref_string_release);
    memset(who, 0, sizeof(*who));
}

static void tracked_free(gpointer p)
{
    struct tracked *t = p;

    content__free(t->content);
    who_clear(&t->writer);
    who_clear(&t->runner);
    g_free(t->path);
    g_free(t);
}

struct track *track__new(struct store *store, track_fn fn, void *user)
{
    struct track *t = g_new0(struct track, 1);

    t->store = store;
    g_queue_init(&t->order);
    t->fn = fn;
    t->user = user;
    t->files = g_hash_table_new_full(key_hash, key_equal, NULL, tracked_free);
    t->paths = g_hash_table_new(g_str_hash, g_str_equal);
    t->looking = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    t->opens = track_nt__opens();
    t->fds = fds__new();
    t->origins = origins__new();
    return t;
}

void track__free(struct track *t)
{
    if (!t)
        return;
    g_hash_table_destroy(t->paths);
    g_hash_table_destroy(t->files);
    g_hash_table_destroy(t->looking);
    g_hash_table_destroy(t->opens);
    fds__free(t->fds);
    origins__free(t->origins);
    g_free(t);
}

bool track__blind(const struct track *t)
{
    return t->objects_denied && !t->objects_told && !t->nt_told;
}

/* ---- names ---- */

void track__unname(struct track *t, struct tracked *file)
{
    if (file->path && g_hash_table_lookup(t->paths, file->path) == file)
        g_hash_table_remove(t->paths, file->path);
}

/* Takes the path. */
void track__name(struct track *t, struct tracked *file, char *path)
{
    if (!path || g_strcmp0(path, file->path) == 0) {
        g_free(path);
        return;
    }
    track__unname(t, file);
    g_free(file->path);
    file->path = path;
    if (path[0] == '/')
        g_hash_table_insert(t->paths, file->path, file);
}

struct tracked *track__by_path(const struct track *t, const char *path)
{
    return path ? g_hash_table_lookup(t->paths, path) : NULL;
}

/* ---- who ---- */

void track__who(const struct track *t, struct file_who *who, const struct model_event *e)
{
    const struct model_thread *thread = e->thread;
    const struct model_session *session;
    GRefString *remote;

    if (!thread)
        return;
    remote = origins__of(t->origins, thread->id.pid);
    if (remote)
        g_ref_string_acquire(remote);
    who_clear(who);
    who->known = true;
    who->pid = thread->id.pid;
    who->tid = thread->id.tid;
    who->ppid = thread->id.ppid;
    who->uid = thread->id.uid;
    memcpy(who->comm, thread->comm, sizeof(who->comm));
    who->exe = thread->exe ? g_ref_string_acquire(thread->exe) : NULL;
    who->remote = remote;
    who->time_ns = e->rec->time_ns;
    session = model__session(thread);
    who->session = session ? session->number : 0;
}

/* ---- files ---- */

int track__keep(struct track *t, struct tracked *file, enum file_why why, const struct model_event *e, bool last,
                GError **error)
{
    struct file_who who = {0};
    int status;

    if (e)
        track__who(t, &who, e);
    (void)content__lacks(file->content, &file->kept_known);
    status = t->fn(file, why, &who, last, t->user, error);
    file->changed = false;
    file->kept = true;
    who_clear(&who);
    return status;
}

int track__end_file(struct track *t, struct tracked *file, enum file_why why, const struct model_event *e,
                    GError **error)
{
    int status = 0;

    file->deleted |= why == FILE_DELETED;
    if (file->changed)
        status = track__keep(t, file, why, e, true, error);
    track__unname(t, file);
    g_queue_unlink(&t->order, &file->link);
    g_hash_table_remove(t->files, &file->key);
    return status;
}

struct tracked *track__find(const struct track *t, const struct qbk_object *o)
{
    const struct file_key key = {o->dev_major, o->dev_minor, o->inode};

    return g_hash_table_lookup(t->files, &key);
}

struct tracked *track__follow(struct track *t, const struct file_key *key, bool empty, GError **error, int *status)
{
    struct tracked *file;

    if (t->order.length >= FOLLOWED_MAX && track__end_file(t, t->order.head->data, FILE_END, NULL, error) != 0)
        *status = -1;
    file = g_new0(struct tracked, 1);
    file->key = *key;
    file->content = content__new(t->store, empty);
    file->link.data = file;
    g_hash_table_insert(t->files, &file->key, file);
    g_queue_push_tail_link(&t->order, &file->link);
    return file;
}

bool track__is_regular(const struct qbk_object *o)
{
    return o && (o->mode & TYPE_MASK) == TYPE_REGULAR;
}

/* ---- records ---- */

/* A program begins. Where the kernel's memory is looked into, that tells of the file by itself; else its name has to
 * do. */
static int on_exec(struct track *t, const struct model_event *e, GError **error)
{
    const struct qbk_name *name = (const void *)e->rec;
    g_autofree char *path = g_strndup(name->path, MIN(name->len, 4096u));
    struct tracked *file = track__by_path(t, path);

    if (e->thread && model__is_nt(e->thread))
        return track_nt__exec(t, e, path, error);
    if (t->looks || !file || !e->thread)
        return 0;
    file->executed = true;
    track__who(t, &file->runner, e);
    return track__keep(t, file, FILE_EXECUTED, e, false, error);
}

static int on_record(struct track *t, const struct model_event *e, GError **error)
{
    const char *objects;

    switch (e->rec->type) {
    case QBK_META:
        objects = record__text_get((const void *)e->rec, "objects");
        t->objects_denied |= !objects || strcmp(objects, "yes") != 0;
        t->looks |= g_strcmp0(record__text_get((const void *)e->rec, "files"), "yes") == 0;
        t->objects_told |= objects && strcmp(objects, "yes") == 0;
        return 0;
    case QBK_OBJECT:
        t->objects_told = true;
        fds__object(t->fds, (const void *)e->rec);
        return 0;
    case QBK_THREAD_EXIT:
        fds__thread_gone(t->fds, e->rec->thread);
        if (e->process == PROCESS_EXITS && e->thread)
            origins__process_gone(t->origins, e->thread->id.pid);
        return 0;
    case QBK_FILE:
        return track__look(t, e, error);
    case QBK_PAGES:
        return track__pages(t, e, error);
    case QBK_NAME:
        return ((const struct qbk_name *)e->rec)->fd == QBK_NAME_EXE ? on_exec(t, e, error) : 0;
    default:
        return 0;
    }
}

int track__event(struct track *t, const struct model_event *e, GError **error)
{
    struct doing d = {.track = t, .event = e, .call = e->call, .error = error};

    if (e->type == EVENT_RECORD)
        return on_record(t, e, error);
    if (e->thread && !e->final && track_nt__call(&d)) {
        t->nt_told = true;
        return d.status;
    }
    d.row = e->type == EVENT_CALL && !e->final && e->thread ? io__row(e->call) : NULL;
    if (d.row)
        track__call(&d);
    return d.status;
}

int track__finish(struct track *t, GError **error)
{
    GHashTableIter it;
    gpointer value;
    int status = 0;

    g_hash_table_iter_init(&it, t->files);
    while (status == 0 && g_hash_table_iter_next(&it, NULL, &value)) {
        struct tracked *file = value;

        if (file->changed)
            status = track__keep(t, file, FILE_END, NULL, true, error);
    }
    return status;
}
