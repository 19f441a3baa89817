// SPDX-License-Identifier: GPL-2.0-or-later
/* When the ends of threads are told: the main thread's last, and not at all where an execve takes its place. */
#include "shown.h"

#include <string.h>

#define NR_EXECVE 59

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

/* Threads 1, 2 and 3 of process 10, with the tids 10, 11 and 12. */
static void process(void)
{
    build__thread(&records, 1, 10, "main");
    build__thread(&records, 2, 11, "second")->pid = 10;
    build__thread(&records, 3, 12, "third")->pid = 10;
}

static void ends(uint64_t thread, int32_t status, uint32_t flags)
{
    build__thread_exit(&records, thread, status);
    ((struct qbk_thread_exit *)build__last(&records))->flags = flags;
}

static void expect(const char *want)
{
    shown__is(shown(&records, "strace", &options), want);
}

static void a_main_thread_ends_last(void **state)
{
    (void)state;
    process();
    ends(1, 3 << 8, 0);
    ends(3, 0, 0);
    ends(2, 5 << 8, 0);
    expect("12    +++ exited with 0 +++\n11    +++ exited with 5 +++\n10    +++ exited with 3 +++\n");
}

static void with_the_status_of_the_process(void **state)
{
    (void)state;
    process();
    ends(1, 3 << 8, 0);
    ends(3, 13 << 8, QBK_EXIT_GROUP);
    ends(2, 13 << 8, QBK_EXIT_GROUP);
    expect("12    +++ exited with 13 +++\n11    +++ exited with 13 +++\n10    +++ exited with 13 +++\n");
}

static void a_main_thread_that_is_last_is_told_at_once(void **state)
{
    (void)state;
    process();
    ends(2, 0, 0);
    ends(3, 0, 0);
    ends(1, 9, QBK_EXIT_GROUP);
    build__thread(&records, 4, 20, "other");
    ends(4, 0, 0);
    expect("11    +++ exited with 0 +++\n12    +++ exited with 0 +++\n10    +++ killed by SIGKILL +++\n"
           "20    +++ exited with 0 +++\n");
}

static void what_waits_at_the_end_is_told(void **state)
{
    (void)state;
    process();
    ends(1, 3 << 8, 0);
    expect("10    +++ exited with 3 +++\n");
}

/* Thread 3 calls execve: the others die, and it becomes the main thread. */
static void an_execve_takes_the_main_threads_place(void **state)
{
    uint64_t call;

    (void)state;
    process();
    call = build__enter(&records, 3, NR_EXECVE, 3, (uint64_t[]){0, 0, 0});
    ends(2, 0, QBK_EXIT_GROUP);
    ends(1, 0, QBK_EXIT_GROUP);
    build__thread(&records, 3, 10, "third");
    build__return(&records, 3, call, QBK_END_RETURNED, 0);
    ends(3, 7 << 8, QBK_EXIT_GROUP);
    expect("12    execve(NULL, NULL, NULL <unfinished ...>\n"
           "11    +++ exited with 0 +++\n"
           "10    +++ superseded by execve in pid 12 +++\n"
           "10    <... execve resumed>)             = 0\n"
           "10    +++ exited with 7 +++\n");
}

static void nothing_between_the_execve_and_its_end(void **state)
{
    uint64_t call;

    (void)state;
    build__thread(&records, 1, 10, "main");
    build__thread(&records, 2, 11, "second")->pid = 10;
    call = build__enter(&records, 2, NR_EXECVE, 3, (uint64_t[]){0, 0, 0});
    ends(1, 0, QBK_EXIT_GROUP);
    build__thread(&records, 2, 10, "second");
    build__return(&records, 2, call, QBK_END_RETURNED, 0);
    expect("11    execve(NULL, NULL, NULL <pid changed to 10 ...>\n"
           "10    +++ superseded by execve in pid 11 +++\n"
           "10    <... execve resumed>)             = 0\n");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_main_thread_ends_last, setup, teardown),
        cmocka_unit_test_setup_teardown(with_the_status_of_the_process, setup, teardown),
        cmocka_unit_test_setup_teardown(a_main_thread_that_is_last_is_told_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_waits_at_the_end_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(an_execve_takes_the_main_threads_place, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_between_the_execve_and_its_end, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
