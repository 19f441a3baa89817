// SPDX-License-Identifier: GPL-2.0-or-later
/* The ring: both ends against a dead, slow or stopped other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ring_help.h"
#include "trace/ring_layout.h"

#define SIZE (1u << 16)

struct slow {
    struct ring_set *set;
    uint64_t written;
    bool done;
};

static unsigned fill(struct ring_set *w)
{
    unsigned n = 0;

    while (ring_help__put(w, 0, n + 1, 88))
        n++;
    return n;
}

/* No reader at all: waits once for the limit, then drops at once until the reader moves; then all is told. */
static void test_stall(void **state)
{
    int fd;
    struct ring_set *w = ring_help__create(0, 4096, &fd);
    struct ring_set *r = ring_help__open(fd);
    struct ring_losses untold;
    const struct qbk_record *rec;
    uint64_t holes = 0;
    uint64_t lost;
    uint64_t waits;
    uint64_t ns;
    bool broken = false;
    unsigned kept;

    (void)state;
    ring__set_policy(w, false, 30);
    kept = fill(w);
    assert_int_equal(kept, 32);
    for (unsigned i = 0; i < 1000; i++)
        assert_false(ring_help__put(w, 0, 1, 88));
    ring__stats(w, &lost, &waits, &ns);
    assert_int_equal(lost, 1001);
    assert_int_equal(waits, 1);
    assert_true(ns >= 30000000u);
    ring__untold(r, &untold);
    assert_int_equal(untold.records, 1001);
    assert_false(ring__flush_gap(w, 0, 1));
    for (unsigned i = 0; i < kept; i++)
        assert_non_null(ring__next(r, false, &holes, &broken));
    assert_null(ring__next(r, false, &holes, &broken));
    assert_true(ring_help__put(w, 0, 9, 88));
    rec = ring__next(r, false, &holes, &broken);
    assert_non_null(rec);
    assert_int_equal(rec->type, QBK_GAP);
    assert_int_equal(((const struct qbk_gap *)rec)->records, 1001);
    assert_non_null(ring__next(r, false, &holes, &broken));
    ring__untold(r, &untold);
    assert_int_equal(untold.records, 0);
    assert_true(ring__flush_gap(w, 0, 1)); /* nothing to tell is success */
    ring__free(r);
    ring__free(w);
    close(fd);
}

#define SLOW_RECORDS     600u
#define SLOW_PATIENCE_MS 2000u
#define SLOW_GIVEN_BACK  (SIZE / RING_RELEASE_SHARE / 128) /* records, before space is given back */

static void *slow_writer(void *arg)
{
    struct slow *s = arg;

    for (uint32_t i = 1; i <= SLOW_RECORDS; i++)
        s->written += ring_help__put(s->set, 0, i, 88);
    __atomic_store_n(&s->done, true, __ATOMIC_RELEASE);
    return NULL;
}

/*
 * A reader that takes longer for what it gives back at once than the writer's patience lasts, but goes on. The patience
 * is far more than a busy host keeps the reader from running.
 */
static void test_slow_reader(void **state)
{
    int fd;
    struct ring_set *w = ring_help__create(0, SIZE, &fd);
    struct ring_set *r = ring_help__open(fd);
    struct slow s = {.set = w};
    pthread_t thread;
    uint64_t holes = 0;
    bool broken = false;
    unsigned n = 0;

    (void)state;
    ring__set_policy(w, false, SLOW_PATIENCE_MS);
    assert_int_equal(pthread_create(&thread, NULL, slow_writer, &s), 0);
    while (n < SLOW_RECORDS) {
        bool done = __atomic_load_n(&s.done, __ATOMIC_ACQUIRE);
        const struct qbk_record *rec = ring__next(r, false, &holes, &broken);

        assert_false(broken);
        if (!rec && done)
            break; /* the writer lost patience, and some are not there: said below */
        if (!rec) {
            ring__wait(r, 10);
            continue;
        }
        assert_int_equal(rec->thread, ++n);
        if (n <= SLOW_GIVEN_BACK)
            g_usleep(1000 * (SLOW_PATIENCE_MS + 200) / SLOW_GIVEN_BACK);
    }
    pthread_join(thread, NULL);
    assert_int_equal(s.written, SLOW_RECORDS);
    assert_int_equal(n, SLOW_RECORDS);
    ring__free(r);
    ring__free(w);
    close(fd);
}

/* In a child: exit status 0 when what came and what gaps tell is `total` in the end. */
static void read_all(int fd, uint64_t total)
{
    struct ring_set *r = ring__open(fd, NULL);
    uint64_t holes = 0;
    uint64_t lost = 0;
    uint64_t got = 0;
    bool broken = false;

    while (r && !broken && got + lost < total) {
        const struct qbk_record *rec = ring__next(r, false, &holes, &broken);

        if (!rec)
            ring__wait(r, 20);
        else if (rec->type == QBK_GAP)
            lost += ((const struct qbk_gap *)rec)->records;
        else
            got++;
    }
    _exit(r && !broken && holes == 0 && got > 0 && lost > 0 && got + lost == total ? 0 : 1);
}

