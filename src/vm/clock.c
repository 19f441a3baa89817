/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time stamps. A record costs some hundred nanoseconds, and clock_gettime 25 of them; the time-stamp counter costs 10.
 * Each host thread keeps its own pair of (counter, clock) and the rate between them, and renews it about once a second.
 * On a host whose counter does not run at a constant rate the clock is asked each time.
 */
#include <cpuid.h>
#include <time.h>
#include <x86intrin.h>

#include "vm/vm.h"

struct calibration {
    uint64_t tsc, ns;
    uint64_t span; /* counts after which to renew */
    double ns_per_count;
    uint64_t last; /* never go backwards on one thread */
};

static uint64_t clock_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* CPUID 80000007h, EDX bit 8: invariant TSC (Intel SDM volume 3, 18.17.1; AMD APM volume 2, 13.2.4). */
static bool counter_is_constant(void)
{
    static int known; /* 0 not asked, 1 no, 2 yes; a race asks twice and gets the same answer */
    if (known == 0) {
        unsigned a, b, c, d;
        bool yes = __get_cpuid(0x80000007u, &a, &b, &c, &d) != 0 && (d & (1u << 8)) != 0;
        __atomic_store_n(&known, yes ? 2 : 1, __ATOMIC_RELAXED);
    }
    return known == 2;
}

static uint64_t renew(struct calibration *cal, uint64_t tsc)
{
    uint64_t ns = clock_ns();
    if (cal->tsc != 0 && ns > cal->ns && tsc - cal->tsc > 1000000) {
        uint64_t elapsed = tsc - cal->tsc;
        cal->ns_per_count = (double)(ns - cal->ns) / (double)elapsed;
        uint64_t second = (uint64_t)(1e9 / cal->ns_per_count);
        cal->span = elapsed * 16 < second ? elapsed * 16 : second; /* a rate is good for 16 times its own base */
    } else if (cal->tsc != 0 && ns >= cal->ns) {
        return ns; /* too early to know the rate */
    } else {
        cal->ns_per_count = 0; /* the first time, or the clock was set back */
    }
    cal->tsc = tsc;
    cal->ns = ns;
    return ns;
}

uint64_t vm__now(void)
{
    static __thread struct calibration cal;
    if (!counter_is_constant())
        return clock_ns();
    uint64_t tsc = __rdtsc();
    uint64_t ns;
    if (cal.ns_per_count == 0.0 || tsc - cal.tsc > cal.span)
        ns = renew(&cal, tsc);
    else
        ns = cal.ns + (uint64_t)((double)(tsc - cal.tsc) * cal.ns_per_count);
    if (ns < cal.last && cal.last - ns < 1000000000u) /* more than that: somebody set the clock */
        ns = cal.last;
    cal.last = ns;
    return ns;
}
