/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The look at the kernel's way of calls: what is a hook, what is the kernel's own doing, and what is half written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/linux/integrity.h"

#define KERNEL   0xffffffff81000000u
#define TABLE    KERNEL
#define COUNT    40u
#define HANDLERS (KERNEL + 0x1000)
#define BODY     (KERNEL + 0x2000)
#define TRACER   (KERNEL + 0x3000)
#define COPY     (KERNEL + 0x3800) /* a copy of the tracer for one of its users */
#define OTHER    (KERNEL + 0x3c00)

/* ---- memory of a machine, and what is told of it ---- */

static uint8_t memory[0x4000];
static int half_written; /* so many reads of the first handler find half of what will be there */
static char told[16][384];
static unsigned n_told;

bool vm__read_exact(struct vm_cpu *cpu, uint64_t addr, void *buf, size_t len)
{
    (void)cpu;
    if (addr < KERNEL || addr - KERNEL + len > sizeof(memory))
        return false;
    memcpy(buf, memory + (addr - KERNEL), len);
    if (addr == HANDLERS && half_written > 0) {
        half_written--;
        ((uint8_t *)buf)[4] = (uint8_t)half_written;
    }
    return true;
}

void guest__emit_text(struct guest *guest, struct guest_cpu *cpu, enum qbk_type type, uint64_t thread, const char *text,
                      size_t len)
{
    static const char begin[] = "os\0linux\0hooked";
    (void)guest;
    (void)cpu;
    (void)thread;
    assert_int_equal(type, QBK_GUEST);
    assert_true(len > sizeof(begin) && memcmp(text, begin, sizeof(begin)) == 0);
    assert_true(n_told < 16);
    snprintf(told[n_told++], sizeof(told[0]), "%s", text + sizeof(begin));
}

static uint8_t *at(uint64_t address)
{
    return memory + (address - KERNEL);
}

static void put_jump(uint64_t place, uint8_t code, uint64_t target)
{
    int32_t distance = (int32_t)(target - place - 5);
    at(place)[0] = code;
    memcpy(at(place) + 1, &distance, 4);
}

/* ---- a kernel ---- */

struct state {
    struct integrity *integrity;
    struct guest_cpu cpu;
};

static uint64_t handler(unsigned i)
{
    return HANDLERS + 32ull * i;
}

static void look_at_all(struct state *s)
{
    for (unsigned i = 0; i < 2 * COUNT / 16 + 2; i++)
        integrity__look(s->integrity, &s->cpu);
}

static int set_up(void **state)
{
    static const uint8_t begin[] = {0x0f, 0x1f, 0x44, 0, 0, 0x55, 0x48, 0x89, 0xe5};
    struct linux_layout *layout = calloc(1, sizeof(*layout));
    struct state *s = calloc(1, sizeof(*s));
    assert_non_null(layout);
    assert_non_null(s);
    memset(memory, 0x90, sizeof(memory));
    n_told = 0;
    half_written = 0;
    layout->image_start = KERNEL;
    layout->image_end = KERNEL + sizeof(memory);
    layout->integrity.table = TABLE;
    layout->integrity.count = COUNT;
    for (unsigned i = 0; i < COUNT; i++) {
        uint64_t address = layout->integrity.handler[i] = handler(i);
        memcpy(at(TABLE + 8 * i), &address, 8);
        memcpy(at(address), begin, sizeof(begin));
    }
    layout->integrity.body[0] = BODY;
    layout->integrity.body_size[0] = 256;
    put_jump(BODY + 100, 0xe8, handler(3));
    layout->integrity.tracer[0] = TRACER;
    layout->integrity.tracer_len[0] = 8;
    memcpy(at(TRACER), "ftrace's", 8);
    memcpy(at(COPY), "ftrace's", 8);
    s->integrity = integrity__new(layout);
    free(layout);
    assert_non_null(s->integrity);
    look_at_all(s);
    assert_int_equal(n_told, 0);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;
    integrity__free(s->integrity);
    free(s);
    return 0;
}

