// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/check.h"

#include <inttypes.h>
#include <string.h>

#include "trace/check_code.h"
#include "trace/check_functions.h"
#include "trace/check_pending.h"
#include "trace/file.h"
#include "trace/record.h"

#define MESSAGES_MAX 100u
/* A file may have been made to fill memory: beyond these the check says so and gives up. */
#define CALLS_MAX   (1u << 22)
#define THREADS_MAX (1u << 22)

struct call {
    uint64_t seq;
    uint64_t thread;
    uint32_t nr;
    uint8_t abi;
    uint8_t depth;
};

struct thread {
    uint64_t number;
    bool known; /* a THREAD record told of it */
    bool exited;
    GArray *stack; /* uint64_t: its calls in flight, outermost first; NULL until there is one */
};

struct check {
    struct check_result result;
    bool continuation;
    bool settling;      /* still among what a rotated-to file repeats */
    uint64_t first_new; /* seq of the first record after that */
    uint64_t highest;
    uint64_t gap_enters, gap_returns; /* lost, as GAPs tell */
    uint64_t stray_returns;           /* RETURNs of calls that are not known */
    uint64_t entryless;               /* RETURNs whose ENTER was lost, as they say themselves */
    GPtrArray *doubts;                /* char *: violations, unless something is missing; the first MESSAGES_MAX */
    uint64_t n_doubts;
    bool has_counter[QBK_COUNTERS];
    bool overflow;
    GHashTable *calls;   /* in flight: uint64_t * → struct call */
    GHashTable *threads; /* uint64_t * → struct thread */
    struct check_pending *pending;
    struct check_functions *functions;
    struct check_code *code;
};

static void G_GNUC_PRINTF(2, 3) violation(struct check *c, const char *format, ...)
{
    va_list ap;

    c->result.violations++;
    if (c->result.messages->len >= MESSAGES_MAX)
        return;
    va_start(ap, format);
    g_ptr_array_add(c->result.messages, g_strdup_vprintf(format, ap));
    va_end(ap);
}

/*
 * A record that does not fit the others. It is a violation only if nothing is missing that could explain it; that is
 * known at the end alone, because a vCPU tells what it lost with its next record, which may come much later.
 */
static void G_GNUC_PRINTF(2, 3) doubt(struct check *c, const char *format, ...)
{
    va_list ap;

    c->n_doubts++;
    if (c->doubts->len >= MESSAGES_MAX)
        return;
    va_start(ap, format);
    g_ptr_array_add(c->doubts, g_strdup_vprintf(format, ap));
    va_end(ap);
}

static void thread_free(gpointer p)
{
    struct thread *t = p;

    if (t->stack)
        g_array_free(t->stack, TRUE);
    g_free(t);
}

struct check *check__new(bool continuation)
{
    struct check *c = g_new0(struct check, 1);

    c->continuation = continuation;
    c->settling = continuation;
    c->result.messages = g_ptr_array_new_with_free_func(g_free);
    c->doubts = g_ptr_array_new_with_free_func(g_free);
    c->calls = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    c->threads = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, thread_free);
    c->pending = check_pending__new();
    c->functions = check_functions__new();
    c->code = check_code__new();
    return c;
}

void check__free(struct check *c)
{
    if (!c)
        return;
    g_ptr_array_free(c->result.messages, TRUE);
    g_ptr_array_free(c->doubts, TRUE);
    g_hash_table_destroy(c->calls);
    g_hash_table_destroy(c->threads);
    check_pending__free(c->pending);
    check_functions__free(c->functions);
    check_code__free(c->code);
    g_free(c);
}

/* Nothing is missing that could explain a record that does not fit the others. */
static bool complete(const struct check *c)
{
    return c->result.lost_records == 0 && c->result.holes == 0;
}

static struct thread *thread_of(struct check *c, const struct qbk_record *rec)
{
    struct thread *t = g_hash_table_lookup(c->threads, &rec->thread);

    if (!t) {
        if (g_hash_table_size(c->threads) >= THREADS_MAX)
            c->overflow = true;
        t = g_new0(struct thread, 1);
        t->number = rec->thread;
        g_hash_table_insert(c->threads, &t->number, t);
    }
    return t;
}

