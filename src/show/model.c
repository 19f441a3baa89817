/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/model_internal.h"

#include <string.h>

#include "decode/decode.h"
#include "show/code.h"
#include "show/function_calls.h"
#include "show/nt/nt.h"
#include "show/nt/sessions.h"
#include "show/output.h"
#include "show/pending.h"
#include "show/sessions.h"
#include "show/sockets.h"
#include "show/unpack/layers.h"
#include "trace/record.h"

#define NAMES_MAX     4096
#define OBJECTS_MAX   (1u << 18) /* of all threads; of those beyond nothing is known */
#define IN_FLIGHT_MAX 1024u      /* of one thread: the plugin allows for less */

/* What the guest itself calls a number: of Linux those that no table has, of NT all. */
struct guest_service {
    uint32_t row;
    char name[];
};

static void call_forget(struct model_call *c)
{
    struct model_thread *t = c->thread;
    if (c->above)
        c->above->below = c->below;
    else
        t->calls = c->below;
    if (c->below)
        c->below->above = c->above;
    t->in_flight--;
    g_free((gpointer)(uintptr_t)c->guest_name);
    nt_handles__free(c);
    g_free(c);
}

static void thread_free(gpointer data)
{
    struct model_thread *t = data;
    while (t->calls)
        call_forget(t->calls);
    g_clear_pointer(&t->exe, g_ref_string_release);
    g_clear_pointer(&t->objects, g_hash_table_destroy);
    g_clear_pointer(&t->proc, model_process__unref);
    g_free(t);
}

struct model *model__new(void)
{
    struct model *m = g_new0(struct model, 1);
    m->threads = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, thread_free);
    m->tids = g_hash_table_new(NULL, NULL);
    m->processes = g_hash_table_new_full(g_int_hash, g_int_equal, NULL, model_process__unref);
    m->sessions = sessions__new();
    m->pending = pending__new();
    m->names = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
    m->sockets = sockets__new();
    m->functions = function_calls__new();
    m->layers = layers__new();
    m->code = code__new();
    return m;
}

void model__free(struct model *m)
{
    if (!m)
        return;
    g_hash_table_destroy(m->threads);
    g_hash_table_destroy(m->tids);
    g_hash_table_destroy(m->processes);
    g_hash_table_destroy(m->names);
    sessions__free(m->sessions);
    pending__free(m->pending);
    sockets__free(m->sockets);
    function_calls__free(m->functions);
    layers__free(m->layers);
    code__free(m->code);
    g_free(m);
}

/* A placeholder where no THREAD record came, so that nobody need ask. */
static struct model_thread *thread_of(struct model *m, uint64_t number)
{
    struct model_thread *t = g_hash_table_lookup(m->threads, &number);
    if (!t) {
        t = g_new0(struct model_thread, 1);
        t->number = number;
        t->id.pid = t->id.tid = t->id.ppid = -1;
        t->id.uid = t->id.euid = t->id.gid = UINT32_MAX;
        t->id.os = 2;
        g_hash_table_insert(m->threads, &t->number, t);
    }
    return t;
}

const struct qbk_object *model__object(const struct model_thread *t, uint32_t fd)
{
    return t && t->objects ? g_hash_table_lookup(t->objects, GUINT_TO_POINTER(fd)) : NULL;
}

static void take_object(struct model *m, struct model_thread *t, const struct qbk_object *object, struct model_event *e)
{
    sessions__object(m->sessions, t, object, e);
    if (!t->objects)
        t->objects = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    if (g_hash_table_remove(t->objects, GUINT_TO_POINTER(object->fd)))
        m->objects--;
    if (m->objects >= OBJECTS_MAX)
        return;
    m->objects++;
    g_hash_table_replace(t->objects, GUINT_TO_POINTER(object->fd), g_memdup2(object, sizeof(*object)));
}

static struct guest_service *service_new(const char *name)
{
    size_t size = strlen(name) + 1;
    struct guest_service *s = g_malloc(sizeof(*s) + size);
    int row = decode__number(QBK_ABI_NT_X64, name); /* the same in both of NT's */
    s->row = row >= 0 ? (uint32_t)row : MODEL_NO_ROW;
    memcpy(s->name, name, size);
    return s;
}

/* "471 name, 472 name": only what can be a name is taken, so that nobody need escape it. */
static void take_guest(struct model *m, const struct qbk_record *rec)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    const char *services = record__text_get((const void *)rec, "services");
    if (!record__text_get((const void *)rec, "how")) /* about the kernel that is known already */
        return;
    g_hash_table_remove_all(m->names);
    g_auto(GStrv) words = g_strsplit(services ? services : "", ", ", NAMES_MAX);
    for (char **word = words; *word; word++) {
        char *name = NULL;
        guint64 nr = g_ascii_strtoull(*word, &name, 10);
        if (name == *word || *name++ != ' ' || nr > UINT16_MAX || !*name || name[strspn(name, letters)])
            continue;
        g_hash_table_replace(m->names, GUINT_TO_POINTER((guint)nr), service_new(name));
    }
}

