// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * make-sebek PATH: a whole trace of what Sebek's records tell of: reads, writes, an open, sockets of both families, and
 * a write that does not fit one packet. sebek.py knows what is in it.
 */
#include <string.h>

#include "build.h"
#include "trace/file.h"

#define BIG 5000u

static struct build records;

static void moved(uint64_t thread, uint32_t nr, uint64_t fd, const void *data, uint32_t len, const char *name)
{
    uint64_t seq = build__enter(&records, thread, nr, 3, (uint64_t[]){fd, 0x1000, len});

    if (nr == 1)
        build__snippet(&records, QBK_SNIP_MEM, 0x1000, data, len, len, 0, 1, 0);
    if (name)
        build__snippet(&records, QBK_SNIP_FD, fd, name, (uint32_t)strlen(name), strlen(name), 0, 0, 0);
    build__return(&records, thread, seq, QBK_END_RETURNED, len);
    if (nr == 0)
        build__snippet(&records, QBK_SNIP_MEM, 0x1000, data, len, len, 0, 1, 0);
}

static void socket_call(uint32_t nr, uint64_t fd, const uint8_t *sockaddr, uint32_t len, uint64_t result)
{
    uint64_t seq = build__enter(&records, 2, nr, 3, (uint64_t[]){fd, 0x2000, nr == 42 ? len : 0x2100});

    if (nr == 42)
        build__snippet(&records, QBK_SNIP_MEM, 0x2000, sockaddr, len, len, 0, 1, 0);
    build__return(&records, 2, seq, QBK_END_RETURNED, result);
    if (nr != 42)
        build__snippet(&records, QBK_SNIP_MEM, 0x2000, sockaddr, len, len, 0, 1, 0);
}

static void calls(void)
{
    static const uint8_t four[16] = {2, 0, 0x1f, 0x90, 203, 0, 113, 9}, peer[16] = {2, 0, 0xd4, 0x31, 198, 51, 100, 7};
    static const uint8_t six[28] = {10, 0, 0x1f, 0x90, 0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8};
    uint8_t big[BIG];
    uint64_t seq;

    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (uint8_t)(i * 7);
    moved(1, 0, 0, "id\r", 3, "/dev/pts/0");
    moved(1, 1, 1, "uid=0\n", 6, "/dev/pts/0");
    seq = build__enter(&records, 1, 257, 4, (uint64_t[]){0xffffff9c, 0x3000, 0, 0});
    build__snippet(&records, QBK_SNIP_MEM, 0x3000, "/etc/shadow", 12, 12, QBK_SNIP_STRING, 1, 0);
    build__return(&records, 1, seq, QBK_END_RETURNED, 5);
    socket_call(42, 7, four, 16, 0);
    socket_call(43, 3, peer, 16, 8);
    socket_call(42, 9, six, 28, 0);
    moved(2, 1, 7, big, sizeof(big), "socket:[4711]");
}

int main(int argc, char **argv)
{
    struct trace_writer *w = argc == 2 ? trace__create(argv[1], NULL, NULL) : NULL;
    int status = 0;

    if (!w)
        return 2;
    build__init(&records);
    build__meta(&records, "qebek", "test", "string_limit", "4096", "fd_names", "yes", NULL);
    records.time_ns = 1700000000000000000u;
    struct qbk_thread *t = build__thread(&records, 1, 100, "sh");
    t->ppid = 90;
    t->uid = 1000;
    t = build__thread(&records, 2, 101, "a-very-long-name");
    t->ppid = 100;
    calls();
    build__summary(&records);
    for (unsigned i = 0; i < records.records->len; i++)
        status |= trace__write(w, records.records->pdata[i], NULL);
    status |= trace__finish(w, NULL);
    build__free(&records);
    return status ? 1 : 0;
}
