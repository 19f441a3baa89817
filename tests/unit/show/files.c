// SPDX-License-Identifier: GPL-2.0-or-later
/* Files put together from calls: each way to change one, names that lead elsewhere, and limits. */
#include "shown.h"

#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct build records;
static struct show_options options;
static char dir[64];
static json_t *manifest; /* an array of all lines */

static int setup(void **state)
{
    (void)state;
    build__init(&records);
    show_options__init(&options);
    options.quiet = true;
    strcpy(dir, "/tmp/qebek-files-XXXXXX");
    assert_non_null(g_mkdtemp(dir));
    build__meta(&records, "qebek", "test", "objects", "yes", NULL);
    build__thread(&records, 1, 50, "sh")->uid = 1000;
    return 0;
}

static int teardown(void **state)
{
    GDir *d = g_dir_open(dir, 0, NULL);
    const char *name;

    (void)state;
    while ((name = g_dir_read_name(d)) != NULL) {
        g_autofree char *path = g_build_filename(dir, name, NULL);

        g_unlink(path);
    }
    g_dir_close(d);
    assert_int_equal(g_rmdir(dir), 0);
    build__free(&records);
    json_decref(manifest);
    manifest = NULL;
    return 0;
}

/* Everything through the output; fills `manifest`. */
static void run(void)
{
    g_autofree char *spec = g_strdup_printf("files:%s", dir), *path = g_build_filename(dir, "manifest.jsonl", NULL);
    g_autofree char *text = NULL;

    g_free(shown(&records, spec, &options));
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    manifest = json_array();
    for (char **line = lines; *line && **line; line++) {
        json_error_t error;
        json_t *object = json_loads(*line, 0, &error);

        if (!object)
            fail_msg("%s: %s", error.text, *line);
        json_array_append_new(manifest, object);
    }
}

/* The nth line of the manifest about `path` (NULL: any); NULL: there are not so many. */
static json_t *line_of(const char *path, unsigned nth)
{
    size_t i;
    json_t *line;

    json_array_foreach(manifest, i, line)
    {
        const char *have = json_string_value(json_object_get(line, "path"));

        if (strcmp(json_string_value(json_object_get(line, "type")), "file") == 0 &&
            (!path || (have && strcmp(have, path) == 0)) && nth-- == 0)
            return line;
    }
    return NULL;
}

static void is_whole(json_t *line, const char *want, size_t len)
{
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)want, len), *bytes = NULL;
    g_autofree char *path = g_build_filename(dir, sum, NULL);
    gsize got = 0;

    assert_non_null(line);
    assert_string_equal(json_string_value(json_object_get(line, "sha256")), sum);
    assert_true(json_is_true(json_object_get(line, "complete")));
    assert_true(g_file_get_contents(path, &bytes, &got, NULL));
    assert_int_equal(got, len);
    assert_memory_equal(bytes, want, len);
}

static bool lacks(json_t *line, const char *what)
{
    size_t i;
    json_t *word;

    assert_non_null(line);
    assert_true(json_is_false(json_object_get(line, "complete")));
    json_array_foreach(json_object_get(line, "lacks"), i, word)
    {
        if (strcmp(json_string_value(word), what) == 0)
            return true;
    }
    return false;
}

/* ---- calls ---- */

static void object(uint32_t fd, uint64_t file, uint64_t inode, uint32_t mode)
{
    struct qbk_object *o = build__add(&records, QBK_OBJECT, 1, sizeof(*o));

    o->fd = fd;
    o->file = file;
    o->inode = inode;
    o->mode = mode;
    o->dev_minor = 5;
}

static void opened(const char *path, uint32_t flags, uint32_t fd, uint64_t file, uint64_t inode)
{
    uint64_t seq = build__enter(&records, 1, 257, 4, (uint64_t[]){0xffffff9c, 0x1000, flags, 0600});

    build__snippet(&records, QBK_SNIP_MEM, 0x1000, path, (uint32_t)strlen(path) + 1, strlen(path) + 1, QBK_SNIP_STRING,
                   1, 0);
    object(fd, file, inode, 0100600);
    build__return(&records, 1, seq, QBK_END_RETURNED, fd);
    build__snippet(&records, QBK_SNIP_FD, fd, path, (uint32_t)strlen(path), strlen(path), 0, 0xff, 0);
}

