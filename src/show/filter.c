/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which calls are shown: strace's vocabulary. */
#include <regex.h>
#include <string.h>
#include <strings.h>

#include "decode/decode.h"
#include "show/nt/nt.h"
#include "show/output.h"
#include "trace/record.h"

#define NR_MAX             LINK_NR_MAX
#define STATUS_SUCCESSFUL  0x1u
#define STATUS_FAILED      0x2u
#define STATUS_UNFINISHED  0x4u
#define STATUS_UNAVAILABLE 0x8u
#define STATUS_DETACHED    0x10u

static const struct {
    const char *name;
    unsigned bit;
} status_names[] = {{"successful", STATUS_SUCCESSFUL},
                    {"failed", STATUS_FAILED},
                    {"unfinished", STATUS_UNFINISHED},
                    {"unavailable", STATUS_UNAVAILABLE},
                    {"detached", STATUS_DETACHED},
                    {"all", 0x1f},
                    {"none", 0}};

struct filter {
    const struct show_options *o;
    uint64_t watch[QBK_ABIS][NR_MAX / 64];
    uint32_t subcalls; /* bit: of those that come through another call */
    bool unknown;      /* numbers without a name too */
    unsigned status;
};

static void set_bit(struct filter *f, unsigned abi, uint32_t nr, bool on)
{
    if (on)
        f->watch[abi][nr / 64] |= 1ull << (nr % 64);
    else
        f->watch[abi][nr / 64] &= ~(1ull << (nr % 64));
}

/* Those of the calls that come through others which have the row of this number, or come through that number. */
static void set_subcalls(struct filter *f, unsigned abi, uint32_t nr, bool on)
{
    for (unsigned i = 1; i < 32; i++) {
        int carrier = decode__carrier((enum qbk_abi)abi, nr);
        const struct decode_subcall *sub = decode__subcall((enum qbk_abi)abi, carrier < 0 ? nr : (uint32_t)carrier, i);
        if (sub && (carrier < 0 || sub->nr == nr))
            f->subcalls = on ? f->subcalls | 1u << i : f->subcalls & ~(1u << i);
    }
}

/* For each service for which `match` holds. Returns whether there was any. */
typedef bool (*match_fn)(const struct decode_service *service, const void *what);

static bool mark(struct filter *f, match_fn match, const void *what, bool on)
{
    bool any = false;
    for (unsigned abi = 0; abi < QBK_ABIS; abi++) {
        uint32_t end = decode__service_end((enum qbk_abi)abi);
        for (uint32_t nr = 0; nr < end && nr < NR_MAX; nr++) {
            const struct decode_service *s = decode__service((enum qbk_abi)abi, nr);
            if (s && match(s, what)) {
                set_bit(f, abi, nr, on);
                if (decode__carrier((enum qbk_abi)abi, nr) >= 0)
                    set_subcalls(f, abi, nr, on);
                any = true;
            }
        }
    }
    return any;
}

static bool match_class(const struct decode_service *s, const void *what)
{
    return (s->classes & *(const uint32_t *)what) != 0;
}

static bool match_regex(const struct decode_service *s, const void *what)
{
    return regexec(what, s->name, 0, NULL, 0) == 0;
}

static unsigned distance(const char *a, const char *b)
{
    unsigned row[64], n = (unsigned)MIN(strlen(b), 63u);
    for (unsigned j = 0; j <= n; j++)
        row[j] = j;
    for (unsigned i = 1; a[i - 1] && i < 64; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= n; j++) {
            unsigned above = row[j];
            row[j] = MIN(MIN(row[j] + 1, row[j - 1] + 1), diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[n];
}

static const char *nearest(const char *name)
{
    const char *best = "read";
    unsigned least = 1000;
    for (uint32_t nr = 0; nr < decode__service_end(QBK_ABI_LINUX_X86_64); nr++) {
        const struct decode_service *s = decode__service(QBK_ABI_LINUX_X86_64, nr);
        unsigned d = s ? distance(name, s->name) : 1000;
        if (d < least) {
            least = d;
            best = s->name;
        }
    }
    return best;
}

/* "/regex" as strace has it, or "/regex/": no call has a slash in its name. */
static bool one_regex(struct filter *f, const char *text, bool on, GError **error)
{
    size_t len = strlen(text);
    bool closed = len > 2 && text[len - 1] == '/';
    g_autofree char *pattern = g_strndup(text + 1, len - 1 - closed);
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "-e trace=%s: not a regular expression", text);
        return false;
    }
    bool any = mark(f, match_regex, &regex, on);
    regfree(&regex);
    if (!any)
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "-e trace=%s matches no system call; see 'qebek list syscalls'", text);
    return any;
}

