// SPDX-License-Identifier: GPL-2.0-or-later
/* The ring: order, content, limits, and both ends against a dead, slow or hostile other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trace/record.h"
#include "trace/ring_layout.h"

static struct ring_set *create(unsigned n_vcpus, size_t size, int *fd)
{
    struct ring_set *set = ring__create(n_vcpus, size, fd, NULL);

    assert_non_null(set);
    return set;
}

static struct ring_set *open_reader(int fd)
{
    struct ring_set *set = ring__open(fd, NULL);

    assert_non_null(set);
    return set;
}

/* A LOG record of `len` bytes whose content follows from `tag`. False: dropped. */
static bool put(struct ring_set *set, unsigned index, uint32_t tag, size_t len)
{
    struct qbk_text *t = ring__reserve(set, index, sizeof(*t) + len, QBK_LOG);

    if (!t)
        return false;
    t->h.type = QBK_LOG;
    t->h.thread = tag;
    t->len = (uint32_t)len;
    t->reserved = 0;
    for (size_t i = 0; i < len; i++)
        t->text[i] = (char)(tag + i * 7);
    return ring__commit(set, index, sizeof(*t) + len, tag) != 0;
}

static void assert_content(const struct qbk_record *rec)
{
    const struct qbk_text *t = (const struct qbk_text *)rec;

    assert_int_equal(rec->type, QBK_LOG);
    assert_int_equal(rec->time_ns, (uint32_t)rec->thread);
    for (size_t i = 0; i < t->len; i++)
        if (t->text[i] != (char)((uint32_t)rec->thread + i * 7))
            fail_msg("byte %zu of record %lu", i, (unsigned long)rec->seq);
}

