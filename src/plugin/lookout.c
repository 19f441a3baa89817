/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What kernel is this? As soon as kernel code is seen running (an iret at a kernel address: early in any boot, long
 * before the first process), its image is copied out of guest memory and sent to the qebek process, which parses it.
 * The vCPU waits for the answer: half a second, or on a very busy host up to 20.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest/linux/integrity.h"
#include "guest/linux/linux.h"
#include "plugin/plugin.h"

#define PAGE             4096u
#define KERNEL_MAP_START 0xffffffff80000000u /* __START_KERNEL_map; the image is within its first GiB */
#define KERNEL_MAP_END   0xffffffffc0000000u /* modules from here on */
#define BELOW            (64ull << 20)
#define ABOVE            (128ull << 20)
#define ATTEMPTS_MAX     8u
#define RAW_AFTER_CALLS  64u

/* The first look is at the first iret; later ones at ever larger distances, as the image may not be complete yet. */
static bool is_due(uint64_t irets)
{
    return (irets & (irets - 1)) == 0 && (irets == 1 || irets >= 64);
}

struct image {
    int fd;
    uint8_t *map;
    size_t size, bitmap;
    uint64_t base, pages, present;
};

static bool image_open_at(struct image *im, uint64_t base, uint64_t pages, unsigned extra)
{
    im->base = base;
    im->pages = pages;
    im->bitmap = ((im->pages + 7) / 8 + PAGE - 1) & ~(size_t)(PAGE - 1);
    im->size = im->bitmap + (im->pages + extra) * PAGE;
    im->fd = memfd_create("qebek-image", MFD_CLOEXEC);
    if (im->fd < 0)
        return false;
    if (ftruncate(im->fd, (off_t)im->size) == 0) {
        im->map = mmap(NULL, im->size, PROT_READ | PROT_WRITE, MAP_SHARED, im->fd, 0);
        if (im->map != MAP_FAILED)
            return true;
    }
    close(im->fd);
    return false;
}

static bool image_open(struct image *im, uint64_t address)
{
    uint64_t lo = address - KERNEL_MAP_START > BELOW ? address - BELOW : KERNEL_MAP_START;
    uint64_t hi = KERNEL_MAP_END - address > ABOVE ? address + ABOVE : KERNEL_MAP_END;
    uint64_t base = lo & ~0x1fffffull;
    return image_open_at(im, base, (hi - base) / PAGE, 0);
}

/* Absent pages stay holes of the memory file and cost nothing. */
static void image_copy(struct image *im, struct vm_cpu *vm)
{
    uint8_t page[PAGE];
    for (uint64_t i = 0; i < im->pages; i++) {
        if (!vm__read_exact(vm, im->base + i * PAGE, page, PAGE))
            continue;
        memcpy(im->map + im->bitmap + i * PAGE, page, PAGE);
        im->map[i / 8] = (uint8_t)(im->map[i / 8] | 1u << (i % 8));
        im->present++;
    }
}

static void hook_functions(struct guest_cpu *cpu)
{
    struct guest *g = &plugin.guest;
    const char *why = NULL;
    if (plugin.functions.count && !g->follow_switch)
        why = "functions are not hooked: this kernel's __switch_to was not found, so that nothing tells its threads "
              "apart";
    else if (!functions__install(&plugin.functions))
        why = "functions are not hooked: no memory";
    if (why)
        guest__emit_text(g, cpu, QBK_ERROR, 0, why, strlen(why));
}

static void follow_mappings(struct guest_cpu *cpu)
{
    static const char why[] = "what is mapped as code is not told: no memory";
    struct guest *g = &plugin.guest;
    mappings__free(g->mappings); /* of the kernel before; nobody looks in this phase */
    g->mappings = NULL;
    if (!(g->settings.flags & LINK_MAPPINGS) && !functions_user__wanted())
        return;
    g->mappings = mappings__new();
    if (g->mappings && functions_user__wanted())
        functions_user__follow(g->mappings);
    if (!g->mappings)
        guest__emit_text(g, cpu, QBK_ERROR, 0, why, strlen(why));
}

static void found_linux(struct guest_cpu *cpu)
{
    struct guest *g = &plugin.guest;
    g->os = LINK_OS_LINUX;
    g->layout = plugin.layout;
    g->follow_switch = g->layout.probe[LINUX_PROBE_SWITCH_TO] != 0 && !(g->settings.flags & LINK_NO_SWITCH_PROBE);
    hook_functions(cpu);
    follow_mappings(cpu);
    g->isolation_known = g->isolated = false;
    g->mid_life = !plugin.power_on;
    integrity__free(g->integrity); /* of the kernel before; nobody looks in this phase */
    g->integrity = integrity__new(&g->layout);
    __atomic_store_n(&g->phase, GUEST_SWITCHING, __ATOMIC_RELEASE);
    vm__renew();
}

static size_t add_word(char *text, size_t len, size_t size, const char *word)
{
    size_t n = strlen(word) + 1;
    if (n > size - len)
        return len;
    memcpy(text + len, word, n);
    return len + n;
}

