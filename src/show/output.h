/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one output is, and what outputs share. */
#ifndef QEBEK_SHOW_OUTPUT_H
#define QEBEK_SHOW_OUTPUT_H

#include "decode/decode.h"
#include "show/model.h"
#include "show/show.h"

/* What an output needs captured. */
#define OUTPUT_WANTS_DATA    0x2u    /* what is read and written, whole */
#define OUTPUT_WANTS_NAMES   0x4u    /* what descriptors stand for */
#define OUTPUT_MAKES_FILES   0x8u    /* it goes on making files beside the one that it was given */
#define OUTPUT_WANTS_OBJECTS 0x10u   /* the kernel's objects behind descriptors: who came from where */
#define OUTPUT_WANTS_FILES   0x20u   /* all that is done to files, whatever the filters say */
#define OUTPUT_HAS_DIRECTORY 0x40u   /* it makes files in the directory that it was given */
#define OUTPUT_ENDS_LAST     0x80u   /* what it says at the end is about the other outputs, too */
#define OUTPUT_WANTS_LAYERS  0x100u  /* memory that programs write and run */
#define OUTPUT_WANTS_CODE    0x1000u /* executed code: there is nothing else in it */
#define OUTPUT_WANTS_ALL     0x1u    /* whole strings, descriptors' names: a kept trace should serve any later reader */

/* What became of a run's outputs so far. */
struct output_health {
    unsigned failed; /* outputs that were left out */
    uint64_t events; /* that these did not get since */
};

struct output {
    const struct output_ops *ops;
    const struct show_options *options;
    const struct output_health *health; /* of all outputs of this run */
    char *where;
    void *state; /* the output's own */
    bool failed;
    unsigned bit; /* its bit in model_call.output_bits */
};

struct output_ops {
    const char *kind;
    const char *help;
    unsigned wants;
    /* Open what `where` names ("-": fallback_fd). 0, or -1 and error. */
    int (*open)(struct output *out, const char *where, int fallback_fd, GError **error);
    /* One event; an output that keeps records sees all of them, others only what passed the filters. -1: failed. */
    int (*event)(struct output *out, const struct model_event *event, bool passed, GError **error);
    int (*tick)(struct output *out, GError **error);   /* NULL: nothing to do when idle */
    int (*finish)(struct output *out, GError **error); /* flush, close, free the state */
    /*
     * Names of calls that it needs, whatever -e trace= says, up to a NULL; in all interfaces that have them. NULL: only
     * those that are asked for. With names, `passed` tells of calls only whether the thread passed the filters.
     */
    const char *const *calls;
};

extern const struct output_ops output_files, output_unpack;
extern const struct output_ops output_text, output_strace, output_jsonl, output_qbk, output_summary, output_sebek;
extern const struct output_ops output_drcov, output_graph, output_keys, output_cast, output_tree;
extern const struct output_ops output_sqlite, output_ecs, output_cowrie, output_nats, output_html;

/* A stream of text: a descriptor with a buffer. "-" is the fallback. NULL and error when it cannot be opened. */
struct stream;
struct stream *stream__open(const char *where, int fallback_fd, GError **error);
GString *stream__buffer(struct stream *stream);
/* Write out when the buffer is large, or now. -1: failed. */
int stream__flush(struct stream *stream, bool now, GError **error);
int stream__close(struct stream *stream, GError **error);

/* ---- print.c: arguments and results as strace writes them ---- */
/* How many arguments are printed before the call returns: up to the first that the call writes out. */
unsigned print__entry_args(const struct model_call *call);
/* Arguments from..to-1, separated by ", " (with a leading separator if from > 0). */
void print__args(GString *to, const struct show_options *o, const struct model_call *call, unsigned from,
                 unsigned until);
unsigned print__count(const struct model_call *call);
/*
 * The row of an argument, also of one that the call ignores as its others are now (open's mode without O_CREAT); NULL:
 * no table knows it.
 */
const struct decode_arg *print__row(const struct model_call *call, unsigned i);
/* One argument that has a row, alone. */
void print__arg(GString *to, const struct show_options *o, const struct model_call *call, unsigned i);
/* Is there more to tell about its result than the value? */
bool print__meaning(const struct model_call *call);
/* Does a separator follow the arguments that are printed at entry? */
bool print__gap(const struct model_call *call);
/* What follows the closing parenthesis: "= 3", "= -1 ENOENT (No such file or directory)", "= ?" … */
void print__result(GString *to, const struct show_options *o, const struct model_call *call);
void print__string(GString *to, const struct show_options *o, const uint8_t *bytes, size_t len, bool more);
void print__decimal(GString *to, int64_t value); /* as %lld, faster */
void print__name(GString *to, const struct model_call *call);
void print__siginfo(GString *to, const struct qbk_signal *sig);
void print__safe(GString *to, const char *bytes,
                 size_t len); /* hostile text without quotes: escapes what is not print */
/* The same, but quotes and backslashes stay. */
void print__line(GString *to, const char *bytes, size_t len);

/* ---- filter.c ---- */
struct filter;
struct filter *filter__new(const struct show_options *options, GError **error);
void filter__free(struct filter *filter);
bool filter__call(const struct filter *filter, const struct model_call *call, bool ended);
bool filter__thread(const struct filter *filter, const struct model_thread *thread);
void filter__want(const struct filter *filter, struct link_settings *settings);

/* ---- model.c ---- */
struct model;
typedef void (*model_fn)(const struct model_event *event, void *user);
struct model *model__new(void);
void model__feed(struct model *model, const struct qbk_record *rec, model_fn fn, void *user);
void model__finish(struct model *model, model_fn fn, void *user); /* what is still in flight, as final events */
void model__free(struct model *model);

#endif
