/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest programs that write down every system call they make, so that a trace can be compared with the truth.
 *
 * Calls are made by an inline `syscall` instruction, never by the C library, and noted in shared memory before and
 * after; nothing is output before the end. What the library does by itself (thread creation, for instance) lies outside
 * of windows: a window is what a thread does between two marker calls (prctl with an option that no kernel knows), or,
 * in a child process, from its birth on. Inside a window the trace must have exactly the calls that are noted here.
 */
#ifndef QEBEK_TESTS_GUEST_TRUTH_H
#define QEBEK_TESTS_GUEST_TRUTH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#define TRUTH_MARKER 0x7165626bL /* prctl option of the markers; argument 2: 1 opens, 0 closes */

/* Who makes calls: one for each thread (and each vfork child) of a program. */
struct truth {
    int tid;                    /* 0: not known yet */
    struct entry *volatile now; /* the call being made: signal handlers look at it */
};

/* How a noted call ends. */
enum truth_end {
    TRUTH_STARTED = '?', /* nothing known after its start: the thread was killed in it */
    TRUTH_RETURNED = 'R',
    TRUTH_RESTARTED = 'H', /* left for a handler; the kernel made the program repeat it (noted as a call of its own) */
    TRUTH_NORETURN = 'N',  /* exit, exit_group */
    TRUTH_EXEC = 'E',      /* returned into a new image: the window ends */
    TRUTH_SIGRETURN = 'S'  /* rt_sigreturn: its result is whatever was restored */
};

struct entry;

/* Opens or closes a window of this thread. */
void truth__open(struct truth *t);
void truth__close(struct truth *t);
/* First thing in a child process: its window is open from birth on; learns its own tid by a noted call. */
void truth__born(struct truth *t);

/*
 * Makes and notes a call. spec has a character for each argument: '.' a number, 's' a string, 'w' bytes in (the next
 * argument is their number), 'r' bytes out (the result is their number), 'i' two ints out.
 */
#define CALL(t, name, spec, ...) truth__call((t), #name, __NR_##name, (spec), (const long[7]){__VA_ARGS__})
long truth__call(struct truth *t, const char *name, long nr, const char *spec, const long *args);
/* Only the notes, for calls that a function cannot make for others (vfork, exit). */
struct entry *truth__start(struct truth *t, const char *name, long nr, const char *spec, const long *args, char end);
void truth__done(struct entry *e, const char *spec, long result);

#define L(x) ((long)(x))

static inline __attribute__((always_inline)) long truth__raw(long nr, const long *a)
{
    long ret;
    register long r10 __asm__("r10") = a[3];
    register long r8 __asm__("r8") = a[4];
    register long r9 __asm__("r9") = a[5];

    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return ret;
}

/* Ends this process; noted. */
void truth__exit_group(struct truth *t, int status) __attribute__((noreturn));

/*
 * Signals. The handler installed notes the calls it makes itself (as many getppid as `calls` says), what becomes of the
 * call it cut, and its own rt_sigreturn. Uses the truth of the thread it runs on: truth__self must be set there.
 */
extern __thread struct truth *truth__self;
void truth__handle(int signo, int flags, int calls, int then_signal);
/* How many handlers have ended so far, in all processes. */
uint32_t truth__handled(void);

/* The programs: each runs one scenario with `n` (0: its own default). */
struct program {
    const char *name;
    void (*run)(struct truth *t, long n);
};
extern const struct program truth__programs[];
void run_files(struct truth *t, long n);
void run_pipes(struct truth *t, long n);
void run_children(struct truth *t, long n);
void run_exec(struct truth *t, long n);
void run_deaths(struct truth *t, long n);
void run_threads(struct truth *t, long n);
void run_signals(struct truth *t, long n);
void run_tcp(struct truth *t, long n);
void run_count(struct truth *t, long n);
void run_mix(struct truth *t, long n);
void run_vector(struct truth *t, long n);
void run_port(struct truth *t, long n);

/* Helpers of the programs. */
void truth__blocked(int tid, long nr); /* comes back once that thread is blocked in that call … */
void truth__await_blocked(struct truth *t, int tid, long nr); /* … the same in a window, which is closed meanwhile */
void truth__await_handled(struct truth *t, uint32_t before);  /* until a handler has ended since */
long truth__fork(struct truth *t, struct truth *child);       /* 0 in the child, whose `child` is then born */
void truth__wait(struct truth *t, long pid);

#endif
