/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show/code.h"
#include "show/io.h"
#include "show/output.h"
#include "trace/record.h"

#define DEFAULT_STRING 32u
#define KEPT_LIMIT     4096u
#define DUMP_LIMIT     (1u << 18) /* what is to be dumped is captured whole, as far as records go */
#define VECTOR_LIMIT   32u
#define OUTPUTS_MAX    32u

static const struct output_ops *const kinds[] = {
    &output_text, &output_graph,  &output_strace, &output_jsonl, &output_qbk,     &output_sqlite,
    &output_ecs,  &output_cowrie, &output_nats,   &output_html,  &output_summary, &output_sebek,
    &output_keys, &output_cast,   &output_tree,   &output_files, &output_drcov};

struct show_filters {
    const struct show *show;
    struct show_options options; /* with borrowed arrays */
    struct filter *filter;
};

struct show {
    const struct show_options *options;
    const struct show_filters *filters; /* in force */
    GPtrArray *all_filters;             /* struct show_filters *, owned */
    struct model *model;
    struct output *output[OUTPUTS_MAX];
    unsigned count;
    struct output_health health;
    bool any_failed, told_limits;
};

void show_options__init(struct show_options *o)
{
    memset(o, 0, sizeof(*o));
    o->trace = g_ptr_array_new();
    o->status = g_ptr_array_new();
    o->paths = g_ptr_array_new();
    o->comms = g_ptr_array_new();
    o->exes = g_ptr_array_new();
    o->pids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    o->uids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    o->insns = g_array_new(FALSE, FALSE, sizeof(struct code_who));
    number_set__fill(&o->signals, true);
    o->string_limit = DEFAULT_STRING;
    sebek_options__init(&o->sebek);
    o->nats_wait = -1;
    o->files = (struct store_limits){STORE_SIZE_DEFAULT, STORE_COUNT_DEFAULT, STORE_TOTAL_DEFAULT};
}

void show_options__clear(struct show_options *o)
{
    g_ptr_array_free(o->trace, TRUE);
    g_ptr_array_free(o->status, TRUE);
    g_ptr_array_free(o->paths, TRUE);
    g_ptr_array_free(o->comms, TRUE);
    g_ptr_array_free(o->exes, TRUE);
    g_array_free(o->pids, TRUE);
    g_array_free(o->uids, TRUE);
    g_array_free(o->insns, TRUE);
    number_set__clear(&o->signals);
    number_set__clear(&o->dump_reads);
    number_set__clear(&o->dump_writes);
}

static void filters_free(gpointer p)
{
    struct show_filters *f = p;
    filter__free(f->filter);
    g_free(f);
}

struct show_filters *show__filters_new(struct show *show, const struct show_options *by, GError **error)
{
    struct show_filters *f = g_new0(struct show_filters, 1);
    f->show = show;
    struct show_options *o = &f->options;
    *o = *show->options;
    o->trace = by->trace;
    o->status = by->status;
    o->paths = by->paths;
    o->comms = by->comms;
    o->exes = by->exes;
    o->pids = by->pids;
    o->uids = by->uids;
    o->only_ok = by->only_ok;
    o->only_failed = by->only_failed;
    f->filter = filter__new(o, error);
    if (!f->filter) {
        g_free(f);
        return NULL;
    }
    g_ptr_array_add(show->all_filters, f);
    return f;
}

/* What an output needs, whatever the filters say. */
static void want_calls(const struct output_ops *ops, struct link_settings *settings)
{
    for (unsigned i = 0; ops->calls && ops->calls[i]; i++) {
        for (unsigned abi = 0; abi < QBK_ABIS; abi++) {
            int nr = decode__number((enum qbk_abi)abi, ops->calls[i]);
            int carrier = nr >= 0 ? decode__carrier((enum qbk_abi)abi, (uint32_t)nr) : -1;
            if (nr >= 0 && (unsigned)nr < LINK_NR_MAX)
                settings->watch[abi][nr / 64] |= 1ull << (nr % 64);
            if (carrier >= 0)
                settings->watch[abi][carrier / 64] |= 1ull << (carrier % 64);
        }
    }
}

void show__filters_want(const struct show_filters *filters, struct link_settings *settings)
{
    filter__want(filters->filter, settings);
    for (unsigned i = 0; i < filters->show->count; i++)
        want_calls(filters->show->output[i]->ops, settings);
}

void show__adopt(struct show *show, const struct show_filters *filters)
{
    show->filters = filters;
}

struct show *show__new(const struct show_options *options, GError **error)
{
    struct show *show = g_new0(struct show, 1);
    show->options = options;
    show->all_filters = g_ptr_array_new_with_free_func(filters_free);
    show->filters = show__filters_new(show, options, error);
    if (!show->filters) {
        g_ptr_array_free(show->all_filters, TRUE);
        g_free(show);
        return NULL;
    }
    show->model = model__new();
    return show;
}

