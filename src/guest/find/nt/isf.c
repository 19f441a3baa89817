/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/find/nt/isf.h"

#include <jansson.h>
#include <lzma.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX   (64u << 20)
#define PLAIN_MAX  (64u << 20)  /* the largest real ones have 8 MiB */
#define LZMA_MAX   (128u << 20) /* memory that the decompressor may take: xz -9 needs 65 MiB */
#define OFFSET_MAX 65536
#define MACHINE_64 34404 /* IMAGE_FILE_MACHINE_AMD64 */

/* An offset is that of a field, or of a field of a struct that is a field. */
struct place {
    const char *type, *field, *inner_type, *inner_field;
};
static const struct {
    struct place at;
    const char *name;
} places[NT_OFFSETS] = {
    [NT_THREAD_PROCESS] = {{"_KTHREAD", "ApcState", "_KAPC_STATE", "Process"}, "KTHREAD.ApcState.Process"},
    [NT_THREAD_TEB] = {{"_KTHREAD", "Teb", NULL, NULL}, "KTHREAD.Teb"},
    [NT_THREAD_CID] = {{"_ETHREAD", "Cid", NULL, NULL}, "ETHREAD.Cid"},
    [NT_PROCESS_ID] = {{"_EPROCESS", "UniqueProcessId", NULL, NULL}, "EPROCESS.UniqueProcessId"},
    [NT_PROCESS_PARENT] = {{"_EPROCESS", "InheritedFromUniqueProcessId", NULL, NULL},
                           "EPROCESS.InheritedFromUniqueProcessId"},
    [NT_PROCESS_NAME] = {{"_EPROCESS", "ImageFileName", NULL, NULL}, "EPROCESS.ImageFileName"},
    [NT_PROCESS_PEB] = {{"_EPROCESS", "Peb", NULL, NULL}, "EPROCESS.Peb"},
    [NT_PROCESS_CREATE_TIME] = {{"_EPROCESS", "CreateTime", NULL, NULL}, "EPROCESS.CreateTime"},
    [NT_PROCESS_EXIT_STATUS] = {{"_EPROCESS", "ExitStatus", NULL, NULL}, "EPROCESS.ExitStatus"},
    [NT_THREAD_INITIAL_STACK] = {{"_KTHREAD", "InitialStack", NULL, NULL}, "KTHREAD.InitialStack"},
    [NT_THREAD_STACK_LIMIT] = {{"_KTHREAD", "StackLimit", NULL, NULL}, "KTHREAD.StackLimit"},
    [NT_THREAD_STACK_BASE] = {{"_KTHREAD", "StackBase", NULL, NULL}, "KTHREAD.StackBase"},
};

const char *isf__offset_name(enum nt_offset offset)
{
    return places[offset].name;
}

static bool fail(GError **error, const char *text)
{
    g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, text);
    return false;
}

/* ---- xz ---- */

static bool is_xz(const uint8_t *bytes, size_t size)
{
    static const uint8_t magic[6] = {0xfd, '7', 'z', 'X', 'Z', 0};
    return size >= sizeof(magic) && memcmp(bytes, magic, sizeof(magic)) == 0;
}

/* All of it, at most PLAIN_MAX bytes, to be freed by the caller; NULL: damaged, or too large. */
static uint8_t *unpack(const uint8_t *bytes, size_t size, size_t *plain_size)
{
    lzma_stream s = LZMA_STREAM_INIT;
    size_t room = MIN((size_t)1 << 20, (size_t)PLAIN_MAX);
    uint8_t *plain = g_try_malloc(room);
    lzma_ret ret = plain ? lzma_stream_decoder(&s, LZMA_MAX, LZMA_CONCATENATED) : LZMA_MEM_ERROR;
    s.next_in = bytes;
    s.avail_in = size;
    s.next_out = plain;
    s.avail_out = room;
    while (ret == LZMA_OK) {
        ret = lzma_code(&s, LZMA_FINISH);
        if (ret == LZMA_OK && s.avail_out == 0) {
            size_t done = room;
            uint8_t *larger = room < PLAIN_MAX ? g_try_realloc(plain, room * 2) : NULL;
            if (!larger)
                break;
            plain = larger;
            room *= 2;
            s.next_out = plain + done;
            s.avail_out = room - done;
        } else if (ret == LZMA_OK && s.avail_in == 0) {
            break; /* cut off */
        }
    }
    *plain_size = room - s.avail_out;
    lzma_end(&s);
    if (ret != LZMA_STREAM_END)
        g_clear_pointer(&plain, g_free);
    return plain;
}

