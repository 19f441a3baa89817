/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A call whose arguments lie in memory: those of i386's socketcall. */
#ifndef QEBEK_GUEST_LINUX_SUBCALL_H
#define QEBEK_GUEST_LINUX_SUBCALL_H

#include "decode/decode.h"
#include "vm/vm.h"

struct linux_subcall {
    const struct decode_service *service; /* the row of what is meant; NULL: the call is no such one */
    uint64_t args[DECODE_ARGS_MAX];       /* those that it does not have are 0 */
};

/* What this call means, as its memory says now. The program may change that at any time. */
void linux__subcall(struct vm_cpu *cpu, enum qbk_abi abi, uint32_t nr, const uint64_t *args, struct linux_subcall *sub);

#endif