#define CREATE 0102u
#define TRUNC  01001u
#define APPEND 02001u

static void wrote(uint32_t fd, const char *bytes, uint32_t have, uint64_t full)
{
    uint64_t seq = build__enter(&records, 1, 1, 3, (uint64_t[]){fd, 0x2000, full});

    build__snippet(&records, QBK_SNIP_MEM, 0x2000, bytes, have, full, 0, 1, 0);
    build__return(&records, 1, seq, QBK_END_RETURNED, full);
}

static void wrote_at(uint32_t fd, const char *bytes, uint64_t offset)
{
    size_t len = strlen(bytes);
    uint64_t seq = build__enter(&records, 1, 18, 4, (uint64_t[]){fd, 0x2000, len, offset});

    build__snippet(&records, QBK_SNIP_MEM, 0x2000, bytes, (uint32_t)len, len, 0, 1, 0);
    build__return(&records, 1, seq, QBK_END_RETURNED, len);
}

static void simple(uint32_t nr, uint64_t result, uint64_t a, uint64_t b, uint64_t c)
{
    build__return(&records, 1, build__enter(&records, 1, nr, 3, (uint64_t[]){a, b, c}), QBK_END_RETURNED, result);
}

static const char *cwd; /* of calls that name files, where it is told */

static void named(uint32_t nr, const char *one, const char *other)
{
    uint64_t seq = build__enter(&records, 1, nr, other ? 2 : 1, (uint64_t[]){0x3000, 0x5000});

    build__snippet(&records, QBK_SNIP_MEM, 0x3000, one, (uint32_t)strlen(one) + 1, strlen(one) + 1, QBK_SNIP_STRING, 0,
                   0);
    if (other)
        build__snippet(&records, QBK_SNIP_MEM, 0x5000, other, (uint32_t)strlen(other) + 1, strlen(other) + 1,
                       QBK_SNIP_STRING, 1, 0);
    if (cwd)
        build__snippet(&records, QBK_SNIP_CWD, 0, cwd, (uint32_t)strlen(cwd), strlen(cwd), 0, 0xff, 0);
    build__return(&records, 1, seq, QBK_END_RETURNED, 0);
}

#define CLOSE(fd) simple(3, 0, fd, 0, 0)

static void test_written(void **state)
{
    (void)state;
    opened("/tmp/a", CREATE | TRUNC, 3, 0xa0, 100);
    wrote(3, "hello ", 6, 6);
    wrote_at(3, "HE", 0);
    wrote(3, "world", 5, 5); /* pwrite moves nothing */
    simple(8, 14, 3, 3, 1);  /* lseek(3, 3, SEEK_CUR) */
    wrote(3, "!", 1, 1);
    simple(77, 0, 3, 20, 0); /* ftruncate */
    CLOSE(3);
    opened("/tmp/a", APPEND, 3, 0xa1, 100);
    wrote(3, "end", 3, 3);
    CLOSE(3);
    run();
    is_whole(line_of("/tmp/a", 0), "HEllo world\0\0\0!\0\0\0\0\0", 20);
    is_whole(line_of("/tmp/a", 1), "HEllo world\0\0\0!\0\0\0\0\0end", 23);
    assert_null(line_of(NULL, 2));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(line_of(NULL, 0), "writer"), "pid")), 50);
}

static void test_names(void **state)
{
    (void)state;
    opened("/tmp/a", CREATE | TRUNC, 3, 0xa0, 100);
    wrote(3, "one", 3, 3);
    CLOSE(3);
    opened("/tmp/b", CREATE | TRUNC, 3, 0xa1, 101);
    wrote(3, "two", 3, 3);
    named(82, "/tmp/x/../b", "/tmp/a"); /* rename over a, while b is open */
    wrote(3, "!", 1, 1);
    CLOSE(3);
    named(87, "/tmp//a", NULL);
    opened("/tmp/c", CREATE | TRUNC, 3, 0xa1, 101); /* the inode's number again */
    wrote(3, "three", 5, 5);
    CLOSE(3);
    run();
    is_whole(line_of("/tmp/a", 0), "one", 3);
    is_whole(line_of("/tmp/a", 1), "two!", 4);
    assert_true(json_is_false(json_object_get(line_of("/tmp/a", 1), "deleted")));
    is_whole(line_of("/tmp/a", 2), "two!", 4);
    assert_true(json_is_true(json_object_get(line_of("/tmp/a", 2), "deleted")));
    is_whole(line_of("/tmp/c", 0), "three", 5);
}

