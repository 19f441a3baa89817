// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * make-sessions PATH N: a whole trace in which N connections come, one after another, each with a terminal of its own,
 * where a command is typed and something is shown, a program that runs, and a file that it makes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "trace/file.h"

enum { NR_READ = 0, NR_WRITE = 1, NR_ACCEPT = 43, NR_EXECVE = 59, NR_OPENAT = 257 };
#define MASTER 0xffff888000000000u
#define SLAVE  0xffff880000000000u
#define FILES  0xffff8c0000000000u

static struct build b;

static void bytes(enum qbk_snippet_kind kind, uint64_t at, const char *text, uint32_t n, uint8_t arg)
{
    build__snippet(&b, kind, at, text, n, n, kind == QBK_SNIP_MEM && n && !text[n - 1] ? QBK_SNIP_STRING : 0, arg, 0);
}

static void moved(uint64_t thread, uint32_t nr, uint64_t fd, const char *text)
{
    uint64_t n = strlen(text), call = build__enter(&b, thread, nr, 3, (uint64_t[]){fd, 0x1000, n});

    if (nr == NR_WRITE)
        bytes(QBK_SNIP_MEM, 0x1000, text, (uint32_t)n, 1);
    build__return(&b, thread, call, QBK_END_RETURNED, n);
    if (nr == NR_READ)
        bytes(QBK_SNIP_MEM, 0x1000, text, (uint32_t)n, 1);
}

static void terminal(uint64_t thread, uint32_t fd, uint64_t n, bool master)
{
    struct qbk_object *tty = build__object(&b, thread, fd, 1000000 + 2 * n + master);

    tty->mode = 020620;
    tty->kind = QBK_OBJECT_TTY;
    tty->tty_side = master ? QBK_TTY_MASTER : QBK_TTY_SLAVE;
    tty->tty = (master ? MASTER : SLAVE) + n * 4096;
    tty->tty_other = (master ? SLAVE : MASTER) + n * 4096;
    tty->rows = 25;
    tty->columns = 90;
    tty->lflag = QBK_TTY_ICANON | QBK_TTY_ECHO;
}

static void program(uint64_t thread)
{
    uint64_t argv[] = {0x2000, 0}, call = build__enter(&b, thread, NR_EXECVE, 3, (uint64_t[]){0x1000, 0x3000, 0});

    bytes(QBK_SNIP_MEM, 0x1000, "/bin/sh", 8, 0);
    build__snippet(&b, QBK_SNIP_MEM, 0x3000, argv, sizeof(argv), sizeof(argv), 0, 1, 0);
    build__snippet(&b, QBK_SNIP_MEM, 0x2000, "-sh", 4, 4, QBK_SNIP_STRING, 1, 1);
    build__name(&b, thread, QBK_NAME_EXE, "/bin/sh");
    build__return(&b, thread, call, QBK_END_RETURNED, 0);
}

static void file(uint64_t thread, uint64_t n, const char *text)
{
    char path[64];
    uint32_t len = (uint32_t)snprintf(path, sizeof(path), "/tmp/%u", (unsigned)n);
    uint64_t call = build__enter(&b, thread, NR_OPENAT, 4, (uint64_t[]){0xffffff9c, 0x1000, 01101, 0600});
    struct qbk_object *object;

    bytes(QBK_SNIP_MEM, 0x1000, path, len + 1, 1);
    object = build__object(&b, thread, 7, 5000000 + n);
    object->file = FILES + n * 256;
    object->mode = 0100600;
    build__return(&b, thread, call, QBK_END_RETURNED, 7);
    bytes(QBK_SNIP_FD, 7, path, len, 0xff);
    moved(thread, NR_WRITE, 7, text);
}

static void session(uint64_t n)
{
    uint64_t daemon = 2 + 2 * n, shell = daemon + 1, call = build__enter(&b, 1, NR_ACCEPT, 3, (uint64_t[]){3, 0, 0});
    char line[64];

    build__socket(&b, 1, 4, 10000000 + n, (uint8_t)(n % 250 + 1));
    build__return(&b, 1, call, QBK_END_RETURNED, 4);
    build__thread(&b, daemon, (int32_t)(200 + 2 * n), "sshd")->parent_thread = 1;
    terminal(daemon, 9, n, true);
    build__thread(&b, shell, (int32_t)(201 + 2 * n), "sh")->parent_thread = daemon;
    program(shell);
    terminal(shell, 0, n, false);
    (void)snprintf(line, sizeof(line), "command %u\n", (unsigned)n);
    moved(daemon, NR_WRITE, 9, line);
    moved(daemon, NR_READ, 9, line);
    moved(shell, NR_READ, 0, line);
    file(shell, n, line);
    build__thread_exit(&b, shell, 0);
    build__thread_exit(&b, daemon, 0);
}

/* What was made goes into the file: a maker of records looks through all that it has. */
static int write_out(struct trace_writer *w)
{
    struct build before = b;
    int status = 0;

    for (unsigned i = 0; i < b.records->len; i++)
        status |= trace__write(w, b.records->pdata[i], NULL);
    build__free(&b);
    build__init(&b);
    b.next_seq = before.next_seq;
    b.time_ns = before.time_ns;
    memcpy(b.counter, before.counter, sizeof(before.counter));
    return status;
}

int main(int argc, char **argv)
{
    struct trace_writer *w = argc == 3 ? trace__create(argv[1], NULL, NULL) : NULL;
    int status = 0;

    if (!w)
        return 2;
    build__init(&b);
    build__meta(&b, "qebek", "test", "string_limit", "4096", "fd_names", "yes", "objects", "yes", NULL);
    build__guest(&b, "os", "linux", "release", "6.1", "how", "test", NULL);
    build__thread(&b, 1, 100, "sshd");
    for (unsigned n = 0; n < strtoul(argv[2], NULL, 10); n++) {
        session(n);
        status |= write_out(w);
    }
    build__summary(&b);
    status |= write_out(w);
    status |= trace__finish(w, NULL);
    build__free(&b);
    return status ? 1 : 0;
}
