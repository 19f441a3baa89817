// SPDX-License-Identifier: GPL-2.0-or-later
/* Makes a file in ways that no write call tells whole; or is one that deletes itself while it runs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define MAPPED 200000u
#define LARGE  (3u << 20)

static unsigned char bytes[LARGE];

static int make(const char *path)
{
    return open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
}

/* Through memory, without a write. */
static int mapped(const char *path)
{
    int fd = make(path);
    if (fd < 0 || ftruncate(fd, MAPPED) != 0)
        return 1;
    unsigned char *map = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return 1;
    memcpy(map, bytes, MAPPED);
    return munmap(map, MAPPED) != 0 || close(fd) != 0;
}

/* With a hole that is longer than all memory. */
static int sparse(const char *path)
{
    int fd = make(path);
    return fd < 0 || pwrite(fd, "begin", 5, 0) != 5 || pwrite(fd, "end", 3, 5000000) != 3 || close(fd) != 0;
}

static int sent(const char *path)
{
    int from = open("/bin/dropper", O_RDONLY), to = make(path);
    ssize_t n;
    if (from < 0 || to < 0)
        return 1;
    while ((n = sendfile(to, from, NULL, 1u << 20)) > 0) {
    }
    return n < 0 || close(to) != 0;
}

/* More in one call than any trace holds. */
static int large(const char *path)
{
    int fd = make(path);
    return fd < 0 || write(fd, bytes, LARGE) != (ssize_t)LARGE || close(fd) != 0;
}

static int unlink_self(const char *path)
{
    return unlink(path) != 0;
}

/* A program that has no name anywhere. */
static int memfd(const char *path)
{
    static char zero[] = "unnamed", one[] = "nothing";
    static char *const argv[] = {zero, one, NULL}, *const envp[] = {NULL};
    int from = open("/bin/dropper", O_RDONLY), to = memfd_create("hidden", 0);
    ssize_t n;
    (void)path;
    if (from < 0 || to < 0)
        return 1;
    while ((n = read(from, bytes, sizeof(bytes))) > 0) {
        if (write(to, bytes, (size_t)n) != n)
            return 1;
    }
    fexecve(to, argv, envp);
    return errno != 0;
}

static int nothing(const char *path)
{
    (void)path;
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const char *path);
    } ways[] = {{"mapped", mapped}, {"sparse", sparse},      {"sent", sent},      {"large", large},
                {"memfd", memfd},   {"unlink", unlink_self}, {"nothing", nothing}};
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(i * 31 + (i >> 8));
    for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (strcmp(ways[i].name, argv[1]) == 0)
            return ways[i].run(argc > 2 ? argv[2] : "");
    }
    return 2;
}