/* What has neither a slash at its front nor a descriptor beside it begins at the working directory. */
static void test_relative(void **state)
{
    (void)state;
    opened("/tmp/w/a", CREATE | TRUNC, 3, 0xa0, 100);
    wrote(3, "one", 3, 3);
    CLOSE(3);
    cwd = "/tmp/w";
    named(82, "a", "../b");
    named(87, "a", NULL); /* nothing of this name is left */
    cwd = "/tmp";
    named(87, "./b", NULL);
    cwd = NULL;
    opened("/tmp/c", CREATE | TRUNC, 3, 0xa1, 101);
    wrote(3, "two", 3, 3);
    CLOSE(3);
    named(87, "c", NULL); /* where that is, is not known */
    run();
    is_whole(line_of("/tmp/w/a", 0), "one", 3);
    assert_string_equal(json_string_value(json_object_get(line_of("/tmp/b", 0), "why")), "renamed");
    assert_string_equal(json_string_value(json_object_get(line_of("/tmp/b", 1), "why")), "deleted");
    assert_null(line_of("/tmp/w/a", 1));
    assert_true(json_is_false(json_object_get(line_of("/tmp/c", 0), "deleted")));
    assert_null(line_of("/tmp/c", 1));
}

static void test_cut_short(void **state)
{
    (void)state;
    opened("/tmp/a", CREATE | TRUNC, 3, 0xa0, 100);
    wrote(3, "abcd", 2, 4);
    opened("/tmp/old", 1, 4, 0xa1, 101); /* was there before */
    wrote(4, "new", 3, 3);
    opened("/tmp/log", APPEND, 5, 0xa2, 102); /* appended to something */
    wrote(5, "line", 4, 4);
    object(6, 0xa3, 103, 0100600); /* opened before tracing began */
    wrote(6, "where?", 6, 6);
    run();
    assert_true(lacks(line_of("/tmp/a", 0), "bytes"));
    assert_int_equal(json_integer_value(json_object_get(line_of("/tmp/a", 0), "known")), 2);
    assert_true(lacks(line_of("/tmp/old", 0), "size"));
    assert_true(lacks(line_of("/tmp/log", 0), "size"));
    assert_true(lacks(line_of(NULL, 0), "bytes") || lacks(line_of(NULL, 0), "size"));
    for (unsigned i = 0; i < 4; i++)
        assert_true(json_is_false(json_object_get(line_of(NULL, i), "complete")));
}

static void test_copies(void **state)
{
    uint64_t seq;

    (void)state;
    opened("/tmp/a", CREATE | TRUNC, 3, 0xa0, 100);
    wrote(3, "0123456789", 10, 10);
    opened("/tmp/a", 0, 4, 0xa1, 100);
    opened("/tmp/b", CREATE | TRUNC, 5, 0xa2, 101);
    simple(8, 2, 4, 2, 0);
    simple(40, 4, 5, 4, 0);                                                       /* sendfile(5, 4, NULL, …) */
    seq = build__enter(&records, 1, 326, 6, (uint64_t[]){4, 0x7000, 5, 0, 3, 0}); /* copy_file_range */
    build__snippet(&records, QBK_SNIP_MEM, 0x7000, "\7\0\0\0\0\0\0\0", 8, 8, 0, 1, 0);
    build__return(&records, 1, seq, QBK_END_RETURNED, 3);
    CLOSE(5);
    run();
    is_whole(line_of("/tmp/b", 0), "2345789", 7);
}

static void last(uint64_t look, uint64_t sent, uint64_t absent)
{
    struct qbk_pages *rec = build__pages(&records, 0, look, 0, NULL, 0);

    rec->flags = QBK_PAGES_LAST;
    rec->sent = sent;
    rec->absent = absent;
}

