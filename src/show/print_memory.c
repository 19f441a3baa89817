/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What pointers lead to, out of the snippets of a call's two records. */
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

#include "show/linux/forms.h"
#include "show/nt/nt.h"
#include "show/print.h"
#include "trace/record.h"

#define PATH_SHOWN 4095u /* without the NUL */
#define PAGE       4096u
#define LIST_MAX   64u

unsigned print__word(const struct where *w)
{
    return decode__word((enum qbk_abi)w->call->abi);
}

uint64_t print__load(const uint8_t *at, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, at, MIN(size, sizeof(value)));
    return value;
}

uint64_t print__sibling(const struct where *w, unsigned i)
{
    if (w->within)
        return i < w->within->nfields && (size_t)w->within->field[i].offset + w->within->field[i].size <= w->have
                   ? print__field_value(&w->within->field[i], w->bytes)
                   : 0;
    return w->call->enter && i < w->call->enter->nargs ? w->call->enter->args[i] : 0;
}

/* Did the call leave in memory what the row says it writes? */
static bool written(const struct where *w)
{
    uint32_t code;
    if (w->arg && (w->arg->dir & DIR_INTERRUPTED))
        return w->call->ret && decode__is_error((enum qbk_abi)w->call->abi, w->call->ret->result, &code) &&
               decode__is_interrupted(code);
    return w->call->ret && (w->call->ret->flags & QBK_RETURN_HAS_RESULT) && !print__failed(w->call);
}

const uint8_t *print__memory(const struct where *w, uint64_t addr, size_t len, size_t *have)
{
    const uint8_t *bytes = NULL, *again;
    *have = 0;
    if (w->after && !written(w))
        return NULL;
    if (w->after)
        *have = record__memory(&w->call->ret->h, addr, len, &bytes);
    if (*have == 0 && w->call->enter)
        *have = record__memory(&w->call->enter->h, addr, len, &bytes);
    if (*have < len && !w->after && w->call->ret) { /* not resident at entry, read once more at the return */
        size_t more = record__memory(&w->call->ret->h, addr, len, &again);
        if (more > *have) {
            *have = more;
            bytes = again;
        }
    }
    return *have ? bytes : NULL;
}

const uint8_t *print__whole(const struct where *w, uint64_t addr, size_t len)
{
    size_t have;
    const uint8_t *bytes = len ? print__memory(w, addr, len, &have) : NULL;
    return bytes && have == len ? bytes : NULL;
}

const uint8_t *print__written(const struct where *w, uint64_t addr, size_t len)
{
    const uint8_t *bytes;
    return w->call->ret && record__memory(&w->call->ret->h, addr, len, &bytes) == len ? bytes : NULL;
}

const struct qbk_snippet *print__snippet(const struct where *w, uint64_t addr, const uint8_t **bytes)
{
    const struct qbk_snippet *s = NULL;
    if (w->after && w->call->ret)
        s = record__find(&w->call->ret->h, QBK_SNIP_MEM, addr, bytes);
    if (!s && w->call->enter)
        s = record__find(&w->call->enter->h, QBK_SNIP_MEM, addr, bytes);
    if ((!s || (s->flags & QBK_SNIP_FAULT)) && w->call->ret) {
        const uint8_t *again;
        const struct qbk_snippet *later = record__find(&w->call->ret->h, QBK_SNIP_MEM, addr, &again);
        if (later && (!s || later->have > s->have)) {
            *bytes = again;
            return later;
        }
    }
    return s;
}

/* ---- lengths ---- */

static uint64_t result_at_most(const struct where *w, uint8_t arg)
{
    uint64_t bound = arg == 0xff ? UINT64_MAX : print__sibling(w, arg);
    if (!w->call->ret || print__failed(w->call))
        return 0;
    return MIN(w->call->ret->result, bound);
}

