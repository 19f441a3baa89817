/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events in the field names of the Elastic Common Schema (9.3): processes, connections, files, and what went wrong. A
 * call alone is none; those that mean something are (deeds.h). Names are written with dots, which Elasticsearch takes
 * as it takes objects. What the schema has no field for is below "qebek.".
 */
#include <string.h>
#include <sys/socket.h>

#include "show/deeds.h"
#include "show/exits.h"
#include "show/json.h"
#include "show/nt/process.h"
#include "show/output.h"
#include "show/trace_id.h"

#define ECS_VERSION "9.3.0"

struct ecs {
    struct stream *stream;
    struct deed deed;
    char trace[TRACE_ID_SIZE]; /* entities of two traces are never the same */
};

/* What kind of event: category and type are lists in the schema. */
struct class
{
    const char *category, *type;
};

static const struct class deed_classes[DEED_KINDS] = {
    [DEED_EXEC] = {"process", "start"},   [DEED_CONNECT] = {"network", "connection"},
    [DEED_ACCEPT] = {"network", "start"}, [DEED_LISTEN] = {"network", "info"},
    [DEED_READ] = {"file", "access"},     [DEED_WRITE] = {"file", "change"},
    [DEED_CREATE] = {"file", "creation"}, [DEED_DELETE] = {"file", "deletion"},
    [DEED_RENAME] = {"file", "change"},   [DEED_LINK] = {"file", "creation"},
    [DEED_MKDIR] = {"file", "creation"},  [DEED_CHMOD] = {"file", "change"},
    [DEED_CHOWN] = {"file", "change"},
};

/* Text of the guest, once: what is no UTF-8 is replaced, and exact in the other outputs. */
static void text_key(GString *to, const char *key, const char *text, size_t len)
{
    g_string_append_printf(to, ",\"%s\":", key);
    (void)json__string(to, text, len);
}

static void begin(const struct ecs *s, GString *to, const struct qbk_record *rec, const char *action,
                  const struct class *class)
{
    gsize at = to->len;

    json__key_time(to, "@timestamp", rec->time_ns);
    to->str[at] = '{'; /* in place of the comma before the first */
    json__key_word(to, "ecs.version", ECS_VERSION);
    json__key_word(to, "event.kind", class ? "event" : "pipeline_error");
    if (class)
        g_string_append_printf(to, ",\"event.category\":[\"%s\"],\"event.type\":[\"%s\"]", class->category,
                               class->type);
    json__key_word(to, "event.action", action);
    json__key_word(to, "event.module", "qebek");
    g_string_append_printf(to, ",\"event.dataset\":\"qebek.%s\"", class ? class->category : "trace");
    json__key_uint(to, "event.sequence", rec->seq);
    if (rec->vcpu != QBK_NO_VCPU)
        json__key_uint(to, "qebek.vcpu", rec->vcpu);
    json__key_word(to, "qebek.trace", s->trace);
}

static void entity_key(const struct ecs *s, GString *to, const char *key, uint64_t process)
{
    if (process)
        g_string_append_printf(to, ",\"%s\":\"%s-%" G_GUINT64_FORMAT "\"", key, s->trace, process);
}

static void id_key(GString *to, const char *key, uint32_t id)
{
    if (id != UINT32_MAX)
        g_string_append_printf(to, ",\"%s\":\"%u\"", key, id);
}

/* Who is behind it: not "source", which is the source of one event and not of the whole intrusion. */
static void session_keys(GString *to, const struct model_session *session)
{
    if (!session)
        return;
    json__key_uint(to, "qebek.session", session->number);
    json__key_word(to, "qebek.remote", session->remote);
}

/* NT's users are SIDs. */
static void user_keys(GString *to, const struct model_thread *t)
{
    const char *sid = t->proc ? t->proc->user : NULL, *name = sid ? nt_process__user_name(sid) : NULL;

    if (sid)
        text_key(to, "user.id", sid, strlen(sid));
    else
        id_key(to, "user.id", t->id.uid);
    if (name)
        text_key(to, "user.name", name, strlen(name));
}

