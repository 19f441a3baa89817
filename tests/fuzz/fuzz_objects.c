/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hostile kernel memory of NT: handle tables, objects, names, service tables, processes. The first four bytes say which
 * width and release, whether every address leads somewhere (so that no chain ever ends), and which handle; then memory
 * follows. No way through it may take more than so many reads: the machine waits meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "guest/nt/objects.h"
#include "guest/nt/process.h"
#include "guest/nt/tables.h"
#include "nt_world.h"

#define READS_MAX 600000u
#define HEAD      4u

static const uint8_t *memory;
static size_t size;
static uint64_t base;
static bool everywhere, wide;
static unsigned reads;

size_t vm__read(struct vm_cpu *cpu, uint64_t addr, void *buf, size_t len)
{
    uint64_t at = addr - base;
    (void)cpu;
    if (++reads > READS_MAX)
        abort();
    if (everywhere)
        at %= size;
    if (at >= size)
        return 0;
    if (len > size - at)
        len = (size_t)(size - at);
    memcpy(buf, memory + at, len);
    return len;
}

bool vm__read_exact(struct vm_cpu *cpu, uint64_t addr, void *buf, size_t len)
{
    return vm__read(cpu, addr, buf, len) == len;
}

void guest__emit_text(struct guest *guest, struct guest_cpu *cpu, enum qbk_type type, uint64_t thread, const char *text,
                      size_t len)
{
    (void)guest;
    (void)cpu;
    (void)type;
    (void)thread;
    if (len == 0 || len > 256 || text[len - 1] != 0)
        abort();
}

/* Page tables are those of whatever process it is. */
uint64_t vm__reg(struct vm_cpu *cpu, enum vm_reg reg)
{
    uint64_t tables = 0;
    (void)reg;
    (void)vm__read(cpu, base + WORLD_PROCESS + (wide ? 0x28 : 0x18), &tables, wide ? 8 : 4);
    return tables;
}

void guest__emit_name(struct guest_cpu *cpu, const struct guest_thread *thread, uint64_t fd, const char *path,
                      size_t len)
{
    (void)cpu;
    (void)thread;
    if (fd < QBK_NAME_STANDARD || len > 3 * 65536u)
        abort();
    for (size_t i = 0; i < len; i++) { /* all of it must be there */
        static volatile char sink;
        sink = path[i];
        (void)sink;
    }
}

void guest__emit_thread(struct guest *guest, struct guest_cpu *cpu, struct guest_thread *thread,
                        enum qbk_thread_why why, uint8_t os)
{
    (void)guest;
    (void)cpu;
    (void)thread;
    if (why != QBK_THREAD_EXEC || os != 1)
        abort();
}

static void look_at_process(struct guest_cpu *cpu)
{
    struct guest_thread thread = {.object = base + WORLD_THREAD, .pid = WORLD_PID, .comm = "x.exe"};
    uint32_t status;
    cpu->guest->nt_processes = nt_processes__new();
    if (!cpu->guest->nt_processes)
        abort();
    reads = 0;
    nt_process__since(cpu);
    (void)nt_process__identify(cpu, &thread);
    for (unsigned i = 0; i < 64 && !thread.nt.told; i++) {
        reads = 0;
        nt_process__look(cpu, &thread);
    }
    (void)nt_process__ended(cpu, &thread, &status);
    nt_processes__free(cpu->guest->nt_processes);
}

/* Type, NUL, name: all of what comes out goes into a record, and later onto a terminal, escaped. */
static void check_name(const char *text, size_t len, size_t room)
{
    size_t head = strnlen(text, len);
    if (len > room || (len && (head == len || head == 0 || head > 32)))
        abort();
}

static void name_handles(struct guest_cpu *cpu, uint64_t handle)
{
    static char text[GUEST_PATH_MAX];
    struct guest_thread thread = {.object = base + WORLD_THREAD, .pid = WORLD_PID};
    const uint64_t handles[] = {4, 8, 12, 16, handle};
    for (unsigned i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
        memset(text, 0xaa, sizeof(text));
        reads = 0;
        size_t room = i == 4 ? 64 : sizeof(text);
        check_name(text, nt__handle_name(cpu, &thread, handles[i], text, room), room);
    }
}

static void look_at_tables(struct guest_cpu *cpu)
{
    struct nt_tables *t = nt_tables__new();
    if (!t)
        abort();
    for (unsigned i = 0; i < 130; i++) { /* twice */
        reads = 0;
        nt_tables__look(t, cpu);
    }
    nt_tables__free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint32_t builds[] = {2600, 7601, 9200, 9600, 14393, 19041, 22000, 26100};
    static struct guest guest;
    static struct guest_cpu cpu;
    static struct vm_cpu vm;
    if (len < HEAD + 64 || len > HEAD + WORLD_BYTES)
        return 0;
    bool is_64 = data[0] & 1;
    wide = is_64;
    everywhere = data[0] & 2;
    memory = data + HEAD;
    size = len - HEAD;
    base = world__base(is_64);
    memset(&guest, 0, sizeof(guest));
    memset(&cpu, 0, sizeof(cpu));
    pthread_mutex_init(&guest.objects.lock, NULL);
    world__layout(&guest.nt, is_64, builds[data[1] % 8]);
    guest.nt.offset[NT_PROCESS_PEB] = 0x60;
    guest.nt.offset[NT_PROCESS_EXIT_STATUS] = 0x70;
    if (data[0] & 4) /* as large as an image may be */
        guest.nt.image_end = base + (64u << 20);
    cpu.vm = &vm;
    cpu.guest = &guest;
    cpu.object = base + WORLD_THREAD;
    name_handles(&cpu, 4u * (data[2] | (unsigned)data[3] << 8));
    if (data[0] & 8)
        look_at_tables(&cpu);
    if (!(data[0] & 16))
        look_at_process(&cpu);
    pthread_mutex_destroy(&guest.objects.lock);
    return 0;
}
