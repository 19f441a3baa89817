/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NT's tables: each row in agreement with itself, names of statuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "decode/decode.h"
#include "decode/nt/nt.h"

static const enum qbk_abi abis[] = {QBK_ABI_NT_X64, QBK_ABI_NT_X86};

static void check_reference(const char *of, const struct decode_arg *arg, const struct decode_arg *all, unsigned n)
{
    if (arg->len_from == L_ARG && (arg->len >= n || all[arg->len].type >= T_POINTERS))
        fail_msg("%s.%s: no length at %u", of, arg->name, arg->len);
    if (arg->len_from == L_DEREF && (arg->len >= n || all[arg->len].type != T_INTP))
        fail_msg("%s.%s: no pointer to its length at %u", of, arg->name, arg->len);
    if (arg->len_from == L_NT_IOSB && (arg->len >= n || all[arg->len].type >= T_POINTERS || arg->set >= n ||
                                       all[arg->set].set != DECODE_NT_STRUCT_IOSB))
        fail_msg("%s.%s: no status block at %u", of, arg->name, arg->set);
    if (arg->len_from == L_NT_RETURNED &&
        (arg->len >= n || all[arg->len].type >= T_POINTERS || arg->set >= n ||
         (all[arg->set].type != T_INTP && all[arg->set].type != T_LONGP) || !(all[arg->set].dir & DIR_OUT)))
        fail_msg("%s.%s: nothing tells how much it is at %u", of, arg->name, arg->set);
}

static void check_arg(enum qbk_abi abi, const char *of, const struct decode_arg *all, unsigned i, unsigned n)
{
    const struct decode_arg *arg = &all[i];
    bool named = arg->type == T_FLAGS || arg->type == T_ENUM || arg->type == T_CONTROL;
    if (!arg->name || !*arg->name || arg->type == T_NONE || arg->type >= DECODE_TYPES)
        fail_msg("%s: argument %u without a name or type", of, i);
    for (unsigned k = 0; k < i; k++) {
        if (strcmp(all[k].name, arg->name) == 0)
            fail_msg("%s: two arguments named %s", of, arg->name);
    }
    if (named && decode__set(arg->set)->count == 0)
        fail_msg("%s.%s: no names", of, arg->name);
    if (arg->type == T_STRUCT && (!decode__struct(abi, arg->set) || arg->unit != decode__struct(abi, arg->set)->size))
        fail_msg("%s.%s: no struct of that size", of, arg->name);
    if ((arg->type >= T_POINTERS) != ((arg->dir & DIR_INOUT) != 0))
        fail_msg("%s.%s: a pointer without a direction, or the other way round", of, arg->name);
    if (arg->type >= T_POINTERS && arg->len_from == L_NONE)
        fail_msg("%s.%s: no length", of, arg->name);
    check_reference(of, arg, all, n);
}

static void rows_agree_with_themselves(void **state)
{
    (void)state;
    for (unsigned a = 0; a < 2; a++) {
        assert_true(decode__service_end(abis[a]) >= 480);
        for (uint32_t nr = 0; nr < decode__service_end(abis[a]); nr++) {
            const struct decode_service *row = decode__service(abis[a], nr);
            assert_non_null(row);
            assert_true(row->nargs <= DECODE_ARGS_MAX);
            assert_int_equal(decode__number(abis[a], row->name), nr); /* no name twice */
            for (unsigned i = 0; i < row->nargs; i++)
                check_arg(abis[a], row->name, row->arg, i, row->nargs);
        }
    }
}

static void structs_lie_in_their_size(void **state)
{
    (void)state;
    for (unsigned a = 0; a < 2; a++) {
        for (uint16_t i = DECODE_NT_STRUCT_FIRST; i < DECODE_NT_STRUCTS; i++) {
            const struct decode_struct *s = decode__struct(abis[a], i);
            unsigned end = 0;
            assert_non_null(s);
            for (unsigned k = 0; k < s->nfields; k++) {
                const struct decode_field *f = &s->field[k];
                if (f->offset < end || f->size == 0 || f->offset + f->size > s->size)
                    fail_msg("%s.%s lies at %u, %u bytes", s->name, f->arg.name, f->offset, f->size);
                end = (unsigned)f->offset + f->size;
            }
        }
    }
}

static void sets_name_no_value_twice(void **state)
{
    (void)state;
    for (unsigned i = DECODE_NT_SET_FIRST; i < DECODE_NT_SETS; i++) {
        const struct decode_set *set = decode__set((uint16_t)i);
        assert_true(set->count > 0);
        for (size_t k = 0; k < set->count; k++) {
            for (size_t m = 0; m < k; m++) {
                if (set->item[k].value == set->item[m].value && strstr(set->item[k].name, "_ACCESS") == NULL)
                    fail_msg("%s: %s is %s", set->name, set->item[k].name, set->item[m].name);
            }
        }
    }
}

static void statuses_by_name(void **state)
{
    uint32_t status, last = 0;
    const char *name;
    size_t count = 0;
    (void)state;
    for (; decode__status_at(count, &status, &name); count++) {
        if (count && status <= last)
            fail_msg("%s is out of order", name);
        assert_string_equal(decode__status_name(status), name);
        last = status;
    }
    assert_true(count > 1700);
    assert_string_equal(decode__status_name(0), "STATUS_SUCCESS");
    assert_string_equal(decode__status_name(0x103), "STATUS_PENDING");
    assert_string_equal(decode__status_name(0x80000005), "STATUS_BUFFER_OVERFLOW");
    assert_string_equal(decode__status_name(0xc0000005), "STATUS_ACCESS_VIOLATION");
    assert_null(decode__status_name(0xe0000001));
    assert_null(decode__status_name(UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_agree_with_themselves),
        cmocka_unit_test(structs_lie_in_their_size),
        cmocka_unit_test(sets_name_no_value_twice),
        cmocka_unit_test(statuses_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
