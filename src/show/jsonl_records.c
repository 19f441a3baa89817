/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON Lines: the objects that are no calls. */
#include "show/jsonl.h"

#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

#include "decode/decode.h"
#include "show/exits.h"
#include "show/function_calls.h"
#include "show/json.h"
#include "show/nt/process.h"
#include "show/object.h"
#include "show/output.h"
#include "show/unpack/layers.h"
#include "trace/record.h"

#define WORD(table, i, other) ((size_t)(i) < G_N_ELEMENTS(table) ? (table)[i] : (other))

static void end(GString *to)
{
    g_string_append_len(to, "}\n", 2);
}

/* ---- text ---- */

/* Escaped as in the text output: two keys that differ stay two. */
static void escaped(GString *to, const char *text)
{
    g_autoptr(GString) safe = g_string_new(NULL);

    print__safe(safe, text, strlen(text));
    json__string(to, safe->str, safe->len);
}

static void facts_text(GString *to, const char *text)
{
    if (g_utf8_validate(text, -1, NULL))
        json__string(to, text, strlen(text));
    else
        escaped(to, text);
}

static void facts_value(GString *to, const GPtrArray *values)
{
    if (values->len == 1) {
        facts_text(to, values->pdata[0]);
        return;
    }
    for (guint i = 0; i < values->len; i++) {
        g_string_append_c(to, i ? ',' : '[');
        facts_text(to, values->pdata[i]);
    }
    g_string_append_c(to, ']');
}

/* A key that comes several times has all its values: most readers of JSON would keep only the last. */
static void facts(GString *to, const struct qbk_text *rec)
{
    g_autoptr(GHashTable) seen =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)(void (*)(void))g_ptr_array_unref);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    const char *key, *value;
    size_t pos = 0;

    while (record__text_next(rec, &pos, &key, &value)) {
        GPtrArray *values = g_hash_table_lookup(seen, key);

        if (!values) {
            values = g_ptr_array_new();
            g_hash_table_insert(seen, (gpointer)(uintptr_t)key, values);
            g_ptr_array_add(keys, (gpointer)(uintptr_t)key);
        }
        g_ptr_array_add(values, (gpointer)(uintptr_t)value);
    }
    g_string_append(to, ",\"facts\":{");
    for (guint i = 0; i < keys->len; i++) {
        key = keys->pdata[i];
        if (i)
            g_string_append_c(to, ',');
        escaped(to, key);
        g_string_append_c(to, ':');
        facts_value(to, g_hash_table_lookup(seen, key));
    }
    g_string_append_c(to, '}');
}

static void meta_object(GString *to, const struct model_event *e)
{
    jsonl__begin(to, "meta", e->rec);
    json__key_uint(to, "version", JSONL_VERSION);
    facts(to, (const struct qbk_text *)e->rec);
    end(to);
}

static void guest_object(GString *to, const struct model_event *e)
{
    jsonl__begin(to, "guest", e->rec);
    facts(to, (const struct qbk_text *)e->rec);
    end(to);
}

static void message_object(GString *to, const struct model_event *e)
{
    const struct qbk_text *rec = (const void *)e->rec;

    jsonl__begin(to, rec->h.type == QBK_ERROR ? "error" : "log", e->rec);
    if (e->thread)
        jsonl__who(to, e->thread);
    json__key_text(to, "text", rec->text, rec->len);
    end(to);
}

/* ---- threads and processes ---- */

/* NT: the status alone, if it is known. Else as wait(2) has it: one of the two ways to go. */
static void exit_keys(GString *to, const struct exits *exits, int32_t status)
{
    if (exits->nt) {
        if (exits->known)
            json__key_uint(to, "exit", exits->code);
        if (exits->name)
            json__key_word(to, "exit_name", exits->name);
        return;
    }
    json__key_int(to, "status", status);
    if (!exits->signal)
        json__key_uint(to, "exit", exits->code);
    else if (strcmp(exits->signal, "unknown") != 0)
        json__key_word(to, "signal", exits->signal);
    if (WIFSIGNALED(status) && WCOREDUMP(status))
        json__key_true(to, "core_dumped");
}

