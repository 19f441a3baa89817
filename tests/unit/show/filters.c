// SPDX-License-Identifier: GPL-2.0-or-later
/* Which calls are shown, and what is said about options that mean nothing. */
#include "shown.h"

#include <stdio.h>
#include <string.h>

#include "trace/link.h"

#define NR_READ   0
#define NR_OPEN   2
#define NR_CLOSE  3
#define NR_PAUSE  34
#define NR_EXIT   60
#define NR_OPENAT 257

static struct build records;
static struct show_options options;

static void call(uint64_t thread, uint32_t nr, enum qbk_end end, uint64_t result)
{
    uint64_t seq = build__enter(&records, thread, nr, 3, (uint64_t[]){3, 0x1000, 4});

    build__return(&records, thread, seq, end, result);
}

/* Thread 1: pid 10 "sh" of user 0; 2: pid 20 "cat" of user 1000; 3: pid 20, tid 21. */
static int setup(void **state)
{
    struct qbk_thread *t;

    (void)state;
    show_options__init(&options);
    build__init(&records);
    build__thread(&records, 1, 10, "sh");
    t = build__thread(&records, 2, 20, "cat");
    t->uid = 1000;
    t->parent_thread = 1;
    t = build__thread(&records, 3, 21, "worker");
    t->pid = 20;
    t->uid = 1000;
    call(1, NR_READ, QBK_END_RETURNED, 4);
    call(2, NR_READ, QBK_END_RETURNED, (uint64_t)-9);
    call(3, NR_CLOSE, QBK_END_RETURNED, 0);
    call(2, 500, QBK_END_RETURNED, (uint64_t)-38);
    call(3, NR_PAUSE, QBK_END_THREAD_GONE, 0);
    call(2, NR_EXIT, QBK_END_NORETURN, 0);
    build__signal(&records, 1, 2, 0, QBK_SIGNAL_OTHER);
    build__signal(&records, 1, 15, 0, QBK_SIGNAL_HANDLER);
    build__enter(&records, 1, NR_PAUSE, 0, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    build__free(&records);
    return 0;
}

/* The tids and names of the calls shown, and the signals; frees the options. */
static void expect(const char *want)
{
    char *text = shown(&records, "strace", &options);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GString) got = g_string_new(NULL);

    for (unsigned i = 0; lines[i] && *lines[i]; i++) {
        char word[32];
        int tid;

        assert_true(sscanf(lines[i], "%d --- %31[^ (]", &tid, word) == 2 ||
                    sscanf(lines[i], "%d %31[^ (]", &tid, word) == 2);
        g_string_append_printf(got, "%s%d:%s", i ? " " : "", tid, word);
    }
    g_free(text);
    shown__is(g_string_free(g_steal_pointer(&got), FALSE), want);
}

#define ALL     "10:read 20:read 21:close 20:syscall_0x1f4 21:pause 20:exit 10:SIGINT 10:SIGTERM 10:pause"
#define SIGNALS " 10:SIGINT 10:SIGTERM"

static void trace(const char *list)
{
    g_ptr_array_add(options.trace, (char *)(uintptr_t)list);
}

static void test_all(void **state)
{
    (void)state;
    expect(ALL);
}

static void test_names(void **state)
{
    (void)state;
    trace("read,?no_such_call,pause");
    expect("10:read 20:read 20:syscall_0x1f4 21:pause" SIGNALS " 10:pause");
}

static void test_negated(void **state)
{
    (void)state;
    trace("!read,pause");
    expect("21:close 20:syscall_0x1f4 20:exit" SIGNALS);
}

static void test_class(void **state)
{
    (void)state;
    trace("%desc");
    expect("10:read 20:read 21:close 20:syscall_0x1f4" SIGNALS);
}

static void test_old_class(void **state)
{
    (void)state;
    trace("desc");
    expect("10:read 20:read 21:close 20:syscall_0x1f4" SIGNALS);
}

static void test_regex(void **state)
{
    (void)state;
    trace("/^(re|cl)");
    expect("10:read 20:read 21:close 20:syscall_0x1f4" SIGNALS);
}

static void test_regex_closed(void **state)
{
    (void)state;
    trace("!/ea/");
    expect("21:close 20:syscall_0x1f4 21:pause 20:exit" SIGNALS " 10:pause");
}

static void test_number(void **state)
{
    (void)state;
    trace("500,3");
    expect("21:close 20:syscall_0x1f4" SIGNALS);
}

