/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each message has an id that the server knows it by, so one that is sent again is not stored again, within the time
 * for which the server remembers ids. An outage may last longer: then the last message of our subject tells how far the
 * server had come, as nobody else writes there and messages of one connection are stored in order.
 */
#include "show/nats_send.h"

#include <errno.h>
#include <inttypes.h>
#include <nats/nats.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH       2048u /* messages on their way at once */
#define BATCH_BYTES (4u << 20)
#define ANSWER_MS   10000 /* how long the server may take for a batch */
#define STEP_MS     200
#define CONNECT_MS  3000
#define AGAIN_MS    500 /* between attempts to connect */
#define IDLE_MS     1000
#define ID_SIZE     64u

/* Atomic reads of what the other side writes. */
#define GET(field)        __atomic_load_n(&(field), __ATOMIC_ACQUIRE)
#define SET(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)

enum fate { ON_ITS_WAY, STORED, REFUSED };

struct sender {
    struct spool *spool;
    struct nats_target *target;
    natsConnection *connection;
    jsCtx *js;
    char *stream; /* the name of the one that takes our subject */
    /* the batch: guarded by the lock, as answers come on a thread of the library */
    GMutex lock;
    GHashTable *index; /* natsMsg * -> its place */
    enum fate fate[BATCH];
    uint64_t at[BATCH + 1]; /* place in the spool of each */
    unsigned count;
    char refusal[128];  /* why one was not taken */
    bool asked;         /* the server, over this connection, how far it had come */
    char last[ID_SIZE]; /* the id of what was stored last */
    /* what was told */
    bool down, refused;
    uint64_t down_since; /* nanoseconds since 1970 */
    gint64 give_up;      /* monotonic; 0: not closing */
};

static uint64_t now_ns(void)
{
    return (uint64_t)g_get_real_time() * 1000u;
}

static void say(const struct sender *s, const char *what, const char *more)
{
    fprintf(stderr, "qebek: output nats: %s: %s%s%s\n", s->target->shown, what, *more ? ": " : "", more);
}

/* ---- connections ---- */

static void disconnect(struct sender *s)
{
    SET(s->spool->state->connected, 0);
    s->asked = false;
    jsCtx_Destroy(s->js);
    s->js = NULL;
    natsConnection_Destroy(s->connection);
    s->connection = NULL;
    g_clear_pointer(&s->stream, g_free);
    g_mutex_lock(&s->lock);
    g_hash_table_remove_all(s->index);
    g_mutex_unlock(&s->lock);
}

static void on_answer(jsCtx *js, natsMsg *msg, jsPubAck *ack, jsPubAckErr *failure, void *closure)
{
    struct sender *s = closure;
    gpointer place;

    (void)js;
    g_mutex_lock(&s->lock);
    if (g_hash_table_lookup_extended(s->index, msg, NULL, &place)) {
        unsigned i = GPOINTER_TO_UINT(place);
        if (ack)
            s->fate[i] = STORED;
        else if (failure && failure->ErrCode != 0) { /* the server's own no; a time-out leaves it open */
            s->fate[i] = REFUSED;
            (void)g_strlcpy(s->refusal, failure->ErrText ? failure->ErrText : "", sizeof(s->refusal));
        }
        if (ack && ack->Duplicate)
            s->spool->state->duplicates++;
        g_hash_table_remove(s->index, msg);
    }
    g_mutex_unlock(&s->lock);
    natsMsg_Destroy(msg);
}

/* A connection of its own for each attempt: what the library would keep and send again is ours to decide. */
static natsStatus open_connection(struct sender *s)
{
    natsOptions *options = NULL;
    natsStatus status = natsOptions_Create(&options);

    if (status == NATS_OK)
        status = natsOptions_SetURL(options, s->target->url);
    if (status == NATS_OK)
        status = natsOptions_SetName(options, "qebek");
    if (status == NATS_OK)
        status = natsOptions_SetTimeout(options, CONNECT_MS);
    if (status == NATS_OK)
        status = natsOptions_SetAllowReconnect(options, false);
    if (status == NATS_OK)
        status = nats_login__apply(&s->target->login, options);
    if (status == NATS_OK)
        status = natsConnection_Connect(&s->connection, options);
    natsOptions_Destroy(options);
    return status;
}

