// SPDX-License-Identifier: GPL-2.0-or-later
/* The ring: both ends against another end that has been taken over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ring_help.h"
#include "trace/record.h"
#include "trace/ring_layout.h"

/* Whatever a reader writes where it may: the writer stays inside its ring and gives up at once. */
static void test_hostile_reader(void **state)
{
    static const uint64_t tails[] = {1, 7, 4097, 5000, UINT64_MAX, UINT64_MAX - 4095, 1ull << 63};
    int fd;
    uint32_t x = 99;

    (void)state;
    for (unsigned i = 0; i < G_N_ELEMENTS(tails) + 500; i++) {
        struct ring_set *w = ring_help__create(1, 4096, &fd);
        uint8_t *other = w->writers[1].data;
        uint64_t waits;
        uint64_t ns;
        uint64_t lost;

        ring__set_policy(w, false, 1);
        for (unsigned n = 0; n < 100; n++) {
            uint64_t tail =
                i < G_N_ELEMENTS(tails) ? tails[i] : (uint64_t)ring_help__random(&x) << (ring_help__random(&x) % 33);

            if (n % 7 == 0)
                __atomic_store_n(&w->writers[0].control->tail, tail, __ATOMIC_RELAXED);
            w->header->asleep = ring_help__random(&x);
            (void)ring_help__put(w, 0, n, ring_help__random(&x) % 900);
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

    switch (ring_help__random(x) % 3) {
    case 0:
        w->writers[ring_help__random(x) % 2].control->head += ring_help__random(x) % 10000;
        break;
    case 1:
        base[data + ring_help__random(x) % 8192] = (uint8_t)ring_help__random(x);
        break;
    default:
        memset(base + data + (ring_help__random(x) % 1000) * 8, (int)ring_help__random(x), 8);
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
        struct ring_set *w = ring_help__create(1, 4096, &fd);
        struct ring_set *r = ring_help__open(fd);
        uint64_t holes = 0;
        bool broken = false;
        const struct qbk_record *rec;
        unsigned n = 0;

        for (unsigned k = 0; k < 20; k++)
            (void)ring_help__put(w, ring_help__random(&x) % 2, k, ring_help__random(&x) % 100);
        for (unsigned k = ring_help__random(&x) % 4; k > 0; k--)
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
    struct ring_set *w = ring_help__create(2, 4096, &fd);
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
    ring__free(ring_help__open(fd));
    assert_null(ring__create(2, 4097, &fd, NULL));
    assert_null(ring__create(1025, 4096, &fd, NULL));
    fclose(plain);
    close(small);
    ring__free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_reader),
        cmocka_unit_test(test_hostile_writer),
        cmocka_unit_test(test_hostile_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
