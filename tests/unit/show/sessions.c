// SPDX-License-Identifier: GPL-2.0-or-later
/* Who came from where: which processes belong to a connection that was accepted. */
#include "shown.h"

#include <stdlib.h>
#include <string.h>

#define NR_READ   0
#define NR_CLOSE  3
#define NR_DUP    32
#define NR_GETPID 39
#define NR_ACCEPT 43
#define DAEMON    1
#define LISTENING 3

static struct build records;
static struct show_options options;

static int setup(void **state)
{
    (void)state;
    build__init(&records);
    show_options__init(&options);
    build__thread(&records, DAEMON, 100, "daemon");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    build__free(&records);
    return 0;
}

static void call(uint64_t thread, uint32_t nr, uint64_t fd)
{
    uint64_t seq = build__enter(&records, thread, nr, 3, (uint64_t[]){fd, 0, 0});
    build__return(&records, thread, seq, QBK_END_RETURNED, 0);
}

/* accept: the kernel makes the descriptor within the call. */
static void accepts(uint64_t thread, uint32_t fd, uint64_t inode, uint8_t peer)
{
    uint64_t seq = build__enter(&records, thread, NR_ACCEPT, 3, (uint64_t[]){LISTENING, 0, 0});
    build__socket(&records, thread, fd, inode, peer);
    build__return(&records, thread, seq, QBK_END_RETURNED, fd);
}

/* A process; its pid is 100 times its thread's number. */
static void born(uint64_t thread, uint64_t parent)
{
    struct qbk_thread *t = build__thread(&records, thread, (int32_t)(100 * thread), "child");
    t->parent_thread = parent;
    t->why = QBK_THREAD_BORN;
}

static void execs(uint64_t thread)
{
    build__thread(&records, thread, (int32_t)(100 * thread), "exec")->why = QBK_THREAD_EXEC;
}

static void uses(uint64_t thread, uint32_t fd, uint64_t inode, uint8_t peer, uint32_t nr)
{
    build__socket(&records, thread, fd, inode, peer)->why = QBK_OBJECT_USED;
    call(thread, nr, fd);
}

/* For each getpid in turn "number:peer ", or "- ": where its process comes from. */
static void come_from(const char *want)
{
    g_autofree char *text = shown(&records, "jsonl", &options);
    g_autoptr(GString) got = g_string_new(NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        const char *session = strstr(*line, "\"session\":"), *remote = strstr(*line, "\"remote\":\"192.0.2.");
        if (!strstr(*line, "\"name\":\"getpid\""))
            continue;
        if (session && remote)
            g_string_append_printf(got, "%d:%d ", atoi(session + 10), atoi(remote + 18));
        else
            g_string_append(got, "- ");
    }
    assert_string_equal(got->str, want);
}

static void the_child_that_a_daemon_makes_and_its_descendants(void **state)
{
    (void)state;
    accepts(DAEMON, 5, 50, 7);
    born(2, DAEMON);
    call(DAEMON, NR_CLOSE, 5);
    born(3, 2);
    execs(3);
    born(4, 3);
    born(5, DAEMON); /* after the close: for something else */
    for (uint64_t thread = 1; thread <= 5; thread++)
        call(thread, NR_GETPID, 0);
    come_from("- 1:7 1:7 1:7 - ");
}

static void two_at_a_time_are_told_apart(void **state)
{
    (void)state;
    accepts(DAEMON, 5, 50, 7);
    born(2, DAEMON);
    accepts(DAEMON, 6, 60, 8); /* before it closed the first */
    born(3, DAEMON);
    call(DAEMON, NR_CLOSE, 5);
    call(DAEMON, NR_CLOSE, 6);
    born(4, 2);
    born(5, 3);
    for (uint64_t thread = 2; thread <= 5; thread++)
        call(thread, NR_GETPID, 0);
    come_from("1:7 2:8 1:7 2:8 ");
}

static void a_child_belongs_to_the_connection_that_it_uses(void **state)
{
    (void)state;
    accepts(DAEMON, 5, 50, 7);
    accepts(DAEMON, 6, 60, 8);
    born(2, DAEMON);
    uses(2, 5, 50, 7, NR_READ);
    call(2, NR_GETPID, 0);
    come_from("1:7 ");
}

static void a_server_that_serves_by_itself(void **state)
{
    (void)state;
    accepts(DAEMON, 5, 50, 7);
    call(DAEMON, NR_GETPID, 0);
    call(DAEMON, NR_READ, 5);
    call(DAEMON, NR_GETPID, 0);
    accepts(DAEMON, 6, 60, 8);
    call(DAEMON, NR_READ, 6);
    call(DAEMON, NR_GETPID, 0);
    come_from("- 1:7 2:8 ");
}

static void a_program_that_is_run_on_the_connection(void **state)
{
    (void)state;
    accepts(DAEMON, 5, 50, 7);
    execs(DAEMON);
    call(DAEMON, NR_GETPID, 0);
    come_from("1:7 ");
}

static void a_connection_that_was_made_or_copied_begins_nothing(void **state)
{
    (void)state;
    struct qbk_object *client = build__socket(&records, DAEMON, 5, 50, 7);
    client->why = QBK_OBJECT_USED;
    uint64_t seq = build__enter(&records, DAEMON, NR_DUP, 1, (uint64_t[]){5});
    build__socket(&records, DAEMON, 6, 50, 7);
    build__return(&records, DAEMON, seq, QBK_END_RETURNED, 6);
    born(2, DAEMON);
    call(2, NR_GETPID, 0);
    come_from("- ");
}

static void without_the_calls_the_objects_are_enough(void **state)
{
    (void)state;
    build__socket(&records, DAEMON, 5, 50, 7);
    born(2, DAEMON);
    born(3, 2);
    call(3, NR_GETPID, 0);
    come_from("1:7 ");
}

static void threads_of_a_process_share_it(void **state)
{
    (void)state;
    accepts(DAEMON, 5, 50, 7);
    born(2, DAEMON);
    struct qbk_thread *t = build__thread(&records, 3, 201, "second");
    t->pid = 200;
    t->parent_thread = 2;
    t->why = QBK_THREAD_BORN;
    call(3, NR_GETPID, 0);
    build__thread_exit(&records, 2, 0);
    call(3, NR_GETPID, 0);
    come_from("1:7 1:7 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_child_that_a_daemon_makes_and_its_descendants, setup, teardown),
        cmocka_unit_test_setup_teardown(two_at_a_time_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_child_belongs_to_the_connection_that_it_uses, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_serves_by_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(a_program_that_is_run_on_the_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(a_connection_that_was_made_or_copied_begins_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(without_the_calls_the_objects_are_enough, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_of_a_process_share_it, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