static natsStatus find_stream(struct sender *s)
{
    jsStreamNamesList *names = NULL;
    jsOptions options;
    natsStatus status = jsOptions_Init(&options);

    options.Stream.Info.SubjectsFilter = s->target->subject;
    if (status == NATS_OK)
        status = js_StreamNames(&names, s->js, &options, NULL);
    if (status == NATS_OK && names->Count == 0)
        status = NATS_NOT_FOUND;
    if (status == NATS_OK)
        s->stream = g_strdup(names->List[0]);
    jsStreamNamesList_Destroy(names);
    return status;
}

static natsStatus connect_now(struct sender *s)
{
    jsOptions options;
    natsStatus status = open_connection(s);

    if (status == NATS_OK)
        status = jsOptions_Init(&options);
    if (status == NATS_OK) {
        options.Wait = CONNECT_MS;
        options.PublishAsync.MaxPending = BATCH + 1;
        options.PublishAsync.AckHandler = on_answer;
        options.PublishAsync.AckHandlerClosure = s;
        status = natsConnection_JetStream(&s->js, s->connection, &options);
    }
    if (status == NATS_OK)
        status = find_stream(s);
    return status;
}

static const char *why(const struct sender *s, natsStatus status)
{
    if (status == NATS_NOT_FOUND && s->js)
        return "no stream of the server takes this subject; make one";
    if (status == NATS_NO_RESPONDERS)
        return "the server has no JetStream (nats-server -js)";
    return natsStatus_GetText(status);
}

/* Is it time to give up? Only once nothing more will come: before, the spool bridges any outage. */
static bool out_of_time(struct sender *s)
{
    if (!GET(s->spool->state->closing))
        return false;
    if (s->give_up == 0)
        s->give_up = g_get_monotonic_time() + (gint64)s->target->wait_s * G_USEC_PER_SEC;
    return g_get_monotonic_time() > s->give_up;
}

static bool is_over(struct sender *s)
{
    uint64_t next;

    if (out_of_time(s))
        return true;
    return GET(s->spool->state->closing) && !spool__look(s->spool, s->spool->state->taken, &next);
}

/* Wait for the other side, at most so long. */
static void rest(struct sender *s, int ms)
{
    struct pollfd wake = {.fd = s->spool->wake[0], .events = POLLIN};
    char bytes[64];

    if (poll(&wake, 1, ms) <= 0)
        return;
    ssize_t n = read(wake.fd, bytes, sizeof(bytes));
    if (n == 0) { /* the other process is gone, in order or not: nothing more will come */
        SET(s->spool->state->closing, 1);
        g_usleep(10000);
    }
}

static void goes_down(struct sender *s, natsStatus status)
{
    disconnect(s);
    if (s->down)
        return;
    s->down = true;
    s->down_since = now_ns();
    say(s, why(s, status), "what comes is kept until it can be sent");
}

/* ---- messages ---- */

static natsStatus message(struct sender *s, natsMsg **msg, const char *id, const char *text, size_t len)
{
    natsStatus status = natsMsg_Create(msg, s->target->subject, NULL, text, (int)len);

    if (status == NATS_OK)
        status = natsMsgHeader_Set(*msg, "Nats-Msg-Id", id);
    if (status != NATS_OK)
        g_clear_pointer(msg, natsMsg_Destroy);
    return status;
}

static void id_of(const struct sender *s, const struct spool_item *item, char id[ID_SIZE])
{
    g_snprintf(id, ID_SIZE, "%s-%" PRIu64 "-%u", s->spool->state->trace, item->seq, item->part);
}

/* Where an item is in the order in which its trace puts them in; those of the end come last. */
struct order {
    bool end;
    uint64_t seq;
    uint32_t part;
};

static bool is_after(const struct order *a, const struct order *b)
{
    if (a->end != b->end)
        return a->end;
    return a->seq != b->seq ? a->seq > b->seq : a->part > b->part;
}

