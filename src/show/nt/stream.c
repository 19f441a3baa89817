/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/nt/stream.h"

#include <string.h>

#include "decode/nt/nt.h"
#include "show/json.h"
#include "show/nt/message.h"
#include "show/nt/nt.h"
#include "trace/record.h"

#define DRIVER "\\Device\\ConDrv"

/* NtReadFile and NtWriteFile(file, event, apc, context, status block, buffer, length, …) */
enum { FILE_ARG = 0, BLOCK = 4, BUFFER = 5, LENGTH = 6, ARGS = 7 };

static const char *const words[] = {NULL, "input", "output", "error"};

static bool is_transfer(const struct model_call *c)
{
    return (c->row == DECODE_NT_ReadFile || c->row == DECODE_NT_WriteFile) && c->enter && c->enter->nargs >= ARGS &&
           (c->abi == QBK_ABI_NT_X64 || c->abi == QBK_ABI_NT_X86);
}

/* Files of the console driver are called "\Device\ConDrv\Input" and the like. */
static bool is_driver(const struct model_call *c)
{
    const char *type, *name;
    size_t len, head = strlen(DRIVER);
    return nt_handles__find(c, c->enter->args[FILE_ARG], &type, &name, &len) && strcmp(type, "File") == 0 &&
           len >= head && g_ascii_strncasecmp(name, DRIVER, head) == 0 && (len == head || name[head] == '\\');
}

/* Handles count in fours; the two lowest bits are the program's. */
static enum nt_standard standard_of(const struct model_call *c)
{
    const struct model_proc *p = c->thread->proc;
    uint64_t handle = c->enter->args[FILE_ARG] & ~(uint64_t)3;
    bool input = c->row == DECODE_NT_ReadFile;
    for (unsigned i = 0; p && handle && i < G_N_ELEMENTS(p->standard); i++) {
        if ((p->standard[i] & ~(uint64_t)3) == handle && (i == 0) == input)
            return (enum nt_standard)(NT_STANDARD_INPUT + i);
    }
    return NT_STANDARD_NONE;
}

static bool of_file(const struct model_call *c, struct nt_stream *s)
{
    *s = (struct nt_stream){.input = c->row == DECODE_NT_ReadFile};
    s->driver = s->console = is_driver(c);
    s->standard = standard_of(c);
    return s->console || s->standard;
}

bool nt_stream__of(const struct model_call *c, bool completion, struct nt_stream *s)
{
    struct nt_message m;
    if (is_transfer(c))
        return of_file(c, s);
    if (!nt_message__of(c, completion, &m) ||
        (m.kind != NT_MESSAGE_CONSOLE_INPUT && m.kind != NT_MESSAGE_CONSOLE_OUTPUT))
        return false;
    *s = (struct nt_stream){.input = m.kind == NT_MESSAGE_CONSOLE_INPUT, .console = true};
    return true;
}

/* How much was transferred: as the status block says, never more than was asked for. 0 while it is not done. */
static uint64_t moved(const struct model_call *c)
{
    unsigned word = decode__word((enum qbk_abi)c->abi);
    uint64_t information = 0, most = c->enter->args[LENGTH] & 0xffffffffu;
    const uint8_t *bytes;
    if (!c->ret || !(c->ret->flags & QBK_RETURN_HAS_RESULT) || c->ret->end == QBK_END_PENDING ||
        decode__wrote_nothing((enum qbk_abi)c->abi, c->ret->result) ||
        record__memory(&c->ret->h, c->enter->args[BLOCK], 2 * (size_t)word, &bytes) != 2 * (size_t)word)
        return 0;
    memcpy(&information, bytes + word, word);
    return MIN(information, most);
}

bool nt_stream__transfer(const struct model_call *c, GString *text, uint64_t *missing)
{
    bool input = c->row == DECODE_NT_ReadFile;
    uint64_t len = is_transfer(c) ? moved(c) : 0;
    const uint8_t *bytes = NULL;
    const struct qbk_record *rec = input && c->ret ? &c->ret->h : &c->enter->h;
    size_t have = len ? record__memory(rec, c->enter->args[BUFFER], (size_t)len, &bytes) : 0;
    g_string_append_len(text, (const char *)bytes, (gssize)have);
    *missing = len - have;
    return len > 0;
}

static bool message_text(const struct model_call *c, bool completion, GString *text, uint64_t *missing)
{
    struct nt_message m;
    uint64_t full = 0;
    g_autoptr(GString) bytes = g_string_new(NULL);
    if (!nt_message__of(c, completion, &m))
        return false;
    nt_message__data(c, &m, bytes, &full);
    *missing = full - bytes->len;
    if (m.wide)
        nt__utf8(text, (const uint8_t *)bytes->str, bytes->len);
    else
        g_string_append_len(text, bytes->str, (gssize)bytes->len);
    return full > 0;
}

bool nt_stream__text(const struct model_call *c, bool completion, struct nt_stream *s, GString *text, uint64_t *missing)
{
    *missing = 0;
    if (!nt_stream__of(c, completion, s))
        return false;
    return is_transfer(c) ? nt_stream__transfer(c, text, missing) : message_text(c, completion, text, missing);
}

void nt_stream__lines(GString *text, bool keys)
{
    gsize to = 0;
    for (gsize i = 0; i < text->len; i++) {
        bool before = i + 1 < text->len && text->str[i + 1] == '\n';
        if (text->str[i] == '\r' && (before || keys)) {
            text->str[to++] = '\n';
            i += before;
        } else {
            text->str[to++] = text->str[i];
        }
    }
    g_string_truncate(text, to);
}

void nt_stream__mark(GString *to, const struct model_call *c, bool completion)
{
    struct nt_stream s;
    if (!nt_stream__of(c, completion, &s) || (!s.driver && !s.standard))
        return;
    if (s.driver)
        g_string_append_printf(to, " {console %s}", s.input ? "input" : "output");
    else
        g_string_append_printf(to, " {standard %s}", words[s.standard]);
}

void nt_stream__json(GString *to, const struct model_call *c, bool completion)
{
    struct nt_stream s;
    if (!c->ret || !nt_stream__of(c, completion, &s))
        return;
    if (s.standard)
        json__key_word(to, "standard", words[s.standard]);
    if (s.driver)
        json__key_word(to, "console_file", s.input ? "input" : "output");
}
