/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/linux/layout.h"

static bool in_kernel_half(uint64_t address)
{
    return (int64_t)address < 0;
}

static bool integrity_valid(const struct linux_integrity *in)
{
    bool good = in->count <= LINUX_HANDLERS_MAX && (in->table == 0 || in_kernel_half(in->table));
    for (unsigned i = 0; i < LINUX_HANDLERS_MAX; i++)
        good &= in->handler[i] == 0 || in_kernel_half(in->handler[i]);
    for (unsigned i = 0; i < LINUX_BODIES; i++)
        good &= in->body_size[i] <= LINUX_BODY_MAX && (in->body_size[i] == 0 || in_kernel_half(in->body[i]));
    for (unsigned i = 0; i < LINUX_TRACERS; i++)
        good &= in->tracer[i] == 0 || in_kernel_half(in->tracer[i]);
    return good;
}

bool linux_layout__valid(const struct linux_layout *layout)
{
    if (layout->version != LINUX_LAYOUT_VERSION || layout->size != sizeof(*layout))
        return false;
    for (unsigned i = 0; i < LINUX_PROBES; i++) {
        if (layout->probe[i] != 0 && !in_kernel_half(layout->probe[i]))
            return false;
    }
    if ((layout->vmemmap_base != 0 && !in_kernel_half(layout->vmemmap_base)) ||
        (layout->page_offset_base != 0 && !in_kernel_half(layout->page_offset_base)))
        return false;
    for (unsigned i = 0; i < LINUX_OFFSETS; i++) {
        if (layout->offset[i] != LAYOUT_NONE && layout->offset[i] >= 65536)
            return false;
    }
    return integrity_valid(&layout->integrity) && layout->thread_size >= 4096 && layout->thread_size <= 1u << 20;
}
