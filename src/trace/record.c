// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace/record.h"

#include <string.h>

#include "trace/prototype.h"

#define NARGS_MAX 20u

/* The least a record of each known type is long, header included. */
static const size_t fixed_size[QBK_TYPES] = {
    [QBK_PAD] = sizeof(struct qbk_record),
    [QBK_META] = sizeof(struct qbk_text),
    [QBK_GUEST] = sizeof(struct qbk_text),
    [QBK_THREAD] = offsetof(struct qbk_thread, ns_pid), /* what came later may be missing */
    [QBK_THREAD_EXIT] = sizeof(struct qbk_thread_exit),
    [QBK_ENTER] = sizeof(struct qbk_enter),
    [QBK_RETURN] = sizeof(struct qbk_return),
    [QBK_SIGNAL] = sizeof(struct qbk_signal),
    [QBK_NAME] = sizeof(struct qbk_name),
    [QBK_GAP] = sizeof(struct qbk_gap),
    [QBK_ERROR] = sizeof(struct qbk_text),
    [QBK_LOG] = sizeof(struct qbk_text),
    [QBK_SUMMARY] = sizeof(struct qbk_summary),
    [QBK_OBJECT] = sizeof(struct qbk_object),
    [QBK_COMPLETION] = sizeof(struct qbk_completion),
    [QBK_FILE] = sizeof(struct qbk_file),
    [QBK_PAGES] = sizeof(struct qbk_pages),
    [QBK_FUNCTION] = sizeof(struct qbk_function),
    [QBK_FUNCTION_ENTER] = sizeof(struct qbk_function_enter),
    [QBK_FUNCTION_RETURN] = sizeof(struct qbk_function_return),
    [QBK_CODE] = sizeof(struct qbk_code),
    [QBK_BLOCKS] = sizeof(struct qbk_blocks),
    [QBK_MAPPING] = sizeof(struct qbk_mapping),
    [QBK_LAYER] = sizeof(struct qbk_layer),
    [QBK_LAYER_BYTES] = sizeof(struct qbk_layer_bytes),
};

static size_t round8(size_t n)
{
    return (n + 7u) & ~(size_t)7u;
}

/* Do snippets lie one behind another from `at` to the end, each whole? */
static bool snippets_valid(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        struct qbk_snippet s;

        if ((size_t)(end - at) < sizeof(s))
            return false;
        memcpy(&s, at, sizeof(s));
        if (s.have > (size_t)(end - at) - sizeof(s) || round8(s.have) > (size_t)(end - at) - sizeof(s))
            return false;
        at += sizeof(s) + round8(s.have);
    }
    return true;
}

static bool enter_valid(const struct qbk_record *rec)
{
    const struct qbk_enter *e = (const struct qbk_enter *)rec;
    size_t args = (size_t)e->nargs * sizeof(uint64_t);

    if (e->nargs > NARGS_MAX || args > rec->size - sizeof(*e))
        return false;
    return snippets_valid((const uint8_t *)e->args + args, (const uint8_t *)rec + rec->size);
}

static bool return_valid(const struct qbk_record *rec)
{
    const struct qbk_return *r = (const struct qbk_return *)rec;

    return snippets_valid((const uint8_t *)(r + 1), (const uint8_t *)rec + rec->size);
}

static bool completion_valid(const struct qbk_record *rec)
{
    const struct qbk_completion *c = (const struct qbk_completion *)rec;

    return snippets_valid((const uint8_t *)(c + 1), (const uint8_t *)rec + rec->size);
}

static bool name_valid(const struct qbk_record *rec)
{
    return ((const struct qbk_name *)rec)->len <= rec->size - sizeof(struct qbk_name);
}

static bool text_valid(const struct qbk_record *rec)
{
    return ((const struct qbk_text *)rec)->len <= rec->size - sizeof(struct qbk_text);
}

static bool file_valid(const struct qbk_record *rec)
{
    return ((const struct qbk_file *)rec)->len <= rec->size - sizeof(struct qbk_file);
}

static bool pages_valid(const struct qbk_record *rec)
{
    return ((const struct qbk_pages *)rec)->len <= rec->size - sizeof(struct qbk_pages);
}

static bool function_valid(const struct qbk_record *rec)
{
    const struct qbk_function *f = (const struct qbk_function *)rec;
    size_t names = round8(sizeof(*f) + f->name_len + f->module_len);

    if (f->name_len == 0 || (size_t)f->name_len + f->module_len > rec->size - sizeof(*f))
        return false;
    return names == rec->size || prototype__valid((const uint8_t *)rec + names, rec->size - names);
}