static void ids_keys(GString *to, const struct model_thread *thread)
{
    const struct qbk_thread *rec = &thread->id;

    if (rec->euid != UINT32_MAX)
        json__key_uint(to, "euid", rec->euid);
    if (rec->gid != UINT32_MAX)
        json__key_uint(to, "gid", rec->gid);
    if (rec->parent_thread)
        json__key_uint(to, "parent", rec->parent_thread);
    if (rec->ns_tid > 0) {
        json__key_int(to, "ns_pid", rec->ns_pid);
        json__key_int(to, "ns_tid", rec->ns_tid);
    }
}

static void process_object(GString *to, const struct model_event *e, const char *event)
{
    jsonl__begin(to, "process", e->rec);
    json__key_word(to, "event", event);
    jsonl__who(to, e->thread);
    if (e->rec->type == QBK_THREAD)
        ids_keys(to, e->thread);
    if (e->cgroup)
        json__key_text(to, "cgroup", e->cgroup, g_ref_string_length((gchar *)(uintptr_t)e->cgroup));
    if (e->process == PROCESS_EXECS && model__is_nt(e->thread))
        nt_process__json(to, e->thread);
    else if (model__is_nt(e->thread))
        nt_process__user_json(to, e->thread);
    if (e->process == PROCESS_EXITS) {
        struct exits exits = exits__process(e);
        exit_keys(to, &exits, e->process_status);
    }
    end(to);
}

/* A new process has an object of its own before that of its first thread; an exec is the process's only. */
static void thread_objects(GString *to, const struct model_event *e)
{
    static const char *const events[] = {"start", "seen", "exec", "change"};
    const struct qbk_thread *rec = (const void *)e->rec;
    const char *event = WORD(events, rec->why, "change");

    if (!e->thread)
        return;
    if (e->process == PROCESS_STARTS)
        process_object(to, e, rec->why == QBK_THREAD_BORN ? "start" : "seen");
    if (rec->why == QBK_THREAD_EXEC) {
        process_object(to, e, "exec");
        return;
    }
    jsonl__begin(to, "thread", e->rec);
    json__key_word(to, "event", event);
    jsonl__who(to, e->thread);
    ids_keys(to, e->thread);
    end(to);
}

static void exit_objects(GString *to, const struct model_event *e)
{
    const struct qbk_thread_exit *rec = (const void *)e->rec;

    if (!e->thread)
        return;
    jsonl__begin(to, "thread", e->rec);
    json__key_word(to, "event", "exit");
    jsonl__who(to, e->thread);
    struct exits exits = exits__read(model__is_nt(e->thread), rec->status, rec->flags & QBK_EXIT_UNKNOWN);
    exit_keys(to, &exits, rec->status);
    end(to);
    if (e->process == PROCESS_EXITS)
        process_object(to, e, "exit");
}

/* ---- the rest ---- */

static void signal_object(GString *to, const struct model_event *e)
{
    static const char *const how[] = {"handler", "fatal", "other", "stopped"};
    const struct qbk_signal *rec = (const void *)e->rec;
    const char *name = decode__signal_name((unsigned)rec->signo);
    g_autoptr(GString) info = g_string_new(NULL);

    jsonl__begin(to, "signal", e->rec);
    if (e->thread)
        jsonl__who(to, e->thread);
    json__key_int(to, "signo", rec->signo);
    if (name)
        json__key_word(to, "name", name);
    json__key_int(to, "code", rec->code);
    json__key_word(to, "how", WORD(how, rec->how, "other"));
    print__siginfo(info, rec);
    json__key_text(to, "info", info->str, info->len);
    end(to);
}

static void name_object(GString *to, const struct model_event *e)
{
    const struct qbk_name *rec = (const void *)e->rec;

    jsonl__begin(to, "name", e->rec);
    if (e->thread)
        jsonl__who(to, e->thread);
    static const char *const others[] = {"exe", "cgroup", "command", "user",
                                         "standard"}; /* from QBK_NAME_EXE downwards */
    bool fd = QBK_NAME_EXE - rec->fd >= G_N_ELEMENTS(others);
    json__key_word(to, "what", fd ? "fd" : others[QBK_NAME_EXE - rec->fd]);
    if (fd)
        json__key_uint(to, "fd", rec->fd);
    json__key_text(to, "path", rec->path, rec->len);
    end(to);
}

