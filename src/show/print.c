/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arguments and results, from the row of the table and the snippets of the records. */
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

#include "decode/decode.h"
#include "decode/format.h"
#include "decode/sets.h"
#include "show/output.h"
#include "trace/record.h"

#define RAW_ARGS 6u
#define LIST_MAX 64u

struct where {
    GString *to;
    const struct show_options *o;
    const struct model_call *call;
    const struct decode_arg *arg;
    uint64_t value;
    unsigned index;
};

static void byte_escaped(GString *to, uint8_t c, uint8_t next, bool hex)
{
    static const char letters[] = "abtnvfr"; /* 7 to 13 */
    if (hex)
        g_string_append_printf(to, "\\x%02x", c);
    else if (c == '"' || c == '\\')
        g_string_append_printf(to, "\\%c", c);
    else if (c >= 9 && c <= 13)
        g_string_append_printf(to, "\\%c", letters[c - 7]);
    else if (c >= 32 && c < 127)
        g_string_append_c(to, (char)c);
    else if (next >= '0' && next <= '7') /* so that the digits that follow are not taken for part of it */
        g_string_append_printf(to, "\\%03o", c);
    else
        g_string_append_printf(to, "\\%o", c);
}

static bool wants_hex(const struct show_options *o, const uint8_t *bytes, size_t len)
{
    if (o->hex != 1)
        return o->hex > 1;
    for (size_t i = 0; i < len; i++) {
        if ((bytes[i] < 32 && !(bytes[i] >= 9 && bytes[i] <= 13)) || bytes[i] >= 127)
            return true;
    }
    return false;
}

void print__string(GString *to, const struct show_options *o, const uint8_t *bytes, size_t len, bool more)
{
    bool hex = wants_hex(o, bytes, len);
    g_string_append_c(to, '"');
    for (size_t i = 0; i < len; i++)
        byte_escaped(to, bytes[i], i + 1 < len ? bytes[i + 1] : 0, hex);
    g_string_append(to, more ? "\"..." : "\"");
}

void print__safe(GString *to, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        byte_escaped(to, (uint8_t)bytes[i], i + 1 < len ? (uint8_t)bytes[i + 1] : 0, false);
}

void print__name(GString *to, const struct model_call *call)
{
    if (call->service)
        g_string_append(to, call->service->name);
    else if (call->guest_name)
        g_string_append(to, call->guest_name);
    else
        g_string_append_printf(to, "syscall_%#x", call->nr);
}

unsigned print__count(const struct model_call *call)
{
    unsigned have = call->enter ? call->enter->nargs : 0;
    if (!call->service)
        return have ? have : 0;
    return MIN(have, call->service->nargs);
}

unsigned print__entry_args(const struct model_call *call)
{
    unsigned n = print__count(call);
    for (unsigned i = 0; i < n && call->service; i++) {
        if (call->service->arg[i].type >= T_POINTERS && (call->service->arg[i].dir & DIR_OUT))
            return i;
    }
    return n;
}

/* Memory as it was after the call, or else before it. */
static const struct qbk_snippet *memory_of(const struct model_call *c, uint64_t addr, bool after, const uint8_t **bytes)
{
    const struct qbk_snippet *s = NULL;
    if (after && c->ret)
        s = record__find(&c->ret->h, QBK_SNIP_MEM, addr, bytes);
    if (!s && c->enter)
        s = record__find(&c->enter->h, QBK_SNIP_MEM, addr, bytes);
    if ((!s || (s->flags & QBK_SNIP_FAULT)) && c->ret) {
        const uint8_t *again;
        const struct qbk_snippet *later = record__find(&c->ret->h, QBK_SNIP_MEM, addr, &again);
        if (later && (!s || later->have > s->have)) {
            *bytes = again;
            return later;
        }
    }
    return s;
}

static void address(GString *to, uint64_t value)
{
    if (value)
        g_string_append_printf(to, "%#" PRIx64, value);
    else
        g_string_append(to, "NULL");
}