static void test_abi(void **state)
{
    (void)state;
    trace("read@32,close@64");
    expect("21:close 20:syscall_0x1f4" SIGNALS);
}

static void test_none(void **state)
{
    (void)state;
    trace("none");
    number_set__fill(&options.signals, false);
    expect("");
}

/* Each status, and that all of them together are everything. */
/* A call of i386 that comes through socketcall is asked for by what it means. */
static void test_subcall(void **state)
{
    static const struct {
        const char *trace;
        bool shown;
    } cases[] = {{"connect", true}, {"socketcall", true},  {"102", true},        {"%network", true},  {"/^conn", true},
                 {"all", true},     {"send", false},       {"read", false},      {"!connect", false}, {"!%net", false},
                 {"!bind", true},   {"connect@64", false}, {"connect@32", true}, {"362", true},       {"%file", false}};
    static const uint32_t words[] = {3, 0x2000, 16};

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct link_settings settings = {0};
        struct build b;
        GError *error = NULL;

        if (i > 0) /* what shows them frees them */
            show_options__init(&options);
        trace(cases[i].trace);
        build__init(&b);
        b.abi = QBK_ABI_LINUX_I386;
        build__thread(&b, 1, 10, "sh");
        uint64_t call_seq = build__enter(&b, 1, 102, 2, (uint64_t[]){3, 0x1000});
        build__snippet(&b, QBK_SNIP_MEM, 0x1000, words, sizeof(words), sizeof(words), 0, 1, 0);
        build__return(&b, 1, call_seq, QBK_END_RETURNED, 0);
        struct show *show = show__new(&options, &error);
        assert_non_null(show);
        show__want(show, &settings);
        show__free(show);
        if (cases[i].shown && !((settings.watch[QBK_ABI_LINUX_I386][102 / 64] >> (102 % 64)) & 1))
            fail_msg("-e trace=%s does not have the plugin watch socketcall", cases[i].trace);
        char *text = shown(&b, "strace", &options);
        if ((strstr(text, "connect(3") != NULL) != cases[i].shown)
            fail_msg("-e trace=%s shows '%s'", cases[i].trace, text);
        g_free(text);
        build__free(&b);
    }
}

static void test_status(void **state)
{
    static const struct {
        const char *status, *want;
    } rows[] = {
        {"successful", "10:read 21:close" SIGNALS},
        {"failed", "20:read 20:syscall_0x1f4" SIGNALS},
        {"unfinished", "21:pause 20:exit" SIGNALS},
        {"detached", "10:SIGINT 10:SIGTERM 10:pause"},
        {"!failed,detached", "10:read 21:close 21:pause 20:exit" SIGNALS},
        {"all", ALL},
        {"none", "10:SIGINT 10:SIGTERM"},
    };

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_ptr_array_add(options.status, (char *)(uintptr_t)rows[i].status);
        expect(rows[i].want);
        show_options__init(&options);
    }
    options.only_ok = true;
    expect("10:read 21:close" SIGNALS);
    show_options__init(&options);
    options.only_failed = true;
    expect("20:read 20:syscall_0x1f4" SIGNALS);
}

static void test_pid(void **state)
{
    int32_t pid = 20;

    (void)state;
    g_array_append_val(options.pids, pid);
    expect("20:read 21:close 20:syscall_0x1f4 21:pause 20:exit");
    show_options__init(&options);
    pid = 21;
    g_array_append_val(options.pids, pid);
    expect("21:close 21:pause");
}

static void test_uid(void **state)
{
    uint32_t uid = 0;

    (void)state;
    g_array_append_val(options.uids, uid);
    expect("10:read" SIGNALS " 10:pause");
}

static void test_comm(void **state)
{
    (void)state;
    g_ptr_array_add(options.comms, (char *)(uintptr_t) "wor*");
    g_ptr_array_add(options.comms, (char *)(uintptr_t) "sh");
    expect("10:read 21:close 21:pause" SIGNALS " 10:pause");
}

/* What a hook module says is shown whomever it is about: it was asked for, and chooses by itself. */
static void test_module_log(void **state)
{
    int32_t pid = 10;
    char *text;

    (void)state;
    build__text(&records, QBK_LOG, "of the module: \"a\\x0a\" \x1b[1m");
    ((struct qbk_record *)build__last(&records))->thread = 2;
    g_array_append_val(options.pids, pid);
    text = shown(&records, "text", &options);
    assert_non_null(strstr(text, "# log of the module: \"a\\x0a\" \\33[1m\n"));
    assert_null(strstr(text, "close"));
    g_free(text);
}

