/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON Lines: one object a record, keys in a fixed order (docs/jsonl.schema.json). Written straight into the buffer:
 * the objects are flat and a hundred thousand come a second, which a tree of allocated values for each would not keep
 * up with.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "decode/decode.h"
#include "show/output.h"
#include "trace/record.h"

struct json {
    struct stream *stream;
    GString *text; /* one argument as text, for comparison with its value */
};

/* ---- values ---- */

/* Guest bytes as a JSON string: valid UTF-8 stays, anything else becomes U+FFFD (the `bytes` key has the truth). */
static void string_n(GString *to, const char *text, size_t len)
{
    const char *end = text + len;
    g_string_append_c(to, '"');
    while (text < end) {
        gunichar c = g_utf8_get_char_validated(text, end - text);
        if (c == (gunichar)-1 || c == (gunichar)-2) {
            g_string_append(to, "\\ufffd");
            text++;
            continue;
        }
        const char *next = g_utf8_next_char(text);
        if (c == '"' || c == '\\')
            g_string_append_printf(to, "\\%c", (char)c);
        else if (c < 0x20 || c == 0x7f || (c >= 0x80 && c < 0xa0) || c == 0x2028 || c == 0x2029)
            g_string_append_printf(to, "\\u%04x", c);
        else
            g_string_append_len(to, text, next - text);
        text = next;
    }
    g_string_append_c(to, '"');
}

static void key_string(GString *to, const char *key, const char *text, size_t len)
{
    g_string_append_printf(to, ",\"%s\":", key);
    string_n(to, text, len);
}

static void key_number(GString *to, const char *key, int64_t value)
{
    g_string_append_printf(to, ",\"%s\":%" PRId64, key, value);
}

static void key_unsigned(GString *to, const char *key, uint64_t value)
{
    g_string_append_printf(to, ",\"%s\":%" PRIu64, key, value);
}

static void key_bytes(GString *to, const char *key, const uint8_t *bytes, size_t len)
{
    g_autofree char *text = g_base64_encode(bytes, len);
    g_string_append_printf(to, ",\"%s\":\"%s\"", key, text);
}

static void begin(GString *to, const char *type, const struct qbk_record *rec)
{
    time_t seconds = (time_t)(rec->time_ns / 1000000000u);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    g_string_append_printf(to, "{\"type\":\"%s\",\"seq\":%" PRIu64 ",\"ts\":\"%04d-%02d-%02dT%02d:%02d:%02d.%09uZ\"",
                           type, rec->seq, tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                           tm.tm_sec, (unsigned)(rec->time_ns % 1000000000u));
    if (rec->vcpu != QBK_NO_VCPU)
        key_number(to, "vcpu", rec->vcpu);
}

static const char *os_name(uint8_t os)
{
    return os == 0 ? "linux" : os == 1 ? "nt" : "unknown";
}

static void who(GString *to, const struct model_thread *t)
{
    key_unsigned(to, "thread", t->number);
    if (t->id.pid >= 0) {
        key_number(to, "pid", t->id.pid);
        key_number(to, "tid", t->id.tid);
        key_number(to, "ppid", t->id.ppid);
    }
    if (t->id.uid != UINT32_MAX)
        key_unsigned(to, "uid", t->id.uid);
    if (t->comm[0])
        key_string(to, "comm", t->comm, strlen(t->comm));
    if (t->id.page_table)
        key_unsigned(to, "cr3", t->id.page_table);
}

/* ---- calls ---- */

static bool is_signed(uint8_t type)
{
    return type == T_INT || type == T_LONG || type == T_OFF || type == T_FD || type == T_DIRFD || type == T_PID;
}