static uint64_t unit_of(const struct where *w)
{
    if (w->arg->unit)
        return w->arg->unit;
    switch (w->arg->type) {
    case T_INTP:
    case T_FDP:
        return 4;
    case T_LONGP:
        return print__word(w);
    case T_IOVEC:
        return 2 * print__word(w);
    default:
        return 1;
    }
}

/* NT tells how much it wrote in memory: at `offset` behind what argument `set` points at. */
static uint64_t nt_moved(const struct where *w, uint64_t asked, unsigned offset, unsigned size)
{
    uint64_t at = w->arg->set < w->call->enter->nargs ? w->call->enter->args[w->arg->set] : 0;
    const uint8_t *bytes = at ? print__whole(w, at + offset, size) : NULL;
    return bytes ? MIN(print__load(bytes, size), asked) : asked;
}

uint64_t print__length(const struct where *w)
{
    uint64_t unit = unit_of(w), units = 0, told = w->arg->len_from == L_FIXED ? 0 : print__sibling(w, w->arg->len);
    const uint8_t *bytes;
    switch ((enum decode_len)w->arg->len_from) {
    case L_FIXED:
        units = w->arg->len ? w->arg->len : 1;
        break;
    case L_ARG:
        units = told;
        break;
    case L_RESULT:
        units = result_at_most(w, w->arg->len);
        break;
    case L_DEREF:
        bytes = print__whole(w, told, 4);
        units = bytes ? print__load(bytes, 4) : 0;
        break;
    case L_BITS:
        units = told / (8 * unit) + (told % (8 * unit) != 0);
        break;
    case L_PAGES:
        units = told / PAGE + (told % PAGE != 0);
        break;
    case L_ARG_WORD:
        return unit + MIN(told, 1ull << 40);
    case L_RESULT_WORD:
        return unit + MIN(result_at_most(w, w->arg->len), 1ull << 40);
    case L_NT_IOSB:
        return nt_moved(w, told, print__word(w), print__word(w));
    case L_NT_RETURNED:
        return nt_moved(w, told, 0, 4);
    case L_NONE:
    case L_STRING:
        break;
    }
    return MIN(units, 1ull << 40) * unit;
}

/* ---- strings and buffers ---- */

static void quoted(const struct where *w, const struct qbk_snippet *s, const uint8_t *bytes, bool path)
{
    size_t len = s->flags & QBK_SNIP_STRING ? strnlen((const char *)bytes, s->have) : s->have;
    bool cut = (s->flags & QBK_SNIP_TRUNCATED) != 0;
    size_t limit = path ? PATH_SHOWN : w->o->string_limit;
    bool bounded = !path && w->arg && w->arg->type == T_STR && w->arg->unit && w->arg->unit < limit;
    if (bounded)
        limit = w->arg->unit;
    /* Where so many characters are all that count, what follows them is not looked at, were it the NUL. */
    print__string(w->to, w->o, bytes, MIN(len, limit), cut || len > limit || (bounded && len == limit));
}

/* Not captured whole, though all of it was there. */
static bool cut_by_limit(const struct where *w, uint64_t addr)
{
    const uint8_t *bytes;
    const struct qbk_snippet *s = print__snippet(w, addr, &bytes);
    return s && (s->flags & (QBK_SNIP_TRUNCATED | QBK_SNIP_FAULT)) == QBK_SNIP_TRUNCATED;
}

static void hex_bytes(const struct where *w, const uint8_t *bytes, size_t len, bool more)
{
    g_string_append_c(w->to, '"');
    for (size_t i = 0; i < len; i++)
        print__byte(w->to, bytes[i], 0, true);
    g_string_append(w->to, more ? "\"..." : "\"");
}

/* How a buffer wants to be shown; NT's rows keep something else in `set` where the call tells the length. */
static unsigned style_of(const struct where *w)
{
    bool taken = !w->arg || w->arg->type != T_BUF || w->arg->len_from == L_NT_IOSB || w->arg->len_from == L_NT_RETURNED;
    return taken ? 0 : w->arg->set;
}

