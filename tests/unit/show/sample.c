// SPDX-License-Identifier: GPL-2.0-or-later
/* Writes every kind of object of the JSON Lines output to standard output, for schema.py. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "build.h"
#include "show/show.h"

static void put(uint8_t *at, uint64_t value, size_t size)
{
    memcpy(at, &value, size);
}

/* NT's calls with something in memory: a console's text, what sockets do. */
static void carried(struct build *b)
{
    uint8_t request[48] = {0}, message[16] = {0}, address[24 + 16] = {0}, accept[28] = {0}, listen[8] = {0, 0, 0, 0, 5};
    uint64_t call;

    put(request, 0x64, 8);
    put(request + 8, 2, 4);
    put(request + 16, sizeof(message), 4);
    put(request + 24, 0x3100, 8);
    put(request + 32, 600, 4);
    put(request + 40, 0x3200, 8);
    put(message, 0x1000006, 4);
    call = build__enter(b, 7, 7, 10, (uint64_t[]){0x50, 0, 0, 0, 0, 0x500016, 0x3000, 48, 0, 0});
    build__snippet(b, QBK_SNIP_MEM, 0x3000, request, 16, 16, 0, 0xff, 1);
    build__snippet(b, QBK_SNIP_MEM, 0x3010, request + 16, 32, 32, 0, 0xff, 1);
    build__snippet(b, QBK_SNIP_MEM, 0x3100, message, 16, 16, 0, 0xff, 1);
    build__snippet(b, QBK_SNIP_MEM, 0x3200, "dir\xff", 4, 600, QBK_SNIP_TRUNCATED, 0xff, 1);
    build__return(b, 7, call, QBK_END_RETURNED, 0);
    memcpy(address + 24, "\x02\0\0\x50\x0a\0\0\x01", 8);
    call = build__enter(b, 7, 7, 10, (uint64_t[]){0x54, 0, 0, 0, 0, 0x12007, 0x4000, sizeof(address), 0, 0});
    build__snippet(b, QBK_SNIP_MEM, 0x4000 + 24, address + 24, 16, 16, 0, 0xff, 1);
    build__return(b, 7, call, QBK_END_RETURNED, 0);
    call = build__enter(b, 7, 7, 10, (uint64_t[]){0x54, 0, 0, 0, 0, 0x1200b, 0x4000, 8, 0, 0});
    build__snippet(b, QBK_SNIP_MEM, 0x4000, listen, 8, 8, 0, 0xff, 1);
    build__return(b, 7, call, QBK_END_RETURNED, 0);
    put(accept + 8, 0x58, 8);
    call = build__enter(b, 7, 7, 10, (uint64_t[]){0x54, 0, 0, 0, 0, 0x12010, 0x4000, 16, 0, 0});
    build__snippet(b, QBK_SNIP_MEM, 0x4000, accept, 16, 16, 0, 0xff, 1);
    build__return(b, 7, call, QBK_END_RETURNED, 0);
    put(request, 0x5100, 8);
    put(request + 8, 1, 4);
    put(request + 16, 900, 4);
    put(request + 24, 0x5200, 8);
    call = build__enter(b, 7, 7, 10, (uint64_t[]){0x54, 0, 0, 0, 0x5300, 0x12017, 0x5000, 24, 0, 0});
    build__snippet(b, QBK_SNIP_MEM, 0x5000, request, 12, 12, 0, 0xff, 1);
    build__snippet(b, QBK_SNIP_MEM, 0x5100, request + 16, 16, 16, 0, 0xff, 1);
    build__return(b, 7, call, QBK_END_PENDING, 0x103);
    build__completion(b, 7, call, 0, 900);
    build__snippet(b, QBK_SNIP_MEM, 0x5300, (uint64_t[]){0, 900}, 16, 16, 0, 4, 0);
    build__snippet(b, QBK_SNIP_MEM, 0x5200, "payload", 7, 900, QBK_SNIP_TRUNCATED, 0xff, 1);
}

static void nt_thread(struct build *b, uint64_t number, int32_t tid, const char *user, const char *exe)
{
    struct qbk_thread *t = build__thread(b, number, tid, "cmd.exe");
    t->os = 1;
    build__name(b, number, QBK_NAME_USER, user);
    build__name(b, number, QBK_NAME_EXE, exe);
    build__name(b, number, QBK_NAME_COMMAND, exe);
    t = build__thread(b, number, tid, "cmd.exe");
    t->os = 1;
    t->why = QBK_THREAD_EXEC;
}

