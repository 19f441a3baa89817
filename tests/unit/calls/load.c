// SPDX-License-Identifier: GPL-2.0-or-later
/* Loading modules, and each way in which it fails: an error number and one line that names the file. */
#include "help.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calls/load.h"

#define MODULE(name) MODULES_DIR "/" name ".so"

static void expect_why(const char *why, const char *path, const char *word)
{
    if (strstr(why, path) == NULL || strstr(why, word) == NULL || strchr(why, '\n') != NULL || strlen(why) < 10)
        fail_msg("\"%s\" does not tell \"%s\" of %s in one line", why, word, path);
}

static void refused(const char *path, int err, const char *word)
{
    struct load_module module;
    char why[512] = "";
    assert_int_equal(load__open(&module, path, why, sizeof why), err);
    expect_why(why, path, word);
    assert_null(module.handle);
    load__exit(&module); /* does nothing */
    load__close(&module);
}

static void not_modules(void **state)
{
    (void)state;
    refused("/no/such/module.so", -ENOENT, "No such file");
    refused("/", -ENOENT, "");
    refused(__FILE__, -ENOENT, ""); /* not a shared object */
    refused(MODULE("none"), -ENOEXEC, "qebek_module_init");
    refused(MODULE("noabi"), -ENOEXEC, "qebek_module_abi");
    refused(MODULE("newer"), -ENOEXEC, "version 1000");
    refused(MODULE("unresolved"), -ENOENT, "nobody_has_this");
}

/* A shared object for another machine, and one that ends too early. */
static void bad_elf(void **state)
{
    char good[4096], path[] = "/tmp/qebek-load-XXXXXX";
    (void)state;
    int from = open(MODULE("good"), O_RDONLY | O_CLOEXEC), to = mkstemp(path);
    assert_true(from >= 0 && to >= 0);
    assert_int_equal(read(from, good, sizeof good), sizeof good);
    assert_int_equal(pwrite(to, good, 100, 0), 100);
    refused(path, -ENOENT, "");
    good[18] = 40; /* e_machine: ARM */
    assert_int_equal(pwrite(to, good, sizeof good, 0), sizeof good);
    refused(path, -ENOENT, "");
    close(from);
    close(to);
    unlink(path);
}

static void failing(void **state)
{
    struct calls *calls = help__calls();
    struct load_module module;
    struct calls_host host;
    char why[512] = "";
    (void)state;
    host__init(&host, calls);
    assert_int_equal(load__open(&module, MODULE("good"), why, sizeof why), 0);
    assert_int_equal(load__init(&module, MODULE("good"), &host.api, "fail=13", why, sizeof why), -EACCES);
    expect_why(why, MODULE("good"), "Permission denied");
    assert_int_equal(load__init(&module, MODULE("good"), &host.api, "fail=-5", why, sizeof why), -EINVAL);
    expect_why(why, MODULE("good"), "5");
    assert_int_equal(load__init(&module, MODULE("good"), &host.api, "fail=2147483648", why, sizeof why),
                     -2147483647 - 1);
    expect_why(why, MODULE("good"), "-2147483648");
    int *exits = dlsym(module.handle, "exits");
    if (exits == NULL) {
        fail_msg("the module lacks a symbol");
        return;
    }
    load__exit(&module); /* whose init failed has nothing to end */
    assert_int_equal(*exits, 0);
    /* What it had registered before it failed can be taken out, and then its code can go. */
    assert_true(calls__wanted(calls, QBK_ABI_LINUX_X86_64, 0));
    host__clear(&host);
    assert_false(calls__wanted(calls, QBK_ABI_LINUX_X86_64, 0));
    calls__reclaim(calls);
    load__close(&module);
    calls__free(calls);
}

static void good(void **state)
{
    struct calls *calls = help__calls();
    struct load_module module, again;
    struct calls_host host;
    char why[512] = "";
    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        host__init(&host, calls);
        assert_int_equal(load__open(&module, MODULE("good"), why, sizeof why), 0);
        assert_int_equal(load__open(&again, MODULE("good"), why, sizeof why), 0);
        assert_ptr_equal(module.handle, again.handle);
        load__close(&again);
        char *args = dlsym(module.handle, "args_were");
        int *exits = dlsym(module.handle, "exits"), *posts = dlsym(module.handle, "posts");
        if (args == NULL || exits == NULL || posts == NULL) {
            fail_msg("the module lacks a symbol");
            return;
        }
        assert_int_equal(*posts, 0); /* loaded anew each time */
        assert_int_equal(load__init(&module, MODULE("good"), &host.api, "a=b,c", why, sizeof why), 0);
        assert_string_equal(args, "a=b,c");
        struct calls_thread *thread = calls__thread_get(calls, 1);
        assert_non_null(help__enter(calls, thread, 0, 1));
        help__return(calls, thread, 5);
        assert_int_equal(*posts, 1);
        load__exit(&module);
        load__exit(&module);
        assert_int_equal(*exits, 1);
        host__clear(&host);
        calls__reclaim(calls);
        assert_null(help__enter(calls, thread, 0, 1));
        load__close(&module);
        assert_null(dlopen(MODULE("good"), RTLD_NOW | RTLD_NOLOAD)); /* its code is gone */
    }
    calls__free(calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_modules),
        cmocka_unit_test(bad_elf),
        cmocka_unit_test(failing),
        cmocka_unit_test(good),
    };
    return cmocka_run_group_tests_name("calls-load", tests, NULL, NULL);
}
