/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What NT's calls do to files. A file is known by its path, as the kernel's own objects tell it: by nothing else that
 * the trace has. What is written through mapped memory is not seen.
 */
#include <string.h>

#include "decode/nt/nt.h"
#include "show/files/track_internal.h"
#include "show/nt/nt.h"
#include "trace/record.h"

#define OPENS_MAX  65536u
#define VOLUME     "\\Device\\HarddiskVolume"
#define BY_PATH    UINT32_MAX /* file_key.major of these files */
#define AT_END     UINT64_MAX /* FILE_WRITE_TO_END_OF_FILE */
#define AT_CURRENT (UINT64_MAX - 1)

/* NtReadFile and NtWriteFile(file, event, apc, context, status block, buffer, length, offset, …) */
enum { BLOCK = 4, BUFFER = 5, LENGTH = 6, OFFSET = 7, TRANSFER_ARGS = 8 };
/* NtCreateFile: IO_STATUS_BLOCK.Information */
enum { SUPERSEDED = 0, CREATED = 2, OVERWRITTEN = 3 };

/* A handle that was opened, or used. */
struct nt_open {
    uint64_t process, handle;
    uint64_t at; /* the file's position, if … */
    bool known;
    bool deletes; /* the file goes with its last handle; this one asked for it */
};

static guint open_hash(gconstpointer key)
{
    const struct nt_open *o = key;
    return (guint)(o->process * 2654435761u + o->handle);
}

static gboolean open_equal(gconstpointer a, gconstpointer b)
{
    const struct nt_open *x = a, *y = b;
    return x->process == y->process && x->handle == y->handle;
}

GHashTable *track_nt__opens(void)
{
    return g_hash_table_new_full(open_hash, open_equal, g_free, NULL);
}

static struct nt_open *open_of(struct doing *d, uint64_t handle, bool make)
{
    struct nt_open key = {.process = d->event->thread->process, .handle = handle & ~(uint64_t)3}, *o;
    o = g_hash_table_lookup(d->track->opens, &key);
    if (o || !make)
        return o;
    if (g_hash_table_size(d->track->opens) >= OPENS_MAX)
        g_hash_table_remove_all(d->track->opens);
    o = g_memdup2(&key, sizeof(key));
    g_hash_table_add(d->track->opens, o);
    return o;
}

/* Of a path without regard to case (FNV-1a, of 64 bits). */
static struct file_key key_of(const char *path)
{
    struct file_key key = {.major = BY_PATH, .inode = 0xcbf29ce484222325u};
    for (const char *p = path; *p; p++)
        key.inode = (key.inode ^ (uint8_t)g_ascii_tolower(*p)) * 0x100000001b3u;
    return key;
}

/* The path that a handle of the call stands for, if that is a file on a volume; to be freed. */
static char *path_of(const struct model_call *c, uint64_t handle)
{
    const char *type, *name;
    size_t len;
    if (!nt_handles__find(c, handle, &type, &name, &len) || strcmp(type, "File") != 0 || len < 4)
        return NULL;
    bool letter = g_ascii_isalpha(name[0]) && name[1] == ':' && name[2] == '\\';
    bool volume = len > strlen(VOLUME) && strncmp(name, VOLUME, strlen(VOLUME)) == 0;
    return (letter || volume) && !memchr(name, 0, len) ? g_strndup(name, len) : NULL;
}

static struct tracked *file_at(struct doing *d, const char *path, bool make, bool empty)
{
    const struct file_key key = key_of(path);
    struct tracked *file = g_hash_table_lookup(d->track->files, &key);
    if (file || !make)
        return file;
    file = track__follow(d->track, &key, empty, d->error, &d->status);
    track__name(d->track, file, g_strdup(path));
    return file;
}

static void written(struct doing *d, struct tracked *file)
{
    g_queue_unlink(&d->track->order, &file->link);
    g_queue_push_tail_link(&d->track->order, &file->link);
    track__who(d->track, &file->writer, d->event);
    file->changed = file->written = true;
}

static void failed(struct doing *d, int status)
{
    if (status != 0)
        d->status = -1;
}

static bool word_at(const struct model_call *c, const struct qbk_record *rec, uint64_t at, size_t size, uint64_t *value)
{
    const uint8_t *bytes;
    *value = 0;
    if (!at || record__memory(rec, at, size, &bytes) != size)
        return false;
    memcpy(value, bytes, size);
    (void)c;
    return true;
}