/* A thread that does something must have been told of before, and must not be gone. */
static struct thread *acting_thread(struct check *c, const struct qbk_record *rec)
{
    struct thread *t = thread_of(c, rec);

    if (t->exited)
        violation(c, "record %" PRIu64 ": %s of thread %" PRIu64 " after its exit", rec->seq,
                  record__type_name((enum qbk_type)rec->type), rec->thread);
    if (!t->known && !c->continuation)
        doubt(c, "record %" PRIu64 ": %s of thread %" PRIu64 " before any thread record of it", rec->seq,
              record__type_name((enum qbk_type)rec->type), rec->thread);
    t->known = true;
    return t;
}

static void feed_thread(struct check *c, const struct qbk_record *rec)
{
    struct thread *t = thread_of(c, rec);

    if (rec->thread == 0)
        violation(c, "record %" PRIu64 ": thread record without a thread", rec->seq);
    if (t->exited)
        violation(c, "record %" PRIu64 ": thread %" PRIu64 " again after its exit", rec->seq, rec->thread);
    if (!t->known)
        c->result.threads++;
    t->known = true;
}

static void feed_exit(struct check *c, const struct qbk_record *rec)
{
    struct thread *t = acting_thread(c, rec);

    if (t->stack && t->stack->len > 0)
        doubt(c, "record %" PRIu64 ": thread %" PRIu64 " exits with %u calls in flight", rec->seq, rec->thread,
              t->stack->len);
    t->exited = true;
    if (t->stack) {
        g_array_free(t->stack, TRUE);
        t->stack = NULL;
    }
}

static struct call *top_call(struct check *c, const struct thread *t)
{
    if (!t->stack || t->stack->len == 0)
        return NULL;
    return g_hash_table_lookup(c->calls, &g_array_index(t->stack, uint64_t, t->stack->len - 1));
}

static void push_call(struct check *c, struct thread *t, const struct qbk_enter *e)
{
    struct call *call;

    if (g_hash_table_size(c->calls) >= CALLS_MAX)
        c->overflow = true;
    call = g_new0(struct call, 1);
    call->seq = e->h.seq;
    call->thread = e->h.thread;
    call->nr = e->nr;
    call->abi = e->abi;
    call->depth = e->depth;
    g_hash_table_replace(c->calls, &call->seq, call);
    if (!t->stack)
        t->stack = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    g_array_append_val(t->stack, call->seq);
}

static void feed_enter(struct check *c, const struct qbk_record *rec)
{
    const struct qbk_enter *e = (const struct qbk_enter *)rec;
    struct thread *t = acting_thread(c, rec);
    const struct call *top;

    c->result.entries++;
    if (e->flags & QBK_ENTER_JOINED)
        c->result.joined++;
    if (rec->thread == 0)
        violation(c, "record %" PRIu64 ": call without a thread", rec->seq);
    /* Depths may leave numbers out: calls that only a module watches have no records. */
    while ((top = top_call(c, t)) != NULL && e->depth <= top->depth) {
        doubt(c, "record %" PRIu64 ": call at depth %u while call %" PRIu64 " is in flight at depth %u", rec->seq,
              e->depth, top->seq, top->depth);
        /* It stays among the calls without an end; check__finish counts them. */
        g_array_set_size(t->stack, t->stack->len - 1);
    }
    push_call(c, t, e);
}

/* The call may be known, or lost with a GAP or before this file. */
static void stray_return(struct check *c, const struct qbk_return *r)
{
    if (r->call != 0 && c->continuation && r->call < c->first_new)
        return;
    if (r->call == 0) { /* the GAP may come later, by another vCPU: settle_doubts looks for it */
        c->entryless++;
        return;
    }
    c->stray_returns++;
    if (c->stray_returns > c->gap_enters + c->result.holes)
        violation(c, "record %" PRIu64 ": return of call %" PRIu64 ", which is not in flight", r->h.seq, r->call);
}

static void compare_pair(struct check *c, const struct qbk_return *r, const struct call *call)
{
    if (call->thread != r->h.thread)
        violation(c, "record %" PRIu64 ": thread %" PRIu64 " ends call %" PRIu64 " of thread %" PRIu64, r->h.seq,
                  r->h.thread, call->seq, call->thread);
    if (call->depth != r->depth || call->nr != r->nr || call->abi != r->abi)
        violation(c, "record %" PRIu64 ": number, interface or depth differ from those of call %" PRIu64, r->h.seq,
                  call->seq);
}

