// SPDX-License-Identifier: GPL-2.0-or-later
/* Sebek's packets, byte by byte, and which calls become which records. */
#include "shown.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "show/sebek_packet.h"

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint16_t be16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void test_record(void **state)
{
    static const uint8_t want[] = {0x01, 0x02, 0x03, 0x04, 0,    3,   0,   1, 0,    0, 0,   9,    0x65, 0x53, 0xf1,
                                   0x00, 0,    1,    0xe2, 0x40, 0,   0,   0, 1,    0, 0,   0x02, 0xbc, 0,    0,
                                   0x03, 0xe8, 0,    0,    0,    4,   0,   0, 0x10, 0, 'l', 'o',  'n',  'g',  'e',
                                   'r',  ' ',  't',  'h',  'a',  'n', ' ', 0, 0,    0, 2,   'h',  'i'};
    const struct sebek_record r = {.magic = 0x01020304,
                                   .type = SEBEK_WRITE,
                                   .counter = 9,
                                   .time_ns = 1700000000123456789u,
                                   .ppid = 1,
                                   .pid = 700,
                                   .uid = 1000,
                                   .fd = 4,
                                   .inode = 4096,
                                   .comm = "longer than twelve",
                                   .data = (const uint8_t *)"hi",
                                   .len = 2};
    uint8_t got[128];

    (void)state;
    assert_int_equal(sebek_packet__record(got, &r), sizeof(want));
    assert_memory_equal(got, want, sizeof(want));
}

