// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a program executes, told by the guest itself: stepped DISK THREADS ROUNDS has two children execute the same code
 * in THREADS threads each. The first one, named "plain", just runs; the second one, "steps", is single-stepped by its
 * parent, which writes each instruction's address to DISK: words of 64 bits, little-endian: 0x53544550, address of the
 * first and the last instruction of what is compared, number of steps; then for each step the thread and the address.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE      4096
#define STEPS_MAX (1 << 20)
#define SKIPPED   2 /* bytes of each instruction that faults on purpose */

extern char step_first[], step_last[];

static int rounds;
static pthread_barrier_t ready;
static volatile sig_atomic_t handled;
static int pointers; /* a file that holds addresses */

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    (void)info;
    handled++;
    if (signo == SIGSEGV || signo == SIGFPE || signo == SIGILL)
        uc->uc_mcontext.gregs[REG_RIP] += SKIPPED;
}

static unsigned char *fresh(size_t size, int prot, int flags)
{
    unsigned char *p = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    if (p == MAP_FAILED)
        fail("mmap");
    return p;
}

/* Faults in the midst of a block, each resolved by the kernel: a page for the first time. */
static void touch(unsigned char *pages)
{
    __asm__ volatile("movl $1, %%eax\n\t"
                     "addl $2, %%eax\n\t"
                     "movl %%eax, (%0)\n\t"
                     "addl $3, %%eax\n\t"
                     "movl %%eax, 4096(%0)\n\t"
                     "incl %%eax\n\t"
                     "addl 8192(%0), %%eax\n\t"
                     "movl %%eax, 8192(%0)\n\t"
                     "nop"
                     :
                     : "r"(pages)
                     : "rax", "memory");
}

/* … and in the last instruction of one: a call onto a new page of stack, a jump through a new page, a string. */
static void touch_last(unsigned char *pages)
{
    void **table = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, pointers, 0);
    if (table == MAP_FAILED)
        fail("mmap");
    __asm__ volatile("movq %%rsp, %%rbx\n\t"
                     "leaq 4096(%0), %%rsp\n\t"
                     "call 1f\n"
                     "1:\tmovq %%rbx, %%rsp\n\t"
                     "incl %%eax\n\t"
                     "jmp *(%1)\n\t"
                     "ud2\n"
                     ".globl step_landing\n"
                     "step_landing:\tnop\n\t"
                     "leaq 8188(%0), %%rdi\n\t"
                     "movl $5000, %%ecx\n\t"
                     "movb $7, %%al\n\t"
                     "rep stosb\n\t"
                     "leaq 12288(%0), %%rsi\n\t"
                     "movl $16, %%ecx\n\t"
                     "leaq 12300(%0), %%rdi\n\t"
                     "repe cmpsb\n\t"
                     "xorl %%ecx, %%ecx\n\t"
                     "rep movsb\n\t"
                     "nop"
                     :
                     : "r"(pages), "r"(table)
                     : "rax", "rbx", "rcx", "rsi", "rdi", "memory", "cc");
    munmap(table, PAGE);
}

extern char step_landing[];

/* Instructions that cannot be done; a handler skips each. */
static void faults(void)
{
    __asm__ volatile("xorl %%eax, %%eax\n\t"
                     "movl $5, %%ecx\n\t"
                     "incl %%ecx\n\t"
                     "movl (%%rax), %%edx\n\t" /* no such page */
                     "incl %%ecx\n\t"
                     "movabsq $0x8000000000000000, %%rax\n\t"
                     "movl (%%rax), %%edx\n\t" /* no such address */
                     "incl %%ecx\n\t"
                     "xorl %%ecx, %%ecx\n\t"
                     "movl $3, %%eax\n\t"
                     "xorl %%edx, %%edx\n\t"
                     "divl %%ecx\n\t"
                     "incl %%ecx\n\t"
                     "ud2\n\t"
                     "incl %%ecx\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "call *(%%rax)\n\t" /* the last one of its block */
                     "nop"
                     :
                     :
                     : "rax", "rcx", "rdx", "memory", "cc");
}

