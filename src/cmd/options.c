/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cmd/options_table.h"
#include "functions/function.h"

#define STALL_DEFAULT_MS 5000u
#define OPTIONS_MAX      96

static char *own(struct options *o, char *string)
{
    g_ptr_array_add(o->strings, string);
    return string;
}

/* Headings in the help, each before the option that begins its part of the table. */
static const struct {
    const char *first, *heading;
} parts[] = {{"expr", "What is shown"},
             {"string-limit", "How it is shown"},
             {"to-file", "Where it goes"},
             {"module", "How the machine is traced"}};

static void print_heading(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (strcmp(parts[i].first, name) == 0) {
            printf("%s%s:\n", i ? "\n" : "", parts[i].heading);
        }
    }
}

static bool has_options(const struct cmd *cmd)
{
    for (size_t i = 0; i < option_count; i++) {
        if (option_rows[i].commands & cmd->bit) {
            return true;
        }
    }
    return false;
}

static void print_help(const struct cmd *cmd)
{
    printf("qebek %s %s%s\n%s\n\n", cmd->name, has_options(cmd) ? "[options] " : "", cmd->operands, cmd->help);
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_rows[i];
        g_autofree char *letter = row->letter ? g_strdup_printf("-%c,", row->letter) : g_strdup("");
        g_autofree char *name =
            g_strdup_printf("--%s%s%s", row->name, row->value ? " " : "", row->value ? row->value : "");
        g_auto(GStrv) lines = NULL;

        if (!(row->commands & cmd->bit)) {
            continue;
        }
        print_heading(row->name);
        lines = g_strsplit(row->help, "\n", -1);
        printf("  %-3s %-26s %s\n", letter, name, lines[0]);
        for (char **line = lines + 1; *line; line++) {
            printf("  %-30s %s\n", "", *line);
        }
    }
    printf("%s  %-3s %-26s %s\n", cmd->bit & CMD_SHOWS ? "\n" : "", "-h,", "--help", "show this help");
}

/* The table in getopt's terms: "+" for operands that may be followed by somebody else's options. */
static void getopt_tables(const struct cmd *cmd, GString *letters, struct option *longs)
{
    size_t n = 0;

    g_string_append(letters, cmd->bit & CMD_RUN ? "+:h" : ":h");
    for (size_t i = 0; i < option_count; i++) {
        if (!(option_rows[i].commands & cmd->bit)) {
            continue;
        }
        if (option_rows[i].letter) {
            g_string_append_printf(letters, "%c%s", option_rows[i].letter, option_rows[i].value ? ":" : "");
        }
        longs[n++] = (struct option){.name = option_rows[i].name,
                                     .has_arg = option_rows[i].value ? required_argument : no_argument,
                                     .val = 256 + (int)i};
    }
    longs[n++] = (struct option){.name = "help", .has_arg = no_argument, .val = 'h'};
    longs[n] = (struct option){.name = NULL};
}

static const struct option_row *row_of(const struct cmd *cmd, int got)
{
    for (size_t i = 0; i < option_count; i++) {
        if ((option_rows[i].commands & cmd->bit) &&
            (got == 256 + (int)i || (got < 256 && option_rows[i].letter == got))) {
            return &option_rows[i];
        }
    }
    return NULL;
}

static int unknown_option(const struct cmd *cmd, char **argv, int got, int letter)
{
    const char *what = got == ':' ? "needs a value" : "is not an option of this command, or is ambiguous";

    if (letter > 0 && letter < 256) {
        return cmd__usage("-%c %s; see \"qebek %s --help\"", letter, what, cmd->name);
    }
    return cmd__usage("%s %s; see \"qebek %s --help\"", argv[optind - 1], what, cmd->name);
}

/* -o and -f in terms of outputs; combinations that contradict each other. Returns an exit status. */
static int finish_options(struct options *o)
{
    o->show.quiet = o->quiet;
    if (o->text_file) {
        g_ptr_array_insert(o->outputs, 0,
                           own(o, o->forks > 1 ? g_strdup_printf("strace:%s.%%p", o->text_file)
                                               : g_strdup_printf("text:%s", o->text_file)));
    } else if (o->forks > 1) {
        return cmd__usage("-ff needs -o FILE: it writes FILE.TID for each thread");
    }
    if (o->forks > 1 && o->show.graph) {
        return cmd__usage("--graph and -ff contradict each other: a graph is one file");
    }
    if ((o->flags & LINK_STOPPED) && !o->control) {
        return cmd__usage("--stopped needs --control PATH: how else could it start?");
    }
    if (o->show.only_ok && o->show.only_failed) {
        return cmd__usage("-z and -Z together leave nothing to show");
    }
    if (o->show.rotate_files && !o->show.rotate_bytes) {
        return cmd__usage("--rotate-count needs --rotate-size");
    }
    return CMD_OK;
}

enum options_next options__parse(const struct cmd *cmd, int argc, char **argv, struct options *o, int *operands)
{
    g_autoptr(GString) letters = g_string_new(NULL);
    struct option longs[OPTIONS_MAX + 2];
    int got;

    g_assert(option_count <= OPTIONS_MAX);
    *o = (struct options){.stall_ms = STALL_DEFAULT_MS};
    show_options__init(&o->show);
    o->outputs = g_ptr_array_new();
    o->modules = g_ptr_array_new();
    o->hooks = g_ptr_array_new();
    o->hook_expand = g_ptr_array_new();
    o->hook_max = FUNCTION_HOOK_MAX;
    o->strings = g_ptr_array_new_with_free_func(g_free);
    getopt_tables(cmd, letters, longs);
    opterr = 0;
    optind = 0; /* GNU: begin anew */
    while ((got = getopt_long(argc, argv, letters->str, longs, NULL)) != -1) {
        const struct option_row *row = row_of(cmd, got);
        const char *wrong;

        if (got == 'h') {
            print_help(cmd);
            o->status = CMD_OK;
            return OPTIONS_EXIT;
        }
        if (!row) {
            o->status = unknown_option(cmd, argv, got, optopt);
            return OPTIONS_EXIT;
        }
        wrong = option_row__apply(row, o, optarg ? optarg : "");
        if (wrong) {
            o->status = cmd__usage("--%s: \"%s\" %s", row->name, optarg ? optarg : "", wrong);
            return OPTIONS_EXIT;
        }
    }
    *operands = optind;
    o->status = finish_options(o);
    return o->status == CMD_OK ? OPTIONS_GO : OPTIONS_EXIT;
}

void options__clear(struct options *o)
{
    show_options__clear(&o->show);
    g_clear_pointer(&o->outputs, g_ptr_array_unref);
    g_clear_pointer(&o->modules, g_ptr_array_unref);
    g_clear_pointer(&o->hooks, g_ptr_array_unref);
    g_clear_pointer(&o->hook_expand, g_ptr_array_unref);
    g_clear_pointer(&o->strings, g_ptr_array_unref);
}