/* A number stands for that call in every ABI. */
static bool one_number(struct filter *f, const char *text, bool on, GError **error)
{
    char *end = NULL;
    guint64 nr = g_ascii_strtoull(text, &end, 10);
    if (*end || nr >= NR_MAX) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "-e trace=%s: not a number below %u; see 'qebek list syscalls'", text, NR_MAX);
        return false;
    }
    for (unsigned abi = 0; abi < QBK_ABIS; abi++) {
        set_bit(f, abi, (uint32_t)nr, on);
        set_subcalls(f, abi, (uint32_t)nr, on);
    }
    return true;
}

/* "open@64", "open@32": in this ABI only. Returns a mask of ABIs and cuts the suffix off. */
static unsigned abis_of(char *name)
{
    char *at = strchr(name, '@');
    unsigned mask = (1u << QBK_ABIS) - 1;
    if (at && strcmp(at, "@64") == 0)
        mask = 1u << QBK_ABI_LINUX_X86_64 | 1u << QBK_ABI_NT_X64;
    else if (at && strcmp(at, "@32") == 0)
        mask = 1u << QBK_ABI_LINUX_I386 | 1u << QBK_ABI_NT_X86;
    else
        at = NULL;
    if (at)
        *at = 0;
    return mask;
}

/* Calls of this name in these ABIs; an alias ("newstat") too. Returns whether there was any. */
static bool mark_name(struct filter *f, const char *name, unsigned abis, bool on)
{
    bool any = false;
    for (unsigned abi = 0; abi < QBK_ABIS; abi++) {
        int nr = abis >> abi & 1 ? decode__number((enum qbk_abi)abi, name) : -1;
        if (nr < 0 || (uint32_t)nr >= NR_MAX)
            continue;
        set_bit(f, abi, (uint32_t)nr, on);
        set_subcalls(f, abi, (uint32_t)nr, on);
        any = true;
    }
    return any;
}

static bool one_name(struct filter *f, const char *text, bool on, GError **error)
{
    bool lenient = text[0] == '?';
    g_autofree char *name = g_strdup(text + lenient);
    unsigned abis = abis_of(name);
    if (mark_name(f, name, abis, on) || lenient)
        return true;
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "no system call named '%s' (did you mean '%s'?); see 'qebek list syscalls'", name, nearest(name));
    return false;
}

/* Classes that strace knew before they had a percent sign. */
static bool is_old_class(const char *text)
{
    static const char *const old[] = {"file", "desc", "network", "process", "signal", "ipc", "memory"};
    for (size_t i = 0; i < G_N_ELEMENTS(old); i++) {
        if (strcmp(text, old[i]) == 0)
            return true;
    }
    return false;
}

static bool one_class(struct filter *f, const char *name, bool on, GError **error)
{
    uint32_t class = decode__class(name);
    if (class == 0) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "no class of system calls named '%%%s'; see 'qebek list classes'", name);
        return false;
    }
    mark(f, match_class, &class, on);
    return true;
}

static bool one_operand(struct filter *f, const char *text, bool on, GError **error)
{
    if (strcmp(text, "all") == 0 || strcmp(text, "none") == 0) {
        bool all = (text[0] == 'a') == on;
        memset(f->watch, all ? 0xff : 0, sizeof(f->watch));
        f->subcalls = all ? UINT32_MAX : 0;
        f->unknown = all;
        return true;
    }
    if (text[0] == '/' && text[1])
        return one_regex(f, text, on, error);
    if (text[0] == '%')
        return one_class(f, text + 1, on, error);
    if (is_old_class(text))
        return one_class(f, text, on, error);
    if (g_ascii_isdigit(text[0]))
        return one_number(f, text, on, error);
    return one_name(f, text, on, error);
}

/* Calls whose number has no name: strace shows them whatever it was asked for. Larger numbers than the array has slots
 * would cost each other call a callback, and are shown where all are. */
