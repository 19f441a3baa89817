/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types and names of objects, as their release has them: the table of types, headers with what lies before them,
 * directories, links of drive letters, devices, registry keys. And a set of objects to open, each with the name that it
 * should be known by, which goes out on the serial port.
 */
#include "nt.h"

#ifdef __x86_64__
#define HEADER_TYPE  (NT_BUILD < 7600 ? 0x10 : 0x18)
#define HEADER_MASK  0x1a
#define HEADER_NAME  0x18
#define CREATOR      0x20
#define NAME         0x20
#define TYPE_NAME    (NT_BUILD < 7600 ? 0x78 : 0x10)
#define TYPE_INDEX   0x28
#define FILE_DEVICE  0x8
#define FILE_NAME    0x58
#define KEY_PARENT   0x48
#define KEY_NAME     0x50
#define BLOCK_LENGTH 0x18
#define BLOCK_TEXT   0x1a
#else
#define HEADER_TYPE  (NT_BUILD < 7600 ? 0x8 : 0xc)
#define HEADER_MASK  0xe
#define HEADER_NAME  0xc
#define CREATOR      0x10
#define NAME         0x10
#define TYPE_NAME    (NT_BUILD < 7600 ? 0x40 : 0x8)
#define TYPE_INDEX   0x14
#define FILE_DEVICE  0x4
#define FILE_NAME    0x30
#define KEY_PARENT   0x18
#define KEY_NAME     0x1c
#define BLOCK_LENGTH 0xc
#define BLOCK_TEXT   0xe
#endif
#define LINK_TARGET 0x8
#define BUCKETS     37u
#define TYPE_BEFORE (0x60u + OBJECT_HEADER) /* its header, and its name in front of that */
#define COOKIE      (NT_BUILD < 10000 ? 0 : 0x5a)

static const u16 *const type_names[KINDS] = {[KIND_FILE] = u"File",         [KIND_THREAD] = u"Thread",
                                             [KIND_EVENT] = u"Event",       [KIND_PROCESS] = u"Process",
                                             [KIND_TYPE] = u"Type",         [KIND_DIRECTORY] = u"Directory",
                                             [KIND_LINK] = u"SymbolicLink", [KIND_DEVICE] = u"Device",
                                             [KIND_KEY] = u"Key",           [KIND_MUTANT] = u"Mutant",
                                             [KIND_SECTION] = u"Section",   [KIND_PORT] = u"ALPC Port",
                                             [KIND_TOKEN] = u"Token",       [KIND_WINDOW_STATION] = u"WindowStation"};

/* What the kernel exports; the table is found by what is in it. */
extern void *PsProcessType, *PsThreadType, *IoFileObjectType, *ExEventObjectType, *SeTokenObjectType;
void *PsProcessType, *PsThreadType, *IoFileObjectType, *ExEventObjectType, *SeTokenObjectType;
static struct {
    u8 before[0x530]; /* somewhere in the image's data */
    word index[64];
} types;

static u32 index_of(enum kind kind)
{
    return (u32)kind * 3 % 29 + 2; /* in no order */
}

static u16 length(const u16 *text)
{
    u16 n = 0;
    while (text && text[n])
        n++;
    return (u16)(2 * n);
}

static void string(u8 *at, const u16 *text)
{
    AT(at, 0, u16) = AT(at, 2, u16) = length(text);
    AT(at, sizeof(word), word) = (word)text;
}

static void types_init(void)
{
    types.index[1] = 0xbad0b0b0u;
    for (u32 kind = KIND_FREE + 1; kind < KINDS; kind++) {
        u8 *type = (u8 *)pool_new(TYPE_BEFORE + 0x120) + TYPE_BEFORE;
        string(type + TYPE_NAME, type_names[kind]);
        if (NT_BUILD >= 7600)
            type[TYPE_INDEX] = (u8)index_of(kind);
        types.index[index_of(kind)] = (word)type;
    }
    PsProcessType = (void *)types.index[index_of(KIND_PROCESS)];
    PsThreadType = (void *)types.index[index_of(KIND_THREAD)];
    IoFileObjectType = (void *)types.index[index_of(KIND_FILE)];
    ExEventObjectType = (void *)types.index[index_of(KIND_EVENT)];
    SeTokenObjectType = (void *)types.index[index_of(KIND_TOKEN)];
}

