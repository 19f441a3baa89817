/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files that a session wrote, as Cowrie tells of downloads and uploads: by hash, at the moment that the writer
 * closes them, or later if it is still open when it is run, renamed or deleted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "show/cowrie.h"
#include "show/json.h"
#include "show/output.h"

#define FILES_MAX 10000u /* contents of one session that are told once each; more may be told again */

/* Programs that are given a file of the client's by the server, which reads it from the session's own connection. */
static const char *const receivers[] = {"scp", "sftp-server", "rsync", NULL};

static bool is_upload(const struct file_who *writer, const struct model_session *session)
{
    return g_strv_contains(receivers, writer->comm) || (writer->remote && strcmp(writer->remote, session->remote) == 0);
}

/* Told for this session, and under this name, already? */
static bool is_told(struct seen *seen, const char *sha256, const char *path)
{
    if (!seen->files)
        seen->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (g_hash_table_size(seen->files) >= FILES_MAX)
        g_hash_table_remove_all(seen->files);
    return !g_hash_table_add(seen->files, g_strconcat(sha256, path, NULL));
}

static void on_caught(const struct caught_file *c, void *user)
{
    struct cowrie *s = user;
    const struct tracked *file = c->file;
    const struct file_who *writer = &file->writer;
    struct seen *seen = writer->session ? g_hash_table_lookup(s->sessions, &writer->session) : NULL;
    const struct qbk_record at = {.time_ns = writer->time_ns};
    const char *path = file->path ? file->path : "";
    GString *to = stream__buffer(s->stream);
    bool upload;
    uint64_t size;

    if (!seen || !seen->login || !file->written)
        return;
    if (writer->exe && seen->daemon && strcmp(writer->exe, seen->daemon) == 0)
        return; /* the server's own: who is logged in, and the like */
    if (is_told(seen, c->sha256, path))
        return;
    upload = is_upload(writer, &seen->session);
    cowrie__begin(s, to, upload ? "session.file_upload" : "session.file_download", &at, &seen->session);
    json__key_word(to, "shasum", c->sha256);
    json__key_word(to, "outfile", c->sha256);
    cowrie__text(to, upload ? "filename" : "destfile", path, strlen(path));
    if (!upload)
        json__key_word(to, "url", "");
    if (writer->remote)
        cowrie__text(to, "from", writer->remote, strlen(writer->remote));
    if (content__size(file->content, &size))
        json__key_uint(to, "size", size);
    if (!c->complete)
        g_string_append(to, ",\"incomplete\":true");
    g_string_printf(s->message, "%s %s with SHA-256 %s", upload ? "Received" : "Saved", path, c->sha256);
    cowrie__end(s, to);
}

int cowrie_files__open(struct cowrie *s, const char *where, const struct store_limits *limits, GError **error)
{
    s->folder = strcmp(where, "-") == 0 ? g_build_filename(g_get_tmp_dir(), "qebek.XXXXXX", NULL)
                                        : g_strconcat(where, ".XXXXXX", NULL);
    if (!mkdtemp(s->folder)) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "cannot make the folder '%s': %s", s->folder,
                    g_strerror(errno));
        g_clear_pointer(&s->folder, g_free);
        return -1;
    }
    s->caught = caught__new(s->folder, limits, on_caught, s, error);
    return s->caught ? 0 : -1;
}

void cowrie_files__close(struct cowrie *s)
{
    caught__free(s->caught);
    if (s->folder)
        (void)unlinkat(AT_FDCWD, s->folder, AT_REMOVEDIR); /* empty, unless somebody else put something there */
    g_free(s->folder);
}
