// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of functions: what is written is read again, and nothing that is not such a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "trace/functions.h"

static char text[] = "second\0first\0";

static int good(struct functions_entry entry[2])
{
    struct functions_table table = {.count = 2, .entry = entry, .text = text, .text_len = 13, .trampoline = {0, 77}};
    entry[0] = (struct functions_entry){.address = 0xffffffff81000020u, .name = 0, .prototype = FUNCTIONS_NO_PROTOTYPE};
    entry[1] = (struct functions_entry){.address = 0xffffffff81000010u, .name = 7, .prototype = FUNCTIONS_NO_PROTOTYPE};
    int fd = functions__write(&table);
    assert_true(fd >= 0);
    return fd;
}

static void test_read_again(void **state)
{
    struct functions_entry entry[2];
    struct functions_table table;
    int fd = good(entry);
    (void)state;
    assert_true(functions__read(fd, &table));
    assert_int_equal(table.count, 2);
    assert_int_equal(table.entry[0].address, 0xffffffff81000010u); /* sorted */
    assert_string_equal(table.text + table.entry[0].name, "first");
    assert_string_equal(table.text + table.entry[1].name, "second");
    assert_null(functions__prototype(&table, &table.entry[1]));
    assert_int_equal(table.trampoline[1], 77);
    assert_int_equal(write(fd, "x", 1), -1); /* sealed */
    functions__clear(&table);
    close(fd);
}

/* A copy of a good table with `len` bytes at `offset` replaced, cut to `size` bytes, sealed or not. */
static bool taken(size_t offset, const void *bytes, size_t len, size_t size, bool seal)
{
    struct functions_entry entry[2];
    struct functions_table table;
    uint8_t whole[256] = {0};
    int fd = good(entry), other = memfd_create("other", MFD_ALLOW_SEALING);
    ssize_t got = pread(fd, whole, sizeof(whole), 0);
    assert_true(got > 0 && other >= 0 && offset + len <= (size_t)got);
    if (len)
        memcpy(whole + offset, bytes, len);
    size = size ? size : (size_t)got;
    assert_int_equal(write(other, whole, size), size);
    if (seal)
        assert_int_equal(fcntl(other, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL), 0);
    bool ok = functions__read(other, &table);
    if (!ok)
        assert_null(table.entry);
    functions__clear(&table);
    close(fd);
    close(other);
    return ok;
}

static void test_nonsense(void **state)
{
    const size_t entries = sizeof(struct functions_header), texts = entries + 2 * sizeof(struct functions_entry);
    const uint32_t zero = 0, many = FUNCTIONS_MAX + 1, three = 3, far = 13;
    const uint64_t none = 0, same = 0xffffffff81000020u;
    const uint8_t seven = 7;
    struct functions_table table;
    (void)state;
    assert_true(taken(0, NULL, 0, 0, true));
    assert_false(taken(0, NULL, 0, 0, false)); /* its maker could still change it */
    assert_false(taken(0, &zero, 4, 0, true));
    assert_false(taken(offsetof(struct functions_header, count), &zero, 4, 0, true));
    assert_false(taken(offsetof(struct functions_header, count), &many, 4, 0, true));
    assert_false(taken(offsetof(struct functions_header, count), &three, 4, 0, true));
    assert_false(taken(offsetof(struct functions_header, text_len), &zero, 4, 0, true));
    assert_false(taken(0, NULL, 0, texts + 12, true));
    assert_false(taken(0, NULL, 0, texts + 14, true));
    assert_false(taken(0, NULL, 0, 8, true));
    assert_false(taken(entries + offsetof(struct functions_entry, name), &far, 4, 0, true));
    assert_false(taken(entries + offsetof(struct functions_entry, prototype), &zero, 4, 0, true));
    assert_false(taken(entries + offsetof(struct functions_entry, n_args), &seven, 1, 0, true));
    assert_false(taken(entries + offsetof(struct functions_entry, convention), &seven, 1, 0, true));
    assert_false(taken(entries, &none, 8, 0, true));
    assert_false(taken(entries, &same, 8, 0, true));  /* twice */
    assert_false(taken(texts + 12, "x", 1, 0, true)); /* no NUL at the end */
    assert_false(taken(texts, &zero, 1, 0, true));    /* an empty name */
    assert_false(functions__read(-1, &table));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read_again), cmocka_unit_test(test_nonsense)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
