/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where in user mode does a call come from? Programs call through stubs of ntdll, or for graphics of win32u. Whoever
 * does not may want not to be seen by those who watch the stubs; what image it lies in is worth a look.
 *
 * On x86 the instruction is in ntdll for all stubs (or in the page that the kernel shares with all processes), and
 * returns into the stub.
 */
#include <string.h>

#include "guest/nt/image.h"
#include "guest/nt/nt.h"

#define SHARED_PAGE 0x7ffe0000u /* KUSER_SHARED_DATA; the first releases of XP have their sysenter there */
#define GATE_SPAN   16u
#define BACK_PAGES  4096u /* 16 MiB: what is called from further inside an image has no name */
#define USES_MAX    4096u /* then it is looked up anew: images come and go */
/* ImageBaseAddress of the PEB, and where TEBs have that. */
#define TEB_PEB_64  0x60u
#define TEB_PEB_32  0x30u
#define PEB_BASE_64 0x10u
#define PEB_BASE_32 0x08u

static bool inside(const struct nt_module *m, uint64_t address)
{
    return address >= m->start && address < m->end;
}

static bool in_stubs(const struct guest *g, uint64_t address)
{
    return inside(&g->nt.stubs[0], address) || inside(&g->nt.stubs[1], address);
}

bool nt__through_gate(const struct guest *g, enum insn_kind kind, uint64_t pc)
{
    if (kind == INSN_SYSENTER)
        return inside(&g->nt.stubs[0], pc) || (pc & ~(uint64_t)(NT_IMAGE_PAGE - 1)) == SHARED_PAGE;
    return kind == INSN_INT2E && g->nt.int_gate && pc >= g->nt.int_gate && pc - g->nt.int_gate < GATE_SPAN;
}

/* Is it the image of the process itself? These seldom have a name in their exports. */
static bool is_own_image(struct guest_cpu *cpu, uint64_t start)
{
    bool wide = cpu->guest->nt.is_64;
    unsigned word = wide ? 8 : 4;
    uint64_t teb = vm__reg(cpu->vm, wide ? VM_GS_BASE : VM_FS_BASE), peb = 0, base = 0;
    return vm__read_exact(cpu->vm, teb + (wide ? TEB_PEB_64 : TEB_PEB_32), &peb, word) && peb != 0 &&
           vm__read_exact(cpu->vm, peb + (wide ? PEB_BASE_64 : PEB_BASE_32), &base, word) && base == start;
}

static void look_up(struct guest_cpu *cpu, const struct guest_thread *t, struct nt_place *place, uint64_t address)
{
    struct nt_module image;
    *place = (struct nt_place){.page = address / NT_IMAGE_PAGE, .pid = t->pid};
    if (!nt_image__around(cpu, address, BACK_PAGES, &image))
        return;
    place->len = (uint8_t)nt_image__name(cpu, image.start, place->name);
    if (place->len == 0 && is_own_image(cpu, image.start)) {
        place->len = (uint8_t)strnlen(t->comm, sizeof(t->comm));
        memcpy(place->name, t->comm, place->len);
    }
    if (place->len == 0) {
        place->name[0] = '?'; /* an image without a name */
        place->len = 1;
    }
}

void nt__find_origin(struct guest_cpu *cpu, const struct guest_thread *t, uint64_t pc, uint64_t stub)
{
    const struct guest *g = cpu->guest;
    uint64_t from = stub ? stub : pc;
    cpu->origin = NULL;
    if (g->nt.stubs[0].start == 0 || in_stubs(g, from))
        return; /* in the first case nobody can tell yet */
    uint64_t page = from / NT_IMAGE_PAGE;
    struct nt_place *place = &cpu->places[(page ^ page >> 5 ^ (uint32_t)t->pid) % NT_PLACES];
    if (place->page != page || place->pid != t->pid || ++place->uses > USES_MAX)
        look_up(cpu, t, place, from);
    cpu->origin = place;
    cpu->origin_address = from;
}