void names_header(u8 *header, enum kind kind)
{
    if (!PsProcessType)
        types_init();
    if (NT_BUILD < 7600)
        AT(header, HEADER_TYPE, word) = types.index[index_of(kind)];
    else
        header[HEADER_TYPE] = (u8)(index_of(kind) ^ (COOKIE ? COOKIE ^ (u8)((word)header >> 8) : 0));
}

/* Every other object has a creator too, which lies between its name and its header. */
static void name_object(u8 *body, u8 *directory, const u16 *name)
{
    static u32 count;
    u8 *header = body - OBJECT_HEADER, *info = header - NAME;
    if (++count % 2)
        info -= CREATOR;
    AT(info, 0, word) = (word)directory;
    string(info + sizeof(word), name);
    if (NT_BUILD < 7600)
        header[HEADER_NAME] = (u8)(header - info);
    else
        header[HEADER_MASK] = (u8)(2 | (count % 2));
}

/* In the bucket that comes next: their hash does not matter here. */
static u8 *insert(enum kind kind, size_t bytes, u8 *directory, const u16 *name)
{
    static u32 bucket;
    u8 *body = object_new(kind, bytes), *entry = pool_new(3 * sizeof(word));
    word *chain = &AT(directory, bucket++ % BUCKETS * sizeof(word), word);
    name_object(body, directory, name);
    AT(entry, 0, word) = *chain;
    AT(entry, sizeof(word), word) = (word)body;
    *chain = (word)entry;
    return body;
}

static u8 *directory(u8 *above, const u16 *name)
{
    return insert(KIND_DIRECTORY, 0x158, above, name);
}

static u8 *link(u8 *above, const u16 *name, const u16 *target)
{
    u8 *body = insert(KIND_LINK, 0x28, above, name);
    string(body + LINK_TARGET, target);
    return body;
}

static u8 *file(u8 *device, const u16 *name)
{
    u8 *body = object_new(KIND_FILE, FILE_NAME + 2 * sizeof(word) + 0x20);
    AT(body, 0, u16) = 5;
    AT(body, FILE_DEVICE, word) = (word)device;
    string(body + FILE_NAME, name);
    return body;
}

/* A key's control block; names of one byte a character where they can be. */
static u8 *key_block(u8 *parent, const u16 *name)
{
    u8 *block = pool_new(0x140), *text = pool_new(0x80);
    u16 n = length(name) / 2;
    bool wide = false;
    for (u32 i = 0; i < n; i++)
        wide |= name[i] > 0xff;
    AT(text, 0, u32) = wide ? 0 : 1;
    AT(text, BLOCK_LENGTH, u16) = wide ? (u16)(2 * n) : n;
    for (u32 i = 0; i < n; i++) {
        if (wide)
            AT(text, BLOCK_TEXT + 2 * i, u16) = name[i];
        else
            text[BLOCK_TEXT + i] = (u8)name[i];
    }
    AT(block, KEY_PARENT, word) = (word)parent;
    AT(block, KEY_NAME, word) = (word)text;
    return block;
}

static u8 *key(u8 *block)
{
    u8 *body = object_new(KIND_KEY, 0x70);
    AT(body, 0, u32) = 0x6b793032;
    AT(body, sizeof(word), word) = (word)block;
    return body;
}

/* ---- objects to open ---- */

#define NAMED_MAX 24u
static struct {
    void *body;
    const char *text; /* type and name; NULL: of a process or thread */
} named[NAMED_MAX];
static u32 named_count;

static void offer(void *body, const char *text)
{
    if (named_count == NAMED_MAX)
        machine_off(9);
    named[named_count].body = body;
    named[named_count++].text = text;
}

