/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/code_text.h"

#include <inttypes.h>

#include "show/code.h"
#include "show/json.h"

static int insn_lines(GString *to, const struct qbk_code *code, const struct qbk_block *b, code_line_fn *line,
                      void *data, GError **error)
{
    uint32_t at = 0;
    int err = 0;
    for (unsigned i = 0; i < b->insns && i < code->insns && err == 0; i++) {
        size_t len = code->bytes[code->len + i];
        g_string_append_printf(to, "0x%" PRIx64 " ", b->pc + at);
        code__insn(to, code->bytes + at, len, b->pc + at, b->flags & QBK_BLOCK_32);
        err = line(data, error);
        at += (uint32_t)len;
    }
    return err;
}

static int block_lines(GString *to, const struct model_event *e, const struct qbk_block *b, code_line_fn *line,
                       void *data, GError **error)
{
    const struct qbk_code *code = code__find(e->code, b->code);
    if (b->flags & QBK_BLOCK_UNKNOWN) {
        g_string_append_printf(to, "0x%" PRIx64 " <some instructions: nothing tells how many>", b->pc);
        return line(data, error);
    }
    if (code)
        return insn_lines(to, code, b, line, data, error);
    g_string_append_printf(to, "0x%" PRIx64 " <%u instructions that were not kept>", b->pc, b->insns);
    return line(data, error);
}

int code_text__lines(GString *to, const struct show_options *o, const struct model_event *e, code_line_fn *line,
                     void *data, GError **error)
{
    const struct qbk_blocks *rec = (const void *)e->rec;
    int err = 0;
    for (uint32_t i = 0; i < rec->count && err == 0; i++) {
        if (code__shown(o, e, &rec->block[i]))
            err = block_lines(to, e, &rec->block[i], line, data, error);
    }
    return err;
}

void code_text__code_json(GString *to, const struct qbk_code *code)
{
    uint32_t at = 0;
    json__key_uint(to, "code", code->id);
    json__key_uint(to, "page_offset", code->offset);
    json__key_bytes(to, "bytes", code->bytes, code->len);
    g_string_append(to, ",\"insns\":[");
    for (unsigned i = 0; i < code->insns; i++) {
        size_t len = code->bytes[code->len + i];
        g_string_append_printf(to, "%s{\"at\":%" PRIu32 ",\"text\":\"", i ? "," : "", at);
        code__insn(to, code->bytes + at, len, UINT64_MAX, code->flags & QBK_CODE_32);
        g_string_append(to, "\"}");
        at += (uint32_t)len;
    }
    g_string_append_c(to, ']');
}

static void block_json(GString *to, const struct qbk_block *b)
{
    g_string_append_printf(to, "{\"pc\":\"0x%" PRIx64 "\",\"insns\":%u,\"code\":%" PRIu32, b->pc, b->insns, b->code);
    if (b->flags & QBK_BLOCK_CUT)
        json__key_true(to, "cut");
    if (b->flags & QBK_BLOCK_UNKNOWN)
        json__key_true(to, "unknown");
    if (b->flags & QBK_BLOCK_32)
        json__key_true(to, "32_bit");
    g_string_append_c(to, '}');
}

bool code_text__blocks_json(GString *to, const struct show_options *o, const struct model_event *e)
{
    const struct qbk_blocks *rec = (const void *)e->rec;
    unsigned shown = 0;
    g_string_append(to, ",\"blocks\":[");
    for (uint32_t i = 0; i < rec->count; i++) {
        if (!code__shown(o, e, &rec->block[i]))
            continue;
        g_string_append(to, shown++ ? "," : "");
        block_json(to, &rec->block[i]);
    }
    g_string_append_c(to, ']');
    return shown > 0;
}
