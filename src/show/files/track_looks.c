/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks into the guest's page cache: FILE records, and the PAGES that follow them. */
#include <string.h>

#include "show/files/track_internal.h"
#include "trace/record.h"

#define LOOKS_MAX 4096u /* under way at once: one for each vCPU */

struct look {
    uint64_t number;
    struct file_key key;
    uint64_t size, sent;
    uint8_t why;
    bool in_memory;
};

static struct tracked *file_of(const struct track *t, const struct file_key *key)
{
    return g_hash_table_lookup(t->files, key);
}

/* It was run, as far as looks tell. Once is enough, unless it changed, or more of it is known than before. */
static int ran(struct track *t, struct tracked *file, const struct model_event *e, GError **error)
{
    uint64_t have;
    unsigned lacks = content__lacks(file->content, &have);
    bool again = !file->started || file->changed || (lacks && have > file->kept_known);

    if (!file->started || e->thread)
        track__who(t, &file->runner, e);
    file->executed = true;
    if (!again)
        return 0;
    file->started = true;
    return track__keep(t, file, FILE_EXECUTED, e, false, error);
}

static int closed(struct track *t, struct tracked *file, const struct model_event *e, GError **error)
{
    return file->changed && !file->kept ? track__keep(t, file, FILE_CLOSED, e, false, error) : 0;
}

/* A deleted file that nobody has open for writing will not change any more. */
static int over(struct track *t, struct tracked *file, uint8_t why, const struct model_event *e, GError **error)
{
    int status = 0;

    if (why == QBK_FILE_STARTED || why == QBK_FILE_RUN)
        return ran(t, file, e, error);
    if (why == QBK_FILE_CLOSED)
        status = closed(t, file, e, error);
    if (status == 0 && file->deleted && file->writers == 0 && !file->executed)
        status = track__end_file(t, file, FILE_DELETED, e, error);
    return status;
}

/* Its time of change is another one than before: something wrote to it, if only through memory. */
static void see_change(const struct track *t, struct tracked *file, const struct qbk_file *rec,
                       const struct model_event *e)
{
    bool told = file->mtime_sec || file->mtime_nsec;
    bool other = file->mtime_sec != rec->mtime_sec || file->mtime_nsec != rec->mtime_nsec;

    if (told && other && rec->why == QBK_FILE_CLOSED) {
        if (!file->writer.known)
            track__who(t, &file->writer, e);
        file->changed = file->written = file->filled = true;
    }
    file->mtime_sec = rec->mtime_sec;
    file->mtime_nsec = rec->mtime_nsec;
}

static int begin_look(struct track *t, struct tracked *file, const struct qbk_file *rec, GError **error)
{
    struct look *l;

    if (g_hash_table_size(t->looking) >= LOOKS_MAX)
        g_hash_table_remove_all(t->looking);
    l = g_new0(struct look, 1);
    l->number = rec->look;
    l->key = file->key;
    l->size = rec->size;
    l->why = rec->why;
    l->in_memory = rec->flags & QBK_FILE_IN_MEMORY;
    g_hash_table_replace(t->looking, &l->number, l);
    file->torn = true; /* until its last record is here */
    if (!l->in_memory) {
        content__set_size(file->content, rec->size);
        return 0;
    }
    /* What is not there is zeros. */
    return content__truncate(file->content, 0, error) != 0 ? -1 : content__truncate(file->content, rec->size, error);
}

int track__look(struct track *t, const struct model_event *e, GError **error)
{
    const struct qbk_file *rec = (const void *)e->rec;
    const struct file_key key = {rec->dev_major, rec->dev_minor, rec->inode};
    struct tracked *file = file_of(t, &key);
    int status = 0;

    t->looks = true;
    if (file && file->deleted && rec->why == QBK_FILE_OPENED && rec->links > 0) { /* its number was given again */
        if (track__end_file(t, file, FILE_DELETED, NULL, error) != 0)
            return -1;
        file = NULL;
    }
    if (!file)
        file = track__follow(t, &key, rec->why == QBK_FILE_OPENED && rec->size == 0, error, &status);
    if (rec->links > 0 || !file->path)
        track__name(t, file, rec->len ? g_strndup(rec->path, MIN(rec->len, 4096u)) : NULL);
    see_change(t, file, rec, e);
    if (rec->why == QBK_FILE_CLOSED && file->writers > 0)
        file->writers--;
    if (rec->why == QBK_FILE_OPENED) {
        uint64_t size;

        file->writers++;
        if (!content__size(file->content, &size))
            content__set_size(file->content, rec->size);
        return status;
    }
    file->deleted |= rec->links == 0 && !g_str_has_prefix(file->path ? file->path : "", "/memfd:");
    if (status == 0 && (rec->flags & QBK_FILE_PAGES))
        return begin_look(t, file, rec, error);
    return status == 0 ? over(t, file, rec->why, e, error) : -1;
}

static int end_look(struct track *t, struct look *l, struct tracked *file, const struct qbk_pages *rec,
                    const struct model_event *e, GError **error)
{
    bool whole = rec->sent == l->sent && rec->absent == 0;
    uint8_t why = l->why;

    g_hash_table_remove(t->looking, &rec->look);
    file->torn = !whole;
    file->looked = true;
    if (whole && why == QBK_FILE_CLOSED)
        file->mapped = false; /* what was written through memory has been read by now */
    return over(t, file, why, e, error);
}

int track__pages(struct track *t, const struct model_event *e, GError **error)
{
    const struct qbk_pages *rec = (const void *)e->rec;
    struct look *l = g_hash_table_lookup(t->looking, &rec->look);
    struct tracked *file = l ? file_of(t, &l->key) : NULL;
    uint64_t len;

    if (!file)
        return 0;
    if (rec->flags & QBK_PAGES_LAST)
        return end_look(t, l, file, rec, e, error);
    l->sent += rec->len;
    if (rec->offset >= l->size)
        return 0;
    len = MIN((uint64_t)rec->len, l->size - rec->offset);
    return content__write(file->content, rec->offset, rec->bytes, (size_t)len, error);
}
