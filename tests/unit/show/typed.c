// SPDX-License-Identifier: GPL-2.0-or-later
/* Terminals: what was typed, what was shown, and how each is told from the others. */
#include "shown.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#include "show/typed/line.h"

#define NR_READ   0
#define NR_WRITE  1
#define NR_OPENAT 257
#define BUFFER    0x7f0000
#define SERVER    1 /* threads: holds the masters, reads from the slaves */
#define SHELL     2
#define MASTER    UINT64_C(0xffff888000001000)
#define SLAVE     UINT64_C(0xffff888000002000)
#define COOKED    (QBK_TTY_ICANON | QBK_TTY_ECHO)

static struct build records;
static struct show_options options;
static char *folder;

static int setup(void **state)
{
    (void)state;
    build__init(&records);
    show_options__init(&options);
    build__thread(&records, SERVER, 100, "sshd");
    struct qbk_thread *shell = build__thread(&records, SHELL, 200, "sh");
    shell->parent_thread = SERVER;
    shell->why = QBK_THREAD_BORN;
    shell->uid = 1000;
    folder = g_dir_make_tmp("qebek-typed-XXXXXX", NULL);
    assert_non_null(folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    build__free(&records);
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_unlink(path);
    }
    g_clear_pointer(&dir, g_dir_close);
    g_rmdir(folder);
    g_clear_pointer(&folder, g_free);
    return 0;
}

static struct qbk_object *tty(uint64_t thread, uint32_t fd, enum qbk_tty_side side, uint32_t lflag)
{
    struct qbk_object *o = build__object(&records, thread, fd, 3);
    o->mode = 0020620;
    o->kind = QBK_OBJECT_TTY;
    o->rdev_major = side == QBK_TTY_MASTER ? 5 : 136;
    o->rdev_minor = side == QBK_TTY_MASTER ? 2 : 0;
    o->tty_side = (uint16_t)side;
    o->tty_major = side == QBK_TTY_MASTER ? 128 : 136;
    o->tty = side == QBK_TTY_MASTER ? MASTER : SLAVE;
    o->tty_other = side == QBK_TTY_MASTER ? SLAVE : MASTER;
    o->rows = 24;
    o->columns = 80;
    o->lflag = lflag;
    return o;
}

static void serial(uint64_t thread, uint32_t fd, uint32_t lflag)
{
    struct qbk_object *o = tty(thread, fd, QBK_TTY_TERMINAL, lflag);
    o->rdev_major = o->tty_major = 4;
    o->rdev_minor = 64;
    o->tty_other = 0;
    o->oflag = QBK_TTY_OPOST | QBK_TTY_ONLCR;
}

/* The master's side is opened: another terminal from here on. */
static void opens(uint64_t thread, uint32_t fd)
{
    uint64_t call = build__enter(&records, thread, NR_OPENAT, 4, (uint64_t[]){0, 0, 0, 0});
    tty(thread, fd, QBK_TTY_MASTER, COOKED)->why = QBK_OBJECT_INSTALLED;
    build__return(&records, thread, call, QBK_END_RETURNED, fd);
}

static void moves(uint64_t thread, uint32_t nr, uint64_t fd, const char *text, size_t len)
{
    uint64_t call = build__enter(&records, thread, nr, 3, (uint64_t[]){fd, BUFFER, 65536});
    if (nr == NR_WRITE)
        build__snippet(&records, QBK_SNIP_MEM, BUFFER, text, (uint32_t)len, len, 0, 1, 0);
    build__return(&records, thread, call, QBK_END_RETURNED, len);
    if (nr == NR_READ)
        build__snippet(&records, QBK_SNIP_MEM, BUFFER, text, (uint32_t)len, len, 0, 1, 0);
}

static void reads(uint64_t thread, uint64_t fd, const char *text)
{
    moves(thread, NR_READ, fd, text, strlen(text));
}

