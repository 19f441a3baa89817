// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pairing against the reference model, with random histories until the time is up.
 *   QEBEK_PROPERTY_SECONDS=N    how long (10)
 *   QEBEK_PROPERTY_HISTORIES=N  or how many
 *   QEBEK_PROPERTY_SEED=N       where to begin: the seed that a failure tells repeats it first
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "history.h"

#define CRASH_OPS 40u /* printed of a history that crashed */

static struct op ops[OPS_MAX];
static volatile uint64_t now; /* the seed that runs */

/* Sanitizers that are there tell when they end the program. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

/* The program is lost anyway, so printing from a signal handler is worth the try. */
static void tell_crash(void)
{
    size_t last = history__at, first = last < CRASH_OPS ? 0 : last - CRASH_OPS;
    printf("\nnot ok: crashed in step %zu; QEBEK_PROPERTY_SEED=%" PRIu64 " repeats this\n", last, now);
    history__print(ops + first, last - first + 1);
    fflush(stdout);
}

static void on_crash(int signo)
{
    tell_crash();
    signal(signo, SIG_DFL);
    raise(signo);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

static uint64_t seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec;
}

static int failed(size_t n, const char *why)
{
    char after[512] = "?";
    printf("not ok: %s\nseed %" PRIu64 ", after %zu steps; shrinking …\n", why, now, n);
    n = history__shrink(ops, n);
    history__run(ops, n, after, sizeof after, NULL);
    history__print(ops, n);
    printf("%s\nQEBEK_PROPERTY_SEED=%" PRIu64 " repeats this\n", after, now);
    return 1;
}

/* A test that meets none of what it is about would prove nothing. */
static int vacuous(const struct tally *t)
{
    bool all = t->migrated && t->dead_in_call && t->reused && t->changes_in_flight && t->too_deep && t->callbacks;
    for (unsigned i = 0; i < 8; i++)
        all = all && t->ends[i] > 0;
    if (!all)
        printf("not ok: something was never met\n");
    return !all;
}

int main(void)
{
    uint64_t seed, limit = setting("QEBEK_PROPERTY_SECONDS", 10), histories = setting("QEBEK_PROPERTY_HISTORIES", 0);
    uint64_t until = seconds() + limit, made;
    struct tally t = {0};
    char why[512];
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = (uint64_t)time(NULL);
    now = seed = setting("QEBEK_PROPERTY_SEED", seed);
    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(tell_crash);
    else
        signal(SIGSEGV, on_crash);
    signal(SIGABRT, on_crash);
    printf("seed %" PRIu64 "\n", seed);
    fflush(stdout);
    while (histories != 0 ? t.histories < histories : seconds() < until) {
        size_t n = history__make(now, ops, &made), done = history__run(ops, n, why, sizeof why, &t);
        if (done < n)
            return failed(done + 1, why);
        t.histories += made;
        now++;
    }
    printf("%" PRIu64 " histories, %" PRIu64 " events, %" PRIu64 " callbacks; ends", t.histories, t.ops, t.callbacks);
    for (unsigned i = 0; i < 8; i++)
        printf(" %" PRIu64, t.ends[i]);
    printf("; ended on another vCPU %" PRIu64 ", died in a call %" PRIu64 ", object used again %" PRIu64
           ", hooks changed in flight %" PRIu64 ", deepest %" PRIu64 ", too deep %" PRIu64 "\n",
           t.migrated, t.dead_in_call, t.reused, t.changes_in_flight, t.deepest, t.too_deep);
    return t.histories > 20000 && vacuous(&t);
}
