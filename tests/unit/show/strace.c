// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lines as strace 6.1 writes them. What is expected here was taken from `strace -f -o FILE` of small programs that do
 * the same; only pids and addresses are made up.
 */
#include "shown.h"

#include <string.h>

#define NR_READ       0
#define NR_WRITE      1
#define NR_CLOSE      3
#define NR_PAUSE      34
#define NR_GETPID     39
#define NR_EXIT_GROUP 231
#define RESTARTSYS    ((uint64_t)-512)

static void begin(struct build *b)
{
    build__init(b);
    build__thread(b, 1, 22996, "a");
    build__thread(b, 2, 22998, "a");
}

static uint64_t enter_read(struct build *b, uint64_t thread)
{
    return build__enter(b, thread, NR_READ, 3, (uint64_t[]){3, 0x7ffd00, 1});
}

static void gone(struct build *b, uint64_t thread, uint64_t call)
{
    build__return(b, thread, call, QBK_END_THREAD_GONE, 0);
}

/* A read that another thread's call cuts in two; its data comes with the return. */
static void test_resumed(void **state)
{
    struct build b;
    uint64_t read, other;

    (void)state;
    begin(&b);
    read = enter_read(&b, 1);
    other = build__enter(&b, 2, NR_WRITE, 3, (uint64_t[]){4, 0x7ffd10, 1});
    build__snippet(&b, QBK_SNIP_MEM, 0x7ffd10, "x", 1, 1, 0, 1, 0);
    build__return(&b, 1, read, QBK_END_RETURNED, 1);
    build__snippet(&b, QBK_SNIP_MEM, 0x7ffd00, "x", 1, 1, 0, 1, 0);
    build__return(&b, 2, other, QBK_END_RETURNED, 1);
    shown__strace(&b, "22996 read(3,  <unfinished ...>",           //
                  "22998 write(4, \"x\", 1 <unfinished ...>",      //
                  "22996 <... read resumed>\"x\", 1)         = 1", //
                  "22998 <... write resumed>)              = 1", NULL);
}

/* Nothing between: one line, with the result in column 40 or one space behind what is longer. */
static void test_columns(void **state)
{
    struct build b;
    uint64_t call;

    (void)state;
    begin(&b);
    call = build__enter(&b, 1, NR_GETPID, 0, NULL);
    build__return(&b, 1, call, QBK_END_RETURNED, 22996);
    call = build__enter(&b, 1, NR_WRITE, 3, (uint64_t[]){4, 0x7ffd10, 15});
    build__snippet(&b, QBK_SNIP_MEM, 0x7ffd10, "hello\n\1\2\377\"\\abc1", 15, 15, 0, 1, 0);
    build__return(&b, 1, call, QBK_END_RETURNED, 15);
    call = build__enter(&b, 1, NR_CLOSE, 1, (uint64_t[]){9});
    build__return(&b, 1, call, QBK_END_RETURNED, (uint64_t)-9);
    shown__strace(&b, "22996 getpid()                          = 22996",
                  "22996 write(4, \"hello\\n\\1\\2\\377\\\"\\\\abc1\", 15) = 15",
                  "22996 close(9)                          = -1 EBADF (Bad file descriptor)", NULL);
}

/* Killed by another process while it waits: nothing comes back. */
static void test_killed(void **state)
{
    struct build b;
    uint64_t pause, other;

    (void)state;
    begin(&b);
    pause = build__enter(&b, 2, NR_PAUSE, 0, NULL);
    other = build__enter(&b, 1, NR_GETPID, 0, NULL);
    build__return(&b, 1, other, QBK_END_RETURNED, 22996);
    gone(&b, 2, pause);
    build__thread_exit(&b, 2, 9);
    shown__strace(&b, "22998 pause( <unfinished ...>",               //
                  "22996 getpid()                          = 22996", //
                  "22998 <... pause resumed>)              = ?",     //
                  "22998 +++ killed by SIGKILL +++", NULL);
}

