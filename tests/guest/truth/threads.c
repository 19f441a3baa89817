/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads that call at once and wait for each other, and a large random mix. */
#include "truth.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define THREADS 8

struct worker {
    pthread_t thread;
    unsigned index;
    long n;
    uint64_t random;
};

static void run_workers(long n, void *(*run)(void *))
{
    struct worker workers[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.index = i, .n = n, .random = 0x9e3779b97f4a7c15u * (i + 1)};
        if (pthread_create(&workers[i].thread, NULL, run, &workers[i])) {
            perror("pthread_create");
            exit(2);
        }
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
}

/* ---- a baton handed round: each waits until it is its turn ---- */

static volatile int turn;

static void *hand_round(void *data)
{
    struct worker *w = data;
    struct truth self = {0};
    const long timeout[2] = {10, 0};

    truth__open(&self);
    for (long i = 0; i < w->n; i++) {
        int mine = (int)(i * THREADS + w->index), seen;

        while ((seen = turn) != mine)
            CALL(&self, futex, "....", L(&turn), FUTEX_WAIT, seen, L(timeout));
        CALL(&self, getpid, "", 0);
        CALL(&self, gettid, "", 0);
        __atomic_store_n(&turn, mine + 1, __ATOMIC_SEQ_CST);
        CALL(&self, futex, "...", L(&turn), FUTEX_WAKE, THREADS);
    }
    CALL(&self, sched_yield, "", 0);
    truth__close(&self);
    return NULL;
}

void run_threads(struct truth *t, long n)
{
    (void)t;
    turn = 0;
    run_workers(n ? n : 100, hand_round);
}

/* ---- the mix ---- */

static uint64_t next_random(struct worker *w)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random;
}

struct mix {
    struct truth *t;
    struct worker *w;
    long fd, event;
    long pid;
    char path[64];
    unsigned char buffer[512];
};

static void mix_files(struct mix *m, uint64_t r)
{
    long fd;

    switch (r % 6) {
    case 0:
        fd = CALL(m->t, openat, ".s..", AT_FDCWD, L(m->path), O_RDONLY, 0);
        CALL(m->t, close, ".", fd);
        break;
    case 1:
        CALL(m->t, openat, ".s..", AT_FDCWD, L("/nowhere"), O_RDWR, 0);
        break;
    case 2:
        memset(m->buffer, (int)(r >> 8), sizeof(m->buffer));
        CALL(m->t, pwrite64, ".w..", m->fd, L(m->buffer), L(r >> 16 & 0xff), L(r >> 24 & 0xfff));
        break;
    case 3:
        CALL(m->t, pread64, ".r..", m->fd, L(m->buffer), L(r >> 16 & 0xff), L(r >> 24 & 0xfff));
        break;
    case 4:
        CALL(m->t, lseek, "...", m->fd, L(r >> 16 & 0xffff), SEEK_SET);
        break;
    default:
        CALL(m->t, close, ".", L(100 + r % 100));
        break;
    }
}

static void mix_quick(struct mix *m, uint64_t r)
{
    static const struct timespec soon = {0, 1000};
    struct timespec now;
    struct stat st;
    uint64_t value = 1;

    switch (r % 10) {
    case 0:
        CALL(m->t, getpid, "", 0);
        break;
    case 1:
        CALL(m->t, getppid, "", 0);
        break;
    case 2:
        CALL(m->t, gettid, "", 0);
        break;
    case 3:
        CALL(m->t, sched_yield, "", 0);
        break;
    case 4:
        CALL(m->t, clock_gettime, "..", 1, L(&now));
        break;
    case 5:
        CALL(m->t, fstat, "..", m->fd, L(&st));
        break;
    case 6:
        CALL(m->t, write, ".w.", m->event, L(&value), 8);
        break;
    case 7:
        CALL(m->t, read, ".r.", m->event, L(&value), 8);
        break;
    case 8:
        CALL(m->t, futex, "....", L(&turn), FUTEX_WAIT, -1, 0);
        break;
    default:
        if (r >> 32 & 31)
            CALL(m->t, kill, "..", m->pid, 0);
        else
            CALL(m->t, nanosleep, "..", L(&soon), 0);
        break;
    }
}

static void mix_odd(struct mix *m, uint64_t r)
{
    long addr;

    switch (r % 4) {
    case 0:
        addr = CALL(m->t, mmap, "......", 0, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CALL(m->t, mprotect, "...", addr, 4096, PROT_NONE);
        CALL(m->t, munmap, "..", addr, 8192);
        break;
    case 1: {
        /* A number that no kernel has. */
        const long args[6] = {L(r), 2, 3, 4, 5, 6};

        truth__call(m->t, "?", 900 + L(r >> 8 & 63), "", args);
        break;
    }
    case 2:
        CALL(m->t, tgkill, "...", m->pid, m->t->tid, SIGUSR1);
        break;
    default:
        CALL(m->t, read, "...", m->fd, 8, 3);
        break;
    }
}

static void *mix(void *data)
{
    static const int weights = 16;
    struct worker *w = data;
    struct truth self = {0};
    struct mix m = {.t = &self, .w = w};

    truth__open(&self);
    m.pid = CALL(&self, getpid, "", 0);
    snprintf(m.path, sizeof(m.path), "/tmp/mix%u", w->index);
    m.fd = CALL(&self, openat, ".s..", AT_FDCWD, L(m.path), O_RDWR | O_CREAT, 0600);
    m.event = CALL(&self, eventfd2, "..", 0, EFD_NONBLOCK);
    for (long i = 0; i < w->n; i++) {
        uint64_t r = next_random(w);
        unsigned which = (unsigned)(r & (unsigned)(weights - 1));

        r >>= 4;
        if (which < 5)
            mix_files(&m, r);
        else if (which < 15)
            mix_quick(&m, r);
        else
            mix_odd(&m, r);
    }
    CALL(&self, close, ".", m.fd);
    truth__close(&self);
    return NULL;
}

void run_mix(struct truth *t, long n)
{
    (void)t;
    truth__handle(SIGUSR1, 0, 1, 0);
    run_workers((n ? n : 8000) / THREADS, mix);
}