void print__buffer(const struct where *w, uint64_t addr, uint64_t full)
{
    unsigned style = style_of(w);
    size_t limit = (size_t)MIN(full, w->o->string_limit), have = 0;
    const uint8_t *bytes = limit ? print__memory(w, addr, limit, &have) : NULL;
    bool query =
        (style == DECODE_SIZE_QUERY && print__sibling(w, w->arg->len) == 0) || (style == DECODE_HOST_NAME && full > 64);
    if (addr == 0)
        g_string_append(w->to, "NULL");
    else if (query)
        print__address(w->to, addr);
    else if (full == 0 && (!w->after || written(w)))
        g_string_append(w->to, "\"\"");
    else if (bytes && have < limit && cut_by_limit(w, addr)) /* -s asks for more than the trace holds */
        print__string(w->to, w->o, bytes, have, true);
    else if (!bytes || have < limit)
        print__address(w->to, addr);
    else if (style == DECODE_HEX_BYTES)
        hex_bytes(w, bytes, limit, full > limit);
    else if (style == DECODE_TEXT && full <= limit && limit && !bytes[limit - 1])
        print__string(w->to, w->o, bytes, limit - 1, false);
    else
        print__string(w->to, w->o, bytes, limit, full > limit);
}

/* A path whose length, NUL included, is the result. */
static void written_path(const struct where *w)
{
    size_t len = (size_t)MIN(print__length(w), PATH_SHOWN);
    const uint8_t *bytes = print__whole(w, w->value, len);
    if (bytes)
        print__string(w->to, w->o, bytes, strnlen((const char *)bytes, len), false);
    else
        print__address(w->to, w->value);
}

void print__string_at(const struct where *w)
{
    const uint8_t *bytes;
    if (w->arg->type == T_PATH && w->arg->len_from == L_RESULT) {
        written_path(w);
        return;
    }
    if (w->arg->len_from != L_STRING && w->call->netlink && w->value && (!w->after || written(w))) {
        form__netlink(w, w->value, print__length(w));
        return;
    }
    if (w->arg->len_from != L_STRING) {
        print__buffer(w, w->value, print__length(w));
        return;
    }
    const struct qbk_snippet *s = w->after && !written(w) ? NULL : print__snippet(w, w->value, &bytes);
    if (s && s->have > 0 && !(s->flags & QBK_SNIP_FAULT))
        quoted(w, s, bytes, w->arg->type == T_PATH);
    else
        print__address(w->to, w->value);
}

/* ---- vectors ---- */

static void count_of(const struct where *w, size_t n, const struct qbk_snippet *s)
{
    g_string_append_printf(w->to, "%#" PRIx64 " /* %zu var%s%s */", w->value, n, n == 1 ? "" : "s",
                           s->flags & QBK_SNIP_FAULT       ? ", unterminated"
                           : s->flags & QBK_SNIP_TRUNCATED ? " or more"
                                                           : "");
}

void print__vector(const struct where *w)
{
    const uint8_t *bytes;
    const struct qbk_snippet *s = w->value ? print__snippet(w, w->value, &bytes) : NULL;
    size_t size = print__word(w), n = 0;
    if (!s || s->have < size) {
        print__address(w->to, w->value);
        return;
    }
    while ((n + 1) * size <= s->have && print__load(bytes + n * size, size) != 0)
        n++;
    if (w->arg->set == DECODE_ENVIRONMENT && !w->o->verbose) {
        count_of(w, n, s);
        return;
    }
    g_string_append_c(w->to, '[');
    for (size_t i = 0; i < n; i++) {
        const uint8_t *text;
        uint64_t at = print__load(bytes + i * size, size);
        if (i)
            g_string_append(w->to, ", ");
        if (i >= w->o->string_limit && !w->o->verbose) {
            g_string_append(w->to, "...]");
            return;
        }
        const struct qbk_snippet *each = print__snippet(w, at, &text);
        if (each && each->have && !(each->flags & QBK_SNIP_FAULT))
            quoted(w, each, text, false);
        else
            print__address(w->to, at);
    }
    if (s->flags & QBK_SNIP_TRUNCATED)
        g_string_append(w->to, n ? ", ..." : "...");
    if (s->flags & QBK_SNIP_FAULT) /* no NULL before memory ends */
        g_string_append_printf(w->to, "%s... /* %#" PRIx64 " */", n ? ", " : "", w->value + n * size);
    g_string_append_c(w->to, ']');
}

