// SPDX-License-Identifier: GPL-2.0-or-later
/* What is typed and shown on NT: by the console driver, by messages, by files and standard handles, at once and later.
 */
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shown.h"

#define SERVICES "1 NtReadFile, 2 NtWriteFile, 3 NtDeviceIoControlFile, 4 NtRequestWaitReplyPort, 5 NtSetEvent"
#define OK       QBK_END_RETURNED

static void memory(struct build *b, uint64_t at, const void *bytes, uint32_t len)
{
    build__snippet(b, QBK_SNIP_MEM, at, bytes, len, len, 0, 0, 0);
}

static void begin(struct build *b)
{
    build__init(b);
    build__guest(b, "os", "nt", "how", "told", "services", SERVICES, NULL);
    for (unsigned i = 1; i < 3; i++) {
        struct qbk_thread *t = build__thread(b, i, 70 + (int32_t)i, "cmd.exe");
        t->os = 1;
        t->uid = 18;
    }
    b->abi = QBK_ABI_NT_X64;
}

static void put(uint8_t *at, uint64_t value, size_t size)
{
    memcpy(at, &value, size);
}

/* ReadConsole or WriteConsole by the driver, UTF-16. */
static void driver(struct build *b, bool reads, const uint16_t *text)
{
    uint8_t request[16 + 3 * 16] = {0}, head[28] = {0}, out[20] = {0};
    uint32_t len = 0;
    while (text[len / 2])
        len += 2;
    put(request + 8, reads ? 1 : 2, 4);
    put(request + 12, reads ? 2 : 0, 4);
    put(request + 16, 28, 4);
    put(request + 24, 0x3100, 8);
    put(request + 32, reads ? 20 : len, 4);
    put(request + 40, reads ? 0x3200 : 0x3300, 8);
    put(request + 48, 400, 4);
    put(request + 56, 0x3300, 8);
    put(head, reads ? 0x1000005 : 0x1000006, 4);
    head[reads ? 8 : 12] = 1;
    put(out + 16, len, 4);
    uint64_t call = build__enter(b, 1, 3, 10, (uint64_t[]){0x50, 0, 0, 0, 0x4000, 0x500016, 0x3000, 0x80, 0, 0});
    if (reads)
        build__return(b, 1, call, OK, 0);
    memory(b, 0x3000, request, 16);
    memory(b, 0x3010, request + 16, reads ? 48 : 32);
    memory(b, 0x3100, head, 16);
    memory(b, 0x3200, out, 20);
    memory(b, 0x3300, text, len);
    if (!reads)
        build__return(b, 1, call, OK, 0);
}

/* NtReadFile or NtWriteFile; pending: what is read comes later. */
static void file(struct build *b, uint64_t thread, bool reads, uint64_t handle, const char *text, bool pending)
{
    uint64_t len = strlen(text), block[2] = {0, len};
    uint64_t args[9] = {handle, 0, 0, 0, 0x4000, 0x5000, reads ? 400 : len, 0, 0};
    uint64_t call = build__enter(b, thread, reads ? 1 : 2, 9, args);
    if (!reads)
        memory(b, 0x5000, text, (uint32_t)len);
    build__return(b, thread, call, pending ? QBK_END_PENDING : OK, pending ? 0x103 : 0);
    if (pending)
        build__completion(b, thread, call, 0, len);
    memory(b, 0x4000, block, sizeof(block));
    if (reads)
        memory(b, 0x5000, text, (uint32_t)len);
}

static void is_called(struct build *b, uint64_t thread, uint64_t handle, const char *name, uint32_t len)
{
    uint64_t call = build__enter(b, thread, 5, 2, (uint64_t[]){handle, 0});
    build__snippet(b, QBK_SNIP_HANDLE, handle, name, len, len, 0, 0, 0);
    build__return(b, thread, call, OK, 0);
}

static void all_ways(struct build *b)
{
    begin(b);
    driver(b, false, u"C:\\>");
    driver(b, true, u"di"); /* a buffer too small for the line */
    driver(b, true, u"r \u00e4\r\n");
    is_called(b, 1, 0x44, "File\0\\Device\\ConDrv\\Input", 25);
    is_called(b, 1, 0x48, "File\0\\Device\\ConDrv\\Output", 26);
    is_called(b, 1, 0x4c, "File\0\\Device\\ConDrvX", 20);
    file(b, 1, true, 0x44, "ver\r\n", false);
    file(b, 1, false, 0x48, "a\nb\r\n", false);
    file(b, 1, true, 0x4c, "not this\r\n", false);
    build__name(b, 2, QBK_NAME_STANDARD, "80 84 0");
    file(b, 2, true, 0x50, "whoami\r\n", true);
    file(b, 2, false, 0x54, "x", false);
    file(b, 2, false, 0x50, "not written\r\n", false); /* to the standard input */
    file(b, 2, true, 0x58, "nor this\r\n", false);
    file(b, 2, true, 0x50, "ex", false); /* and gone */
    build__thread_exit(b, 2, 0);
}

/* Without the times. */
static char *lines_of(const char *text)
{
    GString *to = g_string_new(NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line && **line; line++)
        g_string_append_printf(to, "%s\n", strchr(*line, ' ') + 1);
    return g_string_free(to, FALSE);
}

static void keys(void **state)
{
    struct show_options options;
    struct build b;
    (void)state;
    all_ways(&b);
    show_options__init(&options);
    g_autofree char *text = shown(&b, "keys", &options);
    shown__is(lines_of(text), "local console-71 uid 18 cmd.exe[71]: dir \u00e4\n"
                              "local console-71 uid 18 cmd.exe[71]: ver\n"
                              "local console-72 uid 18 cmd.exe[72]: whoami\n"
                              "local console-72 uid 18 cmd.exe[72] (not entered): ex\n");
    build__free(&b);
}

static void marks(void **state)
{
    struct show_options options;
    struct build b;
    (void)state;
    all_ways(&b);
    show_options__init(&options);
    g_autofree char *text = shown(&b, "jsonl", &options);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    unsigned input = 0, output = 0, in_file = 0, out_file = 0;
    for (char **line = lines; *line; line++) {
        input += strstr(*line, ",\"standard\":\"input\"") != NULL;
        output += strstr(*line, ",\"standard\":\"output\"") != NULL;
        in_file += strstr(*line, ",\"console_file\":\"input\"") != NULL;
        out_file += strstr(*line, ",\"console_file\":\"output\"") != NULL;
    }
    assert_int_equal(input, 3); /* a call and its completion, and another call */
    assert_int_equal(output, 1);
    assert_int_equal(in_file, 1);
    assert_int_equal(out_file, 1);
    build__free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keys), cmocka_unit_test(marks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
