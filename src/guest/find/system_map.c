/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A System.map of the user's: "ffffffff81000000 T _text" a line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/find/find.h"

static bool parse_line(char *line, struct find_symbol *symbol)
{
    char *rest;
    symbol->addr = strtoull(line, &rest, 16);
    if (rest == line || rest[0] != ' ' || rest[1] == 0 || rest[2] != ' ')
        return false;
    symbol->type = rest[1];
    symbol->name = rest + 3;
    return rest[3] != 0;
}

bool find__system_map(const char *path, struct find_symbols *symbols, GError **error)
{
    gsize size, lines = 0;
    memset(symbols, 0, sizeof(*symbols));
    if (!g_file_get_contents(path, &symbols->names, &size, error))
        return false;
    for (gsize i = 0; i < size; i++)
        lines += symbols->names[i] == '\n';
    symbols->symbol = g_try_new0(struct find_symbol, lines + 1);
    char *save = NULL;
    for (char *line = strtok_r(symbols->names, "\n", &save); line && symbols->symbol;
         line = strtok_r(NULL, "\n", &save))
        symbols->count += parse_line(line, &symbols->symbol[symbols->count]);
    if (symbols->count)
        return true;
    find__symbols_clear(symbols);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "'%s' is no System.map", path);
    return false;
}
