// SPDX-License-Identifier: GPL-2.0-or-later
/* make-files PATH N: a whole trace in which N files are made, written, closed and deleted, each with its own bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "trace/file.h"

static struct build records;

static void path_snippet(enum qbk_snippet_kind kind, uint64_t at, const char *path, unsigned arg)
{
    uint32_t len = (uint32_t)strlen(path) + (kind == QBK_SNIP_MEM);

    build__snippet(&records, kind, at, path, len, len, kind == QBK_SNIP_MEM ? QBK_SNIP_STRING : 0, (uint8_t)arg, 0);
}

static void one_file(unsigned n)
{
    char path[64], bytes[64];
    struct qbk_object *object;
    uint64_t seq, len;

    (void)snprintf(path, sizeof(path), "/tmp/%u", n);
    len = (uint64_t)snprintf(bytes, sizeof(bytes), "the bytes of file %u\n", n);
    seq = build__enter(&records, 1, 257, 4, (uint64_t[]){0xffffff9c, 0x1000, 01101, 0600});
    path_snippet(QBK_SNIP_MEM, 0x1000, path, 1);
    object = build__object(&records, 1, 3, 1000 + n);
    object->file = 0xffff888000000000u + n * 256u;
    object->mode = 0100600;
    build__return(&records, 1, seq, QBK_END_RETURNED, 3);
    path_snippet(QBK_SNIP_FD, 3, path, 0xff);
    seq = build__enter(&records, 1, 1, 3, (uint64_t[]){3, 0x2000, len});
    build__snippet(&records, QBK_SNIP_MEM, 0x2000, bytes, (uint32_t)len, len, 0, 1, 0);
    build__return(&records, 1, seq, QBK_END_RETURNED, len);
    build__return(&records, 1, build__enter(&records, 1, 3, 1, (uint64_t[]){3}), QBK_END_RETURNED, 0);
    seq = build__enter(&records, 1, 87, 1, (uint64_t[]){0x1000});
    path_snippet(QBK_SNIP_MEM, 0x1000, path, 0);
    build__return(&records, 1, seq, QBK_END_RETURNED, 0);
}

/* What was made goes into the file: a maker of records looks through all that it has. */
static int write_out(struct trace_writer *w)
{
    struct build before = records;
    int status = 0;

    for (unsigned i = 0; i < records.records->len; i++)
        status |= trace__write(w, records.records->pdata[i], NULL);
    build__free(&records);
    build__init(&records);
    records.next_seq = before.next_seq;
    records.time_ns = before.time_ns;
    memcpy(records.counter, before.counter, sizeof(before.counter));
    return status;
}

int main(int argc, char **argv)
{
    struct trace_writer *w = argc == 3 ? trace__create(argv[1], NULL, NULL) : NULL;
    int status = 0;

    if (!w)
        return 2;
    build__init(&records);
    build__meta(&records, "qebek", "test", "string_limit", "4096", "fd_names", "yes", "objects", "yes", NULL);
    build__thread(&records, 1, 100, "maker");
    for (unsigned n = 0; n < strtoul(argv[2], NULL, 10); n++) {
        one_file(n);
        status |= write_out(w);
    }
    build__summary(&records);
    status |= write_out(w);
    status |= trace__finish(w, NULL);
    build__free(&records);
    return status ? 1 : 0;
}