static bool information(const struct model_call *c, unsigned block, uint64_t *value)
{
    unsigned word = decode__word((enum qbk_abi)c->abi);
    return word_at(c, &c->ret->h, c->enter->args[block] + word, word, value);
}

/* ---- calls ---- */

static void opened(struct doing *d)
{
    const struct model_call *c = d->call;
    uint64_t handle, what = 1;
    if (!nt_handles__made(c, 0, &handle))
        return;
    g_autofree char *path = path_of(c, handle);
    struct nt_open *o = path ? open_of(d, handle, true) : NULL;
    if (!o)
        return;
    o->at = 0;
    o->known = true;
    o->deletes = c->row == DECODE_NT_CreateFile && (c->enter->args[8] & 0x1000u) != 0; /* FILE_DELETE_ON_CLOSE */
    bool directory = c->row == DECODE_NT_CreateFile && (c->enter->args[8] & 1u) != 0;
    if (c->row != DECODE_NT_CreateFile || directory || !information(c, 3, &what) ||
        (what != SUPERSEDED && what != CREATED && what != OVERWRITTEN))
        return;
    struct tracked *file = file_at(d, path, false, false);
    if (file && file->changed)
        failed(d, track__keep(d->track, file, FILE_TRUNCATED, d->event, false, d->error));
    if (!file)
        file = file_at(d, path, true, true);
    else
        failed(d, content__truncate(file->content, 0, d->error));
    written(d, file);
}

/* Where a transfer begins; false: nobody knows. The handle's position moves on behind it. */
static bool where(struct doing *d, struct nt_open *o, const struct tracked *file, uint64_t moved, uint64_t *at)
{
    const struct model_call *c = d->call;
    uint64_t given = AT_CURRENT;
    bool told = c->enter->args[OFFSET] == 0 || word_at(c, &c->enter->h, c->enter->args[OFFSET], 8, &given);
    *at = given;
    if (told && given == AT_CURRENT) {
        told = o->known;
        *at = o->at;
    } else if (told && given == AT_END) {
        told = file && content__size(file->content, at);
    }
    o->known = told && *at <= INT64_MAX - moved;
    o->at = *at + moved;
    return o->known;
}

static void transferred(struct doing *d, bool writes)
{
    const struct model_call *c = d->call;
    const uint8_t *bytes = NULL;
    uint64_t moved, at;
    g_autofree char *path = path_of(c, c->enter->args[0]);
    if (!path || c->enter->nargs < TRANSFER_ARGS || !information(c, BLOCK, &moved))
        return;
    moved = MIN(moved, c->enter->args[LENGTH] & 0xffffffffu);
    struct nt_open *o = open_of(d, c->enter->args[0], true);
    struct tracked *file = file_at(d, path, writes, false);
    bool known = where(d, o, file, moved, &at);
    if (!writes || moved == 0)
        return;
    written(d, file);
    if (!known) {
        content__astray(file->content);
        return;
    }
    size_t have = record__memory(&c->enter->h, c->enter->args[BUFFER], (size_t)moved, &bytes);
    failed(d, content__write(file->content, at, bytes, have, d->error));
    if (have < moved)
        content__unknown(file->content, at + have, moved - have);
}

static void gone(struct doing *d, const char *path)
{
    struct tracked *file = file_at(d, path, false, false);
    if (file)
        failed(d, track__end_file(d->track, file, FILE_DELETED, d->event, d->error));
}

/* FILE_RENAME_INFORMATION: behind two words the name's length, and the name; alone it stays in its directory. */
static char *new_path(const struct model_call *c, const char *path, const uint8_t *info, size_t have)
{
    size_t word = decode__word((enum qbk_abi)c->abi), at = 2 * word + 4;
    g_autoptr(GString) name = g_string_new(NULL);
    const char *slash = strrchr(path, '\\');
    uint32_t len = 0;
    if (have < at)
        return NULL;
    memcpy(&len, info + 2 * word, sizeof(len));
    if (len == 0 || len % 2 || len > have - at)
        return NULL;
    nt__utf8(name, info + at, len);
    const char *to = nt_handles__without_prefix(name->str);
    if (strchr(to, '\\') || !slash)
        return g_strdup(to);
    return g_strdup_printf("%.*s%s", (int)(slash + 1 - path), path, to);
}

