/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A snapshot is loaded: the plugin interface does not tell. QEMU's binary exports its own functions for the modules
 * that it is split into, and one of them does: it calls back at each change of the run state. Taken only where its
 * shape is known for certain (QEMU 9.2 to 10.2, include/system/runstate.h, qapi/run-state.json); elsewhere a loaded
 * snapshot shows itself by threads that are not who they should be, which `qebek check` then tells.
 */
#include <dlfcn.h>
#include <string.h>

#include "vm/state.h"

#define RUN_STATE_RESTORE_VM 8 /* the ninth of enum RunState */
#define API_KNOWN_FIRST      4
#define API_KNOWN_LAST       5

typedef void change_fn(void *opaque, bool running, int state);
typedef void *add_handler_fn(change_fn *handler, void *opaque);

static void on_change(void *opaque, bool running, int state)
{
    const struct vm_events *events = opaque;
    if (!running && state == RUN_STATE_RESTORE_VM)
        events->restore();
}

bool vm_state__watch(const struct vm_events *events, int api)
{
    void *symbol = api >= API_KNOWN_FIRST && api <= API_KNOWN_LAST
                       ? dlsym(RTLD_DEFAULT, "qemu_add_vm_change_state_handler")
                       : NULL;
    add_handler_fn *add;
    if (!symbol)
        return false;
    memcpy(&add, &symbol, sizeof(add)); /* ISO C has no cast from one to the other */
    return add(on_change, (void *)(uintptr_t)events) != NULL;
}
