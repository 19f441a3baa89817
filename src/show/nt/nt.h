/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How NT's values are shown. Text is UTF-16 in the guest, and shown as UTF-8: what is no character, or does not show,
 * is written as \u{hex}, so that nothing of a guest reaches a terminal as it is.
 */
#ifndef QEBEK_SHOW_NT_NT_H
#define QEBEK_SHOW_NT_NT_H

#include "show/print.h"

/* ---- text.c ---- */
/* UTF-16, little-endian, `bytes` of it, in double quotes; backslashes and quotes escaped as in C. */
void nt__wide(GString *to, const struct show_options *o, const uint8_t *text, size_t bytes, bool more);
/* The same without quotes and escapes, in UTF-8; lone surrogates become U+FFFD. */
void nt__utf8(GString *to, const uint8_t *text, size_t bytes);
/* Is this a character that shows, and does nothing else? */
bool nt__shows(uint32_t point);
/* What a T_WTEXT points at. */
void nt__text_at(const struct where *w);
/* The form of a struct of NT's own; NULL: by its fields. */
print_struct_fn nt__struct_fn(uint16_t index);
/*
 * The text that an argument leads to: a UNICODE_STRING's, or the name in OBJECT_ATTRIBUTES. False where it is none, or
 * not captured whole.
 */
bool nt__text_of(const struct model_call *call, unsigned arg, GString *to);

/* ---- handle.c ---- */
/* 0x44<\Device\...>, NtCurrentProcess(), NULL. */
void nt__handle(const struct where *w, uint64_t handle);
/*
 * The guest's text in UTF-8, half a surrogate pair as three bytes: backslashes as they are, for paths are full of them;
 * what does not show, and the characters of `except`, which would end it, as \u{hex}.
 */
void nt__name(GString *to, const char *name, size_t len, const char *except);
void nt__status(GString *to, uint32_t status);
/* A time to wait: negative in units of 100 ns from now on, else a date. */
void nt__timeout(GString *to, int64_t value);
/* CTL_CODE(device, function, method, access) */
void nt__control_code(GString *to, uint32_t code);

/* ---- handles.c ---- */
/* A call begins; it ended, and will be told of; it was told of; it is forgotten. */
void nt_handles__enter(struct model_call *call);
void nt_handles__return(struct model_call *call);
void nt_handles__over(struct model_call *call);
void nt_handles__free(struct model_call *call);
/* The handle that a call made and stored where argument `arg` points. */
bool nt_handles__made(const struct model_call *call, unsigned arg, uint64_t *handle);
/* The path in OBJECT_ATTRIBUTES at argument `arg`, behind its root directory's; appended to *to. */
void nt_handles__path(const struct model_call *call, unsigned arg, GString *to);
/* Without the prefix by which a program says that a drive letter follows: "\\??\\C:\\x" is "C:\\x". */
const char *nt_handles__without_prefix(const char *path);
/* For a call that is told of once more, when its operation is done: its handles, as they were. */
void nt_handles__again(struct model_call *call);
/*
 * What a handle of this call stands for: type ("File"), and name in UTF-8 (half a surrogate pair as three bytes). Both
 * are the guest's.
 */
bool nt_handles__find(const struct model_call *call, uint64_t handle, const char **type, const char **name,
                      size_t *len);

#endif
