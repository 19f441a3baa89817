/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/code.h"

#include <Zydis/Zydis.h>
#include <string.h>

#include "show/show.h"

#define BYTES_MAX (256u << 20) /* of a hostile trace; the plugin has no more than half of that at a time */

struct code {
    GHashTable *blocks; /* id → copy of the record */
    size_t bytes;
    struct code_maps *maps;
};

const char *code_who__parse(const char *text, struct code_who *who)
{
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    char *end = NULL;
    *who = (struct code_who){.module = colon ? colon + 1 : NULL};
    if (len == 0)
        return "must begin with the name or the number of a process";
    if (colon && !colon[1])
        return "has no module behind the colon";
    if (colon && len == strlen("session") && strncmp(text, "session", len) == 0 && g_ascii_isdigit(colon[1]))
        return "cannot be a session so far: give the names or the numbers of its processes";
    guint64 pid = g_ascii_strtoull(text, &end, 10);
    if (end == text + len) {
        if (pid == 0 || pid > INT32_MAX)
            return "is no number of a process";
        who->pid = (int32_t)pid;
        return NULL;
    }
    if (len >= sizeof(who->comm))
        return "is too long: the kernel keeps 15 bytes of a process's name";
    memcpy(who->comm, text, len);
    return NULL;
}

bool code_who__watch(const struct code_who *who, struct link_settings *s)
{
    if (s->n_watches >= LINK_WATCHES_MAX)
        return false;
    struct link_watch *w = &s->watches[s->n_watches++];
    w->what = LINK_WATCH_INSNS;
    w->pid = who->pid;
    memcpy(w->comm, who->comm, sizeof(w->comm));
    return true;
}

struct code *code__new(void)
{
    struct code *c = g_new0(struct code, 1);
    c->blocks = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    c->maps = code_maps__new();
    return c;
}

void code__free(struct code *c)
{
    if (!c)
        return;
    g_hash_table_destroy(c->blocks);
    code_maps__free(c->maps);
    g_free(c);
}

void code__take(struct code *c, const struct qbk_code *rec)
{
    if (c->bytes + rec->h.size > BYTES_MAX || g_hash_table_contains(c->blocks, GUINT_TO_POINTER(rec->id)))
        return;
    c->bytes += rec->h.size;
    g_hash_table_insert(c->blocks, GUINT_TO_POINTER(rec->id), g_memdup2(rec, rec->h.size));
}

const struct qbk_code *code__find(const struct code *c, uint32_t id)
{
    return c ? g_hash_table_lookup(c->blocks, GUINT_TO_POINTER(id)) : NULL;
}

uint32_t code__size(const struct qbk_code *code, unsigned insns)
{
    uint32_t size = 0;
    for (unsigned i = 0; i < insns && i < code->insns; i++)
        size += code->bytes[code->len + i];
    return size;
}

void code__take_mapping(struct code *c, const struct qbk_mapping *rec)
{
    code_maps__take(c->maps, rec);
}

void code__process_gone(struct code *c, int32_t pid)
{
    code_maps__gone(c->maps, pid);
}

/* A child of vfork runs in its parent's memory, and nothing is told of its own. */
const struct code_map *code__map(const struct code *c, const struct model_thread *t, uint64_t pc)
{
    const struct code_map *map = c && t ? code_maps__find(c->maps, t->id.pid, pc) : NULL;
    return map || !c || !t ? map : code_maps__find(c->maps, t->id.ppid, pc);
}

static bool matches(const char *pattern, const char *text, size_t len)
{
    size_t n = strlen(pattern);
    if (n && pattern[n - 1] == '*')
        return len >= n - 1 && memcmp(pattern, text, n - 1) == 0;
    return len == n && memcmp(pattern, text, n) == 0;
}

static bool is_of(const struct code_who *who, const struct model_thread *t)
{
    size_t len = MIN(strlen(t->comm), 15);
    return who->pid ? t->id.pid == who->pid || t->id.tid == who->pid : matches(who->comm, t->comm, len);
}

static bool lies_in(const struct code_who *who, const struct model_event *e, uint64_t pc)
{
    const struct code_map *map = who->module ? code__map(e->code, e->thread, pc) : NULL;
    size_t len = map ? g_ref_string_length(map->path) : 0;
    const char *slash = map ? memrchr(map->path, '/', len) : NULL, *name = slash ? slash + 1 : map ? map->path : NULL;
    return !who->module || (map && matches(who->module, name, len - (size_t)(name - map->path)));
}

bool code__shown(const struct show_options *o, const struct model_event *e, const struct qbk_block *block)
{
    bool shown = o->insns->len == 0;
    for (guint i = 0; e->thread && i < o->insns->len && !shown; i++) {
        const struct code_who *who = &g_array_index(o->insns, struct code_who, i);
        shown = is_of(who, e->thread) && lies_in(who, e, block->pc);
    }
    return shown;
}

/* What no decoder knows is told as the bytes that it is. */
static void raw(GString *to, const uint8_t *bytes, size_t len)
{
    g_string_append(to, "db ");
    for (size_t i = 0; i < len; i++)
        g_string_append_printf(to, "%s0x%02x", i ? ", " : "", bytes[i]);
}

void code__insn(GString *to, const uint8_t *bytes, size_t len, uint64_t pc, bool is_32)
{
    static ZydisFormatter formatter;
    static bool ready;
    ZydisDecoder decoder;
    ZydisDecodedInstruction insn;
    ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];
    char text[256];
    if (!ready)
        ready = ZYAN_SUCCESS(ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL)) &&
                ZYAN_SUCCESS(ZydisFormatterSetProperty(&formatter, ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, ZYAN_FALSE));
    ZyanStatus status = ZydisDecoderInit(&decoder, is_32 ? ZYDIS_MACHINE_MODE_LEGACY_32 : ZYDIS_MACHINE_MODE_LONG_64,
                                         is_32 ? ZYDIS_STACK_WIDTH_32 : ZYDIS_STACK_WIDTH_64);
    if (!ready || !ZYAN_SUCCESS(status) ||
        !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, len, &insn, operand)) || insn.length != len ||
        !ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&formatter, &insn, operand, insn.operand_count_visible, text,
                                                      sizeof(text), pc, NULL))) {
        raw(to, bytes, len);
        return;
    }
    g_string_append(to, text);
}
