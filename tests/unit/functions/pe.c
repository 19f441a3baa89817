/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exported functions of PE images that are built here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "functions/pe_symbols.h"
#include "pe_build.h"

#define FIRST_SECTION (0x80u + 24 + 240)

static void section(struct built *b, unsigned i, uint32_t rva, uint32_t size, uint32_t flags)
{
    uint8_t *at = b->bytes + FIRST_SECTION + 40 * i;
    put(b->bytes + 0x80 + 6, i + 1, 2);
    put(b->bytes + 0x80 + 20, 240, 2);
    put(at + 8, size, 4);
    put(at + 12, rva, 4);
    put(at + 36, flags, 4);
}

static struct built *image(bool is_64)
{
    struct built *b = build(is_64, "ntdll.dll");
    uint32_t rva = EXPORT(b, "LdrLoadDll", "\xc3"), forward, data;
    assert_int_equal(rva, CODE);
    (void)EXPORT(b, "LdrGetDllHandle", "\xc3");
    forward = EXPORT(b, "RtlForwarded", "NTDLL.Other");
    data = EXPORT(b, "NlsCodePage", "\1");
    put(b->bytes + EXPORTS + 0x100 + 4 * 2, EXPORTS + 0xa00, 4);
    put(b->bytes + EXPORTS + 0x100 + 4 * 3, 0x5000, 4);
    assert_true(forward && data);
    put(b->bytes + 0x80 + 24 + (is_64 ? 116 : 100), 0xb00, 4); /* the size of the export directory */
    section(b, 0, 0x1000, 0x3000, 0x60000020); /* code, with the directory in it, as linkers merge them */
    section(b, 1, 0x4000, 0x2000, 0xc0000040);
    return b;
}

static void functions_are_exports_of_code(void **state)
{
    (void)state;
    for (unsigned is_64 = 0; is_64 < 2; is_64++) {
        struct built *b = image(is_64);
        struct function_pe found;
        struct pe pe;
        assert_true(pe__open(&b->image, 0, &pe));
        assert_int_equal(functions__from_pe(&pe, &found), 2);
        assert_string_equal(found.symbol[0].name, "LdrLoadDll");
        assert_int_equal(found.symbol[0].address, CODE);
        assert_string_equal(found.symbol[1].name, "LdrGetDllHandle");
        assert_int_equal(found.symbol[1].address, CODE + SLOT);
        functions__pe_clear(&found);
        free(b);
    }
}

static void they_are_found_by_name(void **state)
{
    struct built *b = image(true);
    g_autoptr(GError) error = NULL, near = NULL;
    struct function_spec spec;
    struct function_pe found;
    struct pe pe;
    (void)state;
    assert_true(pe__open(&b->image, 0, &pe));
    (void)functions__from_pe(&pe, &found);
    assert_true(function__read_spec("ntdll.dll:Ldr*", &spec, &error));
    g_autoptr(GArray) both = function__match(&spec, found.symbol, found.count, 10, &error);
    assert_true(both && both->len == 2);
    function__spec_clear(&spec);
    assert_true(function__read_spec("ntdll.dll:LdrLoadDl", &spec, &error));
    assert_null(function__match(&spec, found.symbol, found.count, 10, &near));
    assert_non_null(strstr(near->message, "ntdll.dll has no function LdrLoadDl; near it: LdrLoadDll"));
    function__spec_clear(&spec);
    functions__pe_clear(&found);
    free(b);
}

static void nothing_is_found_where_nothing_is(void **state)
{
    struct built *b = image(true);
    struct function_pe found;
    struct pe pe;
    (void)state;
    put(b->bytes + 0x80 + 6, 0xffff, 2); /* more sections than can be */
    put(b->bytes + 0x80 + 20, 0xffff, 2);
    assert_true(pe__open(&b->image, 0, &pe));
    assert_int_equal(functions__from_pe(&pe, &found), 0);
    functions__pe_clear(&found);
    b->present[0] = 1; /* the header alone */
    assert_true(pe__open(&b->image, 0, &pe));
    assert_int_equal(functions__from_pe(&pe, &found), 0);
    functions__pe_clear(&found);
    free(b);
}

/* More of them than any linker makes, all of code that is nowhere. */
static void sections_are_bounded(void **state)
{
    struct built *b = image(true);
    struct function_pe found;
    struct pe pe;
    (void)state;
    put(b->bytes + 0x80 + 6, 200, 2);
    put(b->bytes + 0x80 + 20, 0x6000 - 0x80 - 24, 2);
    for (unsigned i = 0; i < 200; i++)
        put(b->bytes + 0x6000 + 40 * i + 36, 0x20000000, 4);
    put(b->bytes + 0x6000 + 40 * 199 + 8, 0xffffffff, 4);
    assert_true(pe__open(&b->image, 0, &pe));
    assert_int_equal(functions__from_pe(&pe, &found), 0);
    functions__pe_clear(&found);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_exports_of_code),
        cmocka_unit_test(they_are_found_by_name),
        cmocka_unit_test(sections_are_bounded),
        cmocka_unit_test(nothing_is_found_where_nothing_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
