/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that the guest wrote, downloaded or ran, kept by their SHA-256 with a manifest of JSON Lines. */
#include "show/files.h"

#include <stdio.h>
#include <string.h>

#include "show/files/track.h"
#include "show/json.h"
#include "show/output.h"
#include "trace/record.h"

struct files {
    struct store *store;
    struct track *track;
    const char *where;
    uint64_t last_ns; /* of the latest record */
    uint64_t kept, partial, left_out;
    bool quiet;
};

/* ---- the manifest ---- */

static void time_key(GString *to, const char *key, uint64_t time_ns)
{
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc((gint64)(time_ns / 1000000000u));
    g_autofree char *text = at ? g_date_time_format(at, "%Y-%m-%dT%H:%M:%S") : NULL;

    if (text)
        g_string_append_printf(to, ",\"%s\":\"%s.%09uZ\"", key, text, (unsigned)(time_ns % 1000000000u));
}

static void who_object(GString *to, const char *key, const struct file_who *who)
{
    if (!who->known)
        return;
    g_string_append_printf(to, ",\"%s\":{\"pid\":%d,\"tid\":%d,\"ppid\":%d", key, who->pid, who->tid, who->ppid);
    if (who->uid != UINT32_MAX)
        json__key_uint(to, "uid", who->uid);
    json__key_text(to, "comm", who->comm, strlen(who->comm));
    if (who->exe)
        json__key_text(to, "exe", who->exe, g_ref_string_length(who->exe));
    if (who->remote)
        json__key_word(to, "remote", who->remote);
    time_key(to, "ts", who->time_ns);
    g_string_append_c(to, '}');
}

static void lacks_array(GString *to, const struct tracked *file, unsigned lacks, bool left_out)
{
    static const struct {
        unsigned bit;
        const char *word;
    } words[] = {{CONTENT_BYTES, "bytes"}, {CONTENT_SIZE, "size"}, {CONTENT_LIMIT, "size_limit"}};
    const char *comma = "";

    g_string_append(to, ",\"lacks\":[");
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (lacks & words[i].bit) {
            g_string_append_printf(to, "%s\"%s\"", comma, words[i].word);
            comma = ",";
        }
    }
    if (file->mapped) {
        g_string_append_printf(to, "%s\"mapped\"", comma);
        comma = ",";
    }
    if (file->torn) {
        g_string_append_printf(to, "%s\"look\"", comma);
        comma = ",";
    }
    if (left_out)
        g_string_append_printf(to, "%s\"count_limit\"", comma);
    g_string_append_c(to, ']');
}

static const char *const whys[] = {[FILE_CLOSED] = "closed",
                                   [FILE_EXECUTED] = "executed",
                                   [FILE_DELETED] = "deleted",
                                   [FILE_REPLACED] = "replaced",
                                   [FILE_TRUNCATED] = "truncated",
                                   [FILE_RENAMED] = "renamed",
                                   [FILE_END] = "end"};

static void manifest_line(struct files *f, const struct tracked *file, enum file_why why, const struct file_who *who,
                          const struct kept *kept, bool left_out, unsigned lacks, uint64_t have)
{
    GString *to = store__manifest(f->store);
    uint64_t size;

    g_string_append_printf(to, "{\"type\":\"file\",\"why\":\"%s\"", whys[why]);
    time_key(to, "ts", who->known ? who->time_ns : f->last_ns);
    json__key_word(to, "sha256", kept->sha256);
    g_string_append_printf(to, ",\"complete\":%s", lacks || file->mapped || file->torn || left_out ? "false" : "true");
    if (lacks || file->mapped || file->torn || left_out)
        lacks_array(to, file, lacks, left_out);
    if (content__size(file->content, &size))
        json__key_uint(to, "size", size);
    json__key_uint(to, "stored", left_out ? 0 : kept->size);
    json__key_uint(to, "known", have);
    if (file->path)
        json__key_text(to, "path", file->path, strlen(file->path));
    if (file->key.major != UINT32_MAX) { /* NT's are known by their paths */
        json__key_uint(to, "inode", file->key.inode);
        g_string_append_printf(to, ",\"dev\":\"%u:%u\"", file->key.major, file->key.minor);
    }
    g_string_append_printf(to, ",\"written\":%s,\"executed\":%s,\"deleted\":%s", file->written ? "true" : "false",
                           file->executed ? "true" : "false", file->deleted ? "true" : "false");
    if (file->writer.remote)
        json__key_word(to, "remote", file->writer.remote);
    who_object(to, "writer", &file->writer);
    who_object(to, "runner", &file->runner);
    if (why == FILE_DELETED || why == FILE_REPLACED || why == FILE_TRUNCATED || why == FILE_RENAMED)
        who_object(to, "by", who);
    g_string_append(to, "}\n");
}

