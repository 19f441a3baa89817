/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The output that keeps unpacked code: for each layer a file with the memory as it was, one that can be loaded if that
 * can be made, and a line in index.jsonl. Names are made of numbers and of those letters of a command's name that mean
 * nothing anywhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "show/files/store.h"
#include "show/json.h"
#include "show/output.h"
#include "show/unpack/layers.h"

#define NAME_SIZE  128u
#define COMM_SHOWN 32u
#define TEMPORARY  ".part"

struct unpack_dir {
    int dir, index;
    const char *where;
    struct store_limits limits; /* size: of one file; count: of files; total: bytes of all */
    GHashTable *kept;           /* hash and process → the name of the file that has it */
    uint64_t layers, files, bytes, left_out;
    bool quiet;
};

static int fail(GError **error, const char *what)
{
    int err = errno;
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err), "%s: %s", what, g_strerror(err));
    return -1;
}

/* ---- files ---- */

/* Under another name first: under its own a file is whole. One that is there already is replaced, not followed. */
static int write_file(const struct unpack_dir *u, const char *name, const uint8_t *bytes, size_t size, GError **error)
{
    int fd = openat(u->dir, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), status;
    if (fd < 0)
        return fail(error, "cannot make a file");
    status = store__write_all(fd, bytes, size, 0, error);
    if (close(fd) != 0 && status == 0)
        status = fail(error, "cannot write a file");
    if (status == 0 && renameat(u->dir, TEMPORARY, u->dir, name) != 0)
        status = fail(error, "cannot name a file");
    if (status != 0)
        (void)unlinkat(u->dir, TEMPORARY, 0);
    return status;
}

static bool has_room(struct unpack_dir *u, uint64_t size)
{
    if (size > u->limits.size || u->files >= u->limits.count || size > u->limits.total - MIN(u->bytes, u->limits.total))
        return false;
    u->files++;
    u->bytes += size;
    return true;
}

/* "NAME-PID-layerN-NUMBER": a layer may be taken more than once, in parts. */
static void base_name(const struct model_thread *t, const struct layer *l, char name[NAME_SIZE])
{
    char comm[COMM_SHOWN + 1] = "";
    size_t n = 0;
    for (const char *c = t ? t->comm : ""; *c && n < COMM_SHOWN; c++, n++)
        comm[n] = g_ascii_isalnum(*c) || *c == '-' || (*c == '.' && n) ? *c : '_';
    (void)g_snprintf(name, NAME_SIZE, "%s-%d-layer%u-%" G_GUINT64_FORMAT, n ? comm : "unknown", t ? t->id.pid : -1,
                     l->rec->layer, l->rec->number);
}

/* ---- the index ---- */

static void key_hex(GString *to, const char *key, uint64_t value)
{
    g_string_append_printf(to, ",\"%s\":\"0x%" G_GINT64_MODIFIER "x\"", key, value);
}

static void who(GString *to, const struct model_thread *t)
{
    if (!t)
        return;
    g_string_append_printf(to, ",\"pid\":%d,\"tid\":%d", t->id.pid, t->id.tid);
    json__key_text(to, "comm", t->comm, strlen(t->comm));
    if (t->exe)
        json__key_text(to, "exe", t->exe, g_ref_string_length(t->exe));
}

static void ranges(GString *to, const struct layer *l)
{
    g_string_append(to, ",\"written_at\":[");
    for (uint32_t i = 0; i < l->rec->n_ranges; i++)
        g_string_append_printf(to, "%s[\"0x%" G_GINT64_MODIFIER "x\",%" G_GUINT64_FORMAT "]", i ? "," : "",
                               l->range[i].start, l->range[i].len);
    g_string_append_c(to, ']');
    if (l->rec->flags & QBK_LAYER_MORE)
        json__key_true(to, "written_at_more");
}

static void index_begin(GString *to, const struct model_event *e, const struct layer *l)
{
    g_string_append(to, "{\"type\":\"layer\"");
    json__key_uint(to, "number", l->rec->number);
    json__key_time(to, "ts", l->rec->h.time_ns);
    who(to, e->thread);
    json__key_uint(to, "layer", l->rec->layer);
    key_hex(to, "entry", l->rec->entry);
    if (l->rec->from)
        key_hex(to, "from", l->rec->from);
    key_hex(to, "writer", l->rec->writer);
    key_hex(to, "address", l->start);
    json__key_uint(to, "size", l->size);
    json__key_uint(to, "present", l->have);
    json__key_uint(to, "written", l->rec->written);
    ranges(to, l);
    layer__flags_json(to, l);
    json__key_word(to, "sha256", l->sha256);
}

