// SPDX-License-Identifier: GPL-2.0-or-later
/* The table that modules get: registration by name and number, and what it tells of a call. */
#include "help.h"

#include <errno.h>

#include "calls/host.h"
#include "decode/decode.h"

static void names(void **state)
{
    struct calls *calls = help__calls();
    struct calls_host host;
    struct noter a;
    (void)state;
    host__init(&host, calls);
    assert_int_equal(host.api.size, sizeof(struct qebek_host));
    assert_int_equal(host.api.abi, QEBEK_MODULE_ABI);
    help__noter(&a, 'a', 8);
    assert_int_equal(host.api.hook_service(&host.api, "no_such_call", &a.hook), -ENOENT);
    assert_int_equal(host.api.hook_service(&host.api, "", &a.hook), -ENOENT);
    assert_int_equal(host.api.hook_service(&host.api, NULL, &a.hook), -EINVAL);
    assert_int_equal(host.api.hook_service(&host.api, "openat", NULL), -EINVAL);
    assert_int_equal(host.api.hook_number(&host.api, QBK_ABI_LINUX_X86_64, 1, NULL), -EINVAL);
    assert_int_equal(host.api.hook_all(&host.api, NULL), -EINVAL);
    assert_int_equal(host.api.hook_service(&host.api, "openat", &a.hook), 0);
    /* In every system-call table that has it, and nowhere else. */
    unsigned tables = 0;
    for (int abi = 0; abi < QBK_ABIS; abi++) {
        int nr = decode__number((enum qbk_abi)abi, "openat");
        tables += nr >= 0;
        for (uint32_t i = 0; i < 1000; i++)
            assert_int_equal(calls__wanted(calls, (enum qbk_abi)abi, i), (int)i == nr);
    }
    assert_true(tables >= 2);
    assert_int_equal(host.api.hook_number(&host.api, QBK_ABI_RAW, 77, &a.hook), 0);
    assert_true(calls__wanted(calls, QBK_ABI_RAW, 77));
    assert_int_equal(host.api.hook_number(&host.api, QBK_ABI_RAW, CALLS_NR_MAX, &a.hook), -EINVAL);
    assert_int_equal(host.api.hook_all(&host.api, &a.hook), 0);
    assert_true(calls__wanted(calls, QBK_ABI_NT_X64, 5000));
    host__clear(&host);
    calls__free(calls);
}

static void closed(void **state)
{
    struct calls *calls = help__calls();
    struct calls_host host;
    struct noter a;
    (void)state;
    host__init(&host, calls);
    help__noter(&a, 'a', 8);
    host__close(&host);
    assert_int_equal(host.api.hook_service(&host.api, "openat", &a.hook), -EINVAL);
    assert_int_equal(host.api.hook_number(&host.api, QBK_ABI_LINUX_X86_64, 1, &a.hook), -EINVAL);
    assert_int_equal(host.api.hook_all(&host.api, &a.hook), -EINVAL);
    assert_false(calls__wanted(calls, QBK_ABI_LINUX_X86_64, 1));
    host__clear(&host);
    calls__free(calls);
}

/* A module goes with all that it registered, and with nothing else. */
static void clear(void **state)
{
    struct calls *calls = help__calls();
    struct calls_host one, two;
    struct noter a, b, c;
    (void)state;
    host__init(&one, calls);
    host__init(&two, calls);
    help__noter(&a, 'a', 8);
    help__noter(&b, 'b', 8);
    help__noter(&c, 'c', 8);
    struct qebek_hook tiny = {.size = 1, .pre = a.hook.pre};
    assert_int_equal(one.api.hook_number(&one.api, QBK_ABI_LINUX_X86_64, 1, &tiny), -EINVAL);
    for (uint32_t nr = 0; nr < 30; nr++)
        assert_int_equal(one.api.hook_number(&one.api, QBK_ABI_LINUX_X86_64, nr, &a.hook), 0);
    assert_int_equal(one.api.hook_all(&one.api, &b.hook), 0);
    assert_int_equal(two.api.hook_service(&two.api, "read", &c.hook), 0);
    assert_int_equal(one.n_hooks, 2); /* each hook once, however often it was registered */
    host__clear(&one);
    host__clear(&one);
    struct calls_thread *thread = calls__thread_get(calls, 1);
    for (uint32_t nr = 0; nr < 40; nr++) {
        if (help__enter(calls, thread, nr, nr) != NULL)
            help__return(calls, thread, 0);
    }
    help__expect("<c0 >c0");
    host__clear(&two);
    assert_false(calls__wanted(calls, QBK_ABI_LINUX_X86_64, 0));
    calls__free(calls);
}

static const struct qebek_host *api;
static unsigned looked;

static enum qebek_verdict look_pre(struct qebek_call *call, void *context, void *user)
{
    (void)context, (void)user;
    assert_string_equal(api->name(call), "getpid");
    assert_int_equal(api->nr(call), 39);
    assert_int_equal(api->call_abi(call), QBK_ABI_LINUX_X86_64);
    assert_int_equal(api->depth(call), 0);
    looked++;
    return QEBEK_WATCH;
}

static void look_post(struct qebek_call *call, void *context, void *user)
{
    uint64_t result = 1;
    (void)context, (void)user;
    assert_int_equal(api->end(call), looked == 1 ? QBK_END_RETURNED : QBK_END_THREAD_GONE);
    assert_int_equal(api->result(call, &result), looked == 1 ? 0 : -1);
    assert_int_equal(result, looked == 1 ? 4711 : 1);
    assert_string_equal(api->name(call), "getpid");
    looked++;
}

static void questions(void **state)
{
    struct calls *calls = help__calls();
    struct calls_host host;
    const struct qebek_hook hook = {.size = sizeof hook, .pre = look_pre, .post = look_post};
    (void)state;
    host__init(&host, calls);
    api = &host.api;
    assert_int_equal(api->hook_service(api, "getpid", &hook), 0);
    struct calls_thread *thread = calls__thread_get(calls, 1);
    help__enter(calls, thread, 39, 0);
    help__return(calls, thread, 4711);
    help__enter(calls, thread, 39, 0);
    calls__thread_gone(calls, thread, 0, NULL, QBK_END_THREAD_GONE);
    assert_int_equal(looked, 4);
    struct qebek_call unknown = {.nr = 100000, .abi = QBK_ABI_RAW};
    assert_null(api->name(&unknown));
    host__clear(&host);
    calls__free(calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(closed),
        cmocka_unit_test(clear),
        cmocka_unit_test(questions),
    };
    return cmocka_run_group_tests_name("calls-host", tests, NULL, NULL);
}