static bool function_enter_valid(const struct qbk_record *rec)
{
    const struct qbk_function_enter *e = (const struct qbk_function_enter *)rec;
    size_t args = (size_t)e->nargs * sizeof(uint64_t);

    if (e->nargs > NARGS_MAX || args > rec->size - sizeof(*e))
        return false;
    return snippets_valid((const uint8_t *)e->args + args, (const uint8_t *)rec + rec->size);
}

static bool function_return_valid(const struct qbk_record *rec)
{
    const struct qbk_function_return *r = (const struct qbk_function_return *)rec;

    return snippets_valid((const uint8_t *)(r + 1), (const uint8_t *)rec + rec->size);
}

/* Lengths that do not add up, or of no instruction, would have readers look for code elsewhere. */
static bool code_valid(const struct qbk_record *rec)
{
    const struct qbk_code *c = (const struct qbk_code *)rec;
    uint64_t sum = 0;

    if (c->id == 0 || c->insns == 0 || (uint64_t)c->len + c->insns > rec->size - sizeof(*c))
        return false;
    for (unsigned i = 0; i < c->insns; i++) {
        if (c->bytes[c->len + i] == 0 || c->bytes[c->len + i] > 15)
            return false;
        sum += c->bytes[c->len + i];
    }
    return sum == c->len;
}

static bool blocks_valid(const struct qbk_record *rec)
{
    const struct qbk_blocks *b = (const struct qbk_blocks *)rec;

    return b->count <= (rec->size - sizeof(*b)) / sizeof(b->block[0]);
}

static bool mapping_valid(const struct qbk_record *rec)
{
    return ((const struct qbk_mapping *)rec)->len <= rec->size - sizeof(struct qbk_mapping);
}

static bool layer_valid(const struct qbk_record *rec)
{
    const struct qbk_layer *l = (const struct qbk_layer *)rec;
    uint64_t ranges = (uint64_t)l->n_ranges * sizeof(struct qbk_layer_range);

    return ranges + (uint64_t)l->n_mappings * sizeof(struct qbk_layer_mapping) <= rec->size - sizeof(*l);
}

static bool layer_bytes_valid(const struct qbk_record *rec)
{
    return ((const struct qbk_layer_bytes *)rec)->len <= rec->size - sizeof(struct qbk_layer_bytes);
}

static bool signal_valid(const struct qbk_record *rec)
{
    const struct qbk_signal *s = (const struct qbk_signal *)rec;

    return s->info_len <= sizeof(s->info);
}

static bool summary_valid(const struct qbk_record *rec)
{
    return ((const struct qbk_summary *)rec)->count <= (rec->size - sizeof(struct qbk_summary)) / sizeof(uint64_t);
}

/* What is to be checked beyond the fixed size. */
static bool (*const variable_valid[QBK_TYPES])(const struct qbk_record *) = {
    [QBK_META] = text_valid,
    [QBK_GUEST] = text_valid,
    [QBK_ENTER] = enter_valid,
    [QBK_RETURN] = return_valid,
    [QBK_NAME] = name_valid,
    [QBK_ERROR] = text_valid,
    [QBK_LOG] = text_valid,
    [QBK_SIGNAL] = signal_valid,
    [QBK_SUMMARY] = summary_valid,
    [QBK_COMPLETION] = completion_valid,
    [QBK_FILE] = file_valid,
    [QBK_PAGES] = pages_valid,
    [QBK_FUNCTION] = function_valid,
    [QBK_FUNCTION_ENTER] = function_enter_valid,
    [QBK_FUNCTION_RETURN] = function_return_valid,
    [QBK_CODE] = code_valid,
    [QBK_BLOCKS] = blocks_valid,
    [QBK_MAPPING] = mapping_valid,
    [QBK_LAYER] = layer_valid,
    [QBK_LAYER_BYTES] = layer_bytes_valid,
};

bool record__valid(const void *data, size_t avail)
{
    const struct qbk_record *rec = data;

    if (avail < sizeof(*rec) || rec->size < sizeof(*rec) || rec->size > avail || rec->size > QBK_RECORD_MAX ||
        rec->size % 8 != 0)
        return false;
    if (rec->type >= QBK_TYPES)
        return true;
    if (rec->size < fixed_size[rec->type])
        return false;
    return !variable_valid[rec->type] || variable_valid[rec->type](rec);
}