/* Take the call from its thread's stack, where it must be the top. */
static void pop_call(struct check *c, struct thread *t, const struct call *call)
{
    const struct call *top;

    while ((top = top_call(c, t)) != NULL || (t->stack && t->stack->len > 0)) {
        bool found = top == call;

        g_array_set_size(t->stack, t->stack->len - 1);
        if (found)
            return;
        if (top)
            doubt(c, "call %" PRIu64 " ends before call %" PRIu64 ", which is inside it", call->seq, top->seq);
    }
}

static void feed_return(struct check *c, const struct qbk_record *rec)
{
    const struct qbk_return *r = (const struct qbk_return *)rec;
    struct call *call = g_hash_table_lookup(c->calls, &r->call);
    struct thread *t = acting_thread(c, rec);

    if (r->end >= QBK_ENDS) {
        violation(c, "record %" PRIu64 ": unknown end %u", rec->seq, r->end);
        return;
    }
    c->result.ends[r->end]++;
    if (r->end == QBK_END_ORPHANED)
        violation(c, "record %" PRIu64 ": call %" PRIu64 " orphaned", rec->seq, r->call);
    if (r->end == QBK_END_PENDING && !check_pending__add(c->pending, r))
        c->overflow = true;
    if (!call) {
        stray_return(c, r);
        return;
    }
    compare_pair(c, r, call);
    if (call->thread == rec->thread)
        pop_call(c, t, call);
    g_hash_table_remove(c->calls, &r->call);
}

static void feed_function(struct check *c, const struct qbk_record *rec)
{
    const char *wrong = check_functions__feed(c->functions, rec);

    if (wrong && !c->continuation) /* which has but the last part of the calls */
        doubt(c, "record %" PRIu64 ": %s: %s", rec->seq, record__type_name((enum qbk_type)rec->type), wrong);
    c->overflow |= check_functions__overflow(c->functions);
}

static void feed_code(struct check *c, const struct qbk_record *rec)
{
    const char *wrong = check_code__feed(c->code, rec);

    if (rec->thread)
        acting_thread(c, rec);
    if (wrong && !c->continuation) /* which repeats no more code than there is room for */
        doubt(c, "record %" PRIu64 ": %s: %s", rec->seq, record__type_name((enum qbk_type)rec->type), wrong);
    c->overflow |= check_code__overflow(c->code);
}

/* Of a call that ended as pending, once. */
static void feed_completion(struct check *c, const struct qbk_record *rec)
{
    const struct qbk_completion *done = (const struct qbk_completion *)rec;

    c->result.completions++;
    acting_thread(c, rec);
    switch (check_pending__complete(c->pending, done)) {
    case CHECK_PENDING_UNKNOWN:
        if (!c->continuation || done->call >= c->first_new)
            doubt(c, "record %" PRIu64 ": completion of call %" PRIu64 ", which is not pending", rec->seq, done->call);
        break;
    case CHECK_PENDING_DIFFERS:
        violation(c, "record %" PRIu64 ": number, interface or thread differ from those of call %" PRIu64, rec->seq,
                  done->call);
        break;
    case CHECK_PENDING_FITS:
        break;
    }
}

static void feed_signal(struct check *c, const struct qbk_record *rec)
{
    c->result.signals++;
    acting_thread(c, rec);
}

static void feed_name(struct check *c, const struct qbk_record *rec)
{
    acting_thread(c, rec);
}

/* A file may go without anybody's doing, or after its last user's end. */
static void feed_file(struct check *c, const struct qbk_record *rec)
{
    if (rec->thread)
        acting_thread(c, rec);
}

static void feed_gap(struct check *c, const struct qbk_record *rec)
{
    const struct qbk_gap *g = (const struct qbk_gap *)rec;

    if (g->records == 0 || g->enters > g->records || g->returns > g->records - g->enters)
        violation(c, "record %" PRIu64 ": impossible counts in a gap", rec->seq);
    c->result.lost_records += g->records;
    c->gap_enters += g->enters;
    c->gap_returns += g->returns;
}