/* Does the result count the bytes of all buffers? */
static bool result_is_bytes(const struct where *w)
{
    const struct decode_service *s = w->call->service;
    return !w->within ||
           (s && w->index < s->nargs && (s->arg[w->index].type != T_STRUCT || s->arg[w->index].len_from == L_FIXED));
}

void print__iovec(const struct where *w)
{
    bool after = (w->arg->dir & DIR_OUT) != 0;
    uint64_t left = UINT64_MAX;
    if (after && result_is_bytes(w))
        left = written(w) ? w->call->ret->result : 0;
    print__iovec_upto(w, left);
}

void print__iovec_upto(const struct where *w, uint64_t left)
{
    size_t size = print__word(w);
    uint64_t n = print__length(w) / (2 * size);
    struct where data = *w, vector = *w;
    data.after = (w->arg->dir & DIR_OUT) != 0;
    vector.after = false;
    if (w->value == 0 || (n && !print__whole(&vector, w->value, 2 * size))) {
        print__address(w->to, w->value);
        return;
    }
    g_string_append_c(w->to, '[');
    for (uint64_t i = 0; i < n; i++) {
        const uint8_t *bytes = print__whole(&vector, w->value + i * 2 * size, 2 * size);
        if (i)
            g_string_append(w->to, ", ");
        if (i >= w->o->string_limit && !w->o->verbose) {
            g_string_append(w->to, "...");
            break;
        }
        if (!bytes) {
            g_string_append_printf(w->to, "... /* %#" PRIx64 " */", w->value + i * 2 * size);
            break;
        }
        uint64_t base = print__load(bytes, size), len = print__load(bytes + size, size);
        g_string_append(w->to, "{iov_base=");
        if (data.after && !written(w))
            print__address(w->to, base);
        else if (w->call->netlink && base)
            form__netlink(&data, base, MIN(len, left));
        else
            print__buffer(&data, base, MIN(len, left));
        g_string_append_printf(w->to, ", iov_len=%" PRIu64 "}", len);
        left -= MIN(len, left);
    }
    g_string_append_c(w->to, ']');
}

/* ---- numbers ---- */

static void wait_status(GString *to, int32_t status)
{
    if (WIFEXITED(status)) {
        g_string_append_printf(to, "{WIFEXITED(s) && WEXITSTATUS(s) == %d}", WEXITSTATUS(status));
    } else if (WIFSIGNALED(status)) {
        g_string_append(to, "{WIFSIGNALED(s) && WTERMSIG(s) == ");
        print__signal_name(to, WTERMSIG(status));
        g_string_append(to, WCOREDUMP(status) ? " && WCOREDUMP(s)}" : "}");
    } else if (WIFSTOPPED(status)) {
        g_string_append(to, "{WIFSTOPPED(s) && WSTOPSIG(s) == ");
        print__signal_name(to, WSTOPSIG(status) & 0x7f);
        g_string_append(to, WSTOPSIG(status) & 0x80 ? " | 0x80}" : "}");
    } else if (WIFCONTINUED(status)) {
        g_string_append(to, "{WIFCONTINUED(s)}");
    } else {
        g_string_append_printf(to, "%#x", (unsigned)status);
        return;
    }
    if ((uint32_t)status >> 16) { /* what stopped a traced one */
        g_string_append_c(to, '|');
        print__enum(to, DECODE_SET_ptrace_events, (uint32_t)status >> 16);
        g_string_append(to, "<<16");
    }
}

static bool is_flags(const struct decode_set *set)
{
    return set->count && set->item[0].mask == set->item[0].value;
}

