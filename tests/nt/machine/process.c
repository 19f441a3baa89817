/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes: what can be read of each (token, image, parameters), how they are made, and how they end. */
#include "nt.h"

#ifdef __x86_64__
#define PEB_PARAMETERS 0x20
#define IMAGE          0x60
#define COMMAND        0x70
#define DIRECTORY      0x38
#define FAST_REF       15u
#else
#define PEB_PARAMETERS 0x10
#define IMAGE          0x38
#define COMMAND        0x40
#define DIRECTORY      0x24
#define FAST_REF       7u
#endif
#define PARAMS_MAX  0x1000u
#define FLAGS       0x8
#define LIST_IMAGE  0x20005u /* attributes of NtCreateUserProcess */
#define LIST_CLIENT 0x10003u

/* Images, as the kernel names them and as they should be shown, and users. */
static const struct {
    const u16 *path;
    const char *shown, *name;
} images[] = {
    {u"\\Device\\HarddiskVolume2\\Windows\\System32\\csrss.exe", "C:\\Windows\\System32\\csrss.exe", "csrss.exe"},
    {u"\\Device\\HarddiskVolume2\\Windows\\System32\\winlogon.exe", "C:\\Windows\\System32\\winlogon.exe",
     "winlogon.exe"},
    {u"\\Device\\HarddiskVolume2\\Windows\\explorer.exe", "C:\\Windows\\explorer.exe", "explorer.exe"},
    {u"\\Device\\HarddiskVolume2\\Windows\\System32\\cmd.exe", "C:\\Windows\\System32\\cmd.exe", "cmd.exe"},
    {u"\\Device\\HarddiskVolume3\\a long name of a program.exe",
     "\\Device\\HarddiskVolume3\\a long name of a program.exe", "a long name of "},
    {u"\\Device\\HarddiskVolume2\\Temp\\p\u00e4th\\x.exe", "C:\\Temp\\p\xc3\xa4th\\x.exe", "x.exe"}};
#define IMAGES (sizeof(images) / sizeof(images[0]))

static const struct {
    const char *text;
    u8 count;
    u32 part[5];
} users[] = {{"S-1-5-18", 1, {18}},
             {"S-1-5-19", 1, {19}},
             {"S-1-5-21-1004336348-1177238915-682003330-500", 5, {21, 1004336348, 1177238915, 682003330, 500}},
             {"S-1-5-21-1004336348-1177238915-682003330-1003", 5, {21, 1004336348, 1177238915, 682003330, 1003}}};

static u32 image_of(const struct process *p)
{
    return AT(p->e, EPROCESS_SIZE, u32);
}

static u32 user_of(const struct process *p)
{
    return p->pid / 4 % 4;
}

static u16 length(const u16 *text)
{
    u16 n = 0;
    while (text[n])
        n++;
    return (u16)(2 * n);
}

static u8 *sid_new(u32 count, const u32 *part)
{
    u8 *sid = (u8 *)pool_new(0x60) + 4; /* they lie at multiples of four */
    sid[0] = 1;
    sid[1] = (u8)count;
    sid[7] = 5;
    memcpy(sid + 8, part, 4 * count);
    return sid;
}

/* The user comes first, then groups; sids that restrict, and the primary group, are elsewhere. */
static void make_token(const struct process *p)
{
    static const u32 everyone[] = {11}, administrators[] = {32, 544};
    u32 user = user_of(p);
    u8 *token = object_new(KIND_TOKEN, 0x100), *groups = pool_new(0x80);
    AT(groups, 0, void *) = sid_new(users[user].count, users[user].part);
    AT(groups, 2 * sizeof(word), void *) = sid_new(1, everyone);
    AT(groups, 3 * sizeof(word), u32) = 7;
    AT(token, 0, u64) = 0x2a2a2a726573755full;
    AT(token, 0x30, void *) = token;
    AT(token, TOKEN_GROUPS, void *) = groups;
    AT(token, TOKEN_GROUPS + 2 * sizeof(word), void *) = sid_new(2, administrators);
    AT(p->e, EPROCESS_TOKEN, word) = (word)token | (p->pid / 4 & FAST_REF);
}

static void make_image(const struct process *p, u32 image)
{
    u16 bytes = length(images[image].path);
    u8 *info = pool_new(2 * sizeof(word) + bytes + 2u);
    AT(info, 0, u16) = bytes;
    AT(info, 2, u16) = (u16)(bytes + 2);
    AT(info, sizeof(word), void *) = info + 2 * sizeof(word);
    memcpy(info + 2 * sizeof(word), images[image].path, bytes);
    AT(p->e, EPROCESS_AUDIT, void *) = info;
    AT(p->e, EPROCESS_SIZE, u32) = image;
    memset(p->e + EPROCESS_IMAGE_FILE_NAME, 0, 15);
    for (u32 i = 0; i < 15 && images[image].name[i]; i++)
        p->e[EPROCESS_IMAGE_FILE_NAME + i] = (u8)images[image].name[i];
}

