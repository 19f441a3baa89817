// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest kernel's own account of functions of the C library: uprobed DISK THREADS ROUNDS FUNCTION… sets a probe at
 * the entry and at the return of each (uprobes), has THREADS threads work between two markers each, and writes to DISK
 * what the kernel's tracer kept of it, as probed does. The markers are calls of ffsll, which must be among those given.
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <time.h>

#include "../tracer.h"

static int rounds;
static pthread_barrier_t ready;
static volatile long long marked = 1;

static int compare(const void *a, const void *b)
{
    int x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return abs(x) - abs(y);
}

static void marker(void)
{
    int (*volatile mark)(long long) = ffsll;
    mark(marked);
}

/* The compiler must not do any of it itself. */
static void work(unsigned i)
{
    char *(*volatile get)(const char *) = getenv;
    size_t (*volatile length)(const char *) = strlen;
    long (*volatile number)(const char *, char **, int) = strtol;
    void *(*volatile copy_bytes)(void *, const void *, size_t) = memcpy;
    char text[64], other[64], *end;
    int numbers[5] = {3, -2, (int)i, 7, -9};
    snprintf(text, sizeof(text), "%u x", i);
    copy_bytes(other, text, sizeof(other));
    if (number(other, &end, 10) != (long)i || *end != ' ' || length(text) < 3)
        fail("strtol");
    numbers[2] = rand_r(&i);
    qsort(numbers, 5, sizeof(numbers[0]), compare);
    void *block = malloc(i % 300 + 1), *zeros = calloc(3, i % 9 + 1);
    char *twin = strdup(get("PATH"));
    block = realloc(block, i % 1000 + 1);
    free(block);
    free(zeros);
    free(twin);
    if (i % 8 == 0)
        get("NOTHING");
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

/* Where a function of the library lies in its file. */
static uint64_t offset_of(const char *name, char path[256])
{
    uint64_t address = (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, name), start, end, offset;
    char line[512];
    FILE *f = fopen("/proc/self/maps", "r");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %255s", &start, &end, &offset, path) == 4 &&
            start <= address && address < end) {
            fclose(f);
            return address - start + offset;
        }
    }
    fail(name);
    return 0;
}

static void set_up(int n, char **functions)
{
    char path[256];
    mount_tracer();
    for (int i = 0; i < n; i++) {
        uint64_t offset = offset_of(functions[i], path);
        put(TRACE "uprobe_events", "p:qb/e%d %s:0x%" PRIx64 " a=%%di:x64 b=%%si:x64 c=%%dx:x64\n", i, path, offset);
        put(TRACE "uprobe_events", "r:qb/r%d %s:0x%" PRIx64 " v=$retval:x64\n", i, path, offset);
    }
    for (int i = 0; i < n; i++) { /* one by one, so that one which cannot be probed is told */
        char event[100];
        snprintf(event, sizeof(event), TRACE "events/qb/e%d/enable", i);
        put(event, "1\n");
        snprintf(event, sizeof(event), TRACE "events/qb/r%d/enable", i);
        put(event, "1\n");
    }
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
    set_up(argc - 4, argv + 4);
    pthread_barrier_init(&ready, NULL, (unsigned)n);
    for (int i = 0; i < n; i++)
        pthread_create(&threads[i], NULL, thread, NULL);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    put(TRACE "events/qb/enable", "0\n");
    FILE *from = fopen(TRACE "trace", "r"), *to = fopen(argv[1], "w");
    if (from == NULL || to == NULL)
        fail(argv[1]);
    fprintf(to, "misses 0\nlost %llu\n", lost());
    fprintf(to, "END %ld\n", copy(from, to));
    if (fclose(to) != 0)
        fail(argv[1]);
    sync();
    return 0;
}