static void descriptor_name(const struct where *w, int32_t fd)
{
    const uint8_t *bytes;
    const struct qbk_snippet *s = NULL;
    if (!w->o->fd_names)
        return;
    enum qbk_snippet_kind kind = fd >= 0 ? QBK_SNIP_FD : QBK_SNIP_CWD;
    uint64_t key = fd >= 0 ? (uint64_t)fd : 0;
    if (w->call->enter)
        s = record__find(&w->call->enter->h, kind, key, &bytes);
    if (!s && w->call->ret)
        s = record__find(&w->call->ret->h, kind, key, &bytes);
    if (!s)
        return;
    g_string_append_c(w->to, '<');
    for (uint32_t i = 0; i < s->have; i++) {
        if (bytes[i] == '<' || bytes[i] == '>')
            g_string_append_printf(w->to, "\\%o", bytes[i]);
        else
            byte_escaped(w->to, bytes[i], 0, false);
    }
    g_string_append_c(w->to, '>');
}

static void show_descriptor(const struct where *w)
{
    int32_t fd = (int32_t)w->value;
    if (fd == -100 && w->arg->type == T_DIRFD)
        g_string_append(w->to, "AT_FDCWD");
    else
        g_string_append_printf(w->to, "%d", fd);
    descriptor_name(w, fd);
}

static void show_mode(const struct where *w)
{
    uint32_t mode = (uint32_t)w->value, type = mode & 0170000;
    static const struct {
        uint32_t bits;
        const char *name;
    } types[] = {{0010000, "S_IFIFO"}, {0020000, "S_IFCHR"}, {0040000, "S_IFDIR"}, {0060000, "S_IFBLK"},
                 {0100000, "S_IFREG"}, {0120000, "S_IFLNK"}, {0140000, "S_IFSOCK"}};
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        if (types[i].bits == type)
            g_string_append_printf(w->to, "%s|", types[i].name);
    }
    g_string_append_printf(w->to, mode & 07777 ? "0%03o" : "%03o", mode & 07777);
}

static void show_signal(const struct where *w)
{
    const char *name = w->value && w->value < 65 ? decode__signal_name((unsigned)w->value) : NULL;
    if (name)
        g_string_append(w->to, name);
    else
        g_string_append_printf(w->to, "%d", (int32_t)w->value);
}

static void show_set(const struct where *w)
{
    char text[1024];
    const struct decode_set *set = decode__set(w->arg->set);
    uint64_t value = w->value & 0xffffffffu;
    if (w->arg->type == T_FLAGS)
        decode__flags_text(set, value, text, sizeof(text));
    else
        decode__enum_text(set, value, text, sizeof(text));
    g_string_append(w->to, text);
}

static void show_number(const struct where *w)
{
    switch (w->arg->type) {
    case T_INT:
    case T_PID:
        g_string_append_printf(w->to, "%d", (int32_t)w->value);
        break;
    case T_UINT:
        g_string_append_printf(w->to, "%u", (uint32_t)w->value);
        break;
    case T_UID:
    case T_GID:
        g_string_append_printf(w->to, (uint32_t)w->value == UINT32_MAX ? "-1" : "%u", (uint32_t)w->value);
        break;
    case T_LONG:
    case T_OFF:
        g_string_append_printf(w->to, "%" PRId64, (int64_t)w->value);
        break;
    case T_HEX:
        g_string_append_printf(w->to, "%#" PRIx64, w->value);
        break;
    case T_DEV:
        g_string_append_printf(w->to, "makedev(%#x, %#x)", (unsigned)(w->value >> 8 & 0xfff),
                               (unsigned)(w->value & 0xff));
        break;
    default:
        g_string_append_printf(w->to, "%" PRIu64, w->value);
        break;
    }
}

/* ---- pointers ---- */

