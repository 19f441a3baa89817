/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of the handles that a call is given, and gives. */
#ifndef QEBEK_GUEST_NT_CAPTURE_H
#define QEBEK_GUEST_NT_CAPTURE_H

#include "decode/decode.h"
#include "guest/guest.h"
#include "guest/linux/capture.h"

/* Room that nt_names__write may need for this call's entry, or return. */
size_t nt_names__room(const struct guest_cpu *cpu, const struct decode_service *service, bool at_return);
/* Snippets for what handles stand for: those that it was given (at entry), those that it made (at return). */
void nt_names__write(struct guest_cpu *cpu, const struct guest_thread *thread, const struct qebek_call *call,
                     const struct decode_service *service, struct snippet_writer *w, bool at_return);
/*
 * Where kernel memory cannot be read at a call's first and last instruction: keep in the thread what handles of this
 * call stand for, for its return. Kernel memory must be readable now.
 */
void nt_names__keep(struct guest_cpu *cpu, struct guest_thread *thread, const struct qebek_call *call);

#endif