static void go_raw(struct guest_cpu *cpu, enum guest_phase from, const char *os, const char *why)
{
    static const char pairing[] = "page table and stack pointer";
    struct guest *g = &plugin.guest;
    char text[512], *to = text;
    size_t len = 0, size = sizeof(text);
    const char *const pairs[] = {"os", os, "how", why, "pairing", pairing, "missing", "names, threads, processes"};
    if (plugin.half_found_len) {
        to = plugin.half_found;
        size = sizeof(plugin.half_found);
        len = add_word(to, plugin.half_found_len, size, "pairing");
        len = add_word(to, len, size, pairing);
        plugin.half_found_len = 0;
    }
    for (unsigned i = 0; to == text && i < sizeof(pairs) / sizeof(pairs[0]); i++)
        len = add_word(to, len, size, pairs[i]);
    cpu->now = vm__now(cpu->vm);
    guest__emit_text(g, cpu, QBK_GUEST, 0, to, len);
    (void)__atomic_compare_exchange_n(&g->phase, &from, GUEST_RAW, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

void lookout__give_up(struct guest_cpu *cpu, const char *why)
{
    if (__atomic_exchange_n(&plugin.looking_here, true, __ATOMIC_ACQ_REL))
        return; /* another vCPU is at it */
    if (__atomic_load_n(&plugin.guest.phase, __ATOMIC_ACQUIRE) == GUEST_LINUX)
        go_raw(cpu, GUEST_LINUX, "linux", why);
    __atomic_store_n(&plugin.looking_here, false, __ATOMIC_RELEASE);
}

static void ask(struct guest_cpu *cpu, uint64_t address)
{
    struct image im = {.fd = -1};
    if (!image_open(&im, address))
        return;
    image_copy(&im, cpu->vm);
    struct link_find question = {.base = im.base,
                                 .pages = im.pages,
                                 .entry = address,
                                 .epoch = ++plugin.find_epoch,
                                 .attempt = ++plugin.attempts,
                                 .cr4 = vm__reg(cpu->vm, VM_CR4)};
    munmap(im.map, im.size);
    bool answered = im.present && link_plugin__find(&question, im.fd);
    close(im.fd);
    if (!answered || plugin.found.os != LINK_OS_LINUX || !linux_layout__valid(&plugin.layout) ||
        !linux__usable(&plugin.layout))
        return;
    cpu->now = vm__now(cpu->vm);
    guest__emit_text(&plugin.guest, cpu, QBK_GUEST, 0, plugin.found.text, plugin.found.text_len);
    found_linux(cpu);
}

bool lookout__ask(struct guest_cpu *cpu, enum link_find_kind kind, uint64_t base, uint64_t pages, uint64_t entry,
                  uint64_t extra)
{
    struct image im = {.fd = -1};
    uint8_t page[PAGE];
    bool more = extra && vm__read_exact(cpu->vm, extra, page, PAGE);
    if (!image_open_at(&im, base, pages, more))
        return false;
    image_copy(&im, cpu->vm);
    if (more)
        memcpy(im.map + im.bitmap + pages * PAGE, page, PAGE);
    struct link_find question = {.base = base,
                                 .pages = pages,
                                 .entry = entry,
                                 .epoch = ++plugin.find_epoch,
                                 .attempt = ++plugin.attempts,
                                 .cr4 = vm__reg(cpu->vm, VM_CR4),
                                 .kind = kind,
                                 .extra = more};
    munmap(im.map, im.size);
    bool answered = im.present && link_plugin__find(&question, im.fd);
    close(im.fd);
    return answered;
}

void lookout__on_kernel(struct vm_cpu *vm, uint64_t address)
{
    struct guest_cpu *cpu = vm->owner;
    if (!cpu || __atomic_load_n(&plugin.guest.phase, __ATOMIC_ACQUIRE) != GUEST_LOOKING ||
        (plugin.guest.settings.flags & LINK_NO_GUEST))
        return;
    uint64_t n = __atomic_add_fetch(&plugin.kernel_irets, 1, __ATOMIC_RELAXED);
    bool is_linux = address >= KERNEL_MAP_START && address < KERNEL_MAP_END;
    if (!is_due(n) || plugin.attempts >= ATTEMPTS_MAX)
        return;
    if (__atomic_exchange_n(&plugin.looking_here, true, __ATOMIC_ACQ_REL))
        return; /* another vCPU is at it */
    if (__atomic_load_n(&plugin.guest.phase, __ATOMIC_ACQUIRE) == GUEST_LOOKING) {
        plugin.looks++;
        if (is_linux)
            ask(cpu, address);
        else
            lookout_nt__ask(cpu, address);
    }
    __atomic_store_n(&plugin.looking_here, false, __ATOMIC_RELEASE);
}

bool lookout__on_call(struct guest_cpu *cpu)
{
    struct guest *g = &plugin.guest;
    uint64_t calls = __atomic_add_fetch(&plugin.looking_calls, 1, __ATOMIC_RELAXED);
    bool never = plugin.power_on && __atomic_load_n(&plugin.kernel_irets, __ATOMIC_RELAXED) == 0;
    bool enough = calls >= RAW_AFTER_CALLS && plugin.looks > 0;
    bool blind = (g->settings.flags & LINK_NO_GUEST) != 0;
    if (!never && !enough && !blind)
        return false;
    if (__atomic_exchange_n(&plugin.looking_here, true, __ATOMIC_ACQ_REL))
        return false;
    if (__atomic_load_n(&g->phase, __ATOMIC_ACQUIRE) == GUEST_LOOKING)
        go_raw(cpu, GUEST_LOOKING, "unknown", blind ? "not looked for" : "no kernel that qebek knows was found");
    __atomic_store_n(&plugin.looking_here, false, __ATOMIC_RELEASE);
    return true;
}