/* The same in a call that would have written its result into memory: what that is will never be known. */
static void test_killed_reading(void **state)
{
    struct build b;
    uint64_t read, exit;

    (void)state;
    begin(&b);
    read = enter_read(&b, 2);
    exit = build__enter(&b, 1, NR_EXIT_GROUP, 1, (uint64_t[]){5});
    build__return(&b, 1, exit, QBK_END_NORETURN, 0);
    gone(&b, 2, read);
    build__thread_exit(&b, 2, 5 << 8);
    read = enter_read(&b, 1);
    gone(&b, 1, read);
    build__thread_exit(&b, 1, 5 << 8);
    shown__strace(&b, "22998 read(3,  <unfinished ...>",            //
                  "22996 exit_group(5)                     = ?",    //
                  "22998 <... read resumed> <unfinished ...>) = ?", //
                  "22998 +++ exited with 5 +++",                    //
                  "22996 read(3,  <unfinished ...>)        = ?",    //
                  "22996 +++ exited with 5 +++", NULL);
}

/* A handler runs: the kernel's own restart code is told, and rt_sigreturn gives the program's result. */
static void test_interrupted(void **state)
{
    struct build b;
    uint64_t read;

    (void)state;
    begin(&b);
    read = enter_read(&b, 1);
    build__return(&b, 1, read, QBK_END_INTERRUPTED, RESTARTSYS);
    ((struct qbk_return *)build__last(&b))->flags = QBK_RETURN_HAS_RESULT | QBK_RETURN_HANDLER;
    build__signal(&b, 1, 14, 0x80, QBK_SIGNAL_HANDLER);
    shown__strace(&b, "22996 read(3, 0x7ffd00, 1)              = ? ERESTARTSYS (To be restarted if SA_RESTART is set)",
                  "22996 --- SIGALRM {si_signo=SIGALRM, si_code=SI_KERNEL} ---", NULL);
}

static void test_segv(void **state)
{
    struct build b;
    uint64_t addr = 16;
    struct qbk_signal *sig;

    (void)state;
    begin(&b);
    build__signal(&b, 2, 11, 1, QBK_SIGNAL_FATAL);
    sig = build__last(&b);
    memcpy(sig->info + 16, &addr, sizeof(addr));
    build__thread_exit(&b, 2, 11 | 0x80);
    shown__strace(&b, "22998 --- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x10} ---",
                  "22998 +++ killed by SIGSEGV (core dumped) +++", NULL);
}

/* A number without a name. */
static void test_unknown(void **state)
{
    struct build b;
    uint64_t call;

    (void)state;
    begin(&b);
    call = build__enter(&b, 1, 500, 6, (uint64_t[]){1, 2, 3, 4, 5, 6});
    build__return(&b, 1, call, QBK_END_RETURNED, (uint64_t)-38);
    shown__strace(&b, "22996 syscall_0x1f4(0x1, 0x2, 0x3, 0x4, 0x5, 0x6) = -1 ENOSYS (Function not implemented)", NULL);
}

/* As when strace is interrupted: the line that is open ends so, earlier ones have their unfinished line. */
static void test_end(void **state)
{
    struct build b;

    (void)state;
    begin(&b);
    enter_read(&b, 1);
    build__enter(&b, 2, NR_PAUSE, 0, NULL);
    shown__strace(&b, "22996 read(3,  <unfinished ...>", "22998 pause( <detached ...>", NULL);
}

/* Returns and entries that are not in the trace. */
static void test_lost(void **state)
{
    struct build b;
    uint64_t call;

    (void)state;
    begin(&b);
    enter_read(&b, 1);
    call = build__enter(&b, 1, NR_GETPID, 0, NULL); /* at the same depth: the read's return was lost */
    build__return(&b, 1, call, QBK_END_RETURNED, 22996);
    build__return(&b, 1, 777, QBK_END_RETURNED, 0);
    ((struct qbk_return *)build__last(&b))->nr = NR_CLOSE;
    shown__strace(&b, "22996 read(3,  <unfinished ...>", "22996 getpid()                          = 22996",
                  "22996 close(/* beginning lost */)       = 0", NULL);
}

