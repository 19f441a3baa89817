/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PE images in guest memory, as far as the plugin looks at them itself: where one begins and ends, and what it calls
 * itself. Offsets: Microsoft's "PE Format". Only on the vCPU's own thread.
 */
#ifndef QEBEK_GUEST_NT_IMAGE_H
#define QEBEK_GUEST_NT_IMAGE_H

#include "guest/guest.h"

#define NT_IMAGE_PAGE     4096u
#define NT_IMAGE_NAME_MAX 64u

/*
 * The image that an address lies in; at most `back` pages are looked at. Absent pages are walked over: parts of an
 * image may be discarded, or not be resident.
 */
bool nt_image__around(struct guest_cpu *cpu, uint64_t address, unsigned back, struct nt_module *image);
/* The name in the export directory of the image at `start`, not NUL-terminated; 0: it has none. Hostile bytes. */
size_t nt_image__name(struct guest_cpu *cpu, uint64_t start, char name[NT_IMAGE_NAME_MAX]);

#endif
