/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QEBEK_VM_CPU_H
#define QEBEK_VM_CPU_H

#include "vm/vm.h"

/* Look up the registers of the vCPU that is running, in its own context. False: QEMU has not even the basic ones. */
bool vm_cpu__init(struct vm_cpu *cpu, unsigned index);

#endif