static bool parse_id(const struct sender *s, const char *id, struct order *o)
{
    size_t n = strlen(s->spool->state->trace);
    unsigned part = 0;

    if (n == 0 || strncmp(id, s->spool->state->trace, n) != 0 || sscanf(id + n, "-%" SCNu64 "-%u", &o->seq, &part) != 2)
        return false;
    o->part = part;
    o->end = part >= SPOOL_PART_END;
    return true;
}

/* How far the server has come with this trace. False: it has nothing of it. */
static bool last_stored(struct sender *s, struct order *last)
{
    natsMsg *msg = NULL;
    const char *id = NULL;
    bool known = js_GetLastMsg(&msg, s->js, s->stream, s->target->subject, NULL, NULL) == NATS_OK &&
                 natsMsgHeader_Get(msg, "Nats-Msg-Id", &id) == NATS_OK && id && parse_id(s, id, last);

    natsMsg_Destroy(msg);
    return known;
}

/* Leave out what is stored already: answers that an outage swallowed, or a trace that is sent a second time. */
static void skip_stored(struct sender *s)
{
    struct spool_state *state = s->spool->state;
    const struct spool_item *item;
    struct order last, own;
    uint64_t next;

    if (!last_stored(s, &last))
        return;
    while ((item = spool__look(s->spool, state->taken, &next))) {
        own = (struct order){.end = item->part >= SPOOL_PART_END, .seq = item->seq, .part = item->part};
        if (is_after(&own, &last))
            return;
        id_of(s, item, s->last);
        state->sent++;
        state->duplicates++;
        spool__taken(s->spool, next);
    }
}

/* What the server takes no message of: the stream says that it was there. */
static char *instead(const struct sender *s, const struct spool_item *item)
{
    return g_strdup_printf("{\"trace\":\"%s\",\"type\":\"bus\",\"event\":\"too_large\",\"seq\":%" PRIu64
                           ",\"bytes\":%u}",
                           s->spool->state->trace, item->seq, item->len);
}

static natsStatus publish(struct sender *s, const struct spool_item *item, unsigned place)
{
    bool large = (int64_t)item->len + 512 > natsConnection_GetMaxPayload(s->connection);
    g_autofree char *other = large ? instead(s, item) : NULL;
    char id[ID_SIZE];
    natsMsg *msg = NULL, *key;
    natsStatus status;

    id_of(s, item, id);
    status = message(s, &msg, id, large ? other : item->text, large ? strlen(other) : item->len);
    if (status != NATS_OK)
        return status;
    key = msg;
    g_mutex_lock(&s->lock);
    g_hash_table_replace(s->index, key, GUINT_TO_POINTER(place));
    s->fate[place] = ON_ITS_WAY;
    g_mutex_unlock(&s->lock);
    status = js_PublishMsgAsync(s->js, &msg, NULL);
    if (status != NATS_OK) {
        g_mutex_lock(&s->lock);
        g_hash_table_remove(s->index, key);
        g_mutex_unlock(&s->lock);
        natsMsg_Destroy(msg);
    }
    return status;
}

/* In short steps: a connection that broke is not waited for. */
static natsStatus wait_for_answers(struct sender *s)
{
    natsStatus status = NATS_TIMEOUT;
    jsPubOptions wait;

    (void)jsPubOptions_Init(&wait);
    wait.MaxWait = STEP_MS;
    for (int ms = 0; ms < ANSWER_MS && status == NATS_TIMEOUT && !natsConnection_IsClosed(s->connection); ms += STEP_MS)
        status = js_PublishAsyncComplete(s->js, &wait);
    return status;
}

/* Send what is there, at most a batch. */
static natsStatus send_batch(struct sender *s)
{
    struct spool_state *state = s->spool->state;
    uint64_t at = state->taken, next;
    const struct spool_item *item;
    natsStatus status = NATS_OK;
    size_t bytes = 0;

    s->count = 0;
    while (status == NATS_OK && s->count < BATCH && bytes < BATCH_BYTES && (item = spool__look(s->spool, at, &next))) {
        status = publish(s, item, s->count);
        bytes += item->len;
        if (status == NATS_OK) {
            s->at[s->count++] = at = next;
        }
    }
    natsStatus complete = s->count > 0 ? wait_for_answers(s) : NATS_OK;
    return status == NATS_OK ? complete : status;
}