static void files(u8 *root)
{
    u8 *devices = directory(root, u"Device"), *dos = directory(root, u"GLOBAL??");
    u8 *c = insert(KIND_DEVICE, 0x150, devices, u"HarddiskVolume2");
    u8 *other = insert(KIND_DEVICE, 0x150, devices, u"HarddiskVolume3");
    u8 *pipes = insert(KIND_DEVICE, 0x150, devices, u"NamedPipe");
    u8 *nameless = object_new(KIND_DEVICE, 0x150);
    link(dos, u"PIPE", u"\\Device\\NamedPipe");
    u8 *drive = link(dos, u"C:", u"\\Device\\HarddiskVolume2");
    link(dos, u"COM1", u"\\Device\\Serial0");
    offer(file(c, u"\\Windows\\System32\\ntdll.dll"), "File C:\\Windows\\System32\\ntdll.dll");
    offer(file(c, NULL), "File C:");
    offer(file(other, u"\\p\u00e4th \u65e5\u672c"),
          "File \\Device\\HarddiskVolume3\\p\xc3\xa4th \xe6\x97\xa5\xe6\x9c\xac");
    offer(file(pipes, u"\\\U0001f600pipe"), "File \\Device\\NamedPipe\\\xf0\x9f\x98\x80pipe");
    offer(file(nameless, u"Endpoint"), "File \\Endpoint");
    offer(drive, "SymbolicLink \\GLOBAL??\\C:");
}

static void keys(void)
{
    u8 *registry = key_block(NULL, u"REGISTRY"), *machine = key_block(registry, u"MACHINE");
    offer(key(registry), "Key \\REGISTRY");
    offer(key(key_block(key_block(machine, u"SOFTWARE"), u"\u00dcn\u00ef {1}")),
          "Key \\REGISTRY\\MACHINE\\SOFTWARE\\\xc3\x9cn\xc3\xaf {1}");
    offer(key(key_block(machine, u"\u30ad\u30fc")), "Key \\REGISTRY\\MACHINE\\\xe3\x82\xad\xe3\x83\xbc");
}

void names_init(void)
{
    if (named_count)
        return;
    u8 *root = object_new(KIND_DIRECTORY, 0x158);
    name_object(root, NULL, u"\\");
    u8 *of_types = directory(root, u"ObjectTypes");
    for (u32 kind = KIND_FREE + 1; kind < KINDS; kind++)
        name_object((u8 *)types.index[index_of(kind)], of_types, type_names[kind]);
    files(root);
    keys();
    u8 *base = directory(root, u"BaseNamedObjects"), *dlls = directory(root, u"KnownDlls");
    offer(insert(KIND_EVENT, 0x20, base, u"Ready"), "Event \\BaseNamedObjects\\Ready");
    offer(object_new(KIND_EVENT, 0x20), "Event");
    offer(insert(KIND_MUTANT, 0x40, base, u"m"), "Mutant \\BaseNamedObjects\\m");
    offer(insert(KIND_SECTION, 0x40, dlls, u"ntdll.dll"), "Section \\KnownDlls\\ntdll.dll");
    offer(insert(KIND_PORT, 0x40, root, u"ApiPort"), "ALPC Port \\ApiPort");
    offer(dlls, "Directory \\KnownDlls");
    offer(root, "Directory \\");
    offer(object_new(KIND_TOKEN, 0x40), "Token");
    offer(processes->e, NULL);
}

static void say_process(const struct process *p)
{
    char text[16] = {0};
    serial("Process ");
    serial_number(p->pid);
    serial(" ");
    memcpy(text, p->e + EPROCESS_IMAGE_FILE_NAME, 15);
    serial(text);
}

static void say_handle(const struct process *p, u32 handle)
{
    serial("HANDLE ");
    serial_number(p->pid);
    serial(" ");
    serial_number(handle);
    serial(" ");
}

u32 names_open(struct process *p, u32 which)
{
    names_init();
    which %= named_count;
    u32 handle = handle_new(p, named[which].body);
    say_handle(p, handle);
    if (named[which].text)
        serial(named[which].text);
    else
        say_process(processes);
    serial("\n");
    return handle;
}

void names_thread(const struct process *p, u32 handle, const struct thread *t)
{
    say_handle(p, handle);
    serial("Thread ");
    serial_number(t->process->pid);
    serial("/");
    serial_number(t->tid);
    serial("\n");
}
