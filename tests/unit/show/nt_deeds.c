// SPDX-License-Identifier: GPL-2.0-or-later
/* What NT's processes and calls did, as the ecs output tells it, and processes by their numbers, times and ends. */
#include <stdio.h>
#include <string.h>

#include "shown.h"

#define SERVICES                                                                                                       \
    "1 NtCreateFile, 2 NtOpenFile, 3 NtDeleteFile, 4 NtSetInformationFile, 5 NtDeviceIoControlFile, 6 "                \
    "NtCreateUserProcess, 7 NtClose"
#define DENIED 0xc0000022u

static struct qbk_thread *thread(struct build *b, uint64_t number, int32_t pid, int32_t ppid, uint64_t started)
{
    struct qbk_thread *t = build__thread(b, number, pid, "x.exe");
    t->os = 1;
    t->ppid = ppid;
    t->tid = pid + (int32_t)number;
    t->start_time_ns = started;
    t->why = QBK_THREAD_BORN;
    return t;
}

static void begin(struct build *b)
{
    build__init(b);
    build__guest(b, "os", "nt", "how", "told", "services", SERVICES, NULL);
    thread(b, 1, 100, 4, 10);
    b->abi = QBK_ABI_NT_X64;
}

static void memory(struct build *b, uint64_t at, const void *bytes, uint32_t len)
{
    build__snippet(b, QBK_SNIP_MEM, at, bytes, len, len, 0, 0, 0);
}

/* OBJECT_ATTRIBUTES at 0x2000. */
static void object(struct build *b, const uint16_t *name)
{
    uint64_t len = 0;
    while (name[len])
        len++;
    const uint64_t object[6] = {48, 0, 0x2100, 0x40, 0, 0}, string[2] = {2 * len | 2 * len << 16, 0x2200};
    memory(b, 0x2000, object, sizeof(object));
    memory(b, 0x2100, string, sizeof(string));
    memory(b, 0x2200, name, (uint32_t)(2 * len));
}

static void creates(struct build *b, uint64_t access, uint64_t disposition, uint64_t options, uint64_t status)
{
    uint64_t args[11] = {0x1000, access, 0x2000, 0x4000, 0, 0, 0, disposition, options, 0, 0};
    uint64_t call = build__enter(b, 1, 1, 11, args);
    object(b, u"\\??\\C:\\a\u00e4");
    build__return(b, 1, call, QBK_END_RETURNED, status);
}

/* The value of a key in the n-th event whose dataset is not the trace's; "" if it has none. */
static char *value(const char *text, unsigned n, const char *key)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree char *head = g_strdup_printf("\"%s\":", key);
    const char *at = n < g_strv_length(lines) ? strstr(lines[n], head) : NULL;
    if (!at)
        return g_strdup("");
    at += strlen(head);
    return g_strndup(at, strcspn(at + 1, *at == '"' ? "\"" : ",}") + 1 + (*at == '"'));
}

static void is(const char *text, unsigned n, const char *key, const char *want)
{
    g_autofree char *got = value(text, n, key);
    if (strcmp(got, want) != 0)
        fprintf(stderr, "event %u, %s, in:\n%s", n, key, text);
    assert_string_equal(got, want);
}

static char *ecs(struct build *b)
{
    struct show_options options;
    show_options__init(&options);
    char *text = shown(b, "ecs", &options);
    build__free(b);
    return text;
}

static void what_files_are_opened_for(void **state)
{
    static const struct {
        uint64_t access, disposition, options;
        const char *action;
    } each[] = {{0x120089, 1, 0, "\"read\""},   {0x120116, 1, 0, "\"write\""}, {0x40000000, 5, 0, "\"create\""},
                {0x120089, 5, 0, "\"create\""}, {0x100001, 2, 1, "\"mkdir\""}, {0x10000, 1, 0x1000, "\"delete\""},
                {0x120116, 3, 0, "\"create\""}, {0x120089, 0, 0, "\"create\""}};
    struct build b;
    (void)state;
    begin(&b);
    for (unsigned i = 0; i < G_N_ELEMENTS(each); i++)
        creates(&b, each[i].access, each[i].disposition, each[i].options, i == 1 ? DENIED : 0);
    g_autofree char *text = ecs(&b);
    for (unsigned i = 0; i < G_N_ELEMENTS(each); i++) {
        is(text, i + 1, "event.action", each[i].action);
        is(text, i + 1, "file.path", "\"C:\\\\a\u00e4\"");
        is(text, i + 1, "event.outcome", i == 1 ? "\"failure\"" : "\"success\"");
        is(text, i + 1, "error.code", i == 1 ? "\"STATUS_ACCESS_DENIED\"" : "");
    }
}

