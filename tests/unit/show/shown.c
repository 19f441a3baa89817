// SPDX-License-Identifier: GPL-2.0-or-later
#include "shown.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char *contents(int fd)
{
    GString *text = g_string_new(NULL);
    char part[4096];
    ssize_t n;

    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    while ((n = read(fd, part, sizeof(part))) > 0)
        g_string_append_len(text, part, n);
    close(fd);
    return g_string_free(text, FALSE);
}

char *shown(struct build *b, const char *kind, struct show_options *options)
{
    int fd = memfd_create("shown", MFD_CLOEXEC);
    GError *error = NULL;
    struct show *show = show__new(options, &error);

    if (!show)
        fail_msg("%s", error->message);
    assert_true(fd >= 0);
    assert_int_equal(show__add_output(show, kind, fd, NULL), 0);
    for (unsigned i = 0; i < b->records->len; i++)
        assert_int_equal(show__record(show, b->records->pdata[i]), 1);
    assert_int_equal(show__finish(show), 0);
    show__free(show);
    show_options__clear(options);
    return contents(fd);
}

void shown__is(char *got, const char *want)
{
    if (strcmp(got, want) != 0)
        fail_msg("got:\n%s\nwant:\n%s", got, want);
    g_free(got);
}

void shown__strace(struct build *b, ...)
{
    GString *want = g_string_new(NULL);
    struct show_options options;
    const char *line;
    va_list ap;

    va_start(ap, b);
    while ((line = va_arg(ap, const char *)) != NULL)
        g_string_append_printf(want, "%s\n", line);
    va_end(ap);
    show_options__init(&options);
    shown__is(shown(b, "strace", &options), want->str);
    g_string_free(want, TRUE);
    build__free(b);
}