static int add(struct show *show, const struct output_ops *ops, const char *where, int fallback_fd, GError **error)
{
    if (show->count == OUTPUTS_MAX) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "more than %u outputs", OUTPUTS_MAX);
        return -1;
    }
    struct output *out = g_new0(struct output, 1);
    out->ops = ops;
    out->options = show->options;
    out->health = &show->health;
    out->where = g_strdup(where);
    out->bit = show->count;
    if (ops->open(out, where, fallback_fd, error) != 0) {
        if (out->state)
            ops->finish(out, NULL);
        g_free(out->where);
        g_free(out);
        return -1;
    }
    show->output[show->count++] = out;
    return 0;
}

int show__add_output(struct show *show, const char *spec, int fallback_fd, GError **error)
{
    const char *colon = strchr(spec, ':');
    g_autofree char *kind = colon ? g_strndup(spec, (size_t)(colon - spec)) : g_strdup(spec);
    const char *where = colon && colon[1] ? colon + 1 : "-";
    bool lines = strcmp(kind, "text") == 0 || strcmp(kind, "strace") == 0;
    if (show->options->graph && strcmp(kind, "text") == 0 && show->options->summary != 1) {
        if (add(show, &output_graph, where, fallback_fd, error) != 0)
            return -1;
        return show->options->summary ? add(show, &output_summary, "-", fallback_fd, error) : 0;
    }
    if (lines && show->options->summary) { /* -c instead of the lines, -C after them */
        if (show->options->summary == 2 &&
            add(show, kind[0] == 't' ? &output_text : &output_strace, where, fallback_fd, error) != 0)
            return -1;
        return add(show, &output_summary, show->options->summary == 2 ? "-" : where, fallback_fd, error);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(kinds[i]->kind, kind) == 0)
            return add(show, kinds[i], where, fallback_fd, error);
    }
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "no output named '%s'; see 'qebek list outputs'",
                kind);
    return -1;
}

static unsigned wants_of(const char *spec)
{
    size_t len = strcspn(spec, ":");
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strlen(kinds[i]->kind) == len && strncmp(kinds[i]->kind, spec, len) == 0)
            return kinds[i]->wants;
    }
    return 0;
}

bool show__makes_files(const char *spec)
{
    return wants_of(spec) & OUTPUT_MAKES_FILES;
}

bool show__is_code(const char *spec)
{
    return wants_of(spec) & OUTPUT_WANTS_CODE;
}

bool show__has_directory(const char *spec)
{
    return wants_of(spec) & OUTPUT_HAS_DIRECTORY;
}

void show__want(const struct show *show, struct link_settings *s)
{
    uint32_t limit = MAX(show->options->string_limit, DEFAULT_STRING);
    unsigned wants = 0;
    for (unsigned i = 0; i < show->count; i++)
        wants |= show->output[i]->ops->wants;
    if (wants & OUTPUT_WANTS_ALL)
        limit = MAX(limit, KEPT_LIMIT);
    if (wants & OUTPUT_WANTS_NAMES)
        s->flags |= LINK_FD_NAMES;
    if (wants & OUTPUT_WANTS_OBJECTS)
        s->flags |= LINK_OBJECTS;
    s->string_limit = MAX(s->string_limit, limit);
    if (!number_set__empty(&show->options->dump_reads) || !number_set__empty(&show->options->dump_writes) ||
        (wants & OUTPUT_WANTS_DATA))
        limit = DUMP_LIMIT;
    s->buffer_limit = MAX(s->buffer_limit, limit);
    s->vector_limit = MAX(s->vector_limit, VECTOR_LIMIT);
    if (show->options->verbose)
        s->flags |= LINK_ENVIRONMENT;
    if (show->options->ip)
        s->flags |= LINK_IP;
    show__filters_want(show->filters, s);
    if (wants & OUTPUT_WANTS_FILES) {
        io__watch(s);
        s->flags |= LINK_FILES;
        s->file_limit = MAX(s->file_limit, show->options->files.size);
    }
}

/* Where an output goes, without a password: "//USER:PASSWORD@HOST" */
static char *shown(const char *where)
{
    const char *slashes = strstr(where, "//"), *at = slashes ? strrchr(slashes, '@') : NULL;

    return at ? g_strdup_printf("%.*s%s", (int)(slashes + 2 - where), where, at + 1) : g_strdup(where);
}

