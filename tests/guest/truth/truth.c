/* SPDX-License-Identifier: GPL-2.0-or-later */
/* truth PROGRAM[:N] … FILE: runs the programs, then writes what they did to FILE (a block device, usually). */
#include "truth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENTRIES_MAX (1u << 20)
#define BLOBS_SIZE  (64u << 20)
#define BLOB_MAX    8192u

struct entry {
    const char *name;
    long args[6];
    long result;
    int tid;
    uint32_t blob; /* offset of the last one, 0: none */
    uint16_t nr;
    uint8_t nargs;
    char kind; /* 'O'pen, 'C'lose, 'B'orn, or 'c'all */
    char end;  /* enum truth_end */
};

struct blob {
    uint32_t next;
    uint32_t len;
    uint8_t arg;
    char kind; /* the letter of the spec */
    unsigned char bytes[];
};

/* Shared with all children, at the same address. */
struct log {
    volatile uint32_t entries;
    volatile uint32_t blobs;
    volatile uint32_t handled;
    struct entry entry[ENTRIES_MAX];
    _Alignas(8) unsigned char blob[BLOBS_SIZE];
};

static struct log *the_log;
__thread struct truth *truth__self;

static void die(const char *what)
{
    fprintf(stderr, "truth: %s: %s\n", what, strerror(errno));
    _exit(2);
}

static struct entry *entry_new(const struct truth *t, char kind)
{
    uint32_t i = __atomic_fetch_add(&the_log->entries, 1, __ATOMIC_SEQ_CST);

    if (i >= ENTRIES_MAX)
        die("the log is full");
    the_log->entry[i].tid = t->tid;
    the_log->entry[i].kind = kind;
    return &the_log->entry[i];
}

static void blob_add(struct entry *e, unsigned arg, char kind, const void *bytes, size_t len)
{
    uint32_t size, at;
    struct blob *b;

    if (len > BLOB_MAX)
        len = BLOB_MAX;
    size = (uint32_t)((sizeof(struct blob) + len + 7) & ~(size_t)7);
    at = __atomic_fetch_add(&the_log->blobs, size, __ATOMIC_SEQ_CST);
    if (at + size > BLOBS_SIZE)
        die("the log's data is full");
    b = (struct blob *)(void *)(the_log->blob + at);
    b->next = e->blob;
    b->len = (uint32_t)len;
    b->arg = (uint8_t)arg;
    b->kind = kind;
    memcpy(b->bytes, bytes, len);
    e->blob = at;
}

/* Pointers below a page are tests of faults: nothing is there to be noted. */
static const void *readable(long arg)
{
    return (unsigned long)arg < 4096 ? NULL : (const void *)arg;
}

struct entry *truth__start(struct truth *t, const char *name, long nr, const char *spec, const long *args, char end)
{
    struct entry *e = entry_new(t, 'c');

    e->name = name;
    e->nr = (uint16_t)nr;
    e->nargs = (uint8_t)strlen(spec);
    e->end = end;
    memcpy(e->args, args, sizeof(e->args));
    for (unsigned i = 0; spec[i]; i++) {
        const void *p = readable(args[i]);

        if (p && spec[i] == 's')
            blob_add(e, i, 's', p, strlen(p));
        if (p && spec[i] == 'w' && args[i + 1] >= 0)
            blob_add(e, i, 'w', p, (size_t)args[i + 1]);
    }
    return e;
}

void truth__done(struct entry *e, const char *spec, long result)
{
    for (unsigned i = 0; spec[i]; i++) {
        const void *p = readable(e->args[i]);

        if (p && spec[i] == 'r' && result >= 0)
            blob_add(e, i, 'r', p, (size_t)result);
        if (p && spec[i] == 'i' && result == 0)
            blob_add(e, i, 'i', p, 2 * sizeof(int));
    }
    e->result = result;
    __atomic_store_n(&e->end, TRUTH_RETURNED, __ATOMIC_SEQ_CST);
}

long truth__call(struct truth *t, const char *name, long nr, const char *spec, const long *args)
{
    struct entry *outer = t->now;
    long ret;

    t->now = truth__start(t, name, nr, spec, args, TRUTH_STARTED);
    ret = truth__raw(nr, args);
    /* A handler may have put the call that was repeated in its place. */
    truth__done(t->now, spec, ret);
    t->now = outer;
    return ret;
}

static void marker(struct truth *t, char kind)
{
    const long args[6] = {TRUTH_MARKER, kind == 'O'};

    entry_new(t, kind);
    if (truth__raw(__NR_prctl, args) != -EINVAL)
        die("a marker call did not fail as it should");
}

void truth__open(struct truth *t)
{
    if (!t->tid)
        t->tid = (int)syscall(SYS_gettid);
    truth__self = t;
    marker(t, 'O');
}

void truth__close(struct truth *t)
{
    marker(t, 'C');
}

void truth__born(struct truth *t)
{
    struct entry *born, *e;
    const long args[6] = {0};

    t->tid = 0;
    t->now = NULL;
    born = entry_new(t, 'B');
    e = truth__start(t, "gettid", __NR_gettid, "", args, TRUTH_STARTED);
    truth__done(e, "", truth__raw(__NR_gettid, args));
    born->tid = e->tid = t->tid = (int)e->result;
}

void truth__exit_group(struct truth *t, int status)
{
    const long args[6] = {status};

    truth__start(t, "exit_group", __NR_exit_group, ".", args, TRUTH_NORETURN);
    truth__raw(__NR_exit_group, args);
    __builtin_unreachable();
}

