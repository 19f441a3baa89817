/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/files/caught.h"

#include <unistd.h>

struct caught {
    struct store *store;
    struct track *track;
    char *folder;
    caught_fn fn;
    void *user;
};

static int on_file(struct tracked *file, enum file_why why, const struct file_who *who, bool last, void *user,
                   GError **error)
{
    struct caught *c = user;
    struct kept kept;
    uint64_t have;
    bool complete = content__lacks(file->content, &have) == 0 && !file->mapped && !file->torn;

    (void)who;
    if (!file->written && !file->executed && !file->deleted)
        return 0;
    if (content__keep(file->content, last, &kept, error) < 0)
        return -1;
    c->fn(&(struct caught_file){.file = file, .why = why, .sha256 = kept.sha256, .complete = complete}, c->user);
    return 0;
}

struct caught *caught__new(const char *folder, const struct store_limits *limits, caught_fn fn, void *user,
                           GError **error)
{
    const struct store_limits none_kept = {.size = limits->size, .count = 0, .total = limits->total};
    struct store *store = store__open(folder, &none_kept, error);
    struct caught *c;

    if (!store)
        return NULL;
    c = g_new0(struct caught, 1);
    c->store = store;
    c->folder = g_strdup(folder);
    c->fn = fn;
    c->user = user;
    c->track = track__new(store, on_file, c);
    return c;
}

int caught__event(struct caught *c, const struct model_event *e, GError **error)
{
    return track__event(c->track, e, error);
}

int caught__finish(struct caught *c, GError **error)
{
    return track__finish(c->track, error);
}

void caught__free(struct caught *c)
{
    if (!c)
        return;
    g_autofree char *manifest = g_build_filename(c->folder, "manifest.jsonl", NULL); /* every store has one */

    track__free(c->track);
    (void)store__close(c->store, NULL);
    (void)unlink(manifest);
    g_free(c->folder);
    g_free(c);
}
