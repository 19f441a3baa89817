/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What to copy for each argument of a call, at entry and at return: follows the pointers that the decode table's row
 * describes, within limits, into snippets of the record that is being built.
 */
#ifndef QEBEK_GUEST_LINUX_CAPTURE_H
#define QEBEK_GUEST_LINUX_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

#include "decode/decode.h"
#include "trace/link.h"
#include "vm/vm.h"

/* Space in a record, filled from the front. */
struct snippet_writer {
    uint8_t *at, *end;
    uint64_t partial; /* snippets that unmapped memory cut short */
};

struct capture {
    struct vm_cpu *cpu;
    const struct decode_service *service; /* with the variant that these arguments select */
    enum qbk_abi abi;
    const uint64_t *args;
    const struct link_settings *limits;
    unsigned word; /* bytes of a pointer: 8, or 4 for the 32-bit ABI */
    bool at_return;
    bool interrupted; /* at return: … because a signal cut it short */
    bool failed;      /* at return: the result is an error, so nothing was written out */
    uint64_t result;  /* at return */
    uint32_t
        again; /* bit i: argument i could not be read whole at entry; in: read these at return, out: set at entry */
};

/* An upper bound of the bytes that capture__fill will write. */
size_t capture__bound(const struct capture *c);
void capture__fill(struct capture *c, struct snippet_writer *w);

/* Room for, and: the signal mask that rt_sigreturn restores, out of the frame at the stack pointer. */
size_t capture__mask_bound(const struct decode_service *service, enum qbk_abi abi);
void capture__mask(const struct capture *c, struct snippet_writer *w, uint64_t sp);

/* Append a snippet whose bytes are at hand. */
void capture__bytes(struct snippet_writer *w, enum qbk_snippet_kind kind, uint64_t addr, unsigned arg,
                    const void *bytes, size_t len);

#endif