/* What looks tell: of a program that was there before, one in memory, and ones that were not told whole. */
static void test_looks(void **state)
{
    struct qbk_file *f;

    (void)state;
    build__file(&records, 1, 1, 200, 5, "/bin/run")->why = QBK_FILE_STARTED;
    build__pages(&records, 1, 1, 0, "01234", 5);
    last(1, 5, 0);
    f = build__file(&records, 1, 2, 201, 8, "/memfd:x");
    f->why = QBK_FILE_STARTED;
    f->flags |= QBK_FILE_IN_MEMORY;
    f->links = 0;
    build__pages(&records, 1, 2, 0, "ab", 2);
    build__pages(&records, 1, 2, 6, "gh", 2);
    last(2, 4, 0);
    build__file(&records, 1, 3, 202, 8, "/bin/holes")->why = QBK_FILE_RUN; /* a disk's: not in the cache */
    build__pages(&records, 1, 3, 0, "ab", 2);
    last(3, 2, 0);
    build__file(&records, 1, 4, 203, 8, "/bin/lost")->why = QBK_FILE_RUN;
    build__pages(&records, 1, 4, 0, "abcdefgh", 8);
    last(4, 16, 0);
    build__file(&records, 1, 5, 204, 4, "/bin/long")->why = QBK_FILE_RUN; /* more than its size */
    build__pages(&records, 1, 5, 0, "abcdefgh", 8);
    build__pages(&records, 1, 5, UINT64_MAX - 4, "abcdefgh", 8);
    build__pages(&records, 1, 77, 0, "nobody's", 8);
    last(5, 16, 0);
    run();
    is_whole(line_of("/bin/run", 0), "01234", 5);
    assert_true(json_is_false(json_object_get(line_of("/bin/run", 0), "written")));
    assert_string_equal(json_string_value(json_object_get(line_of("/bin/run", 0), "why")), "executed");
    is_whole(line_of("/memfd:x", 0), "ab\0\0\0\0gh", 8);
    assert_true(lacks(line_of("/bin/holes", 0), "bytes"));
    assert_true(lacks(line_of("/bin/lost", 0), "look"));
    is_whole(line_of("/bin/long", 0), "abcd", 4);
}

/* What was appended to something that was there before, and the size that a look told of it then. */
static void test_looked_at_first(void **state)
{
    struct qbk_file *f;

    (void)state;
    f = build__file(&records, 1, 1, 100, 0, "/tmp/new");
    f->why = QBK_FILE_OPENED;
    f->flags = 0;
    opened("/tmp/new", APPEND, 3, 0xa0, 100);
    wrote(3, "line\n", 5, 5);
    f = build__file(&records, 1, 2, 101, 3, "/tmp/old");
    f->why = QBK_FILE_OPENED;
    f->flags = 0;
    opened("/tmp/old", APPEND, 4, 0xa1, 101);
    wrote(4, "line\n", 5, 5);
    run();
    is_whole(line_of("/tmp/new", 0), "line\n", 5);
    assert_true(lacks(line_of("/tmp/old", 0), "bytes"));
    assert_int_equal(json_integer_value(json_object_get(line_of("/tmp/old", 0), "known")), 5);
    assert_int_equal(json_integer_value(json_object_get(line_of("/tmp/old", 0), "size")), 8);
}

/* A file that is as long as the guest says takes no room on our disk, and no time. */
static void test_far_away(void **state)
{
    struct stat st;
    g_autofree char *sum = NULL, *path = NULL;

    (void)state;
    options.files.size = 1 << 20;
    opened("/tmp/a", CREATE | TRUNC, 3, 0xa0, 100);
    wrote_at(3, "far", 1ull << 40);
    wrote_at(3, "farther", INT64_MAX - 7);
    wrote_at(3, "near", 0);
    run();
    assert_true(lacks(line_of("/tmp/a", 0), "size_limit"));
    sum = g_strdup(json_string_value(json_object_get(line_of("/tmp/a", 0), "sha256")));
    path = g_build_filename(dir, sum, NULL);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 1 << 20);
    assert_true(st.st_blocks * 512 < 65536);
}

