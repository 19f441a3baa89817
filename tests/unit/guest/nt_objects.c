/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What handles stand for, in memory as the releases have it and in memory that lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "guest/nt/objects.h"
#include "nt_world.h"

static struct world world;
static struct vm_cpu vm;
static unsigned long reads;

size_t vm__read(struct vm_cpu *cpu, uint64_t addr, void *buf, size_t len)
{
    (void)cpu;
    reads++;
    if (addr < world.base || addr - world.base >= WORLD_BYTES)
        return 0;
    if (len > WORLD_BYTES - (addr - world.base))
        len = (size_t)(WORLD_BYTES - (addr - world.base));
    memcpy(buf, world.bytes + (addr - world.base), len);
    return len;
}

bool vm__read_exact(struct vm_cpu *cpu, uint64_t addr, void *buf, size_t len)
{
    return vm__read(cpu, addr, buf, len) == len;
}

static struct guest *guest_new(bool is_64, uint32_t build)
{
    struct guest *g = calloc(1, sizeof(*g));
    assert_non_null(g);
    pthread_mutex_init(&g->objects.lock, NULL);
    world__layout(&g->nt, is_64, build);
    return g;
}

/* "File C:\notes.txt" */
static const char *name_of(struct guest *g, uint64_t handle)
{
    static char text[GUEST_PATH_MAX + 1];
    struct guest_cpu *cpu = aligned_alloc(64, sizeof(*cpu));
    struct guest_thread thread = {.object = world.base + WORLD_THREAD, .pid = WORLD_PID};
    assert_non_null(cpu);
    memset(cpu, 0, sizeof(*cpu));
    cpu->vm = &vm;
    cpu->guest = g;
    cpu->object = thread.object;
    size_t len = nt__handle_name(cpu, &thread, handle, text, GUEST_PATH_MAX), head;
    free(cpu);
    text[len] = 0;
    head = strlen(text);
    if (head < len && len > head + 1)
        text[head] = ' ';
    return text;
}

static const struct {
    bool is_64;
    uint32_t build;
    bool keys;
} releases[] = {{false, 2600, true}, {false, 7601, false}, {true, 7601, true},  {true, 9200, false},
                {true, 9600, true},  {true, 14393, true},  {true, 19041, true}, {true, 22000, true}};

static void every_release(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(releases) / sizeof(releases[0]); i++) {
        for (unsigned level = 0; level < 3; level++) {
            struct guest *g = guest_new(releases[i].is_64, releases[i].build);
            world__build(&world, releases[i].is_64, releases[i].build, level);
            assert_string_equal(name_of(g, 4), "File C:\\notes.txt");
            assert_string_equal(name_of(g, 8), "Event \\BaseNamedObjects\\Ready");
            assert_string_equal(name_of(g, 12), "Process 1234 cmd.exe");
            assert_string_equal(name_of(g, 16), releases[i].keys ? "Key \\REGISTRY" : "Key");
            assert_string_equal(name_of(g, 20), ""); /* nothing is there */
            assert_string_equal(name_of(g, 0x7ffffffc), "");
            free(g);
        }
    }
}

/* Chains without an end: each way is given up after so many steps. */
static void loops(void **state)
{
    (void)state;
    struct guest *g = guest_new(true, 19041);
    world__build(&world, true, 19041, 2);
    assert_string_equal(name_of(g, 8), "Event \\BaseNamedObjects\\Ready");
    uint32_t root = 0x4080, info = root - 0x30 - 0x20; /* the root of names is in itself */
    world__word(&world, info, world.base + root);
    reads = 0;
    (void)name_of(g, 8);
    (void)name_of(g, 4);
    assert_in_range(reads, 10, 1000);
    for (unsigned bucket = 0; bucket < 37; bucket++) { /* a bucket whose entry follows itself */
        world__word(&world, root + 8 * bucket, world.base + 0x5f00);
        world__word(&world, 0x5f00, world.base + 0x5f00);
        world__word(&world, 0x5f08, world.base + WORLD_PROCESS);
    }
    world__word(&world, info, 0);
    g->objects.letter_age = 0;
    memset(g->objects.device, 0, sizeof(g->objects.device));
    reads = 0;
    (void)name_of(g, 4);
    assert_in_range(reads, 1000, 100000);
    free(g);
}

/* A table of a fourth level, lengths beyond all, halves of surrogate pairs. */
static void lies(void **state)
{
    static const uint16_t halves[] = {0xd800, 'x', 0xdc00, 0xd83d, 0xde00};
    (void)state;
    struct guest *g = guest_new(true, 22000);
    world__build(&world, true, 22000, 0);
    world.bytes[0x7008] |= 3;
    assert_string_equal(name_of(g, 4), "");
    world__build(&world, true, 22000, 0);
    uint32_t name = 0;
    for (uint32_t at = 0x6000; at < 0x6fff && !name; at += 2) { /* of the file */
        if (memcmp(world.bytes + at, "\\\0n\0o\0t\0", 8) == 0)
            name = at;
    }
    assert_int_not_equal(name, 0);
    memcpy(world.bytes + name + 2, halves, sizeof(halves));
    assert_string_equal(name_of(g, 4), "File C:\\\xed\xa0\x80x\xed\xb0\x80\xf0\x9f\x98\x80.txt");
    for (uint32_t at = 0x4000; at < 0x6000; at += 8) { /* every string claims to be as long as can be */
        uint64_t pointer;
        memcpy(&pointer, world.bytes + at + 8, 8);
        if (pointer >= world.base + 0x6000 && pointer < world.base + 0x7000)
            memset(world.bytes + at, 0xff, 4);
    }
    assert_string_equal(name_of(g, 4), "File");
    free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_release), cmocka_unit_test(loops),
                                       cmocka_unit_test(lies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