static void value_of(GString *to, const struct decode_arg *arg, uint64_t value)
{
    bool narrow = arg && (arg->type == T_INT || arg->type == T_FD || arg->type == T_DIRFD || arg->type == T_PID);
    if (narrow)
        key_number(to, "value", (int32_t)value);
    else if (arg && is_signed(arg->type))
        key_number(to, "value", (int64_t)value);
    else
        key_unsigned(to, "value", value);
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
        key_string(to, "string", (const char *)bytes, len);
    if (!text || !g_utf8_validate((const char *)bytes, (gssize)len, NULL))
        key_bytes(to, "bytes", bytes, len);
    if (s->flags & (QBK_SNIP_TRUNCATED | QBK_SNIP_FAULT)) {
        g_string_append(to, s->flags & QBK_SNIP_FAULT ? ",\"truncated\":\"unmapped\"" : ",\"truncated\":\"limit\"");
        key_unsigned(to, "length", s->full);
    }
}

/* A buffer of no bytes leaves no snippet (there was nothing to read), and yet it was captured whole. */
static bool is_empty_buffer(const struct model_call *c, const struct decode_arg *arg)
{
    if (arg->type != T_BUF)
        return false;
    if (arg->dir & DIR_OUT)
        return c->ret && (c->ret->flags & QBK_RETURN_HAS_RESULT) && c->ret->result == 0;
    return arg->len_from == L_ARG && c->enter->args[arg->len] == 0;
}

static bool has_text(uint8_t type)
{
    return type == T_FLAGS || type == T_ENUM || type == T_SIGNAL || type == T_MODE || type == T_DIRFD ||
           type == T_STRV || type == T_IOVEC || type == T_INTP || type == T_FDP || type == T_LONGP;
}

static void argument(struct json *j, GString *to, const struct output *out, const struct model_call *c, unsigned i)
{
    const struct decode_arg *arg = c->service ? &c->service->arg[i] : NULL;
    uint64_t value = c->enter->args[i];
    const uint8_t *bytes;
    g_string_append(to, i ? ",{\"name\":\"" : "{\"name\":\"");
    if (arg)
        g_string_append_printf(to, "%s\"", arg->name);
    else /* a number without a row: registers in the order in which the ABI passes arguments */
        g_string_append_printf(to, "arg%u\"", i);
    value_of(to, arg, value);
    if (arg && has_text(arg->type)) {
        g_string_truncate(j->text, 0);
        print__args(j->text, out->options, c, i, i + 1);
        const char *text = g_str_has_prefix(j->text->str, ", ") ? j->text->str + 2 : j->text->str;
        if (*text)
            key_string(to, "text", text, strlen(text));
    }
    const struct qbk_snippet *s = arg && arg->type >= T_POINTERS ? snippet_of(c, arg, value, &bytes) : NULL;
    if (s && (arg->type == T_PATH || arg->type == T_STR || arg->type == T_BUF || arg->type == T_STRUCT))
        snippet_keys(to, s, bytes);
    else if (arg && is_empty_buffer(c, arg))
        g_string_append(to, ",\"bytes\":\"\"");
    if (arg && (arg->type == T_FD || arg->type == T_DIRFD)) {
        bool cwd = (int32_t)value == -100;
        s = record__find(&c->enter->h, cwd ? QBK_SNIP_CWD : QBK_SNIP_FD, cwd ? 0 : (uint32_t)value, &bytes);
        if (s)
            key_string(to, "path", (const char *)bytes, s->have);
    }
    g_string_append_c(to, '}');
}

static void result_keys(GString *to, const struct model_call *c)
{
    const struct qbk_return *ret = c->ret;
    const uint8_t *bytes;
    uint32_t code;
    key_string(to, "end", record__end_name((enum qbk_end)ret->end), strlen(record__end_name((enum qbk_end)ret->end)));
    if (ret->flags & QBK_RETURN_HAS_RESULT) {
        bool unsigned_result = c->service && c->service->result == R_HEX;
        bool failed = decode__is_error((enum qbk_abi)c->abi, ret->result, &code);
        if (unsigned_result && !failed)
            key_unsigned(to, "ret", ret->result);
        else
            key_number(to, "ret", c->abi == QBK_ABI_LINUX_I386 ? (int32_t)ret->result : (int64_t)ret->result);
        if (failed && decode__errno_name(code))
            key_string(to, "error", decode__errno_name(code), strlen(decode__errno_name(code)));
        const struct qbk_snippet *s = c->service && c->service->result == R_FD && !failed
                                          ? record__find(&ret->h, QBK_SNIP_FD, (uint32_t)ret->result, &bytes)
                                          : NULL;
        if (s)
            key_string(to, "ret_path", (const char *)bytes, s->have);
    }
    if (ret->flags & QBK_RETURN_HANDLER)
        g_string_append(to, ",\"handler\":true");
    if (ret->flags & QBK_RETURN_RESTART)
        g_string_append(to, ",\"restart\":true");
    key_unsigned(to, "duration_ns", c->duration_ns);
}

