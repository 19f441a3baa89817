// SPDX-License-Identifier: GPL-2.0-or-later
/* Text for people, dumps, the table of calls, and outputs that fail. */
#include "shown.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct build records;
static struct show_options options;

static int setup(void **state)
{
    (void)state;
    build__init(&records);
    show_options__init(&options);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    build__free(&records);
    return 0;
}

static void call(uint32_t nr, uint64_t ns, uint64_t result)
{
    uint64_t seq = build__enter(&records, 1, nr, 0, NULL);

    records.time_ns += ns - 1000;
    build__return(&records, 1, seq, QBK_END_RETURNED, result);
}

/* Whatever the guest calls itself, a terminal sees printable text. */
static void test_hostile_text(void **state)
{
    uint64_t seq;

    (void)state;
    build__thread(&records, 1, 10, "\x1b]0;owned\a");
    build__thread(&records, 2, 11, "t")->pid = 10;
    build__guest(&records, "os", "linux\n", "release", "6.1\x1b[2J", NULL);
    seq = build__enter(&records, 1, 83, 2, (uint64_t[]){0x1000, 0700});
    build__snippet(&records, QBK_SNIP_MEM, 0x1000, "\x9b[A\n", 5, 5, QBK_SNIP_STRING, 0, 0);
    build__return(&records, 1, seq, QBK_END_RETURNED, 0);
    build__text(&records, QBK_ERROR, "no\rkernel");
    build__gap(&records, 7, 3, 3);
    build__thread_exit(&records, 2, 0);
    shown__is(shown(&records, "text", &options), "# guest os: linux\\n, release: 6.1\\33[2J\n"
                                                 "\\33]0;owned\\7[10] mkdir(\"\\233[A\\n\", 0700) = 0\n"
                                                 "# error no\\rkernel\n"
                                                 "# lost 7 records\n"
                                                 "t[10/11] +++ exited with 0 +++\n");
}

/* Without a known guest there is only the page table to tell programs apart. */
static void test_raw(void **state)
{
    struct qbk_thread *t = build__thread(&records, 1, -1, "");
    uint64_t seq;

    (void)state;
    t->tid = -1;
    t->page_table = 0x1234000;
    records.abi = QBK_ABI_RAW;
    seq = build__enter(&records, 1, 5, 2, (uint64_t[]){1, 0x10});
    build__return(&records, 1, seq, QBK_END_RETURNED, 0xff);
    shown__is(shown(&records, "text", &options), "?[cr3 0x1234000] syscall_0x5(0x1, 0x10) = 0xff\n");
}

/* A call that blocks is shown after a moment; before that it is not torn. */
static void test_patience(void **state)
{
    char *path = g_strdup("/tmp/qebek-test-XXXXXX"), *text = NULL;
    int fd = g_mkstemp(path);
    struct show *show = show__new(&options, NULL);
    uint64_t seq;

    (void)state;
    assert_int_equal(show__add_output(show, "text", fd, NULL), 0);
    build__thread(&records, 1, 10, "sh");
    seq = build__enter(&records, 1, 34, 0, NULL);
    show__record(show, records.records->pdata[0]);
    show__record(show, records.records->pdata[1]);
    show__tick(show);
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_string_equal(text, "");
    g_free(text);
    g_usleep(120000);
    show__tick(show);
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_string_equal(text, "sh[10] pause( <unfinished ...>\n");
    g_free(text);
    build__return(&records, 1, seq, QBK_END_RETURNED, (uint64_t)-4);
    show__record(show, records.records->pdata[2]);
    assert_int_equal(show__finish(show), 0);
    show__free(show);
    show_options__clear(&options);
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    shown__is(text, "sh[10] pause( <unfinished ...>\n"
                    "sh[10] <... pause resumed>)             = -1 EINTR (Interrupted system call)\n");
    close(fd);
    g_unlink(path);
    g_free(path);
}