static void expect_told(const char *words)
{
    for (unsigned i = 0; i < n_told; i++) {
        if (strstr(told[i], words))
            return;
    }
    fail_msg("'%s' is not told; the first: '%s'", words, told[0]);
}

/* ---- tests ---- */

static void hooks_are_told_once_and_when_undone(void **state)
{
    struct state *s = *state;
    uint64_t elsewhere = 0xffffffffc0001000u, saved = handler(7);
    uint8_t was[5];
    memcpy(was, at(handler(5)), 5);
    put_jump(handler(5), 0xe9, OTHER);
    memcpy(at(TABLE + 8 * 7), &elsewhere, 8);
    put_jump(BODY + 100, 0xe8, OTHER);
    look_at_all(s);
    look_at_all(s);
    assert_int_equal(n_told, 3);
    expect_told("fstat: its code at +0 now leads to 0xffffffff81003c00, in the kernel's image");
    expect_told("poll: the table of system calls leads to 0xffffffffc0001000, outside the kernel's image");
    expect_told("x64_sys_call: its code at +100 now leads to 0xffffffff81003c00");
    memcpy(at(handler(5)), was, 5);
    memcpy(at(TABLE + 8 * 7), &saved, 8);
    put_jump(BODY + 100, 0xe8, handler(3));
    look_at_all(s);
    assert_int_equal(n_told, 6);
    expect_told("fstat: is as it was again");
    expect_told("x64_sys_call: is as it was again");
}

static void the_kernels_own_tools_are_no_hooks(void **state)
{
    struct state *s = *state;
    put_jump(handler(0), 0xe8, TRACER);
    put_jump(handler(1), 0xe8, COPY);
    *at(handler(2) + 5) = 0xcc;
    put_jump(handler(4), 0xe9, COPY);
    look_at_all(s);
    assert_int_equal(n_told, 0);
    memcpy(at(COPY), "rootkit ", 8);
    look_at_all(s);
    assert_int_equal(n_told, 2);
}

/* The kernel changes five bytes in three steps, and other processors run on between them. */
static void each_step_of_a_change_is_the_kernels_own(void **state)
{
    static const uint8_t nothing[] = {0x0f, 0x1f, 0x44, 0, 0};
    struct state *s = *state;
    uint8_t *code = at(handler(9));
    code[0] = 0xcc;
    look_at_all(s);
    put_jump(handler(9), 0xcc, COPY);
    look_at_all(s);
    code[0] = 0xe8;
    look_at_all(s);
    put_jump(handler(9), 0xcc, TRACER);
    look_at_all(s);
    code[0] = 0xe8;
    look_at_all(s);
    code[0] = 0xcc;
    memcpy(code + 1, nothing + 1, 4);
    look_at_all(s);
    code[0] = nothing[0];
    look_at_all(s);
    assert_int_equal(n_told, 0);
}

/* A breakpoint hides one byte, and the four after it only while they lead to one of the kernel's own tools. */
static void a_breakpoint_hides_no_hook(void **state)
{
    struct state *s = *state;
    put_jump(handler(9), 0xcc, OTHER);
    put_jump(handler(11) + 5, 0xe9, OTHER);
    *at(handler(11)) = 0xcc;
    look_at_all(s);
    assert_int_equal(n_told, 2);
    expect_told("mmap: its code at +1");
    expect_told("munmap: its code at +5 now leads to");
}

static void what_is_half_written_is_not_told(void **state)
{
    struct state *s = *state;
    half_written = 2;
    look_at_all(s);
    assert_int_equal(half_written, 0);
    assert_int_equal(n_told, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hooks_are_told_once_and_when_undone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_kernels_own_tools_are_no_hooks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_step_of_a_change_is_the_kernels_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_breakpoint_hides_no_hook, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_half_written_is_not_told, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("integrity", tests, NULL, NULL);
}
