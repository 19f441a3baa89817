/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/hooks_internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/hooks_values.h"
#include "cmd/options.h"
#include "cmd/session.h"
#include "functions/btf.h"
#include "functions/kernel.h"
#include "trace/functions.h"

static void clear_spec(gpointer spec)
{
    function__spec_clear(spec);
}

static bool add_spec(struct hooks *hooks, const char *text, GError **error)
{
    struct function_spec spec;

    if (!function__read_spec(text, &spec, error)) {
        return false;
    }
    if (spec.where == FUNCTION_OFFSET) {
        g_set_error(
            error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
            "%s: functions by their offset in a process cannot be hooked so far: name the function, or give its "
            "address",
            text);
        function__spec_clear(&spec);
        return false;
    }
    g_array_append_val(hooks->specs, spec);
    return true;
}

/* Of programs and libraries: found where the guest maps them, by the plugin. */
static bool is_user(const struct function_spec *spec)
{
    return spec->where != FUNCTION_KERNEL && !(spec->where == FUNCTION_ADDRESS && (int64_t)spec->address < 0);
}

/* As the table has it: without a prototype. */
static char *user_name(const struct function_spec *spec)
{
    if (spec->where == FUNCTION_ADDRESS)
        return g_strdup_printf("0x%" G_GINT64_MODIFIER "x", spec->address);
    return g_strdup_printf("%s:%s", spec->module, spec->name);
}

struct hooks *hooks__new(const GPtrArray *specs, const GPtrArray *expand, size_t max, GError **error)
{
    struct hooks *hooks = g_new0(struct hooks, 1);

    hooks->specs = g_array_new(FALSE, FALSE, sizeof(struct function_spec));
    g_array_set_clear_func(hooks->specs, clear_spec);
    hooks->expand = expand;
    hooks->max = max;
    hooks->table = -1;
    for (guint i = 0; i < specs->len; i++) {
        if (!add_spec(hooks, specs->pdata[i], error)) {
            hooks__free(hooks);
            return NULL;
        }
    }
    return hooks;
}

int hooks__open(const struct options *o, struct session *session, struct link_settings *settings)
{
    g_autoptr(GError) error = NULL;

    if (o->hooks->len == 0 && o->hook_expand->len > 0) {
        return cmd__usage("--hook-expand is about functions that are hooked: name them with --hook");
    }
    if (o->hook_expand->len > FUNCTION_PATHS_MAX) {
        return cmd__usage("--hook-expand: at most %u members", FUNCTION_PATHS_MAX);
    }
    for (guint i = 0; i < o->hook_expand->len; i++) {
        if (!hooks_values__path_valid(o->hook_expand->pdata[i], &error)) {
            return cmd__usage("--hook-expand: %s", error->message);
        }
    }
    if (o->hooks->len == 0) {
        return CMD_OK;
    }
    session->hooks = hooks__new(o->hooks, o->hook_expand, o->hook_max, &error);
    if (!session->hooks) {
        return cmd__usage("--hook: %s", error->message);
    }
    for (guint i = 0; i < session->hooks->specs->len; i++) {
        const struct function_spec *spec = &g_array_index(session->hooks->specs, struct function_spec, i);

        if (is_user(spec) && !hooks__is_nt(spec)) {
            settings->flags |= LINK_MAPPINGS;
        }
    }
    session->find.known = hooks__known;
    session->find.known_nt = hooks__known_nt;
    session->find.data = session->hooks;
    return CMD_OK;
}

void hooks__free(struct hooks *hooks)
{
    if (!hooks) {
        return;
    }
    if (hooks->table >= 0) {
        close(hooks->table);
    }
    g_array_free(hooks->specs, TRUE);
    g_free(hooks);
}

static const struct function_prototype *given(const struct function_spec *spec)
{
    return spec->prototype.known ? &spec->prototype : NULL;
}

void hooks__add_matches(const struct hooks *hooks, const struct function_spec *spec,
                        const struct function_symbol *symbols, size_t count, GArray *wanted)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) found = function__match(spec, symbols, count, hooks->max, &error);

    if (!found) {
        cmd__say("not hooked: %s", error->message);
        return;
    }
    for (guint i = 0; i < found->len; i++) {
        const struct function_symbol *s = &symbols[g_array_index(found, guint, i)];
        struct wanted w = {s->address, s->name, given(spec), false};

        g_array_append_val(wanted, w);
    }
}

static gint by_address(gconstpointer a, gconstpointer b)
{
    const struct wanted *x = a, *y = b;

    return x->address < y->address ? -1 : x->address > y->address;
}

void hooks__make_unique(GArray *wanted)
{
    struct wanted *all = (struct wanted *)(void *)wanted->data;
    guint n = 0;

    g_array_sort(wanted, by_address);
    for (guint i = 0; i < wanted->len; i++) {
        if (n > 0 && all[n - 1].address == all[i].address) {
            all[n - 1].given = all[n - 1].given ? all[n - 1].given : all[i].given;
        } else {
            all[n++] = all[i];
        }
    }
    g_array_set_size(wanted, n);
}