/* A thread whose call's return was lost, and that then exits: nothing of it may be kept, or looked at again. */
static void test_lost_then_exit(void **state)
{
    struct build b;
    uint64_t read;

    (void)state;
    begin(&b);
    read = enter_read(&b, 2);
    build__thread_exit(&b, 2, 0);
    build__return(&b, 1, read, QBK_END_RETURNED, 1);
    shown__strace(&b, "22998 read(3,  <unfinished ...>", "22998 +++ exited with 0 +++",
                  "22996 read(/* beginning lost */)        = 1", NULL);
}

static char *with(const char *kind, void (*set)(struct show_options *o))
{
    struct show_options o;
    struct build b;
    uint64_t read, call;
    char *text;

    begin(&b);
    b.time_ns = 1700000000123456789;
    read = enter_read(&b, 1);
    b.time_ns += 250000000;
    call = build__enter(&b, 2, NR_GETPID, 0, NULL);
    build__return(&b, 2, call, QBK_END_RETURNED, 22998);
    b.time_ns += 1000000000;
    build__return(&b, 1, read, QBK_END_RETURNED, 0);
    call = build__enter(&b, 1, NR_EXIT_GROUP, 1, (uint64_t[]){0});
    build__return(&b, 1, call, QBK_END_NORETURN, 0);
    build__thread_exit(&b, 1, 0);
    show_options__init(&o);
    set(&o);
    text = shown(&b, kind, &o);
    build__free(&b);
    return text;
}

static void set_tt(struct show_options *o)
{
    o->timestamp = 2;
    o->durations = true;
}

static void set_r(struct show_options *o)
{
    o->relative = true;
}

static void set_tr(struct show_options *o)
{
    o->relative = true;
    o->timestamp = 3;
}

static void set_i(struct show_options *o)
{
    o->timestamp = 1;
    o->ip = true;
}

static void test_times(void **state)
{
    (void)state;
    shown__is(with("strace", set_tt), "22996 22:13:20.123456 read(3,  <unfinished ...>\n"
                                      "22998 22:13:20.373457 getpid()          = 22998 <0.000001>\n"
                                      "22996 22:13:21.373459 <... read resumed>\"\", 1) = 0 <1.250003>\n"
                                      "22996 22:13:21.373460 exit_group(0)     = ?\n"
                                      "22996 22:13:21.373462 +++ exited with 0 +++\n");
    shown__is(with("strace", set_r), "22996      0.000000 read(3,  <unfinished ...>\n"
                                     "22998      0.250001 getpid()            = 22998\n"
                                     "22996      1.000002 <... read resumed>\"\", 1) = 0\n"
                                     "22996      0.000001 exit_group(0)       = ?\n"
                                     "22996      0.000002 +++ exited with 0 +++\n");
    shown__is(with("strace", set_tr), "22996 1700000000.123456 (+     0.000000) read(3,  <unfinished ...>\n"
                                      "22998 1700000000.373457 (+     0.250001) getpid() = 22998\n"
                                      "22996 1700000001.373459 (+     1.000002) <... read resumed>\"\", 1) = 0\n"
                                      "22996 1700000001.373460 (+     0.000001) exit_group(0) = ?\n"
                                      "22996 1700000001.373462 (+     0.000002) +++ exited with 0 +++\n");
}

static void test_ip(void **state)
{
    char *text = with("strace", set_i), *end = strchr(text, '\n');

    (void)state;
    assert_non_null(end);
    assert_true(g_regex_match_simple("^22996 22:13:20 \\[[0-9a-f]{16}\\] read\\(3,  <unfinished", text, 0, 0));
    assert_non_null(strstr(text, "22996 22:13:21 [????????????????] +++ exited with 0 +++\n"));
    g_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resumed),        cmocka_unit_test(test_columns),     cmocka_unit_test(test_killed),
        cmocka_unit_test(test_killed_reading), cmocka_unit_test(test_interrupted), cmocka_unit_test(test_segv),
        cmocka_unit_test(test_unknown),        cmocka_unit_test(test_end),         cmocka_unit_test(test_lost),
        cmocka_unit_test(test_lost_then_exit), cmocka_unit_test(test_times),       cmocka_unit_test(test_ip),
    };

    g_setenv("TZ", "UTC", TRUE);
    return cmocka_run_group_tests_name("strace", tests, NULL, NULL);
}
