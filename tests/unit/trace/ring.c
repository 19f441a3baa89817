// SPDX-License-Identifier: GPL-2.0-or-later
/* The ring: order and content, also where records are lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ring_help.h"
#include "trace/ring_layout.h"

static void test_one_record(void **state)
{
    int fd;
    struct ring_set *w = ring_help__create(2, 4096, &fd);
    struct ring_set *r = ring_help__open(fd);
    const struct qbk_record *rec;
    uint64_t holes = 0;
    bool broken = false;

    (void)state;
    assert_null(ring__next(r, false, &holes, &broken));
    assert_true(ring_help__put(w, 0, 5, 3));
    assert_true(ring_help__put(w, 2, 6, 0));
    rec = ring__next(r, false, &holes, &broken);
    assert_non_null(rec);
    assert_int_equal(rec->seq, 1);
    assert_int_equal(rec->vcpu, 0);
    assert_int_equal(rec->size, 48);
    ring_help__assert_content(rec);
    rec = ring__next(r, false, &holes, &broken);
    assert_non_null(rec);
    assert_int_equal(rec->seq, 2);
    assert_int_equal(rec->vcpu, QBK_NO_VCPU);
    assert_null(ring__next(r, false, &holes, &broken));
    assert_false(broken);
    assert_int_equal(holes, 0);
    ring__free(r);
    ring__free(w);
    close(fd);
}

static void test_cancel_and_limits(void **state)
{
    int fd;
    struct ring_set *w = ring_help__create(1, 4096, &fd);
    struct ring_set *r = ring_help__open(fd);
    const struct qbk_record *rec;
    const struct qbk_gap *gap;
    uint64_t holes = 0;
    uint64_t lost;
    uint64_t waits;
    uint64_t ns;
    bool broken = false;

    (void)state;
    assert_non_null(ring__reserve(w, 0, 500, QBK_ENTER));
    ring__cancel(w, 0);
    assert_int_equal(ring__commit(w, 0, 500, 1), 0); /* nothing is reserved */
    assert_null(ring__reserve(w, 0, 1025, QBK_ENTER));
    assert_null(ring__reserve(w, 7, 100, QBK_ENTER));
    assert_true(ring_help__put(w, 0, 1, 8));
    rec = ring__next(r, false, &holes, &broken);
    assert_non_null(rec);
    assert_int_equal(rec->type, QBK_GAP);
    gap = (const struct qbk_gap *)rec;
    assert_int_equal(gap->reason, QBK_GAP_LARGE);
    assert_int_equal(gap->records, 1);
    assert_int_equal(gap->bytes, 1025);
    assert_int_equal(gap->enters, 1);
    assert_int_equal(gap->returns, 0);
    rec = ring__next(r, false, &holes, &broken);
    assert_non_null(rec);
    ring_help__assert_content(rec);
    ring__stats(w, &lost, &waits, &ns);
    assert_int_equal(lost, 2);
    ring__free(r);
    ring__free(w);
    close(fd);
}

/* Every size at every offset: also those that leave 8 to 24 bytes before the end. */
static void test_wrap(void **state)
{
    int fd;
    struct ring_set *w = ring_help__create(0, 4096, &fd);
    struct ring_set *r = ring_help__open(fd);
    uint64_t holes = 0;
    bool broken = false;
    uint32_t tag = 0;

    (void)state;
    for (size_t len = 0; len <= 984; len += 8) {
        for (unsigned i = 0; i < 40; i++) {
            const struct qbk_record *rec;

            assert_true(ring_help__put(w, 0, ++tag, len));
            rec = ring__next(r, false, &holes, &broken);
            assert_non_null(rec);
            assert_int_equal(rec->seq, tag);
            ring_help__assert_content(rec);
        }
    }
    assert_false(broken);
    ring__free(r);
    ring__free(w);
    close(fd);
}

#define WRITERS     4u
#define PER_WRITER  500000u
#define STRESS_SIZE 65536u

struct stress {
    struct ring_set *set;
    unsigned index;
    uint32_t written;
    bool done;
};

static void *stress_writer(void *arg)
{
    struct stress *s = arg;
    uint32_t x = 12345 + s->index;

    for (uint32_t i = 1; i <= PER_WRITER; i++) {
        uint32_t n = ring_help__random(&x);

        s->written += ring_help__put(s->set, s->index, i, n % 100 == 0 ? n % 8000 : n % 60);
    }
    return NULL;
}

static void test_stress(void **state)
{
    int fd;
    struct ring_set *w = ring_help__create(WRITERS - 1, STRESS_SIZE, &fd);
    struct ring_set *r = ring_help__open(fd);
    struct stress s[WRITERS];
    pthread_t thread[WRITERS];
    uint32_t last[WRITERS] = {0};
    uint64_t holes = 0;
    bool broken = false;

    (void)state;
    ring__set_policy(w, false, 60000);
    for (unsigned i = 0; i < WRITERS; i++) {
        s[i] = (struct stress){.set = w, .index = i};
        assert_int_equal(pthread_create(&thread[i], NULL, stress_writer, &s[i]), 0);
    }
    for (uint64_t seq = 1; seq <= (uint64_t)WRITERS * PER_WRITER;) {
        const struct qbk_record *rec = ring__next(r, false, &holes, &broken);
        unsigned ring;

        assert_false(broken);
        if (!rec) {
            ring__wait(r, 100);
            continue;
        }
        ring = rec->vcpu == QBK_NO_VCPU ? WRITERS - 1 : rec->vcpu;
        assert_true(ring < WRITERS);
        assert_int_equal(rec->seq, seq++);
        assert_int_equal(rec->thread, ++last[ring]);
        ring_help__assert_content(rec);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(s[i].written, PER_WRITER);
    }
    assert_null(ring__next(r, true, &holes, &broken));
    assert_int_equal(holes, 0);
    ring__free(r);
    ring__free(w);
    close(fd);
}

