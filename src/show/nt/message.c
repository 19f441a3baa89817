/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/nt/message.h"

#include <arpa/inet.h>
#include <inttypes.h>

#include "decode/decode.h"
#include "show/json.h"
#include "show/nt/nt.h"
#include "show/output.h"
#include "trace/record.h"

/* As it was after the call, or where that does not say, before. */
static const uint8_t *look(void *user, uint64_t address, size_t len, bool data, size_t *have)
{
    const struct model_call *call = user;
    const uint8_t *bytes = NULL;
    (void)data;
    *have = call->ret ? record__memory(&call->ret->h, address, len, &bytes) : 0;
    if (*have == 0 && call->enter)
        *have = record__memory(&call->enter->h, address, len, &bytes);
    return *have ? bytes : NULL;
}

static bool succeeded(const struct model_call *call)
{
    return call->ret && (call->ret->flags & QBK_RETURN_HAS_RESULT) && call->ret->end != QBK_END_PENDING &&
           !decode__wrote_nothing((enum qbk_abi)call->abi, call->ret->result);
}

bool nt_message__of(const struct model_call *call, bool completion, struct nt_message *m)
{
    uint64_t args[DECODE_ARGS_MAX] = {0};
    bool nt = call->abi == QBK_ABI_NT_X64 || call->abi == QBK_ABI_NT_X86;
    if (!nt || !call->enter || call->row == MODEL_NO_ROW)
        return false;
    memcpy(args, call->enter->args, MIN(call->enter->nargs, DECODE_ARGS_MAX) * sizeof(args[0]));
    struct nt_message_call c = {
        .abi = (enum qbk_abi)call->abi, .row = call->row, .args = args, .read = look, .user = (void *)(uintptr_t)call};
    c.at_return = succeeded(call);
    if (c.at_return && nt_message__decode(&c, m))
        return true;
    c.at_return = false;
    return !completion && nt_message__decode(&c, m);
}

void nt_message__data(const struct model_call *call, const struct nt_message *m, GString *to, uint64_t *full)
{
    *full = 0;
    for (unsigned i = 0; i < m->parts; i++) {
        size_t have;
        const uint8_t *bytes =
            look((void *)(uintptr_t)call, m->part[i].address, (size_t)m->part[i].length, true, &have);
        bool whole = *full == to->len; /* what comes behind a hole has no place */
        *full += m->part[i].length;
        if (bytes && whole)
            g_string_append_len(to, (const char *)bytes, (gssize)have);
    }
}

static bool is_console(const struct nt_message *m)
{
    return m->kind == NT_MESSAGE_CONSOLE_OUTPUT || m->kind == NT_MESSAGE_CONSOLE_INPUT;
}

/* ---- JSON ---- */

static const char *const process_parts[NT_PROCESS_PARTS] = {"image", "command", "directory"};

void nt_message__part_text(const struct model_call *call, const struct nt_message *m, unsigned part, GString *to)
{
    size_t have = 0;
    const uint8_t *bytes = m->part[part].length ? look((void *)(uintptr_t)call, m->part[part].address,
                                                       (size_t)m->part[part].length, true, &have)
                                                : NULL;
    if (bytes)
        nt__utf8(to, bytes, have);
}

static void process_json(GString *to, const struct model_call *call, const struct nt_message *m)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append(to, ",\"process\":{");
    size_t begin = to->len;
    if (m->other)
        json__key_uint(to, "pid", m->other);
    for (unsigned i = 0; i < NT_PROCESS_PARTS; i++) {
        g_string_truncate(text, 0);
        nt_message__part_text(call, m, i, text);
        if (text->len)
            json__key_text(to, process_parts[i], text->str, text->len);
    }
    if (to->len > begin) /* the comma before the first */
        g_string_erase(to, (gssize)begin, 1);
    g_string_append_c(to, '}');
}

static void cut_keys(GString *to, uint64_t have, uint64_t full)
{
    if (have < full) {
        json__key_word(to, "truncated", "limit");
        json__key_uint(to, "length", full);
    }
}

