/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which functions a name means; and if none, which names are near it. The names are the guest's. */
#include <string.h>

#include "functions/function.h"

#define NEAR_MAX   3u  /* names that an error tells */
#define NEAR_NAME  96u /* longer names are not compared */
#define SAME_SHOWN 4u

bool function__name_matches(const char *pattern, const char *name)
{
    const char *star = NULL, *retry = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = ++pattern;
            retry = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star) { /* the last star takes one character more; those before need not change */
            pattern = star;
            name = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == 0;
}

/* Not a function by itself: jumped into from one, or never run. */
static bool is_part(const char *name)
{
    return strstr(name, ".cold") || g_str_has_prefix(name, "__pfx_") || g_str_has_prefix(name, "__cfi_");
}

static bool wanted(const struct function_spec *spec, const char *name)
{
    if (!spec->wild)
        return strcmp(spec->name, name) == 0;
    return !is_part(name) && function__name_matches(spec->name, name);
}

/* ---- near names ---- */

/* Letters to change, add or take away, at most `limit` (else more than that). */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len, unsigned limit)
{
    unsigned row[NEAR_NAME + 1];
    if (a_len > b_len + limit || b_len > a_len + limit)
        return limit + 1;
    for (size_t j = 0; j <= b_len; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned diagonal = row[0], lowest = row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned best = diagonal + (g_ascii_tolower(a[i - 1]) != g_ascii_tolower(b[j - 1]));
            diagonal = row[j];
            best = MIN(best, MIN(row[j], row[j - 1]) + 1);
            row[j] = best;
            lowest = MIN(lowest, best);
        }
        if (lowest > limit)
            return limit + 1;
    }
    return row[b_len];
}

struct near {
    const char *name[NEAR_MAX];
    unsigned distance[NEAR_MAX];
    unsigned n;
};

static void add_near(struct near *near, const char *name, unsigned far)
{
    unsigned at = near->n;
    for (unsigned i = 0; i < near->n; i++) {
        if (strcmp(near->name[i], name) == 0)
            return;
    }
    while (at > 0 && near->distance[at - 1] > far)
        at--;
    if (at == NEAR_MAX)
        return;
    for (unsigned i = MIN(near->n, NEAR_MAX - 1); i > at; i--) {
        near->name[i] = near->name[i - 1];
        near->distance[i] = near->distance[i - 1];
    }
    near->name[at] = name;
    near->distance[at] = far;
    near->n = MIN(near->n + 1, NEAR_MAX);
}

/* A clone ("NAME.isra.0") counts as nearest: that is what the compiler made of the function. */
static void look_near(struct near *near, const char *wanted_name, const char *name)
{
    size_t want = strlen(wanted_name), len = strnlen(name, NEAR_NAME + 1);
    unsigned limit = want < 4 ? 1 : want < 8 ? 2 : 3;
    if (want > NEAR_NAME || len > NEAR_NAME || is_part(name))
        return;
    if (len > want && name[want] == '.' && strncmp(name, wanted_name, want) == 0) {
        add_near(near, name, 0);
        return;
    }
    unsigned far = distance(wanted_name, want, name, len, limit);
    if (far <= limit)
        add_near(near, name, far);
}

static char *place_of(const struct function_spec *spec)
{
    return g_strdup(spec->module ? spec->module : "the kernel");
}

static void none(const struct function_spec *spec, const struct function_symbol *symbols, size_t count, GError **error)
{
    struct near near = {.n = 0};
    g_autofree char *where = place_of(spec);
    g_autoptr(GString) names = g_string_new(NULL);
    for (size_t i = 0; !spec->wild && i < count; i++)
        look_near(&near, spec->name, symbols[i].name);
    for (unsigned i = 0; i < near.n; i++)
        g_string_append_printf(names, "%s%s", i ? ", " : "; near it: ", near.name[i]);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "%s has no function %s%s", where, spec->name, names->str);
}

/* ---- matches ---- */

static void several(const struct function_spec *spec, const struct function_symbol *symbols, const GArray *found,
                    GError **error)
{
    g_autofree char *where = place_of(spec);
    g_autoptr(GString) list = g_string_new(NULL);
    for (guint i = 0; i < found->len && i < SAME_SHOWN; i++) {
        g_string_append_printf(list, "%s0x%" G_GINT64_MODIFIER "x", i ? ", " : "",
                               symbols[g_array_index(found, guint, i)].address);
    }
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s has %u functions with the name %s: name one by its address (%s%s)", where, found->len, spec->name,
                list->str, found->len > SAME_SHOWN ? ", …" : "");
}

GArray *function__match(const struct function_spec *spec, const struct function_symbol *symbols, size_t count,
                        size_t max, GError **error)
{
    g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(guint));
    g_autoptr(GHashTable) addresses = g_hash_table_new(g_int64_hash, g_int64_equal);
    g_return_val_if_fail(spec->name != NULL && count < G_MAXUINT, NULL);
    for (size_t i = 0; i < count; i++) {
        guint index = (guint)i;
        gint64 *key = (gint64 *)(uintptr_t)&symbols[i].address;
        if (wanted(spec, symbols[i].name) && g_hash_table_add(addresses, key))
            g_array_append_val(found, index);
    }
    if (found->len == 0) {
        none(spec, symbols, count, error);
        return NULL;
    }
    if (!spec->wild && found->len > 1) {
        several(spec, symbols, found, error);
        return NULL;
    }
    if (found->len > max) {
        g_autofree char *where = place_of(spec);
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s matches %u functions of %s, and --hook-max is %zu: name fewer, or raise it", spec->name,
                    found->len, where, max);
        return NULL;
    }
    return g_steal_pointer(&found);
}
