/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arguments and results, from the row of the table and the snippets of the records. */
#include <inttypes.h>
#include <string.h>

#include "decode/decode.h"
#include "show/print.h"
#include "trace/record.h"

void print__byte(GString *to, uint8_t c, uint8_t next, bool hex)
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
        print__byte(to, bytes[i], i + 1 < len ? bytes[i + 1] : 0, hex);
    g_string_append(to, more ? "\"..." : "\"");
}

void print__safe(GString *to, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        print__byte(to, (uint8_t)bytes[i], i + 1 < len ? (uint8_t)bytes[i + 1] : 0, false);
}

/* Quotes and backslashes harm no terminal, and whoever wrote the line may have put them there to escape others. */
void print__line(GString *to, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '"' || bytes[i] == '\\')
            g_string_append_c(to, bytes[i]);
        else
            print__safe(to, bytes + i, 1);
    }
}

void print__name(GString *to, const struct model_call *call)
{
    if (call->subcall)
        g_string_append(to, decode__subcall((enum qbk_abi)call->abi, call->nr, call->subcall)->name);
    else if (call->service) /* of the number, as some numbers share variants */
        g_string_append(to, decode__service((enum qbk_abi)call->abi, call->row)->name);
    else if (call->guest_name)
        g_string_append(to, call->guest_name);
    else
        g_string_append_printf(to, "syscall_%#" PRIx64, (uint64_t)(int64_t)(int32_t)call->nr);
}

unsigned print__count(const struct model_call *call)
{
    unsigned have = call->enter ? call->enter->nargs : 0;
    if (!call->service)
        return have ? have : 0;
    return MIN(have, call->service->nargs);
}

const struct decode_arg *print__row(const struct model_call *call, unsigned i)
{
    const struct decode_service *all;
    if (!call->service)
        return NULL;
    if (i < call->service->nargs)
        return &call->service->arg[i];
    all = decode__service((enum qbk_abi)call->abi, call->row);
    return all && i < all->nargs ? &all->arg[i] : NULL;
}

static bool is_shown_after(const struct decode_arg *arg)
{
    return arg->type >= T_POINTERS && (arg->dir & DIR_OUT) && !(arg->dir & DIR_BEFORE);
}

unsigned print__entry_args(const struct model_call *call)
{
    unsigned n = print__count(call);
    for (unsigned i = 0; i < n && call->service; i++) {
        bool nothing = (call->service->arg[i].dir & DIR_UNLESS_NULL) && call->enter->args[i] == 0;
        if (is_shown_after(&call->service->arg[i]) && !nothing)
            return i;
    }
    return n;
}

static bool is_left_out(const struct model_call *call, const struct decode_arg *arg)
{
    if (arg->type == T_INT_IF)
        return arg->len >= call->enter->nargs || !(call->enter->args[arg->len] & arg->unit);
    return arg->type == T_HIGH || arg->type == T_HIGH_NEXT || arg->type == T_UNUSED;
}

/* The first half of the arguments, the second, or both: from and until say which, and where none is told at entry the
 * second half begins at 0 too. */
static void own_args(const struct print_call *own, const struct where *first, unsigned from, unsigned until)
{
    unsigned at_entry = print__entry_args(first->call), count = print__count(first->call);
    own->args(first, from == 0 && (until == 0 || at_entry > 0), until == count && (until > from || at_entry == count));
}

void print__args(GString *to, const struct show_options *o, const struct model_call *call, unsigned from,
                 unsigned until)
{
    struct where w = {.to = to, .o = o, .call = call};
    const struct print_call *own = call->service ? print__call(call) : NULL;
    if (own && own->args) {
        own_args(own, &w, from, until);
        return;
    }
    bool first = from == 0;
    for (unsigned i = from; i < until; i++) {
        w.arg = call->service ? &call->service->arg[i] : NULL;
        w.value = call->enter->args[i];
        w.index = i;
        if (w.arg && is_left_out(call, w.arg))
            continue;
        if (!first)
            g_string_append(to, ", ");
        first = false;
        if (!w.arg) {
            g_string_append_printf(to, "%#" PRIx64, w.value);
            continue;
        }
        w.after = is_shown_after(w.arg) && call->ret != NULL;
        print__value(&w);
    }
}

void print__arg(GString *to, const struct show_options *o, const struct model_call *call, unsigned i)
{
    struct where w = {.to = to, .o = o, .call = call, .arg = print__row(call, i), .index = i};
    w.value = call->enter->args[i];
    if (!w.arg)
        return;
    w.after = is_shown_after(w.arg) && call->ret != NULL;
    print__value(&w);
}

bool print__gap(const struct model_call *call)
{
    unsigned entry = print__entry_args(call);
    const struct print_call *own = call->service ? print__call(call) : NULL;
    return entry > 0 && entry < print__count(call) && !(own && own->args);
}