/*
 * A call that came through another: from here on it has its own arguments, out of memory, where these are known. The
 * ENTER is the copy behind the call (call_begins), which has room for them.
 */
static void take_subcall(struct model_call *c)
{
    struct qbk_enter *enter = (struct qbk_enter *)(void *)(c + 1);
    const struct decode_subcall *sub =
        enter->nargs >= 2 ? decode__subcall((enum qbk_abi)c->abi, c->nr, enter->args[0]) : NULL;
    const uint8_t *words = NULL;
    uint64_t args[DECODE_ARGS_MAX] = {0};

    if (!sub || sub->nargs < enter->nargs ||
        record__memory(&enter->h, enter->args[1], sub->nargs * 4u, &words) < sub->nargs * 4u)
        return;
    for (unsigned i = 0; i < sub->nargs; i++)
        memcpy(&args[i], words + 4 * i, 4);
    c->subcall = (uint8_t)enter->args[0];
    uint64_t *behind = enter->args + enter->nargs;
    size_t more = (sub->nargs - enter->nargs) * sizeof(args[0]);
    memmove((uint8_t *)behind + more, behind, enter->h.size - (size_t)((uint8_t *)behind - (uint8_t *)enter));
    memcpy(enter->args, args, sub->nargs * sizeof(args[0]));
    enter->nargs = sub->nargs;
    enter->h.size += (uint32_t)more;
    c->row = sub->nr;
    c->service = decode__service_for((enum qbk_abi)c->abi, c->row, args);
}

static void describe(const struct model *m, struct model_call *c, struct model_thread *t, uint8_t abi, uint32_t nr)
{
    c->thread = t;
    c->abi = abi;
    c->nr = nr;
    bool nt = abi == QBK_ABI_NT_X64 || abi == QBK_ABI_NT_X86;
    const struct guest_service *told = nt || abi == QBK_ABI_LINUX_X86_64 || abi == QBK_ABI_RAW
                                           ? g_hash_table_lookup(m->names, GUINT_TO_POINTER(nr))
                                           : NULL;
    c->row = !nt ? nr : told ? told->row : MODEL_NO_ROW;
    c->service = decode__service((enum qbk_abi)abi, c->row);
    if (!c->service && told)
        c->guest_name = told->name;
    if (c->enter && c->service) {
        uint64_t args[DECODE_ARGS_MAX] = {0}; /* a record may have fewer than the row */
        memcpy(args, c->enter->args, MIN(c->enter->nargs, DECODE_ARGS_MAX) * sizeof(args[0]));
        c->service = decode__service_for((enum qbk_abi)abi, c->row, args);
    }
}

static void emit(enum model_event_type type, const struct qbk_record *rec, struct model_call *c, model_fn fn,
                 void *user)
{
    struct model_event e = {.type = type, .rec = rec, .thread = c->thread, .call = c};
    fn(&e, user);
}

static void tell_end(struct model *m, enum model_event_type type, const struct qbk_record *rec, struct model_call *c,
                     model_fn fn, void *user)
{
    struct model_event e = {.type = type, .rec = rec, .thread = c->thread, .call = c};
    nt_sessions__call(m->sessions, c, &e);
    fn(&e, user);
}

/* The return is not in the trace: lost, or the trace ends before it. */
static void call_open_ended(struct model_call *c, bool lost, model_fn fn, void *user)
{
    struct model_event e = {
        .type = EVENT_CALL, .rec = &c->enter->h, .thread = c->thread, .call = c, .final = true, .lost = lost};
    fn(&e, user);
    call_forget(c);
}

static void thread_leaves(struct model *m, struct model_thread *t, model_fn fn, void *user)
{
    while (t->calls)
        call_open_ended(t->calls, true, fn, user);
    m->objects -= t->objects ? g_hash_table_size(t->objects) : 0;
    function_calls__gone(m->functions, t);
    model_process__leave_tid(m, t);
    g_hash_table_remove(m->threads, &t->number);
}

/* A new thread with the number of another: the other's end was lost, with a gap or a reset of the machine. */
static void replace_thread(struct model *m, const struct model_thread *t, const struct qbk_thread *rec, model_fn fn,
                           void *user)
{
    struct model_thread *old = rec->tid > 0 ? g_hash_table_lookup(m->tids, GINT_TO_POINTER(rec->tid)) : NULL;
    struct model_event ignored = {0};
    if (!old || old == t || (rec->why != QBK_THREAD_BORN && rec->why != QBK_THREAD_SEEN))
        return;
    model_process__leaves(m, old, 0, QBK_EXIT_UNKNOWN, &ignored);
    thread_leaves(m, old, fn, user);
}