static void parameters_at(const struct process *p)
{
    word at = USER_PARAMS;
    user_write(p, USER_PEB + PEB_PARAMETERS, &at, sizeof(at));
}

void process_describe(struct process *p, u32 image, const u16 *command)
{
    static const u16 *const default_command = u"%SystemRoot%\\system32\\csrss.exe ObjectDirectory=\\Windows";
    u8 block[0x80] = {0};
    word at = USER_PARAMS + sizeof(block);
    command = command ? command : default_command;
    make_token(p);
    make_image(p, image);
    AT(block, 0, u32) = PARAMS_MAX;
    AT(block, FLAGS, u32) = 1;
    AT(block, COMMAND, u16) = AT(block, COMMAND + 2, u16) = length(command);
    AT(block, COMMAND + sizeof(word), word) = at;
    user_write(p, USER_PARAMS, block, sizeof(block));
    user_write(p, at, command, length(command));
    parameters_at(p);
}

static void system_calls(struct process *p)
{
#ifndef __x86_64__
    AT(KUSER, 0x300, word) = image_export(p, p->stubs_nt, options.sep ? "KiFastSystemCall" : "KiIntSystemCall");
    AT(KUSER, 0x304, word) = image_export(p, p->stubs_nt, "KiFastSystemCallRet");
#else
    (void)p;
#endif
}

struct process *process_start(const char *name, u32 parent)
{
    struct process *p = process_new(name, parent);
    p->stubs_nt = image_map(p, 1, true);
    p->stubs_graphics = image_map(p, 2, true);
    p->program = image_map(p, 3, false);
    map(p, USER_PEB, page_new(), true);
    map(p, USER_PARAMS, page_new(), true);
    map(p, USER_PARAMS + PAGE, page_new(), true);
    static const char *const hooks[] = {"thread_hook", "exception_hook", "raised_hook"};
    for (u32 h = 0; h < 3; h++) {
        word at = image_export(p, p->program, hooks[h]);
        user_write(p, USER_PEB + PEB_HOOK - 8 * h, &at, sizeof(at));
    }
    word callbacks = image_export(p, p->program, "callbacks");
    user_write(p, USER_PEB + PEB_CALLBACKS, &callbacks, sizeof(callbacks));
    system_calls(p);
    return p;
}

/* ---- the machine's own word ---- */

static void say_utf8(u32 c)
{
    char text[5] = {0};
    if (c < 0x80) {
        text[0] = (char)c;
    } else if (c < 0x800) {
        text[0] = (char)(0xc0 | c >> 6);
        text[1] = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        text[0] = (char)(0xe0 | c >> 12);
        text[1] = (char)(0x80 | (c >> 6 & 63));
        text[2] = (char)(0x80 | (c & 63));
    } else {
        text[0] = (char)(0xf0 | c >> 18);
        text[1] = (char)(0x80 | (c >> 12 & 63));
        text[2] = (char)(0x80 | (c >> 6 & 63));
        text[3] = (char)(0x80 | (c & 63));
    }
    serial(text);
}

/* "PROCESS pid parent user|image|command line" */
void process_runs(struct process *p)
{
    word at, text = 0;
    u16 unit[2], bytes = 0;
    u32 flags = 0;
    if (!(options.what & WITH_PROCESSES) || p->told)
        return;
    p->told = true;
    serial("PROCESS ");
    serial_number(p->pid);
    serial(" ");
    serial_number(AT(p->e, EPROCESS_INHERITED, word));
    serial(" ");
    serial(users[user_of(p)].text);
    serial("|");
    serial(images[image_of(p)].shown);
    serial("|");
    user_read(p, USER_PEB + PEB_PARAMETERS, &at, sizeof(at));
    user_read(p, at + FLAGS, &flags, 4);
    user_read(p, at + COMMAND, &bytes, 2);
    user_read(p, at + COMMAND + sizeof(word), &text, sizeof(text));
    text += flags & 1 ? 0 : at;
    for (u32 i = 0; i < bytes / 2u; i++) {
        user_read(p, text + 2 * i, unit, 4);
        bool pair = unit[0] >= 0xd800 && unit[0] < 0xdc00 && i + 1 < bytes / 2u;
        say_utf8(pair ? 0x10000u + ((unit[0] & 0x3ffu) << 10) + (unit[1] & 0x3ffu) : unit[0]);
        i += pair;
    }
    serial("\n");
}

void process_ended(struct process *p, u32 status)
{
    status = p->ending ? p->exit_status : status;
    AT(p->e, EPROCESS_EXIT_STATUS, u32) = status;
    if (!(options.what & WITH_PROCESSES))
        return;
    serial("EXIT ");
    serial_number(p->pid);
    serial(" ");
    serial_number(status);
    serial("\n");
}

/* ---- making ---- */