/* What was begun by a name that passes is ended, too, whatever the thread is called by then; and the other way round.
 */
static void test_comm_changes(void **state)
{
    uint64_t seq = build__enter(&records, 1, 59, 3, (uint64_t[]){0x1000, 0, 0});

    (void)state;
    build__thread(&records, 1, 10, "ls");
    build__return(&records, 1, seq, QBK_END_RETURNED, 0);
    call(1, NR_CLOSE, QBK_END_RETURNED, 0);
    g_ptr_array_add(options.comms, (char *)(uintptr_t) "sh");
    expect("10:read" SIGNALS " 10:pause 10:execve");
    show_options__init(&options);
    g_ptr_array_add(options.comms, (char *)(uintptr_t) "ls");
    expect("10:close");
}

static void test_signals(void **state)
{
    (void)state;
    trace("none");
    assert_true(number_set__parse(&options.signals, "TERM,9", number_set__signal));
    expect("10:SIGTERM");
    show_options__init(&options);
    trace("none");
    assert_true(number_set__parse(&options.signals, "!SIGTERM", number_set__signal));
    expect("10:SIGINT");
}

/* The program of a process is told by an exec, and its children run it too. */
static void test_exe(void **state)
{
    struct build *b = &records;

    (void)state;
    build__free(b);
    build__init(b);
    build__thread(b, 1, 10, "sh");
    build__name(b, 1, QBK_NAME_EXE, "/bin/dash");
    call(1, NR_READ, QBK_END_RETURNED, 4);
    build__thread(b, 2, 20, "sh")->parent_thread = 1;
    call(2, NR_CLOSE, QBK_END_RETURNED, 0);
    build__name(b, 2, QBK_NAME_EXE, "/bin/cat");
    call(2, NR_READ, QBK_END_RETURNED, 4);
    g_ptr_array_add(options.exes, (char *)(uintptr_t) "/bin/dash");
    expect("10:read 20:close");
}

static uint64_t open_path(struct build *b, const char *path)
{
    uint64_t seq = build__enter(b, 1, NR_OPENAT, 4, (uint64_t[]){0xffffff9c, 0x5000, 0, 0});

    build__snippet(b, QBK_SNIP_MEM, 0x5000, path, (uint32_t)strlen(path) + 1, strlen(path) + 1, QBK_SNIP_STRING, 1, 0);
    return seq;
}

/* A path that is passed, and a descriptor that stands for it; nothing that only begins like it. */
static void test_path(void **state)
{
    struct build *b = &records;
    uint64_t seq;

    (void)state;
    build__free(b);
    build__init(b);
    build__thread(b, 1, 10, "sh");
    build__return(b, 1, open_path(b, "/etc/passwd"), QBK_END_RETURNED, 3);
    build__return(b, 1, open_path(b, "/etc/passwd-"), QBK_END_RETURNED, 4);
    build__return(b, 1, open_path(b, "/etc/pass"), QBK_END_RETURNED, 4);
    seq = build__enter(b, 1, NR_READ, 3, (uint64_t[]){3, 0x6000, 4});
    build__snippet(b, QBK_SNIP_FD, 3, "/etc/passwd", 11, 11, 0, 0, 0);
    build__return(b, 1, seq, QBK_END_RETURNED, 0);
    seq = build__enter(b, 1, NR_READ, 3, (uint64_t[]){4, 0x6000, 4});
    build__snippet(b, QBK_SNIP_FD, 4, "/etc/group", 10, 10, 0, 0, 0);
    build__return(b, 1, seq, QBK_END_RETURNED, 0);
    seq = build__enter(b, 1, 1, 3, (uint64_t[]){4, 0x6000, 4}); /* written bytes are no path */
    build__snippet(b, QBK_SNIP_MEM, 0x6000, "/etc/passwd", 11, 11, 0, 1, 0);
    build__return(b, 1, seq, QBK_END_RETURNED, 11);
    seq = build__enter(b, 1, 188, 5, (uint64_t[]){0x5000, 0x6000, 0, 0, 0}); /* nor is a string that is no path */
    build__snippet(b, QBK_SNIP_MEM, 0x5000, "/x", 3, 3, QBK_SNIP_STRING, 0, 0);
    build__snippet(b, QBK_SNIP_MEM, 0x6000, "/etc/passwd", 12, 12, QBK_SNIP_STRING, 1, 0);
    build__return(b, 1, seq, QBK_END_RETURNED, 0);
    g_ptr_array_add(options.paths, (char *)(uintptr_t) "/etc/passwd");
    expect("10:openat 10:read");
}

