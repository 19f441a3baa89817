// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Everything to the right of the ring: records through the model, the filters and every output that writes text. The
 * first two bytes say which options, the rest is a stream (stream.h) or, with the lowest bit of the first, records as
 * they are. What comes out must be what the outputs promise: printable lines, and JSON.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "show/show.h"
#include "stream.h"
#include "trace/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum kind { TEXT, STRACE, SUMMARY, JSONL, ECS, COWRIE, KINDS }; /* from JSONL on: JSON Lines */
static const char *const kinds[KINDS] = {"text", "strace", "summary", "jsonl", "ecs", "cowrie"};

static const char *const mark[KINDS] = {[JSONL] = "type", [ECS] = "@timestamp", [COWRIE] = "eventid"};

static void options_of(struct show_options *o, uint8_t a, uint8_t b)
{
    static char all[] = "all", most[] = "!/^a", file[] = "%file,%desc", failed[] = "!detached", path[] = "/etc/passwd";
    static char *const traces[4] = {all, all, most, file};

    show_options__init(o);
    o->hex = a >> 1 & 3;
    o->verbose = a >> 3 & 1;
    o->fd_names = a >> 4 & 3;
    o->ip = a >> 6 & 1;
    o->enter_events = a >> 7 & 1;
    o->timestamp = b & 3;
    o->relative = b >> 2 & 1;
    o->durations = b >> 3 & 1;
    o->string_limit = b & 16 ? 5000 : 32;
    g_ptr_array_add(o->trace, traces[b >> 5 & 3]);
    if (b >> 7) {
        number_set__fill(&o->dump_reads, true);
        number_set__fill(&o->dump_writes, true);
    } else if ((a & 0xc0) == 0xc0) {
        g_ptr_array_add(o->status, failed);
        g_ptr_array_add(o->paths, path);
    }
}

static void feed(const struct qbk_record *rec, void *user)
{
    if (!record__valid(rec, rec->size))
        abort();
    if (show__record(user, rec) != KINDS + 2) /* and Sebek's packets and files, below */
        abort();
}

static void as_records(const uint8_t *data, size_t size, struct show *show)
{
    uint8_t *copy = malloc(size + 1);
    size_t at = 0;

    if (!copy)
        abort();
    if (size)
        memcpy(copy, data, size);
    while (record__valid(copy + at, size - at)) {
        const struct qbk_record *rec = (const void *)(copy + at);

        feed(rec, show);
        at += rec->size;
    }
    free(copy);
}

static void wrong(const char *what, const char *line, size_t len)
{
    fprintf(stderr, "%s: %.*s\n", what, (int)len, line);
    abort();
}

static void check_printable(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\n' && (text[i] < 0x20 || text[i] > 0x7e))
            wrong("not printable", text, i + 1);
    }
}

static void check_json(enum kind kind, const char *text, size_t len)
{
    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        json_error_t error;
        json_t *object;

        if (!end)
            wrong("no end of line", text, len);
        object = json_loadb(text, (size_t)(end - text), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
        if (!json_is_object(object) || !json_is_string(json_object_get(object, mark[kind])))
            wrong(error.text, text, (size_t)(end - text));
        json_decref(object);
        len -= (size_t)(end + 1 - text);
        text = end + 1;
    }
}

static void check_output(enum kind kind, int fd)
{
    off_t len = lseek(fd, 0, SEEK_END);
    char *text;

    if (len <= 0)
        return;
    text = mmap(NULL, (size_t)len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (text == MAP_FAILED)
        abort();
    if (kind >= JSONL)
        check_json(kind, text, (size_t)len);
    else
        check_printable(text, (size_t)len);
    if (text[len - 1] != '\n')
        wrong("no end of line", text, (size_t)len);
    munmap(text, (size_t)len);
}

/* One directory for all runs; the system's own cleaning takes it away. */
static const char *files_spec(void)
{
    static char spec[64];

    if (!spec[0]) {
        strcpy(spec, "files:/tmp/qebek-fuzz-XXXXXX");
        if (!mkdtemp(spec + strlen("files:")))
            abort();
    }
    return spec;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fds[KINDS];
    struct show_options options;
    struct show *show;

    if (size < 2)
        return 0;
    options_of(&options, data[0], data[1]);
    show = show__new(&options, NULL);
    for (unsigned i = 0; i < KINDS; i++) {
        if (fds[i] == 0)
            fds[i] = memfd_create(kinds[i], MFD_CLOEXEC);
        if (fds[i] < 0 || ftruncate(fds[i], 0) != 0 || lseek(fds[i], 0, SEEK_SET) != 0 ||
            show__add_output(show, kinds[i], fds[i], NULL) != 0)
            abort();
    }
    options.quiet = true;
    if (show__add_output(show, "sebek:/dev/null", -1, NULL) != 0) /* pure bytes: that it does not die is what counts */
        abort();
    options.files = (struct store_limits){65536, 50, 1 << 20};
    if (show__add_output(show, files_spec(), -1, NULL) != 0)
        abort();
    if (data[0] & 1)
        as_records(data + 2, size - 2, show);
    else
        stream__read(data + 2, size - 2, feed, show);
    if (show__finish(show) != 0)
        abort();
    show__free(show);
    show_options__clear(&options);
    for (unsigned i = 0; i < KINDS; i++)
        check_output((enum kind)i, fds[i]);
    return 0;
}
