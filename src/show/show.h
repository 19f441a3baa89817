/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From records to what people and programs read. The model (model.h) joins ENTER and RETURN to calls and knows the
 * threads; filters decide what is shown; each output (output.h) is one file and writes one format. Live and kept traces
 * go through the very same code.
 */
#ifndef QEBEK_SHOW_SHOW_H
#define QEBEK_SHOW_SHOW_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "qebek/record.h"
#include "show/files.h"
#include "show/number_set.h"
#include "show/sebek.h"
#include "trace/link.h"

/* Options of strace's vocabulary that the outputs share; filled by cmd/options.c. Strings are borrowed. */
struct show_options {
    /* filters */
    GPtrArray *trace;          /* char *: each operand of -e trace= in order ("open,read", "%file", "!/^get/", "all") */
    GPtrArray *status;         /* char *: operands of -e status= */
    GPtrArray *paths;          /* char *: -P */
    GArray *pids;              /* int32_t: -p */
    GArray *uids;              /* uint32_t: --uid */
    GPtrArray *comms;          /* char *: --comm, '*' at the end is a wildcard */
    GPtrArray *exes;           /* char *: --exe */
    bool only_ok;              /* -z */
    bool only_failed;          /* -Z */
    GArray *insns;             /* struct code_who: --insns; none: all blocks that there are */
    struct number_set signals; /* -e signal=: which signals have a line; all at first */
    /* how */
    unsigned string_limit;                     /* -s, default 32 */
    unsigned hex;                              /* -x: 1, -xx: 2 */
    unsigned fd_names;                         /* -y: 1, -yy: 2 */
    unsigned timestamp;                        /* -t 1, -tt 2, -ttt 3 */
    bool relative;                             /* -r */
    bool durations;                            /* -T */
    bool ip;                                   /* -i */
    unsigned verbose;                          /* -v: no abbreviations */
    struct number_set dump_reads, dump_writes; /* -e read=, write=: descriptors whose data is dumped in hexadecimal */
    unsigned summary;                          /* -c: 1 (only the summary), -C: 2 (both) */
    bool graph;                                /* --graph: text outputs show calls inside one another */
    const char *sort;                          /* -S: a key that summary__is_order takes; NULL: time */
    bool enter_events;                         /* jsonl: an object for each entry too */
    bool quiet;                                /* no remarks about what a trace does not hold */
    bool colour;                               /* text output to a terminal */
    struct sebek_options sebek;
    struct store_limits files; /* --files-max */
    /* the bus */
    uint64_t nats_spool; /* bytes kept for a server that is away; 0: the default */
    int nats_wait;       /* seconds that the end waits for one; -1: the default */
    const char *nats_ca; /* files; NULL: none */
    const char *nats_cert, *nats_key, *nats_creds;
    bool kept;                    /* the trace is read from a file: nothing is held up by waiting */
    void (*confine_sender)(void); /* what the process that talks to servers does first; NULL: nothing */
    /* kept traces */
    uint64_t rotate_bytes; /* qbk: trace_writer_options.max_bytes */
    unsigned rotate_files; /* qbk: trace_writer_options.max_files */
};
void show_options__init(struct show_options *options); /* defaults; empty arrays */
void show_options__clear(struct show_options *options);

/* Is this an order of the table of calls (-S)? */
bool summary__is_order(const char *name);

struct show; /* the model, the filters and a set of outputs */

/* Checks all filters (unknown names …): NULL with one clear line in error that says what to do. */
struct show *show__new(const struct show_options *options, GError **error);
/*
 * "KIND" or "KIND:WHERE" ("text", "strace:out.%p", "jsonl:-", "qbk:trace.qbk", …). WHERE "-" or none: standard output
 * for read, standard error for a live text trace (`fallback_fd`). Opens files at once, so that nothing need be opened
 * later (kinds with one file a thread or a directory keep a directory descriptor).
 */
int show__add_output(struct show *show, const char *spec, int fallback_fd, GError **error);
/* What the outputs need captured: raises limits and flags in *settings and sets its watch bits from the trace filter.
 */
void show__want(const struct show *show, struct link_settings *settings);
/* Does this output (as show__add_output takes it) go on making files in the directory of its own? */
bool show__makes_files(const char *spec);
/* Does an output of this kind have executed code, and nothing else? */
bool show__is_code(const char *spec);
/* Does an output of this kind make files in the directory that its WHERE names? */
bool show__has_directory(const char *spec);
/*
 * Feed a record (valid, see trace/record.h). An output that fails is reported once on stderr, counted, and left out
 * from then on; the others go on. Returns the number of outputs that still work.
 */
unsigned show__record(struct show *show, const struct qbk_record *rec);
/*
 * Other filters while a trace is shown: those of `by`, whose other options are not looked at. `by` must outlive show,
 * which owns what is returned. NULL with error as show__new.
 */
struct show_filters;
struct show_filters *show__filters_new(struct show *show, const struct show_options *by, GError **error);
/* What they need of the plugin: sets the watch bits, and raises flags in *settings. */
void show__filters_want(const struct show_filters *filters, struct link_settings *settings);
/* In force for what begins from the next record on; calls that have begun keep the filters they were begun with. */
void show__adopt(struct show *show, const struct show_filters *filters);
void show__tick(struct show *show); /* idle: flush what a live viewer waits for */
/* End: calls in flight are shown as such, summaries printed, files closed. Returns 0, or -1 if any output had failed.
 */
int show__finish(struct show *show);
void show__free(struct show *show);

/* The kinds there are, for `qebek list outputs`: name and one line of help each; NULL past the last. */
const char *show__kind(unsigned index, const char **help);

#endif