/* NT's processes, and a call that makes one: 7 is NtDeviceIoControlFile, 8 NtCreateUserProcess here. */
static void processes(struct build *b)
{
    uint8_t params[0x80] = {0}, list[0x48] = {0};
    uint64_t call;
    nt_thread(b, 20, 2000, "S-1-5-18", "C:\\\xff");
    nt_thread(b, 21, 2100, "S-1-\xff", "C:\\a.exe");
    build__thread_exit(b, 20, (int32_t)0xc0000005);
    build__thread_exit(b, 21, 0);
    ((struct qbk_thread_exit *)build__last(b))->flags = QBK_EXIT_UNKNOWN;
    nt_thread(b, 22, 2200, "S-1-5-19", "C:\\b.exe");
    build__name(b, 22, QBK_NAME_STANDARD, "68 72 0");
    for (unsigned i = 0; i < 2; i++) { /* a standard handle that is a console, at once and later */
        call = build__enter(b, 22, 6, 9, (uint64_t[]){68, 0, 0, 0, 0x1000, 0x2000, 16, 0, 0});
        build__snippet(b, QBK_SNIP_HANDLE, 68, "File\0\\Device\\ConDrv\\Input", 25, 25, 0, 0, 0);
        build__return(b, 22, call, i ? QBK_END_PENDING : QBK_END_RETURNED, i ? 0x103 : 0);
        if (i)
            build__completion(b, 22, call, 0, 0);
    }
    put(params + 8, 1, 4);
    for (unsigned i = 0; i < 3; i++) {
        static const unsigned at[3] = {0x38, 0x60, 0x70};
        put(params + at[i], 4, 2);
        put(params + at[i] + 8, 0x6200 + 8 * i, 8);
    }
    put(list, sizeof(list), 8);
    put(list + 8, 0x10003, 8);
    put(list + 24, 0x6400, 8);
    call = build__enter(b, 7, 8, 11, (uint64_t[]){0x6500, 0x6508, 0, 0, 0, 0, 0, 0, 0x6000, 0, 0x6100});
    build__return(b, 7, call, QBK_END_RETURNED, 0);
    build__snippet(b, QBK_SNIP_MEM, 0x6000, params, sizeof(params), sizeof(params), 0, 0xff, 1);
    build__snippet(b, QBK_SNIP_MEM, 0x6100, list, sizeof(list), sizeof(list), 0, 0xff, 1);
    build__snippet(b, QBK_SNIP_MEM, 0x6200, "a\0b\0", 4, 4, 0, 0xff, 1);
    build__snippet(b, QBK_SNIP_MEM, 0x6208, "c\0d\0", 4, 4, 0, 0xff, 1);
    build__snippet(b, QBK_SNIP_MEM, 0x6210, "\xff\xd8\xff\xff", 4, 4, 0, 0xff, 1);
    build__snippet(b, QBK_SNIP_MEM, 0x6400, (uint64_t[]){4711, 4712}, 16, 16, 0, 0xff, 1);
}

