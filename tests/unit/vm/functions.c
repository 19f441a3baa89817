// SPDX-License-Identifier: GPL-2.0-or-later
/* Addresses of functions, and what ends in a call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "vm/functions.h"

static void test_each_address(void **state)
{
    const uint32_t n = 20000;
    uint64_t *address = calloc(n, sizeof(*address));
    (void)state;
    assert_non_null(address);
    for (uint32_t i = 0; i < n; i++)
        address[i] = 0xffffffff81000000u + 16 * (uint64_t)i;
    struct vm_functions *functions = vm_functions__new(address, n);
    assert_non_null(functions);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(vm_functions__at(functions, address[i]), i);
        assert_int_equal(vm_functions__at(functions, address[i] + 1), VM_NO_FUNCTION);
    }
    vm_functions__free(functions);
    free(address);
}

/* In seven bytes of which the last are the instruction, and what is before it tells nothing. */
static bool call(const char *bytes, size_t len)
{
    uint8_t before[VM_CALL_MAX] = {0};
    memcpy(before + sizeof(before) - len, bytes, len);
    return vm__ends_in_call(before, sizeof(before));
}
#define CALL(bytes) call(bytes, sizeof(bytes) - 1)

static void test_calls(void **state)
{
    (void)state;
    assert_true(CALL("\xe8\x01\x02\x03\x04"));         /* call rel32 */
    assert_true(CALL("\x2e\xe8\x01\x02\x03\x04"));     /* … with a prefix, as alternatives write it */
    assert_true(CALL("\xff\xd0"));                     /* call *%rax */
    assert_true(CALL("\x41\xff\xd3"));                 /* call *%r11 */
    assert_true(CALL("\xff\x10"));                     /* call *(%rax) */
    assert_true(CALL("\xff\x14\x24"));                 /* call *(%rsp) */
    assert_true(CALL("\xff\x50\x18"));                 /* call *0x18(%rax) */
    assert_true(CALL("\xff\x54\xc0\x18"));             /* call *0x18(%rax,%rax,8) */
    assert_true(CALL("\xff\x15\x01\x02\x03\x04"));     /* call *sym(%rip) */
    assert_true(CALL("\xff\x90\x01\x02\x03\x04"));     /* call *0x04030201(%rax) */
    assert_true(CALL("\xff\x14\xc5\x01\x02\x03\x04")); /* call *table(,%rax,8) */
    assert_true(CALL("\xff\x94\xc0\x01\x02\x03\x04")); /* call *0x04030201(%rax,%rax,8) */
    assert_false(CALL("\xff\xe0"));                    /* jmp *%rax */
    assert_false(CALL("\xe9\x01\x02\x03\x04"));        /* jmp rel32 */
    assert_false(CALL("\x90\x90\x90\x90\x90"));
    assert_false(CALL("\xff\x14")); /* more would have to follow */
    assert_false(CALL("\xff\x15\x01"));
    assert_false(CALL("\xc3"));
    assert_false(vm__ends_in_call((const uint8_t *)"\xe8", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_address), cmocka_unit_test(test_calls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