static int keep_file(struct tracked *file, enum file_why why, const struct file_who *who, bool last, void *user,
                     GError **error)
{
    struct files *f = user;
    struct kept kept;
    uint64_t have;
    unsigned lacks = content__lacks(file->content, &have);
    int status;

    if (!file->written && !file->executed && !file->deleted)
        return 0;
    status = content__keep(file->content, last, &kept, error);
    if (status < 0)
        return -1;
    manifest_line(f, file, why, who, &kept, status == 0, lacks, have);
    f->left_out += status == 0 && !file->left_out;
    file->left_out |= status == 0;
    f->kept += kept.new_file;
    f->partial += lacks != 0;
    return store__flush(f->store, false, error);
}

/* ---- the output ---- */

bool files_limits__parse(const char *text, struct store_limits *limits)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    uint64_t *const to[] = {&limits->size, &limits->count, &limits->total};
    guint n = g_strv_length(words);

    if (n < 1 || n > G_N_ELEMENTS(to))
        return false;
    for (guint i = 0; i < n; i++) {
        static const char units[] = "kMG";
        char *end = NULL;
        const char *unit;
        guint64 value = g_ascii_strtoull(words[i], &end, 10);

        if (words[i][0] < '0' || words[i][0] > '9')
            return false;
        unit = *end ? strchr(units, *end) : NULL;
        if (unit) {
            unsigned shift = 10u * (unsigned)(unit - units + 1);

            if (value > UINT64_MAX >> shift)
                return false;
            value <<= shift;
            end++;
        }
        if (*end || value == 0 || value > INT64_MAX)
            return false;
        *to[i] = value;
    }
    return true;
}

static int on_open(struct output *out, const char *where, int fallback_fd, GError **error)
{
    const struct store_limits *limits = &out->options->files;
    struct store *store = store__open(where, limits, error);
    struct files *f;

    (void)fallback_fd;
    if (!store)
        return -1;
    f = g_new0(struct files, 1);
    f->store = store;
    f->where = out->where;
    f->quiet = out->options->quiet;
    f->track = track__new(store, keep_file, f);
    out->state = f;
    return 0;
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct files *f = out->state;

    (void)passed; /* what was written to a file is known only from all that was done to it */
    f->last_ns = e->rec->time_ns;
    return track__event(f->track, e, error);
}

static int on_tick(struct output *out, GError **error)
{
    const struct files *f = out->state;

    return store__flush(f->store, true, error);
}

static void last_words(const struct files *f, uint64_t left_out)
{
    if (f->quiet)
        return;
    if (track__blind(f->track))
        fprintf(stderr,
                "qebek: output files:%s: this trace does not tell the kernel's objects, without which no file can be "
                "followed: make it with this output\n",
                f->where);
    if (left_out)
        fprintf(stderr, "qebek: output files:%s: %" G_GUINT64_FORMAT " files were left out (--files-max)\n", f->where,
                left_out);
}

static int on_finish(struct output *out, GError **error)
{
    struct files *f = out->state;
    int status = out->failed ? -1 : track__finish(f->track, error), closed;
    uint64_t left_out = f->left_out;

    if (status == 0) {
        g_string_append_printf(store__manifest(f->store),
                               "{\"type\":\"end\",\"files\":%" G_GUINT64_FORMAT ",\"partial\":%" G_GUINT64_FORMAT
                               ",\"left_out\":%" G_GUINT64_FORMAT "}\n",
                               f->kept, f->partial, left_out);
        last_words(f, left_out);
    }
    track__free(f->track);
    closed = store__close(f->store, status == 0 ? error : NULL);
    g_free(f);
    return status != 0 ? status : closed;
}

const struct output_ops output_files = {
    .kind = "files",
    .help = "what the guest wrote, downloaded or ran: files:DIR, by SHA-256 with a manifest",
    .wants = OUTPUT_WANTS_DATA | OUTPUT_WANTS_NAMES | OUTPUT_WANTS_OBJECTS | OUTPUT_WANTS_FILES | OUTPUT_HAS_DIRECTORY,
    .open = on_open,
    .event = on_event,
    .tick = on_tick,
    .finish = on_finish};
