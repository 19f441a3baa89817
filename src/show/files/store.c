/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/files/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_MAX  64u /* files of ours that are open at once */
#define FLUSH_AT  65536u
#define COPY_BITE 65536u
#define NAME_SIZE 80u

struct store {
    int dir, manifest;
    struct store_limits limits;
    GHashTable *kept; /* hashes that were kept in this run */
    uint64_t bytes;
    uint64_t parts; /* bytes reserved for what is being put together */
    unsigned next;
    GHashTable *open; /* number -> descriptor + 1 */
    GQueue order;     /* numbers that are open, longest ago first */
    GString *lines;
};

static int fail(GError **error, const char *what)
{
    int err = errno;

    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err), "%s: %s", what, g_strerror(err));
    return -1;
}

static void part_name(unsigned number, char name[NAME_SIZE])
{
    (void)g_snprintf(name, NAME_SIZE, ".part-%u", number);
}

struct store *store__open(const char *path, const struct store_limits *limits, GError **error)
{
    struct store *s;
    int dir, manifest;

    if (strcmp(path, "-") == 0) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "files: say which directory: files:DIR");
        return NULL;
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        (void)fail(error, path);
        return NULL;
    }
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    manifest =
        dir < 0 ? -1 : openat(dir, "manifest.jsonl", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (manifest < 0) {
        (void)fail(error, path);
        if (dir >= 0)
            close(dir);
        return NULL;
    }
    s = g_new0(struct store, 1);
    s->dir = dir;
    s->manifest = manifest;
    s->limits = *limits;
    s->kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    s->open = g_hash_table_new(NULL, NULL);
    g_queue_init(&s->order);
    s->lines = g_string_new(NULL);
    return s;
}

const struct store_limits *store__limits(const struct store *s)
{
    return &s->limits;
}

GString *store__manifest(struct store *s)
{
    return s->lines;
}

int store__flush(struct store *s, bool now, GError **error)
{
    size_t done = 0;

    if (!now && s->lines->len < FLUSH_AT)
        return 0;
    while (done < s->lines->len) {
        ssize_t n = write(s->manifest, s->lines->str + done, s->lines->len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            g_string_truncate(s->lines, 0);
            return fail(error, "cannot write the manifest");
        }
        done += (size_t)n;
    }
    g_string_truncate(s->lines, 0);
    return 0;
}

/* ---- files that are being put together ---- */

unsigned store__number(struct store *s)
{
    return s->next++;
}

static void close_one(struct store *s, unsigned number)
{
    int fd = GPOINTER_TO_INT(g_hash_table_lookup(s->open, GUINT_TO_POINTER(number))) - 1;

    if (fd < 0)
        return;
    close(fd);
    g_hash_table_remove(s->open, GUINT_TO_POINTER(number));
    g_queue_remove(&s->order, GUINT_TO_POINTER(number));
}

int store__file(struct store *s, unsigned number, bool fresh, GError **error)
{
    int fd = GPOINTER_TO_INT(g_hash_table_lookup(s->open, GUINT_TO_POINTER(number))) - 1;
    char name[NAME_SIZE];

    if (fd >= 0)
        return fd;
    if (s->order.length >= OPEN_MAX)
        close_one(s, GPOINTER_TO_UINT(g_queue_peek_head(&s->order)));
    part_name(number, name);
    fd = openat(s->dir, name, O_RDWR | O_CREAT | (fresh ? O_TRUNC : 0) | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail(error, "cannot make a file");
    g_hash_table_insert(s->open, GUINT_TO_POINTER(number), GINT_TO_POINTER(fd + 1));
    g_queue_push_tail(&s->order, GUINT_TO_POINTER(number));
    return fd;
}

bool store__reserve(struct store *s, uint64_t bytes)
{
    uint64_t most = s->limits.total > UINT64_MAX / 2 ? UINT64_MAX : 2 * s->limits.total;

    if (bytes > most - MIN(s->parts, most))
        return false;
    s->parts += bytes;
    return true;
}

void store__release(struct store *s, uint64_t bytes)
{
    s->parts -= MIN(bytes, s->parts);
}

void store__drop(struct store *s, unsigned number)
{
    char name[NAME_SIZE];

    close_one(s, number);
    part_name(number, name);
    (void)unlinkat(s->dir, name, 0);
}

int store__write_all(int fd, const uint8_t *bytes, size_t len, uint64_t offset, GError **error)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, bytes, len, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(error, "cannot write a file");
        bytes += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

/* ---- files that are kept ---- */

static int copy_bytes(int from, int to, uint64_t size, GError **error)
{
    g_autofree uint8_t *buf = g_malloc(COPY_BITE);

    for (uint64_t at = 0; at < size;) {
        ssize_t n = pread(from, buf, (size_t)MIN(size - at, COPY_BITE), (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n < 0 ? errno : EIO;
            return fail(error, "cannot read a file of ours");
        }
        if (store__write_all(to, buf, (size_t)n, at, error) != 0)
            return -1;
        at += (uint64_t)n;
    }
    return 0;
}

/* Copied under another name first: under its hash a file is whole. */
static int copy_to(struct store *s, int from, uint64_t size, const char *sha256, GError **error)
{
    static const char name[] = ".copy";
    int to = openat(s->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), status;

    if (to < 0)
        return fail(error, "cannot make a file");
    status = copy_bytes(from, to, size, error);
    if (close(to) != 0 && status == 0)
        status = fail(error, "cannot write a file");
    if (status == 0 && renameat(s->dir, name, s->dir, sha256) != 0)
        status = fail(error, "cannot name a file");
    if (status != 0)
        (void)unlinkat(s->dir, name, 0);
    return status;
}

static int move_to(struct store *s, unsigned number, const char *sha256, GError **error)
{
    char name[NAME_SIZE];

    part_name(number, name);
    if (renameat(s->dir, name, s->dir, sha256) != 0)
        return fail(error, "cannot name a file");
    close_one(s, number);
    return 0;
}

int store__keep(struct store *s, unsigned number, uint64_t size, const char *sha256, bool copy, bool *is_new,
                GError **error)
{
    int fd, status;

    *is_new = false;
    if (g_hash_table_contains(s->kept, sha256)) {
        if (!copy)
            store__drop(s, number);
        return 1;
    }
    if (g_hash_table_size(s->kept) >= s->limits.count || size > s->limits.total - MIN(s->bytes, s->limits.total)) {
        if (!copy)
            store__drop(s, number);
        return 0;
    }
    fd = store__file(s, number, false, error);
    if (fd < 0)
        return -1;
    status = copy ? copy_to(s, fd, size, sha256, error) : move_to(s, number, sha256, error);
    if (status != 0)
        return -1;
    g_hash_table_add(s->kept, g_strdup(sha256));
    s->bytes += size;
    *is_new = true;
    return 1;
}

int store__close(struct store *s, GError **error)
{
    int status = store__flush(s, true, error);

    while (s->order.length > 0)
        close_one(s, GPOINTER_TO_UINT(g_queue_peek_head(&s->order)));
    if (close(s->manifest) != 0 && status == 0)
        status = fail(error, "cannot write the manifest");
    close(s->dir);
    g_hash_table_destroy(s->kept);
    g_hash_table_destroy(s->open);
    g_queue_clear(&s->order);
    g_string_free(s->lines, TRUE);
    g_free(s);
    return status;
}