static void process_keys(const struct ecs *s, GString *to, const struct model_thread *t)
{
    static const char *const systems[] = {"linux", "windows"};

    if (!t)
        return;
    if (t->id.os < G_N_ELEMENTS(systems))
        json__key_word(to, "host.os.type", systems[t->id.os]);
    if (t->id.pid >= 0) {
        json__key_int(to, "process.pid", t->id.pid);
        json__key_int(to, "process.thread.id", t->id.tid);
    }
    if (t->id.ppid >= 0)
        json__key_int(to, "process.parent.pid", t->id.ppid);
    entity_key(s, to, "process.entity_id", t->process);
    entity_key(s, to, "process.parent.entity_id", t->parent_process);
    if (t->comm[0])
        text_key(to, "process.name", t->comm, strlen(t->comm));
    if (t->exe)
        text_key(to, "process.executable", t->exe, g_ref_string_length(t->exe));
    user_keys(to, t);
    id_key(to, "user.effective.id", t->id.euid);
    id_key(to, "group.id", t->id.gid);
    session_keys(to, model__session(t));
}

static void end(GString *to)
{
    g_string_append_len(to, "}\n", 2);
}

/* ---- what calls did ---- */

/* Who is the source: who begins. */
static void network_keys(GString *to, const struct deed *d)
{
    const char *side = d->kind == DEED_ACCEPT ? "source" : "destination";

    if (d->address[0]) {
        bool v6 = strchr(d->address, ':') != NULL;
        json__key_word(to, "network.type", v6 ? "ipv6" : "ipv4");
        g_string_append_printf(to, ",\"%s.ip\":\"%s\",\"%s.port\":%u", side, d->address, side, d->port);
        g_string_append_printf(to, ",\"related.ip\":[\"%s\"]", d->address);
        json__key_word(to, "qebek.scope", d->scope);
    }
    if (d->kind != DEED_LISTEN)
        json__key_word(to, "network.direction", d->kind == DEED_ACCEPT ? "ingress" : "egress");
    if (d->family == AF_UNIX)
        text_key(to, "file.path", d->path->str, d->path->len);
}

static void path_keys(GString *to, const struct deed *d)
{
    if (d->kind == DEED_EXEC) {
        if (d->text->len)
            text_key(to, "process.command_line", d->text->str, d->text->len);
        text_key(to, "file.path", d->path->str, d->path->len);
        return;
    }
    text_key(to, "file.path", d->path->str, d->path->len);
    if (d->text->len)
        text_key(to, "file.target_path", d->text->str, d->text->len);
}

static void deed_event(struct ecs *s, GString *to, const struct model_event *e)
{
    const struct deed *d = &s->deed;
    const struct qbk_record at = {
        .seq = d->seq, .time_ns = d->ns, .vcpu = e->call ? e->call->enter->h.vcpu : e->rec->vcpu};

    begin(s, to, &at, deed__name(d->kind), &deed_classes[d->kind]);
    json__key_word(to, "event.outcome", d->failed ? "failure" : d->done ? "success" : "unknown");
    json__key_uint(to, "event.duration", d->duration_ns);
    process_keys(s, to, d->thread);
    if (deed__is_network(d->kind))
        network_keys(to, d);
    else
        path_keys(to, d);
    if (d->error) {
        json__key_word(to, "error.code", d->error);
        if (!model__is_nt(d->thread))
            json__key_word(to, "error.message", decode__errno_text(d->code));
    }
    if (d->pending)
        json__key_true(to, "qebek.pending");
    if (d->cut)
        json__key_true(to, "qebek.cut");
    end(to);
}

/* ---- records ---- */

