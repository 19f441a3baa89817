/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON Lines: one object a record, keys in a fixed order (docs/qebek.schema.json, docs/json-lines.md). */
#include "show/jsonl.h"
#include "show/code_text.h"

#include <string.h>

#include "decode/decode.h"
#include "decode/nt/nt.h"
#include "show/json.h"
#include "show/nt/message.h"
#include "show/nt/nt.h"
#include "show/nt/origin.h"
#include "show/nt/stream.h"
#include "show/output.h"
#include "show/ran.h"
#include "trace/record.h"

struct json {
    struct stream *stream;
    GString *text; /* one argument as the text output writes it */
};

/* ---- what objects begin with ---- */

void jsonl__begin(GString *to, const char *type, const struct qbk_record *rec)
{
    g_string_append(to, "{\"type\":\"");
    g_string_append(to, type);
    g_string_append_c(to, '"');
    json__key_uint(to, "seq", rec->seq);
    json__key_time(to, "ts", rec->time_ns);
    if (rec->vcpu != QBK_NO_VCPU)
        json__key_uint(to, "vcpu", rec->vcpu);
}

void jsonl__who(GString *to, const struct model_thread *t)
{
    json__key_uint(to, "thread", t->number);
    if (t->id.pid >= 0) {
        json__key_int(to, "pid", t->id.pid);
        json__key_int(to, "tid", t->id.tid);
        json__key_int(to, "ppid", t->id.ppid);
    }
    if (t->id.uid != UINT32_MAX)
        json__key_uint(to, "uid", t->id.uid);
    if (t->comm[0])
        json__key_text(to, "comm", t->comm, strlen(t->comm));
    if (t->id.page_table)
        json__key_uint(to, "cr3", t->id.page_table);
    const struct model_session *session = model__session(t);
    if (session) {
        json__key_uint(to, "session", session->number);
        json__key_word(to, "remote", session->remote);
    }
}

static const char *os_name(const struct model_call *c)
{
    static const char *const names[QBK_ABIS] = {[QBK_ABI_LINUX_X86_64] = "linux",
                                                [QBK_ABI_LINUX_I386] = "linux",
                                                [QBK_ABI_RAW] = "unknown",
                                                [QBK_ABI_NT_X64] = "nt",
                                                [QBK_ABI_NT_X86] = "nt"};
    return c->abi < QBK_ABIS ? names[c->abi] : "unknown";
}

/* ---- calls ---- */

/* The value has the width and the sign of its type. */
static void value_key(GString *to, const struct decode_arg *arg, uint64_t value)
{
    switch (arg ? arg->type : T_NONE) {
    case T_INT:
    case T_FD:
    case T_DIRFD:
    case T_PID:
        json__key_int(to, "value", (int32_t)value);
        break;
    case T_LONG:
    case T_OFF:
        json__key_int(to, "value", (int64_t)value);
        break;
    default:
        json__key_uint(to, "value", value);
    }
}

static const struct qbk_snippet *snippet_of(const struct model_call *c, const struct decode_arg *arg, uint64_t addr,
                                            const uint8_t **bytes)
{
    const struct qbk_snippet *s = NULL;
    if (c->ret && (arg->dir & DIR_OUT))
        s = record__find(&c->ret->h, QBK_SNIP_MEM, addr, bytes);
    if (!s && (arg->dir & DIR_IN))
        s = record__find(&c->enter->h, QBK_SNIP_MEM, addr, bytes);
    if ((!s || (s->flags & QBK_SNIP_FAULT)) && c->ret && (arg->dir & DIR_IN)) {
        const uint8_t *again;
        const struct qbk_snippet *later = record__find(&c->ret->h, QBK_SNIP_MEM, addr, &again);
        if (later && (!s || later->have > s->have)) {
            *bytes = again;
            s = later;
        }
    }
    return s;
}

static void snippet_keys(GString *to, const struct qbk_snippet *s, const uint8_t *bytes)
{
    bool text = (s->flags & QBK_SNIP_STRING) != 0;
    size_t len = text ? strnlen((const char *)bytes, s->have) : s->have;

    if (text)
        json__key_text(to, "string", (const char *)bytes, len);
    else
        json__key_bytes(to, "bytes", bytes, len);
    if (s->flags & (QBK_SNIP_TRUNCATED | QBK_SNIP_FAULT)) {
        json__key_word(to, "truncated", s->flags & QBK_SNIP_FAULT ? "unmapped" : "limit");
        json__key_uint(to, "length", s->full);
    }
}