static void what_is_done_with_files(void **state)
{
    struct build b;
    uint8_t rename[64] = {0}, yes = 1, no = 0;
    const uint32_t len = 18;
    (void)state;
    memcpy(rename + 16, &len, sizeof(len));
    memcpy(rename + 20, u"\\??\\D:\\bb", len);
    begin(&b);
    uint64_t call = build__enter(&b, 1, 4, 5, (uint64_t[]){0x44, 0x4000, 0x3000, 38, 10});
    memory(&b, 0x3000, rename, 38);
    build__snippet(&b, QBK_SNIP_HANDLE, 0x44, "File\0C:\\old", 11, 11, 0, 0, 0);
    build__return(&b, 1, call, QBK_END_RETURNED, 0);
    call = build__enter(&b, 1, 4, 5, (uint64_t[]){0x44, 0x4000, 0x3000, 1, 13});
    memory(&b, 0x3000, &yes, 1);
    build__return(&b, 1, call, QBK_END_RETURNED, 0);
    call = build__enter(&b, 1, 4, 5, (uint64_t[]){0x44, 0x4000, 0x3000, 1, 13});
    memory(&b, 0x3000, &no, 1); /* it stays after all */
    build__return(&b, 1, call, QBK_END_RETURNED, 0);
    call = build__enter(&b, 1, 3, 1, (uint64_t[]){0x2000});
    object(&b, u"\\DosDevices\\E:\\gone");
    build__return(&b, 1, call, QBK_END_RETURNED, 0);
    g_autofree char *text = ecs(&b);
    is(text, 1, "event.action", "\"rename\"");
    is(text, 1, "file.path", "\"C:\\\\old\"");
    is(text, 1, "file.target_path", "\"D:\\\\bb\"");
    is(text, 2, "event.action", "\"delete\"");
    is(text, 2, "file.path", "\"C:\\\\old\"");
    is(text, 3, "event.action", "\"delete\"");
    is(text, 3, "file.path", "\"E:\\\\gone\"");
    is(text, 4, "event.action", "");
}

/* A connection that is pending is told as that, and once more when it is done. */
static void connections(void **state)
{
    struct build b;
    uint8_t address[40] = {0};
    (void)state;
    memcpy(address + 24, "\x02\0\x01\xbb\x0a\0\0\x01", 8);
    begin(&b);
    uint64_t call = build__enter(&b, 1, 5, 10, (uint64_t[]){0x54, 0, 0, 0, 0x4000, 0x12007, 0x3000, 40, 0, 0});
    memory(&b, 0x3018, address + 24, 16);
    build__return(&b, 1, call, QBK_END_PENDING, 0x103);
    build__completion(&b, 1, call, 0xc0000236, 0);
    g_autofree char *text = ecs(&b);
    for (unsigned i = 1; i < 3; i++) {
        is(text, i, "event.action", "\"connect\"");
        is(text, i, "destination.ip", "\"10.0.0.1\"");
        is(text, i, "destination.port", "443");
        is(text, i, "event.outcome", i == 1 ? "\"unknown\"" : "\"failure\"");
        is(text, i, "qebek.pending", i == 1 ? "true" : "");
    }
    is(text, 2, "error.code", "\"STATUS_CONNECTION_REFUSED\"");
}

static void exits(struct build *b, uint64_t number, uint32_t status, uint32_t flags)
{
    build__thread_exit(b, number, (int32_t)status);
    ((struct qbk_thread_exit *)build__last(b))->flags = flags;
}

/* A number may be another's by now: who is younger than its child is not its parent, and another time another process.
 */
static void processes(void **state)
{
    struct build b;
    (void)state;
    begin(&b);
    thread(&b, 2, 200, 100, 20);     /* of 100 */
    thread(&b, 3, 300, 200, 15);     /* 200 is younger: not of that one */
    thread(&b, 4, 200, 300, 40);     /* 200 again: another one */
    exits(&b, 4, 7, QBK_EXIT_ALONE); /* its last thread that is known, but it goes on */
    thread(&b, 5, 200, 300, 40);
    exits(&b, 5, 0xc0000005, QBK_EXIT_GROUP);
    exits(&b, 3, 0, QBK_EXIT_UNKNOWN);
    g_autofree char *text = ecs(&b);
    g_autofree char *first = value(text, 0, "process.entity_id"), *third = value(text, 2, "process.entity_id");
    assert_true(*first && *third);
    is(text, 1, "process.parent.entity_id", first);
    is(text, 2, "process.parent.entity_id", "");
    is(text, 3, "event.action", "\"fork\"");
    is(text, 3, "process.parent.entity_id", third);
    is(text, 4, "event.action", "\"exit\"");
    is(text, 4, "process.pid", "200");
    is(text, 4, "process.exit_code", "3221225477");
    is(text, 5, "event.action", "\"exit\"");
    is(text, 5, "process.exit_code", "");
}

