// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The part of the bench that runs in the guest. Each command prints one line: nanoseconds, and how many units of work
 * they were for.
 *
 *   bench compute N       N rounds of arithmetic, no system call: the quickest of 25 times
 *   bench branches N      N jumps, few instructions apart: the quickest of 25 times
 *   bench getppid N       N times getppid: the quickest of 25 times
 *   bench getppid-long N  N times getppid
 *   bench tree DIR FILES  make a tree of files
 *   bench time COMMAND …  run it, its output thrown away
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCHES   25u /* short ones: on a busy host some run undisturbed */
#define DIR_FILES 25u
#define FILE_MOST 65536u

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int told(uint64_t ns, uint64_t units)
{
    printf("= %" PRIu64 " %" PRIu64 "\n", ns, units);
    return 0;
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t compute(uint64_t n)
{
    uint64_t x = 1, start = now_ns();
    for (uint64_t i = 0; i < n; i++)
        x = mix(x + i);
    __asm__ volatile("" : : "r"(x)); /* so that the work is not left out */
    return now_ns() - start;
}

/* Halves an even number, adds one to an odd one: which way it goes nobody foresees. */
static uint64_t branches(uint64_t n)
{
    uint64_t seed = 1, start = now_ns();
    uint32_t x = 0;
    for (uint64_t i = 0; i < n; i++) {
        if (x == 0)
            x = (uint32_t)(seed = mix(seed));
        if (x & 1)
            __asm__ volatile("decl %0" : "+r"(x));
        else
            __asm__ volatile("shrl %0" : "+r"(x));
    }
    __asm__ volatile("" : : "r"(x));
    return now_ns() - start;
}

static uint64_t getppid_loop(uint64_t n)
{
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < n; i++)
        syscall(SYS_getppid);
    return now_ns() - start;
}

static int quickest(uint64_t (*loop)(uint64_t n), unsigned times, uint64_t n)
{
    uint64_t best = UINT64_MAX;
    while (times-- > 0) {
        uint64_t ns = loop(n);
        best = ns < best ? ns : best;
    }
    return told(best, n);
}

/* Sizes as in a tree of sources: most files are small, a few large; the same in every run. */
static size_t size_of(uint64_t i)
{
    uint64_t r = mix(i + 1);
    return (size_t)(r >> 8) % (FILE_MOST >> (r & 3) >> (r >> 2 & 3)) + 1;
}

static int make_file(const char *path, uint64_t number)
{
    static uint64_t data[FILE_MOST / sizeof(uint64_t)];
    size_t size = size_of(number);
    for (size_t i = 0; i < FILE_MOST / sizeof(uint64_t); i++)
        data[i] = mix(number * FILE_MOST + i);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || close(fd) != 0) {
        perror(path);
        return 1;
    }
    return 0;
}

static int make_tree(const char *top, uint64_t files)
{
    char path[256];
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < files; i++) {
        int len = snprintf(path, sizeof(path), "%s/d%" PRIu64, top, i / DIR_FILES);
        if (i == 0 && mkdir(top, 0755) != 0 && errno != EEXIST)
            perror(top);
        if (i % DIR_FILES == 0 && mkdir(path, 0755) != 0 && errno != EEXIST)
            perror(path);
        snprintf(path + len, sizeof(path) - (size_t)len, "/f%" PRIu64, i);
        if (make_file(path, i) != 0)
            return 1;
    }
    return told(now_ns() - start, files);
}

static int time_command(char **argv)
{
    int status, null = open("/dev/null", O_WRONLY);
    uint64_t start = now_ns();
    pid_t pid = fork();
    if (pid == 0) {
        dup2(null, 1);
        execvp(argv[0], argv);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "bench: %s failed\n", argv[0]);
        return 1;
    }
    return told(now_ns() - start, 1);
}

int main(int argc, char **argv)
{
    const char *verb = argc > 2 ? argv[1] : "";
    uint64_t n = argc > 2 ? strtoull(argv[argc - 1], NULL, 10) : 0;
    if (strcmp(verb, "compute") == 0)
        return quickest(compute, BATCHES, n);
    if (strcmp(verb, "branches") == 0)
        return quickest(branches, BATCHES, n);
    if (strcmp(verb, "getppid") == 0)
        return quickest(getppid_loop, BATCHES, n);
    if (strcmp(verb, "getppid-long") == 0)
        return quickest(getppid_loop, 1, n);
    if (strcmp(verb, "tree") == 0 && argc == 4)
        return make_tree(argv[2], n);
    if (strcmp(verb, "time") == 0)
        return time_command(argv + 2);
    fprintf(stderr, "usage: bench compute|getppid|getppid-long N, bench tree DIR FILES, bench time COMMAND …\n");
    return 2;
}