static void writes(uint64_t thread, uint64_t fd, const char *text)
{
    moves(thread, NR_WRITE, fd, text, strlen(text));
}

/* ---- lines ---- */

static void keys_edit_a_line(void **state)
{
    static const struct {
        const char *typed, *line;
    } cases[] = {
        {"ls -l", "ls -l"},
        {"lx\x7fs", "ls"},
        {"lx\bs", "ls"},
        {"\x7f\x7f"
         "a",
         "a"},
        {"\xc3\xbc\x7f"
         "a",
         "a"}, /* a character of two bytes at once */
        {"a\xe2\x82\xac\x1b[D\x1b[Db", "ba\xe2\x82\xac"},
        {"rm -rf /\x15ls", "ls"},
        {"echo one two\x17three", "echo one three"},
        {"echo one two  \x17three", "echo one three"},
        {"secnd\x1b[D\x1b[Do", "second"},
        {"scond\x1bOH\x1b[Ce", "second"},
        {"econd\x01s\x05!", "second!"},
        {"abcd\x02\x02\x0b", "ab"},
        {"abc\x1b[D\x1b[3~", "ab"},
        {"abc\x01\x04", "bc"},
        {"one two\x1b"
         "bx",
         "one xtwo"},
        {"one two\x01\x1b"
         "fx",
         "onex two"},
        {"one two\x01\x1b"
         "d",
         " two"},
        {"\x1b[200~pasted\x1b[201~", "pasted"},
        {"a\x1b[24;80Rb", "ab"},                         /* the terminal's answer to a question */
        {"a\x1b[1;1;1;1;1;1;1;1;1;1;1;1", "a1;1;1;1;1"}, /* too long for a key */
        {"a\x1b[Cb\x1b[Fc\x1b[Hd", "dabc"},
        {"tab\tled", "tabled"},
    };
    struct line line;
    (void)state;
    line__init(&line);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        line__reset(&line);
        for (const char *c = cases[i].typed; *c; c++)
            assert_int_equal(line__key(&line, *c), LINE_GOES_ON);
        assert_string_equal(line.text->str, cases[i].line);
    }
    line__clear(&line);
}

static void lines_end_once(void **state)
{
    struct line line;
    (void)state;
    line__init(&line);
    assert_int_equal(line__key(&line, '\r'), LINE_ENTERED);
    assert_int_equal(line__key(&line, '\n'), LINE_GOES_ON);
    assert_int_equal(line__key(&line, '\n'), LINE_ENTERED);
    assert_int_equal(line__key(&line, '\r'), LINE_ENTERED);
    assert_int_equal(line__key(&line, '\r'), LINE_ENTERED);
    assert_int_equal(line__key(&line, 3), LINE_INTERRUPTED);
    line__clear(&line);
}

static void any_keys_leave_a_line_whole(void **state)
{
    struct line line;
    uint32_t random = 1;
    (void)state;
    line__init(&line);
    for (unsigned i = 0; i < 300000; i++) {
        random = random * 1664525 + 1013904223;
        char byte = (char)(random >> 24);
        if (line__key(&line, byte == '\r' || byte == '\n' || byte == 3 ? 'x' : byte) != LINE_GOES_ON)
            fail();
        assert_true(line.cursor <= line.text->len && line.text->len <= LINE_MAX_BYTES && line.escape_len < 16);
    }
    line__clear(&line);
}

/* ---- keys ---- */

/* Everything behind the time of each line. */
static void typed_is(const char *want)
{
    g_autofree char *text = shown(&records, "keys", &options);
    g_autoptr(GString) got = g_string_new(NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line && **line; line++)
        g_string_append_printf(got, "%s\n", strchr(*line, ' ') + 1);
    assert_string_equal(got->str, want);
}

