/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Named values: sets, errors, signals, and how bits are spelled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "decode/decode.h"
#include "decode/format.h"
#include "decode/sets.h"

static const char *flags(uint16_t set, uint64_t value)
{
    static char text[1024];
    decode__flags_text(decode__set(set), value, text, sizeof(text));
    return text;
}

static const char *name(uint16_t set, uint64_t value)
{
    static char text[1024];
    decode__enum_text(decode__set(set), value, text, sizeof(text));
    return text;
}

static void sets_are_sound(void **state)
{
    (void)state;
    assert_int_equal(decode__set(0)->count, 0);
    assert_int_equal(decode__set(DECODE_SETS)->count, 0);
    for (uint16_t i = 1; i < DECODE_SETS; i++) {
        const struct decode_set *s = decode__set(i);
        assert_true(s->count > 0);
        for (size_t k = 0; k < s->count; k++) {
            assert_non_null(s->item[k].name);
            if (s->item[k].name[0] == '<') { /* the value is the place of the field */
                if (s->item[k].mask >> s->item[k].value == 0 || s->item[k].value > 63)
                    fail_msg("%s lies outside its mask", s->item[k].name);
                continue;
            }
            if (s->item[k].value & ~s->item[k].mask)
                fail_msg("%s lies outside its mask", s->item[k].name);
            for (size_t j = 0; j < k; j++)
                assert_string_not_equal(s->item[j].name, s->item[k].name);
        }
    }
}

static void flags_as_strace_spells_them(void **state)
{
    (void)state;
    assert_string_equal(flags(DECODE_SET_open_flags, 0), "O_RDONLY");
    assert_string_equal(flags(DECODE_SET_open_flags, 02000101), "O_WRONLY|O_CREAT|O_CLOEXEC");
    assert_string_equal(flags(DECODE_SET_open_flags, 0x80000002), "O_RDWR|0x80000000");
    assert_string_equal(flags(DECODE_SET_open_flags, 04010000), "O_RDONLY|O_SYNC");
    assert_string_equal(flags(DECODE_SET_prot_flags, 0), "PROT_NONE");
    assert_string_equal(flags(DECODE_SET_prot_flags, 5), "PROT_READ|PROT_EXEC");
    assert_string_equal(flags(DECODE_SET_mmap_flags, 0x22), "MAP_PRIVATE|MAP_ANONYMOUS");
    assert_string_equal(flags(DECODE_SET_rename_flags, 0x40000000), "0x40000000 /* RENAME_??? */");
    assert_string_equal(flags(DECODE_SET_rename_flags, 0), "0");
    assert_string_equal(flags(DECODE_SET_clone_flags, 0x1200000), "CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID");
}

static void values_as_strace_spells_them(void **state)
{
    (void)state;
    assert_string_equal(name(DECODE_SET_whence, 2), "SEEK_END");
    assert_string_equal(name(DECODE_SET_whence, 77), "0x4d /* SEEK_??? */");
    assert_string_equal(name(DECODE_SET_fcntl_cmds, 1030), "F_DUPFD_CLOEXEC");
    assert_string_equal(name(DECODE_SET_ioctl_cmds, 0x5401), "TCGETS");
    assert_string_equal(name(DECODE_SET_socket_families, 16), "AF_NETLINK");
    assert_string_equal(name(DECODE_SET_rusage_who, 0xffffffff), "RUSAGE_CHILDREN");
    assert_string_equal(name(DECODE_SET_prctl_options, 38), "PR_SET_NO_NEW_PRIVS");
}

static void a_short_buffer_is_not_overrun(void **state)
{
    char text[8] = "xxxxxxx";
    (void)state;
    decode__flags_text(decode__set(DECODE_SET_open_flags), 02000101, text, 5);
    assert_string_equal(text, "O_WR");
    assert_int_equal(text[5], 'x');
}

static void errors(void **state)
{
    uint32_t code;
    (void)state;
    assert_string_equal(decode__errno_name(2), "ENOENT");
    assert_string_equal(decode__errno_text(2), "No such file or directory");
    assert_string_equal(decode__errno_name(512), "ERESTARTSYS");
    assert_null(decode__errno_name(0));
    assert_null(decode__errno_name(4000));
    assert_true(decode__is_error(QBK_ABI_LINUX_X86_64, (uint64_t)-4095, &code));
    assert_int_equal(code, 4095);
    assert_false(decode__is_error(QBK_ABI_LINUX_X86_64, (uint64_t)-4096, &code));
    assert_false(decode__is_error(QBK_ABI_LINUX_X86_64, 0xfffffffe, &code));
    assert_true(decode__is_error(QBK_ABI_LINUX_I386, 0xfffffffe, &code));
    assert_int_equal(code, 2);
}

static void signals(void **state)
{
    (void)state;
    assert_string_equal(decode__signal_name(17), "SIGCHLD");
    assert_string_equal(decode__signal_name(32), "SIGRTMIN");
    assert_string_equal(decode__signal_name(34), "SIGRT_2");
    assert_null(decode__signal_name(0));
    assert_null(decode__signal_name(65));
    assert_string_equal(decode__sicode_name(11, 1), "SEGV_MAPERR");
    assert_string_equal(decode__sicode_name(17, 1), "CLD_EXITED");
    assert_string_equal(decode__sicode_name(2, 0), "SI_USER");
    assert_null(decode__sicode_name(2, 99));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_sound),
        cmocka_unit_test(flags_as_strace_spells_them),
        cmocka_unit_test(values_as_strace_spells_them),
        cmocka_unit_test(a_short_buffer_is_not_overrun),
        cmocka_unit_test(errors),
        cmocka_unit_test(signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