/* No name of the guest is a name of ours, and the manifest stays one object a line. */
static void test_hostile_names(void **state)
{
    static char longest[4096];
    const char *const names[] = {"/tmp/../../../../etc/passwd", "/tmp/a\nb\r\x1b[2J\x7f", "/tmp/\xff\xfe\"\\", "..",
                                 longest};
    GDir *d;
    const char *name;
    unsigned files = 0;

    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    longest[0] = '/';
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        char data[2] = {(char)('a' + i), 0};

        opened(names[i], CREATE | TRUNC, 3, 0xa0 + i, 100 + i);
        wrote(3, data, 1, 1);
        CLOSE(3);
    }
    run();
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_utf8_validate(names[i], -1, NULL))
            assert_non_null(line_of(names[i], 0));
    }
    assert_non_null(line_of(NULL, G_N_ELEMENTS(names) - 1));
    d = g_dir_open(dir, 0, NULL);
    while ((name = g_dir_read_name(d)) != NULL) {
        files++;
        assert_true(strcmp(name, "manifest.jsonl") == 0 ||
                    (strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64));
    }
    g_dir_close(d);
    assert_int_equal(files, G_N_ELEMENTS(names) + 1);
}

static void test_many(void **state)
{
    json_t *end;

    (void)state;
    options.files.count = 10;
    for (unsigned i = 0; i < 100; i++) {
        g_autofree char *path = g_strdup_printf("/tmp/%u", i);

        opened(path, CREATE | TRUNC, 3, 0xa0, 100 + i);
        wrote(3, path, (uint32_t)strlen(path), strlen(path));
        CLOSE(3);
        named(87, path, NULL);
    }
    run();
    end = json_array_get(manifest, json_array_size(manifest) - 1);
    assert_string_equal(json_string_value(json_object_get(end, "type")), "end");
    assert_int_equal(json_integer_value(json_object_get(end, "files")), 10);
    assert_true(json_integer_value(json_object_get(end, "left_out")) >= 90);
}

/* ---- NT ---- */

static void nt_handle(uint64_t handle, const char *path)
{
    g_autofree char *name = g_strdup_printf("File%c%s", 1, path);
    uint32_t len = (uint32_t)strlen(name);

    name[4] = 0;
    build__snippet(&records, QBK_SNIP_HANDLE, handle, name, len, len, 0, 0, 0);
}

static void nt_memory(uint64_t at, const void *bytes, uint32_t len)
{
    build__snippet(&records, QBK_SNIP_MEM, at, bytes, len, len, 0, 0, 0);
}

/* NtCreateFile; information: what became of it. */
static void nt_opens(const char *path, uint64_t handle, uint64_t information, uint64_t create_options)
{
    uint64_t args[11] = {0x1000, 0x40000000, 0x2000, 0x4000, 0, 0, 0, 5, create_options, 0, 0};
    uint64_t call = build__enter(&records, 2, 1, 11, args);

    build__return(&records, 2, call, QBK_END_RETURNED, 0);
    nt_memory(0x1000, &handle, 8);
    nt_memory(0x4000, (uint64_t[]){0, information}, 16);
    nt_handle(handle, path);
}

/* offset -2: where the file is at. */
static void nt_moves(bool writes, uint64_t handle, const char *path, const char *bytes, int64_t offset, bool later)
{
    uint64_t len = strlen(bytes), args[9] = {handle, 0, 0, 0, 0x4000, 0x5000, len, offset == -2 ? 0 : 0x6000, 0};
    uint64_t call = build__enter(&records, 2, writes ? 2 : 3, 9, args);

    nt_memory(0x5000, bytes, (uint32_t)len);
    nt_memory(0x6000, &offset, 8);
    nt_handle(handle, path);
    build__return(&records, 2, call, later ? QBK_END_PENDING : QBK_END_RETURNED, later ? 0x103 : 0);
    if (later)
        build__completion(&records, 2, call, 0, len);
    nt_memory(0x4000, (uint64_t[]){0, len}, 16);
}

static void nt_sets(uint64_t handle, const char *path, uint64_t class, const void *info, uint32_t len)
{
    uint64_t call = build__enter(&records, 2, 4, 5, (uint64_t[]){handle, 0x4000, 0x3000, len, class});

    nt_memory(0x3000, info, len);
    nt_handle(handle, path);
    build__return(&records, 2, call, QBK_END_RETURNED, 0);
}

static void nt_closes(uint64_t handle, const char *path)
{
    uint64_t call = build__enter(&records, 2, 5, 1, (uint64_t[]){handle});

    nt_handle(handle, path);
    build__return(&records, 2, call, QBK_END_RETURNED, 0);
}

static void nt_begins(void)
{
    build__guest(&records, "os", "nt", "how", "told", "services",
                 "1 NtCreateFile, 2 NtWriteFile, 3 NtReadFile, 4 NtSetInformationFile, 5 NtClose", NULL);
    build__thread(&records, 2, 80, "cmd.exe")->os = 1;
    records.abi = QBK_ABI_NT_X64;
}