/* Branches to themselves, into their own block, tables of jumps, calls. */
static unsigned branches(unsigned n)
{
    unsigned sum = n;
    __asm__ volatile("movl $7, %%ecx\n"
                     "1:\tloop 1b\n\t"
                     "movl $3, %%ecx\n\t"
                     "jmp 3f\n"
                     "2:\tincl %0\n"
                     "3:\taddl $2, %0\n\t"
                     "decl %%ecx\n\t"
                     "jnz 2b\n\t"
                     "leaq 4f(%%rip), %%rax\n\t"
                     "jmp *%%rax\n\t"
                     "ud2\n"
                     "4:\tnop"
                     : "+r"(sum)
                     :
                     : "rax", "rcx", "cc");
    switch (sum % 7) {
    case 0: return sum + 1;
    case 1: return sum * 3;
    case 2: return sum ^ 5;
    case 3: return sum - 4;
    case 4: return sum / 3;
    default: return sum;
    }
}

static __attribute__((noinline)) unsigned recurse(unsigned n)
{
    return n < 2 ? n : recurse(n - 1) + recurse(n - 2);
}

/* A store that changes the instruction behind it; then other code at the same place. */
static void modify(unsigned char *code, unsigned n)
{
    static const unsigned char own[] = {0xc6, 0x05, 1, 0, 0, 0, 0, 0xb8, 0, 0, 0, 0, 0xc3};
    static const unsigned char other[] = {0xff, 0xc8, 0xff, 0xc0, 0x31, 0xc0, 0xc3};
    memcpy(code, own, sizeof(own));
    code[6] = (unsigned char)n;
    if (((unsigned (*)(void))(void *)code)() != (n & 0xff))
        fail("modify");
    memcpy(code, other, sizeof(other));
    if (((unsigned (*)(void))(void *)code)() != 0)
        fail("jit");
}

/* A few instructions of a 32-bit segment, with a stack that they can reach. Their return address lies at the top of
 * it. */
static void in_32_bits(unsigned char *low)
{
    /* inc eax; push 0x33; push low + 64; retf | mov rsp, [low + 128]; ret */
    static const unsigned char code32[] = {0x40, 0x6a, 0x33, 0x68, 0, 0, 0, 0, 0xcb};
    static const unsigned char code64[] = {0x48, 0x8b, 0x24, 0x25, 0, 0, 0, 0, 0xc3};
    uint32_t back = (uint32_t)(uintptr_t)low + 64, saved = (uint32_t)(uintptr_t)low + 128;
    memcpy(low, code32, sizeof(code32));
    memcpy(low + 4, &back, sizeof(back));
    memcpy(low + 64, code64, sizeof(code64));
    memcpy(low + 68, &saved, sizeof(saved));
    __asm__ volatile("subq $128, %%rsp\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "movq %%rsp, 128(%0)\n\t"
                     "leaq 4096(%0), %%rsp\n\t"
                     "pushq $0x23\n\t"
                     "pushq %0\n\t"
                     "lretq\n"
                     "1:\taddq $128, %%rsp"
                     :
                     : "r"(low)
                     : "rax", "memory", "cc");
}

static void one_round(unsigned char *code, unsigned char *low, unsigned n)
{
    unsigned char *pages = fresh(8 * PAGE, PROT_READ | PROT_WRITE, 0);
    unsigned cpu, node;
    touch(pages);
    touch_last(pages + 3 * PAGE);
    munmap(pages, 8 * PAGE);
    if (branches(n) == 12345 || recurse(6) != 8)
        fail("recurse");
    modify(code, n);
    in_32_bits(low);
    faults();
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
    syscall(SYS_getppid);
    if (getcpu(&cpu, &node) != 0) /* in the vDSO, always the same instructions */
        fail("getcpu");
}

static void *work(void *unused)
{
    unsigned char *code = fresh(PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, 0);
    unsigned char *low = fresh(PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_32BIT);
    (void)unused;
    pthread_barrier_wait(&ready);
    __asm__ volatile("step_first: nop" ::: "memory");
    for (int i = 0; i < rounds; i++)
        one_round(code, low, (unsigned)i);
    __asm__ volatile("step_last: nop" ::: "memory");
    return NULL;
}