static void failed(struct show *show, struct output *out, const GError *error)
{
    g_autofree char *where = shown(out->where);

    out->failed = true;
    show->any_failed = true;
    show->health.failed++;
    fprintf(stderr, "qebek: output %s:%s: %s; it is left out from here on\n", out->ops->kind, where,
            error ? error->message : "failed");
}

static bool passes(const struct show *show, const struct model_event *e)
{
    const struct show_filters *f = e->call && e->call->filters ? e->call->filters : show->filters;
    if (e->type == EVENT_CALL || e->type == EVENT_COMPLETION)
        return filter__call(f->filter, e->call, true);
    if (e->type == EVENT_ENTER) { /* what a later status decides is not begun before it is known */
        const struct show_options *o = &f->options;
        bool by_status = o->only_ok || o->only_failed || o->status->len || o->paths->len;
        return !by_status && filter__call(f->filter, e->call, false);
    }
    if (e->rec && e->rec->type == QBK_LOG) /* a module was asked for, and chooses by itself what it says */
        return true;
    return !e->thread || filter__thread(f->filter, e->thread);
}

static bool thread_passes(const struct show *show, const struct model_event *e)
{
    return e->call && e->call->filters ? e->call->of_interest : filter__thread(show->filters->filter, e->thread);
}

static void deliver(const struct model_event *e, void *user)
{
    struct show *show = user;
    if (e->type == EVENT_ENTER) {
        e->call->filters = show->filters;
        e->call->of_interest = filter__thread(show->filters->filter, e->thread);
    }
    bool passed = passes(show, e), thread = !e->thread || thread_passes(show, e);
    for (unsigned i = 0; i < show->count; i++) {
        struct output *out = show->output[i];
        GError *error = NULL;
        if (out->failed) {
            show->health.events++;
        } else if (out->ops->event(out, e, out->ops->calls && e->call ? thread : passed, &error) != 0) {
            failed(show, out, error);
            g_clear_error(&error);
        }
    }
}

/* A kept trace that holds less than the options ask for: said once. */
static void tell_limits(struct show *show, const struct qbk_record *rec)
{
    const char *limit = record__text_get((const struct qbk_text *)rec, "string_limit");
    const char *names = record__text_get((const struct qbk_text *)rec, "fd_names");
    const char *ip = record__text_get((const struct qbk_text *)rec, "ip");
    show->told_limits = true;
    if (limit && strtoul(limit, NULL, 10) < show->options->string_limit)
        fprintf(stderr, "qebek: this trace holds only the first %lu bytes of each string\n", strtoul(limit, NULL, 10));
    if (names && strcmp(names, "no") == 0 && (show->options->fd_names || show->options->paths->len))
        fprintf(stderr, "qebek: this trace does not tell what descriptors stand for (-y, -P): it was made without\n");
    if (ip && strcmp(ip, "no") == 0 && show->options->ip)
        fprintf(stderr, "qebek: this trace does not tell instruction pointers (-i): it was made without\n");
}

unsigned show__record(struct show *show, const struct qbk_record *rec)
{
    unsigned working = 0;
    if (rec->type == QBK_META && !show->told_limits && !show->options->quiet)
        tell_limits(show, rec);
    model__feed(show->model, rec, deliver, show);
    for (unsigned i = 0; i < show->count; i++)
        working += !show->output[i]->failed;
    return working;
}

void show__tick(struct show *show)
{
    for (unsigned i = 0; i < show->count; i++) {
        struct output *out = show->output[i];
        GError *error = NULL;
        if (!out->failed && out->ops->tick && out->ops->tick(out, &error) != 0) {
            failed(show, out, error);
            g_clear_error(&error);
        }
    }
}

static void finish_one(struct show *show, struct output *out)
{
    GError *error = NULL;
    if (out->ops->finish(out, &error) != 0 && !out->failed)
        failed(show, out, error);
    g_clear_error(&error);
    g_free(out->where);
    g_free(out);
}

int show__finish(struct show *show)
{
    model__finish(show->model, deliver, show);
    for (unsigned last = 0; last < 2; last++) { /* some tell of the others, which may fail in this very moment */
        for (unsigned i = 0; i < show->count; i++) {
            struct output *out = show->output[i];
            if (out && !(out->ops->wants & OUTPUT_ENDS_LAST) == !last) {
                show->output[i] = NULL;
                finish_one(show, out);
            }
        }
    }
    show->count = 0;
    return show->any_failed ? -1 : 0;
}

void show__free(struct show *show)
{
    if (!show)
        return;
    model__free(show->model);
    g_ptr_array_free(show->all_filters, TRUE);
    g_free(show);
}

const char *show__kind(unsigned index, const char **help)
{
    if (index >= G_N_ELEMENTS(kinds))
        return NULL;
    *help = kinds[index]->help;
    return kinds[index]->kind;
}