static void mark_nameless(struct filter *f)
{
    static const enum qbk_abi abis[] = {QBK_ABI_LINUX_X86_64, QBK_ABI_LINUX_I386};
    for (size_t i = 0; i < G_N_ELEMENTS(abis); i++) {
        for (uint32_t nr = 0; nr < NR_MAX; nr++) {
            if (!decode__service(abis[i], nr))
                set_bit(f, abis[i], nr, true);
        }
    }
}

/* "a,b", "!a,b"; a negation starts from all, anything else adds to what was asked for before. */
static bool operands(struct filter *f, const char *list, bool first, GError **error)
{
    bool negated = list[0] == '!';
    if (negated) {
        memset(f->watch, 0xff, sizeof(f->watch));
        f->subcalls = UINT32_MAX;
        f->unknown = true;
    } else if (first) {
        memset(f->watch, 0, sizeof(f->watch));
        f->subcalls = 0;
        f->unknown = false;
        mark_nameless(f);
    }
    g_auto(GStrv) each = g_strsplit(list + negated, ",", -1);
    for (unsigned i = 0; each[i]; i++) {
        if (!one_operand(f, each[i], !negated, error))
            return false;
    }
    return true;
}

static bool parse_status(struct filter *f, const char *list, GError **error)
{
    bool negated = list[0] == '!';
    unsigned bits = 0;
    g_auto(GStrv) each = g_strsplit(list + negated, ",", -1);
    for (unsigned i = 0; each[i]; i++) {
        unsigned n = 0;
        while (n < G_N_ELEMENTS(status_names) && strcmp(status_names[n].name, each[i]) != 0)
            n++;
        if (n == G_N_ELEMENTS(status_names)) {
            g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                        "-e status=%s: it is one of successful, failed, unfinished, unavailable, detached", each[i]);
            return false;
        }
        bits |= status_names[n].bit;
    }
    f->status = negated ? ~bits & 0x1f : bits;
    return true;
}

struct filter *filter__new(const struct show_options *o, GError **error)
{
    struct filter *f = g_new0(struct filter, 1);
    bool ok = true;
    f->o = o;
    memset(f->watch, 0xff, sizeof(f->watch));
    f->subcalls = UINT32_MAX;
    f->unknown = true;
    f->status = o->only_ok ? STATUS_SUCCESSFUL : o->only_failed ? STATUS_FAILED : 0x1f;
    for (unsigned i = 0; ok && i < o->trace->len; i++)
        ok = operands(f, o->trace->pdata[i], i == 0, error);
    for (unsigned i = 0; ok && i < o->status->len; i++)
        ok = parse_status(f, o->status->pdata[i], error);
    if (ok)
        return f;
    g_free(f);
    return NULL;
}

void filter__free(struct filter *f)
{
    g_free(f);
}

static bool pattern_matches(const char *pattern, const char *text)
{
    size_t len = strlen(pattern);
    if (len && pattern[len - 1] == '*')
        return strncmp(pattern, text, len - 1) == 0;
    return strcmp(pattern, text) == 0;
}

static bool any_pattern(const GPtrArray *patterns, const char *text)
{
    for (unsigned i = 0; i < patterns->len; i++) {
        if (pattern_matches(patterns->pdata[i], text))
            return true;
    }
    return patterns->len == 0;
}

bool filter__thread(const struct filter *f, const struct model_thread *t)
{
    const struct show_options *o = f->o;
    bool pid = o->pids->len == 0, uid = o->uids->len == 0;
    for (unsigned i = 0; i < o->pids->len; i++) {
        int32_t want = g_array_index(o->pids, int32_t, i);
        pid = pid || want == t->id.pid || want == t->id.tid;
    }
    for (unsigned i = 0; i < o->uids->len; i++)
        uid = uid || g_array_index(o->uids, uint32_t, i) == t->id.uid;
    return pid && uid && any_pattern(o->comms, t->comm) &&
           (o->exes->len == 0 || any_pattern(o->exes, t->exe ? t->exe : ""));
}

#define DELETED " (deleted)" /* what the kernel puts behind the path that a deleted file had */

