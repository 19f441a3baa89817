/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest that is not known: what it can make grow, and what is told of what is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "guest/raw.h"

static uint64_t page_table, stack;
static unsigned seen, forgotten;

uint64_t vm__reg(struct vm_cpu *cpu, enum vm_reg reg)
{
    (void)cpu;
    return reg == VM_CR3 ? page_table : reg == VM_RSP ? stack : 0;
}

bool vm__read_exact(struct vm_cpu *cpu, uint64_t addr, void *buf, size_t len)
{
    (void)cpu;
    (void)addr;
    memset(buf, 0, len);
    return false;
}

void guest__filter_thread(const struct guest *guest, struct guest_thread *thread)
{
    (void)guest;
    thread->skip = false;
}

void guest__emit_thread(struct guest *guest, struct guest_cpu *cpu, struct guest_thread *thread,
                        enum qbk_thread_why why, uint8_t os)
{
    (void)guest;
    (void)cpu;
    assert_int_equal(why, QBK_THREAD_SEEN);
    assert_int_equal(os, 2);
    thread->number = ++seen;
}

void guest__emit_forgotten(struct guest_cpu *cpu, uint64_t number)
{
    (void)cpu;
    assert_in_range(number, 1, seen);
    forgotten++;
}

static enum qebek_verdict watch(struct qebek_call *call, void *context, void *user)
{
    (void)call;
    (void)context;
    (void)user;
    return QEBEK_WATCH;
}

static unsigned ends[QBK_ENDS];

static void count(struct qebek_call *call, void *context, void *user)
{
    (void)context;
    (void)user;
    ends[call->end]++;
}

static void stacks_are_forgotten_and_it_is_told(void **state)
{
    const struct qebek_hook hook = {.size = sizeof(hook), .pre = watch, .post = count};
    struct vm_cpu vm = {0};
    struct guest guest = {.calls = calls__new(1, sizeof(struct guest_thread))};
    struct guest_cpu *cpu = aligned_alloc(64, sizeof(*cpu));
    struct qebek_call call = {.nr = 1, .abi = QBK_ABI_RAW};
    (void)state;
    assert_non_null(guest.calls);
    assert_non_null(cpu);
    memset(cpu, 0, sizeof(*cpu));
    cpu->vm = &vm;
    cpu->guest = &guest;
    assert_int_equal(calls__hook_all(guest.calls, &hook), 0);
    page_table = 0x1000;
    /* One that waits in a call all the time, and three times as many others as there is room for. */
    for (unsigned i = 0; i < 3 * RAW_STACKS_MAX; i++) {
        stack = 0x7000000 + 4096ull * i;
        struct calls_thread *thread = raw__at_entry(cpu);
        assert_non_null(thread);
        assert_true(calls__enter(guest.calls, thread, 0, &call, false));
        if (i > 0) {
            assert_ptr_equal(raw__at_leave(cpu, INSN_SYSRET), thread);
            assert_true(calls__end(guest.calls, thread, 0, cpu, QBK_END_RETURNED, 0, 0));
        }
        assert_true(calls__thread_count(guest.calls) <= RAW_STACKS_MAX);
    }
    assert_int_equal(seen, 3 * RAW_STACKS_MAX);
    assert_int_equal(seen - forgotten, calls__thread_count(guest.calls));
    assert_int_equal(ends[QBK_END_RETURNED], 3 * RAW_STACKS_MAX - 1);
    stack = 0x7000000;
    assert_non_null(raw__at_leave(cpu, INSN_SYSRET)); /* the one that waits is still known */
    calls__all_gone(guest.calls, 0, cpu, QBK_END_IN_FLIGHT);
    assert_int_equal(ends[QBK_END_IN_FLIGHT], 1);
    calls__free(guest.calls);
    free(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stacks_are_forgotten_and_it_is_told)};
    return cmocka_run_group_tests_name("raw", tests, NULL, NULL);
}