struct process *process_of_handle(struct process *p, word handle)
{
    u8 *e = handle_object(p, handle, KIND_PROCESS);
    for (struct process *q = processes; q && e; q = q->next) {
        if (q->e == e)
            return q;
    }
    return NULL;
}

word image_section(struct process *p, u32 image)
{
    u8 *section = object_new(KIND_SECTION, 0x40);
    AT(section, 0x20, u32) = image % IMAGES;
    return handle_new(p, section);
}

u32 create_process_ex(struct thread *t, const struct frame *f, enum way way)
{
    u8 *section = handle_object(t->process, argument(t, f, way, 5), KIND_SECTION);
    word where = argument(t, f, way, 0);
    if (!section)
        return STATUS_INVALID_HANDLE;
    struct process *p = process_start("", t->process->pid);
    make_token(p);
    make_image(p, AT(section, 0x20, u32));
    word handle = handle_new(t->process, p->e);
    user_write(t->process, where, &handle, sizeof(handle));
    return STATUS_SUCCESS;
}

/* NtWriteVirtualMemory(process, to, from, bytes, …) */
u32 write_memory(struct thread *t, const struct frame *f, enum way way)
{
    static u8 copy[PARAMS_MAX];
    struct process *to = process_of_handle(t->process, argument(t, f, way, 0));
    word bytes = argument(t, f, way, 3);
    if (!to || bytes > sizeof(copy))
        return STATUS_INVALID_HANDLE;
    user_read(t->process, argument(t, f, way, 2), copy, bytes);
    user_write(to, argument(t, f, way, 1), copy, bytes);
    return STATUS_SUCCESS;
}

#ifdef __x86_64__
static u32 image_named(struct process *p, word text, word bytes)
{
    for (u32 i = 0; i < IMAGES; i++) {
        const u16 *path = images[i].path;
        u16 n = length(path) / 2, from = n, unit = 0;
        while (from > 0 && path[from - 1] != '\\')
            from--;
        u32 k = 0, tail = (u32)(n - from);
        for (; k < tail && 2 * tail <= bytes; k++) {
            user_read(p, text + bytes - 2 * (tail - k), &unit, 2);
            if (unit != path[from + k])
                break;
        }
        if (k == tail)
            return i;
    }
    return IMAGES;
}

/* The parameters go into the new process, and what they point at with them. */
static void copy_parameters(struct process *from, word at, struct process *to)
{
    static u8 block[PARAMS_MAX];
    static const u16 strings[] = {IMAGE, COMMAND, DIRECTORY};
    user_read(from, at, block, sizeof(block));
    for (u32 i = 0; i < 3; i++) {
        word *buffer = &AT(block, strings[i] + sizeof(word), word);
        *buffer = *buffer ? *buffer - at + USER_PARAMS : 0;
    }
    user_write(to, USER_PARAMS, block, sizeof(block));
    parameters_at(to);
}

u32 create_user_process(struct thread *t, const struct frame *f, enum way way)
{
    struct process *from = t->process;
    word list = argument(t, f, way, 10), size = 0, one[4], client = 0, handle;
    u32 image = IMAGES;
    user_read(from, list, &size, sizeof(size));
    for (word at = list + sizeof(word); at + sizeof(one) <= list + size; at += sizeof(one)) {
        user_read(from, at, one, sizeof(one));
        if (one[0] == LIST_IMAGE)
            image = image_named(from, one[2], one[1]);
        else if (one[0] == LIST_CLIENT)
            client = one[2];
    }
    if (image == IMAGES)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    struct process *p = process_start("", from->pid);
    make_token(p);
    make_image(p, image);
    copy_parameters(from, argument(t, f, way, 8), p);
    struct thread *n = thread_new(p, image_export(p, p->program, "thread_main"), 0, 8 + p->pid % 32);
    const word ids[2] = {p->pid, n->tid};
    user_write(from, client, ids, sizeof(ids));
    handle = handle_new(from, p->e);
    user_write(from, argument(t, f, way, 0), &handle, sizeof(handle));
    handle = handle_new(from, n->e);
    user_write(from, argument(t, f, way, 1), &handle, sizeof(handle));
    return STATUS_SUCCESS;
}
#endif

/* ---- ending ---- */

u32 terminate_process(struct thread *t, word handle, u32 status)
{
    bool self = handle == (word)-1 || handle == 0;
    struct process *p = self ? t->process : process_of_handle(t->process, handle);
    if (!p)
        return STATUS_INVALID_HANDLE;
    if (!p->ending) {
        p->ending = handle != 0;
        p->exit_status = status;
    }
    for (struct thread *other = threads; other; other = other->next) {
        if (other->process == p && other != t) {
            other->status = status;
            thread_kill(other);
        }
    }
    if (handle == (word)-1 || p == t->process) {
        t->status = status;
        if (handle != 0)
            thread_exit();
    }
    return STATUS_SUCCESS;
}