static void feed_summary(struct check *c, const struct qbk_record *rec)
{
    const struct qbk_summary *s = (const struct qbk_summary *)rec;

    c->result.has_summary = true;
    for (uint32_t i = 0; i < s->count && i < QBK_COUNTERS; i++) {
        c->result.counter[i] = s->counter[i];
        c->has_counter[i] = true;
    }
}

/* What a rotated-to file repeats has old numbers; it ends with the first record of a type that is not repeated. */
static bool still_settling(struct check *c, const struct qbk_record *rec)
{
    if (c->settling && !trace__is_repeatable(rec)) {
        c->settling = false;
        c->first_new = rec->seq;
        if (rec->seq <= c->highest)
            violation(c, "record %" PRIu64 " comes after record %" PRIu64, rec->seq, c->highest);
        c->highest = rec->seq;
        return true;
    }
    c->highest = c->settling ? MAX(c->highest, rec->seq) : c->highest;
    return c->settling;
}

static void feed_seq(struct check *c, const struct qbk_record *rec)
{
    if (still_settling(c, rec))
        return;
    if (rec->seq <= c->highest) {
        violation(c, "record %" PRIu64 " comes after record %" PRIu64, rec->seq, c->highest);
        return;
    }
    /* The second reader of one machine begins with a META of its own, wherever the numbers are by then. */
    if (c->result.records == 1 && rec->type == QBK_META)
        c->highest = rec->seq - 1;
    c->result.holes += rec->seq - c->highest - 1;
    c->highest = rec->seq;
}

void check__feed(struct check *c, const struct qbk_record *rec)
{
    static void (*const feed[QBK_TYPES])(struct check *, const struct qbk_record *) = {
        [QBK_THREAD] = feed_thread,
        [QBK_THREAD_EXIT] = feed_exit,
        [QBK_ENTER] = feed_enter,
        [QBK_RETURN] = feed_return,
        [QBK_SIGNAL] = feed_signal,
        [QBK_NAME] = feed_name,
        [QBK_GAP] = feed_gap,
        [QBK_SUMMARY] = feed_summary,
        [QBK_OBJECT] = feed_name,
        [QBK_COMPLETION] = feed_completion,
        [QBK_FILE] = feed_file,
        [QBK_PAGES] = feed_file,
        [QBK_FUNCTION] = feed_function,
        [QBK_FUNCTION_ENTER] = feed_function,
        [QBK_FUNCTION_RETURN] = feed_function,
        [QBK_CODE] = feed_code,
        [QBK_BLOCKS] = feed_code,
    };

    c->result.records++;
    if (c->overflow)
        return;
    if (c->result.has_summary)
        violation(c, "record %" PRIu64 ": %s after the summary", rec->seq, record__type_name((enum qbk_type)rec->type));
    feed_seq(c, rec);
    if (rec->type < QBK_TYPES && feed[rec->type])
        feed[rec->type](c, rec);
    if (c->overflow)
        violation(c, "record %" PRIu64 ": more threads or calls at once than can be checked", rec->seq);
}

static void expect_equal(struct check *c, const char *what, uint64_t recounted, enum qbk_counter counter)
{
    if (c->has_counter[counter] && c->result.counter[counter] != recounted)
        violation(c, "%s: %" PRIu64 " in the records, %" PRIu64 " in the summary", what, recounted,
                  c->result.counter[counter]);
}

/* What the plugin counted against what came through and what GAPs tell. */
static void compare_counts(struct check *c)
{
    const struct check_result *r = &c->result;
    uint64_t ends = 0;
    uint64_t counted = 0;

    for (unsigned i = 0; i < QBK_ENDS; i++) {
        ends += r->ends[i];
        counted += r->counter[QBK_COUNT_END_FIRST + i];
        if (r->lost_records == 0)
            expect_equal(c, record__end_name((enum qbk_end)i), r->ends[i], (enum qbk_counter)(QBK_COUNT_END_FIRST + i));
    }
    if (r->lost_records == 0) {
        expect_equal(c, "joined", r->joined, QBK_COUNT_JOINED);
        expect_equal(c, "completions", r->completions, QBK_COUNT_COMPLETIONS);
    } else if (c->has_counter[QBK_COUNT_END_LAST] && ends + c->gap_returns != counted) {
        violation(c, "ends: %" PRIu64 " in the records and %" PRIu64 " lost, %" PRIu64 " in the summary", ends,
                  c->gap_returns, counted);
    }
    expect_equal(c, "calls, with the lost ones", r->entries + c->gap_enters, QBK_COUNT_ENTRIES);
    if (c->has_counter[QBK_COUNT_LOST_RECORDS] && r->counter[QBK_COUNT_LOST_RECORDS] > r->lost_records)
        violation(c, "lost records: gaps tell of %" PRIu64 ", the summary of %" PRIu64, r->lost_records,
                  r->counter[QBK_COUNT_LOST_RECORDS]);
}

