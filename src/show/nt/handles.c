/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What handles stand for, by process: told in records (out of the kernel's own tables), and followed from the calls
 * that make, copy and close them, for where those tables could not be read.
 */
#include <string.h>

#include "decode/nt/nt.h"
#include "show/nt/nt.h"
#include "trace/record.h"

#define KEPT_MAX          65536u /* of one process */
#define SUBJECTS          16u    /* handles of one call */
#define STATUS_OK(status) ((int32_t)(status) >= 0)

static bool is_nt(const struct model_call *c)
{
    return c->abi == QBK_ABI_NT_X64 || c->abi == QBK_ABI_NT_X86;
}

static GHashTable *table_of(const struct model_call *c)
{
    struct model_proc *p = c->thread->proc;
    if (p && !p->handles)
        p->handles = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ref_string_release);
    return p ? p->handles : NULL;
}

/* Handles count in fours; the two lowest bits are the program's to use. */
static gpointer key_of(uint64_t handle)
{
    return GSIZE_TO_POINTER((gsize)(handle & ~(uint64_t)3));
}

static void keep(const struct model_call *c, uint64_t handle, GRefString *name)
{
    GHashTable *t = table_of(c);
    if (t && (g_hash_table_size(t) < KEPT_MAX || g_hash_table_contains(t, key_of(handle))))
        g_hash_table_replace(t, key_of(handle), g_ref_string_acquire(name));
}

/* ---- what one call's handles stand for ---- */

static struct model_handle *subject(const struct model_call *c, uint64_t handle)
{
    for (unsigned i = 0; i < c->n_handles; i++) {
        if (key_of(c->handles[i].handle) == key_of(handle))
            return &c->handles[i];
    }
    return NULL;
}

static void set_subject(struct model_call *c, uint64_t handle, GRefString *name)
{
    struct model_handle *s = subject(c, handle);
    if (!s && c->n_handles >= SUBJECTS)
        return;
    if (!c->handles)
        c->handles = g_new0(struct model_handle, SUBJECTS);
    if (!s)
        s = &c->handles[c->n_handles++];
    else
        g_ref_string_release(s->name);
    *s = (struct model_handle){handle, g_ref_string_acquire(name)};
}

static void look_up(struct model_call *c, uint64_t handle)
{
    GHashTable *t = table_of(c);
    GRefString *name = t && handle && !subject(c, handle) ? g_hash_table_lookup(t, key_of(handle)) : NULL;
    if (name)
        set_subject(c, handle, name);
}

/* What the records tell. */
static void take_told(struct model_call *c, const struct qbk_record *rec)
{
    struct snippet_iter it;
    const struct qbk_snippet *s;
    const uint8_t *bytes;
    record__snippets(rec, &it);
    while ((s = record__next_snippet(&it, &bytes)) != NULL) {
        if (s->kind != QBK_SNIP_HANDLE || s->have == 0 || !memchr(bytes, 0, s->have))
            continue;
        GRefString *name = g_ref_string_new_len((const char *)bytes, (gssize)s->have);
        keep(c, s->addr, name);
        set_subject(c, s->addr, name);
        g_ref_string_release(name);
    }
}

/* Number k of an argument's handles in memory. */
static bool handle_at(const struct model_call *c, unsigned i, uint64_t k, bool after, uint64_t *handle)
{
    struct where w = {.call = c, .arg = print__row(c, i), .value = c->enter->args[i], .index = i, .after = after};
    unsigned word = print__word(&w);
    const uint8_t *bytes = w.value ? print__whole(&w, w.value + k * word, word) : NULL;
    *handle = bytes ? print__load(bytes, word) : 0;
    return *handle != 0;
}

static bool is_array(const struct decode_arg *arg)
{
    return arg->type == T_LONGP && arg->set == DECODE_HANDLE;
}

/* The root directory of OBJECT_ATTRIBUTES. */
static uint64_t root_of(const struct model_call *c, unsigned i)
{
    struct where w = {.call = c, .arg = print__row(c, i), .value = c->enter->args[i], .index = i};
    unsigned word = print__word(&w);
    const uint8_t *root = w.value ? print__whole(&w, w.value + word, word) : NULL;
    return root ? print__load(root, word) : 0;
}