/* ---- the table ---- */

/* The offset of a field, or -1. */
static int64_t field_offset(const json_t *types, const char *type, const char *field)
{
    const json_t *fields = json_object_get(json_object_get(types, type), "fields");
    const json_t *offset = json_object_get(json_object_get(fields, field), "offset");
    return json_is_integer(offset) ? json_integer_value(offset) : -1;
}

static uint32_t offset_of(const json_t *types, const struct place *at)
{
    int64_t offset = field_offset(types, at->type, at->field), inner = 0;
    if (at->inner_type)
        inner = field_offset(types, at->inner_type, at->inner_field);
    if (offset < 0 || inner < 0 || offset >= OFFSET_MAX || inner >= OFFSET_MAX || offset + inner >= OFFSET_MAX)
        return NT_NONE;
    return (uint32_t)(offset + inner);
}

/* Of the file's own text only letters that are in such names are taken. */
static void copy_word(char *to, size_t size, const char *from)
{
    size_t n = 0;
    for (; from && from[n] && n + 1 < size; n++)
        to[n] = g_ascii_isalnum(from[n]) || strchr("._-", from[n]) ? from[n] : '?';
    to[n] = 0;
}

static void identity(const json_t *root, struct isf *isf)
{
    const json_t *pdb = json_object_get(json_object_get(json_object_get(root, "metadata"), "windows"), "pdb");
    const char *guid = json_string_value(json_object_get(pdb, "GUID"));
    char id[64] = "";
    copy_word(isf->pdb, sizeof(isf->pdb), json_string_value(json_object_get(pdb, "database")));
    if (guid && strlen(guid) == 32)
        g_snprintf(id, sizeof(id), "%s-%" G_GINT64_MODIFIER "X", guid,
                   (gint64)json_integer_value(json_object_get(pdb, "age")));
    copy_word(isf->pdb_id, sizeof(isf->pdb_id), id);
    isf->is_64 = json_integer_value(json_object_get(pdb, "machine_type")) == MACHINE_64;
}

static bool take(const json_t *root, struct isf *isf, GError **error)
{
    static const struct place object_table = {"_EPROCESS", "ObjectTable", NULL, NULL},
                              table_code = {"_HANDLE_TABLE", "TableCode", NULL, NULL},
                              quota = {"_HANDLE_TABLE", "QuotaProcess", NULL, NULL};
    const json_t *types = json_object_get(root, "user_types");
    memset(isf, 0, sizeof(*isf));
    if (!json_is_object(types))
        return fail(error, "it has no user_types: not a symbol table of Volatility 3 (ISF)");
    identity(root, isf);
    for (unsigned i = 0; i < NT_OFFSETS; i++)
        isf->offset[i] = offset_of(types, &places[i].at);
    isf->object_table = offset_of(types, &object_table);
    isf->table_code = offset_of(types, &table_code);
    isf->quota_process = offset_of(types, &quota);
    if (isf->offset[NT_THREAD_CID] == NT_NONE)
        return fail(error, "it tells nothing of _ETHREAD.Cid: not the symbol table of a Windows kernel");
    return true;
}

bool isf__parse(const uint8_t *bytes, size_t size, struct isf *isf, GError **error)
{
    g_autofree uint8_t *plain = NULL;
    json_error_t where;
    if (is_xz(bytes, size)) {
        plain = unpack(bytes, size, &size);
        if (!plain)
            return fail(error, "it is damaged, or too large (xz)");
        bytes = plain;
    }
    if (size > PLAIN_MAX)
        return fail(error, "it is too large");
    json_t *root = json_loadb((const char *)bytes, size, 0, &where);
    if (!root)
        return fail(error, "it is not JSON");
    bool ok = take(root, isf, error);
    json_decref(root);
    return ok;
}

bool isf__read(const char *path, struct isf *isf, GError **error)
{
    g_autofree uint8_t *bytes = NULL;
    FILE *file = fopen(path, "rbe");
    size_t size = 0;
    if (!file)
        return fail(error, "it cannot be opened");
    bytes = g_try_malloc(FILE_MAX);
    if (bytes)
        size = fread(bytes, 1, FILE_MAX, file);
    bool whole = bytes && !ferror(file) && size < FILE_MAX;
    fclose(file);
    if (!whole)
        return fail(error, "it cannot be read, or is too large");
    return isf__parse(bytes, size, isf, error);
}