void print__decimal(GString *to, int64_t value)
{
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char text[24];
    size_t at = sizeof(text);
    do {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        text[--at] = '-';
    g_string_append_len(to, text + at, (gssize)(sizeof(text) - at));
}

/* "= 0", "= 0xc0000034 STATUS_OBJECT_NAME_NOT_FOUND" */
static void status_text(GString *to, uint32_t status)
{
    const char *name = decode__status_name(status);
    g_string_append_printf(to, status ? "= %#x" : "= %x", status);
    if (status && name)
        g_string_append_printf(to, " %s", name);
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

static void plain_result(GString *to, const struct model_call *call, unsigned kind)
{
    uint64_t result = call->ret->result;
    if (decode__word((enum qbk_abi)call->abi) == 4)
        result &= 0xffffffffu;
    if (kind == R_HEX || kind == R_FLAGS || kind == R_HEX_ENUM)
        g_string_append_printf(to, "= %#" PRIx64, result);
    else if (kind == R_MODE)
        g_string_append_printf(to, "= %#03" PRIo64, result);
    else if (call->abi == QBK_ABI_LINUX_X86_64 && kind != R_UINT && result >> 63)
        g_string_append_printf(to, "= %" PRIu64, result); /* no error, so it has no sign */
    else {
        g_string_append_len(to, "= ", 2);
        print__decimal(to, kind == R_UINT                               ? (int64_t)(uint32_t)result
                           : decode__word((enum qbk_abi)call->abi) == 4 ? (int64_t)(int32_t)result
                                                                        : (int64_t)result);
    }
}

/* modify_ldt's results are cut to 32 bits without a sign (arch/x86/kernel/ldt.c): its errors are told by their names.
 */
static void unsigned_error(GString *to, const struct model_call *call)
{
    uint32_t code = (uint32_t)(0 - call->ret->result);
    if (call->service && call->ret->result >> 32 == 0 && code && code < 4096 &&
        strcmp(call->service->name, "modify_ldt") == 0 && decode__errno_name(code))
        g_string_append_printf(to, " %s (%s)", decode__errno_name(code), decode__errno_text(code));
}

/* Do these bits have names when none is set? */
static bool has_zero(uint16_t set)
{
    return set == DECODE_SET_personality || set == DECODE_SET_open_flags;
}

static const char *flags_word(uint16_t set)
{
    return set == DECODE_SET_open_flags || set == DECODE_SET_fd_flags ? "flags "
           : set == DECODE_SET_seals                                  ? "seals "
                                                                      : "";
}

bool print__meaning(const struct model_call *call)
{
    const struct print_call *own = call->service ? print__call(call) : NULL;
    return own && own->result;
}

/* What strace adds in parentheses. */
static void result_meaning(const struct where *w, unsigned kind)
{
    const struct model_call *call = w->call;
    const struct print_call *own = call->service ? print__call(call) : NULL;
    gsize before = w->to->len;
    if (kind == R_FLAGS && (call->ret->result || has_zero(call->service->result_set))) {
        g_string_append_printf(w->to, " (%s", flags_word(call->service->result_set));
        print__flags(w->to, call->service->result_set, call->ret->result);
    } else if (kind == R_SIGNAL && decode__signal_name((unsigned)call->ret->result)) {
        g_string_append_printf(w->to, " (%s", decode__signal_name((unsigned)call->ret->result));
    } else if (kind == R_ENUM || kind == R_HEX_ENUM) {
        g_string_append(w->to, " (");
        print__enum(w->to, call->service->result_set, call->ret->result);
    } else if (own && own->result) {
        gsize start;
        g_string_append(w->to, " (");
        start = w->to->len;
        own->result(w);
        if (w->to->len == start)
            g_string_truncate(w->to, before);
    }
    if (w->to->len > before)
        g_string_append_c(w->to, ')');
}

/* Whose name the result has: what was duplicated onto it, where nothing new was made. */
static int32_t new_descriptor(const struct model_call *call)
{
    bool copy = call->enter && (strcmp(call->service->name, "dup2") == 0 || strcmp(call->service->name, "dup3") == 0);
    return (int32_t)(copy ? call->enter->args[0] : call->ret->result);
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
    if (model__has_status(call)) {
        status_text(to, (uint32_t)ret->result);
        return;
    }
    if (model__is_error(call, &code)) {
        error_text(to, code);
        return;
    }
    plain_result(to, call, kind);
    unsigned_error(to, call);
    struct where w = {.to = to, .o = o, .call = call, .value = ret->result};
    if (kind == R_FD)
        print__descriptor_name(&w, new_descriptor(call));
    result_meaning(&w, kind);
}