/* A buffer of no bytes leaves no snippet (there was nothing to read), and yet it was captured whole. */
static bool is_empty_buffer(const struct model_call *c, const struct decode_arg *arg)
{
    if (arg->type != T_BUF)
        return false;
    if (arg->dir & DIR_OUT)
        return c->ret && (c->ret->flags & QBK_RETURN_HAS_RESULT) && c->ret->result == 0;
    return arg->len_from == L_ARG && arg->len < c->enter->nargs && c->enter->args[arg->len] == 0;
}

/* Arguments whose value, string or bytes say all; others are also given as the text output writes them. */
static bool is_plain(uint8_t type)
{
    static const bool plain[DECODE_TYPES] = {
        [T_NONE] = true, [T_INT] = true,    [T_UINT] = true, [T_LONG] = true, [T_ULONG] = true,
        [T_HEX] = true,  [T_SIZE] = true,   [T_OFF] = true,  [T_FD] = true,   [T_PID] = true,
        [T_ADDR] = true, [T_UNUSED] = true, [T_PATH] = true, [T_STR] = true,  [T_BUF] = true,
    };
    return type >= DECODE_TYPES || plain[type];
}

/* As text, if that says more than the number: a name, a list, a struct. */
static void text_key(GString *as_text, GString *to, const struct output *out, const struct model_call *c, unsigned i)
{
    char decimal[24], hex[24];

    g_string_truncate(as_text, 0);
    print__arg(as_text, out->options, c, i);
    const char *text = as_text->str;
    g_snprintf(decimal, sizeof(decimal), "%" G_GUINT64_FORMAT, c->enter->args[i]);
    g_snprintf(hex, sizeof(hex), "%#" G_GINT64_MODIFIER "x", c->enter->args[i]);
    if (*text && strcmp(text, decimal) != 0 && strcmp(text, hex) != 0 && strcmp(text, "NULL") != 0)
        json__key_text(to, "text", text, strlen(text));
}

/* What a descriptor stands for. */
static void path_key(GString *to, const struct model_call *c, int32_t fd)
{
    const uint8_t *bytes;
    bool cwd = fd == -100;
    const struct qbk_snippet *s =
        record__find(&c->enter->h, cwd ? QBK_SNIP_CWD : QBK_SNIP_FD, cwd ? 0 : (uint32_t)fd, &bytes);

    if (s)
        json__key_text(to, "path", (const char *)bytes, s->have);
}

/* What a handle stands for: one that the call was given, or one that it made. */
static void object_keys(GString *to, const struct model_call *c, const struct decode_arg *arg, unsigned i)
{
    bool made = arg->type == T_LONGP && arg->set == DECODE_HANDLE && (arg->dir & DIR_OUT) && c->ret;
    uint64_t handle = c->enter->args[i];
    const char *type, *name;
    size_t len;

    if (made && !nt_handles__made(c, i, &handle))
        return;
    if ((!made && arg->type != T_HANDLE) || !nt_handles__find(c, handle, &type, &name, &len))
        return;
    json__key_text(to, "object", type, strlen(type));
    if (len)
        json__key_text(to, "path", name, len);
}

static void status_key(GString *to, uint32_t status)
{
    const char *name = decode__status_name(status);
    if (name)
        json__key_word(to, "status", name);
    else
        g_string_append_printf(to, ",\"status\":\"0x%08x\"", status);
}

/* The text of a UNICODE_STRING, the name in OBJECT_ATTRIBUTES. */
static void wide_key(GString *as_text, GString *to, const struct model_call *c, unsigned i)
{
    g_string_truncate(as_text, 0);
    if (nt__text_of(c, i, as_text))
        json__key_text(to, "string", as_text->str, as_text->len);
}

