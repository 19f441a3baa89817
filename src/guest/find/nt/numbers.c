/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/find/nt/numbers.h"

#include <stdlib.h>
#include <string.h>

#define TOLERATED 16u /* one of so many names may be another: exports have second names, and updates change some */
#define BASES_MAX 64u

struct list {
    int base; /* the list that it is made of, or -1 */
    bool reverse;
    const char *changes;
};

#define RELEASE(...)
#define LIST(base, reverse, changes) {base, reverse, changes},
static const struct list lists[] = {
#include "guest/find/nt/numbers.def"
};
#undef RELEASE
#undef LIST

#define LIST(...)
#define RELEASE(is_64, first, last, major, minor, kernel, graphics)                                                    \
    {is_64, first, last, major, minor, {kernel, graphics}},
static const struct release {
    bool is_64;
    uint32_t first, last; /* builds */
    uint32_t major, minor;
    unsigned list[NT_TABLES];
} releases[] = {
#include "guest/find/nt/numbers.def"
};
#undef RELEASE
#undef LIST

#define RELEASES (sizeof(releases) / sizeof(releases[0]))

struct names {
    struct numbers_name name[NT_TABLE_SIZE];
    unsigned count;
};

static void add(struct names *to, struct numbers_name name)
{
    if (to->count < NT_TABLE_SIZE)
        to->name[to->count++] = name;
}

/* One list out of the one before it. */
static void change(const struct list *list, const struct names *from, struct names *to)
{
    unsigned at = 0;
    to->count = 0;
    for (const char *word = list->changes; *word;) {
        size_t len = strcspn(word, " ");
        unsigned n = *word == '=' || *word == '-' ? (unsigned)strtoul(word + 1, NULL, 10) : 0;
        for (unsigned i = 0; *word == '=' && i < n && at + i < from->count; i++)
            add(to, from->name[list->reverse ? from->count - 1 - at - i : at + i]);
        at += n;
        if (*word == '?')
            add(to, (struct numbers_name){NULL, 0});
        else if (n == 0)
            add(to, (struct numbers_name){word, len});
        word += len + (word[len] == ' ');
    }
}

/* The names of a list, in to[0] or to[1]. */
static const struct names *expand(unsigned index, struct names to[2])
{
    unsigned chain[BASES_MAX], n = 0, now = 0;
    for (int i = (int)index; i >= 0 && n < BASES_MAX; i = lists[i].base)
        chain[n++] = (unsigned)i;
    to[0].count = 0;
    while (n-- > 0) {
        change(&lists[chain[n]], &to[now], &to[1 - now]);
        now = 1 - now;
    }
    return &to[now];
}

static bool is_candidate(const struct release *r, const struct numbers_query *q)
{
    if (r->is_64 != q->is_64)
        return false;
    if (q->build)
        return q->build >= r->first && q->build <= r->last;
    return q->major && q->major == r->major && q->minor == r->minor;
}

static bool same(struct numbers_name a, struct numbers_name b)
{
    return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

/* Are the guest's own names, "NtClose", those of this release? */
static bool agrees(const struct release *r, const struct numbers_query *q, struct names buffer[2])
{
    unsigned compared = 0, others = 0;
    for (unsigned t = 0; t < NT_TABLES && q->known; t++) {
        const struct names *list = expand(r->list[t], buffer);
        for (unsigned i = 0; i < list->count; i++) {
            const char *told = q->known[t][i];
            if (!told || !list->name[i].at)
                continue;
            compared++;
            others +=
                strncmp(told, "Nt", 2) != 0 || !same(list->name[i], (struct numbers_name){told + 2, strlen(told + 2)});
        }
    }
    return others * TOLERATED <= compared;
}

static void take(const struct release *r, struct numbers *out, bool conflict[NT_TABLES][NT_TABLE_SIZE],
                 struct names buffer[2])
{
    for (unsigned t = 0; t < NT_TABLES; t++) {
        const struct names *list = expand(r->list[t], buffer);
        for (unsigned i = 0; i < list->count; i++) {
            struct numbers_name *to = &out->name[t][i];
            if (!list->name[i].at)
                continue;
            if (to->at && !same(*to, list->name[i]))
                conflict[t][i] = true;
            *to = list->name[i];
        }
    }
    out->releases++;
}

void numbers__find(const struct numbers_query *query, struct numbers *out)
{
    struct scratch {
        struct names buffer[2];
        bool conflict[NT_TABLES][NT_TABLE_SIZE];
    } *s = calloc(1, sizeof(*s));
    memset(out, 0, sizeof(*out));
    if (!s)
        return;
    for (unsigned i = 0; i < RELEASES; i++) {
        if (!is_candidate(&releases[i], query))
            continue;
        if (agrees(&releases[i], query, s->buffer))
            take(&releases[i], out, s->conflict, s->buffer);
        else
            out->refuted = true;
    }
    for (unsigned t = 0; t < NT_TABLES; t++) {
        for (unsigned i = 0; i < NT_TABLE_SIZE; i++) {
            if (s->conflict[t][i])
                out->name[t][i] = (struct numbers_name){NULL, 0};
        }
    }
    if (out->releases)
        out->refuted = false;
    free(s);
}
