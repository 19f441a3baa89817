/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of a run, as rows of its page. */
#include <string.h>

#include "show/html.h"

static void file_free(gpointer data)
{
    struct html_file *f = data;

    g_free(f->path);
    g_free(f->writer);
    g_free(f->runner);
    g_free(f->remote);
    g_free(f);
}

void html_caught__init(struct html_run *r)
{
    r->caught = g_ptr_array_new_with_free_func(file_free);
    r->caught_as = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

void html_caught__clear(struct html_run *r)
{
    g_hash_table_destroy(r->caught_as);
    g_ptr_array_free(r->caught, TRUE);
}

/* One content under one name is one row, however often it is kept. NULL: there is no room for another. */
static struct html_file *row_of(struct html_run *r, const struct caught_file *c)
{
    const char *path = c->file->path ? c->file->path : "";
    g_autofree char *key = g_strdup_printf("%s%s", c->sha256, path);
    struct html_file *f = g_hash_table_lookup(r->caught_as, key);

    if (f)
        return f;
    if (html_run__full(r, r->caught)) {
        r->left_out++;
        return NULL;
    }
    f = g_new0(struct html_file, 1);
    (void)g_strlcpy(f->sha256, c->sha256, sizeof(f->sha256));
    f->path = c->file->path ? html_run__keep(r, path, strlen(path)) : NULL;
    f->writer_pid = f->runner_pid = -1;
    f->complete = true;
    r->text += strlen(key);
    g_hash_table_insert(r->caught_as, g_steal_pointer(&key), f);
    g_ptr_array_add(r->caught, f);
    return f;
}

static void who(struct html_run *r, const struct file_who *from, char **comm, int32_t *pid, uint64_t *ns)
{
    if (!from->known)
        return;
    g_free(*comm);
    *comm = html_run__keep(r, from->comm, strlen(from->comm));
    *pid = from->pid;
    *ns = MAX(*ns, from->time_ns);
}

void html_caught__file(const struct caught_file *c, void *user)
{
    struct html_run *r = user;
    struct html_file *f = row_of(r, c);

    if (!f)
        return;
    who(r, &c->file->writer, &f->writer, &f->writer_pid, &f->ns);
    who(r, &c->file->runner, &f->runner, &f->runner_pid, &f->ns);
    if (c->file->writer.remote && !f->remote)
        f->remote = html_run__keep(r, c->file->writer.remote, strlen(c->file->writer.remote));
    f->sized = content__size(c->file->content, &f->size);
    f->executed |= c->file->executed;
    f->deleted |= c->file->deleted;
    f->complete &= c->complete;
}