static void quoted(const struct where *w, const struct qbk_snippet *s, const uint8_t *bytes, bool path)
{
    size_t len = s->flags & QBK_SNIP_STRING ? strnlen((const char *)bytes, s->have) : s->have;
    bool cut = (s->flags & QBK_SNIP_TRUNCATED) != 0;
    size_t limit = path ? 4096 : w->o->string_limit;
    bool more = cut || len > limit;
    print__string(w->to, w->o, bytes, MIN(len, limit), more);
}

static void show_string(const struct where *w)
{
    const uint8_t *bytes;
    bool after = (w->arg->dir & DIR_OUT) != 0;
    const struct qbk_snippet *s = memory_of(w->call, w->value, after, &bytes);
    bool usable = s && (s->have > 0 || s->full == 0) && !(s->flags & QBK_SNIP_FAULT);
    if (usable)
        quoted(w, s, bytes, w->arg->type == T_PATH);
    else if (w->value && w->call->ret && after && w->call->ret->result == 0 && w->arg->len_from == L_RESULT)
        g_string_append(w->to, "\"\"");
    else if (w->value && !after && w->arg->len_from == L_ARG && w->call->enter && w->arg->len < w->call->enter->nargs &&
             w->call->enter->args[w->arg->len] == 0)
        g_string_append(w->to, "\"\"");
    else
        address(w->to, w->value);
}

static uint64_t word(const struct model_call *c, const uint8_t *at)
{
    uint64_t v = 0;
    memcpy(&v, at, c->abi == QBK_ABI_LINUX_I386 ? 4 : 8);
    return v;
}

static void show_vector(const struct where *w)
{
    const uint8_t *bytes;
    const struct qbk_snippet *s = memory_of(w->call, w->value, false, &bytes);
    size_t size = w->call->abi == QBK_ABI_LINUX_I386 ? 4 : 8, n = 0;
    if (!s) {
        address(w->to, w->value);
        return;
    }
    while ((n + 1) * size <= s->have && word(w->call, bytes + n * size) != 0)
        n++;
    if (w->arg->set) {
        g_string_append_printf(w->to, "%#" PRIx64 " /* %zu var%s%s */", w->value, n, n == 1 ? "" : "s",
                               s->flags & QBK_SNIP_TRUNCATED ? " or more" : "");
        return;
    }
    g_string_append_c(w->to, '[');
    for (size_t i = 0; i < n; i++) {
        const uint8_t *text;
        uint64_t at = word(w->call, bytes + i * size);
        if (i)
            g_string_append(w->to, ", ");
        if (i >= w->o->string_limit && !w->o->verbose) {
            g_string_append(w->to, "...");
            break;
        }
        const struct qbk_snippet *each = memory_of(w->call, at, false, &text);
        if (each)
            quoted(w, each, text, false);
        else
            address(w->to, at);
    }
    g_string_append_c(w->to, ']');
}

static void show_iovec(const struct where *w)
{
    const uint8_t *bytes;
    const struct qbk_snippet *s = memory_of(w->call, w->value, false, &bytes);
    size_t size = w->call->abi == QBK_ABI_LINUX_I386 ? 4 : 8;
    if (!s) {
        address(w->to, w->value);
        return;
    }
    g_string_append_c(w->to, '[');
    for (size_t i = 0; (i + 1) * 2 * size <= s->have; i++) {
        const uint8_t *text;
        uint64_t base = word(w->call, bytes + 2 * i * size), len = word(w->call, bytes + (2 * i + 1) * size);
        const struct qbk_snippet *each = memory_of(w->call, base, (w->arg->dir & DIR_OUT) != 0, &text);
        g_string_append_printf(w->to, "%s{iov_base=", i ? ", " : "");
        if (each && each->level == 1)
            quoted(w, each, text, false);
        else
            address(w->to, base);
        g_string_append_printf(w->to, ", iov_len=%" PRIu64 "}", len);
    }
    g_string_append_c(w->to, ']');
}

