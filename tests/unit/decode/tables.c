/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of calls, structs and named values: complete, and each row in agreement with itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "decode/abi.h"
#include "decode/decode.h"
#include "decode/sets.h"
#include "numbers.h" /* made from the installed headers: header_x86_64[], header_i386[] */

static const enum qbk_abi abis[] = {QBK_ABI_LINUX_X86_64, QBK_ABI_LINUX_I386};

static void every_number_of(enum qbk_abi abi, const struct header_number *header, size_t count)
{
    assert_true(count > 300);
    for (size_t i = 0; i < count; i++) {
        const struct decode_service *row = decode__service(abi, header[i].nr);
        if (!row)
            fail_msg("%s (%u) has no row", header[i].name, header[i].nr);
        else
            assert_string_equal(row->name, header[i].name);
    }
}

/* Names and numbers are those of the installed headers. */
static void every_number_has_a_row(void **state)
{
    (void)state;
    every_number_of(QBK_ABI_LINUX_X86_64, header_x86_64, sizeof(header_x86_64) / sizeof(header_x86_64[0]));
    every_number_of(QBK_ABI_LINUX_I386, header_i386, sizeof(header_i386) / sizeof(header_i386[0]));
}

/* The newest kernel's are there, which the installed headers may not know. */
static void newest_numbers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        for (uint32_t nr = 424; nr <= 472; nr++)
            assert_true(decode__service(abis[i], nr) != NULL || (abis[i] == QBK_ABI_LINUX_I386 && nr == 447) ||
                        nr == 453);
        assert_int_equal(decode__number(abis[i], "mseal"), 462);
        assert_int_equal(decode__number(abis[i], "fchroot"), 472);
        assert_int_equal(decode__service_end(abis[i]), 473);
    }
}

static bool has_length(const struct decode_arg *arg)
{
    switch (arg->type) {
    case T_BUF:
    case T_IOVEC:
    case T_INTP:
    case T_FDP:
    case T_LONGP:
    case T_STRUCT:
        return true;
    default:
        return false;
    }
}

static void check_arg(enum qbk_abi abi, const char *of, const struct decode_arg *arg, unsigned siblings)
{
    const char *name = arg->name;
    if (!name || !*name || arg->type == T_NONE || arg->type >= DECODE_TYPES)
        fail_msg("%s: an argument without a name or type", of);
    if ((arg->type == T_FLAGS || arg->type == T_ENUM) && (arg->set == 0 || arg->set >= DECODE_SETS))
        fail_msg("%s.%s: no set", of, name);
    if ((arg->type == T_STRUCT || arg->type == T_INNER) && !decode__struct(abi, arg->set))
        fail_msg("%s.%s: no struct", of, name);
    if (arg->type >= T_POINTERS && (arg->dir & DIR_INOUT) == 0)
        fail_msg("%s.%s: a pointer without a direction", of, name);
    if (arg->type < T_POINTERS && arg->dir)
        fail_msg("%s.%s: a value with a direction", of, name);
    if (has_length(arg) && arg->len_from == L_NONE)
        fail_msg("%s.%s: no length", of, name);
    bool refers = arg->len_from == L_ARG || arg->len_from == L_DEREF || arg->len_from == L_BITS ||
                  arg->len_from == L_PAGES || arg->len_from == L_ARG_WORD || arg->len_from == L_RESULT_WORD ||
                  (arg->len_from == L_RESULT && arg->len != 0xff);
    if (refers && arg->len >= siblings)
        fail_msg("%s.%s: its length is argument %u of %u", of, name, arg->len, siblings);
    if (arg->type == T_STRUCT && arg->len_from == L_FIXED && arg->unit == 0)
        fail_msg("%s.%s: a struct of no size", of, name);
    if (arg->len_from == L_BITS && arg->unit != decode__word(abi))
        fail_msg("%s.%s: bits are in whole words", of, name);
}