static void a_line_that_the_terminal_edits(void **state)
{
    (void)state;
    tty(SHELL, 0, QBK_TTY_SLAVE, COOKED);
    reads(SHELL, 0, "ls -l\n");
    reads(SHELL, 0, "echo a\nec");
    reads(SHELL, 0, "ho b\n");
    typed_is("local pts/0 uid 1000 sh[200]: ls -l\nlocal pts/0 uid 1000 sh[200]: echo a\n"
             "local pts/0 uid 1000 sh[200]: echo b\n");
}

static void a_password(void **state)
{
    (void)state;
    tty(SHELL, 0, QBK_TTY_SLAVE, QBK_TTY_ICANON);
    reads(SHELL, 0, "s3cret\n");
    tty(SHELL, 0, QBK_TTY_SLAVE, COOKED);
    reads(SHELL, 0, "ls\n");
    tty(SHELL, 0, QBK_TTY_SLAVE, 0); /* a shell that edits lines turns off both */
    reads(SHELL, 0, "l");
    reads(SHELL, 0, "s\r");
    typed_is("local pts/0 uid 1000 sh[200] (echo off): s3cret\nlocal pts/0 uid 1000 sh[200]: ls\n"
             "local pts/0 uid 1000 sh[200]: ls\n");
}

static void what_is_marked(void **state)
{
    (void)state;
    tty(SHELL, 0, QBK_TTY_SLAVE, 0);
    reads(SHELL, 0, "\x1b[A -a\r");
    reads(SHELL, 0, "cat /et\tpa\t\r");
    reads(SHELL, 0, "rm -rf /\x03");
    reads(SHELL, 0, "sleep 9");
    build__signal(&records, SHELL, 2, 0, QBK_SIGNAL_HANDLER);
    reads(SHELL, 0, "left");
    build__thread_exit(&records, SHELL, 0);
    typed_is("local pts/0 uid 1000 sh[200] (from history):  -a\n"
             "local pts/0 uid 1000 sh[200] (with completion): cat /etpa\n"
             "local pts/0 uid 1000 sh[200] (interrupted): rm -rf /\n"
             "local pts/0 uid 1000 sh[200] (interrupted): sleep 9\n"
             "local pts/0 uid 1000 sh[200] (not entered): left\n");
}

static void nothing_of_the_guest_reaches_the_reader_as_it_is(void **state)
{
    (void)state;
    build__thread(&records, SHELL, 200, "\x1b[2J\n")->why = QBK_THREAD_CHANGED;
    tty(SHELL, 0, QBK_TTY_SLAVE, COOKED);
    reads(SHELL, 0, "\x1b]0;x\a \xc3\xbc \xe2\x80\xae \xff \xc3\n");
    typed_is("local pts/0 uid 0 \\33[2J\\n[200]: \\33]0;x\\7 \xc3\xbc \\342\\200\\256 \\377 \\303\n");
}

static void what_is_no_terminal_is_not_typed(void **state)
{
    (void)state;
    build__object(&records, SHELL, 0, 77);
    reads(SHELL, 0, "from a file\n");
    tty(SERVER, 5, QBK_TTY_MASTER, COOKED);
    reads(SERVER, 5, "shown\n");
    serial(SHELL, 0, COOKED);
    reads(SHELL, 0, "on a line\n");
    typed_is("local ttyS0 uid 1000 sh[200]: on a line\n");
}

/* ---- cast ---- */