/* As `strace -e read=all -e write=all` dumps it. */
static void test_dump(void **state)
{
    static const char text[] = "0123456789abcdefghij\1\377 xyz|";
    uint64_t iov[4] = {0x2000, 3, 0x2003, 7}, seq;

    (void)state;
    build__thread(&records, 1, 25274, "io");
    seq = build__enter(&records, 1, 1, 3, (uint64_t[]){4, 0x1000, 27});
    build__snippet(&records, QBK_SNIP_MEM, 0x1000, text, 27, 27, 0, 1, 0);
    build__return(&records, 1, seq, QBK_END_RETURNED, 27);
    seq = build__enter(&records, 1, 19, 3, (uint64_t[]){3, 0x3000, 2});
    build__snippet(&records, QBK_SNIP_MEM, 0x3000, iov, sizeof(iov), sizeof(iov), 0, 1, 0);
    build__return(&records, 1, seq, QBK_END_RETURNED, 5);
    build__snippet(&records, QBK_SNIP_MEM, 0x2000, "abc", 3, 3, 0, 1, 1);
    build__snippet(&records, QBK_SNIP_MEM, 0x2003, "de", 2, 2, 0, 1, 1);
    seq = build__enter(&records, 1, 0, 3, (uint64_t[]){3, 0x1000, 100});
    build__return(&records, 1, seq, QBK_END_RETURNED, 20);
    build__snippet(&records, QBK_SNIP_MEM, 0x1000, text, 16, 20, QBK_SNIP_TRUNCATED, 1, 0);
    seq = build__enter(&records, 1, 0, 3, (uint64_t[]){5, 0x1000, 100}); /* nobody asked for 5 */
    build__return(&records, 1, seq, QBK_END_RETURNED, 1);
    build__snippet(&records, QBK_SNIP_MEM, 0x1000, "x", 1, 1, 0, 1, 0);
    seq = build__enter(&records, 1, 0, 3, (uint64_t[]){3, 0x1000, 100});
    build__return(&records, 1, seq, QBK_END_RETURNED, (uint64_t)-11);
    assert_true(number_set__parse(&options.dump_reads, "3", NULL));
    assert_true(number_set__parse(&options.dump_writes, "all", NULL));
    shown__is(shown(&records, "strace", &options),
              "25274 write(4, \"0123456789abcdefghij\\1\\377 xyz|\", 27) = 27\n"
              " | 00000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef |\n"
              " | 00010  67 68 69 6a 01 ff 20 78  79 7a 7c                 ghij.. xyz|      |\n"
              "25274 readv(3, [{iov_base=\"abc\", iov_len=3}, {iov_base=\"de\", iov_len=7}], 2) = 5\n"
              " * 3 bytes in buffer 0\n"
              " | 00000  61 62 63                                          abc              |\n"
              " * 2 bytes in buffer 1\n"
              " | 00000  64 65                                             de               |\n"
              "25274 read(3, \"0123456789abcdef\"..., 100) = 20\n"
              " | 00000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef |\n"
              " | 00010  (4 bytes more were not captured)\n"
              "25274 read(5, \"x\", 100)                 = 1\n"
              "25274 read(3, 0x1000, 100)              = -1 EAGAIN (Resource temporarily unavailable)\n");
}

static void some_calls(void)
{
    build__thread(&records, 1, 10, "sh");
    call(39, 1000000, 10);
    call(39, 3000000, 10);
    call(102, 4000000, 0);
    call(57, 2000000, (uint64_t)-11);
    call(104, 2000000, 0);
    build__return(&records, 1, build__enter(&records, 1, 34, 0, NULL), QBK_END_THREAD_GONE, 0);
}

#define RULE "------ ----------- ----------- --------- --------- ----------------\n"

static void test_table(void **state)
{
    (void)state;
    some_calls();
    shown__is(shown(&records, "summary", &options), "% time     seconds  usecs/call     calls    errors syscall\n" RULE
                                                    " 33.33    0.004000        2000         2           getpid\n"
                                                    " 33.33    0.004000        4000         1           getuid\n"
                                                    " 16.67    0.002000        2000         1         1 fork\n"
                                                    " 16.67    0.002000        2000         1           getgid\n" RULE
                                                    "100.00    0.012000        2400         5         1 total\n"
                                                    "ends: returned 5 thread_gone 1\n");
}