static void call_object(struct json *j, GString *to, const struct output *out, const struct model_event *e, bool entry)
{
    const struct model_call *c = e->call;
    const struct qbk_record *at = c->enter ? &c->enter->h : e->rec;
    begin(to, entry ? "enter" : "call", at);
    key_string(to, "os", os_name(c->thread->id.os), strlen(os_name(c->thread->id.os)));
    key_string(to, "abi", record__abi_name((enum qbk_abi)c->abi), strlen(record__abi_name((enum qbk_abi)c->abi)));
    who(to, c->thread);
    key_unsigned(to, "nr", c->nr);
    g_string_append(to, ",\"name\":\"");
    print__name(to, c); /* a table's name, or syscall_0x1f4: nothing to escape */
    g_string_append_c(to, '"');
    if (c->enter && c->enter->depth)
        key_number(to, "depth", c->enter->depth);
    if (c->enter && (c->enter->flags & QBK_ENTER_HAS_IP)) {
        key_unsigned(to, "ip", c->enter->ip);
        key_unsigned(to, "sp", c->enter->sp);
    }
    g_string_append(to, ",\"args\":[");
    for (unsigned i = 0; c->enter && i < print__count(c); i++)
        argument(j, to, out, c, i);
    g_string_append_c(to, ']');
    if (!entry && c->ret)
        result_keys(to, c);
    else if (!entry)
        g_string_append(to, ",\"end\":\"in_flight\",\"duration_ns\":0");
    g_string_append(to, "}\n");
}

/* ---- other records ---- */

static void text_object(GString *to, const char *type, const struct model_event *e, bool pairs)
{
    const struct qbk_text *rec = (const void *)e->rec;
    const char *key, *value;
    size_t pos = 0;
    begin(to, type, e->rec);
    if (!pairs) {
        if (e->thread)
            who(to, e->thread);
        key_string(to, "text", rec->text, rec->len);
    } else {
        g_string_append(to, ",\"facts\":{");
        for (bool first = true; record__text_next(rec, &pos, &key, &value); first = false) {
            if (!first)
                g_string_append_c(to, ',');
            string_n(to, key, strlen(key));
            g_string_append_c(to, ':');
            string_n(to, value, strlen(value));
        }
        g_string_append_c(to, '}');
    }
    g_string_append(to, "}\n");
}

static void thread_object(GString *to, const struct model_event *e)
{
    static const char *const why[] = {"born", "seen", "exec", "changed"};
    const struct qbk_thread *rec = (const void *)e->rec;
    begin(to, "thread", e->rec);
    g_string_append_printf(to, ",\"why\":\"%s\"", rec->why < 4 ? why[rec->why] : "unknown");
    who(to, e->thread);
    if (rec->euid != UINT32_MAX)
        key_unsigned(to, "euid", rec->euid);
    if (rec->gid != UINT32_MAX)
        key_unsigned(to, "gid", rec->gid);
    if (rec->parent_thread)
        key_unsigned(to, "parent", rec->parent_thread);
    g_string_append(to, "}\n");
}

static void signal_object(GString *to, const struct model_event *e)
{
    static const char *const how[] = {"handler", "fatal", "other"};
    const struct qbk_signal *rec = (const void *)e->rec;
    const char *name = decode__signal_name((unsigned)rec->signo);
    g_autoptr(GString) info = g_string_new(NULL);
    begin(to, "signal", e->rec);
    who(to, e->thread);
    key_number(to, "signo", rec->signo);
    if (name)
        key_string(to, "name", name, strlen(name));
    key_number(to, "code", rec->code);
    g_string_append_printf(to, ",\"how\":\"%s\"", rec->how < 3 ? how[rec->how] : "other");
    print__siginfo(info, rec);
    key_string(to, "info", info->str, info->len);
    g_string_append(to, "}\n");
}