static void child(const char *name, int threads)
{
    static const int signals[] = {SIGSEGV, SIGFPE, SIGILL, SIGUSR1};
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    pthread_t id[64];
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
        sigaction(signals[i], &sa, NULL);
    prctl(PR_SET_NAME, name);
    pthread_barrier_init(&ready, NULL, (unsigned)threads);
    for (int i = 1; i < threads; i++) {
        if (pthread_create(&id[i], NULL, work, NULL) != 0)
            fail("pthread_create");
    }
    work(NULL);
    for (int i = 1; i < threads; i++)
        pthread_join(id[i], NULL);
    _exit(handled == 0);
}

struct step {
    uint64_t thread, address;
};
static struct step *steps;
static uint64_t n_steps;

/* What was about to be done is not, as a signal comes first. */
static void take_back(uint64_t thread)
{
    uint64_t i = n_steps;
    while (i > 0 && steps[i - 1].thread != thread)
        i--;
    if (i == 0)
        return;
    memmove(&steps[i - 1], &steps[i], (n_steps - i) * sizeof(*steps));
    n_steps--;
}

static int stopped(pid_t thread, int status)
{
    struct user_regs_struct regs;
    int signo = WSTOPSIG(status);
    if (status >> 16 || signo == SIGSTOP)
        return 0;
    if (signo != SIGTRAP) {
        take_back((uint64_t)thread);
        return signo;
    }
    if (n_steps == STEPS_MAX || ptrace(PTRACE_GETREGS, thread, 0, &regs) != 0)
        fail("step");
    steps[n_steps++] = (struct step){(uint64_t)thread, regs.rip};
    return 0;
}

static int step_all(pid_t pid)
{
    int status, result = 1;
    pid_t thread;
    if (waitpid(pid, &status, 0) != pid || ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE) != 0 ||
        ptrace(PTRACE_SINGLESTEP, pid, 0, 0) != 0)
        fail("ptrace");
    while ((thread = waitpid(-1, &status, __WALL)) > 0) {
        if (WIFSTOPPED(status)) {
            int signo = stopped(thread, status);
            (void)ptrace(PTRACE_SINGLESTEP, thread, 0, signo); /* it may have been killed meanwhile */
        } else if (thread == pid) {
            result = !WIFEXITED(status) || WEXITSTATUS(status);
        }
    }
    return result;
}

static void put(int disk, const void *what, size_t len)
{
    const char *at = what;
    while (len > 0) {
        ssize_t n = write(disk, at, len);
        if (n <= 0)
            fail("disk");
        at += n;
        len -= (size_t)n;
    }
}

int main(int argc, char **argv)
{
    int status, threads = argc > 3 ? atoi(argv[2]) : 0;
    if (threads < 1 || threads > 64)
        return 2;
    rounds = atoi(argv[3]);
    steps = malloc(STEPS_MAX * sizeof(*steps));
    pointers = open("/tmp/pointers", O_RDWR | O_CREAT, 0600);
    void *landing = step_landing;
    if (!steps || pointers < 0 || write(pointers, &landing, sizeof(landing)) != sizeof(landing) ||
        ftruncate(pointers, PAGE) != 0)
        fail("/tmp/pointers");
    pid_t pid = fork();
    if (pid == 0)
        child("plain", threads);
    if (waitpid(pid, &status, 0) != pid || status != 0)
        fail("plain");
    pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        child("steps", threads);
    }
    if (step_all(pid) != 0)
        fail("steps");
    int disk = open(argv[1], O_WRONLY);
    uint64_t head[] = {0x53544550, (uint64_t)(uintptr_t)step_first, (uint64_t)(uintptr_t)step_last, n_steps};
    put(disk, head, sizeof(head));
    put(disk, steps, n_steps * sizeof(*steps));
    if (fsync(disk) != 0)
        fail("disk");
    return 0;
}
