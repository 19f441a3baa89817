/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every object of JSON Lines as a message of NATS JetStream. This process only puts them into the spool; a child, which
 * is made before the confinement and has one of its own, talks to the server.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "show/json.h"
#include "show/jsonl.h"
#include "show/nats_send.h"
#include "show/output.h"
#include "trace/record.h"

#define SPOOL_DEFAULT (64u << 20)
#define WAIT_DEFAULT  30u
#define PATIENCE_US   (5 * G_USEC_PER_SEC) /* for a server that takes what we have, while the spool is full */
#define PAUSE_US      2000

struct bus {
    struct spool spool;
    pid_t child;
    GString *line, *text, *object;
    uint64_t lost; /* objects since the spool had no room */
    uint64_t lost_since_ns, lost_seq;
    uint64_t lost_all;
    gint64 stalled; /* since when the spool is full and the server takes nothing; 0: it has room */
    uint64_t taken; /* how far the server was then */
    struct nats_target target;
};

/* ---- where ---- */

/* The host of "USER:PASSWORD@HOST:PORT", "[::1]:4222" … */
static char *host_of(const char *server)
{
    const char *at = strrchr(server, '@'), *host = at ? at + 1 : server;

    return *host == '[' ? g_strndup(host + 1, strcspn(host + 1, "]")) : g_strndup(host, strcspn(host, ":"));
}

/* "//HOST:PORT/SUBJECT" or "tls://HOST:PORT/SUBJECT" */
static int parse(struct nats_target *target, const char *where, GError **error)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    bool tls = g_str_has_prefix(where, "tls://");
    const char *rest = tls ? where + strlen("tls:") : where;
    const char *host = g_str_has_prefix(rest, "//") ? rest + 2 : "", *slash = strrchr(host, '/');
    const char *subject = slash ? slash + 1 : "", *at = strrchr(host, '@');

    if (!slash || slash == host || !*subject || subject[strspn(subject, letters)] || strstr(subject, "..") ||
        *subject == '.' || g_str_has_suffix(subject, ".")) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "where to? nats://HOST:PORT/SUBJECT or nats:tls://HOST:PORT/SUBJECT, a subject of letters, digits, "
                    "'-', '_' and single dots");
        return -1;
    }
    g_autofree char *server = g_strndup(host, (size_t)(slash - host));
    const char *scheme = tls ? "tls" : "nats", *shown = at && at < slash ? at + 1 : host;
    target->url = g_strdup_printf("%s://%s", scheme, server);
    target->shown = g_strdup_printf("%s://%.*s/%s", scheme, (int)(slash - shown), shown, subject);
    target->login.tls = tls;
    target->login.host = host_of(server);
    target->subject = g_strdup(subject);
    return 0;
}

/* ---- the child ---- */

/* It has nothing of the others' outputs: who waits for their end must not wait for this. */
static void leave_everything(struct spool *spool)
{
    int null = open("/dev/null", O_RDWR);

    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
    }
    (void)dup2(spool->wake[0], 3);
    spool->wake[0] = 3;
    spool->wake[1] = -1;
    (void)close_range(4, ~0u, 0);
}

static void child(struct bus *bus, const struct show_options *options)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};

    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) /* they mean the machine; this ends when all is sent */
        (void)signal(signals[i], SIG_IGN);
    leave_everything(&bus->spool);
    if (options->confine_sender)
        options->confine_sender();
    nats_send__run(&bus->spool, &bus->target);
    _exit(0);
}

static int on_open(struct output *out, const char *where, int fallback_fd, GError **error)
{
    uint64_t size = out->options->nats_spool ? out->options->nats_spool : SPOOL_DEFAULT;
    struct bus *bus = g_new0(struct bus, 1);

    (void)fallback_fd;
    out->state = bus;
    bus->spool.wake[0] = bus->spool.wake[1] = -1;
    bus->line = g_string_new(NULL);
    bus->text = g_string_new(NULL);
    bus->object = g_string_new(NULL);
    bus->target.wait_s = out->options->nats_wait >= 0 ? (unsigned)out->options->nats_wait : WAIT_DEFAULT;
    if (parse(&bus->target, where, error) != 0 || nats_login__load(&bus->target.login, out->options, error) != 0 ||
        spool__open(&bus->spool, size & ~UINT64_C(4095), error) != 0)
        return -1;
    bus->child = fork();
    if (bus->child == 0)
        child(bus, out->options);
    if (bus->child < 0)
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "cannot make a process that sends: %s",
                    g_strerror(errno));
    return bus->child < 0 ? -1 : 0;
}

/* ---- objects ---- */

/* While the spool is full: is it worth to wait? The server must be taking what we have; of a live trace not for long.
 */
static bool may_wait(struct bus *bus, const struct show_options *options)
{
    const struct spool_state *state = bus->spool.state;
    uint64_t taken = __atomic_load_n(&state->taken, __ATOMIC_ACQUIRE);
    gint64 now = g_get_monotonic_time();
    gint64 patience = options->kept ? (gint64)bus->target.wait_s * G_USEC_PER_SEC : PATIENCE_US;

    if (bus->stalled == 0 || taken != bus->taken)
        bus->stalled = now;
    bus->taken = taken;
    if (!options->kept && !__atomic_load_n(&state->connected, __ATOMIC_ACQUIRE))
        return false;
    return now - bus->stalled <= patience;
}