static void endpoint_keys(GString *to, const struct qbk_object *o)
{
    g_autofree char *local = object__address(o, false), *peer = object__address(o, true);

    if (local)
        json__key_word(to, "local", local);
    if (peer)
        json__key_word(to, "peer", peer);
}

static void socket_keys(GString *to, const struct qbk_object *o)
{
    json__key_uint(to, "family", o->family);
    json__key_uint(to, "socket_type", o->socket_type);
    json__key_uint(to, "protocol", o->protocol);
    json__key_uint(to, "state", o->state);
    endpoint_keys(to, o);
}

static void tty_keys(GString *to, const struct qbk_object *o)
{
    static const char *const sides[] = {"terminal", "master", "slave"};

    json__key_uint(to, "tty", o->tty);
    if (o->tty_other)
        json__key_uint(to, "other", o->tty_other);
    json__key_word(to, "side", WORD(sides, o->tty_side, "terminal"));
    json__key_uint(to, "index", o->tty_index);
    json__key_uint(to, "rows", o->rows);
    json__key_uint(to, "columns", o->columns);
    json__key_uint(to, "iflag", o->iflag);
    json__key_uint(to, "oflag", o->oflag);
    json__key_uint(to, "lflag", o->lflag);
}

static void object_object(GString *to, const struct model_event *e)
{
    static const char *const kinds[] = {"file", "tty", "socket"};
    const struct qbk_object *o = (const void *)e->rec;

    jsonl__begin(to, "object", e->rec);
    if (e->thread)
        jsonl__who(to, e->thread);
    json__key_uint(to, "fd", o->fd);
    json__key_word(to, "kind", WORD(kinds, o->kind, "file"));
    json__key_word(to, "why", o->why == QBK_OBJECT_INSTALLED ? "installed" : "used");
    json__key_uint(to, "file", o->file);
    json__key_uint(to, "mode", o->mode);
    json__key_uint(to, "inode", o->inode);
    g_string_append_printf(to, ",\"dev\":\"%u:%u\"", o->dev_major, o->dev_minor);
    if (o->rdev_major || o->rdev_minor)
        g_string_append_printf(to, ",\"rdev\":\"%u:%u\"", o->rdev_major, o->rdev_minor);
    if (o->kind == QBK_OBJECT_SOCKET)
        socket_keys(to, o);
    else if (o->kind == QBK_OBJECT_TTY)
        tty_keys(to, o);
    end(to);
}

static void mapping_object(GString *to, const struct model_event *e)
{
    static const char *const whys[] = {"mapped", "found", "inherited"};
    const struct qbk_mapping *m = (const void *)e->rec;

    jsonl__begin(to, "mapping", e->rec);
    if (e->thread)
        jsonl__who(to, e->thread);
    json__key_word(to, "why", WORD(whys, m->why, "mapped"));
    json__key_uint(to, "space", m->space);
    json__key_int(to, "process", m->pid);
    json__key_uint(to, "start", m->start);
    json__key_uint(to, "end", m->end);
    json__key_uint(to, "offset", m->offset);
    json__key_uint(to, "file", m->file);
    json__key_uint(to, "inode", m->inode);
    g_string_append_printf(to, ",\"dev\":\"%u:%u\"", m->dev_major, m->dev_minor);
    json__key_text(to, "path", m->path, m->len);
    end(to);
}

static void gap_object(GString *to, const struct model_event *e)
{
    static const char *const reasons[] = {"full", "no_reader", "too_large", "internal"};
    const struct qbk_gap *rec = (const void *)e->rec;

    jsonl__begin(to, "gap", e->rec);
    json__key_uint(to, "records", rec->records);
    json__key_uint(to, "bytes", rec->bytes);
    json__key_uint(to, "enters", rec->enters);
    json__key_uint(to, "returns", rec->returns);
    json__key_word(to, "reason", WORD(reasons, rec->reason, "internal"));
    end(to);
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
                                                        "partial_reads",
                                                        "no_room",
                                                        "completions"};