/* What a guest may say at worst: bytes that are no text, numbers at both ends, names cut, memory that is not there. */
static void hostile(struct build *b)
{
    struct qbk_thread *t = build__thread(b, 7, 300, "\xff\x01\"\\");
    uint64_t call, extreme[6] = {UINT64_MAX, INT64_MAX, 1u << 31, UINT64_C(1) << 63, 0x1000, 0x2000};

    t->uid = t->euid = UINT32_MAX - 1;
    t->ns_pid = 1;
    t->ns_tid = 2;
    build__thread(b, 8, 301, "")->pid = 300;
    b->abi = QBK_ABI_LINUX_I386;
    call = build__enter(b, 8, 3, 3, extreme);
    build__return(b, 8, call, QBK_END_RETURNED, UINT32_MAX);
    b->abi = QBK_ABI_RAW;
    call = build__enter(b, 9, 0xffffffffu, 6, extreme);
    build__return(b, 9, call, QBK_END_RETURNED, UINT64_MAX - 5000);
    b->abi = QBK_ABI_NT_X64;
    call = build__enter(b, 7, 0xffffcfff, 6, extreme); /* a number that no stub told, a status that is no success */
    build__return(b, 7, call, QBK_END_RETURNED, 0xffffffffc0000005);
    struct qbk_origin origin = {UINT64_MAX};
    for (unsigned i = 0; i < 3; i++) { /* made by an image, by none, and by nobody knows what */
        uint8_t bytes[sizeof(origin) + 6] = {0};
        memcpy(bytes, &origin, sizeof(origin));
        memcpy(bytes + sizeof(origin), "\xff\x01\"\\.e", 6);
        call = build__enter(b, 7, 6, 6, extreme);
        ((struct qbk_enter *)build__last(b))->flags |= QBK_ENTER_DIRECT;
        if (i < 2)
            build__snippet(b, QBK_SNIP_ORIGIN, 0, bytes, sizeof(bytes) - 6 * i, sizeof(bytes) - 6 * i, 0, 0xff, 0);
        build__return(b, 7, call, QBK_END_RETURNED, 0);
    }
    call = build__enter(b, 7, 0xfff, 6, extreme);
    build__return(b, 7, call, QBK_END_RETURNED, 0xe0000001); /* a status without a name */
    call = build__enter(b, 7, 0x1001, 6, extreme);
    build__return(b, 7, call, QBK_END_RETURNED, 0xffffffffc0000005); /* no status at all */
    build__guest(b, "os", "nt", "how", "made up", "services",
                 "6 NtReadFile, 7 NtDeviceIoControlFile, 8 NtCreateUserProcess", NULL);
    carried(b);
    processes(b);
    call = build__enter(b, 7, 6, 9, (uint64_t[]){4, 0, 0, 0, 0x1000, 0x2000, 16, 0, 0});
    build__return(b, 7, call, QBK_END_PENDING, 0x103);
    build__completion(b, 7, call, 0, 5);
    build__snippet(b, QBK_SNIP_MEM, 0x2000, "a\xffz", 3, 5, QBK_SNIP_TRUNCATED, 5, 0);
    build__completion(b, 7, 999999, 0xc0000120, UINT64_MAX); /* of a call that is not there */
    ((struct qbk_completion *)build__last(b))->abi = QBK_ABI_NT_X64;
    b->abi = QBK_ABI_LINUX_X86_64;
    for (int i = 0; i < 4; i++) { /* changed on its way: into one that is known, into others, into nothing */
        const struct qbk_ran ran = {(int64_t[]){102, 4000, INT64_MAX, -1}[i], {0, UINT64_MAX, 1, 2, 3, 4}};
        call = build__enter(b, 7, 8, 3, extreme);
        build__return(b, 7, call, QBK_END_RETURNED, 1);
        build__snippet(b, QBK_SNIP_RAN, 0, &ran, sizeof(ran), sizeof(ran), 0, 0xff, 0);
    }
    for (int end = 0; end < QBK_ENDS; end++) {
        call = build__enter(b, 7, 9, 6, extreme);
        build__return(b, 7, call, (enum qbk_end)end, UINT64_C(0x7fff000000000000));
    }
    call = build__enter(b, 7, 1, 3, (uint64_t[]){1, 0x1000, 5000});
    build__snippet(b, QBK_SNIP_MEM, 0x1000, "abc", 3, 5000, QBK_SNIP_FAULT, 1, 0);
    build__snippet(b, QBK_SNIP_FD, 1, "pipe:[\xfe]", 8, 8, 0, 0, 0);
    build__return(b, 7, call, QBK_END_RETURNED, 5000);
    call = build__enter(b, 7, 2, 3, (uint64_t[]){0x1000, 0, 0});
    build__snippet(b, QBK_SNIP_MEM, 0x1000, "/a\xe2\x82", 4, 9, QBK_SNIP_STRING | QBK_SNIP_TRUNCATED, 0, 0);
    build__return(b, 7, call, QBK_END_RETURNED, 9);
    build__snippet(b, QBK_SNIP_FD, 9, "/a\xff", 3, 3, 0, 0xff, 0);
    build__signal(b, 7, 99, -7, QBK_SIGNAL_FATAL);
    build__signal(b, 0, 19, 0, QBK_SIGNAL_STOPPED);
    build__name(b, 7, UINT64_MAX - 1, "\xff");
    build__name(b, 7, QBK_NAME_EXE, "/bin/x");
    build__name(b, 7, QBK_NAME_CGROUP, "/box\xff");
    build__object(b, 7, 3, UINT64_MAX)->kind = 77;
    build__socket(b, 7, UINT32_MAX, 5, 1)->family = 77;
    build__socket(b, 7, 4, 6, 1)->family = 10;
    struct qbk_object *tty = build__object(b, 7, 0, 3);
    tty->kind = QBK_OBJECT_TTY;
    tty->rdev_major = 136;
    tty->tty = tty->tty_other = UINT64_MAX;
    tty->lflag = UINT32_MAX;
    tty->tty_side = 9;
    build__socket(b, 7, 5, 7, 1); /* accepted; whom it makes belongs to it */
    struct qbk_thread *child = build__thread(b, 11, 500, "child");
    child->parent_thread = 7;
    child->why = QBK_THREAD_BORN;
    call = build__enter(b, 11, 39, 0, NULL);
    build__return(b, 11, call, QBK_END_RETURNED, 500);
    build__thread(b, 7, 300, "x")->why = QBK_THREAD_CHANGED;
    build__thread(b, 7, 300, "x")->why = QBK_THREAD_EXEC;
    build__thread(b, 10, 400, "seen")->why = QBK_THREAD_SEEN;
    build__thread_exit(b, 8, 99);
    build__thread_exit(b, 7, 9);
    build__thread_exit(b, 55, 256);
    build__gap(b, 9, 1, 1);
    build__enter(b, 10, 34, 0, NULL);
    ((struct qbk_enter *)build__last(b))->flags |= QBK_ENTER_JOINED;
    ((struct qbk_enter *)build__last(b))->depth = 3;
    build__enter(b, 10, 34, 0, NULL);
    build__return(b, 10, 999999, QBK_END_RETURNED, 0);
}

int main(void)
{
    struct show_options options;
    struct build b;
    struct show *show;
    int status;

    build__init(&b);
    build__meta(&b, "trace", "a", "trace", "b", "\xff", "\xfe", NULL);
    build__sample(&b);
    hostile(&b);
    show_options__init(&options);
    options.enter_events = true;
    show = show__new(&options, NULL);
    if (!show || show__add_output(show, "jsonl", STDOUT_FILENO, NULL) != 0)
        return 1;
    for (unsigned i = 0; i < b.records->len; i++)
        show__record(show, b.records->pdata[i]);
    status = show__finish(show) == 0 ? 0 : 1;
    show__free(show);
    show_options__clear(&options);
    build__free(&b);
    return status;
}
