// SPDX-License-Identifier: GPL-2.0-or-later
#include "ring_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct ring_set *ring_help__create(unsigned n_vcpus, size_t size, int *fd)
{
    struct ring_set *set = ring__create(n_vcpus, size, fd, NULL);

    assert_non_null(set);
    return set;
}

struct ring_set *ring_help__open(int fd)
{
    struct ring_set *set = ring__open(fd, NULL);

    assert_non_null(set);
    return set;
}

bool ring_help__put(struct ring_set *set, unsigned index, uint32_t tag, size_t len)
{
    struct qbk_text *t = ring__reserve(set, index, sizeof(*t) + len, QBK_LOG);

    if (!t)
        return false;
    t->h.type = QBK_LOG;
    t->h.thread = tag;
    t->len = (uint32_t)len;
    t->reserved = 0;
    for (size_t i = 0; i < len; i++)
        t->text[i] = (char)(tag + i * 7);
    return ring__commit(set, index, sizeof(*t) + len, tag) != 0;
}

void ring_help__assert_content(const struct qbk_record *rec)
{
    const struct qbk_text *t = (const struct qbk_text *)rec;

    assert_int_equal(rec->type, QBK_LOG);
    assert_int_equal(rec->time_ns, (uint32_t)rec->thread);
    for (size_t i = 0; i < t->len; i++)
        if (t->text[i] != (char)((uint32_t)rec->thread + i * 7))
            fail_msg("byte %zu of record %lu", i, (unsigned long)rec->seq);
}

uint32_t ring_help__random(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}
