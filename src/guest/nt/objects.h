/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a handle stands for: from the process's handle table to the object's header, its type and its name. Formats
 * differ between releases; which one it is, is found by things that must agree with each other (a table's back pointer,
 * a process whose type is known), once for a kernel. All of it is the guest's memory: every step, length and chain is
 * bounded, and what does not fit is left out.
 */
#ifndef QEBEK_GUEST_NT_OBJECTS_H
#define QEBEK_GUEST_NT_OBJECTS_H

#include "guest/guest.h"

/* A text that is put together from its end, as names are found from the object up to the root. */
struct nt_path {
    char *buf;
    size_t at; /* of the first byte; GUEST_PATH_MAX: empty */
};

/* ---- handles.c ---- */
/*
 * Type, NUL, name (UTF-8; half a surrogate pair as three bytes; empty if it has none) of what a handle of the process
 * whose thread runs on this vCPU stands for. Kernel memory must be readable. Returns the length, 0: not known.
 */
size_t nt__handle_name(struct guest_cpu *cpu, const struct guest_thread *thread, uint64_t handle, char *buf,
                       size_t size);
/* Forget what was learnt of another kernel. */
void nt_objects__reset(struct guest *guest);

/* ---- objects.c ---- */
unsigned nt_objects__word(const struct guest_cpu *cpu);
bool nt_objects__read_word(struct guest_cpu *cpu, uint64_t at, uint64_t *out);
/* Could a kernel object lie there? */
bool nt_objects__is_kernel(const struct guest_cpu *cpu, uint64_t at);
/* UTF-16 in front of what there is. False: no room. */
bool nt_path__prepend(struct nt_path *p, const uint8_t *text, size_t bytes);
bool nt_path__prepend_ascii(struct nt_path *p, const char *text, size_t len);
/* The UNICODE_STRING at an address, in front. Not more than `most` bytes of it, else nothing. */
bool nt_path__prepend_string(struct guest_cpu *cpu, struct nt_path *p, uint64_t at, size_t most);
/* The name of the object's type ("File"); false: not known. */
bool nt_objects__type(struct guest_cpu *cpu, uint64_t body, char *name, size_t size);
/* The full name of a named object, in front: "\Device\HarddiskVolume1"; *root: the directory it all hangs on, or 0. */
bool nt_objects__path(struct guest_cpu *cpu, uint64_t body, struct nt_path *p, uint64_t *root);

/* ---- names.c ---- */
/* The name of an object of this type. */
void nt_objects__name(struct guest_cpu *cpu, const char *type, uint64_t body, struct nt_path *p);
/* A drive letter in place of the device that the path begins with, where one leads to it. */
void nt_objects__letter(struct guest_cpu *cpu, struct nt_path *p);

#endif