/* The first column of names in the order that each key asks for. */
static void test_orders(void **state)
{
    static const char *const rows[][2] = {
        {"calls", "getpid fork getuid getgid"},   {"errors", "fork getpid getuid getgid"},
        {"name", "fork getgid getpid getuid"},    {"min-time", "getuid fork getgid getpid"},
        {"longest", "getuid getpid fork getgid"}, {"avg-time", "getuid getpid fork getgid"},
        {"nothing", "getpid fork getuid getgid"},
    };

    (void)state;
    some_calls();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) got = g_string_new(NULL);

        options.sort = rows[i][0];
        char *text = shown(&records, "summary", &options);
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        for (unsigned n = 2; n < 6; n++)
            g_string_append_printf(got, "%s%s", n > 2 ? " " : "", strrchr(lines[n], ' ') + 1);
        g_free(text);
        shown__is(g_string_free(g_steal_pointer(&got), FALSE), rows[i][1]);
        show_options__init(&options);
    }
    assert_false(summary__is_order("sometimes"));
    show_options__clear(&options);
}

/* However many numbers a guest makes up, the table stays one that can be held. */
static void test_many_numbers(void **state)
{
    (void)state;
    for (uint32_t nr = 0; nr < 10000; nr++)
        call(1000 + nr, 1000, (uint64_t)-38);
    options.sort = "name";
    char *text = shown(&records, "summary", &options);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    assert_in_range(g_strv_length(lines), 4000, 4200);
    assert_non_null(strstr(lines[2], "(other numbers)"));
    assert_non_null(strstr(text, "     10000     10000 total\n"));
    g_free(text);
}

static void test_empty_table(void **state)
{
    (void)state;
    shown__is(shown(&records, "summary", &options), "");
}

/* What is written to standard error while `fn` runs. */
static char *said(void (*fn)(void))
{
    char *path = g_strdup("/tmp/qebek-test-XXXXXX"), *text = NULL;
    int fd = g_mkstemp(path), old = dup(STDERR_FILENO);

    fflush(stderr);
    dup2(fd, STDERR_FILENO);
    fn();
    fflush(stderr);
    dup2(old, STDERR_FILENO);
    close(old);
    close(fd);
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_unlink(path);
    g_free(path);
    return text;
}

/* One of two outputs is on a full disk: said once, the other has everything, and the end tells. */
static void fill_disk(void)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct show *show = show__new(&options, NULL);
    unsigned working = 2;

    assert_int_equal(show__add_output(show, "jsonl:/dev/full", fd, NULL), 0);
    assert_int_equal(show__add_output(show, "text", fd, NULL), 0);
    for (unsigned i = 0; i < 3000; i++)
        call(39, 1000, 1);
    for (unsigned i = 0; i < records.records->len; i++)
        working = show__record(show, records.records->pdata[i]);
    assert_int_equal(working, 1);
    assert_int_equal(show__finish(show), -1);
    show__free(show);
    show_options__clear(&options);
    close(fd);
}

static void test_full_disk(void **state)
{
    (void)state;
    shown__is(said(fill_disk), "qebek: output jsonl:/dev/full: cannot write '/dev/full': No space left on device; "
                               "it is left out from here on\n");
}

/* A disk that is full only when the buffer is written at the end. */
static void fill_at_end(void)
{
    struct show *show = show__new(&options, NULL);

    assert_int_equal(show__add_output(show, "summary:/dev/full", -1, NULL), 0);
    some_calls();
    for (unsigned i = 0; i < records.records->len; i++)
        assert_int_equal(show__record(show, records.records->pdata[i]), 1);
    assert_int_equal(show__finish(show), -1);
    show__free(show);
    show_options__clear(&options);
}