static void number(const struct where *w, uint64_t value, size_t size)
{
    if (w->arg->type == T_INTP && w->arg->set == DECODE_WAIT_STATUS)
        wait_status(w->to, (int32_t)value);
    else if (w->arg->set == DECODE_SIGNAL)
        print__signal_name(w->to, (int32_t)value);
    else if (w->arg->set == DECODE_HEX_WORD)
        g_string_append_printf(w->to, "%#" PRIx64, value);
    else if (w->arg->set == DECODE_UNSIGNED)
        g_string_append_printf(w->to, "%" PRIu64, value);
    else if (w->arg->set == DECODE_ADDRESS)
        print__address(w->to, value);
    else if (w->arg->set == DECODE_HANDLE)
        nt__handle(w, value);
    else if (w->arg->set == DECODE_NTSTATUS)
        nt__status(w->to, (uint32_t)value);
    else if (w->arg->set == DECODE_TIMEOUT)
        nt__timeout(w->to, (int64_t)value);
    else if (w->arg->set && is_flags(decode__set(w->arg->set)))
        print__flags(w->to, w->arg->set, value);
    else if (w->arg->set)
        print__enum(w->to, w->arg->set, value);
    else if (w->arg->type == T_FDP)
        print__descriptor(w, (int32_t)value);
    else if (size == 2)
        g_string_append_printf(w->to, "%u", (unsigned)value);
    else
        g_string_append_printf(w->to, "%" PRId64, size == 4 ? (int64_t)(int32_t)value : (int64_t)value);
}

/* The length of an address that is not asked for is not looked at. */
static bool is_moot(const struct where *w)
{
    const struct decode_service *s = w->call->service;
    const struct decode_arg *before = s && !w->within && w->index > 0 ? &s->arg[w->index - 1] : NULL;
    return before && before->len_from == L_DEREF && before->set == DECODE_STRUCT_sockaddr &&
           print__sibling(w, w->index - 1) == 0;
}

/* One number that the call reads and writes: "[128 => 16]" where it changes. */
static void changing(const struct where *w, size_t size)
{
    struct where at = *w;
    const uint8_t *before, *after;
    at.after = false;
    before = w->value && !is_moot(w) ? print__whole(&at, w->value, size) : NULL;
    at.after = true;
    after = before && w->after ? print__whole(&at, w->value, size) : NULL;
    if (!before) {
        print__address(w->to, w->value);
        return;
    }
    g_string_append_c(w->to, '[');
    number(w, print__load(before, size), size);
    if (after && memcmp(before, after, size) != 0) {
        g_string_append(w->to, w->arg->type == T_INTP ? " => " : "] => [");
        number(w, print__load(after, size), size);
    }
    g_string_append_c(w->to, ']');
}

void print__numbers(const struct where *w)
{
    size_t size = (size_t)unit_of(w);
    uint64_t n = print__length(w) / size;
    if ((w->arg->dir & DIR_INOUT) == DIR_INOUT && !(w->arg->dir & DIR_BEFORE) && w->arg->len_from == L_FIXED &&
        n == 1) {
        changing(w, size);
        return;
    }
    bool nobody = w->arg->set == DECODE_WAIT_STATUS && w->call->ret && w->call->ret->result == 0; /* WNOHANG */
    if (w->value == 0 || nobody || (n && !print__whole(w, w->value, size)) || (w->after && !written(w))) {
        print__address(w->to, w->value);
        return;
    }
    g_string_append_c(w->to, '[');
    for (uint64_t i = 0; i < n; i++) {
        const uint8_t *bytes = print__whole(w, w->value + i * size, size);
        if (i)
            g_string_append(w->to, ", ");
        if (!bytes || i >= LIST_MAX || (i >= w->o->string_limit && !w->o->verbose)) {
            g_string_append(w->to, "...");
            break;
        }
        number(w, print__load(bytes, size), size);
    }
    g_string_append_c(w->to, ']');
}
