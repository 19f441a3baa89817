/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What NT's calls and processes did, in the words of show/deeds.h. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "decode/nt/nt.h"
#include "show/deeds_internal.h"
#include "show/nt/message.h"
#include "show/nt/nt.h"
#include "trace/record.h"

#define NO_ARG 0xffu

/* Create dispositions and options, and access rights by which a file is changed (winternl.h, ntifs.h). */
#define FILE_SUPERSEDE       0u
#define FILE_OPEN            1u
#define FILE_CREATE          2u
#define FILE_OPEN_IF         3u
#define FILE_OVERWRITE       4u
#define FILE_OVERWRITE_IF    5u
#define FILE_DIRECTORY_FILE  0x1u
#define FILE_DELETE_ON_CLOSE 0x1000u
#define WRITES               0x50000006u /* GENERIC_WRITE, GENERIC_ALL, FILE_WRITE_DATA, FILE_APPEND_DATA */

/* Guest text without NUL bytes, which would end it for those who read it. */
static void put(GString *to, const char *text, size_t len)
{
    g_string_append_len(to, text, (gssize)strnlen(text, len));
}

bool deeds_nt__process(struct deed *d, const struct model_event *e)
{
    const struct model_proc *p = e->thread->proc;
    if (!p || !model__is_nt(e->thread))
        return false;
    if (p->exe)
        put(d->path, p->exe, g_ref_string_length(p->exe));
    if (p->command)
        put(d->text, p->command, g_ref_string_length(p->command));
    d->seq = e->rec->seq;
    d->ns = e->rec->time_ns;
    d->duration_ns = 0;
    d->thread = e->thread;
    d->kind = DEED_EXEC;
    d->done = true;
    return true;
}

/* One that worked is told by the new process itself. */
static bool failed_start(struct deed *d, const struct model_call *c)
{
    struct nt_message m;
    if (!d->failed || !nt_message__of(c, false, &m) || m.kind != NT_MESSAGE_PROCESS)
        return false;
    nt_message__part_text(c, &m, NT_PROCESS_IMAGE, d->path);
    nt_message__part_text(c, &m, NT_PROCESS_COMMAND, d->text);
    d->kind = DEED_EXEC;
    return true;
}

/* ---- files ---- */

/* NtCreateFile and NtOpenFile: which arguments tell what an open is for. */
static const struct open_row {
    uint32_t row;
    uint8_t access, options, disposition; /* NO_ARG: it opens what is there */
} opens[] = {{DECODE_NT_CreateFile, 1, 8, 7}, {DECODE_NT_OpenFile, 1, 5, NO_ARG}};

static enum deed_kind open_kind(const struct model_call *c, const struct open_row *o)
{
    uint64_t access = c->enter->args[o->access], options = c->enter->args[o->options];
    uint64_t disposition = o->disposition == NO_ARG ? FILE_OPEN : c->enter->args[o->disposition] & 0xffffffffu;
    if (options & FILE_DELETE_ON_CLOSE)
        return DEED_DELETE;
    if ((options & FILE_DIRECTORY_FILE) && (disposition == FILE_CREATE || disposition == FILE_OPEN_IF))
        return DEED_MKDIR;
    if (disposition == FILE_SUPERSEDE || disposition == FILE_OVERWRITE || disposition == FILE_OVERWRITE_IF)
        return DEED_CREATE;
    if (!(access & WRITES))
        return DEED_READ;
    return disposition == FILE_OPEN ? DEED_WRITE : DEED_CREATE;
}

static bool opened(struct deed *d, const struct model_call *c, const struct open_row *o)
{
    uint64_t handle;
    const char *type, *name;
    size_t len;
    if (c->enter->nargs <= o->options)
        return false;
    if (d->done && nt_handles__made(c, 0, &handle) && nt_handles__find(c, handle, &type, &name, &len) &&
        strcmp(type, "File") == 0 && len)
        put(d->path, name, len); /* as the kernel has it */
    else
        nt_handles__path(c, 2, d->path);
    d->kind = open_kind(c, o);
    return true;
}

/* The name of the file that argument 0 is a handle of. */
static void file_of(const struct model_call *c, GString *to)
{
    const char *type, *name;
    size_t len;
    if (nt_handles__find(c, c->enter->args[0], &type, &name, &len))
        put(to, name, len);
}

