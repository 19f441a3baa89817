// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest kernel's own account of its functions: probed DISK THREADS ROUNDS FUNCTION… sets a probe at the entry and
 * at the return of each function, has THREADS threads work between two markers each, and writes to DISK what the
 * kernel's tracer kept of it: lines "misses N", "lost N", then "TID e|r NUMBER VALUE…", then "END LINES".
 * The markers are calls of sched_get_priority_max, whose function must be among those given.
 * With "graph" before the functions it is their graph that the kernel keeps: "lost N", its lines, "END LINES".
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer.h"

static int rounds;
static pthread_barrier_t ready;

static void marker(void)
{
    syscall(SYS_sched_get_priority_max, SCHED_FIFO);
}

static void work(unsigned i)
{
    char buf[64], name[40];
    struct stat st;
    int fds[2], fd;
    snprintf(name, sizeof(name), "/tmp/work%ld-%u", (long)syscall(SYS_gettid), i % 7);
    fd = open(name, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || write(fd, buf, i % sizeof(buf)) < 0 || lseek(fd, 0, SEEK_SET) != 0 || read(fd, buf, 10) < 0)
        fail(name);
    close(fd);
    fstatat(AT_FDCWD, "/proc/self/stat", &st, 0);
    if (i % 7 == 0)
        unlink(name);
    if (access("/none", R_OK) == 0)
        fail("/none");
    if (pipe(fds) != 0 || write(fds[1], "x", 1) != 1 || read(fds[0], buf, 1) != 1)
        fail("pipe");
    close(fds[0]);
    close(fds[1]);
}

static void *thread(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&ready);
    marker();
    for (int i = 0; i < rounds; i++)
        work((unsigned)i);
    marker();
    return NULL;
}

static void set_up_graph(int n, char **functions)
{
    for (int i = 0; i < n; i++)
        put(TRACE "set_ftrace_filter", "%s\n", functions[i]);
    put(TRACE "current_tracer", "function_graph\n");
    put(TRACE "trace_options", "funcgraph-proc\n");
}

static void set_up_probes(int n, char **functions)
{
    for (int i = 0; i < n; i++) {
        put(TRACE "kprobe_events", "p:qb/e%d %s a=$arg1:x64 b=$arg2:x64 c=$arg3:x64\n", i, functions[i]);
        put(TRACE "kprobe_events", "r512:qb/r%d %s v=$retval:x64\n", i, functions[i]);
    }
    put(TRACE "events/qb/enable", "1\n");
}

static long copy_graph(FILE *from, FILE *to)
{
    static char line[512];
    long lines = 0;
    while (fgets(line, sizeof(line), from) != NULL) {
        fputs(line, to);
        lines++;
    }
    return lines;
}

static unsigned long long misses(void)
{
    char line[256];
    unsigned long long sum = 0, hits, missed;
    FILE *f = fopen(TRACE "kprobe_profile", "r");
    if (f == NULL)
        fail("kprobe_profile");
    while (fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "%*s %llu %llu", &hits, &missed) == 2)
            sum += missed;
    }
    fclose(f);
    return sum;
}

int main(int argc, char **argv)
{
    pthread_t threads[16];
    if (argc < 5)
        return 2;
    int n = atoi(argv[2]);
    rounds = atoi(argv[3]);
    if (n < 1 || n > 16)
        return 2;
    int graph = strcmp(argv[4], "graph") == 0;
    mount_tracer();
    (graph ? set_up_graph : set_up_probes)(argc - 4 - graph, argv + 4 + graph);
    pthread_barrier_init(&ready, NULL, (unsigned)n);
    for (int i = 0; i < n; i++)
        pthread_create(&threads[i], NULL, thread, NULL);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    put(graph ? TRACE "tracing_on" : TRACE "events/qb/enable", "0\n");
    FILE *from = fopen(TRACE "trace", "r"), *to = fopen(argv[1], "w");
    if (from == NULL || to == NULL)
        fail(argv[1]);
    if (!graph)
        fprintf(to, "misses %llu\n", misses());
    fprintf(to, "lost %llu\n", lost());
    fprintf(to, "END %ld\n", (graph ? copy_graph : copy)(from, to));
    if (fclose(to) != 0)
        fail(argv[1]);
    sync();
    return 0;
}
