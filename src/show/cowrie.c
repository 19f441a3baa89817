/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions in the event names of the Cowrie honeypot's JSON log, for what reads that. Only what belongs to a connection
 * that the machine accepted is told of; what Cowrie knows as an emulator and cannot be seen from outside (passwords) is
 * empty.
 */
#include <stdlib.h>
#include <string.h>

#include "show/cowrie.h"
#include "show/io.h"
#include "show/json.h"
#include "show/nt/process.h"
#include "show/output.h"
#include "show/trace_id.h"

#define FAILED_MAX    4096u /* processes whose command is not decided yet */
#define TERMINALS_MAX 64u   /* of one session */
#define VERSION_MAX   255u  /* RFC 4253, 4.2 */

/* A terminal of a session, numbered as the cast output numbers them. */
struct tty {
    uint64_t number, begun_ns;
    uint64_t bytes; /* that the person's side gave and took */
    uint16_t rows, columns;
};

static void free_seen(gpointer data)
{
    struct seen *seen = data;

    if (seen->version)
        g_string_free(seen->version, TRUE);
    if (seen->ttys)
        g_array_free(seen->ttys, TRUE);
    if (seen->files)
        g_hash_table_destroy(seen->files);
    g_free(seen->session.remote);
    g_free(seen->session.local);
    g_free(seen->daemon);
    g_free(seen);
}

static void free_string(gpointer data)
{
    g_string_free(data, TRUE);
}

/* ---- an event ---- */