static void refuse(const char *list, const char *why)
{
    GError *error = NULL;

    trace(list);
    assert_null(show__new(&options, &error));
    if (!strstr(error->message, why) || strchr(error->message, '\n'))
        fail_msg("%s: \"%s\" says nothing of \"%s\"", list, error->message, why);
    g_clear_error(&error);
    g_ptr_array_set_size(options.trace, 0);
}

static void test_wrong(void **state)
{
    (void)state;
    refuse("opnat", "did you mean 'openat'");
    refuse("read,,close", "no system call named ''");
    refuse("%nonsense", "no class");
    refuse("/[", "not a regular expression");
    refuse("/^nonsense$/", "matches no system call");
    refuse("99999", "not a number below");
    refuse("open@16", "no system call named 'open@16'");
    g_ptr_array_add(options.status, (char *)(uintptr_t) "fine");
    refuse("all", "successful, failed");
    show_options__clear(&options);
}

static void test_sets(void **state)
{
    static const char *const wrong[] = {"", "!", "x", "1,", "-1", "1,all", "99999999999"};
    struct number_set set = {0};

    (void)state;
    assert_true(number_set__empty(&set));
    assert_true(number_set__parse(&set, "3,17", NULL));
    assert_true(number_set__has(&set, 17) && !number_set__has(&set, 4));
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        assert_false(number_set__parse(&set, wrong[i], NULL));
    assert_true(number_set__has(&set, 3));
    assert_true(number_set__parse(&set, "!3", NULL));
    assert_true(!number_set__has(&set, 3) && number_set__has(&set, 1u << 30) && !number_set__empty(&set));
    assert_true(number_set__parse(&set, "!all", NULL));
    assert_true(number_set__empty(&set));
    assert_int_equal(number_set__signal("SIGKILL"), 9);
    assert_int_equal(number_set__signal("KILL"), 9);
    assert_int_equal(number_set__signal("kill"), -1);
    number_set__clear(&set);
}

/* What the plugin is told: exactly the calls that the reader shows. */
static void test_want(void **state)
{
    struct link_settings *s = g_new0(struct link_settings, 1);
    struct show *show;

    (void)state;
    trace("read,close");
    show = show__new(&options, NULL);
    show__want(show, s);
    assert_int_equal(s->watch[QBK_ABI_LINUX_X86_64][0], 1u << NR_READ | 1u << NR_CLOSE);
    assert_int_equal(s->watch[QBK_ABI_LINUX_X86_64][4], 0);
    assert_int_equal(s->watch[QBK_ABI_LINUX_I386][0], 1u << 3 | 1u << 6);
    assert_int_equal(s->flags & (LINK_WATCH_UNKNOWN | LINK_FD_NAMES), 0);
    show__free(show);
    trace("!read");
    g_ptr_array_add(options.paths, (char *)(uintptr_t) "/etc/passwd");
    g_ptr_array_remove_index(options.trace, 0);
    show = show__new(&options, NULL);
    show__want(show, s);
    assert_true(s->watch[QBK_ABI_LINUX_X86_64][0] == ~UINT64_C(1));
    assert_true((s->flags & (LINK_WATCH_UNKNOWN | LINK_FD_NAMES)) == (LINK_WATCH_UNKNOWN | LINK_FD_NAMES));
    show__free(show);
    show_options__clear(&options);
    g_free(s);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_all),     CASE(test_names),        CASE(test_negated), CASE(test_class), CASE(test_old_class),
        CASE(test_regex),   CASE(test_regex_closed), CASE(test_number),  CASE(test_abi),   CASE(test_none),
        CASE(test_status),  CASE(test_pid),          CASE(test_uid),     CASE(test_comm),  CASE(test_comm_changes),
        CASE(test_signals), CASE(test_exe),          CASE(test_path),    CASE(test_wrong), CASE(test_sets),
        CASE(test_want),    CASE(test_module_log),   CASE(test_subcall),
    };

    return cmocka_run_group_tests_name("filters", tests, NULL, NULL);
}