static const uint8_t *info_of(const struct model_call *c, size_t *have)
{
    const uint8_t *bytes = NULL;
    *have = record__memory(&c->enter->h, c->enter->args[2], (size_t)(c->enter->args[3] & 0xffffffffu), &bytes);
    return *have ? bytes : NULL;
}

/* FILE_RENAME_INFORMATION and its like: whether to replace, a directory's handle, the name's length, the name. */
static void new_name(struct deed *d, const struct model_call *c, const uint8_t *info, size_t have)
{
    size_t word = decode__word((enum qbk_abi)c->abi), at = 2 * word + 4;
    uint32_t len = 0;
    if (have < at) {
        d->cut = true;
        return;
    }
    memcpy(&len, info + 2 * word, sizeof(len));
    d->cut = len > have - at;
    g_autoptr(GString) name = g_string_new(NULL);
    nt__utf8(name, info + at, MIN(len, have - at) & ~(size_t)1);
    const char *plain = nt_handles__without_prefix(name->str);
    put(d->text, plain, name->len - (size_t)(plain - name->str));
}

/* NtSetInformationFile(file, status block, info, length, class) */
static bool changed(struct deed *d, const struct model_call *c)
{
    size_t have = 0;
    const uint8_t *info = c->enter->nargs >= 5 ? info_of(c, &have) : NULL;
    if (!info)
        return false;
    switch (c->enter->args[4] & 0xffffffffu) {
    case 13: /* FileDispositionInformation: a BOOLEAN; 64: …Ex: flags */
    case 64:
        d->kind = info[0] & 1 ? DEED_DELETE : DEED_NONE;
        break;
    case 10: /* FileRenameInformation, 65: …Ex */
    case 65:
        d->kind = DEED_RENAME;
        new_name(d, c, info, have);
        break;
    case 11: /* FileLinkInformation, 72: …Ex */
    case 72:
        d->kind = DEED_LINK;
        new_name(d, c, info, have);
        break;
    case 20: /* FileEndOfFileInformation */
        d->kind = DEED_WRITE;
        break;
    default:
        break;
    }
    file_of(c, d->path);
    return d->kind != DEED_NONE;
}

/* ---- sockets ---- */

static const struct {
    const char *op;
    enum deed_kind kind;
} networks[] = {{"connect", DEED_CONNECT},
                {"send_to", DEED_CONNECT},
                {"wait_for_connection", DEED_ACCEPT},
                {"accept", DEED_ACCEPT}, /* AcceptEx; AFD's plain accept names no address */
                {"bind", DEED_LISTEN}};

static bool contacted(struct deed *d, const struct model_call *c)
{
    struct nt_message m;
    char text[INET6_ADDRSTRLEN];
    if (!nt_message__of(c, false, &m) || m.kind != NT_MESSAGE_SOCKET || !m.address.family)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(networks); i++) {
        if (strcmp(networks[i].op, m.op) == 0)
            d->kind = networks[i].kind;
    }
    d->family = m.address.family == 4 ? AF_INET : AF_INET6;
    d->port = m.address.port;
    d->fd = c->enter->args[0];
    d->scope = deed__scope(d->family, m.address.ip);
    if (inet_ntop((int)d->family, m.address.ip, text, sizeof(text)))
        g_strlcpy(d->address, text, sizeof(d->address));
    return d->kind != DEED_NONE;
}

/* ---- all of them ---- */

bool deeds_nt__call(struct deed *d, const struct model_event *e)
{
    const struct model_call *c = e->call;
    d->pending = c->ret && c->ret->end == QBK_END_PENDING;
    if (c->row == DECODE_NT_CreateUserProcess)
        return failed_start(d, c);
    if (c->row == DECODE_NT_SetInformationFile)
        return changed(d, c);
    if (c->row == DECODE_NT_DeviceIoControlFile)
        return contacted(d, c);
    if (c->row == DECODE_NT_DeleteFile) {
        nt_handles__path(c, 0, d->path);
        d->kind = DEED_DELETE;
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(opens); i++) {
        if (opens[i].row == c->row)
            return opened(d, c, &opens[i]);
    }
    return false;
}
