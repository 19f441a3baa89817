// SPDX-License-Identifier: GPL-2.0-or-later
/* The guest kernel's own tracer: its files, and what it kept, for programs that compare with it. */
#ifndef TRACER_H
#define TRACER_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRACE "/tmp/tracing/"

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* Not by fopen, which looks for the end of what it appends to: these files have none. */
static void put(const char *path, const char *format, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, format);
    int len = vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    int fd = open(path, O_WRONLY | O_APPEND);
    if (fd < 0 || write(fd, text, (size_t)len) != len) {
        fprintf(stderr, "%s", text);
        fail(path);
    }
    close(fd);
}

static void mount_tracer(void)
{
    mkdir("/tmp/tracing", 0700);
    if (mount("tracefs", "/tmp/tracing", "tracefs", 0, NULL) != 0)
        fail("tracefs");
    put(TRACE "buffer_size_kb", "65536\n");
}

/* "    probed-77      [000] .....  12.345678: e3: (vfs_read+0x0/0x300) a=0x1 b=0x2 c=0x3" */
static long copy(FILE *from, FILE *to)
{
    static char line[512];
    long lines = 0;
    while (fgets(line, sizeof(line), from) != NULL) {
        unsigned long long a = 0, b = 0, c = 0;
        int tid, number;
        char kind, *dash = strstr(line, "-"), *event = strstr(line, ": e");
        if (line[0] == '#' || dash == NULL)
            continue;
        if (event == NULL)
            event = strstr(line, ": r");
        if (event == NULL || sscanf(dash + 1, "%d", &tid) != 1 || sscanf(event + 2, "%c%d", &kind, &number) != 2)
            continue;
        char *value = strstr(event, kind == 'e' ? " a=" : " v=");
        if (value == NULL || sscanf(value + 3, "%llx b=%llx c=%llx", &a, &b, &c) != (kind == 'e' ? 3 : 1))
            fail("a line of the tracer");
        fprintf(to, "%d %c %d %llx", tid, kind, number, a);
        fprintf(to, kind == 'e' ? " %llx %llx\n" : "\n", b, c);
        lines++;
    }
    return lines;
}

static unsigned long long lost(void)
{
    char path[100], line[256];
    unsigned long long sum = 0, n;
    for (int cpu = 0; cpu < 64; cpu++) {
        snprintf(path, sizeof(path), TRACE "per_cpu/cpu%d/stats", cpu);
        FILE *f = fopen(path, "r");
        while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
            if (sscanf(line, "overrun: %llu", &n) == 1 || sscanf(line, "commit overrun: %llu", &n) == 1 ||
                sscanf(line, "dropped events: %llu", &n) == 1)
                sum += n;
        }
        if (f != NULL)
            fclose(f);
    }
    return sum;
}

#endif
