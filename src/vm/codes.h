/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first bytes of hooked functions of user code, looked up once for each instruction that is translated. One
 * translated block serves every virtual mapping of its page, and the same code lies at different addresses in different
 * processes: so a function is known by where it lies in its page and by how it begins. Whether it really is one is
 * decided when it runs, by the exact address.
 */
#ifndef QEBEK_VM_CODES_H
#define QEBEK_VM_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VM_CODE_MAX 16u /* bytes that are compared; fewer where the page ends */

struct vm_code {
    uint16_t offset; /* of its first instruction in its page of 4,096 bytes */
    uint8_t len;     /* of the bytes that are known; 0: none, everything at this offset may be it */
    uint8_t bytes[VM_CODE_MAX];
};

/* Immutable once made. */
struct vm_codes;
/* NULL: no memory. */
struct vm_codes *vm_codes__new(const struct vm_code *code, size_t count);
void vm_codes__free(struct vm_codes *codes);
/*
 * May a function begin here? `code`: the `len` bytes at this offset of the page, at most VM_CODE_MAX. A byte that is a
 * breakpoint (CC) there matches any: debuggers and the guest's own tracers put it into code.
 */
bool vm_codes__at(const struct vm_codes *codes, unsigned offset, const uint8_t *code, size_t len);

#endif
