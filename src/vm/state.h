/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QEBEK_VM_STATE_H
#define QEBEK_VM_STATE_H

#include "vm/vm.h"

/* From now on events->restore is called. Once, at the start, on QEMU's main thread. False: this QEMU does not tell. */
bool vm_state__watch(const struct vm_events *events, int api);

#endif