/* What their values are; to be freed. */
static struct hooks_values *ask_values(const struct hooks *hooks, const struct find_image *image, const GArray *wanted)
{
    g_autofree const char **names = g_new(const char *, wanted->len);

    for (guint i = 0; i < wanted->len; i++) {
        names[i] = g_array_index(wanted, struct wanted, i).name;
    }
    return hooks_values__new(image, names, wanted->len, hooks->expand);
}

/* Names of all kernels since 5.0; one of them has no more than two. */
static void find_trampolines(const struct find_symbols *symbols, uint64_t to[FUNCTIONS_TRAMPOLINES])
{
    static const char *const names[FUNCTIONS_TRAMPOLINES] = {"arch_rethook_trampoline", "__kretprobe_trampoline",
                                                             "kretprobe_trampoline", "return_to_handler"};

    for (unsigned i = 0; i < FUNCTIONS_TRAMPOLINES; i++) {
        const struct find_symbol *s = find__symbol(symbols, names[i]);

        to[i] = s ? s->addr : 0;
    }
}

static int make_table(const struct hooks *hooks, const struct find_image *image, const struct find_symbols *symbols,
                      const GArray *wanted)
{
    struct hooks_values *of = ask_values(hooks, image, wanted);
    g_autoptr(GByteArray) values = g_byte_array_new();
    g_autofree struct functions_entry *entries = g_new0(struct functions_entry, wanted->len);
    g_autoptr(GString) text = g_string_new(NULL);
    struct functions_table table = {.count = wanted->len, .entry = entries};

    for (guint i = 0; i < wanted->len; i++) {
        const struct wanted *w = &g_array_index(wanted, struct wanted, i);

        entries[i].address = w->address;
        entries[i].name = (uint32_t)text->len;
        if (w->user) {
            entries[i].flags = FUNCTIONS_USER;
        } else if (functions__is_entry_code(symbols, w->address, w->name)) {
            entries[i].flags = FUNCTIONS_NO_RETURN_ADDRESS;
        }
        entries[i].n_args = FUNCTIONS_ARGS_MAX;
        entries[i].prototype = hooks_values__add(of, i, w->given, values);
        g_string_append_len(text, w->name, (gssize)strnlen(w->name, FUNCTIONS_NAME_MAX - 1));
        g_string_append_c(text, 0);
    }
    hooks_values__free(of);
    find_trampolines(symbols, table.trampoline);
    table.values = values->data;
    table.values_len = values->len;
    table.text = text->str;
    table.text_len = (uint32_t)text->len;
    return functions__write(&table);
}

void hooks__set_table(struct hooks *hooks, size_t count, int table)
{
    if (hooks->table >= 0) {
        close(hooks->table);
    }
    hooks->table = table;
    if (table < 0) {
        cmd__say("functions cannot be hooked: no memory file for them: %s", g_strerror(errno));
    } else if (count > FUNCTIONS_MAX) {
        cmd__say("not hooked: more than %u functions in all: name fewer", FUNCTIONS_MAX);
        close(table);
        hooks->table = -1;
    }
}

void hooks__known(const struct find_image *image, const struct find_symbols *symbols, void *data)
{
    struct hooks *hooks = data;
    g_autoptr(GArray) wanted = g_array_new(FALSE, FALSE, sizeof(struct wanted));
    g_autoptr(GStringChunk) own = g_string_chunk_new(64);
    size_t count;
    g_autofree struct function_symbol *functions = functions__of_kernel(symbols, &count);

    for (guint i = 0; i < hooks->specs->len; i++) {
        const struct function_spec *spec = &g_array_index(hooks->specs, struct function_spec, i);

        if (hooks__is_nt(spec)) {
            cmd__say("not hooked: %s:%s: this is a Linux kernel", spec->module, spec->name);
        } else if (is_user(spec)) {
            g_autofree char *name = user_name(spec);
            struct wanted w = {i + 1, g_string_chunk_insert(own, name), given(spec), true};

            g_array_append_val(wanted, w);
        } else if (spec->where == FUNCTION_KERNEL) {
            hooks__add_matches(hooks, spec, functions, count, wanted);
        } else {
            g_autofree char *name = g_strdup_printf("0x%" G_GINT64_MODIFIER "x", spec->address);
            struct wanted w = {spec->address, g_string_chunk_insert(own, name), given(spec), false};

            g_array_append_val(wanted, w);
        }
    }
    hooks__make_unique(wanted);
    if (wanted->len > 0) {
        hooks__set_table(hooks, wanted->len, make_table(hooks, image, symbols, wanted));
    }
}

int hooks__take(struct hooks *hooks)
{
    int fd = hooks ? hooks->table : -1;

    if (hooks) {
        hooks->table = -1;
    }
    return fd;
}