static struct model_call *outermost(const struct model_thread *t)
{
    struct model_call *c = t->calls;
    while (c && c->below)
        c = c->below;
    return c;
}

static struct model_call *call_begins(struct model *m, struct model_thread *t, const struct qbk_record *rec,
                                      model_fn fn, void *user)
{
    const struct qbk_enter *enter = (const void *)rec;
    struct model_call *c;
    /* Its depth says how many others are in flight. What is more than those has lost its return. */
    while (t->number && t->calls && enter->depth <= t->calls->enter->depth && enter->depth < UINT8_MAX)
        call_open_ended(t->calls, true, fn, user);
    if (t->in_flight == IN_FLIGHT_MAX)
        call_open_ended(outermost(t), true, fn, user);
    /* Room behind it: a row may have more arguments than the record, and a printer that looks finds nothing worse. */
    c = g_malloc0(sizeof(*c) + rec->size + DECODE_ARGS_MAX * sizeof(uint64_t));
    c->enter = memcpy(c + 1, rec, rec->size);
    describe(m, c, t, enter->abi, enter->nr);
    take_subcall(c);
    c->netlink = sockets__netlink(m->sockets, c);
    if (c->guest_name) /* another GUEST record may come before the call ends */
        c->guest_name = g_strdup(c->guest_name);
    c->below = t->calls;
    if (c->below)
        c->below->above = c;
    t->calls = c;
    t->in_flight++;
    nt_handles__enter(c);
    return c;
}

static struct model_call *find_call(const struct model_thread *t, uint64_t seq)
{
    struct model_call *c = t->calls;
    while (c && c->enter->h.seq != seq)
        c = c->below;
    return c;
}

static void call_ends(struct model *m, struct model_thread *t, const struct qbk_record *rec, model_fn fn, void *user)
{
    const struct qbk_return *ret = (const void *)rec;
    struct model_call lost = {0}, *c = find_call(t, ret->call);
    if (!c) { /* its ENTER was lost, or lies before this trace */
        c = &lost;
        describe(m, c, t, ret->abi, ret->nr);
    }
    c->ret = ret;
    if (c->enter && rec->time_ns > c->enter->h.time_ns)
        c->duration_ns = rec->time_ns - c->enter->h.time_ns;
    nt_handles__return(c);
    tell_end(m, EVENT_CALL, rec, c, fn, user);
    sockets__returned(m->sockets, c);
    nt_handles__over(c);
    t->last = c->service;
    if (ret->end == QBK_END_PENDING && c->enter)
        pending__keep(m->pending, c);
    if (c != &lost)
        call_forget(c);
}

static void operation_done(struct model *m, struct model_thread *t, const struct qbk_record *rec, model_fn fn,
                           void *user)
{
    const struct qbk_completion *done = (const void *)rec;
    struct model_call c = {0};
    g_autofree struct qbk_enter *enter = pending__take(m->pending, done->call, &c);
    g_autofree struct qbk_return *ret = pending__as_return(done);
    c.enter = enter;
    c.ret = ret;
    describe(m, &c, t, done->abi, done->nr);
    if (enter && rec->time_ns > enter->h.time_ns)
        c.duration_ns = rec->time_ns - enter->h.time_ns;
    nt_handles__again(&c);
    tell_end(m, EVENT_COMPLETION, rec, &c, fn, user);
    nt_handles__free(&c);
}

static bool of_layer(const struct qbk_record *rec)
{
    return rec->type == QBK_LAYER || rec->type == QBK_LAYER_BYTES;
}

