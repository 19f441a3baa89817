/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/linux/subcall.h"

#include <string.h>

#include "guest/linux/snippet.h"

#define WORDS_MAX 6u

void linux__subcall(struct vm_cpu *cpu, enum qbk_abi abi, uint32_t nr, const uint64_t *args, struct linux_subcall *sub)
{
    const struct decode_subcall *d = decode__subcall(abi, nr, args[0]);
    uint32_t words[WORDS_MAX] = {0};

    sub->service = NULL;
    if (!d || d->nargs > WORDS_MAX || !snippet__user_range(args[1], d->nargs * sizeof(words[0])) ||
        !vm__read_exact(cpu, args[1], words, d->nargs * sizeof(words[0])))
        return;
    memset(sub->args, 0, sizeof(sub->args));
    for (unsigned i = 0; i < d->nargs; i++)
        sub->args[i] = words[i];
    sub->service = decode__service_for(abi, d->nr, sub->args);
}