/* What the instruction sites counted by themselves against what became of it. */
static void compare_sites(struct check *c)
{
    const uint64_t *n = c->result.counter;
    uint64_t sum = n[QBK_COUNT_ENTRIES] - n[QBK_COUNT_JOINED] + n[QBK_COUNT_UNWATCHED] + n[QBK_COUNT_BEFORE_START] +
                   n[QBK_COUNT_REFUSED] + n[QBK_COUNT_NO_ROOM];

    if (c->has_counter[QBK_COUNT_REFUSED] && n[QBK_COUNT_SITE_ENTRIES] != sum)
        violation(c,
                  "the sites counted %" PRIu64 " system-call instructions, but %" PRIu64 " calls, %" PRIu64
                  " unwatched, %" PRIu64 " before the start, %" PRIu64 " refused and %" PRIu64
                  " without room are %" PRIu64,
                  n[QBK_COUNT_SITE_ENTRIES], n[QBK_COUNT_ENTRIES] - n[QBK_COUNT_JOINED], n[QBK_COUNT_UNWATCHED],
                  n[QBK_COUNT_BEFORE_START], n[QBK_COUNT_REFUSED], n[QBK_COUNT_NO_ROOM], sum);
    if (n[QBK_COUNT_IDENTITY_DIFFERENT] != 0)
        violation(c, "the current thread was learnt wrongly %" PRIu64 " times", n[QBK_COUNT_IDENTITY_DIFFERENT]);
}

static gint by_seq(gconstpointer a, gconstpointer b)
{
    uint64_t x = ((const struct call *)a)->seq;
    uint64_t y = ((const struct call *)b)->seq;

    return (x > y) - (x < y);
}

/* With a summary every call has ended: its RETURN is there, or a GAP tells of it. */
static void check_unended(struct check *c)
{
    GList *list;

    if (c->result.unended <= c->gap_returns)
        return;
    list = g_list_sort(g_hash_table_get_values(c->calls), by_seq);
    for (GList *l = list; l; l = l->next) {
        const struct call *call = l->data;

        violation(c, "call %" PRIu64 " of thread %" PRIu64 " has no end", call->seq, call->thread);
    }
    g_list_free(list);
}

static void settle_doubts(struct check *c)
{
    if (c->entryless > c->gap_enters + c->result.holes)
        violation(c, "%" PRIu64 " returns of calls that are not in flight, but gaps tell of %" PRIu64 " lost entries",
                  c->entryless, c->gap_enters);
    if (!complete(c))
        return;
    for (unsigned i = 0; i < c->doubts->len && c->result.messages->len < MESSAGES_MAX; i++)
        g_ptr_array_add(c->result.messages, g_strdup(c->doubts->pdata[i]));
    c->result.violations += c->n_doubts;
}

const struct check_result *check__finish(struct check *c)
{
    c->result.unended = g_hash_table_size(c->calls);
    c->result.blocks = check_code__blocks(c->code);
    c->result.insns = check_code__insns(c->code);
    c->result.functions = check_functions__calls(c->functions);
    c->result.functions_unended = check_functions__unended(c->functions);
    for (unsigned i = 0; i < QBK_FUNCTION_ENDS; i++)
        c->result.function_ends[i] = check_functions__ended(c->functions, (enum qbk_function_end)i);
    settle_doubts(c);
    if (!c->result.has_summary)
        return &c->result;
    if (c->result.holes > 0)
        violation(c, "%" PRIu64 " sequence numbers are missing", c->result.holes);
    check_unended(c);
    if (c->result.functions_unended > 0 && complete(c))
        violation(c, "%" PRIu64 " calls of hooked functions have no end", c->result.functions_unended);
    /* The counters are those of the whole trace, of which this file has the last part. */
    if (!c->continuation)
        compare_counts(c);
    compare_sites(c);
    return &c->result;
}