void record__snippets(const struct qbk_record *rec, struct snippet_iter *it)
{
    it->at = it->end = (const uint8_t *)rec + rec->size;
    if (rec->type == QBK_ENTER) {
        const struct qbk_enter *e = (const struct qbk_enter *)rec;

        it->at = (const uint8_t *)(e->args + e->nargs);
    } else if (rec->type == QBK_RETURN) {
        it->at = (const uint8_t *)((const struct qbk_return *)rec + 1);
    } else if (rec->type == QBK_COMPLETION) {
        it->at = (const uint8_t *)((const struct qbk_completion *)rec + 1);
    } else if (rec->type == QBK_FUNCTION_ENTER) {
        const struct qbk_function_enter *e = (const struct qbk_function_enter *)rec;

        it->at = (const uint8_t *)(e->args + e->nargs);
    } else if (rec->type == QBK_FUNCTION_RETURN) {
        it->at = (const uint8_t *)((const struct qbk_function_return *)rec + 1);
    }
}

const struct qbk_snippet *record__next_snippet(struct snippet_iter *it, const uint8_t **bytes)
{
    const struct qbk_snippet *s = (const struct qbk_snippet *)(const void *)it->at;

    if (it->at >= it->end)
        return NULL;
    *bytes = it->at + sizeof(*s);
    it->at = *bytes + round8(s->have);
    return s;
}

size_t record__memory(const struct qbk_record *rec, uint64_t addr, size_t len, const uint8_t **bytes)
{
    struct snippet_iter it;
    const struct qbk_snippet *s;
    const uint8_t *at;
    size_t best = 0;

    record__snippets(rec, &it);
    while (best < len && (s = record__next_snippet(&it, &at)) != NULL) {
        uint64_t skip = addr - s->addr;

        /* An address below the snippet wraps to a number larger than any `have`. */
        if (s->kind != QBK_SNIP_MEM || skip >= s->have || s->have - skip <= best)
            continue;
        best = s->have - skip < len ? (size_t)(s->have - skip) : len;
        *bytes = at + skip;
    }
    return best;
}

const struct qbk_snippet *record__find(const struct qbk_record *rec, enum qbk_snippet_kind kind, uint64_t addr,
                                       const uint8_t **bytes)
{
    struct snippet_iter it;
    const struct qbk_snippet *s;

    record__snippets(rec, &it);
    while ((s = record__next_snippet(&it, bytes)) != NULL)
        if (s->kind == kind && s->addr == addr)
            return s;
    return NULL;
}

bool record__text_next(const struct qbk_text *rec, size_t *pos, const char **key, const char **value)
{
    const char *at;
    const char *end;
    const char *nul;

    if (*pos >= rec->len)
        return false;
    at = rec->text + *pos;
    end = rec->text + rec->len;
    nul = memchr(at, 0, (size_t)(end - at));
    if (!nul)
        return false;
    *key = at;
    at = nul + 1;
    nul = memchr(at, 0, (size_t)(end - at));
    if (!nul)
        return false;
    *value = at;
    *pos = (size_t)(nul + 1 - rec->text);
    return true;
}

const char *record__text_get(const struct qbk_text *rec, const char *key)
{
    const char *name;
    const char *value;
    size_t pos = 0;

    while (record__text_next(rec, &pos, &name, &value))
        if (strcmp(name, key) == 0)
            return value;
    return NULL;
}

#define NAME_OF(table, i) ((size_t)(i) < sizeof(table) / sizeof((table)[0]) && (table)[i] ? (table)[i] : "unknown")

const char *record__type_name(enum qbk_type type)
{
    static const char *const names[QBK_TYPES] = {"pad",   "meta",   "guest",    "thread",         "thread_exit",
                                                 "enter", "return", "signal",   "name",           "gap",
                                                 "error", "log",    "summary",  "object",         "completion",
                                                 "file",  "pages",  "function", "function_enter", "function_return",
                                                 "code",  "blocks", "layer",    "layer_bytes",    "mapping"};

    return NAME_OF(names, type);
}

const char *record__end_name(enum qbk_end end)
{
    static const char *const names[] = {"returned",  "noreturn",    "interrupted",  "pending",
                                        "in_flight", "thread_gone", "machine_gone", "orphaned"};

    return NAME_OF(names, end);
}

const char *record__function_end_name(enum qbk_function_end end)
{
    static const char *const names[] = {"returned",     "unwound", "in_flight", "thread_gone",
                                        "machine_gone", "evicted", "entry_only"};

    return NAME_OF(names, end);
}

const char *record__completion_name(enum qbk_completion_how how)
{
    static const char *const names[] = {"status_block", "event", "handle", "apc", "port"};

    return NAME_OF(names, how);
}

const char *record__abi_name(enum qbk_abi abi)
{
    static const char *const names[] = {"x86_64", "i386", "raw", "nt-x64", "nt-x86"};

    return NAME_OF(names, abi);
}
