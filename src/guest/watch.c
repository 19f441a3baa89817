/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/watch.h"

#include <string.h>

static uint32_t count(const struct link_settings *s)
{
    return s->n_watches < LINK_WATCHES_MAX ? s->n_watches : LINK_WATCHES_MAX;
}

uint32_t watch__wanted(const struct link_settings *settings)
{
    uint32_t what = 0;
    for (uint32_t i = 0; i < count(settings); i++)
        what |= settings->watches[i].what;
    return what;
}

static bool is_of(const struct link_watch *watch, const struct guest_thread *t)
{
    if (watch->pid)
        return watch->pid == t->pid || watch->pid == t->tid;
    return guest__name_matches(watch->comm, t->comm);
}

uint32_t watch__of(const struct link_settings *settings, const struct guest_thread *thread)
{
    uint32_t what = 0;
    for (uint32_t i = 0; i < count(settings); i++) {
        if (is_of(&settings->watches[i], thread))
            what |= settings->watches[i].what;
    }
    return what;
}

/* Where switches are not followed nobody knows who runs between two events. */
void watch__follow(struct guest_cpu *cpu)
{
    uint32_t what = cpu->thread && cpu->guest->follow_switch ? guest__of(cpu->thread)->watched : 0;
    if (what == cpu->watched)
        return;
    cpu->watched = what;
    vm__set_watched(cpu->vm, what);
}