static void summary_object(GString *to, const struct model_event *e, const struct output_health *health)
{
    const struct qbk_summary *rec = (const void *)e->rec;

    jsonl__begin(to, "summary", e->rec);
    g_string_append(to, ",\"counters\":{");
    for (unsigned i = 0; i < rec->count && i < QBK_COUNTERS; i++) {
        g_string_append_printf(to, "%s\"%s\":", i ? "," : "", counter_names[i]);
        print__decimal(to, (int64_t)rec->counter[i]);
    }
    if (health && health->failed)
        json__key_uint(to, "failed_outputs", health->failed);
    g_string_append(to, "}}\n");
}

static void function_object(GString *to, const struct model_event *e)
{
    const struct function_call *call = e->function;

    if (!call)
        return;
    jsonl__begin(to, "function", e->rec);
    if (e->thread)
        jsonl__who(to, e->thread);
    json__key_text(to, "function", call->name, strlen(call->name));
    json__key_uint(to, "address", call->address);
    json__key_word(to, "end", record__function_end_name((enum qbk_function_end)call->ret->end));
    json__key_uint(to, "enter", call->ret->call);
    if (call->enter) {
        json__key_uint(to, "object", call->enter->object);
        json__key_uint(to, "depth", call->enter->depth);
        json__key_uint(to, "sp", call->enter->sp);
        json__key_uint(to, "return_address", call->enter->ret);
        g_string_append(to, ",\"args\":[");
        for (unsigned i = 0; i < call->enter->nargs; i++)
            g_string_append_printf(to, "%s\"0x%" PRIx64 "\"", i ? "," : "", call->enter->args[i]);
        g_string_append_c(to, ']');
        json__key_uint(to, "duration_ns", call->duration_ns);
    }
    if (call->ret->end == QBK_FUNCTION_RETURNED)
        json__key_uint(to, "result", call->ret->result);
    end(to);
}

static void layer_object(GString *to, const struct model_event *e)
{
    const struct layer *l = e->layer;

    if (!l)
        return;
    jsonl__begin(to, "layer", e->rec);
    if (e->thread)
        jsonl__who(to, e->thread);
    json__key_uint(to, "number", l->rec->number);
    json__key_uint(to, "layer", l->rec->layer);
    json__key_uint(to, "entry", l->rec->entry);
    if (l->rec->from)
        json__key_uint(to, "from", l->rec->from);
    json__key_uint(to, "writer", l->rec->writer);
    json__key_uint(to, "address", l->start);
    json__key_uint(to, "size", l->size);
    json__key_uint(to, "present", l->have);
    json__key_uint(to, "written", l->rec->written);
    layer__flags_json(to, l);
    json__key_word(to, "sha256", l->sha256);
    end(to);
}

typedef void (*object_fn)(GString *to, const struct model_event *e);
static const object_fn objects[QBK_TYPES] = {
    [QBK_META] = meta_object,         [QBK_GUEST] = guest_object,     [QBK_THREAD] = thread_objects,
    [QBK_SIGNAL] = signal_object,     [QBK_NAME] = name_object,       [QBK_THREAD_EXIT] = exit_objects,
    [QBK_GAP] = gap_object,           [QBK_ERROR] = message_object,   [QBK_LOG] = message_object,
    [QBK_OBJECT] = object_object,     [QBK_MAPPING] = mapping_object, [QBK_FUNCTION_RETURN] = function_object,
    [QBK_LAYER_BYTES] = layer_object,
};

void jsonl__record(GString *to, const struct model_event *event, const struct output_health *health)
{
    if (event->rec->type == QBK_SUMMARY)
        summary_object(to, event, health);
    if (event->rec->type < QBK_TYPES && objects[event->rec->type])
        objects[event->rec->type](to, event);
}