/* Written by position, by offset and at the end, at once and later; renamed, run, and gone with its last handle. */
static void test_nt(void **state)
{
    uint8_t rename[40] = {0};
    const uint32_t len = 10;
    const uint64_t two = 2, four = 4;

    (void)state;
    memcpy(rename + 16, &len, sizeof(len));
    memcpy(rename + 20, u"b.exe", len);
    nt_begins();
    nt_opens("C:\\t\\a.tmp", 0x44, 2, 0);
    nt_moves(true, 0x44, "C:\\t\\a.tmp", "abc", -2, false);
    nt_moves(true, 0x44, "c:\\T\\A.tmp", "def", -2, true);
    nt_moves(true, 0x44, "C:\\t\\a.tmp", "XY", 1, false);
    nt_moves(true, 0x44, "C:\\t\\a.tmp", "end", -1, false);
    nt_sets(0x44, "C:\\t\\a.tmp", 14, &four, 8);
    nt_moves(false, 0x44, "C:\\t\\a.tmp", "e", -2, false);
    nt_moves(true, 0x44, "C:\\t\\a.tmp", "!", -2, false);
    nt_closes(0x44, "C:\\t\\a.tmp");
    nt_opens("C:\\t\\a.tmp", 0x48, 1, 0x1000);
    nt_sets(0x48, "C:\\t\\a.tmp", 65, rename, 30);
    build__name(&records, 2, QBK_NAME_EXE, "C:\\T\\B.EXE");
    nt_sets(0x48, "C:\\t\\b.exe", 20, &two, 8);
    nt_closes(0x48, "C:\\t\\b.exe");
    nt_moves(true, 0x4c, "\\Device\\NamedPipe\\p", "not a file", -2, false);
    run();
    is_whole(line_of("C:\\t\\a.tmp", 0), "aXYde!end", 9);
    assert_string_equal(json_string_value(json_object_get(line_of("C:\\t\\a.tmp", 0), "why")), "closed");
    is_whole(line_of("C:\\t\\b.exe", 0), "aXYde!end", 9);
    assert_true(json_is_true(json_object_get(line_of("C:\\t\\b.exe", 0), "executed")));
    assert_null(json_object_get(line_of("C:\\t\\b.exe", 0), "inode"));
    is_whole(line_of("C:\\t\\b.exe", 1), "aX", 2);
    assert_string_equal(json_string_value(json_object_get(line_of("C:\\t\\b.exe", 1), "why")), "deleted");
    assert_null(line_of(NULL, 3));
}

/* Where it begins is not known: what was there before, or where the file was at. */
static void test_nt_unknown(void **state)
{
    (void)state;
    nt_begins();
    nt_moves(true, 0x44, "C:\\old", "x", 2, false);
    nt_closes(0x44, "C:\\old");
    nt_moves(true, 0x48, "D:\\other", "y", -2, false);
    nt_closes(0x48, "D:\\other");
    run();
    assert_true(lacks(line_of("C:\\old", 0), "bytes"));
    assert_true(lacks(line_of("D:\\other", 0), "bytes") || lacks(line_of("D:\\other", 0), "size"));
}

static void test_limits(void **state)
{
    static const char *const bad[] = {"", "0", "x", "1,", "1,2,3,4", "-1", "1T", "16M 5", "99999999999G", "1,0"};
    struct store_limits l = {1, 2, 3};

    (void)state;
    assert_true(files_limits__parse("16M", &l));
    assert_true(l.size == 16u << 20 && l.count == 2 && l.total == 3);
    assert_true(files_limits__parse("1k,5,2G", &l));
    assert_true(l.size == 1024 && l.count == 5 && l.total == 2ull << 30);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_false(files_limits__parse(bad[i], &l));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
    const struct CMUnitTest tests[] = {CASE(written),
                                       CASE(names),
                                       CASE(relative),
                                       CASE(cut_short),
                                       CASE(copies),
                                       CASE(far_away),
                                       CASE(looks),
                                       CASE(looked_at_first),
                                       CASE(hostile_names),
                                       CASE(many),
                                       CASE(nt),
                                       CASE(nt_unknown),
                                       cmocka_unit_test(test_limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
