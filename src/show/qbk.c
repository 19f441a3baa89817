/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kept trace: every record as it came, whatever the filters of the other outputs. */
#include "show/output.h"
#include "trace/file.h"

static int on_open(struct output *out, const char *where, int fallback_fd, GError **error)
{
    struct trace_writer_options options = {.max_bytes = out->options->rotate_bytes,
                                           .max_files = out->options->rotate_files};
    (void)fallback_fd;
    out->state = trace__create(where, &options, error);
    return out->state ? 0 : -1;
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    (void)passed;
    return e->final ? 0 : trace__write(out->state, e->rec, error);
}

static int on_tick(struct output *out, GError **error)
{
    return trace__tick(out->state, error);
}

static int on_finish(struct output *out, GError **error)
{
    return out->state ? trace__finish(out->state, error) : 0;
}

const struct output_ops output_qbk = {.kind = "qbk",
                                      .help = "a kept trace, to be read again with 'qebek read'",
                                      .wants = OUTPUT_WANTS_ALL | OUTPUT_WANTS_OBJECTS,
                                      .open = on_open,
                                      .event = on_event,
                                      .tick = on_tick,
                                      .finish = on_finish};