/* One's complement sum over everything a checksum covers, itself included, is 0xffff. */
static uint16_t all_ones(uint32_t sum, const uint8_t *at, size_t len)
{
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += be16(at + i);
    if (len & 1)
        sum += (uint32_t)at[len - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static void test_frame(void **state)
{
    const struct sebek_way way = {.from = {10, 1, 2, 3}, .to = {192, 168, 0, 9}, .from_port = 1101, .to_port = 4000};
    uint8_t got[SEBEK_FRAME + 101];

    (void)state;
    for (size_t len = 100; len <= 101; len++) { /* an odd length has a checksum, too */
        memset(got + SEBEK_FRAME, 0xa5, len);
        assert_int_equal(sebek_packet__frame(got, &way, 77, len), SEBEK_FRAME + len);
        assert_int_equal(be16(got + 12), 0x0800);
        assert_int_equal(be16(got + 16), 28 + len);
        assert_int_equal(be16(got + 18), 77);
        assert_int_equal(got[23], 17);
        assert_memory_equal(got + 26, way.from, 4);
        assert_memory_equal(got + 30, way.to, 4);
        assert_int_equal(be16(got + 34), 1101);
        assert_int_equal(be16(got + 36), 4000);
        assert_int_equal(be16(got + 38), 8 + len);
        assert_int_equal(all_ones(0, got + 14, 20), 0xffff);
        assert_int_equal(all_ones((uint32_t)(17 + 8 + len), got + 26, 8 + 8 + len), 0xffff);
    }
}

static struct build records;
static struct show_options options;

static int setup(void **state)
{
    (void)state;
    build__init(&records);
    show_options__init(&options);
    build__thread(&records, 1, 50, "sh")->uid = 1000;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    build__free(&records);
    return 0;
}

static void moved(uint32_t nr, uint64_t fd, const void *data, size_t have, size_t full, const char *name)
{
    uint64_t seq = build__enter(&records, 1, nr, 3, (uint64_t[]){fd, 0x1000, full});

    if (name)
        build__snippet(&records, QBK_SNIP_FD, fd, name, (uint32_t)strlen(name), strlen(name), 0, 0, 0);
    if (nr == 1)
        build__snippet(&records, QBK_SNIP_MEM, 0x1000, data, (uint32_t)have, full, 0, 1, 0);
    build__return(&records, 1, seq, QBK_END_RETURNED, full);
    if (nr == 0)
        build__snippet(&records, QBK_SNIP_MEM, 0x1000, data, (uint32_t)have, full, 0, 1, 0);
}

static void socket_call(uint32_t nr, const uint8_t *sockaddr, uint32_t len)
{
    uint64_t seq = build__enter(&records, 1, nr, 3, (uint64_t[]){5, 0x2000, len});

    build__snippet(&records, QBK_SNIP_MEM, 0x2000, sockaddr, len, len, 0, 1, 0);
    build__return(&records, 1, seq, QBK_END_RETURNED, 0);
}

/* The file that the records so far give; *len its size. */
static uint8_t *captured(size_t *len)
{
    char *path = g_strdup("/tmp/qebek-sebek-XXXXXX"), *bytes = NULL;
    gsize size = 0;

    close(g_mkstemp(path));
    options.quiet = true;
    char *spec = g_strdup_printf("sebek:%s", path);
    g_free(shown(&records, spec, &options));
    assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    g_unlink(path);
    g_free(path);
    g_free(spec);
    *len = size;
    return (uint8_t *)bytes;
}

/* The packet at *at of a capture file (global header 24, each packet's 16); moves *at on. NULL at the end. */
static const uint8_t *next(const uint8_t *file, size_t size, size_t *at, uint32_t *len)
{
    const uint8_t *record = file + *at + 16 + SEBEK_FRAME;
    uint32_t whole;

    if (*at + 16 > size)
        return NULL;
    memcpy(&whole, file + *at + 8, 4);
    *len = whole - SEBEK_FRAME;
    *at += 16 + whole;
    return record;
}

static void test_calls(void **state)
{
    static const uint8_t four[16] = {2, 0, 0x1f, 0x90, 203, 0, 113, 9};
    static const uint8_t six[28] = {10, 0, 0x1f, 0x90, 0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8};
    uint8_t big[3000];
    size_t size, at = 24;
    uint32_t len, counter = 0;
    const uint8_t *r;

    (void)state;
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (uint8_t)i;
    moved(0, 0, "ls\n", 3, 3, "/dev/pts/0");
    moved(1, 7, big, sizeof(big), sizeof(big), "pipe:[815]");
    socket_call(42, four, 16);
    socket_call(42, six, 28);
    build__return(&records, 1, build__enter(&records, 1, 2, 2, (uint64_t[]){0x3000, 0}), QBK_END_RETURNED, 9);
    build__return(&records, 1, build__enter(&records, 1, 0, 3, (uint64_t[]){3, 0x1000, 9}), QBK_END_RETURNED,
                  (uint64_t)-11);
    uint8_t *file = captured(&size);

    r = next(file, size, &at, &len);
    assert_int_equal(be32(r), SEBEK_MAGIC);
    assert_int_equal(be16(r + 6), SEBEK_READ);
    assert_int_equal(be32(r + 28), 1000);
    assert_int_equal(be32(r + 8), counter++);
    assert_int_equal(len, SEBEK_HEADER + 3);
    assert_memory_equal(r + SEBEK_HEADER, "ls\n", 3);
    for (size_t done = 0; done < sizeof(big); done += len - SEBEK_HEADER) { /* in as many packets as it needs */
        r = next(file, size, &at, &len);
        assert_non_null(r);
        assert_int_equal(be16(r + 6), SEBEK_WRITE);
        assert_int_equal(be32(r + 8), counter++);
        assert_int_equal(be32(r + 36), 815);
        assert_int_equal(be32(r + 52), len - SEBEK_HEADER);
        assert_true(SEBEK_FRAME + len <= 1514 && done + len - SEBEK_HEADER <= sizeof(big));
        assert_memory_equal(r + SEBEK_HEADER, big + done, len - SEBEK_HEADER);
    }
    r = next(file, size, &at, &len);
    assert_int_equal(be16(r + 6), SEBEK_SOCK);
    assert_int_equal(be32(r + 8), counter++);
    assert_int_equal(len, SEBEK_HEADER + 15);
    assert_memory_equal(r + SEBEK_HEADER, four + 4, 4);
    assert_int_equal(be16(r + SEBEK_HEADER + 4), 8080);
    assert_int_equal(be16(r + SEBEK_HEADER + 12), 3);
    r = next(file, size, &at, &len); /* the IPv6 socket left no hole in the counters; its path was not captured */
    assert_int_equal(be16(r + 6), SEBEK_OPEN);
    assert_int_equal(be32(r + 8), counter++);
    assert_int_equal(be32(r + 32), 9);
    assert_null(next(file, size, &at, &len)); /* nothing of the read that failed */
    g_free(file);
}

static void test_keystrokes(void **state)
{
    char long_line[400];
    size_t size, at = 24;
    uint32_t len;

    (void)state;
    memset(long_line, 'x', sizeof(long_line));
    options.sebek.keystrokes = true;
    moved(0, 0, "a", 1, 1, "/tmp/file");
    moved(0, 0, "b", 1, 1, "/dev/pts/3");
    moved(1, 1, "c", 1, 1, "/dev/pts/3");
    moved(0, 0, long_line, sizeof(long_line), sizeof(long_line), "/dev/pts/3");
    uint8_t *file = captured(&size);
    const uint8_t *r = next(file, size, &at, &len);

    assert_non_null(r);
    assert_int_equal(r[SEBEK_HEADER], 'b');
    assert_null(next(file, size, &at, &len));
    g_free(file);
}

/* NT: 1 NtCreateFile, 2 NtDeviceIoControlFile, 3 NtReadFile. */
static void nt_calls(void)
{
    static const uint8_t address[4][16] = {{2, 0, 1, 0xbb, 203, 0, 113, 9}, {23, 0, 1, 0xbb, 0, 0, 0, 0, 0x20, 1}};
    const uint64_t object[6] = {48, 0, 0x2100, 0x40, 0, 0}, string[2] = {10 | 10 << 16, 0x2200}, made = 0x44;
    uint64_t seq;

    build__guest(&records, "os", "nt", "how", "told", "services",
                 "1 NtCreateFile, 2 NtDeviceIoControlFile, 3 NtReadFile", NULL);
    build__thread(&records, 2, 80, "cmd.exe")->os = 1;
    build__name(&records, 2, QBK_NAME_STANDARD, "16 20 0");
    records.abi = QBK_ABI_NT_X64;
    seq = build__enter(&records, 2, 1, 11, (uint64_t[]){0x1000, 1, 0x2000, 0, 0, 0, 0, 1, 0, 0, 0});
    build__snippet(&records, QBK_SNIP_MEM, 0x2000, object, 48, 48, 0, 2, 0);
    build__snippet(&records, QBK_SNIP_MEM, 0x2100, string, 16, 16, 0, 2, 1);
    build__snippet(&records, QBK_SNIP_MEM, 0x2200, u"C:\\a\u00e4", 10, 10, 0, 2, 1);
    build__return(&records, 2, seq, QBK_END_RETURNED, 0);
    build__snippet(&records, QBK_SNIP_MEM, 0x1000, &made, 8, 8, 0, 0, 0);
    for (unsigned i = 0; i < 2; i++) {
        seq = build__enter(&records, 2, 2, 10, (uint64_t[]){0x54, 0, 0, 0, 0x4000, 0x12007, 0x3000, 52, 0, 0});
        build__snippet(&records, QBK_SNIP_MEM, 0x3018, address[i], 16, 28, 0, 6, 1);
        build__return(&records, 2, seq, QBK_END_PENDING, 0x103);
        build__completion(&records, 2, seq, 0, 0);
    }
    for (unsigned i = 0; i < 2; i++) { /* a standard input, and another file */
        seq = build__enter(&records, 2, 3, 9, (uint64_t[]){i ? 0x48 : 0x10, 0, 0, 0, 0x4000, 0x5000, 9, 0, 0});
        build__return(&records, 2, seq, QBK_END_RETURNED, 0x80000005); /* there is more */
        build__snippet(&records, QBK_SNIP_MEM, 0x4000, (uint64_t[]){0x80000005, 3}, 16, 16, 0, 4, 0);
        build__snippet(&records, QBK_SNIP_MEM, 0x5000, "dir", 3, 3, 0, 5, 0);
    }
}

static void test_nt(void **state)
{
    size_t size, at = 24;
    uint32_t len;

    (void)state;
    for (unsigned keystrokes = 0; keystrokes < 2; keystrokes++) {
        show_options__init(&options);
        options.sebek.keystrokes = keystrokes;
        nt_calls();
        uint8_t *file = captured(&size);
        const uint8_t *r = next(file, size, &at, &len);
        if (!keystrokes) {
            assert_int_equal(be16(r + 6), SEBEK_OPEN);
            assert_int_equal(be32(r + 32), 0x44);
            assert_int_equal(len, SEBEK_HEADER + 6);
            assert_memory_equal(r + SEBEK_HEADER, "C:\\a\xc3\xa4", 6);
            r = next(file, size, &at, &len); /* when it is done; the one by IPv6 is left out */
            assert_int_equal(be16(r + 6), SEBEK_SOCK);
            assert_int_equal(be32(r + 32), 0x54);
            assert_int_equal(be32(r + SEBEK_HEADER), 0xcb007109);
            assert_int_equal(be16(r + SEBEK_HEADER + 4), 443);
            assert_int_equal(be16(r + SEBEK_HEADER + 12), 3);
            r = next(file, size, &at, &len);
        }
        assert_int_equal(be16(r + 6), SEBEK_READ);
        assert_int_equal(be32(r + 24), 80);
        assert_int_equal(be32(r + 32), 0x10);
        assert_int_equal(len, SEBEK_HEADER + 3);
        assert_memory_equal(r + SEBEK_HEADER, "dir", 3);
        r = next(file, size, &at, &len);
        assert_true(keystrokes ? !r : r && be32(r + 32) == 0x48);
        at = 24;
        g_free(file);
        build__free(&records);
        build__init(&records);
    }
}

/* Where the trace tells the kernel's objects: inode, protocol, both addresses, and terminals whatever their name. */
static void test_objects(void **state)
{
    size_t size, at = 24;
    uint32_t len;
    struct qbk_object *o;
    uint64_t seq;

    (void)state;
    o = build__object(&records, 1, 0, 77);
    o->kind = QBK_OBJECT_TTY;
    build__socket(&records, 1, 5, 4711, 9);
    options.sebek.keystrokes = false;
    moved(0, 0, "x", 1, 1, "/tmp/innocent");
    seq = build__enter(&records, 1, 44, 6, (uint64_t[]){5, 0x1000, 2, 0, 0, 0}); /* sendto without an address */
    build__return(&records, 1, seq, QBK_END_RETURNED, 2);
    records.abi = QBK_ABI_LINUX_I386; /* the same by a 32-bit program: socketcall(SYS_SEND, [5, 0x1000, 2, 0]) */
    seq = build__enter(&records, 1, 102, 2, (uint64_t[]){9, 0x5000});
    build__snippet(&records, QBK_SNIP_MEM, 0x5000, (uint32_t[]){5, 0x1000, 2, 0}, 16, 16, 0, 1, 0);
    build__return(&records, 1, seq, QBK_END_RETURNED, 2);
    uint8_t *file = captured(&size), socket[SEBEK_HEADER + 15];
    const uint8_t *r = next(file, size, &at, &len);

    assert_int_equal(be32(r + 36), 77);
    r = next(file, size, &at, &len);
    assert_non_null(r);
    assert_int_equal(be16(r + 6), SEBEK_SOCK);
    assert_int_equal(be32(r + 36), 4711);
    assert_int_equal(be32(r + SEBEK_HEADER), 0xc0000209);
    assert_int_equal(be16(r + SEBEK_HEADER + 4), 4000);
    assert_int_equal(be32(r + SEBEK_HEADER + 6), 0x0a000001);
    assert_int_equal(be16(r + SEBEK_HEADER + 10), 22);
    assert_int_equal(be16(r + SEBEK_HEADER + 12), 11);
    assert_int_equal(r[SEBEK_HEADER + 14], 6);
    memcpy(socket, r, sizeof(socket));
    r = next(file, size, &at, &len);
    assert_non_null(r);
    assert_int_equal(len, sizeof(socket));
    assert_memory_equal(r + SEBEK_HEADER, socket + SEBEK_HEADER, 15);
    assert_null(next(file, size, &at, &len));
    g_free(file);
}

static void test_addresses(void **state)
{
    static const char *const bad[] = {"", ":", "1.2.3", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536", "host:1", "::1"};
    uint8_t ip[4] = {9, 9, 9, 9};
    uint16_t port = 9;

    (void)state;
    assert_true(sebek_options__address("1.2.3.4", ip, &port));
    assert_memory_equal(ip, "\1\2\3\4", 4);
    assert_int_equal(port, 9);
    assert_true(sebek_options__address(":1102", ip, &port));
    assert_int_equal(port, 1102);
    assert_true(sebek_options__address("4.3.2.1:65535", ip, &port));
    assert_memory_equal(ip, "\4\3\2\1", 4);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_false(sebek_options__address(bad[i], ip, &port));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_frame),
        cmocka_unit_test_setup_teardown(test_calls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keystrokes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_objects, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nt, setup, teardown),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