static void test_full_at_end(void **state)
{
    char *text = said(fill_at_end);

    (void)state;
    assert_non_null(strstr(text, "summary:/dev/full"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    g_free(text);
}

static void test_wrong_outputs(void **state)
{
    static const char *const rows[][2] = {
        {"nonsense", "no output named 'nonsense'"},
        {"jsonl:/nonexistent/x", "cannot write '/nonexistent/x': No such file"},
        {"strace:/nonexistent/x.%p", "cannot write files in '/nonexistent/'"},
        {"strace:/tmp/%p/x", "%p belongs into the file's name"},
        {"qbk:/nonexistent/x", "/nonexistent/x"},
    };
    struct show *show = show__new(&options, NULL);

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        GError *error = NULL;

        assert_int_equal(show__add_output(show, rows[i][0], STDOUT_FILENO, &error), -1);
        if (!strstr(error->message, rows[i][1]) || strchr(error->message, '\n'))
            fail_msg("%s: %s", rows[i][0], error->message);
        g_clear_error(&error);
    }
    show__free(show);
    show_options__clear(&options);
}

/* One file a thread: lines are not torn, what lay there before is gone, a number used again goes on in its file. */
static void test_split(void **state)
{
    g_autofree char *dir = g_dir_make_tmp("qebek-test-XXXXXX", NULL), *where = g_strdup_printf("strace:%s/t.%%p", dir);
    g_autofree char *ten = g_build_filename(dir, "t.10", NULL), *twenty = g_build_filename(dir, "t.20", NULL);
    char *text = NULL;
    uint64_t seq;

    (void)state;
    assert_true(g_file_set_contents(ten, "old\n", -1, NULL));
    build__thread(&records, 1, 10, "a");
    build__thread(&records, 2, 20, "b");
    seq = build__enter(&records, 1, 34, 0, NULL);
    build__return(&records, 2, build__enter(&records, 2, 39, 0, NULL), QBK_END_RETURNED, 20);
    build__return(&records, 1, seq, QBK_END_RETURNED, (uint64_t)-4);
    build__thread_exit(&records, 1, 0);
    build__thread(&records, 3, 10, "c");
    call(39, 1000, 10);
    ((struct qbk_record *)build__last(&records))->thread = 3;
    ((struct qbk_record *)records.records->pdata[records.records->len - 2])->thread = 3;
    build__enter(&records, 2, 34, 0, NULL);
    g_free(shown(&records, where, &options));
    assert_true(g_file_get_contents(ten, &text, NULL, NULL));
    shown__is(text, "pause()                                 = -1 EINTR (Interrupted system call)\n"
                    "+++ exited with 0 +++\n"
                    "getpid()                                = 10\n");
    assert_true(g_file_get_contents(twenty, &text, NULL, NULL));
    shown__is(text, "getpid()                                = 20\n"
                    "pause( <detached ...>\n");
    g_unlink(ten);
    g_unlink(twenty);
    g_rmdir(dir);
}

/* Of a thread that is only forgotten nobody is told that it ended. */
static void test_forgotten(void **state)
{
    static const char *const kinds[] = {"text", "strace", "jsonl"};

    (void)state;
    build__thread(&records, 1, 10, "sh")->os = 2;
    call(39, 1000, 10);
    build__thread_exit(&records, 1, 0);
    ((struct qbk_thread_exit *)build__last(&records))->flags = QBK_EXIT_FORGOTTEN;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        char *text = shown(&records, kinds[i], &options);
        if (!strstr(text, "getpid") || strstr(text, "exit"))
            fail_msg("%s: %s", kinds[i], text);
        g_free(text);
        show_options__init(&options);
    }
    show_options__clear(&options);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_hostile_text), CASE(test_raw),         CASE(test_patience),      CASE(test_dump),
        CASE(test_table),        CASE(test_orders),      CASE(test_empty_table),   CASE(test_many_numbers),
        CASE(test_full_disk),    CASE(test_full_at_end), CASE(test_wrong_outputs), CASE(test_forgotten),
        CASE(test_split),
    };

    return cmocka_run_group_tests_name("outputs", tests, NULL, NULL);
}