static void test_one_record(void **state)
{
    int fd;
    struct ring_set *w = create(2, 4096, &fd);
    struct ring_set *r = open_reader(fd);
    const struct qbk_record *rec;
    uint64_t holes = 0;
    bool broken = false;

    (void)state;
    assert_null(ring__next(r, false, &holes, &broken));
    assert_true(put(w, 0, 5, 3));
    assert_true(put(w, 2, 6, 0));
    rec = ring__next(r, false, &holes, &broken);
    assert_non_null(rec);
    assert_int_equal(rec->seq, 1);
    assert_int_equal(rec->vcpu, 0);
    assert_int_equal(rec->size, 48);
    assert_content(rec);
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
    struct ring_set *w = create(1, 4096, &fd);
    struct ring_set *r = open_reader(fd);
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
    assert_true(put(w, 0, 1, 8));
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
    assert_content(rec);
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
    struct ring_set *w = create(0, 4096, &fd);
    struct ring_set *r = open_reader(fd);
    uint64_t holes = 0;
    bool broken = false;
    uint32_t tag = 0;

    (void)state;
    for (size_t len = 0; len <= 984; len += 8) {
        for (unsigned i = 0; i < 40; i++) {
            const struct qbk_record *rec;

            assert_true(put(w, 0, ++tag, len));
            rec = ring__next(r, false, &holes, &broken);
            assert_non_null(rec);
            assert_int_equal(rec->seq, tag);
            assert_content(rec);
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
};

static uint32_t next_random(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}

static void *stress_writer(void *arg)
{
    struct stress *s = arg;
    uint32_t x = 12345 + s->index;

    for (uint32_t i = 1; i <= PER_WRITER; i++) {
        uint32_t n = next_random(&x);

        s->written += put(s->set, s->index, i, n % 100 == 0 ? n % 8000 : n % 60);
    }
    return NULL;
}

static void test_stress(void **state)
{
    int fd;
    struct ring_set *w = create(WRITERS - 1, STRESS_SIZE, &fd);
    struct ring_set *r = open_reader(fd);
    struct stress s[WRITERS];
    pthread_t thread[WRITERS];
    uint32_t last[WRITERS] = {0};
    uint64_t holes = 0;
    bool broken = false;

    (void)state;
    ring__set_policy(w, false, 60000);
    for (unsigned i = 0; i < WRITERS; i++) {
        s[i] = (struct stress){w, i, 0};
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
        assert_content(rec);
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
    struct ring_set *w = create(WRITERS - 1, STRESS_SIZE, &fd);
    struct ring_set *r = open_reader(fd);
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
        s[i] = (struct stress){w, i, 0};
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
                assert_content(rec);
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

static unsigned fill(struct ring_set *w)
{
    unsigned n = 0;

    while (put(w, 0, n + 1, 88))
        n++;
    return n;
}

/* No reader at all: waits once for the limit, then drops at once until the reader moves; then all is told. */
static void test_stall(void **state)
{
    int fd;
    struct ring_set *w = create(0, 4096, &fd);
    struct ring_set *r = open_reader(fd);
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
        assert_false(put(w, 0, 1, 88));
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
    assert_true(put(w, 0, 9, 88));
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

#define SLOW_RECORDS 600u

static void *slow_writer(void *arg)
{
    struct stress *s = arg;

    for (uint32_t i = 1; i <= SLOW_RECORDS; i++)
        s->written += put(s->set, 0, i, 88);
    return NULL;
}

/* A reader that takes longer for what it gives back at once than the writer's patience lasts, but goes on. */
static void test_slow_reader(void **state)
{
    int fd;
    struct ring_set *w = create(0, STRESS_SIZE, &fd);
    struct ring_set *r = open_reader(fd);
    struct stress s = {w, 0, 0};
    pthread_t thread;
    uint64_t holes = 0;
    bool broken = false;
    unsigned n = 0;

    (void)state;
    ring__set_policy(w, false, 80);
    assert_int_equal(pthread_create(&thread, NULL, slow_writer, &s), 0);
    while (n < SLOW_RECORDS) {
        const struct qbk_record *rec = ring__next(r, false, &holes, &broken);

        assert_false(broken);
        if (!rec) {
            ring__wait(r, 10);
            continue;
        }
        assert_int_equal(rec->thread, ++n);
        if (n < 120)
            g_usleep(4000);
    }
    pthread_join(thread, NULL);
    assert_int_equal(s.written, SLOW_RECORDS);
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
    struct ring_set *w = create(0, STRESS_SIZE, &fd);
    pid_t pid = fork();
    unsigned kept = 0;
    int status;

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0)
        read_all(fd, 20001);
    ring__set_policy(w, false, 40);
    for (uint32_t i = 0; i < 20000; i++) {
        if (i == 5000)
            assert_int_equal(kill(pid, SIGSTOP), 0);
        kept += put(w, 0, i, 88);
    }
    assert_in_range(kept, 1000, 10000);
    assert_int_equal(kill(pid, SIGCONT), 0);
    while (!ring__flush_gap(w, 0, 1))
        g_usleep(1000);
    assert_true(put(w, 0, 1, 0));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    ring__free(w);
    close(fd);
}

static void test_dead(void **state)
{
    int fd;
    struct ring_set *w = create(0, 4096, &fd);
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
    r = open_reader(fd);
    for (unsigned i = 0; i < 32; i++)
        assert_non_null(ring__next(r, false, &holes, &broken));
    ring__release(r);
    ring__reader_back(w);
    assert_true(put(w, 0, 1, 88));
    assert_int_equal(((const struct qbk_gap *)ring__next(r, false, &holes, &broken))->reason, QBK_GAP_DEAD);
    ring__free(r);
    ring__free(w);
    close(fd);
}

/* A reader that is killed, and a second one that goes on where the first gave space back. */
static void test_second_reader(void **state)
{
    int fd;
    struct ring_set *w = create(1, 4096, &fd);
    struct ring_set *r = open_reader(fd);
    const struct qbk_record *rec;
    uint64_t holes = 0;
    bool broken = false;

    (void)state;
    for (uint32_t i = 0; i < 6; i++)
        assert_true(put(w, i % 2, i, 10));
    assert_non_null(ring__next(r, false, &holes, &broken));
    assert_non_null(ring__next(r, false, &holes, &broken));
    assert_non_null(ring__next(r, false, &holes, &broken));
    ring__release(r);
    /* As if killed after the seq was written and before the tails. */
    __atomic_store_n(&w->writers[0].control->tail, 0, __ATOMIC_RELAXED);
    ring__free(r);
    r = open_reader(fd);
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

/* The writer was killed between drawing a number and publishing: the hole is waited for, then counted. */
static void test_holes(void **state)
{
    int fd;
    struct ring_set *w = create(1, 4096, &fd);
    struct ring_set *r = open_reader(fd);
    const struct qbk_record *rec;
    uint64_t holes = 0;
    bool broken = false;

    (void)state;
    assert_true(put(w, 0, 1, 0));
    w->seq += 3;
    assert_true(put(w, 1, 2, 0));
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

/* Whatever a reader writes where it may: the writer stays inside its ring and gives up at once. */
static void test_hostile_reader(void **state)
{
    static const uint64_t tails[] = {1, 7, 4097, 5000, UINT64_MAX, UINT64_MAX - 4095, 1ull << 63};
    int fd;
    uint32_t x = 99;

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(tails) + 500; i++) {
        struct ring_set *w = create(1, 4096, &fd);
        uint8_t *other = w->writers[1].data;
        uint64_t waits;
        uint64_t ns;
        uint64_t lost;

        ring__set_policy(w, false, 1);
        for (unsigned n = 0; n < 100; n++) {
            uint64_t tail = i < G_N_ELEMENTS(tails) ? tails[i] : (uint64_t)next_random(&x) << (next_random(&x) % 33);

            if (n % 7 == 0)
                __atomic_store_n(&w->writers[0].control->tail, tail, __ATOMIC_RELAXED);
            w->header->asleep = next_random(&x);
            (void)put(w, 0, n, next_random(&x) % 900);
        }
        ring__stats(w, &lost, &waits, &ns);
        for (unsigned n = 0; n < 4096; n++)
            assert_int_equal(other[n], 0);
        ring__free(w);
        close(fd);
    }
}

static void scribble(struct ring_set *w, uint32_t *x)
{
    uint8_t *base = (uint8_t *)w->header;
    size_t data = (size_t)(w->writers[0].data - base);

    switch (next_random(x) % 3) {
    case 0:
        w->writers[next_random(x) % 2].control->head += next_random(x) % 10000;
        break;
    case 1:
        base[data + next_random(x) % 8192] = (uint8_t)next_random(x);
        break;
    default:
        memset(base + data + (next_random(x) % 1000) * 8, (int)next_random(x), 8);
    }
}

/* Whatever a writer leaves: the reader returns checked records or says that it is broken, and ends. */
static void test_hostile_writer(void **state)
{
    uint32_t x = 4242;
    unsigned n_broken = 0;

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        int fd;
        struct ring_set *w = create(1, 4096, &fd);
        struct ring_set *r = open_reader(fd);
        uint64_t holes = 0;
        bool broken = false;
        const struct qbk_record *rec;
        unsigned n = 0;

        for (unsigned k = 0; k < 20; k++)
            (void)put(w, next_random(&x) % 2, k, next_random(&x) % 100);
        for (unsigned k = next_random(&x) % 4; k > 0; k--)
            scribble(w, &x);
        while ((rec = ring__next(r, true, &holes, &broken)) != NULL) {
            assert_true(rec->size <= 1024);
            assert_true(record__valid(rec, rec->size));
            assert_true(++n < 1000);
        }
        n_broken += broken;
        if (broken)
            assert_null(ring__next(r, true, &holes, &broken));
        ring__free(r);
        ring__free(w);
        close(fd);
    }
    assert_in_range(n_broken, 100, 2999);
}

static void assert_refused(int fd)
{
    GError *error = NULL;

    assert_null(ring__open(fd, &error));
    assert_non_null(error);
    g_error_free(error);
}

static void test_hostile_file(void **state)
{
    int fd;
    struct ring_set *w = create(2, 4096, &fd);
    struct ring_header good = *w->header;
    struct ring_header *h = w->header;
    FILE *plain = tmpfile();
    int small = memfd_create("small", MFD_ALLOW_SEALING);

    (void)state;
    assert_refused(-1);
    assert_refused(fileno(plain));
    assert_refused(small); /* not sealed */
    assert_int_equal(fcntl(small, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_refused(small); /* too short */
    for (size_t byte = 0; byte < 48; byte++) {
        ((uint8_t *)h)[byte] ^= 0x41;
        assert_refused(fd);
        *h = good;
    }
    w->writers[1].control->tail = 8;
    assert_refused(fd);
    w->writers[1].control->tail = 0;
    ring__free(open_reader(fd));
    assert_null(ring__create(2, 4097, &fd, NULL));
    assert_null(ring__create(1025, 4096, &fd, NULL));
    fclose(plain);
    close(small);
    ring__free(w);
}

/* 1025 rings of full size take address space only. */
static void test_many_rings(void **state)
{
    int fd;
    struct ring_set *w = create(1024, RING_SIZE_DEFAULT, &fd);
    struct ring_set *r = open_reader(fd);
    uint64_t holes = 0;
    bool broken = false;
    struct stat st;

    (void)state;
    for (uint32_t i = 0; i < 1025; i++)
        assert_true(put(w, (i * 677) % 1025, i, 16));
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

/* The writer's process dies by SIGKILL at any point: what it had committed is all there. */
static void test_killed_writer(void **state)
{
    int fd;
    struct ring_set *w = create(1, RING_SIZE_DEFAULT, &fd);
    struct ring_set *r = open_reader(fd);
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
            (void)put(w, 0, i, 40);
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
        assert_content(rec);
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
        cmocka_unit_test(test_one_record),     cmocka_unit_test(test_cancel_and_limits),
        cmocka_unit_test(test_wrap),           cmocka_unit_test(test_stress),
        cmocka_unit_test(test_lossy),          cmocka_unit_test(test_stall),
        cmocka_unit_test(test_slow_reader),    cmocka_unit_test(test_stopped_reader),
        cmocka_unit_test(test_dead),           cmocka_unit_test(test_second_reader),
        cmocka_unit_test(test_holes),          cmocka_unit_test(test_hostile_reader),
        cmocka_unit_test(test_hostile_writer), cmocka_unit_test(test_hostile_file),
        cmocka_unit_test(test_many_rings),     cmocka_unit_test(test_killed_writer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