/* "192.0.2.1:4711" or "[2001:db8::1]:4711" */
static void address_keys(GString *to, const char *side, const char *address)
{
    const char *colon = strrchr(address, ':');
    bool v6 = *address == '[';
    size_t len = colon ? (size_t)(colon - address) : strlen(address);

    if (v6 && len > 2 && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    g_string_append_printf(to, ",\"%s_ip\":\"%.*s\"", side, (int)len, address);
    if (colon)
        g_string_append_printf(to, ",\"%s_port\":%lu", side, strtoul(colon + 1, NULL, 10));
}

static const char *protocol(const struct model_session *session)
{
    const char *colon = strrchr(session->local, ':');
    unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : 0;

    return port == 22 || port == 2222 ? "ssh" : port == 23 || port == 2323 ? "telnet" : "tcp";
}

/* Microseconds, as Cowrie has them. */
static void time_key(GString *to, uint64_t ns)
{
    json__key_time(to, "timestamp", ns);
    g_string_truncate(to, to->len - 5); /* three digits, Z and the quote */
    g_string_append(to, "Z\"");
}

void cowrie__begin(const struct cowrie *s, GString *to, const char *event, const struct qbk_record *rec,
                   const struct model_session *session)
{
    g_string_append_printf(to, "{\"eventid\":\"cowrie.%s\"", event);
    time_key(to, rec->time_ns);
    g_string_append_printf(to, ",\"session\":\"%.6s%06" G_GINT64_MODIFIER "x\"", s->trace, session->number);
    address_keys(to, "src", session->remote);
    json__key_word(to, "protocol", protocol(session));
    g_string_append(to, ",\"sensor\":");
    (void)json__string(to, s->sensor, strlen(s->sensor));
}

void cowrie__text(GString *to, const char *key, const char *text, size_t len)
{
    g_string_append_printf(to, ",\"%s\":", key);
    (void)json__string(to, text, len);
}

void cowrie__end(struct cowrie *s, GString *to)
{
    cowrie__text(to, "message", s->message->str, s->message->len);
    g_string_append_len(to, "}\n", 2);
}

/* ---- sessions ---- */

static struct seen *seen_of(struct cowrie *s, const struct model_session *session)
{
    struct seen *seen = g_hash_table_lookup(s->sessions, &session->number);

    if (!seen) {
        seen = g_new0(struct seen, 1);
        seen->session.number = session->number;
        seen->session.remote = g_strdup(session->remote);
        seen->session.local = g_strdup(session->local);
        g_hash_table_insert(s->sessions, &seen->session.number, seen);
    }
    return seen;
}

/* The recordings of a session that ends. */
static void close_logs(struct cowrie *s, GString *to, const struct model_event *e)
{
    const struct seen *seen = g_hash_table_lookup(s->sessions, &e->session->number);

    for (guint i = 0; seen && seen->ttys && i < seen->ttys->len; i++) {
        const struct tty *t = &g_array_index(seen->ttys, struct tty, i);
        double seconds = e->rec->time_ns > t->begun_ns ? (double)(e->rec->time_ns - t->begun_ns) / 1e9 : 0;

        cowrie__begin(s, to, "log.closed", e->rec, e->session);
        g_string_append_printf(to, ",\"ttylog\":\"%04" G_GUINT64_FORMAT ".cast\",\"size\":%" G_GUINT64_FORMAT,
                               t->number, t->bytes);
        g_string_append_printf(to, ",\"duration\":%.3f", seconds);
        g_string_printf(s->message, "Closing TTY Log: %04" G_GUINT64_FORMAT ".cast after %.3f seconds", t->number,
                        seconds);
        cowrie__end(s, to);
    }
}

static void step(struct cowrie *s, GString *to, const struct model_event *e)
{
    const struct model_session *session = e->session;
    uint64_t ns = e->rec->time_ns > session->begun_ns ? e->rec->time_ns - session->begun_ns : 0;

    if (e->session_step == SESSION_BEGINS) {
        struct seen *seen = seen_of(s, session);
        if (e->thread && e->thread->exe && !seen->daemon)
            seen->daemon = g_strdup(e->thread->exe);
        cowrie__begin(s, to, "session.connect", e->rec, session);
        address_keys(to, "dst", session->local);
        g_string_printf(s->message, "New connection: %s (%s)", session->remote, session->local);
        cowrie__end(s, to);
        return;
    }
    close_logs(s, to, e);
    if (!g_hash_table_remove(s->sessions, &session->number))
        return; /* told already */
    cowrie__begin(s, to, "session.closed", e->rec, session);
    g_string_append_printf(to, ",\"duration\":%.3f", (double)ns / 1e9);
    g_string_printf(s->message, "Connection lost after %.3f seconds", (double)ns / 1e9);
    cowrie__end(s, to);
}

/* The first program that is not the daemon's own: whoever it is has been let in, as this user. */
static void login(struct cowrie *s, GString *to, const struct qbk_record *at, const struct model_thread *t,
                  const struct model_session *session)
{
    const char *sid = t->proc ? t->proc->user : NULL, *name = sid ? nt_process__user_name(sid) : NULL;
    g_autofree char *user = sid              ? g_strdup(name ? name : sid)
                            : t->id.uid == 0 ? g_strdup("root")
                                             : g_strdup_printf("%u", t->id.uid);

    cowrie__begin(s, to, "login.success", at, session);
    cowrie__text(to, "username", user, strlen(user));
    json__key_word(to, "password", "");
    g_string_printf(s->message, "login as %s succeeded", user);
    cowrie__end(s, to);
}

static void command(struct cowrie *s, GString *to, const char *event, const struct qbk_record *rec,
                    const struct model_session *session, const char *text, size_t len)
{
    cowrie__begin(s, to, event, rec, session);
    cowrie__text(to, "input", text, len);
    g_string_assign(s->message, strcmp(event, "command.input") == 0 ? "CMD: " : "Command not found: ");
    g_string_append_len(s->message, text, (gssize)len);
    cowrie__end(s, to);
}

static void on_deed(struct cowrie *s, GString *to, const struct model_event *e)
{
    const struct model_session *session = e->thread ? model__session(e->thread) : NULL;
    const struct deed *d = &s->deed;

    if (!session || !deed__event(&s->deed, e) || d->kind != DEED_EXEC)
        return;
    const struct model_thread *t = d->thread;
    const struct qbk_record at = {.seq = d->seq, .time_ns = d->ns};
    if (d->failed) { /* a shell tries each directory of its PATH: what counts is whether one of them worked */
        if (g_hash_table_size(s->failed) < FAILED_MAX)
            g_hash_table_replace(s->failed, g_memdup2(&t->process, sizeof(uint64_t)),
                                 g_string_new_len(d->text->str, (gssize)d->text->len));
        return;
    }
    if (!d->done)
        return;
    g_hash_table_remove(s->failed, &t->process);
    struct seen *seen = seen_of(s, session);
    if (seen->daemon && strcmp(d->path->str, seen->daemon) == 0)
        return; /* it begins anew for this connection */
    if (!seen->login)
        login(s, to, &at, t, session);
    seen->login = true;
    if (!seen->terminal && d->text->str[0] != '-') /* a login shell is no command */
        command(s, to, "command.input", &at, session, d->text->str, d->text->len);
}

static int on_typed(const struct typed_line *typed, void *user, GError **error)
{
    struct cowrie *s = user;
    const struct model_session *session = model__session(typed->thread);
    const struct qbk_record at = {.time_ns = typed->ns};

    (void)error;
    if (session && typed->end == TYPED_ENTERED && typed->line->text->len > 0)
        command(s, stream__buffer(s->stream), "command.input", &at, session, typed->line->text->str,
                typed->line->text->len);
    return 0;
}

/* The session's terminal of this number; NULL: it has too many. */
static struct tty *tty_of(struct seen *seen, const struct terminal *terminal)
{
    const struct tty fresh = {.number = terminal->number, .begun_ns = terminal->begun_ns};

    if (!seen->ttys)
        seen->ttys = g_array_new(FALSE, FALSE, sizeof(struct tty));
    for (guint i = 0; i < seen->ttys->len; i++) {
        struct tty *t = &g_array_index(seen->ttys, struct tty, i);

        if (t->number == terminal->number)
            return t;
    }
    if (seen->ttys->len >= TERMINALS_MAX)
        return NULL;
    g_array_append_val(seen->ttys, fresh);
    return &g_array_index(seen->ttys, struct tty, seen->ttys->len - 1);
}

static void resize(struct cowrie *s, GString *to, const struct model_event *e, const struct model_session *session,
                   struct tty *tty)
{
    const struct qbk_object *object = (const void *)e->rec;

    if (!object->rows || !object->columns || (object->rows == tty->rows && object->columns == tty->columns))
        return;
    tty->rows = object->rows;
    tty->columns = object->columns;
    cowrie__begin(s, to, "client.size", e->rec, session);
    json__key_uint(to, "width", tty->columns);
    json__key_uint(to, "height", tty->rows);
    g_string_printf(s->message, "Terminal Size: %u %u", tty->columns, tty->rows);
    cowrie__end(s, to);
}

static void on_object(struct cowrie *s, GString *to, const struct model_event *e)
{
    const struct qbk_object *object = (const void *)e->rec;
    const struct model_session *session = model__session(e->thread);
    const struct terminal *terminal;
    struct tty *tty;

    if (!session || object->kind != QBK_OBJECT_TTY)
        return;
    seen_of(s, session)->terminal = true;
    terminal = terminals__find(s->terminals, object);
    tty = terminal && terminal->session == session->number ? tty_of(seen_of(s, session), terminal) : NULL;
    if (tty)
        resize(s, to, e, session, tty);
}

/* ---- what goes over the connection and its terminals ---- */

/* Up to the end of the first line. False: that is enough. */
static bool add_version(const uint8_t *bytes, size_t have, uint64_t full, void *user)
{
    struct seen *seen = user;

    for (size_t i = 0; i < have && !seen->versioned; i++) {
        if (bytes[i] == '\n' || seen->version->len == VERSION_MAX)
            seen->versioned = true;
        else if (bytes[i] != '\r')
            g_string_append_c(seen->version, (char)bytes[i]);
    }
    seen->versioned |= have < full;
    return !seen->versioned;
}

/* The client's first line is in clear text, also where all that follows is not. */
static void version(struct cowrie *s, GString *to, const struct model_event *e, const struct io_row *row,
                    struct seen *seen)
{
    static const char prefix[] = "SSH-";
    size_t n;

    if (!seen->version)
        seen->version = g_string_new(NULL);
    io__each(e->call, row, (uint64_t)io__result(e->call), add_version, seen);
    n = MIN(seen->version->len, sizeof(prefix) - 1);
    if (memcmp(seen->version->str, prefix, n) != 0 || (seen->versioned && n < sizeof(prefix) - 1)) {
        seen->versioned = true; /* it speaks something else */
        return;
    }
    if (!seen->versioned)
        return;
    cowrie__begin(s, to, "client.version", e->rec, model__session(e->thread));
    cowrie__text(to, "version", seen->version->str, seen->version->len);
    g_string_printf(s->message, "Remote SSH version: %s", seen->version->str);
    cowrie__end(s, to);
}

static void on_io(struct cowrie *s, GString *to, const struct model_event *e)
{
    const struct model_session *session = e->thread ? model__session(e->thread) : NULL;
    const struct io_row *row = session ? io__row(e->call) : NULL;
    bool reads = row && row->what == IO_READ, writes = row && row->what == IO_WRITE;
    const struct qbk_object *object =
        (reads || writes) && io__result(e->call) > 0 ? model__object(e->thread, (uint32_t)io__fd(e->call, row)) : NULL;
    const struct terminal *terminal;
    struct seen *seen;
    struct tty *tty;

    if (!object)
        return;
    seen = seen_of(s, session);
    if (reads && !seen->versioned && object->kind == QBK_OBJECT_SOCKET && object->inode == session->socket.inode)
        version(s, to, e, row, seen);
    if (object->kind != QBK_OBJECT_TTY || object->tty_side != QBK_TTY_MASTER)
        return;
    terminal = terminals__find(s->terminals, object);
    tty = terminal && terminal->session == session->number ? tty_of(seen, terminal) : NULL;
    if (tty)
        tty->bytes += (uint64_t)io__result(e->call);
}

static void no_more(struct terminal *terminal, void *user)
{
    (void)terminal;
    (void)user;
}

static void on_exit_of(struct cowrie *s, GString *to, const struct model_event *e)
{
    const GString *failed = g_hash_table_lookup(s->failed, &e->thread->process);
    const struct model_session *session = model__session(e->thread);

    if (failed && session)
        command(s, to, "command.failed", e->rec, session, failed->str, failed->len);
    g_hash_table_remove(s->failed, &e->thread->process);
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct cowrie *s = out->state;
    GString *to = stream__buffer(s->stream);

    if (e->type == EVENT_RECORD && e->rec->type == QBK_META && !s->trace[0])
        trace_id__make(s->trace, e->rec);
    if (typed__event(s->typed, e, passed, error) != 0)
        return -1;
    if (caught__event(s->caught, e, error) != 0)
        return -1;
    if (!passed)
        return 0;
    on_deed(s, to, e);
    if (e->type == EVENT_RECORD && e->rec->type == QBK_OBJECT)
        on_object(s, to, e);
    if (e->type == EVENT_CALL)
        on_io(s, to, e);
    if (e->type == EVENT_RECORD && e->thread && e->process == PROCESS_EXITS)
        on_exit_of(s, to, e);
    if (e->session_step != SESSION_SAME)
        step(s, to, e);
    return stream__flush(s->stream, false, error);
}

/* ---- begin and end ---- */

static int on_open(struct output *out, const char *where, int fallback_fd, GError **error)
{
    struct cowrie *s = g_new0(struct cowrie, 1);

    deed__init(&s->deed);
    s->message = g_string_new(NULL);
    s->sensor = g_strdup(g_get_host_name());
    s->terminals = terminals__new(no_more, NULL);
    s->typed = typed__new(s->terminals, on_typed, s);
    s->sessions = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, free_seen);
    s->failed = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, free_string);
    s->stream = stream__open(where, fallback_fd, error);
    out->state = s;
    return s->stream ? cowrie_files__open(s, where, &out->options->files, error) : -1;
}