static const char *const counter_names[QBK_COUNTERS] = {"entries",
                                                        "returned",
                                                        "noreturn",
                                                        "interrupted",
                                                        "pending",
                                                        "in_flight",
                                                        "thread_gone",
                                                        "machine_gone",
                                                        "orphaned",
                                                        "joined",
                                                        "lost",
                                                        "site_entries",
                                                        "unwatched",
                                                        "before_start",
                                                        "refused",
                                                        "site_returns",
                                                        "switches",
                                                        "identity_reads",
                                                        "identity_compared",
                                                        "identity_different",
                                                        "threads_born",
                                                        "threads_gone",
                                                        "signals",
                                                        "resets",
                                                        "epochs",
                                                        "waits",
                                                        "wait_ns",
                                                        "partial_reads"};

static void summary_object(GString *to, const struct model_event *e)
{
    const struct qbk_summary *rec = (const void *)e->rec;
    begin(to, "summary", e->rec);
    g_string_append(to, ",\"counters\":{");
    for (unsigned i = 0; i < rec->count && i < QBK_COUNTERS; i++)
        g_string_append_printf(to, "%s\"%s\":%" PRIu64, i ? "," : "", counter_names[i], rec->counter[i]);
    g_string_append(to, "}}\n");
}

static void gap_object(GString *to, const struct model_event *e)
{
    static const char *const reasons[] = {"full", "no_reader", "too_large", "internal"};
    const struct qbk_gap *rec = (const void *)e->rec;
    begin(to, "gap", e->rec);
    key_unsigned(to, "records", rec->records);
    key_unsigned(to, "bytes", rec->bytes);
    key_unsigned(to, "enters", rec->enters);
    key_unsigned(to, "returns", rec->returns);
    g_string_append_printf(to, ",\"reason\":\"%s\"}\n", rec->reason < 4 ? reasons[rec->reason] : "internal");
}

static void record_object(GString *to, const struct model_event *e)
{
    const struct qbk_name *name = (const void *)e->rec;
    switch (e->rec->type) {
    case QBK_META:
        text_object(to, "meta", e, true);
        break;
    case QBK_GUEST:
        text_object(to, "guest", e, true);
        break;
    case QBK_ERROR:
        text_object(to, "error", e, false);
        break;
    case QBK_LOG:
        text_object(to, "log", e, false);
        break;
    case QBK_THREAD:
        if (e->thread)
            thread_object(to, e);
        break;
    case QBK_THREAD_EXIT:
        begin(to, "thread_exit", e->rec);
        if (e->thread)
            who(to, e->thread);
        key_number(to, "status", ((const struct qbk_thread_exit *)e->rec)->status);
        g_string_append(to, "}\n");
        break;
    case QBK_SIGNAL:
        if (e->thread)
            signal_object(to, e);
        break;
    case QBK_NAME:
        begin(to, "name", e->rec);
        if (e->thread)
            who(to, e->thread);
        if (name->fd == QBK_NAME_EXE)
            g_string_append(to, ",\"what\":\"exe\"");
        else
            key_unsigned(to, "fd", name->fd);
        key_string(to, "path", name->path, name->len);
        g_string_append(to, "}\n");
        break;
    case QBK_GAP:
        gap_object(to, e);
        break;
    case QBK_SUMMARY:
        summary_object(to, e);
        break;
    default:
        break;
    }
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct json *j = out->state;
    GString *to = stream__buffer(j->stream);
    if (!passed)
        return 0;
    if (e->type == EVENT_CALL)
        call_object(j, to, out, e, false);
    else if (e->type == EVENT_ENTER && out->options->enter_events)
        call_object(j, to, out, e, true);
    else if (e->type == EVENT_RECORD)
        record_object(to, e);
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

const struct output_ops output_jsonl = {
    "jsonl", "one JSON object a line for each call and record", 0, on_open, on_event, on_tick, on_finish};