/* Lossy, with a reader that is too slow: what comes through and what gaps tell is everything. */
static void test_lossy(void **state)
{
    int fd;
    struct ring_set *w = ring_help__create(WRITERS - 1, STRESS_SIZE, &fd);
    struct ring_set *r = ring_help__open(fd);
    struct stress s[WRITERS];
    pthread_t thread[WRITERS];
    uint64_t got = 0;
    uint64_t lost = 0;
    uint64_t holes = 0;
    uint64_t counted;
    uint64_t waits;
    uint64_t ns;
    bool broken = false;
    bool joined = false;

    (void)state;
    ring__set_policy(w, true, 0);
    for (unsigned i = 0; i < WRITERS; i++) {
        s[i] = (struct stress){.set = w, .index = i};
        assert_int_equal(pthread_create(&thread[i], NULL, stress_writer, &s[i]), 0);
    }
    for (uint64_t seq = 1;;) {
        const struct qbk_record *rec = ring__next(r, false, &holes, &broken);

        assert_false(broken);
        if (rec) {
            assert_int_equal(rec->seq, seq++);
            got += rec->type == QBK_LOG;
            if (rec->type == QBK_GAP) {
                assert_int_equal(((const struct qbk_gap *)rec)->reason, QBK_GAP_FULL);
                lost += ((const struct qbk_gap *)rec)->records;
            } else {
                ring_help__assert_content(rec);
            }
        } else if (!joined) {
            for (unsigned i = 0; i < WRITERS; i++)
                pthread_join(thread[i], NULL);
            joined = true;
        } else {
            bool all = true;

            for (unsigned i = 0; i < WRITERS; i++)
                all = ring__flush_gap(w, i, 1) && all;
            rec = ring__next(r, false, &holes, &broken);
            if (!rec && all)
                break;
            if (rec) {
                assert_int_equal(rec->seq, seq++);
                assert_int_equal(rec->type, QBK_GAP);
                lost += ((const struct qbk_gap *)rec)->records;
            }
        }
    }
    assert_true(lost > 0);
    assert_int_equal(got + lost, (uint64_t)WRITERS * PER_WRITER);
    ring__stats(w, &counted, &waits, &ns);
    assert_int_equal(counted, lost);
    assert_int_equal(waits, 0);
    ring__free(r);
    ring__free(w);
    close(fd);
}

/* The writer was killed between drawing a number and publishing: the hole is waited for, then counted. */
static void test_holes(void **state)
{
    int fd;
    struct ring_set *w = ring_help__create(1, 4096, &fd);
    struct ring_set *r = ring_help__open(fd);
    const struct qbk_record *rec;
    uint64_t holes = 0;
    bool broken = false;

    (void)state;
    assert_true(ring_help__put(w, 0, 1, 0));
    w->seq += 3;
    assert_true(ring_help__put(w, 1, 2, 0));
    assert_non_null(ring__next(r, false, &holes, &broken));
    assert_null(ring__next(r, false, &holes, &broken));
    assert_int_equal(holes, 0);
    rec = ring__next(r, true, &holes, &broken);
    assert_non_null(rec);
    assert_int_equal(rec->seq, 5);
    assert_int_equal(holes, 3);
    assert_null(ring__next(r, true, &holes, &broken));
    ring__free(r);
    ring__free(w);
    close(fd);
}

/* 1025 rings of full size take address space only. */
static void test_many_rings(void **state)
{
    int fd;
    struct ring_set *w = ring_help__create(1024, RING_SIZE_DEFAULT, &fd);
    struct ring_set *r = ring_help__open(fd);
    uint64_t holes = 0;
    bool broken = false;
    struct stat st;

    (void)state;
    for (uint32_t i = 0; i < 1025; i++)
        assert_true(ring_help__put(w, (i * 677) % 1025, i, 16));
    for (uint32_t i = 0; i < 1025; i++) {
        const struct qbk_record *rec = ring__next(r, false, &holes, &broken);

        assert_non_null(rec);
        assert_int_equal(rec->thread, i);
    }
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(st.st_size > 8ll << 30);
    assert_true(st.st_blocks * 512 < 16 << 20);
    ring__free(r);
    ring__free(w);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_record), cmocka_unit_test(test_cancel_and_limits),
        cmocka_unit_test(test_wrap),       cmocka_unit_test(test_stress),
        cmocka_unit_test(test_lossy),      cmocka_unit_test(test_holes),
        cmocka_unit_test(test_many_rings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