static bool is_object(const struct decode_arg *arg)
{
    return arg->type == T_STRUCT && arg->set == DECODE_NT_STRUCT_OBJECT;
}

static void look_up_given(struct model_call *c)
{
    uint64_t handle;
    for (unsigned i = 0; i < print__count(c); i++) {
        const struct decode_arg *arg = &c->service->arg[i];
        if (arg->type == T_HANDLE)
            look_up(c, c->enter->args[i]);
        else if (is_object(arg))
            look_up(c, root_of(c, i));
        for (unsigned k = 0; is_array(arg) && (arg->dir & DIR_IN) && k < SUBJECTS; k++) {
            if (!handle_at(c, i, k, false, &handle))
                break;
            look_up(c, handle);
        }
    }
}

/* ---- calls that make handles ---- */

static const struct {
    const char *made, *type; /* the service's name behind NtCreate or NtOpen */
} makers[] = {{"File", "File"},
              {"NamedPipeFile", "File"},
              {"MailslotFile", "File"},
              {"Key", "Key"},
              {"KeyEx", "Key"},
              {"KeyTransacted", "Key"},
              {"KeyTransactedEx", "Key"},
              {"Event", "Event"},
              {"Mutant", "Mutant"},
              {"Semaphore", "Semaphore"},
              {"Timer", "Timer"},
              {"Section", "Section"},
              {"SectionEx", "Section"},
              {"DirectoryObject", "Directory"},
              {"SymbolicLinkObject", "SymbolicLink"},
              {"JobObject", "Job"},
              {"Process", "Process"},
              {"ProcessEx", "Process"},
              {"UserProcess", "Process"},
              {"Thread", "Thread"},
              {"ThreadEx", "Thread"},
              {"ProcessToken", "Token"},
              {"ThreadToken", "Token"},
              {"IoCompletion", "IoCompletion"},
              {"KeyedEvent", "KeyedEvent"},
              {"Port", "Port"}};

static const char *made_by(const struct decode_service *service)
{
    const char *name = service->name;
    size_t skip = g_str_has_prefix(name, "NtCreate") ? 8 : g_str_has_prefix(name, "NtOpen") ? 6 : 0;
    for (size_t i = 0; skip && i < G_N_ELEMENTS(makers); i++) {
        if (strcmp(makers[i].made, name + skip) == 0)
            return makers[i].type;
    }
    return NULL;
}

/* The name that the caller gave: the root's, if there is one, and what comes behind it. */
static void named(const struct model_call *c, unsigned i, GString *to)
{
    struct model_handle *root = subject(c, root_of(c, i));
    const char *above = root ? root->name : NULL;
    if (above) {
        size_t head = strlen(above) + 1;
        g_string_append_len(to, above + head, (gssize)(g_ref_string_length(root->name) - head));
        g_string_append_c(to, '\\');
    }
    (void)nt__text_of(c, i, to);
}

const char *nt_handles__without_prefix(const char *path)
{
    static const char *const prefixes[] = {"\\??\\", "\\DosDevices\\", "\\GLOBAL??\\", "\\\\?\\"};
    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        size_t len = strlen(prefixes[i]);
        if (g_ascii_strncasecmp(path, prefixes[i], len) == 0 && g_ascii_isalpha(path[len]) && path[len + 1] == ':')
            return path + len;
    }
    return path;
}

void nt_handles__path(const struct model_call *c, unsigned i, GString *to)
{
    g_autoptr(GString) path = g_string_new(NULL);
    if (!c->enter || i >= print__count(c) || !is_object(&c->service->arg[i]))
        return;
    named(c, i, path);
    g_string_append(to, nt_handles__without_prefix(path->str));
}

