/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects behind headers, and handle tables of one level, as their release has them. */
#include "nt.h"

#define HANDLES (PAGE / HANDLE_ENTRY)
#ifdef __x86_64__
#define HANDLE_ENTRY 16u
#define FILE_NAME    0x58
#define HEADER_TYPE  0x18
#else
#define HANDLE_ENTRY 8u
#define FILE_NAME    0x30
#define HEADER_TYPE  0x8
#endif

/* Freed objects of a size are used again at once, the last first: identities come back as they do in real pools. */
struct freed {
    struct freed *next;
    size_t bytes;
};
static struct freed *freed;

/* The kind stands where Windows 7 has the type's index; other releases differ, and qebek does not read it. */
void *object_new(enum kind kind, size_t bytes)
{
    u8 *header = NULL;
    for (struct freed **f = &freed; *f && !header; f = &(*f)->next) {
        if ((*f)->bytes == bytes) {
            header = (u8 *)*f;
            *f = (*f)->next;
            break;
        }
    }
    if (!header)
        header = pool_new(OBJECT_HEADER + bytes);
    memset(header, 0, OBJECT_HEADER + bytes);
    header[HEADER_TYPE] = (u8)kind;
    AT(header, HEADER_TYPE + 2, u16) = 0;
    return header + OBJECT_HEADER;
}

void object_free(void *body, size_t bytes)
{
    struct freed *f = (struct freed *)((u8 *)body - OBJECT_HEADER);
    f->next = freed;
    f->bytes = bytes;
    freed = f;
}

static u8 *table(const struct process *p)
{
    return (u8 *)(BASE + p->handles);
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
    for (u32 i = 1; i < HANDLES; i++) {
        u8 *entry = table(p) + i * HANDLE_ENTRY;
        if (AT(entry, 0, word) == 0) {
            encode(entry, body);
            return i * 4;
        }
    }
    return 0;
}

void *handle_object(struct process *p, word handle, enum kind kind)
{
    if (handle % 4 || handle / 4 >= HANDLES || handle == 0)
        return NULL;
    u8 *body = decode(table(p) + handle / 4 * HANDLE_ENTRY);
    return body && (body - OBJECT_HEADER)[HEADER_TYPE] == kind ? body : NULL;
}

void handle_close(struct process *p, word handle)
{
    if (handle % 4 == 0 && handle / 4 < HANDLES)
        AT(table(p) + handle / 4 * HANDLE_ENTRY, 0, word) = 0;
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