static void check_row(enum qbk_abi abi, const struct decode_service *row)
{
    assert_true(row->nargs <= DECODE_ARGS_MAX);
    for (unsigned i = 0; i < row->nargs; i++) {
        const struct decode_arg *arg = &row->arg[i];
        check_arg(abi, row->name, arg, row->nargs);
        /* A pointer cannot tell the length of bytes; L_DEREF wants one. */
        if (arg->len_from == L_DEREF)
            assert_int_equal(row->arg[arg->len].type, T_INTP);
        if (arg->len_from == L_ARG)
            assert_true(row->arg[arg->len].type < T_POINTERS);
        if (arg->type == T_HIGH)
            assert_true(i > 0 && row->arg[i - 1].unit == 4);
    }
    if (row->result == R_ENUM || row->result == R_FLAGS)
        assert_true(row->result_set > 0 && row->result_set < DECODE_SETS);
}

static void rows_agree_with_themselves(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        for (uint32_t nr = 0; nr < decode__service_end(abis[i]); nr++) {
            const struct decode_service *row = decode__service(abis[i], nr);
            if (row)
                check_row(abis[i], row);
        }
    }
}

static void check_selector(enum qbk_abi abi, const struct decode_service *base, const struct decode_selector *select)
{
    assert_true(select->first < base->nargs);
    assert_true(select->second == 0xff || select->second < base->nargs);
    for (size_t i = 0; i < select->count; i++) {
        const struct decode_variant *v = &select->variant[i];
        assert_string_equal(v->row->name, base->name);
        if (v->row->nargs > base->nargs)
            fail_msg("%s: a variant with more arguments than the call", base->name);
        check_row(abi, v->row);
        for (size_t k = 0; k < i; k++) {
            if (select->variant[k].key == v->key)
                fail_msg("%s: two variants for %#llx", base->name, (unsigned long long)v->key);
        }
        uint64_t args[DECODE_ARGS_MAX] = {0};
        args[select->first] = v->key & 0xffffffffu;
        if (select->second != 0xff)
            args[select->second] = v->key >> 32;
        if (select->second == 0xff && (v->key & ~(uint64_t)select->mask))
            fail_msg("%s: variant %#llx is outside the mask", base->name, (unsigned long long)v->key);
        assert_ptr_equal(decode__service_for(abi, (uint32_t)decode__number(abi, base->name), args), v->row);
    }
}

static void variants_agree_with_their_calls(void **state)
{
    unsigned seen = 0;
    (void)state;
    for (uint32_t nr = 0; nr < DECODE_NR_END; nr++) {
        if (decode__x86_64_selectors[nr]) {
            check_selector(QBK_ABI_LINUX_X86_64, decode__x86_64_services[nr], decode__x86_64_selectors[nr]);
            seen++;
        }
        if (decode__i386_selectors[nr] && strcmp(decode__i386_services[nr]->name, "fcntl64") != 0)
            check_selector(QBK_ABI_LINUX_I386, decode__i386_services[nr], decode__i386_selectors[nr]);
    }
    assert_true(seen >= 4);
    assert_true(decode__i386_selectors[221] != NULL); /* fcntl64 */
}

static void a_variant_is_chosen_by_its_argument(void **state)
{
    uint64_t plain[6] = {(uint64_t)-100, 0, 02, 0, 0, 0}, creat[6] = {(uint64_t)-100, 0, 0102, 0644, 0, 0};
    (void)state;
    assert_int_equal(decode__service_for(QBK_ABI_LINUX_X86_64, 257, plain)->nargs, 3);
    assert_int_equal(decode__service_for(QBK_ABI_LINUX_X86_64, 257, creat)->nargs, 4);
    assert_null(decode__service_for(QBK_ABI_LINUX_X86_64, 5000, plain));
    assert_null(decode__service_for(QBK_ABI_RAW, 257, plain));
}