static char *file(const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

static void record(const char *kind)
{
    g_autofree char *spec = g_strdup_printf("%s:%s", kind, folder);
    g_free(shown(&records, spec, &options));
}

/* The events without their times. */
static void cast_is(const char *name, const char *header, const char *want)
{
    record("cast");
    g_autofree char *text = file(name);
    g_autoptr(GString) got = g_string_new(NULL);
    assert_non_null(text);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    assert_non_null(strstr(lines[0], header));
    for (char **line = lines + 1; *line && **line; line++)
        g_string_append_printf(got, "%s\n", strchr(*line, ' ') + 1);
    assert_string_equal(got->str, want);
}

static void a_session_at_the_masters_side(void **state)
{
    (void)state;
    opens(SERVER, 5);
    tty(SERVER, 5, QBK_TTY_MASTER, COOKED)->columns = 132;
    writes(SERVER, 5, "l");
    reads(SERVER, 5, "l");
    tty(SHELL, 0, QBK_TTY_SLAVE, COOKED)->columns = 132;
    writes(SHELL, 0, "not twice\n");
    tty(SERVER, 5, QBK_TTY_MASTER, COOKED)->columns = 100;
    reads(SERVER, 5, "\x1b[31mred\"\r\n");
    cast_is("0001.cast", "{\"version\": 2, \"width\": 132, \"height\": 24, \"timestamp\": ",
            "\"i\", \"l\"]\n\"o\", \"l\"]\n\"r\", \"100x24\"]\n\"o\", \"\\u001b[31mred\\\"\\u000d\\u000a\"]\n");
}

static void characters_that_are_split(void **state)
{
    (void)state;
    tty(SERVER, 5, QBK_TTY_MASTER, COOKED);
    reads(SERVER, 5, "a\xe2");
    reads(SERVER, 5, "\x82");
    writes(SERVER, 5, "\xc3"); /* what is typed is another stream */
    reads(SERVER, 5,
          "\xac"
          "b\xff\xf0\x9f");
    cast_is("0001.cast", "\"width\": 80",
            "\"o\", \"a\"]\n\"o\", \"\xe2\x82\xac"
            "b\\ufffd\"]\n\"o\", \"\\ufffd\\ufffd\"]\n"
            "\"i\", \"\\ufffd\"]\n");
}

static void a_terminal_of_its_own(void **state)
{
    (void)state;
    serial(SHELL, 0, COOKED);
    writes(SHELL, 0, "$ ");
    reads(SHELL, 0, "ls\n");
    serial(SHELL, 0, QBK_TTY_ICANON);
    reads(SHELL, 0, "secret\n");
    cast_is("0001.cast", "\"title\": \"ttyS0\"",
            "\"o\", \"$ \"]\n\"i\", \"ls\\u000a\"]\n\"o\", \"ls\\u000d\\u000a\"]\n\"i\", \"secret\\u000a\"]\n");
}

static void what_was_not_captured_is_told(void **state)
{
    (void)state;
    tty(SERVER, 5, QBK_TTY_MASTER, COOKED);
    uint64_t call = build__enter(&records, SERVER, NR_READ, 3, (uint64_t[]){5, BUFFER, 65536});
    build__return(&records, SERVER, call, QBK_END_RETURNED, 100);
    build__snippet(&records, QBK_SNIP_MEM, BUFFER, "abc", 3, 100, QBK_SNIP_TRUNCATED, 1, 0);
    cast_is("0001.cast", "\"width\"", "\"o\", \"abc\"]\n\"m\", \"97 bytes were not captured\"]\n");
}

static void each_opening_is_another_terminal(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        char text[16];
        opens(SERVER, 5);
        g_snprintf(text, sizeof(text), "%u", i);
        reads(SERVER, 5, text);
    }
    record("cast");
    g_autofree char *first = file("0001.cast"), *last = file("10000.cast");
    assert_non_null(first);
    assert_non_null(last);
    assert_non_null(strstr(first, "\"0\"]"));
    assert_non_null(strstr(last, "\"9999\"]"));
    assert_null(strstr(last, "\"9998\"]"));
}

#ifdef __SANITIZE_ADDRESS__
#define BYTES (1u << 17) /* the whole of it takes a minute there; the build without sanitizers has it */
#else
#define BYTES (1u << 20)
#endif