static void process_event(struct ecs *s, GString *to, const struct model_event *e)
{
    static const struct class starts = {"process", "start"}, ends = {"process", "end"}, was = {"process", "info"};
    bool exits = e->process == PROCESS_EXITS, born = e->thread->id.why == QBK_THREAD_BORN;
    struct exits how = exits__process(e);

    begin(s, to, e->rec, exits ? "exit" : born ? "fork" : "seen", exits ? &ends : born ? &starts : &was);
    json__key_word(to, "event.outcome", "success");
    process_keys(s, to, e->thread);
    if (e->cgroup)
        text_key(to, "qebek.cgroup", e->cgroup, g_ref_string_length((gchar *)(uintptr_t)e->cgroup));
    if (exits && how.signal)
        json__key_word(to, "qebek.signal", how.signal);
    else if (exits && how.known)
        json__key_uint(to, "process.exit_code", how.code);
    end(to);
}

static void gap_event(struct ecs *s, GString *to, const struct model_event *e)
{
    begin(s, to, e->rec, "gap", NULL);
    g_string_append_printf(to, ",\"error.message\":\"%" G_GUINT64_FORMAT " records were lost\"",
                           ((const struct qbk_gap *)e->rec)->records);
    end(to);
}

static void message_event(struct ecs *s, GString *to, const struct model_event *e)
{
    static const struct class info = {"process", "info"};
    const struct qbk_text *rec = (const void *)e->rec;
    bool log = rec->h.type == QBK_LOG;

    begin(s, to, e->rec, log ? "log" : "error", log ? &info : NULL);
    process_keys(s, to, e->thread);
    text_key(to, log ? "message" : "error.message", rec->text, rec->len);
    end(to);
}

static void session_event(struct ecs *s, GString *to, const struct model_event *e)
{
    static const struct class begins = {"session", "start"}, ends = {"session", "end"};
    bool start = e->session_step == SESSION_BEGINS;

    begin(s, to, e->rec, start ? "session_start" : "session_end", start ? &begins : &ends);
    json__key_word(to, "event.outcome", "success");
    if (!start && e->rec->time_ns > e->session->begun_ns)
        json__key_uint(to, "event.duration", e->rec->time_ns - e->session->begun_ns);
    session_keys(to, e->session);
    end(to);
}

static void record_event(struct ecs *s, GString *to, const struct model_event *e)
{
    switch (e->rec->type) {
    case QBK_META:
        if (!s->trace[0])
            trace_id__make(s->trace, e->rec);
        break;
    case QBK_THREAD:
    case QBK_THREAD_EXIT:
        if (e->thread && (e->process == PROCESS_STARTS || e->process == PROCESS_EXITS))
            process_event(s, to, e);
        break;
    case QBK_GAP:
        gap_event(s, to, e);
        break;
    case QBK_ERROR:
    case QBK_LOG:
        message_event(s, to, e);
        break;
    default:
        break;
    }
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct ecs *s = out->state;
    GString *to = stream__buffer(s->stream);

    if (!passed)
        return 0;
    if (e->session_step != SESSION_SAME)
        session_event(s, to, e);
    if (e->type == EVENT_RECORD)
        record_event(s, to, e);
    if (deed__event(&s->deed, e))
        deed_event(s, to, e);
    return stream__flush(s->stream, false, error);
}

static int on_open(struct output *out, const char *where, int fallback_fd, GError **error)
{
    struct ecs *s = g_new0(struct ecs, 1);

    deed__init(&s->deed);
    s->stream = stream__open(where, fallback_fd, error);
    out->state = s;
    return s->stream ? 0 : -1;
}

static int on_tick(struct output *out, GError **error)
{
    return stream__flush(((struct ecs *)out->state)->stream, true, error);
}

static int on_finish(struct output *out, GError **error)
{
    struct ecs *s = out->state;
    int err = s->stream ? stream__close(s->stream, error) : 0;

    deed__clear(&s->deed);
    g_free(s);
    return err;
}

const struct output_ops output_ecs = {.kind = "ecs",
                                      .help = "events in the field names of the Elastic Common Schema, JSON Lines",
                                      .wants = OUTPUT_WANTS_ALL | OUTPUT_WANTS_NAMES | OUTPUT_WANTS_OBJECTS,
                                      .open = on_open,
                                      .event = on_event,
                                      .tick = on_tick,
                                      .finish = on_finish};