static void take_made(struct model_call *c)
{
    const char *type = made_by(c->service);
    uint64_t handle;
    bool first = true;
    for (unsigned i = 0; type && i < print__count(c); i++) {
        const struct decode_arg *arg = &c->service->arg[i];
        if (!is_array(arg) || !(arg->dir & DIR_OUT) || !handle_at(c, i, 0, true, &handle))
            continue;
        g_autoptr(GString) text = g_string_new(first ? type : "Thread"); /* NtCreateUserProcess makes two */
        g_string_append_c(text, 0);
        for (unsigned k = 0; k < print__count(c) && first; k++) {
            if (is_object(&c->service->arg[k])) {
                named(c, k, text);
                break;
            }
        }
        first = false;
        if (subject(c, handle)) /* the kernel's own tables told it */
            continue;
        GRefString *name = g_ref_string_new_len(text->str, (gssize)text->len);
        keep(c, handle, name);
        set_subject(c, handle, name);
        g_ref_string_release(name);
    }
}

static bool is_self(const struct model_call *c, uint64_t process)
{
    return c->abi == QBK_ABI_NT_X86 ? (uint32_t)process == UINT32_MAX : process == UINT64_MAX;
}

static void take_copy(struct model_call *c)
{
    uint64_t handle;
    struct model_handle *from = subject(c, c->enter->args[1]);
    if (print__count(c) < 4 || !from || !is_self(c, c->enter->args[0]) || !is_self(c, c->enter->args[2]) ||
        !handle_at(c, 3, 0, true, &handle) || subject(c, handle))
        return;
    GRefString *name = g_ref_string_acquire(from->name);
    keep(c, handle, name);
    set_subject(c, handle, name);
    g_ref_string_release(name);
}

/* ---- what the model calls ---- */

void nt_handles__enter(struct model_call *c)
{
    if (!is_nt(c) || !c->service || !c->enter)
        return;
    take_told(c, &c->enter->h);
    look_up_given(c);
}

void nt_handles__again(struct model_call *c)
{
    struct snippet_iter it;
    const struct qbk_snippet *s;
    const uint8_t *bytes;
    if (!is_nt(c) || !c->service || !c->enter)
        return;
    record__snippets(&c->enter->h, &it);
    while ((s = record__next_snippet(&it, &bytes)) != NULL) {
        if (s->kind != QBK_SNIP_HANDLE || s->have == 0 || !memchr(bytes, 0, s->have))
            continue;
        GRefString *name = g_ref_string_new_len((const char *)bytes, (gssize)s->have);
        set_subject(c, s->addr, name); /* not kept: by now it may stand for something else */
        g_ref_string_release(name);
    }
    look_up_given(c);
}

void nt_handles__return(struct model_call *c)
{
    if (!is_nt(c) || !c->service || !c->enter || !(c->ret->flags & QBK_RETURN_HAS_RESULT))
        return;
    take_told(c, &c->ret->h);
    if (!STATUS_OK(c->ret->result))
        return;
    take_made(c);
    if (c->row == DECODE_NT_DuplicateObject)
        take_copy(c);
}

void nt_handles__over(struct model_call *c)
{
    bool closed = is_nt(c) && c->service && c->row == DECODE_NT_Close && c->enter && c->ret && print__count(c) > 0 &&
                  (c->ret->flags & QBK_RETURN_HAS_RESULT) && STATUS_OK(c->ret->result);
    GHashTable *t = closed ? table_of(c) : NULL;
    if (t)
        g_hash_table_remove(t, key_of(c->enter->args[0]));
}

void nt_handles__free(struct model_call *c)
{
    for (unsigned i = 0; i < c->n_handles; i++)
        g_ref_string_release(c->handles[i].name);
    g_free(c->handles);
}

bool nt_handles__made(const struct model_call *c, unsigned i, uint64_t *handle)
{
    return c->enter && c->ret && handle_at(c, i, 0, true, handle);
}

bool nt_handles__find(const struct model_call *c, uint64_t handle, const char **type, const char **name, size_t *len)
{
    const struct model_handle *s = subject(c, handle);
    if (!s)
        return false;
    size_t head = strlen(s->name) + 1;
    *type = s->name;
    *name = s->name + head;
    *len = g_ref_string_length(s->name) - head;
    return true;
}