/* Any other record: who is meant may change by it. */
static void record_comes(struct model *m, struct model_thread *t, const struct qbk_record *rec, model_fn fn, void *user)
{
    struct model_event e = {.type = EVENT_RECORD, .rec = rec, .thread = t};
    GRefString *cgroup = rec->type == QBK_THREAD_EXIT ? model_process__cgroup(m, t) : NULL;
    if (t && rec->type == QBK_THREAD)
        replace_thread(m, t, (const void *)rec, fn, user);
    if (t && rec->type == QBK_THREAD)
        model_process__thread(m, t, rec, &e);
    else if (t && rec->type == QBK_NAME)
        model_process__name(m, t, rec);
    else if (t && rec->type == QBK_OBJECT)
        take_object(m, t, (const void *)rec, &e);
    else if (rec->type == QBK_GUEST)
        take_guest(m, rec);
    else if (rec->type == QBK_CODE)
        code__take(m->code, (const void *)rec);
    else if (rec->type == QBK_MAPPING)
        code__take_mapping(m->code, (const void *)rec);
    else if (rec->type == QBK_BLOCKS)
        e.code = m->code;
    else if (t && rec->type == QBK_THREAD_EXIT && t->known)
        model_process__leaves(m, t, ((const struct qbk_thread_exit *)rec)->status,
                              ((const struct qbk_thread_exit *)rec)->flags, &e);
    if (e.process != PROCESS_SAME && !cgroup)
        cgroup = model_process__cgroup(m, t);
    e.cgroup = cgroup;
    if (of_layer(rec))
        e.layer = layers__feed(m->layers, rec);
    fn(&e, user);
    if (e.process == PROCESS_EXITS)
        code__process_gone(m->code, t->id.pid);
    g_clear_pointer(&cgroup, g_ref_string_release);
    if (rec->type == QBK_THREAD_EXIT && t)
        thread_leaves(m, t, fn, user);
}

static bool of_function(const struct qbk_record *rec)
{
    return rec->type == QBK_FUNCTION || rec->type == QBK_FUNCTION_ENTER || rec->type == QBK_FUNCTION_RETURN;
}

/* A thread goes on in the kernel when it has exited, and so do its functions; they do not bring it back. */
static void function_comes(struct model *m, const struct qbk_record *rec, model_fn fn, void *user)
{
    uint64_t number = rec->thread;
    struct function_call call;
    struct model_event e = {.type = EVENT_RECORD, .rec = rec};
    e.thread = number ? g_hash_table_lookup(m->threads, &number) : NULL;
    if (number && !e.thread)
        e.thread = function_calls__find_gone(m->functions, number);
    if (function_calls__feed(m->functions, rec, &call))
        e.function = &call;
    fn(&e, user);
}

static bool is_nt(const struct model_call *call)
{
    return call->abi == QBK_ABI_NT_X64 || call->abi == QBK_ABI_NT_X86;
}

bool model__has_status(const struct model_call *call)
{
    return is_nt(call) && (call->nr >> 12 & 3) == 0; /* bits 12 and 13 choose the table of services */
}

bool model__is_error(const struct model_call *call, uint32_t *code)
{
    *code = 0;
    return (!is_nt(call) || model__has_status(call)) &&
           decode__is_error((enum qbk_abi)call->abi, call->ret->result, code);
}

void model__feed(struct model *m, const struct qbk_record *rec, model_fn fn, void *user)
{
    if (of_function(rec)) {
        function_comes(m, rec, fn, user);
        return;
    }
    struct model_thread *t = rec->thread ? thread_of(m, rec->thread) : NULL;
    struct model_call *c;
    if (t && !t->exe && t->proc && t->proc->exe) /* NT: told of the process by another thread of it */
        t->exe = g_ref_string_acquire(t->proc->exe);
    if (t && rec->type == QBK_THREAD_EXIT && (((const struct qbk_thread_exit *)rec)->flags & QBK_EXIT_FORGOTTEN)) {
        thread_leaves(m, t, fn, user); /* it may well live on: nobody is told */
        return;
    }
    switch (rec->type) {
    case QBK_ENTER:
        c = call_begins(m, t ? t : thread_of(m, 0), rec, fn, user);
        sessions__call_begins(m->sessions, c);
        emit(EVENT_ENTER, rec, c, fn, user);
        return;
    case QBK_RETURN:
        call_ends(m, t ? t : thread_of(m, 0), rec, fn, user);
        return;
    case QBK_COMPLETION:
        operation_done(m, t ? t : thread_of(m, 0), rec, fn, user);
        return;
    default:
        record_comes(m, t, rec, fn, user);
    }
}

static gint by_seq(gconstpointer a, gconstpointer b)
{
    const struct model_call *x = *(struct model_call *const *)a, *y = *(struct model_call *const *)b;
    return x->enter->h.seq < y->enter->h.seq ? -1 : x->enter->h.seq > y->enter->h.seq;
}

void model__finish(struct model *m, model_fn fn, void *user)
{
    GHashTableIter it;
    gpointer value;
    g_autoptr(GPtrArray) open = g_ptr_array_new();
    g_hash_table_iter_init(&it, m->threads);
    while (g_hash_table_iter_next(&it, NULL, &value)) {
        for (struct model_call *c = ((struct model_thread *)value)->calls; c; c = c->below)
            g_ptr_array_add(open, c);
    }
    g_ptr_array_sort(open, by_seq);
    for (guint i = 0; i < open->len; i++) {
        struct model_call *c = open->pdata[i];
        call_open_ended(c, false, fn, user);
    }
}