static int on_tick(struct output *out, GError **error)
{
    return stream__flush(((struct cowrie *)out->state)->stream, true, error);
}

static int on_finish(struct output *out, GError **error)
{
    struct cowrie *s = out->state;
    int err = s->stream && s->caught && !out->failed ? caught__finish(s->caught, error) : 0;

    cowrie_files__close(s);
    if (s->stream && stream__close(s->stream, err ? NULL : error) != 0)
        err = -1;
    deed__clear(&s->deed);
    typed__free(s->typed);
    terminals__free(s->terminals);
    g_hash_table_destroy(s->sessions);
    g_hash_table_destroy(s->failed);
    g_string_free(s->message, TRUE);
    g_free(s->sensor);
    g_free(s);
    return err;
}

/* Programs, and what terminals need (terminal__calls). */
static const char *const calls[] = {"execve",
                                    "execveat",
                                    "read",
                                    "readv",
                                    "write",
                                    "writev",
                                    "open",
                                    "openat",
                                    "openat2",
                                    "pread64",
                                    "pwrite64",
                                    "NtReadFile",
                                    "NtWriteFile",
                                    "NtDeviceIoControlFile",
                                    "NtRequestWaitReplyPort",
                                    "NtAlpcSendWaitReceivePort",
                                    "NtCreateUserProcess",
                                    NULL};

const struct output_ops output_cowrie = {.kind = "cowrie",
                                         .help = "sessions in the event names of the Cowrie honeypot, JSON Lines",
                                         .wants = OUTPUT_WANTS_ALL | OUTPUT_WANTS_DATA | OUTPUT_WANTS_NAMES |
                                                  OUTPUT_WANTS_OBJECTS | OUTPUT_WANTS_FILES | OUTPUT_MAKES_FILES,
                                         .open = on_open,
                                         .event = on_event,
                                         .tick = on_tick,
                                         .finish = on_finish,
                                         .calls = calls};