static void wait_status(GString *to, int32_t status)
{
    if (WIFEXITED(status))
        g_string_append_printf(to, "{WIFEXITED(s) && WEXITSTATUS(s) == %d}", WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        g_string_append_printf(to, "{WIFSIGNALED(s) && WTERMSIG(s) == %s%s}",
                               decode__signal_name((unsigned)WTERMSIG(status)),
                               WCOREDUMP(status) ? " && WCOREDUMP(s)" : "");
    else if (WIFSTOPPED(status) && decode__signal_name((unsigned)WSTOPSIG(status)))
        g_string_append_printf(to, "{WIFSTOPPED(s) && WSTOPSIG(s) == %s}",
                               decode__signal_name((unsigned)WSTOPSIG(status)));
    else if (WIFCONTINUED(status))
        g_string_append(to, "{WIFCONTINUED(s)}");
    else
        g_string_append_printf(to, "%d", status);
}

static void show_numbers(const struct where *w)
{
    const uint8_t *bytes;
    const struct qbk_snippet *s = memory_of(w->call, w->value, (w->arg->dir & DIR_OUT) != 0, &bytes);
    size_t size = w->arg->type == T_LONGP && w->call->abi != QBK_ABI_LINUX_I386 ? 8 : 4;
    if (!s || s->have < size) {
        address(w->to, w->value);
        return;
    }
    g_string_append_c(w->to, '[');
    for (size_t i = 0; (i + 1) * size <= s->have && i < LIST_MAX; i++) {
        int64_t v = 0;
        memcpy(&v, bytes + i * size, size);
        if (i)
            g_string_append(w->to, ", ");
        if (w->arg->type == T_INTP && w->arg->set == DECODE_WAIT_STATUS)
            wait_status(w->to, (int32_t)v);
        else
            g_string_append_printf(w->to, "%" PRId64, size == 4 ? (int64_t)(int32_t)v : v);
        if (w->arg->type == T_FDP)
            descriptor_name(w, (int32_t)v);
    }
    g_string_append_c(w->to, ']');
}

static void show_address(const struct where *w)
{
    address(w->to, w->value);
}

typedef void (*show_fn)(const struct where *w);
static const show_fn shows[DECODE_TYPES] = {
    [T_NONE] = show_number,    [T_INT] = show_number,       [T_UINT] = show_number,  [T_LONG] = show_number,
    [T_ULONG] = show_number,   [T_HEX] = show_number,       [T_SIZE] = show_number,  [T_OFF] = show_number,
    [T_FD] = show_descriptor,  [T_DIRFD] = show_descriptor, [T_PID] = show_number,   [T_UID] = show_number,
    [T_GID] = show_number,     [T_MODE] = show_mode,        [T_DEV] = show_number,   [T_SIGNAL] = show_signal,
    [T_FLAGS] = show_set,      [T_ENUM] = show_set,         [T_ADDR] = show_address, [T_UNUSED] = show_address,
    [T_PATH] = show_string,    [T_STR] = show_string,       [T_BUF] = show_string,   [T_STRV] = show_vector,
    [T_IOVEC] = show_iovec,    [T_INTP] = show_numbers,     [T_FDP] = show_numbers,  [T_LONGP] = show_numbers,
    [T_STRUCT] = show_address,
};

/* open's mode is passed only to make a file; what lies in the register otherwise is not an argument. */
static bool is_passed(const struct model_call *c, unsigned i)
{
    const struct decode_arg *arg = &c->service->arg[i];
    if (arg->type != T_MODE || i == 0 || c->service->arg[i - 1].type != T_FLAGS ||
        c->service->arg[i - 1].set != SET_OPEN)
        return true;
    uint64_t flags = c->enter->args[i - 1];
    return (flags & 0100) != 0 || (flags & 020200000) == 020200000; /* O_CREAT, O_TMPFILE */
}

void print__args(GString *to, const struct show_options *o, const struct model_call *call, unsigned from,
                 unsigned until)
{
    for (unsigned i = from; i < until; i++) {
        struct where w = {.to = to, .o = o, .call = call, .value = call->enter->args[i], .index = i};
        if (call->service && !is_passed(call, i))
            continue;
        if (i > 0)
            g_string_append(to, ", ");
        if (!call->service) {
            g_string_append_printf(to, "%#" PRIx64, w.value);
            continue;
        }
        w.arg = &call->service->arg[i];
        shows[w.arg->type < DECODE_TYPES ? w.arg->type : T_NONE](&w);
    }
}

static void error_text(GString *to, uint32_t code)
{
    const char *name = decode__errno_name(code), *text = decode__errno_text(code);
    if (!name)
        g_string_append_printf(to, "= -1 (errno %u)", code);
    else if (code >= 512)
        g_string_append_printf(to, "= ? %s (%s)", name, text);
    else
        g_string_append_printf(to, "= -1 %s (%s)", name, text);
}

void print__result(GString *to, const struct show_options *o, const struct model_call *call)
{
    const struct qbk_return *ret = call->ret;
    unsigned kind = call->service ? call->service->result : R_HEX;
    uint32_t code;
    if (!ret || !(ret->flags & QBK_RETURN_HAS_RESULT) || ret->end == QBK_END_NORETURN) {
        g_string_append(to, "= ?");
        return;
    }
    if (decode__is_error((enum qbk_abi)call->abi, ret->result, &code)) {
        error_text(to, code);
        return;
    }
    if (kind == R_HEX)
        g_string_append_printf(to, "= %#" PRIx64, ret->result);
    else if (kind == R_MODE)
        g_string_append_printf(to, "= %#" PRIo64, ret->result);
    else if (kind == R_UINT)
        g_string_append_printf(to, "= %u", (uint32_t)ret->result);
    else
        g_string_append_printf(to, "= %" PRId64, (int64_t)ret->result);
    if (kind == R_FD) {
        struct where w = {.to = to, .o = o, .call = call};
        descriptor_name(&w, (int32_t)ret->result);
    }
}

/* siginfo on x86-64: signo errno code at 0 4 8; the union at 16: pid uid (kill, SIGCHLD with status), or an address. */
void print__siginfo(GString *to, const struct qbk_signal *sig)
{
    const char *name = decode__signal_name((unsigned)sig->signo),
               *code = decode__sicode_name((unsigned)sig->signo, sig->code);
    int32_t pid, status;
    uint32_t uid;
    uint64_t addr;
    memcpy(&pid, sig->info + 16, 4);
    memcpy(&uid, sig->info + 20, 4);
    memcpy(&status, sig->info + 24, 4);
    memcpy(&addr, sig->info + 16, 8);
    if (sig->info_len == 0) { /* the kernel had dropped it */
        g_string_append_printf(to, "{si_signo=%s}", name ? name : "?");
        return;
    }
    g_string_append_printf(to, "{si_signo=%s, si_code=", name ? name : "?");
    if (code)
        g_string_append(to, code);
    else
        g_string_append_printf(to, "%#x", (unsigned)sig->code);
    bool fault = sig->code > 0 && (sig->signo == 11 || sig->signo == 7 || sig->signo == 4 || sig->signo == 8);
    if (sig->info_len < 28)
        ; /* not read */
    else if (fault && sig->code != 0x80)
        g_string_append_printf(to, ", si_addr=%s%" PRIx64, addr ? "0x" : "", addr);
    else if (sig->signo == 17 && sig->code > 0) {
        g_string_append_printf(to, ", si_pid=%d, si_uid=%u, si_status=", pid, uid);
        if (sig->code == 1)
            g_string_append_printf(to, "%d", status);
        else
            g_string_append(to, decode__signal_name((unsigned)status) ? decode__signal_name((unsigned)status) : "?");
    } else if (sig->code <= 0)
        g_string_append_printf(to, ", si_pid=%d, si_uid=%u", pid, uid);
    g_string_append_c(to, '}');
}