static void a_megabyte_byte_by_byte(void **state)
{
    const unsigned n = BYTES;
    g_autofree char *spec = g_strdup_printf("cast:%s", folder);
    struct show *show = show__new(&options, NULL);
    unsigned count = 0;
    (void)state;
    assert_int_equal(show__add_output(show, spec, 1, NULL), 0);
    tty(SERVER, 5, QBK_TTY_MASTER, COOKED);
    reads(SERVER, 5, "?");
    struct qbk_return *last = build__last(&records);
    const struct qbk_record *enter = records.records->pdata[records.records->len - 2];
    for (unsigned i = 0; i + 2 < records.records->len; i++)
        assert_int_equal(show__record(show, records.records->pdata[i]), 1);
    for (unsigned i = 0; i < n; i++) {
        ((char *)(last + 1))[sizeof(struct qbk_snippet)] = (char)('a' + i % 26);
        assert_int_equal(show__record(show, enter), 1);
        assert_int_equal(show__record(show, &last->h), 1);
    }
    assert_int_equal(show__finish(show), 0);
    show__free(show);
    show_options__clear(&options);
    g_autofree char *text = file("0001.cast");
    assert_non_null(text);
    /* Not strstr(): under the address sanitizer that measures the whole rest of the text each time. */
    const char *end = text + strlen(text);
    for (const char *at = text; (at = memmem(at, (size_t)(end - at), ", \"o\", \"", 8)); at += 8)
        assert_int_equal(at[8], 'a' + count++ % 26);
    assert_int_equal(count, n);
}

static void a_folder_is_needed(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    struct show *show = show__new(&options, NULL);
    g_autofree char *spec = g_strdup_printf("cast:%s/no/such", folder);
    assert_int_equal(show__add_output(show, "cast", 1, &error), -1);
    assert_non_null(strstr(error->message, "cast:DIR"));
    g_clear_error(&error);
    assert_int_equal(show__add_output(show, spec, 1, &error), -1);
    assert_non_null(strstr(error->message, "/no/such"));
    (void)show__finish(show);
    show__free(show);
    show_options__clear(&options);
}

static void a_failing_one_leaves_the_others(void **state)
{
    (void)state;
    struct show *show = show__new(&options, NULL);
    g_autofree char *cast = g_strdup_printf("cast:%s/gone", folder);
    g_autofree char *keys = g_strdup_printf("keys:%s", folder);
    g_autofree char *gone = g_build_filename(folder, "gone", NULL);
    tty(SERVER, 5, QBK_TTY_MASTER, COOKED);
    reads(SERVER, 5, "shown");
    tty(SHELL, 0, QBK_TTY_SLAVE, COOKED);
    reads(SHELL, 0, "typed\n");
    assert_int_equal(show__add_output(show, cast, 1, NULL), 0);
    assert_int_equal(show__add_output(show, keys, 1, NULL), 0);
    assert_int_equal(g_rmdir(gone), 0);
    for (unsigned i = 0; i < records.records->len; i++)
        (void)show__record(show, records.records->pdata[i]);
    show__tick(show);
    assert_int_equal(show__record(show, records.records->pdata[0]), 1); /* of two */
    assert_int_equal(show__finish(show), -1);
    show__free(show);
    show_options__clear(&options);
    g_autofree char *text = file("0001.keys");
    assert_non_null(text);
    assert_non_null(strstr(text, ": typed\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_edit_a_line),
        cmocka_unit_test(lines_end_once),
        cmocka_unit_test(any_keys_leave_a_line_whole),
        TEST(a_line_that_the_terminal_edits),
        TEST(a_password),
        TEST(what_is_marked),
        TEST(nothing_of_the_guest_reaches_the_reader_as_it_is),
        TEST(what_is_no_terminal_is_not_typed),
        TEST(a_session_at_the_masters_side),
        TEST(characters_that_are_split),
        TEST(a_terminal_of_its_own),
        TEST(what_was_not_captured_is_told),
        TEST(each_opening_is_another_terminal),
        TEST(a_megabyte_byte_by_byte),
        TEST(a_folder_is_needed),
        TEST(a_failing_one_leaves_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
