/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files, directories, pipes: arguments, data both ways, errors. */
#include "truth.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void fill(unsigned char *bytes, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)(seed + i * 7);
}

static void errors(struct truth *t)
{
    static char long_path[5000];

    memset(long_path, 'x', sizeof(long_path) - 1);
    CALL(t, openat, ".s..", AT_FDCWD, L("/no/such/file"), O_RDONLY, 0);
    CALL(t, openat, ".s..", AT_FDCWD, L(""), O_RDONLY, 0);
    CALL(t, openat, ".s..", AT_FDCWD, L("/bin"), O_WRONLY, 0);
    CALL(t, openat, ".s..", 1000, L("relative"), O_RDONLY, 0);
    CALL(t, openat, ".s..", AT_FDCWD, L(long_path), O_RDONLY, 0);
    CALL(t, openat, "....", AT_FDCWD, 8, O_RDONLY, 0);
    CALL(t, read, ".r.", 999, L(long_path), 10);
    CALL(t, write, "...", 999, 8, 10);
    CALL(t, close, ".", 999);
    CALL(t, mkdir, "s.", L("/tmp"), 0700);
    CALL(t, rmdir, "s", L("/nothing"));
    CALL(t, chdir, "s", L("/init"));
    CALL(t, unlink, "s", L("/proc/version"));
    CALL(t, lseek, "...", 999, 0, SEEK_SET);
    CALL(t, fcntl, "...", 999, F_GETFL, 0);
    CALL(t, dup2, "..", 999, 998);
}

static void data(struct truth *t)
{
    static unsigned char out[20000], in[20000];
    static const size_t lengths[] = {0, 1, 2, 7, 8, 31, 32, 33, 255, 256, 1000, 4096, 4097};
    long fd = CALL(t, openat, ".s..", AT_FDCWD, L("/tmp/data"), O_RDWR | O_CREAT | O_TRUNC, 0640);

    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t len = lengths[i];
        /* Odd places, so that some buffers lie across pages. */
        unsigned char *from = out + 4096 - len / 2 + i, *to = in + 8192 - len / 3 + i;

        fill(from, len, i);
        CALL(t, lseek, "...", fd, 0, SEEK_SET);
        CALL(t, write, ".w.", fd, L(from), L(len));
        CALL(t, lseek, "...", fd, 0, SEEK_SET);
        CALL(t, read, ".r.", fd, L(to), L(sizeof(in) / 2));
        CALL(t, pwrite64, ".w..", fd, L(from), L(len), 100);
        CALL(t, pread64, ".r..", fd, L(to), L(len), 50);
        CALL(t, ftruncate, "..", fd, 0);
    }
    CALL(t, write, "...", fd, 8, 10);
    CALL(t, read, "...", fd, 8, 10);
    CALL(t, close, ".", fd);
}

static void names(struct truth *t)
{
    static unsigned char buffer[4096];
    static struct stat st;
    long fd, dup;

    CALL(t, mkdir, "s.", L("/tmp/d"), 0755);
    CALL(t, chdir, "s", L("/tmp/d"));
    CALL(t, getcwd, "r.", L(buffer), 200);
    fd = CALL(t, openat, ".s..", AT_FDCWD, L("a file \"quoted\"\n\t\xff"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    dup = CALL(t, dup, ".", fd);
    CALL(t, fcntl, "...", dup, F_GETFD, 0);
    CALL(t, fstat, "..", dup, L(&st));
    CALL(t, close, ".", dup);
    CALL(t, close, ".", fd);
    CALL(t, symlink, "ss", L("the target"), L("link"));
    CALL(t, readlink, "sr.", L("link"), L(buffer), 100);
    CALL(t, readlinkat, ".sr.", AT_FDCWD, L("link"), L(buffer), 4);
    CALL(t, rename, "ss", L("link"), L("link2"));
    CALL(t, stat, "s.", L("link2"), L(&st));
    CALL(t, access, "s.", L("/bin/sh"), X_OK);
    fd = CALL(t, openat, ".s..", AT_FDCWD, L("."), O_RDONLY | O_DIRECTORY, 0);
    while (CALL(t, getdents64, "...", fd, L(buffer), 256) > 0)
        ;
    CALL(t, close, ".", fd);
    CALL(t, unlink, "s", L("link2"));
    CALL(t, unlink, "s", L("a file \"quoted\"\n\t\xff"));
    CALL(t, chdir, "s", L("/"));
    CALL(t, rmdir, "s", L("/tmp/d"));
}

void run_files(struct truth *t, long n)
{
    truth__open(t);
    for (long i = 0; i < (n ? n : 1); i++) {
        errors(t);
        data(t);
        names(t);
    }
    truth__close(t);
}

void run_pipes(struct truth *t, long n)
{
    int fds[2] = {-1, -1};
    unsigned char bytes[3000];
    struct pollfd poll_one;

    signal(SIGPIPE, SIG_IGN);
    truth__open(t);
    for (long i = 0; i < (n ? n : 20); i++) {
        CALL(t, pipe2, "i.", L(fds), O_NONBLOCK);
        fill(bytes, sizeof(bytes), (unsigned)i);
        CALL(t, read, ".r.", fds[0], L(bytes), 10);
        CALL(t, write, ".w.", fds[1], L(bytes), 1 + i * 31);
        poll_one = (struct pollfd){.fd = fds[0], .events = POLLIN};
        CALL(t, poll, "...", L(&poll_one), 1, 0);
        CALL(t, read, ".r.", fds[0], L(bytes), 5);
        CALL(t, read, ".r.", fds[0], L(bytes), 3000);
        CALL(t, close, ".", fds[0]);
        CALL(t, write, ".w.", fds[1], L(bytes), 4);
        CALL(t, close, ".", fds[1]);
    }
    truth__close(t);
}