static int write_line(const struct unpack_dir *u, GString *line, GError **error)
{
    size_t done = 0;
    g_string_append(line, "}\n");
    while (done < line->len) {
        ssize_t n = write(u->index, line->str + done, line->len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(error, "cannot write the index");
        done += (size_t)n;
    }
    return 0;
}

/* ---- one layer ---- */

/* A file that can be loaded, beside the memory; its name is put into the index. */
static int keep_image(struct unpack_dir *u, const struct layer *l, const char *base, GString *line, GError **error)
{
    struct memory_image m;
    enum image_how how = IMAGE_HEADER;
    char name[NAME_SIZE + 8];
    if (!layer__image(l, &m))
        return 0;
    g_autoptr(GByteArray) file = image__pe(&m);
    bool is_pe = file != NULL;
    if (!is_pe)
        file = image__elf(&m, &how);
    if (!file)
        return 0;
    (void)g_snprintf(name, sizeof(name), "%s.%s", base, is_pe ? "exe" : "elf");
    if (!has_room(u, file->len)) {
        json__key_true(line, "image_left_out");
        u->left_out++;
        return 0;
    }
    json__key_word(line, "image", name);
    json__key_word(line, "image_by", how == IMAGE_HEADER ? "header" : "mappings");
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, file->data, file->len);
    json__key_word(line, "image_sha256", sum);
    return write_file(u, name, file->data, file->len, error);
}

static int keep(struct unpack_dir *u, const struct model_event *e, const struct layer *l, GError **error)
{
    g_autoptr(GString) line = g_string_new(NULL);
    char base[NAME_SIZE], name[NAME_SIZE + 8];
    int32_t pid = e->thread ? e->thread->id.pid : -1;
    g_autofree char *key = g_strdup_printf("%s %d %" G_GINT64_MODIFIER "x", l->sha256, pid, l->start);
    const char *same = g_hash_table_lookup(u->kept, key);
    int status = 0;
    u->layers++;
    base_name(e->thread, l, base);
    (void)g_snprintf(name, sizeof(name), "%s.bin", base);
    index_begin(line, e, l);
    if (same) {
        json__key_word(line, "file", same);
    } else if (!has_room(u, l->size)) {
        json__key_true(line, "left_out");
        u->left_out++;
    } else {
        json__key_word(line, "file", name);
        g_hash_table_insert(u->kept, g_steal_pointer(&key), g_strdup(name));
        status = write_file(u, name, l->bytes ? l->bytes : (const uint8_t *)"", l->size, error);
        if (status == 0)
            status = keep_image(u, l, base, line, error);
    }
    return status == 0 ? write_line(u, line, error) : status;
}

/* ---- the output ---- */

static void free_dir(struct unpack_dir *u)
{
    if (u->dir >= 0)
        close(u->dir);
    g_hash_table_destroy(u->kept);
    g_free(u);
}

static int on_open(struct output *out, const char *where, int fallback_fd, GError **error)
{
    (void)fallback_fd;
    if (strcmp(where, "-") == 0) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "unpack: say which directory: unpack:DIR");
        return -1;
    }
    if (mkdir(where, 0700) != 0 && errno != EEXIST)
        return fail(error, where);
    struct unpack_dir *u = g_new0(struct unpack_dir, 1);
    u->kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    u->where = out->where;
    u->limits = out->options->files;
    u->limits.size = IMAGE_MAX;
    u->quiet = out->options->quiet;
    u->dir = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    u->index =
        u->dir < 0 ? -1 : openat(u->dir, "index.jsonl", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (u->index < 0) {
        (void)fail(error, where);
        free_dir(u);
        return -1;
    }
    out->state = u;
    return 0;
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    (void)passed; /* whose layers are taken at all was decided in the guest */
    return e->layer ? keep(out->state, e, e->layer, error) : 0;
}

static int on_finish(struct output *out, GError **error)
{
    struct unpack_dir *u = out->state;
    int status = out->failed ? -1 : 0;
    if (status == 0) {
        g_autoptr(GString) line = g_string_new("{\"type\":\"end\"");
        json__key_uint(line, "layers", u->layers);
        json__key_uint(line, "files", u->files);
        json__key_uint(line, "left_out", u->left_out);
        status = write_line(u, line, error);
        if (u->left_out && !u->quiet)
            fprintf(stderr, "qebek: output unpack:%s: %" G_GUINT64_FORMAT " files were left out (--files-max)\n",
                    u->where, u->left_out);
    }
    if (close(u->index) != 0 && status == 0)
        status = fail(error, "cannot write the index");
    free_dir(u);
    return status;
}

const struct output_ops output_unpack = {
    .kind = "unpack",
    .help = "code that programs wrote to memory and ran: unpack:DIR, with files to load and an index",
    .wants = OUTPUT_WANTS_LAYERS | OUTPUT_HAS_DIRECTORY,
    .open = on_open,
    .event = on_event,
    .finish = on_finish};
