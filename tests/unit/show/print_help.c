// SPDX-License-Identifier: GPL-2.0-or-later
#include "print.h"

#include <string.h>

static void pieces(struct build *b, const struct print_shot *shot, bool out)
{
    for (const struct print_piece *p = shot->piece; p->addr; p++) {
        if (p->out == out)
            build__snippet(b, QBK_SNIP_MEM, p->addr, p->bytes, p->len, p->len,
                           (p->string ? QBK_SNIP_STRING : 0) | (p->fault ? QBK_SNIP_FAULT : 0), 0, 0);
    }
}

/* The spaces that fill the line up to the result's column become one. */
static char *without_padding(char *line)
{
    char *equals = strstr(line, " = "), *from = equals;
    if (!equals)
        return line;
    while (from > line && from[-1] == ' ')
        from--;
    memmove(from, equals, strlen(equals) + 1);
    return line;
}

void print__check(const struct print_shot *shot)
{
    struct show_options options;
    struct build b;
    char *want = g_strdup_printf("71    %s\n", shot->want);
    build__init(&b);
    build__thread(&b, 1, 71, "a");
    b.abi = shot->abi;
    if (shot->netlink) {
        uint64_t made = build__enter(&b, 1, 41, 3, LONGS(16, 3, 0));
        build__return(&b, 1, made, QBK_END_RETURNED, shot->args[0]);
    }
    uint64_t call = build__enter(&b, 1, shot->nr, shot->nargs, shot->args);
    pieces(&b, shot, false);
    build__return(&b, 1, call, QBK_END_RETURNED, (uint64_t)shot->result);
    pieces(&b, shot, true);
    show_options__init(&options);
    options.verbose = shot->verbose;
    char *text = shown(&b, "strace", &options);
    char *line = shot->netlink && strchr(text, '\n') ? strchr(text, '\n') + 1 : text;
    shown__is(without_padding(g_strdup(line)), want);
    g_free(text);
    build__free(&b);
    g_free(want);
}

void print__check_all(const struct print_shot *shots, size_t count)
{
    for (size_t i = 0; i < count; i++)
        print__check(&shots[i]);
}