static void renamed(struct doing *d, const char *path, const uint8_t *info, size_t have)
{
    struct tracked *file = file_at(d, path, false, false), *other;
    g_autofree char *to = file ? new_path(d->call, path, info, have) : NULL;
    if (!to)
        return;
    other = file_at(d, to, false, false);
    if (other && other != file)
        failed(d, track__end_file(d->track, other, FILE_REPLACED, d->event, d->error));
    if (file->changed)
        failed(d, track__keep(d->track, file, FILE_RENAMED, d->event, false, d->error));
    g_hash_table_steal(d->track->files, &file->key);
    file->key = key_of(to);
    g_hash_table_insert(d->track->files, &file->key, file);
    track__name(d->track, file, g_steal_pointer(&to));
}

/* NtSetInformationFile(file, status block, info, length, class) */
static void changed(struct doing *d)
{
    const struct model_call *c = d->call;
    const uint8_t *info = NULL;
    g_autofree char *path = path_of(c, c->enter->args[0]);
    size_t have = c->enter->nargs >= 5 ? record__memory(&c->enter->h, c->enter->args[2],
                                                        (size_t)(c->enter->args[3] & 0xffffffffu), &info)
                                       : 0;
    uint64_t value = 0;
    if (!path || have == 0)
        return;
    memcpy(&value, info, MIN(have, sizeof(value)));
    struct nt_open *o = open_of(d, c->enter->args[0], true);
    struct tracked *file;
    switch (c->enter->args[4] & 0xffffffffu) {
    case 10: /* FileRenameInformation, 65: …Ex */
    case 65:
        renamed(d, path, info, have);
        break;
    case 13: /* FileDispositionInformation, 64: …Ex */
    case 64:
        o->deletes = info[0] & 1;
        break;
    case 14: /* FilePositionInformation */
        o->known = have >= 8 && value <= INT64_MAX;
        o->at = value;
        break;
    case 20: /* FileEndOfFileInformation */
        if (have < 8 || value > INT64_MAX)
            break;
        file = file_at(d, path, true, false);
        written(d, file);
        failed(d, content__truncate(file->content, value, d->error));
        break;
    default:
        break;
    }
}

static void closed(struct doing *d)
{
    const struct model_call *c = d->call;
    g_autofree char *path = path_of(c, c->enter->args[0]);
    struct nt_open *o = open_of(d, c->enter->args[0], false);
    struct tracked *file = path ? file_at(d, path, false, false) : NULL;
    if (path && o && o->deletes)
        gone(d, path);
    else if (file && file->changed)
        failed(d, track__keep(d->track, file, FILE_CLOSED, d->event, false, d->error));
    if (o)
        g_hash_table_remove(d->track->opens, o);
}

static void deleted(struct doing *d)
{
    g_autoptr(GString) path = g_string_new(NULL);
    nt_handles__path(d->call, 0, path);
    gone(d, path->str);
}

bool track_nt__call(struct doing *d)
{
    const struct model_call *c = d->call;
    if (c->abi != QBK_ABI_NT_X64 && c->abi != QBK_ABI_NT_X86)
        return false;
    if (!c->enter || !c->service || c->enter->nargs == 0 || !c->ret || c->ret->end != QBK_END_RETURNED ||
        decode__wrote_nothing((enum qbk_abi)c->abi, c->ret->result))
        return true;
    switch (c->row) {
    case DECODE_NT_CreateFile:
    case DECODE_NT_OpenFile:
        opened(d);
        break;
    case DECODE_NT_ReadFile:
    case DECODE_NT_WriteFile:
        transferred(d, c->row == DECODE_NT_WriteFile);
        break;
    case DECODE_NT_SetInformationFile:
        changed(d);
        break;
    case DECODE_NT_DeleteFile:
        deleted(d);
        break;
    case DECODE_NT_Close:
        closed(d);
        break;
    default:
        break;
    }
    return true;
}

int track_nt__exec(struct track *t, const struct model_event *e, const char *path, GError **error)
{
    const struct file_key key = key_of(path);
    struct tracked *file = g_hash_table_lookup(t->files, &key);
    if (!file)
        return 0;
    file->executed = true;
    track__who(t, &file->runner, e);
    return track__keep(t, file, FILE_EXECUTED, e, false, error);
}