/* The message in place i of the batch; it has not been taken out yet. */
static const struct spool_item *item_before(const struct sender *s, unsigned i)
{
    uint64_t next;

    return spool__look(s->spool, i ? s->at[i - 1] : s->spool->state->taken, &next);
}

/* Take those out that are stored, up to the first that is not. */
static natsStatus settle(struct sender *s)
{
    natsStatus status = NATS_OK;

    g_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->count; i++) {
        if (s->fate[i] != STORED) {
            status = s->fate[i] == REFUSED ? NATS_ERR : NATS_TIMEOUT;
            break;
        }
        s->spool->state->sent++;
        id_of(s, item_before(s, i), s->last);
        spool__taken(s->spool, s->at[i]);
    }
    g_mutex_unlock(&s->lock);
    return status;
}

/* The stream tells of an outage itself: when it began, and that nothing of it is missing. */
static void tell_outage(struct sender *s)
{
    g_autofree char *text = NULL, *id = NULL;
    natsMsg *msg = NULL;

    /* Begins as the message before it, so that the place in the stream can be told from it as well. */
    id = g_strdup_printf("%s-down-%" PRIu64, s->last[0] ? s->last : s->spool->state->trace, s->down_since);
    text = g_strdup_printf("{\"trace\":\"%s\",\"type\":\"bus\",\"event\":\"outage\",\"since_ns\":%" PRIu64
                           ",\"until_ns\":%" PRIu64 ",\"waiting\":%" PRIu64 "}",
                           s->spool->state->trace, s->down_since, now_ns(),
                           GET(s->spool->state->items) - s->spool->state->sent);
    if (message(s, &msg, id, text, strlen(text)) == NATS_OK)
        (void)js_PublishMsg(NULL, s->js, msg, NULL, NULL); /* where it fails, the next attempt tells of it */
    natsMsg_Destroy(msg);
}

/* Connected: skip what is stored already, tell of the outage, and go on. */
static void comes_up(struct sender *s)
{
    SET(s->spool->state->connected, 1);
    if (s->down)
        say(s, "connected", "");
    s->give_up = 0; /* the time to give up counts from the last sign of life */
}

/* Before the first message: not earlier, as the trace has no name before its first record. */
static void ask(struct sender *s)
{
    s->asked = true;
    skip_stored(s);
    if (s->down)
        tell_outage(s);
    s->down = false;
}

static void pump(struct sender *s)
{
    natsStatus status;

    while (!is_over(s)) {
        uint64_t next;

        if (!spool__look(s->spool, s->spool->state->taken, &next)) {
            rest(s, IDLE_MS);
            if (natsConnection_IsClosed(s->connection)) {
                goes_down(s, NATS_CONNECTION_CLOSED);
                return;
            }
            continue;
        }
        if (!s->asked) {
            ask(s);
            continue;
        }
        status = send_batch(s);
        natsStatus left = settle(s);
        if (left == NATS_ERR) {
            if (!s->refused)
                say(s, "the server refuses a message", s->refusal);
            s->refused = true;
            g_usleep(AGAIN_MS * 1000);
        } else if (status != NATS_OK || left != NATS_OK) {
            goes_down(s, status != NATS_OK ? status : left);
            return;
        } else {
            s->refused = false;
            s->give_up = 0;
        }
    }
}

void nats_send__run(struct spool *spool, struct nats_target *target)
{
    struct sender *s = g_new0(struct sender, 1);

    s->spool = spool;
    s->target = target;
    s->index = g_hash_table_new(NULL, NULL);
    g_mutex_init(&s->lock);
    if (nats_Open(-1) != NATS_OK)
        say(s, "cannot begin", "");
    while (!is_over(s)) {
        natsStatus status = connect_now(s);

        if (status == NATS_OK) {
            comes_up(s);
            pump(s);
        } else {
            goes_down(s, status);
            rest(s, AGAIN_MS);
            g_usleep(AGAIN_MS * 1000);
        }
    }
    disconnect(s);
    g_hash_table_destroy(s->index);
    g_mutex_clear(&s->lock);
    g_free(s);
}