static void argument(GString *as_text, GString *to, const struct output *out, const struct model_call *c, unsigned i)
{
    const struct decode_arg *arg = print__row(c, i);
    uint64_t value = c->enter->args[i];
    const struct qbk_snippet *s = NULL;
    const uint8_t *bytes;

    g_string_append(to, "{\"name\":\"");
    if (arg)
        g_string_append(to, arg->name);
    else /* a number without a row: registers in the order in which the ABI passes arguments */
        g_string_append_printf(to, "arg%u", i);
    g_string_append_c(to, '"');
    value_key(to, arg, value);
    if (arg && !is_plain(arg->type))
        text_key(as_text, to, out, c, i);
    if (arg && (arg->type == T_PATH || arg->type == T_STR || arg->type == T_BUF || arg->type == T_STRUCT))
        s = snippet_of(c, arg, value, &bytes);
    if (arg && arg->type == T_STRUCT)
        jsonl__fields(to, out->options, c, i);
    if (arg && arg->type == T_STRUCT && arg->set >= DECODE_NT_STRUCT_FIRST)
        wide_key(as_text, to, c, i);
    if (s)
        snippet_keys(to, s, bytes);
    else if (arg && is_empty_buffer(c, arg))
        json__key_bytes(to, "bytes", NULL, 0);
    if (arg && (arg->type == T_FD || arg->type == T_DIRFD))
        path_key(to, c, (int32_t)value);
    if (arg && out->options->fd_names)
        object_keys(to, c, arg, i);
    g_string_append_c(to, '}');
}

static void nt_status_keys(GString *to, uint32_t status)
{
    json__key_uint(to, "ret", status);
    status_key(to, status);
}

static void returned_keys(GString *to, const struct model_call *c)
{
    const struct qbk_return *ret = c->ret;
    const struct qbk_snippet *s = NULL;
    const uint8_t *bytes;
    uint32_t code;
    bool failed = model__is_error(c, &code);

    if (model__has_status(c)) {
        nt_status_keys(to, (uint32_t)ret->result);
        return;
    }
    if (c->abi == QBK_ABI_NT_X64 || c->abi == QBK_ABI_NT_X86)
        json__key_uint(to, "ret", c->abi == QBK_ABI_NT_X86 ? (uint32_t)ret->result : ret->result);
    else if (c->service && c->service->result == R_HEX && !failed)
        json__key_uint(to, "ret", ret->result);
    else
        json__key_int(to, "ret", c->abi == QBK_ABI_LINUX_I386 ? (int32_t)ret->result : (int64_t)ret->result);
    if (failed && decode__errno_name(code))
        json__key_word(to, "error", decode__errno_name(code));
    if (c->service && c->service->result == R_FD && !failed)
        s = record__find(&ret->h, QBK_SNIP_FD, (uint32_t)ret->result, &bytes);
    if (s)
        json__key_text(to, "ret_path", (const char *)bytes, s->have);
}

static void end_keys(GString *to, const struct model_event *e)
{
    const struct qbk_return *ret = e->call->ret;

    json__key_word(to, "end", ret ? record__end_name((enum qbk_end)ret->end) : e->lost ? "lost" : "in_flight");
    if (ret && (ret->flags & QBK_RETURN_HAS_RESULT))
        returned_keys(to, e->call);
    if (ret && (ret->flags & QBK_RETURN_HANDLER))
        json__key_true(to, "handler");
    if (ret && (ret->flags & QBK_RETURN_RESTART))
        json__key_true(to, "restart");
    ran__json(to, e->call);
    json__key_uint(to, "duration_ns", e->call->duration_ns);
}

static void call_object(GString *as_text, GString *to, const struct output *out, const struct model_event *e,
                        bool entry)
{
    const struct model_call *c = e->call;
    const struct qbk_enter *enter = c->enter;
    unsigned args = enter ? enter->nargs : 0;

    jsonl__begin(to, entry ? "enter" : "call", enter ? &enter->h : e->rec);
    json__key_word(to, "os", os_name(c));
    json__key_word(to, "abi", record__abi_name((enum qbk_abi)c->abi));
    jsonl__who(to, c->thread);
    json__key_uint(to, "nr", c->nr);
    g_string_append(to, ",\"name\":\"");
    print__name(to, c); /* a table's name, or syscall_0x1f4: nothing to escape */
    g_string_append_c(to, '"');
    if (!enter)
        json__key_true(to, "entry_lost");
    if (enter && enter->depth)
        json__key_uint(to, "depth", enter->depth);
    if (enter && (enter->flags & QBK_ENTER_JOINED))
        json__key_true(to, "joined");
    origin__json(to, c);
    if (enter && (enter->flags & QBK_ENTER_HAS_IP)) {
        json__key_uint(to, "ip", enter->ip);
        json__key_uint(to, "sp", enter->sp);
    }
    g_string_append(to, ",\"args\":[");
    for (unsigned i = 0; i < args; i++) {
        g_string_append(to, i ? "," : "");
        argument(as_text, to, out, c, i);
    }
    g_string_append_c(to, ']');
    if (!entry)
        nt_message__json(to, c, false);
    nt_stream__json(to, c, false);
    if (!entry)
        end_keys(to, e);
    g_string_append_len(to, "}\n", 2);
}

