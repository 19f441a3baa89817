/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects behind headers, and handle tables, as their release has them. */
#include "nt.h"

#define HANDLES (PAGE / HANDLE_ENTRY)
#ifdef __x86_64__
#define HANDLE_ENTRY 16u
#define FILE_NAME    0x58
#else
#define HANDLE_ENTRY 8u
#define FILE_NAME    0x30
#endif

/* Freed objects of a size are used again at once, the last first: identities come back as they do in real pools. */
struct freed {
    struct freed *next;
    size_t bytes;
};
static struct freed *freed;

/* Before the header: what may be told of the object there (names.c), and, out of its way, its kind. */
#define BEFORE 0x60u

void *object_new(enum kind kind, size_t bytes)
{
    u8 *block = NULL, *header;
    for (struct freed **f = &freed; *f && !block; f = &(*f)->next) {
        if ((*f)->bytes == bytes) {
            block = (u8 *)*f;
            *f = (*f)->next;
            break;
        }
    }
    if (!block)
        block = pool_new(BEFORE + OBJECT_HEADER + bytes);
    memset(block, 0, BEFORE + OBJECT_HEADER + bytes);
    header = block + BEFORE;
    AT(block, 0, u32) = kind;
    names_header(header, kind);
    return header + OBJECT_HEADER;
}

static u32 kind_of(const u8 *body)
{
    return AT(body, -(int)(OBJECT_HEADER + BEFORE), const u32);
}

void object_free(void *body, size_t bytes)
{
    struct freed *f = (struct freed *)((u8 *)body - OBJECT_HEADER - BEFORE);
    f->next = freed;
    f->bytes = bytes;
    freed = f;
}

/* The entry of a handle's index: in the table's only page, or in one of two. */
static u8 *entry_at(const struct process *p, u32 i)
{
    word page = i < HANDLES ? p->handles : p->more_handles;
    return page && i < 2 * HANDLES ? (u8 *)(BASE + page) + i % HANDLES * HANDLE_ENTRY : NULL;
}

/* A page of pointers to pages above what there is; and, sometimes, one more above that. */
static void grow_table(struct process *p)
{
    word top = page_new(), above = page_new();
    u8 *handles = AT(p->e, EPROCESS_OBJECT_TABLE, u8 *);
    p->more_handles = page_new();
    AT(BASE + top, 0, word) = BASE + p->handles;
    AT(BASE + top, sizeof(word), word) = BASE + p->more_handles;
    AT(BASE + above, 0, word) = BASE + top;
    AT(handles, HANDLE_TABLE_CODE, word) = p->pid % 8 ? (BASE + top) | 1 : (BASE + above) | 2;
}

static void encode(u8 *entry, const void *body)
{
    word header = (word)body - OBJECT_HEADER;
#if !defined(__x86_64__) || NT_BUILD < 9200
    AT(entry, 0, word) = header | 1; /* not locked */
#else
    AT(entry, 0, word) = header << 16 | 1;
#endif
    AT(entry, sizeof(word), u32) = 0x1f01ff;
}

static void *decode(const u8 *entry)
{
    word value = AT(entry, 0, const word);
    if (!value)
        return NULL;
#if !defined(__x86_64__) || NT_BUILD < 9200
    return (u8 *)(value & ~(word)7) + OBJECT_HEADER;
#else
    return (u8 *)((word)((long long)value >> 16) & ~(word)15) + OBJECT_HEADER;
#endif
}

u32 handle_new(struct process *p, void *body)
{
    u32 first = p->more_handles && ++p->handle_count % 2 ? HANDLES : 1;
    for (u32 i = first; i < 2 * HANDLES; i++) {
        u8 *entry = entry_at(p, i);
        if (entry && AT(entry, 0, word) == 0) {
            encode(entry, body);
            return i * 4;
        }
    }
    return 0;
}

void handles_grow(struct process *p)
{
    if (!p->more_handles)
        grow_table(p);
}

void *handle_object(struct process *p, word handle, enum kind kind)
{
    u8 *entry = handle % 4 || handle < 4 || handle / 4 >= 2 * HANDLES ? NULL : entry_at(p, (u32)(handle / 4));
    u8 *body = entry ? decode(entry) : NULL;
    return body && kind_of(body) == (u32)kind ? body : NULL;
}

void handle_close(struct process *p, word handle)
{
    u8 *entry = handle % 4 || handle / 4 >= 2 * HANDLES ? NULL : entry_at(p, (u32)(handle / 4));
    if (entry)
        AT(entry, 0, word) = 0;
}

void *file_new(u32 seed)
{
    static const char *const folders[] = {"\\Windows\\System32\\", "\\Users\\", "\\Temp\\", "\\"};
    u8 *file = object_new(KIND_FILE, FILE_NAME + 4 * sizeof(word) + 64 * 2);
    u16 *text = (u16 *)(file + FILE_NAME + 4 * sizeof(word));
    u16 n = 0;
    AT(file, 0, u16) = 5; /* IO_TYPE_FILE */
    for (const char *p = folders[seed & 3]; *p; p++)
        text[n++] = (u8)*p;
    for (u32 i = 0; i < 3 + (seed >> 2 & 7); i++)
        text[n++] = (u16)(i == 2 ? 0xe4 : 'a' + (seed >> i) % 26);
    AT(file, FILE_NAME, u16) = (u16)(2 * n);
    AT(file, FILE_NAME + 2, u16) = (u16)(2 * n);
    AT(file, FILE_NAME + sizeof(word), word) = (word)text;
    return file;
}
