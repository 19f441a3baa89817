// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Feeds bytes to whatever reads records from outside. The first byte says as what:
 *   odd                bare records, as they come from a ring;
 *   a multiple of 4    a trace file: trace__open, trace__read, and each record to the check;
 *   any other          the same, with the checksums set right first, which a fuzzer does not get past.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "trace/check.h"
#include "trace/file.h"
#include "trace/file_layout.h"
#include "trace/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned sink; /* so that no look at bytes is optimised away */

static void touch(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sink += bytes[i];
}

/* All that may be asked of a record that passed. */
static void look_at(const struct qbk_record *rec)
{
    struct snippet_iter it;
    const struct qbk_snippet *s;
    const uint8_t *bytes;

    record__snippets(rec, &it);
    while ((s = record__next_snippet(&it, &bytes)) != NULL) {
        const uint8_t *found = NULL;
        uint64_t addr = s->addr + s->have / 2;
        size_t n;

        touch(bytes, s->have);
        n = record__memory(rec, addr, 64, &found);
        if (n > 64)
            abort();
        touch(found, n);
        if (!record__find(rec, (enum qbk_snippet_kind)s->kind, s->addr, &bytes))
            abort();
    }
    if (rec->type == QBK_META || rec->type == QBK_GUEST) {
        const char *key;
        const char *value;
        size_t pos = 0;

        while (record__text_next((const struct qbk_text *)rec, &pos, &key, &value))
            sink += (unsigned)(strlen(key) + strlen(value));
        if (record__text_get((const struct qbk_text *)rec, "os"))
            sink++;
    }
    sink += (unsigned)strlen(record__type_name((enum qbk_type)rec->type));
}

static void as_records(const uint8_t *data, size_t size)
{
    uint8_t *copy = calloc(1, size + 1);
    struct check *check = check__new((size & 8) != 0);
    size_t at = 0;

    if (!copy)
        abort();
    if (size)
        memcpy(copy, data, size);
    while (record__valid(copy + at, size - at)) {
        const struct qbk_record *rec = (const struct qbk_record *)(void *)(copy + at);

        look_at(rec);
        check__feed(check, rec);
        at += rec->size;
    }
    sink += (unsigned)check__finish(check)->violations;
    check__free(check);
    free(copy);
}

/* Set every checksum that a reader will look at, as long as the lengths lead on. */
static void mend(uint8_t *bytes, size_t size)
{
    struct file_header h;
    struct file_block b;
    size_t at = sizeof(h);

    if (size < sizeof(h))
        return;
    memcpy(&h, bytes, sizeof(h));
    h.crc = file__crc(&h, offsetof(struct file_header, crc));
    memcpy(bytes, &h, sizeof(h));
    while (size - at >= sizeof(b)) {
        memcpy(&b, bytes + at, sizeof(b));
        if (b.stored <= size - at - sizeof(b))
            b.data_crc = file__crc(bytes + at + sizeof(b), b.stored);
        b.header_crc = file__crc(&b, offsetof(struct file_block, header_crc));
        memcpy(bytes + at, &b, sizeof(b));
        if (b.stored > size - at - sizeof(b))
            return;
        at += sizeof(b) + b.stored;
    }
}

static void as_file(const uint8_t *data, size_t size, bool right_checksums)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    char path[64];
    struct trace_reader *r;
    const struct qbk_record *rec = NULL;
    struct check *check;
    GError *error = NULL;
    uint8_t *bytes = calloc(1, size + 1);

    if (!bytes)
        abort();
    if (size)
        memcpy(bytes, data, size);
    if (right_checksums)
        mend(bytes, size);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
        abort();
    free(bytes);
    g_snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    r = trace__open(path, (size & 1) != 0, NULL);
    close(fd);
    if (!r)
        return;
    check = check__new(trace__is_continuation(r));
    while (trace__read(r, &rec, &error) == TRACE_OK) {
        look_at(rec);
        check__feed(check, rec);
    }
    g_clear_error(&error);
    sink += (unsigned)check__finish(check)->violations;
    check__free(check);
    trace__close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] & 1)
        as_records(data + 1, size - 1);
    else
        as_file(data + 1, size - 1, (data[0] & 3) != 0);
    return 0;
}