/* The kernel tells of a thread that sleeps which call it is in; of one that does not, only that it is running. */
void truth__blocked(int tid, long nr)
{
    char path[64], said[256];

    snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
    for (;;) {
        char *end = said;
        ssize_t len = 0;
        int fd = open(path, O_RDONLY);

        if (fd >= 0) {
            /* Not read(): the test of a module that logs all reads expects those of the log alone. */
            len = pread(fd, said, sizeof(said) - 1, 0);
            close(fd);
        }
        said[len > 0 ? len : 0] = 0;
        if (strtol(said, &end, 10) == nr && end != said)
            return;
        usleep(1000);
    }
}

void truth__await_blocked(struct truth *t, int tid, long nr)
{
    truth__close(t);
    truth__blocked(tid, nr);
    truth__open(t);
}

uint32_t truth__handled(void)
{
    return the_log->handled;
}

void truth__await_handled(struct truth *t, uint32_t before)
{
    truth__close(t);
    while (the_log->handled == before)
        usleep(1000);
    truth__open(t);
}

long truth__fork(struct truth *t, struct truth *child)
{
    const long args[6] = {0};
    struct entry *e = truth__start(t, "fork", __NR_fork, "", args, TRUTH_STARTED);
    long pid = truth__raw(__NR_fork, args);

    if (pid == 0) {
        truth__born(child);
        truth__self = child;
    } else {
        truth__done(e, "", pid);
    }
    return pid;
}

void truth__wait(struct truth *t, long pid)
{
    int status = -1;

    while (CALL(t, wait4, "....", pid, L(&status), 0, 0) == -EINTR)
        ;
}

/* ---- signals ---- */

static struct {
    int flags, calls, then_signal;
} handling[65];

static void handler(int signo)
{
    struct truth *t = truth__self;
    struct entry *cut = t->now;
    const long none[6] = {0};

    t->now = NULL;
    for (int i = 0; i < handling[signo].calls; i++)
        CALL(t, getppid, "", 0);
    if (handling[signo].then_signal) {
        /* The other signal's handler runs when this call returns, on top of this one. */
        CALL(t, tgkill, "...", CALL(t, getpid, "", 0), t->tid, handling[signo].then_signal);
    }
    truth__start(t, "rt_sigreturn", __NR_rt_sigreturn, "", none, TRUTH_SIGRETURN);
    __atomic_fetch_add(&the_log->handled, 1, __ATOMIC_SEQ_CST);
    t->now = cut;
    /* A call that waits for ever is repeated by the kernel: the same registers, made again. */
    if (cut && (handling[signo].flags & SA_RESTART) && cut->nr == __NR_read) {
        struct entry *again = entry_new(t, 'c');
        uint32_t blob = again->blob;

        *again = *cut;
        again->blob = blob;
        cut->end = TRUTH_RESTARTED;
        t->now = again;
    }
}

void truth__handle(int signo, int flags, int calls, int then_signal)
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};

    handling[signo].flags = flags;
    handling[signo].calls = calls;
    handling[signo].then_signal = then_signal;
    if (sigaction(signo, &sa, NULL))
        die("sigaction");
}

/* ---- writing it down ---- */

static void print_entry(FILE *f, const struct entry *e)
{
    if (e->kind != 'c') {
        fprintf(f, "%c %d\n", e->kind, e->tid);
        return;
    }
    fprintf(f, "c %d %s %u %c %ld %u", e->tid, e->name, e->nr, e->end, e->result, e->nargs);
    for (unsigned i = 0; i < e->nargs; i++)
        fprintf(f, " %lx", (unsigned long)e->args[i]);
    for (uint32_t at = e->blob; at;) {
        const struct blob *b = (const struct blob *)(const void *)(the_log->blob + at);

        fprintf(f, " %c%u=", b->kind, b->arg);
        for (uint32_t i = 0; i < b->len; i++)
            fprintf(f, "%02x", b->bytes[i]);
        at = b->next;
    }
    fputc('\n', f);
}

/* The file may be a disk without a file system: whole blocks, an END line, then padding. */
static void write_log(const char *path)
{
    static char buffer[1 << 20];
    FILE *f = fopen(path, "w");
    uint32_t n = the_log->entries;

    if (!f)
        die(path);
    setvbuf(f, buffer, _IOFBF, sizeof(buffer));
    for (uint32_t i = 0; i < n; i++)
        print_entry(f, &the_log->entry[i]);
    fprintf(f, "END %u\n%4096s", n, "\n");
    if (fflush(f) || fsync(fileno(f)))
        die(path);
    fclose(f);
}

static void run(struct truth *t, const char *what)
{
    const char *colon = strchrnul(what, ':');
    long n = *colon ? strtol(colon + 1, NULL, 0) : 0;

    for (const struct program *p = truth__programs; p->name; p++) {
        if (strlen(p->name) == (size_t)(colon - what) && !strncmp(p->name, what, (size_t)(colon - what))) {
            p->run(t, n);
            return;
        }
    }
    errno = EINVAL;
    die(what);
}

int main(int argc, char **argv)
{
    struct truth t = {0};

    if (argc < 3) {
        fprintf(stderr, "usage: truth PROGRAM[:N] … FILE\n");
        return 2;
    }
    the_log = mmap(NULL, sizeof(*the_log), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (the_log == MAP_FAILED)
        die("mmap");
    the_log->blobs = 8; /* offset 0 means none */
    for (int i = 1; i < argc - 1; i++)
        run(&t, argv[i]);
    write_log(argv[argc - 1]);
    return 0;
}
