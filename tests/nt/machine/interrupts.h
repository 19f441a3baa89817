/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the ways into the kernel share on x86 and x64: which exceptions and interrupts there are, and how each begins. */
        .macro each_vector what
        \what 3, 0
        \what 6, 0
        \what 8, 1
        \what 13, 1
        \what 14, 1
        \what 0x2b, 0
        \what 0x2e, 0
        \what 0xd1, 0
        \what 0xff, 0
        .endm

/* Goes on in interrupt_common, with the processor's frame, an error code (or 0) and the vector on the stack. */
        .macro interrupt_begins vector, has_error
interrupt_\vector:
        .if !\has_error
        push $0
        .endif
        push $\vector
        jmp interrupt_common
        .endm

        .macro interrupt_entry vector, has_error
        ADDRESS \vector, interrupt_\vector
        .endm