static void structs_lie_in_their_size(void **state)
{
    (void)state;
    for (unsigned a = 0; a < 2; a++) {
        assert_null(decode__struct(abis[a], 0));
        assert_null(decode__struct(abis[a], DECODE_STRUCTS));
        for (unsigned n = 1; n < DECODE_STRUCTS; n++) {
            uint16_t i = (uint16_t)n;
            const struct decode_struct *s = decode__struct(abis[a], i);
            unsigned end = 0;
            assert_non_null(s);
            for (unsigned k = 0; k < s->nfields; k++) {
                const struct decode_field *f = &s->field[k];
                check_arg(abis[a], s->name, &f->arg, s->nfields);
                if (f->offset < end || f->size == 0 || f->offset + f->size > s->size)
                    fail_msg("%s.%s lies at %u, %u bytes", s->name, f->arg.name, f->offset, f->size);
                end = (unsigned)f->offset + f->size;
                if (f->arg.type == T_INNER)
                    assert_int_equal(decode__struct(abis[a], f->arg.set)->size, f->size);
                if (f->arg.type >= T_POINTERS)
                    assert_true(f->size == decode__word(abis[a]) || f->size == 8); /* bpf and clone3: always 64 bits */
            }
        }
    }
}

/* Sizes known from the kernel's headers: the compiler's layout is the kernel's. */
static void struct_sizes(void **state)
{
    static const struct {
        uint16_t index, x86_64, i386;
    } sizes[] = {{DECODE_STRUCT_statx, 256, 256},      {DECODE_STRUCT_timex, 208, 128},
                 {DECODE_STRUCT_timex64, 208, 208},    {DECODE_STRUCT_rusage, 144, 72},
                 {DECODE_STRUCT_sysinfo, 112, 64},     {DECODE_STRUCT_utsname, 390, 390},
                 {DECODE_STRUCT_msghdr, 56, 28},       {DECODE_STRUCT_mmsghdr, 64, 32},
                 {DECODE_STRUCT_itimerspec64, 32, 32}, {DECODE_STRUCT_io_uring_params, 120, 120},
                 {DECODE_STRUCT_stack, 24, 12},        {DECODE_STRUCT_sigset_argpack, 16, 8},
                 {DECODE_STRUCT_flock, 32, 16},        {DECODE_STRUCT_mq_attr, 64, 32},
                 {DECODE_STRUCT_mmap_arg, 48, 24},     {DECODE_STRUCT_futex_waitv, 24, 24},
                 {DECODE_STRUCT_ustat, 32, 20},        {DECODE_STRUCT_kexec_segment, 32, 16}};
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(decode__struct(QBK_ABI_LINUX_X86_64, sizes[i].index)->size, sizes[i].x86_64);
        assert_int_equal(decode__struct(QBK_ABI_LINUX_I386, sizes[i].index)->size, sizes[i].i386);
    }
}

static void aliases_and_classes(void **state)
{
    (void)state;
    assert_int_equal(decode__number(QBK_ABI_LINUX_X86_64, "newstat"), 4);
    assert_int_equal(decode__number(QBK_ABI_LINUX_X86_64, "fstatat64"), 262);
    assert_int_equal(decode__number(QBK_ABI_LINUX_I386, "fstatat64"), 300);
    assert_int_equal(decode__number(QBK_ABI_LINUX_X86_64, "no_such_call"), -1);
    assert_true(decode__class("file") & decode__service(QBK_ABI_LINUX_X86_64, 257)->classes);
    assert_int_equal(decode__class("net"), C_NETWORK);
    assert_int_equal(decode__class("nonsense"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_has_a_row),
        cmocka_unit_test(newest_numbers),
        cmocka_unit_test(rows_agree_with_themselves),
        cmocka_unit_test(variants_agree_with_their_calls),
        cmocka_unit_test(a_variant_is_chosen_by_its_argument),
        cmocka_unit_test(structs_lie_in_their_size),
        cmocka_unit_test(struct_sizes),
        cmocka_unit_test(aliases_and_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
