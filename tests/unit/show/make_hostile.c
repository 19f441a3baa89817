// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * make-hostile PATH NAMES BYTES: a whole trace in which somebody comes by the network and does with each name in the
 * file NAMES (each ends in a NUL byte) whatever can be done with a name: is called so, runs it, makes, writes, renames
 * and deletes it, types it, shows it. Then BYTES bytes, one a call, are typed, read and written to a file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "trace/file.h"

enum { NR_READ = 0, NR_WRITE = 1, NR_CLOSE = 3, NR_CONNECT = 42, NR_ACCEPT = 43, NR_EXECVE = 59, NR_RENAME = 82 };
enum { NR_UNLINK = 87, NR_OPENAT = 257 };
enum { SERVER = 1, SHELL = 2 }; /* threads */
enum { FILE_FD = 6, SLAVE_FD = 0, MASTER_FD = 9 };

#define MASTER UINT64_C(0xffff888000001000)
#define SLAVE  UINT64_C(0xffff888000002000)
#define FILES  UINT64_C(0xffff888100000000)

static struct build b;
static struct trace_writer *writer;
static int status;

/* What is made is written at once, as a maker of records looks through all that it has. */
static void flush(void)
{
    struct build before = b;

    for (guint i = 0; i < b.records->len; i++)
        status |= trace__write(writer, b.records->pdata[i], NULL);
    build__free(&b);
    build__init(&b);
    b.next_seq = before.next_seq;
    b.time_ns = before.time_ns;
    memcpy(b.counter, before.counter, sizeof(before.counter));
}

static void memory(uint64_t at, const void *bytes, size_t len, uint8_t flags, uint8_t arg, uint8_t level)
{
    build__snippet(&b, QBK_SNIP_MEM, at, bytes, (uint32_t)len, len, flags, arg, level);
}

static void name_at(uint64_t at, const char *name, uint8_t arg, uint8_t level)
{
    memory(at, name, strlen(name) + 1, QBK_SNIP_STRING, arg, level);
}

static void stands_for(uint64_t fd, const char *name)
{
    build__snippet(&b, QBK_SNIP_FD, fd, name, (uint32_t)strlen(name), strlen(name), 0, 0xff, 0);
}

static void moves(uint64_t thread, uint32_t nr, uint64_t fd, const char *bytes, size_t len)
{
    uint64_t call = build__enter(&b, thread, nr, 3, (uint64_t[]){fd, 0x2000, len});

    if (nr == NR_WRITE)
        memory(0x2000, bytes, len, 0, 1, 0);
    build__return(&b, thread, call, QBK_END_RETURNED, len);
    if (nr == NR_READ)
        memory(0x2000, bytes, len, 0, 1, 0);
}

/* ---- the visitor and the terminal ---- */

static void tty(uint64_t thread, uint32_t fd, uint16_t side)
{
    struct qbk_object *o = build__object(&b, thread, fd, 88);

    o->mode = 020620;
    o->kind = QBK_OBJECT_TTY;
    o->tty_side = side;
    o->tty = side == QBK_TTY_MASTER ? MASTER : SLAVE;
    o->tty_other = side == QBK_TTY_MASTER ? SLAVE : MASTER;
    o->rows = 24;
    o->columns = 80;
    o->lflag = QBK_TTY_ICANON | QBK_TTY_ECHO;
}

static void comes(void)
{
    uint64_t call;

    build__thread(&b, SERVER, 100, "sshd");
    call = build__enter(&b, SERVER, NR_ACCEPT, 3, (uint64_t[]){3, 0, 0});
    build__socket(&b, SERVER, 4, 77, 9)->why = QBK_OBJECT_INSTALLED;
    build__return(&b, SERVER, call, QBK_END_RETURNED, 4);
    tty(SERVER, MASTER_FD, QBK_TTY_MASTER);
    build__thread(&b, SHELL, 101, "sh")->parent_thread = SERVER;
    tty(SHELL, SLAVE_FD, QBK_TTY_SLAVE);
}

/* ---- one name ---- */

static void is_called(const char *name)
{
    struct qbk_thread *t = build__thread(&b, SHELL, 101, "");

    memcpy(t->comm, name, strnlen(name, 15));
    t->why = QBK_THREAD_CHANGED;
    t->ppid = 100;
    build__name(&b, SHELL, QBK_NAME_EXE, name);
    build__name(&b, SHELL, QBK_NAME_CGROUP, name);
    build__text(&b, QBK_LOG, name);
    build__text(&b, QBK_ERROR, name);
}