/* A path that was passed, or what a descriptor stands for that was. */
static bool is_path(const struct model_call *c, const struct qbk_snippet *s)
{
    if (s->kind == QBK_SNIP_FD)
        return true;
    return s->kind == QBK_SNIP_MEM && (s->flags & QBK_SNIP_STRING) && s->level == 0 && c->service &&
           s->arg < c->service->nargs && c->service->arg[s->arg].type == T_PATH;
}

static bool refers(const struct model_call *c, const struct qbk_record *rec, const GPtrArray *paths)
{
    struct snippet_iter it;
    const struct qbk_snippet *s;
    const uint8_t *bytes;
    record__snippets(rec, &it);
    while ((s = record__next_snippet(&it, &bytes)) != NULL) {
        bool path = is_path(c, s);
        size_t len = path ? strnlen((const char *)bytes, s->have) : 0, mark = strlen(DELETED);
        if (path && s->kind == QBK_SNIP_FD && len > mark && memcmp(bytes + len - mark, DELETED, mark) == 0)
            len -= mark;
        for (unsigned i = 0; path && i < paths->len; i++) {
            if (strlen(paths->pdata[i]) == len && memcmp(paths->pdata[i], bytes, len) == 0)
                return true;
        }
    }
    return false;
}

/* NT: by what its handles stand for, and by the names that it gives itself; case does not matter there. */
static bool nt_refers(const struct model_call *c, const GPtrArray *paths)
{
    g_autoptr(GString) name = g_string_new(NULL);
    for (unsigned i = 0; i < paths->len; i++) {
        const char *path = nt_handles__without_prefix(paths->pdata[i]);
        for (unsigned k = 0; k < c->n_handles; k++) {
            if (strcasecmp(path, c->handles[k].name + strlen(c->handles[k].name) + 1) == 0)
                return true;
        }
        for (unsigned k = 0; c->service && k < c->service->nargs; k++) {
            g_string_truncate(name, 0);
            nt_handles__path(c, k, name);
            if (name->len && strcasecmp(path, name->str) == 0)
                return true;
        }
    }
    return false;
}

static bool touches(const struct model_call *c, bool ended, const GPtrArray *paths)
{
    if (c->abi == QBK_ABI_NT_X64 || c->abi == QBK_ABI_NT_X86)
        return c->enter && nt_refers(c, paths);
    return (c->enter && refers(c, &c->enter->h, paths)) || (ended && c->ret && refers(c, &c->ret->h, paths));
}

static unsigned status_of(const struct model_call *c)
{
    uint32_t code;
    if (!c->ret || c->ret->end == QBK_END_IN_FLIGHT)
        return STATUS_DETACHED;
    if (c->ret->end == QBK_END_NORETURN || c->ret->end == QBK_END_THREAD_GONE)
        return STATUS_UNFINISHED;
    if (!(c->ret->flags & QBK_RETURN_HAS_RESULT))
        return STATUS_UNAVAILABLE;
    return model__is_error(c, &code) ? STATUS_FAILED : STATUS_SUCCESSFUL;
}

bool filter__call(const struct filter *f, const struct model_call *c, bool ended)
{
    bool watched = c->subcall        ? (f->subcalls >> (c->subcall & 31)) & 1
                   : c->row < NR_MAX ? (f->watch[c->abi < QBK_ABIS ? c->abi : 0][c->row / 64] >> (c->row % 64)) & 1
                                     : f->unknown;
    /* One whose beginning was shown has its end, too, whatever the thread is called by then. */
    if (!watched || !(c->filters ? c->of_interest : filter__thread(f, c->thread)))
        return false;
    if (f->o->paths->len && !touches(c, ended, f->o->paths))
        return false;
    return !ended || (f->status & status_of(c)) != 0;
}

void filter__want(const struct filter *f, struct link_settings *s)
{
    memcpy(s->watch, f->watch, sizeof(s->watch));
    for (uint32_t nr = 0; f->subcalls && nr < NR_MAX; nr++) { /* what they come through */
        if (decode__subcall(QBK_ABI_LINUX_I386, nr, 1))
            s->watch[QBK_ABI_LINUX_I386][nr / 64] |= 1ull << (nr % 64);
    }
    if (f->unknown)
        s->flags |= LINK_WATCH_UNKNOWN;
    if (f->o->paths->len || f->o->fd_names)
        s->flags |= LINK_FD_NAMES;
}