/* The reader is stopped by a signal: the writer goes on after its patience, and later tells what was lost. */
static void test_stopped_reader(void **state)
{
    int fd;
    struct ring_set *w = ring_help__create(0, SIZE, &fd);
    pid_t pid = fork();
    unsigned kept = 0;
    int status;

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0)
        read_all(fd, 20001);
    ring__set_policy(w, false, 60000); /* a busy host may start the reader late */
    for (uint32_t i = 0; i < 20000; i++) {
        if (i == 5000) {
            assert_int_equal(kill(pid, SIGSTOP), 0);
            ring__set_policy(w, false, 40);
        }
        kept += ring_help__put(w, 0, i, 88);
    }
    assert_in_range(kept, 1000, 10000);
    assert_int_equal(kill(pid, SIGCONT), 0);
    while (!ring__flush_gap(w, 0, 1))
        g_usleep(1000);
    assert_true(ring_help__put(w, 0, 1, 0));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    ring__free(w);
    close(fd);
}

static void test_dead(void **state)
{
    int fd;
    struct ring_set *w = ring_help__create(0, 4096, &fd);
    struct ring_set *r;
    uint64_t holes = 0;
    uint64_t lost;
    uint64_t waits;
    uint64_t ns;
    bool broken = false;

    (void)state;
    ring__set_policy(w, false, 60000);
    ring__reader_dead(w);
    assert_int_equal(fill(w), 32);
    ring__stats(w, &lost, &waits, &ns);
    assert_int_equal(waits, 0);
    r = ring_help__open(fd);
    for (unsigned i = 0; i < 32; i++)
        assert_non_null(ring__next(r, false, &holes, &broken));
    ring__release(r);
    ring__reader_back(w);
    assert_true(ring_help__put(w, 0, 1, 88));
    assert_int_equal(((const struct qbk_gap *)ring__next(r, false, &holes, &broken))->reason, QBK_GAP_DEAD);
    ring__free(r);
    ring__free(w);
    close(fd);
}

/* A reader that is killed, and a second one that goes on where the first gave space back. */
static void test_second_reader(void **state)
{
    int fd;
    struct ring_set *w = ring_help__create(1, 4096, &fd);
    struct ring_set *r = ring_help__open(fd);
    const struct qbk_record *rec;
    uint64_t holes = 0;
    bool broken = false;

    (void)state;
    for (uint32_t i = 0; i < 6; i++)
        assert_true(ring_help__put(w, i % 2, i, 10));
    assert_non_null(ring__next(r, false, &holes, &broken));
    assert_non_null(ring__next(r, false, &holes, &broken));
    assert_non_null(ring__next(r, false, &holes, &broken));
    ring__release(r);
    /* As if killed after the seq was written and before the tails. */
    __atomic_store_n(&w->writers[0].control->tail, 0, __ATOMIC_RELAXED);
    ring__free(r);
    r = ring_help__open(fd);
    for (uint64_t seq = 4; seq <= 6; seq++) {
        rec = ring__next(r, false, &holes, &broken);
        assert_non_null(rec);
        assert_int_equal(rec->seq, seq);
    }
    assert_int_equal(holes, 0);
    assert_null(ring__next(r, true, &holes, &broken));
    assert_false(broken);
    ring__free(r);
    ring__free(w);
    close(fd);
}

/* The writer's process dies by SIGKILL at any point: what it had committed is all there. */
static void test_killed_writer(void **state)
{
    int fd;
    struct ring_set *w = ring_help__create(1, RING_SIZE_DEFAULT, &fd);
    struct ring_set *r = ring_help__open(fd);
    const struct qbk_record *rec;
    uint64_t holes = 0;
    uint64_t n = 0;
    bool broken = false;
    pid_t pid = fork();

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        ring__set_policy(w, false, 60000);
        for (uint32_t i = 1;; i++)
            (void)ring_help__put(w, 0, i, 40);
    }
    while (n < 100000)
        if (ring__next(r, false, &holes, &broken))
            n++;
        else
            ring__wait(r, 10);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    while ((rec = ring__next(r, true, &holes, &broken)) != NULL) {
        assert_int_equal(rec->thread, ++n);
        ring_help__assert_content(rec);
    }
    assert_false(broken);
    assert_int_equal(holes, 0);
    ring__free(r);
    ring__free(w);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stall), cmocka_unit_test(test_slow_reader),   cmocka_unit_test(test_stopped_reader),
        cmocka_unit_test(test_dead),  cmocka_unit_test(test_second_reader), cmocka_unit_test(test_killed_writer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
