/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/chain.h"

#include <string.h>

#include "qebek/record.h"
#include "trace/file.h"

struct chain {
    struct trace_reader *reader;
    char *base, *name, *dir; /* the trace's path, the file's, the directory that both are in */
    uint64_t index;          /* of the file: 0 is the base itself */
    uint64_t last;           /* the last record's seq */
    bool continuation, follow;
    bool alone;     /* the file that comes next was not there when this one was opened, and no new one can be by now */
    bool repeats;   /* still among what this file repeats of the ones before */
    unsigned tries; /* to open the next file */
    bool compared;  /* this file's META with the first file's */
    struct qbk_record *meta;
};

#define TRIES 50 /* of a follower, a tenth of a second each: a file is there a moment before its first bytes are */

static char *name_of(const char *base, uint64_t index)
{
    return index == 0 ? g_strdup(base) : g_strdup_printf("%s.%" G_GUINT64_FORMAT, base, index);
}

/* The number behind the last dot of a file's name; false: there is none. */
static bool number_of(const char *name, uint64_t *number)
{
    const char *dot = strrchr(name, '.');
    char *end = NULL;

    if (!dot || dot == name || !g_ascii_isdigit(dot[1]) || dot[1] == '0')
        return false;
    *number = g_ascii_strtoull(dot + 1, &end, 10);
    return *end == '\0' && *number < UINT32_MAX;
}

/* The lowest number of a file of this trace; 0: there is none. */
static uint64_t oldest(const struct chain *c)
{
    g_autofree char *base = g_path_get_basename(c->base);
    GDir *dir = g_dir_open(c->dir, 0, NULL);
    uint64_t least = 0, number;
    const char *name;

    while (dir && (name = g_dir_read_name(dir)) != NULL) {
        size_t len = strlen(base);

        if (strncmp(name, base, len) == 0 && name[len] == '.' && strrchr(name, '.') == name + len &&
            number_of(name, &number) && (least == 0 || number < least))
            least = number;
    }
    if (dir)
        g_dir_close(dir);
    return least;
}

static bool open_part(struct chain *c, uint64_t index, GError **error)
{
    char *name = name_of(c->base, index);
    struct trace_reader *reader = trace__open(name, c->follow, error);

    if (!reader) {
        g_free(name);
        return false;
    }
    trace__close(c->reader);
    g_free(c->name);
    c->reader = reader;
    c->name = name;
    c->index = index;
    c->compared = false;
    c->tries = 0;
    return true;
}

/* "t.qbk.3" is the fourth file of "t.qbk" if it says of itself that it continues something. */
static void find_base(struct chain *c)
{
    uint64_t number;

    if (trace__is_continuation(c->reader) && number_of(c->base, &number)) {
        *strrchr(c->base, '.') = '\0';
        c->index = number;
    }
}

struct chain *chain__open(const char *path, bool follow, GError **error)
{
    struct chain *c = g_new0(struct chain, 1);
    uint64_t left;
    bool ok;

    c->base = g_strdup(path);
    c->follow = follow;
    c->dir = strcmp(path, "-") == 0 ? NULL : g_path_get_dirname(path);
    left = c->dir && !g_file_test(path, G_FILE_TEST_EXISTS) ? oldest(c) : 0;
    ok = open_part(c, left, error);
    if (ok && left == 0 && c->dir)
        find_base(c);
    if (!ok) {
        chain__close(c);
        return NULL;
    }
    c->continuation = trace__is_continuation(c->reader);
    return c;
}

static bool same_meta(const struct qbk_record *a, const struct qbk_record *b)
{
    return a->size == b->size && memcmp(a, b, a->size) == 0;
}

/* Is what begins a file the same trace's? It repeats the META that was last in force (`qebek ctl` makes new ones). */
static bool belongs(struct chain *c, const struct qbk_record *rec)
{
    if (rec->type != QBK_META)
        return true;
    if (c->meta && !c->compared && !same_meta(c->meta, rec))
        return false;
    c->compared = true;
    g_free(c->meta);
    c->meta = g_memdup2(rec, rec->size);
    return true;
}

/* The file has ended, and says that the trace goes on in the next. */
static enum trace_status go_on(struct chain *c, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autofree char *next = name_of(c->base, c->index + 1);

    if (!c->dir)
        return TRACE_END; /* a pipe has no next file */
    if (c->alone) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "the trace goes on in '%s', which is not there", next);
        return TRACE_CUT;
    }
    if (open_part(c, c->index + 1, &why)) {
        c->repeats = true;
        return TRACE_OK;
    }
    if (c->follow && c->tries++ < TRIES)
        return TRACE_AGAIN;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "the trace goes on in '%s': %s", next, why->message);
    return TRACE_CUT;
}

/* Has this record been read from a file before? */
static bool is_repeated(struct chain *c, const struct qbk_record *rec)
{
    c->repeats = c->repeats && rec->seq <= c->last && trace__is_repeatable(rec);
    return c->repeats;
}

enum trace_status chain__read(struct chain *c, const struct qbk_record **rec, GError **error)
{
    for (;;) {
        enum trace_status status = trace__read(c->reader, rec, error);

        if (status == TRACE_END && trace__goes_on(c->reader)) {
            status = go_on(c, error);
            if (status == TRACE_OK)
                continue;
        }
        if (status != TRACE_OK)
            return status;
        if (!belongs(c, *rec)) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "'%s' is of another trace", c->name);
            return TRACE_CUT;
        }
        if (!is_repeated(c, *rec)) {
            c->last = MAX(c->last, (*rec)->seq);
            return TRACE_OK;
        }
    }
}

bool chain__is_continuation(const struct chain *c)
{
    return c->continuation;
}

const char *chain__name(const struct chain *c)
{
    return c->name;
}

const char *chain__dir(struct chain *c)
{
    g_autofree char *next = name_of(c->base, c->index + 1);

    c->alone = !c->follow && !g_file_test(next, G_FILE_TEST_EXISTS);
    return c->alone ? NULL : c->dir;
}

void chain__close(struct chain *c)
{
    if (!c)
        return;
    trace__close(c->reader);
    g_free(c->base);
    g_free(c->name);
    g_free(c->dir);
    g_free(c->meta);
    g_free(c);
}