/* Of the arguments those that the operation wrote. */
static void completion_object(GString *as_text, GString *to, const struct output *out, const struct model_event *e)
{
    const struct model_call *c = e->call;
    const struct qbk_completion *done = (const void *)e->rec;
    unsigned shown = 0;

    jsonl__begin(to, "completion", e->rec);
    json__key_word(to, "os", os_name(c));
    json__key_word(to, "abi", record__abi_name((enum qbk_abi)c->abi));
    jsonl__who(to, c->thread);
    json__key_uint(to, "call", done->call);
    json__key_uint(to, "caller", done->caller);
    json__key_uint(to, "nr", c->nr);
    g_string_append(to, ",\"name\":\"");
    print__name(to, c);
    g_string_append_c(to, '"');
    json__key_word(to, "how", record__completion_name((enum qbk_completion_how)done->how));
    if (!c->enter)
        json__key_true(to, "entry_lost");
    g_string_append(to, ",\"args\":[");
    for (unsigned i = 0; c->enter && c->service && i < print__count(c); i++) {
        if (c->service->arg[i].dir & DIR_OUT) {
            g_string_append(to, shown++ ? "," : "");
            argument(as_text, to, out, c, i);
        }
    }
    g_string_append_c(to, ']');
    nt_message__json(to, c, true);
    nt_stream__json(to, c, true);
    nt_status_keys(to, done->status);
    json__key_uint(to, "information", done->information);
    json__key_uint(to, "duration_ns", c->duration_ns);
    g_string_append_len(to, "}\n", 2);
}

/* Of blocks that nobody wants to see there is no object. */
static void code_object(GString *to, const struct output *out, const struct model_event *e)
{
    gsize before = to->len;
    bool wanted = true;

    jsonl__begin(to, record__type_name((enum qbk_type)e->rec->type), e->rec);
    if (e->thread)
        jsonl__who(to, e->thread);
    if (e->rec->type == QBK_CODE)
        code_text__code_json(to, (const void *)e->rec);
    else
        wanted = code_text__blocks_json(to, out->options, e);
    g_string_append_len(to, "}\n", 2);
    if (!wanted)
        g_string_truncate(to, before);
}

void jsonl__event(GString *to, GString *text, const struct output *out, const struct model_event *e)
{
    if (e->type == EVENT_CALL)
        call_object(text, to, out, e, false);
    else if (e->type == EVENT_ENTER && out->options->enter_events)
        call_object(text, to, out, e, true);
    else if (e->type == EVENT_COMPLETION)
        completion_object(text, to, out, e);
    else if (e->rec->type == QBK_CODE || e->rec->type == QBK_BLOCKS)
        code_object(to, out, e);
    else if (e->type == EVENT_RECORD)
        jsonl__record(to, e, out->health);
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct json *j = out->state;
    if (!passed)
        return 0;
    jsonl__event(stream__buffer(j->stream), j->text, out, e);
    return stream__flush(j->stream, false, error);
}

static int on_open(struct output *out, const char *where, int fallback_fd, GError **error)
{
    struct json *j = g_new0(struct json, 1);
    j->text = g_string_new(NULL);
    j->stream = stream__open(where, fallback_fd, error);
    out->state = j;
    return j->stream ? 0 : -1;
}

static int on_tick(struct output *out, GError **error)
{
    return stream__flush(((struct json *)out->state)->stream, true, error);
}

static int on_finish(struct output *out, GError **error)
{
    struct json *j = out->state;
    int err = j->stream ? stream__close(j->stream, error) : 0;
    g_string_free(j->text, TRUE);
    g_free(j);
    return err;
}

const struct output_ops output_jsonl = {.kind = "jsonl",
                                        .help = "one JSON object a line for each call and record",
                                        .wants = OUTPUT_WANTS_OBJECTS,
                                        .open = on_open,
                                        .event = on_event,
                                        .tick = on_tick,
                                        .finish = on_finish};
