// SPDX-License-Identifier: GPL-2.0-or-later
/* Time stamps from the counter are those of the clock, and never go backwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "vm/vm.h"

#define MS 1000000

static int64_t real_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 * MS + ts.tv_nsec;
}

/* How far off a stamp is. The thread may be preempted between the two looks: the nearest of several counts. */
static int64_t error_ns(struct vm_cpu *cpu)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < 100; i++) {
        int64_t before = real_ns(), stamp = (int64_t)vm__now(cpu), after = real_ns();
        int64_t error = stamp < before ? before - stamp : stamp > after ? stamp - after : 0;
        best = error < best ? error : best;
    }
    return best;
}

static void agrees_with_the_clock(void **state)
{
    struct vm_cpu cpu = {.index = 0};
    int64_t end = real_ns() + 400 * MS;
    (void)state;
    while (real_ns() < end)
        assert_true(error_ns(&cpu) < MS); /* clocks that are being corrected run a little off their rate */
}

static void never_goes_backwards(void **state)
{
    struct vm_cpu cpu = {.index = 0};
    uint64_t last = 0;
    (void)state;
    for (int i = 0; i < 2000000; i++) {
        uint64_t now = vm__now(&cpu);
        assert_true(now >= last);
        last = now;
    }
}

/* A rate that was measured wrongly, or a machine that slept: the next look at the clock puts it right. */
static void finds_back(void **state)
{
    struct vm_cpu cpu = {.index = 0};
    int64_t end = real_ns() + 100 * MS; /* on a host without a constant counter there is no rate */
    (void)state;
    while (cpu.clock.span == 0 && real_ns() < end)
        (void)vm__now(&cpu);
    cpu.clock.ns -= 3600ull * 1000 * MS; /* an hour behind */
    cpu.clock.last = 0;
    cpu.clock.span = 1;
    assert_true(error_ns(&cpu) < MS);
}

static void works_without_a_vcpu(void **state)
{
    (void)state;
    assert_true(error_ns(NULL) < MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_clock),
        cmocka_unit_test(never_goes_backwards),
        cmocka_unit_test(finds_back),
        cmocka_unit_test(works_without_a_vcpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
