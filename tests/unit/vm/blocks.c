// SPDX-License-Identifier: GPL-2.0-or-later
/* Blocks of code: one for the same instructions at the same place of a page, and where their instructions begin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vm/blocks.h"

/* push rbp; mov rbp, rsp; jne -4 */
static const uint8_t code[] = {0x55, 0x48, 0x89, 0xe5, 0x75, 0xfc};
static const uint8_t lengths[] = {1, 3, 2};

static int clear(void **state)
{
    (void)state;
    vm_blocks__clear();
    return 0;
}

static void is_one_for_the_same_code(void **state)
{
    struct vm_block *b = vm_blocks__get(0x10, code, sizeof(code), lengths, 3);
    static const uint8_t other_lengths[] = {1, 2, 3};
    uint8_t other[sizeof(code)];
    (void)state;
    assert_non_null(b);
    assert_int_not_equal(b->id, 0);
    assert_ptr_equal(vm_blocks__get(0x10, code, sizeof(code), lengths, 3), b);
    assert_ptr_not_equal(vm_blocks__get(0x11, code, sizeof(code), lengths, 3), b);
    assert_ptr_not_equal(vm_blocks__get(0x10, code, sizeof(code), other_lengths, 3), b);
    assert_ptr_not_equal(vm_blocks__get(0x10, code, 4, lengths, 2), b);
    memcpy(other, code, sizeof(code));
    other[5] = 0xfb;
    assert_ptr_not_equal(vm_blocks__get(0x10, other, sizeof(other), lengths, 3), b);
}

static void knows_its_instructions(void **state)
{
    const struct vm_block *b = vm_blocks__get(0xfff, code, sizeof(code), lengths, 3);
    (void)state;
    assert_int_equal(b->offset, 0xfff);
    assert_int_equal(b->n, 3);
    assert_int_equal(b->last, 4);
    assert_int_equal(vm_block__at(b, 0), 0);
    assert_int_equal(vm_block__at(b, 2), 4);
    assert_int_equal(vm_block__at(b, 3), 6);
    assert_int_equal(vm_block__index(b, 0), 0);
    assert_int_equal(vm_block__index(b, 1), 1);
    assert_int_equal(vm_block__index(b, 4), 2);
    assert_int_equal(vm_block__index(b, 2), -1);
    assert_int_equal(vm_block__index(b, 6), -1);
    assert_int_equal(vm_block__index(b, UINT64_MAX), -1);
}

static bool repeats(const char *bytes, size_t len)
{
    uint8_t length = (uint8_t)len;
    return vm_blocks__get(0, (const uint8_t *)bytes, len, &length, 1)->repeats;
}

static void knows_jumps_that_cannot_fault(void **state)
{
    (void)state;
    assert_true(repeats("\xeb\xfe", 2));                 /* jmp . */
    assert_true(repeats("\xe9\xfb\xff\xff\xff", 5));     /* jmp . */
    assert_true(repeats("\x75\xfe", 2));                 /* jne . */
    assert_true(repeats("\x0f\x85\xfa\xff\xff\xff", 6)); /* jne . */
    assert_true(repeats("\xe2\xfe", 2));                 /* loop . */
    assert_true(repeats("\x67\xe2\xfd", 3));             /* loop, on ecx */
    assert_true(repeats("\xf2\xe9\xfa\xff\xff\xff", 6)); /* bnd jmp . */
    assert_false(repeats("\xf3\xa4", 2));                /* rep movsb */
    assert_false(repeats("\xe8\xfb\xff\xff\xff", 5));    /* call . */
    assert_false(repeats("\xff\x27", 2));                /* jmp [rdi] */
    assert_false(repeats("\xc3", 1));
    assert_false(repeats("\x0f\x05", 2));
}

static void never_gives_a_number_twice(void **state)
{
    uint32_t first = vm_blocks__get(0, code, sizeof(code), lengths, 3)->id;
    (void)state;
    vm_blocks__clear();
    assert_true(vm_blocks__get(0, code, sizeof(code), lengths, 3)->id > first);
}

/* As many as there is room for, and then no more; after that the known ones are still found. */
static void is_bounded(void **state)
{
    uint8_t bytes[4];
    static const uint8_t length = sizeof(bytes);
    uint32_t n = 0;
    (void)state;
    for (;; n++) {
        memcpy(bytes, &n, sizeof(bytes));
        if (!vm_blocks__get(0, bytes, sizeof(bytes), &length, 1))
            break;
        assert_true(n < VM_BLOCKS_MAX);
    }
    assert_int_equal(n, VM_BLOCKS_MAX);
    n = 5;
    memcpy(bytes, &n, sizeof(bytes));
    assert_non_null(vm_blocks__get(0, bytes, sizeof(bytes), &length, 1));
    vm_blocks__clear();
    assert_non_null(vm_blocks__get(0, code, sizeof(code), lengths, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(is_one_for_the_same_code, clear),
        cmocka_unit_test_teardown(knows_its_instructions, clear),
        cmocka_unit_test_teardown(knows_jumps_that_cannot_fault, clear),
        cmocka_unit_test_teardown(never_gives_a_number_twice, clear),
        cmocka_unit_test_teardown(is_bounded, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
