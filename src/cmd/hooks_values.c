/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/hooks_values.h"

#include <string.h>

#include "cmd/cmd.h"
#include "functions/btf.h"
#include "trace/functions.h"

#define PATH_LONGEST 200u

struct hooks_values {
    const GPtrArray *paths;
    GHashTable *number;                    /* name → number of its prototype, counted from 1 */
    uint32_t *of;                          /* by function: number of its prototype */
    struct function_prototype *prototypes; /* of each name once */
    struct function_types *types;
    uint32_t *first; /* by prototype: its first member, or UINT32_MAX */
};

bool hooks_values__path_valid(const char *path, GError **error)
{
    size_t words = 1;
    bool good = path[0] && strlen(path) < PATH_LONGEST && path[0] != '*';

    for (const char *c = path; good && *c; c++) {
        bool first = c == path || c[-1] == '.';

        if (*c == '.') {
            good = !first && c[1];
            words++;
        } else if (*c == '*') {
            good = first && !c[1];
        } else {
            good = g_ascii_isalpha(*c) || *c == '_' || (g_ascii_isdigit(*c) && !first);
        }
    }
    if (good && words <= FUNCTION_STEPS_MAX) {
        return true;
    }
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "\"%.80s\": members are named by the name of an argument and at most 7 members behind it: "
                "\"file.f_path\", \"file.f_inode.i_ino\", \"file\" for all members",
                path);
    return false;
}

/* "; near it: f_path, f_pos_lock", or nothing. */
static char *near_names(const struct function_path *path)
{
    GString *to = g_string_new(NULL);

    for (unsigned i = 0; i < FUNCTION_NEAR_MAX && path->near[i][0]; i++) {
        g_string_append_printf(to, "%s%s", i ? ", " : "; near it: ", path->near[i]);
    }
    return g_string_free(to, FALSE);
}

static void say_path(const char *name, const struct function_path *path)
{
    g_autofree char *near = near_names(path);

    if (path->found) {
        return;
    }
    if (!path->args) {
        cmd__say("--hook-expand %s: no hooked function has an argument with the name %.*s", name,
                 (int)strcspn(name, "."), name);
    } else if (path->type[0]) {
        cmd__say("--hook-expand %s: struct %s has no member %s%s", name, path->type, path->member, near);
    } else {
        cmd__say("--hook-expand %s: %s is not a struct, nor a pointer to one that this kernel tells of", name,
                 path->member[0] ? "what it leads to" : "the argument");
    }
}

static void say_paths(const struct hooks_values *v, bool known)
{
    if (!known && v->paths->len > 0) {
        cmd__say("--hook-expand: this kernel tells nothing of its types (BTF): members are left out");
        return;
    }
    for (guint i = 0; i < v->paths->len; i++) {
        say_path(v->paths->pdata[i], &v->types->path[i]);
    }
    if (v->types->cut) {
        cmd__say("--hook-expand: more than %u members in all: hook fewer functions, the rest is left out",
                 FUNCTION_EXPAND_MAX);
    }
}

/* Several functions may have one name, and then one prototype or none. */
static GPtrArray *unique_names(struct hooks_values *v, const char *const *names, size_t count)
{
    GPtrArray *unique = g_ptr_array_new();

    for (size_t i = 0; i < count; i++) {
        gpointer key = (gpointer)(uintptr_t)names[i];
        guint number = GPOINTER_TO_UINT(g_hash_table_lookup(v->number, key));

        if (!number) {
            g_ptr_array_add(unique, key);
            number = unique->len;
            g_hash_table_insert(v->number, key, GUINT_TO_POINTER(number));
        }
        v->of[i] = number - 1;
    }
    return unique;
}

static void find_first(struct hooks_values *v, size_t count)
{
    memset(v->first, 0xff, count * sizeof(*v->first));
    for (uint32_t i = v->types->n_members; i-- > 0;) {
        v->first[v->types->member[i].function] = i;
    }
}

struct hooks_values *hooks_values__new(const struct find_image *image, const char *const *names, size_t count,
                                       const GPtrArray *paths)
{
    struct hooks_values *v = g_new0(struct hooks_values, 1);
    struct function_query query = {.path = (const char *const *)paths->pdata, .n_paths = paths->len};
    bool known = false;

    v->paths = paths;
    v->number = g_hash_table_new(g_str_hash, g_str_equal);
    v->of = g_new0(uint32_t, count + 1);
    g_autoptr(GPtrArray) unique = unique_names(v, names, count);
    v->prototypes = g_new0(struct function_prototype, unique->len + 1);
    v->first = g_new0(uint32_t, unique->len + 1);
    v->types = g_new0(struct function_types, 1);
    query.name = (const char *const *)unique->pdata;
    query.count = unique->len;
    if (find__btf(image, &query.blob, &query.size)) {
        known = functions__from_btf(&query, v->prototypes, v->types);
    }
    find_first(v, unique->len);
    say_paths(v, known);
    return v;
}

void hooks_values__free(struct hooks_values *v)
{
    g_hash_table_destroy(v->number);
    g_free(v->of);
    g_free(v->prototypes);
    g_free(v->first);
    g_free(v->types);
    g_free(v);
}

uint32_t hooks_values__add(const struct hooks_values *v, uint32_t index, const struct function_prototype *given,
                           GByteArray *to)
{
    uint32_t number = v->of[index], at = to->len;
    const struct function_context context = {v->types, number, v->first[number], (const char *const *)v->paths->pdata};
    const struct function_prototype *p = given ? given : &v->prototypes[number];

    if (!p->known || to->len >= FUNCTIONS_VALUES_MAX - QBK_RECORD_MAX) {
        return FUNCTIONS_NO_PROTOTYPE;
    }
    function__serialize(p, given ? NULL : &context, to);
    return at;
}