/* Whoever could not be started is told by the call; whoever could, by itself. */
static void starts(void **state)
{
    struct build b;
    const uint64_t list[9] = {72, 0x20005, 6, 0x3100, 0, 0x10003, 16, 0x3200, 0};
    (void)state;
    begin(&b);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t call = build__enter(&b, 1, 6, 11, (uint64_t[]){0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x3000});
        memory(&b, 0x3000, list, 8);
        memory(&b, 0x3008, list + 1, sizeof(list) - 8);
        memory(&b, 0x3100, u"C:x", 6);
        build__return(&b, 1, call, QBK_END_RETURNED, i ? 0 : 0xc0000034);
    }
    thread(&b, 2, 200, 100, 20);
    build__name(&b, 2, QBK_NAME_USER, "S-1-5-21-1-2-3-500");
    build__name(&b, 2, QBK_NAME_EXE, "C:\\x.exe");
    build__name(&b, 2, QBK_NAME_COMMAND, "x /y");
    thread(&b, 2, 200, 100, 20)->why = QBK_THREAD_EXEC;
    g_autofree char *text = ecs(&b);
    is(text, 1, "event.action", "\"exec\"");
    is(text, 1, "file.path", "\"C:x\"");
    is(text, 1, "error.code", "\"STATUS_OBJECT_NAME_NOT_FOUND\"");
    is(text, 2, "event.action", "\"fork\"");
    is(text, 3, "event.action", "\"exec\"");
    is(text, 3, "process.executable", "\"C:\\\\x.exe\"");
    is(text, 3, "process.command_line", "\"x /y\"");
    is(text, 3, "user.name", "\"Administrator\"");
    is(text, 4, "event.action", "");
}

/* AFD: bind, wait for a connection (which pends), accept. */
static void accepts(struct build *b, uint64_t listening, uint64_t connection)
{
    static const uint8_t local[16] = {2, 0, 0x0d, 0x3d, 10, 0, 2, 15}, peer[16] = {2, 0, 0x10, 0x01, 192, 0, 2, 7};
    uint64_t input[2] = {0, connection};
    uint64_t call = build__enter(b, 1, 5, 10, (uint64_t[]){listening, 0, 0, 0, 0x4000, 0x12003, 0x3000, 20, 0, 0});
    memory(b, 0x3004, local, 16);
    build__return(b, 1, call, QBK_END_RETURNED, 0);
    call = build__enter(b, 1, 5, 10, (uint64_t[]){listening, 0, 0, 0, 0x4000, 0x1200c, 0, 0, 0x3100, 28});
    build__return(b, 1, call, QBK_END_PENDING, 0x103);
    build__completion(b, 1, call, 0, 20);
    memory(b, 0x3104, peer, 16);
    call = build__enter(b, 1, 5, 10, (uint64_t[]){listening, 0, 0, 0, 0x4000, 0x12010, 0x3200, 16, 0, 0});
    memory(b, 0x3200, input, 16);
    build__return(b, 1, call, QBK_END_RETURNED, 0);
}

static void process_begins(struct build *b, uint64_t number, int32_t pid)
{
    thread(b, number, pid, 100, 20 + number);
    build__name(b, number, QBK_NAME_COMMAND, "cmd.exe");
    thread(b, number, pid, 100, 20 + number)->why = QBK_THREAD_EXEC;
}

static void closes(struct build *b, uint64_t handle)
{
    uint64_t call = build__enter(b, 1, 7, 1, (uint64_t[]){handle});
    build__return(b, 1, call, QBK_END_RETURNED, 0);
}

/* Whom a server makes while it serves a connection belongs to that, and nobody else. */
static void sessions(void **state)
{
    struct build b;
    (void)state;
    begin(&b);
    accepts(&b, 0x54, 0x58);
    process_begins(&b, 2, 200);
    closes(&b, 0x58);
    process_begins(&b, 3, 300);
    exits(&b, 2, 0, QBK_EXIT_GROUP);
    g_autofree char *text = ecs(&b);
    unsigned n = 0, starts = 0, ends = 0, with = 0;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (; lines[n] && *lines[n]; n++) {
        bool of_session = strstr(lines[n], "\"qebek.session\":1,\"qebek.remote\":\"192.0.2.7:4097\"") != NULL;
        bool start = strstr(lines[n], "\"session_start\"") != NULL, end = strstr(lines[n], "\"session_end\"") != NULL;
        bool child = strstr(lines[n], "\"process.pid\":200,") != NULL;
        starts += start;
        ends += end;
        with += of_session && child;
        assert_int_equal(of_session, start || end || child);
    }
    assert_int_equal(starts, 1);
    assert_int_equal(ends, 1);
    assert_int_equal(with, 3); /* it is made, runs its image, and ends */
}

static void as_cowrie_tells_it(void **state)
{
    struct show_options options;
    struct build b;
    (void)state;
    begin(&b);
    accepts(&b, 0x54, 0x58);
    process_begins(&b, 2, 200);
    show_options__init(&options);
    g_autofree char *text = shown(&b, "cowrie", &options);
    build__free(&b);
    assert_non_null(strstr(text, "\"cowrie.session.connect\""));
    assert_non_null(strstr(text, "\"src_ip\":\"192.0.2.7\",\"src_port\":4097"));
    assert_non_null(strstr(text, "\"dst_ip\":\"10.0.2.15\",\"dst_port\":3389"));
    assert_non_null(strstr(text, "\"cowrie.command.input\""));
    assert_non_null(strstr(text, "\"input\":\"cmd.exe\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_files_are_opened_for),
        cmocka_unit_test(what_is_done_with_files),
        cmocka_unit_test(connections),
        cmocka_unit_test(processes),
        cmocka_unit_test(starts),
        cmocka_unit_test(sessions),
        cmocka_unit_test(as_cowrie_tells_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