static void console_json(GString *to, const struct nt_message *m, const GString *bytes, uint64_t full)
{
    g_autoptr(GString) text = g_string_new(NULL);
    bool input = m->kind == NT_MESSAGE_CONSOLE_INPUT;
    g_string_append_printf(to, ",\"console\":{\"stream\":\"%s\"", input ? "input" : "output");
    json__key_uint(to, "handle", m->console);
    if (m->wide)
        nt__utf8(text, (const uint8_t *)bytes->str, bytes->len);
    json__key_text(to, "text", m->wide ? text->str : bytes->str, m->wide ? text->len : bytes->len);
    cut_keys(to, bytes->len, full);
    g_string_append_c(to, '}');
}

static bool address_text(const struct nt_address *a, char text[INET6_ADDRSTRLEN])
{
    return a->family && inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->ip, text, INET6_ADDRSTRLEN) != NULL;
}

static void socket_json(GString *to, const struct model_call *call, const struct nt_message *m, const GString *bytes,
                        uint64_t full)
{
    char text[INET6_ADDRSTRLEN];
    g_string_append_printf(to, ",\"socket\":{\"op\":\"%s\"", m->op);
    json__key_uint(to, "handle", call->enter->args[0]);
    if (address_text(&m->address, text)) {
        json__key_word(to, "address", text);
        json__key_uint(to, "port", m->address.port);
    }
    if (m->other)
        json__key_uint(to, "accepted", m->other);
    if (m->backlog)
        json__key_uint(to, "backlog", m->backlog);
    if (m->parts) {
        json__key_bytes(to, "bytes", (const uint8_t *)bytes->str, bytes->len);
        cut_keys(to, bytes->len, full);
    }
    g_string_append_c(to, '}');
}

void nt_message__json(GString *to, const struct model_call *call, bool completion)
{
    struct nt_message m;
    uint64_t full;
    if (!nt_message__of(call, completion, &m))
        return;
    g_autoptr(GString) bytes = g_string_new(NULL);
    nt_message__data(call, &m, bytes, &full);
    if (m.kind == NT_MESSAGE_PROCESS)
        process_json(to, call, &m);
    else if (is_console(&m))
        console_json(to, &m, bytes, full);
    else
        socket_json(to, call, &m, bytes, full);
}

/* ---- text ---- */

static void quoted(GString *to, const struct show_options *o, bool wide, const GString *bytes, uint64_t full)
{
    size_t shown = MIN(bytes->len, wide ? 2 * (size_t)o->string_limit : o->string_limit);
    if (wide)
        nt__wide(to, o, (const uint8_t *)bytes->str, shown, shown < full);
    else
        print__string(to, o, (const uint8_t *)bytes->str, shown, shown < full);
}

static void process_text(GString *to, const struct show_options *o, const struct model_call *call,
                         const struct nt_message *m)
{
    g_string_append(to, " {process");
    for (unsigned i = 0; i < NT_PROCESS_PARTS; i++) {
        size_t have = 0;
        const uint8_t *bytes = m->part[i].length ? look((void *)(uintptr_t)call, m->part[i].address,
                                                        (size_t)m->part[i].length, true, &have)
                                                 : NULL;
        if (!bytes)
            continue;
        g_string_append_printf(to, " %s ", process_parts[i]);
        nt__wide(to, o, bytes, have, have < m->part[i].length);
    }
    if (m->other)
        g_string_append_printf(to, " pid %" PRIu64, m->other);
    g_string_append_c(to, '}');
}

void nt_message__text(GString *to, const struct show_options *o, const struct model_call *call, bool completion)
{
    struct nt_message m;
    uint64_t full;
    char address[INET6_ADDRSTRLEN];
    if (!nt_message__of(call, completion, &m))
        return;
    if (m.kind == NT_MESSAGE_PROCESS) {
        process_text(to, o, call, &m);
        return;
    }
    g_autoptr(GString) bytes = g_string_new(NULL);
    nt_message__data(call, &m, bytes, &full);
    if (is_console(&m)) {
        g_string_append_printf(to, " {console %s ", m.kind == NT_MESSAGE_CONSOLE_INPUT ? "input" : "output");
        quoted(to, o, m.wide, bytes, full);
    } else {
        g_string_append_printf(to, " {%s", m.op);
        if (address_text(&m.address, address))
            g_string_append_printf(to, m.address.family == 6 ? " [%s]:%u" : " %s:%u", address, m.address.port);
        if (m.other)
            g_string_append_printf(to, " with %#" PRIx64, m.other);
        if (m.parts)
            g_string_append_c(to, ' ');
        if (m.parts)
            quoted(to, o, false, bytes, full);
    }
    g_string_append_c(to, '}');
}
