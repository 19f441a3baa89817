/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time stamps. A record costs some hundred nanoseconds, and clock_gettime 25 of them; the time-stamp counter costs 10.
 * Each vCPU keeps its own pair of (counter, clock) and the rate between them, and renews it about once a second. On a
 * host whose counter does not run at a constant rate the clock is asked each time.
 */
#include <cpuid.h>
#include <time.h>
#include <x86intrin.h>

#include "vm/vm.h"

#define SECOND_NS 1000000000u

static uint64_t clock_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
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

/* Look at the clock; with what was seen the last time this gives the rate. */
static uint64_t renew(struct vm_clock *clock, uint64_t tsc)
{
    uint64_t ns = clock_ns(), elapsed = tsc - clock->tsc, passed = ns - clock->ns;
    if (clock->tsc != 0 && ns >= clock->ns && elapsed <= 1000000)
        return ns; /* too early to know the rate */
    clock->span = 0;
    if (clock->tsc != 0 && ns > clock->ns && elapsed < 1ull << 62 && passed < 1ull << 62) {
        unsigned __int128 rate = ((unsigned __int128)passed << 32) / elapsed;
        if (rate > 0 && rate < 1ull << 36) { /* 60 MHz and up; else the clock was set */
            uint64_t second = ((uint64_t)SECOND_NS << 32) / (uint64_t)rate;
            clock->rate = (uint64_t)rate;
            clock->span = elapsed < second / 16 ? elapsed * 16 : second; /* a rate is good for 16 times its own base */
        }
    }
    clock->tsc = tsc;
    clock->ns = ns;
    return ns;
}

uint64_t vm__now(struct vm_cpu *cpu)
{
    if (!cpu || !counter_is_constant())
        return clock_ns();
    struct vm_clock *clock = &cpu->clock;
    uint64_t tsc = __rdtsc(), delta = tsc - clock->tsc, ns;
    if (__builtin_expect(delta > clock->span || clock->span == 0, 0))
        ns = renew(clock, tsc);
    else
        ns = clock->ns + (uint64_t)(((unsigned __int128)delta * clock->rate) >> 32);
    if (__builtin_expect(ns < clock->last, 0) && clock->last - ns < SECOND_NS) /* more than that: it was set */
        ns = clock->last;
    clock->last = ns;
    return ns;
}
