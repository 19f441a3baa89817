// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a record costs in the ring: writing alone (a reader that keeps up, on another CPU if there is one), and reading.
 * Prints; asserts nothing.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "trace/file.h"
#include "trace/ring.h"

#define RECORDS 20000000u
#define BURST   60000u /* fits into a ring: written without a reader */

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void write_one(struct ring_set *set, unsigned index, uint64_t i)
{
    struct qbk_return *r = ring__reserve(set, index, sizeof(*r), QBK_RETURN);

    if (!r)
        return;
    r->h.type = QBK_RETURN;
    r->h.thread = 1;
    r->call = i;
    r->result = 0;
    r->nr = 39;
    r->abi = 0;
    r->end = 0;
    r->flags = QBK_RETURN_HAS_RESULT;
    r->depth = 0;
    ring__commit(set, index, sizeof(*r), i);
}

static void *writer(void *arg)
{
    struct ring_set *set = arg;

    for (uint64_t i = 1; i <= RECORDS; i++)
        write_one(set, 0, i);
    return NULL;
}

/* The best of many bursts into a ring that is read out in between: the writer's cost without any contention. */
static void bench_bursts(struct ring_set *w, struct ring_set *r)
{
    uint64_t best_write = UINT64_MAX;
    uint64_t best_read = UINT64_MAX;
    uint64_t holes = 0;
    bool broken = false;

    for (unsigned round = 0; round < 100; round++) {
        uint64_t begun = now_ns();
        uint64_t written;

        for (uint64_t i = 1; i <= BURST; i++)
            write_one(w, 0, i);
        written = now_ns();
        while (ring__next(r, false, &holes, &broken))
            ;
        if (written - begun < best_write)
            best_write = written - begun;
        if (now_ns() - written < best_read)
            best_read = now_ns() - written;
    }
    printf("write, no contention   %6.1f ns a record of %zu bytes\n", (double)best_write / BURST,
           sizeof(struct qbk_return));
    printf("read, no contention    %6.1f ns a record\n", (double)best_read / BURST);
}

static void bench_concurrent(struct ring_set *w, struct ring_set *r)
{
    uint64_t begun = now_ns();
    uint64_t holes = 0;
    uint64_t lost;
    uint64_t waits;
    uint64_t wait_ns;
    uint64_t n = 0;
    bool broken = false;
    pthread_t thread;

    if (pthread_create(&thread, NULL, writer, w) != 0)
        return;
    while (n < RECORDS && !broken)
        if (ring__next(r, false, &holes, &broken))
            n++;
        else
            ring__wait(r, 100);
    pthread_join(thread, NULL);
    ring__stats(w, &lost, &waits, &wait_ns);
    printf("both at once           %6.1f ns a record; the writer waited %lu times, %lu ms in all\n",
           (double)(now_ns() - begun) / RECORDS, (unsigned long)waits, (unsigned long)(wait_ns / 1000000));
}

static void bench_file(void)
{
    struct trace_writer *w = trace__create("/dev/null", NULL, NULL);
    struct qbk_return rec = {.h = {.size = sizeof(rec), .type = QBK_RETURN}, .nr = 39};
    uint64_t begun = now_ns();
    unsigned n = RECORDS / 10;

    if (!w)
        return;
    for (unsigned i = 0; i < n; i++) {
        rec.h.seq = i;
        rec.h.time_ns = begun + i * 1234567ull % 1000000007u;
        rec.call = i / 2;
        if (trace__write(w, &rec.h, NULL) < 0)
            break;
    }
    if (trace__finish(w, NULL) == 0)
        printf("keep in a file         %6.1f ns a record\n", (double)(now_ns() - begun) / n);
}

int main(void)
{
    int fd;
    struct ring_set *w = ring__create(1, RING_SIZE_DEFAULT, &fd, NULL);
    struct ring_set *r = w ? ring__open(fd, NULL) : NULL;

    if (!r)
        return 1;
    bench_bursts(w, r);
    bench_concurrent(w, r);
    bench_file();
    ring__free(r);
    ring__free(w);
    close(fd);
    return 0;
}
