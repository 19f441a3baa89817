/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the parts of the JSON Lines output: calls (jsonl.c), structs in them (jsonl_fields.c), all other records
 * (jsonl_records.c). */
#ifndef QEBEK_SHOW_JSONL_H
#define QEBEK_SHOW_JSONL_H

#include <glib.h>

#include "show/model.h"
#include "show/output.h"
#include "show/show.h"

/* The version of docs/qebek.schema.json: raised when something that was there means something else, or is gone. */
#define JSONL_VERSION 1

/* `{"type":…,"seq":…,"ts":…` and the vCPU. */
void jsonl__begin(GString *to, const char *type, const struct qbk_record *rec);
/* Whose it is. */
void jsonl__who(GString *to, const struct model_thread *thread);
/* `,"fields":{…}` of the struct that argument i points at, which has a row; nothing where there is none to tell of. */
void jsonl__fields(GString *to, const struct show_options *options, const struct model_call *call, unsigned i);
/* The objects of a record that is no call; none for types that are not known. */
void jsonl__record(GString *to, const struct model_event *event, const struct output_health *health);
/*
 * All objects of an event, a line each; nothing for entries, save with --enter. `text` is only room to work in. For
 * other outputs that carry the same objects elsewhere.
 */
void jsonl__event(GString *to, GString *text, const struct output *out, const struct model_event *event);

#endif
