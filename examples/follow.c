// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * follow SERVER SUBJECTS ADDRESS [SECONDS]: what somebody does on all machines whose records come together in a stream
 * of NATS JetStream (docs/fleet.md). A line for each program that runs and each address that is contacted in a session
 * from ADDRESS, whichever machine it is on. With SECONDS it ends when so long nothing has come.
 *
 *     follow nats://bus.example:4222 'qebek.>' 203.0.113.9
 */
#include <jansson.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* "203.0.113.9:50022" is from 203.0.113.9, but not from 203.0.113.90 and not from 3.0.113.9. */
static int is_from(const json_t *object, const char *address)
{
    const char *remote = text_of(object, "remote");
    size_t bracket = remote[0] == '[', len = strlen(address);

    return strncmp(remote + bracket, address, len) == 0 && strchr(bracket ? "]" : ":", remote[bracket + len]) &&
           remote[bracket + len];
}

/* All of it is a guest's: as JSON in ASCII nothing of it can reach the terminal as a command. */
static void print_safe(const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;

    fputs(text ? text : "?", stdout);
    free(text);
}

/* What is told of a call: the argument that says most. */
static const struct {
    const char *name;
    size_t arg;
} told[] = {{"execve", 1}, {"connect", 1}, {"unlink", 0}, {"unlinkat", 1}};

static void show(const char *machine, const json_t *object)
{
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        const json_t *arg = json_array_get(json_object_get(object, "args"), told[i].arg);
        const json_t *value =
            json_object_get(arg, "text") ? json_object_get(arg, "text") : json_object_get(arg, "string");

        if (strcmp(text_of(object, "name"), told[i].name) != 0)
            continue;
        printf("%s %s session %" JSON_INTEGER_FORMAT " pid %" JSON_INTEGER_FORMAT " %s ", text_of(object, "ts"),
               machine, json_integer_value(json_object_get(object, "session")),
               json_integer_value(json_object_get(object, "pid")), told[i].name);
        print_safe(value);
        printf("%s%s\n", *text_of(object, "error") ? " " : "", text_of(object, "error"));
    }
}

static void take(natsMsg *msg, const char *address)
{
    json_t *object = json_loadb(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg), JSON_ALLOW_NUL, NULL);

    if (object && strcmp(text_of(object, "type"), "call") == 0 && is_from(object, address))
        show(natsMsg_GetSubject(msg), object);
    json_decref(object);
    fflush(stdout);
}

/* An ordered consumer: the stream from its beginning, in its order, and then what comes. */
static natsStatus follow(const char *server, const char *subjects, const char *address, int64_t patience_ms)
{
    natsConnection *connection = NULL;
    natsSubscription *subscription = NULL;
    jsCtx *js = NULL;
    jsSubOptions options;
    natsMsg *msg = NULL;
    natsStatus status = natsConnection_ConnectTo(&connection, server);

    if (status == NATS_OK)
        status = natsConnection_JetStream(&js, connection, NULL);
    if (status == NATS_OK)
        status = jsSubOptions_Init(&options);
    if (status == NATS_OK) {
        options.Ordered = true;
        status = js_SubscribeSync(&subscription, js, subjects, NULL, &options, NULL);
    }
    while (status == NATS_OK) {
        status = natsSubscription_NextMsg(&msg, subscription, patience_ms ? patience_ms : 1000);
        if (status == NATS_OK)
            take(msg, address);
        else if (status == NATS_TIMEOUT && !patience_ms)
            status = NATS_OK;
        natsMsg_Destroy(msg);
        msg = NULL;
    }
    natsSubscription_Destroy(subscription);
    jsCtx_Destroy(js);
    natsConnection_Destroy(connection);
    return status == NATS_TIMEOUT ? NATS_OK : status;
}

int main(int argc, char **argv)
{
    int64_t patience = argc == 5 ? (int64_t)(strtod(argv[4], NULL) * 1000) : 0;
    natsStatus status;

    if (argc < 4 || argc > 5 || patience < 0) {
        fprintf(stderr, "usage: follow SERVER SUBJECTS ADDRESS [SECONDS]\n");
        return 2;
    }
    status = follow(argv[1], argv[2], argv[3], patience);
    if (status != NATS_OK)
        fprintf(stderr, "follow: %s\n", natsStatus_GetText(status));
    nats_Close();
    return status == NATS_OK ? 0 : 1;
}