static bool put(struct bus *bus, const struct show_options *options, uint64_t seq, uint32_t part, const GString *object)
{
    while (!spool__put(&bus->spool, seq, part, object->str, object->len, false)) {
        if (object->len > spool__largest(&bus->spool) || !may_wait(bus, options))
            return false;
        g_usleep(PAUSE_US);
    }
    bus->stalled = 0;
    return true;
}

static void write_lost(struct bus *bus)
{
    g_string_printf(bus->object,
                    "{\"trace\":\"%s\",\"type\":\"bus\",\"event\":\"lost\",\"objects\":%" G_GUINT64_FORMAT
                    ",\"first_seq\":%" G_GUINT64_FORMAT ",\"since_ns\":%" G_GUINT64_FORMAT "}",
                    bus->spool.state->trace, bus->lost, bus->lost_seq, bus->lost_since_ns);
}

/* What found no room is told of where it is missing. */
static bool tell_lost(struct bus *bus, const struct show_options *options, uint64_t seq)
{
    write_lost(bus);
    if (!put(bus, options, seq, SPOOL_PART_END - 1, bus->object))
        return false;
    bus->lost = 0;
    return true;
}

static void lose(struct bus *bus, const struct qbk_record *rec)
{
    if (bus->lost++ == 0) {
        bus->lost_seq = rec->seq;
        bus->lost_since_ns = rec->time_ns;
    }
    bus->lost_all++;
}

/* One object: a line without its end, with the trace that it is of. */
static void send_object(struct bus *bus, const struct show_options *options, const struct model_event *e, uint32_t part,
                        const char *line, size_t len)
{
    g_string_printf(bus->text, "{\"trace\":\"%s\",", bus->spool.state->trace);
    g_string_append_len(bus->text, line + 1, (gssize)len - 1);
    if (bus->lost && !tell_lost(bus, options, e->rec->seq))
        lose(bus, e->rec);
    else if (!put(bus, options, e->rec->seq, part, bus->text))
        lose(bus, e->rec);
}

static int on_event(struct output *out, const struct model_event *e, bool passed, GError **error)
{
    struct bus *bus = out->state;
    uint32_t part = e->final ? SPOOL_PART_END : 0;

    (void)error;
    if (!passed)
        return 0;
    if (e->rec->type == QBK_META && !bus->spool.state->trace[0])
        trace_id__make(bus->spool.state->trace, e->rec);
    g_string_truncate(bus->line, 0);
    jsonl__event(bus->line, bus->text, out, e);
    for (const char *line = bus->line->str, *end; (end = strchr(line, '\n')); line = end + 1)
        send_object(bus, out->options, e, part++, line, (size_t)(end - line));
    return 0;
}

static int died(struct bus *bus, GError **error)
{
    int status;

    if (bus->child <= 0 || waitpid(bus->child, &status, WNOHANG) != bus->child)
        return 0;
    bus->child = 0;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "the process that sends has died");
    return -1;
}

static int on_tick(struct output *out, GError **error)
{
    return died(out->state, error);
}

/* The child knows how long it may go on; a little more, and it is left to itself. */
static void wait_for_child(struct bus *bus)
{
    gint64 until = g_get_monotonic_time() + (gint64)(bus->target.wait_s + 20) * G_USEC_PER_SEC;
    uint64_t sent = 0;
    int status;

    while (bus->child > 0 && waitpid(bus->child, &status, WNOHANG) == 0) {
        if (__atomic_load_n(&bus->spool.state->sent, __ATOMIC_ACQUIRE) != sent) {
            sent = bus->spool.state->sent;
            until = g_get_monotonic_time() + (gint64)(bus->target.wait_s + 20) * G_USEC_PER_SEC;
        }
        if (g_get_monotonic_time() > until)
            return;
        g_usleep(PAUSE_US);
    }
}

static int finish(struct bus *bus, GError **error)
{
    struct spool_state *state = bus->spool.state;
    uint64_t left;

    if (bus->lost) {
        write_lost(bus);
        (void)spool__put(&bus->spool, UINT64_MAX >> 1, SPOOL_PART_END - 1, bus->object->str, bus->object->len, true);
    }
    __atomic_store_n(&state->closing, 1, __ATOMIC_RELEASE);
    close(bus->spool.wake[1]);
    bus->spool.wake[1] = -1;
    wait_for_child(bus);
    left = state->items - __atomic_load_n(&state->sent, __ATOMIC_ACQUIRE);
    if (left == 0 && bus->lost_all == 0)
        return 0;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                "%" G_GUINT64_FORMAT " objects did not reach the server, %" G_GUINT64_FORMAT
                " found no room in the spool",
                left, bus->lost_all);
    return -1;
}

static int on_finish(struct output *out, GError **error)
{
    struct bus *bus = out->state;
    int err = bus->child > 0 ? finish(bus, error) : 0;

    spool__close(&bus->spool);
    g_string_free(bus->line, TRUE);
    g_string_free(bus->text, TRUE);
    g_string_free(bus->object, TRUE);
    g_free(bus->target.url);
    g_free(bus->target.shown);
    g_free(bus->target.subject);
    nats_login__clear(&bus->target.login);
    g_free(bus);
    return err;
}

const struct output_ops output_nats = {
    .kind = "nats",
    .help = "every object of jsonl to NATS JetStream; nats://HOST:PORT/SUBJECT or nats:tls://HOST:PORT/SUBJECT",
    .wants = OUTPUT_WANTS_ALL | OUTPUT_WANTS_OBJECTS,
    .open = on_open,
    .event = on_event,
    .tick = on_tick,
    .finish = on_finish};