static void runs(const char *name)
{
    const uint64_t argv[] = {0x4000, 0x6000, 0};
    uint64_t call = build__enter(&b, SHELL, NR_EXECVE, 3, (uint64_t[]){0x1000, 0x3000, 0});

    name_at(0x1000, name, 0, 0);
    memory(0x3000, argv, sizeof(argv), 0, 1, 0);
    name_at(0x4000, name, 1, 1);
    name_at(0x6000, name, 1, 1);
    build__return(&b, SHELL, call, QBK_END_RETURNED, 0);
    build__file(&b, SHELL, b.next_seq, b.next_seq, 0, name)->why = QBK_FILE_STARTED;
}

/* To a socket of the machine itself, whose name is one. */
static void contacts(const char *name)
{
    char address[110] = {1, 0}; /* struct sockaddr_un */
    uint64_t call = build__enter(&b, SHELL, NR_CONNECT, 3, (uint64_t[]){5, 0x2000, sizeof(address)});

    (void)g_strlcpy(address + 2, name, sizeof(address) - 2);
    memory(0x2000, address, sizeof(address), 0, 1, 0);
    build__return(&b, SHELL, call, QBK_END_RETURNED, 0);
}

static void opens(const char *name, uint64_t inode)
{
    uint64_t call = build__enter(&b, SHELL, NR_OPENAT, 4, (uint64_t[]){0xffffff9c, 0x1000, 01101, 0600});
    struct qbk_object *o;

    name_at(0x1000, name, 1, 0);
    build__snippet(&b, QBK_SNIP_CWD, 0, name, (uint32_t)strlen(name), strlen(name), 0, 0xff, 0);
    o = build__object(&b, SHELL, FILE_FD, inode);
    o->mode = 0100600;
    o->file = FILES + 256 * inode;
    build__return(&b, SHELL, call, QBK_END_RETURNED, FILE_FD);
    stands_for(FILE_FD, name);
}

static void closes(void)
{
    build__return(&b, SHELL, build__enter(&b, SHELL, NR_CLOSE, 1, (uint64_t[]){FILE_FD}), QBK_END_RETURNED, 0);
}

static void path_call(uint32_t nr, const char *name, const char *other)
{
    uint64_t call = build__enter(&b, SHELL, nr, other ? 2 : 1, (uint64_t[]){0x1000, 0x4000});

    name_at(0x1000, name, 0, 0);
    if (other)
        name_at(0x4000, other, 1, 0);
    build__return(&b, SHELL, call, QBK_END_RETURNED, 0);
}

static void one_name(const char *name, const char *next, uint64_t inode)
{
    is_called(name);
    runs(name);
    contacts(name);
    opens(name, inode);
    moves(SHELL, NR_WRITE, FILE_FD, name, strlen(name));
    closes();
    path_call(NR_RENAME, name, next);
    path_call(NR_UNLINK, next, NULL);
    moves(SERVER, NR_WRITE, MASTER_FD, name, strlen(name));
    moves(SHELL, NR_READ, SLAVE_FD, name, strlen(name));
    moves(SHELL, NR_READ, SLAVE_FD, "\n", 1);
    moves(SERVER, NR_READ, MASTER_FD, name, strlen(name));
    flush();
}

/* ---- one byte a call ---- */

static void bytes(unsigned long count)
{
    opens("/tmp/bytes", 9999);
    for (unsigned long i = 0; i < count; i++) {
        char byte = i % 64 == 63 ? '\n' : (char)('a' + i / 64 % 26);

        moves(SERVER, NR_WRITE, MASTER_FD, &byte, 1);
        moves(SHELL, NR_READ, SLAVE_FD, &byte, 1);
        moves(SHELL, NR_WRITE, FILE_FD, &byte, 1);
        flush();
    }
    closes();
}

int main(int argc, char **argv)
{
    char *names = NULL;
    gsize len = 0;

    if (argc != 4 || !g_file_get_contents(argv[2], &names, &len, NULL) || len == 0 || names[len - 1])
        return 2;
    writer = trace__create(argv[1], NULL, NULL);
    if (!writer)
        return 2;
    build__init(&b);
    build__meta(&b, "qebek", "test", "string_limit", "4096", "fd_names", "yes", "objects", "yes", "hostile", names,
                NULL);
    build__guest(&b, "os", "linux", "release", names, "how", "test", NULL);
    comes();
    for (char *name = names; name < names + len; name += strlen(name) + 1) {
        char *next = name + strlen(name) + 1;

        one_name(name, next < names + len ? next : names, 1000 + (uint64_t)(name - names));
    }
    bytes(strtoul(argv[3], NULL, 10));
    build__thread_exit(&b, SHELL, 0);
    build__summary(&b);
    flush();
    status |= trace__finish(writer, NULL);
    build__free(&b);
    g_free(names);
    return status ? 1 : 0;
}
