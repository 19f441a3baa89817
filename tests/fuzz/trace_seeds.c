// SPDX-License-Identifier: GPL-2.0-or-later
/* Writes seeds for fuzz_trace into a directory: each record alone, all together, and as a file. */
#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#include "build.h"
#include "trace/file.h"

static int put(const char *dir, const char *name, uint8_t kind, const void *bytes, size_t len)
{
    char *path = g_build_filename(dir, name, NULL);
    GByteArray *all = g_byte_array_new();
    int status;

    g_byte_array_append(all, &kind, 1);
    g_byte_array_append(all, bytes, (guint)len);
    status = g_file_set_contents(path, (const char *)all->data, (gssize)all->len, NULL) ? 0 : 1;
    g_byte_array_free(all, TRUE);
    g_free(path);
    return status;
}

static int put_file(const char *dir, struct build *b)
{
    char *path = g_build_filename(dir, "tmp", NULL);
    struct trace_writer *w = trace__create(path, NULL, NULL);
    char *bytes = NULL;
    gsize len = 0;
    int status = 1;

    for (unsigned i = 0; w && i < b->records->len; i++)
        trace__write(w, b->records->pdata[i], NULL);
    if (w && trace__finish(w, NULL) == 0 && g_file_get_contents(path, &bytes, &len, NULL))
        status = put(dir, "file", 0, bytes, len) | put(dir, "file-mended", 2, bytes, len);
    g_unlink(path);
    g_free(bytes);
    g_free(path);
    return status;
}

int main(int argc, char **argv)
{
    GByteArray *all = g_byte_array_new();
    struct build b;
    int status = 0;

    if (argc != 2 || g_mkdir_with_parents(argv[1], 0755) < 0) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    build__init(&b);
    build__sample(&b);
    for (unsigned i = 0; i < b.records->len; i++) {
        const struct qbk_record *rec = b.records->pdata[i];
        char name[32];

        g_snprintf(name, sizeof(name), "record-%02u", i);
        status |= put(argv[1], name, 1, rec, rec->size);
        g_byte_array_append(all, (const guint8 *)rec, rec->size);
    }
    status |= put(argv[1], "records", 1, all->data, all->len);
    status |= put_file(argv[1], &b);
    g_byte_array_free(all, TRUE);
    build__free(&b);
    return status;
}
