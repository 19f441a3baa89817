/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls of a 32-bit program by every way in: int 0x80, sysenter where the CPU is Intel's, syscall where it is AMD's. */
#define NR_exit       1
#define NR_write      4
#define NR_open       5
#define NR_getpid     20
#define NR_uname      122
#define NR_getdents64 220
#define NR_mmap2      192
#define NR_fork       2
#define NR_waitpid    7
#define NR_gettid     224
#define NR_llseek     140
#define NR_readv      145
#define NR_nanosleep  162
#define NR_stat64     195
#define NR_openat     295
#define NR_socketcall 102
#define NR_ipc        117

typedef long (*call_fn)(long nr, const long *a);
long by_int80(long nr, const long *a);
long by_sysenter(long nr, const long *a);
long by_syscall(long nr, const long *a);

/* The C side of all three: number in eax, arguments ebx ecx edx esi edi ebp. */
__asm__(".globl by_int80\nby_int80:\n"
        "push %ebx; push %esi; push %edi; push %ebp\n"
        "mov 20(%esp), %eax; mov 24(%esp), %edi\n"
        "mov (%edi), %ebx; mov 4(%edi), %ecx; mov 8(%edi), %edx; mov 12(%edi), %esi; mov 20(%edi), %ebp; mov 16(%edi), "
        "%edi\n"
        "int $0x80\n"
        "pop %ebp; pop %edi; pop %esi; pop %ebx; ret\n");
/* As the vDSO does it: the kernel returns behind the vDSO's own sysenter, so that is what is called. */
__asm__(".globl by_sysenter\nby_sysenter:\n"
        "push %ebx; push %esi; push %edi; push %ebp\n"
        "mov 20(%esp), %eax; mov 24(%esp), %edi\n"
        "mov (%edi), %ebx; mov 4(%edi), %ecx; mov 8(%edi), %edx; mov 12(%edi), %esi; mov 20(%edi), %ebp; mov 16(%edi), "
        "%edi\n"
        "call *vsyscall\n"
        "pop %ebp; pop %edi; pop %esi; pop %ebx; ret\n");
long vsyscall;

static const call_fn ways[] = {by_int80, by_sysenter};

static long call(unsigned way, long nr, long a, long b, long c, long d, long e, long f)
{
    const long args[6] = {a, b, c, d, e, f};
    return ways[way](nr, args);
}

/* One call of sockets, by the number that they all have. */
static long by_socketcall(unsigned way, long which, long a, long b, long c, long d, long e)
{
    const long args[6] = {a, b, c, d, e, 0};
    return call(way, NR_socketcall, which, (long)args, 0, 0, 0, 0);
}

static void sockets(unsigned way)
{
    static const char nowhere[] = "\1\0/nosuch", text[] = "hello, socket";
    static char buffer[64], name[112];
    static long pair[2], len;
    static struct {
        const void *base;
        unsigned long len;
    } iov = {text, 5};
    static struct {
        void *name;
        unsigned long name_len;
        void *iov;
        unsigned long iov_len;
        void *control;
        unsigned long control_len, flags;
    } message = {0, 0, &iov, 1, 0, 0, 0};
    long fd = by_socketcall(way, 1, 1, 1, 0, 0, 0);
    by_socketcall(way, 3, fd, (long)nowhere, sizeof(nowhere), 0, 0);
    len = sizeof(name);
    by_socketcall(way, 6, fd, (long)name, (long)&len, 0, 0);
    by_socketcall(way, 8, 1, 1, 0, (long)pair, 0);
    by_socketcall(way, 9, pair[0], (long)text, 5, 0x4000, 0);
    by_socketcall(way, 10, pair[1], (long)buffer, sizeof(buffer), 0, 0);
    by_socketcall(way, 16, pair[0], (long)&message, 0, 0, 0);
    by_socketcall(way, 12, pair[1], (long)buffer, 3, 0x40, 0);
    len = 4;
    by_socketcall(way, 15, pair[0], 1, 3, (long)buffer, (long)&len);
    by_socketcall(way, 13, pair[0], 1, 0, 0, 0);
    by_socketcall(way, 5, fd, 0, 0, 0, 0);
}

static void calls(unsigned way)
{
    static char names[512];
    static struct {
        const char *base;
        unsigned long len;
    } iov[2] = {{names, 3}, {names + 10, 5}};
    long wait = 0;
    const long none[2] = {0, 1000000};
    call(way, NR_getpid, 0, 0, 0, 0, 0, 0);
    call(way, NR_uname, (long)names, 0, 0, 0, 0, 0);
    long fd = call(way, NR_open, (long)"/etc/passwd", 0, 0, 0, 0, 0);
    call(way, NR_readv, fd, (long)iov, 2, 0, 0, 0);
    call(way, NR_llseek, fd, 0, 10, (long)names, 0, 0);
    /* Six arguments: the last one travels another way for each instruction. */
    call(way, NR_mmap2, 0, 4096, 1, 2, fd, 0);
    call(way, NR_mmap2, 0, 8192, 3, 0x22, -1, 7);
    call(way, NR_stat64, (long)"/etc", (long)names, 0, 0, 0, 0);
    call(way, NR_open, (long)"/nosuch", 0x8000, 0, 0, 0, 0);
    call(way, NR_openat, -100, (long)"/etc", 0x98800, 0, 0, 0);
    call(way, NR_nanosleep, (long)none, 0, 0, 0, 0, 0);
    call(way, NR_gettid, 0, 0, 0, 0, 0, 0);
    call(way, 999, 1, 2, 3, 4, 5, 6);
    sockets(way);
    long pid = call(way, NR_fork, 0, 0, 0, 0, 0, 0);
    if (pid == 0)
        call(way, NR_exit, 3, 0, 0, 0, 0, 0);
    call(way, NR_waitpid, pid, (long)&wait, 0, 0, 0, 0);
}

/* The auxiliary vector's AT_SYSINFO is the address of the vDSO's entry: sysenter, syscall or int 0x80, as the CPU has
 * it. */
__attribute__((used)) void start(const long *stack)
{
    const long *p = stack + 1 + stack[0] + 1;
    while (*p++)
        ;
    for (; p[0]; p += 2) {
        if (p[0] == 32)
            vsyscall = p[1];
    }
    calls(0);
    if (vsyscall)
        calls(1);
    call(0, NR_exit, 7, 0, 0, 0, 0, 0);
}

__asm__(".globl _start\n_start: mov %esp, %eax; and $-16, %esp; sub $12, %esp; push %eax; call start\n");
