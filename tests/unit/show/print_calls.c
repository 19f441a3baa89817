// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arguments as strace 6.1 writes them: the lines were taken from `strace -f -o FILE` of small programs, the memory is
 * what those programs' calls had; only pids and addresses are made up.
 */
#include "print.h"

#include <string.h>

#define A          0x7ffd0000u
#define B          0x7ffd1000u
#define C          0x7ffd2000u
#define ALL(shots) print__check_all(shots, sizeof(shots) / sizeof((shots)[0]))

/* ---- files ---- */

static const uint64_t stat_file[18] = {0xfe00, 332835,     2,         0100755,    0, 0,          1926232,  4096,
                                       3768,   1795561690, 755142175, 1777320873, 0, 1795561690, 754782307};
static const uint64_t stat_device[18] = {5, 4, 1, 020666, 0, 0x103, 0, 4096};

static void test_status(void **state)
{
    const struct print_shot shots[] = {
        {"newfstatat(3, \"\", {st_mode=S_IFREG|0755, st_size=1926232, ...}, AT_EMPTY_PATH) = 0", .nr = 262, .nargs = 4,
         .args = {3, A, B, 0x1000}, .piece = {IN_TEXT(A, ""), OUT_MEMORY(B, stat_file)}},
        {"stat(\"/dev/null\", {st_mode=S_IFCHR|0666, st_rdev=makedev(0x1, 0x3), ...}) = 0", .nr = 4, .nargs = 2,
         .args = {A, B}, .piece = {IN_TEXT(A, "/dev/null"), OUT_MEMORY(B, stat_device)}},
        {"stat(\"/nope\", 0x7ffd1000) = -1 ENOENT (No such file or directory)", .nr = 4, .nargs = 2, .args = {A, B},
         .result = -2, .piece = {IN_TEXT(A, "/nope")}},
        {"fstat(3, {st_dev=makedev(0xfe, 0), st_ino=332835, st_mode=S_IFREG|0755, st_nlink=2, st_uid=0, st_gid=0, "
         "st_blksize=4096, st_blocks=3768, st_size=1926232, st_atime=1795561690 /* 2026-11-24T23:08:10.755142175+0000 "
         "*/, "
         "st_atime_nsec=755142175, st_mtime=1777320873 /* 2026-04-27T20:14:33+0000 */, st_mtime_nsec=0, "
         "st_ctime=1795561690 /* 2026-11-24T23:08:10.754782307+0000 */, st_ctime_nsec=754782307}) = 0",
         .nr = 5, .nargs = 2, .verbose = 1, .args = {3, B}, .piece = {OUT_MEMORY(B, stat_file)}},
    };
    (void)state;
    ALL(shots);
}

static void test_open(void **state)
{
    const struct print_shot shots[] = {
        {"openat(AT_FDCWD, \"f\", O_RDONLY|O_CLOEXEC) = 3", .nr = 257, .nargs = 4,
         .args = {(uint64_t)-100, A, 02000000, 0777}, .result = 3, .piece = {IN_TEXT(A, "f")}},
        {"openat(AT_FDCWD, \"f\", O_RDWR|O_CREAT|O_TRUNC, 0640) = 3", .nr = 257, .nargs = 4,
         .args = {(uint64_t)-100, A, 01102, 0640}, .result = 3, .piece = {IN_TEXT(A, "f")}},
        {"mknodat(AT_FDCWD, \"p\", S_IFIFO|0600) = 0", .nr = 259, .nargs = 4, .args = {(uint64_t)-100, A, 010600, 5},
         .piece = {IN_TEXT(A, "p")}},
        {"getcwd(\"/tmp\", 4096) = 5", .nr = 79, .nargs = 2, .args = {A, 4096}, .result = 5,
         .piece = {{.addr = A, .bytes = "/tmp", .len = 5, .out = true}}},
        {"mount(\"\", \"\", 0x7ffd1000, MS_BIND, 0x7ffd1000) = -1 ENOENT (No such file or directory)", .nr = 165,
         .nargs = 5, .args = {A, A, B, 4096, B}, .result = -2, .piece = {IN_TEXT(A, ""), IN_TEXT(B, "x")}},
    };
    (void)state;
    ALL(shots);
}

static void test_entries(void **state)
{
    static const uint8_t two[] = {1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 24, 0, 4, '.', 0, 0, 0, 0,
                                  2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 24, 0, 8, 'a', 0, 0, 0, 0};
    static const uint8_t endless[] = {1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, '.', 0, 0, 0, 0};
    const struct print_shot shots[] = {
        {"getdents64(3, 0x7ffd0000 /* 2 entries */, 32768) = 48", .nr = 217, .nargs = 3, .args = {3, A, 32768},
         .result = 48, .piece = {OUT_MEMORY(A, two)}},
        {"getdents64(3, 0x7ffd0000 /* 0 entries */, 32768) = 0", .nr = 217, .nargs = 3, .args = {3, A, 32768}},
        {"getdents64(3, [{d_ino=1, d_off=1, d_reclen=24, d_type=DT_DIR, d_name=\".\"}, "
         "{d_ino=2, d_off=2, d_reclen=24, d_type=DT_REG, d_name=\"a\"}], 32768) = 48",
         .nr = 217, .nargs = 3, .verbose = 1, .args = {3, A, 32768}, .result = 48, .piece = {OUT_MEMORY(A, two)}},
        {"getdents64(3, 0x7ffd0000 /* 0 entries */, 32768) = 24", .nr = 217, .nargs = 3, .args = {3, A, 32768},
         .result = 24, .piece = {OUT_MEMORY(A, endless)}},
    };
    (void)state;
    ALL(shots);
}

static void test_descriptors(void **state)
{
    static const uint8_t lock[32] = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10};
    const struct print_shot shots[] = {
        {"fcntl(3, F_GETFD) = 0x1 (flags FD_CLOEXEC)", .nr = 72, .nargs = 3, .args = {3, 1, 0x1234}, .result = 1},
        {"fcntl(3, F_GETFL) = 0x8002 (flags O_RDWR|O_LARGEFILE)", .nr = 72, .nargs = 3, .args = {3, 3, 0},
         .result = 0x8002},
        {"fcntl(3, F_DUPFD_CLOEXEC, 30) = 30", .nr = 72, .nargs = 3, .args = {3, 1030, 30}, .result = 30},
        {"fcntl(3, F_SETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=0, l_len=10}) = 0", .nr = 72, .nargs = 3,
         .args = {3, 6, A}, .piece = {IN_MEMORY(A, lock)}},
        {"fcntl(3, F_GET_SEALS) = 0x2 (seals F_SEAL_SHRINK)", .nr = 72, .nargs = 3, .args = {3, 1034, 0}, .result = 2},
        {"pipe2([3, 4], O_CLOEXEC) = 0", .nr = 293, .nargs = 2, .args = {A, 02000000},
         .piece = {{.addr = A, .bytes = INTS(3, 4), .len = 8, .out = true}}},
        {"sendfile(6, 3, [0] => [5], 5) = 5", .nr = 40, .nargs = 4, .args = {6, 3, A, 5}, .result = 5,
         .piece = {{.addr = A, .bytes = LONGS(0), .len = 8}, {.addr = A, .bytes = LONGS(5), .len = 8, .out = true}}},
        {"getrandom(\"\\x98\\xb1\", 2, GRND_NONBLOCK) = 2", .nr = 318, .nargs = 3, .args = {A, 2, 1}, .result = 2,
         .piece = {OUT_TEXT(A, "\x98\xb1")}},
        {"ioctl(3, _IOC(_IOC_NONE, 0x56, 0x78, 0x1234), 0x7ffd0000) = -1 ENOTTY (Inappropriate ioctl for device)",
         .nr = 16, .nargs = 3, .args = {3, 0x12345678, A}, .result = -25},
        {"ioctl(1, TIOCGWINSZ, {ws_row=24, ws_col=80, ws_xpixel=0, ws_ypixel=0}) = 0", .nr = 16, .nargs = 3,
         .args = {1, 0x5413, A},
         .piece = {{.addr = A, .bytes = BYTES(24, 0, 80, 0, 0, 0, 0, 0), .len = 8, .out = true}}},
        {"ioctl(1, TCGETS, {c_iflag=ICRNL|IXON, c_oflag=NL0|CR0|TAB0|BS0|VT0|FF0|OPOST|ONLCR, "
         "c_cflag=B38400|CS8|CREAD, "
         "c_lflag=ISIG|ICANON|ECHO, ...}) = 0",
         .nr = 16, .nargs = 3, .args = {1, 0x5401, A},
         .piece = {{.addr = A, .bytes = INTS(0x500, 5, 0xbf, 0xb, 0, 0, 0, 0, 0), .len = 36, .out = true}}},
    };
    (void)state;
    ALL(shots);
}

static void test_buffers(void **state)
{
    static const uint64_t vector[] = {B, 3, C, 5};
    const struct print_shot shots[] = {
        {"writev(6, [{iov_base=\"abc\", iov_len=3}, {iov_base=\"defgh\", iov_len=5}], 2) = 8", .nr = 20, .nargs = 3,
         .args = {6, A, 2}, .result = 8,
         .piece = {IN_MEMORY(A, vector),
                   {.addr = B, .bytes = "abc", .len = 3},
                   {.addr = C, .bytes = "defgh", .len = 5}}},
        {"readv(5, [{iov_base=\"abc\", iov_len=3}, {iov_base=\"d\", iov_len=5}], 2) = 4", .nr = 19, .nargs = 3,
         .args = {5, A, 2}, .result = 4, .piece = {IN_MEMORY(A, vector), OUT_TEXT(B, "abc"), OUT_TEXT(C, "d")}},
        {"readv(99, [{iov_base=0x7ffd1000, iov_len=3}, {iov_base=0x7ffd2000, iov_len=5}], 2) = -1 EBADF (Bad file "
         "descriptor)",
         .nr = 19, .nargs = 3, .args = {99, A, 2}, .result = -9, .piece = {IN_MEMORY(A, vector)}},
        {"writev(6, 0x1, 2) = -1 EFAULT (Bad address)", .nr = 20, .nargs = 3, .args = {6, 1, 2}, .result = -14},
        {"read(3, \"\", 10) = 0", .nr = 0, .nargs = 3, .args = {3, A, 10}},
        {"read(3, 0x7ffd0000, 10) = -1 EAGAIN (Resource temporarily unavailable)", .nr = 0, .nargs = 3,
         .args = {3, A, 10}, .result = -11},
    };
    (void)state;
    ALL(shots);
}

/* ---- waiting ---- */

static void test_waiting(void **state)
{
    static const uint8_t before[] = {5, 0, 0, 0, 3, 0, 0, 0, 6, 0, 0, 0, 4, 0, 0, 0};
    static const uint8_t after[] = {5, 0, 0, 0, 3, 0, 1, 0, 6, 0, 0, 0, 4, 0, 4, 0};
    static const uint64_t second[] = {0, 1000000}, left[] = {0, 998671}, in5[] = {1u << 5};
    static const uint8_t events[] = {1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0};
    const struct print_shot shots[] = {
        {"poll([{fd=5, events=POLLIN|POLLPRI}, {fd=6, events=POLLOUT}], 2, 0) = 2 ([{fd=5, revents=POLLIN}, "
         "{fd=6, revents=POLLOUT}])",
         .nr = 7, .nargs = 3, .args = {A, 2, 0}, .result = 2, .piece = {IN_MEMORY(A, before), OUT_MEMORY(A, after)}},
        {"poll([{fd=5, events=POLLIN|POLLPRI}, {fd=6, events=POLLOUT}], 2, 0) = 0 (Timeout)", .nr = 7, .nargs = 3,
         .args = {A, 2, 0}, .piece = {IN_MEMORY(A, before), OUT_MEMORY(A, before)}},
        {"ppoll([{fd=5, events=POLLIN|POLLPRI}, {fd=6, events=POLLOUT}], 2, {tv_sec=0, tv_nsec=1000000}, NULL, 8) = 2 "
         "([{fd=5, revents=POLLIN}, {fd=6, revents=POLLOUT}], left {tv_sec=0, tv_nsec=998671})",
         .nr = 271, .nargs = 5, .args = {A, 2, B, 0, 8}, .result = 2,
         .piece = {IN_MEMORY(A, before), OUT_MEMORY(A, after), IN_MEMORY(B, second), OUT_MEMORY(B, left)}},
        {"pselect6(7, [5], NULL, NULL, {tv_sec=0, tv_nsec=1000000}, NULL) = 1 (in [5], left {tv_sec=0, "
         "tv_nsec=998671})",
         .nr = 270, .nargs = 6, .args = {7, A, 0, 0, B, 0}, .result = 1,
         .piece = {IN_MEMORY(A, in5), OUT_MEMORY(A, in5), IN_MEMORY(B, second), OUT_MEMORY(B, left)}},
        {"epoll_wait(8, [{events=EPOLLIN, data={u32=5, u64=5}}], 8, 0) = 1", .nr = 232, .nargs = 4,
         .args = {8, A, 8, 0}, .result = 1, .piece = {OUT_MEMORY(A, events)}},
        {"epoll_wait(8, [], 8, 0) = 0", .nr = 232, .nargs = 4, .args = {8, A, 8, 0}},
        {"epoll_wait(99, 0x7ffd0000, 8, 0) = -1 EBADF (Bad file descriptor)", .nr = 232, .nargs = 4,
         .args = {99, A, 8, 0}, .result = -9},
        {"epoll_ctl(8, EPOLL_CTL_DEL, 5, 0x7ffd0000) = 0", .nr = 233, .nargs = 4, .args = {8, 2, 5, A},
         .piece = {IN_MEMORY(A, events)}},
        {"nanosleep({tv_sec=0, tv_nsec=1000000}, 0x7ffd1000) = 0", .nr = 35, .nargs = 2, .args = {A, B},
         .piece = {IN_MEMORY(A, second)}},
        {"nanosleep({tv_sec=0, tv_nsec=1000000}, {tv_sec=0, tv_nsec=998671}) = ? ERESTART_RESTARTBLOCK (Interrupted by "
         "signal)",
         .nr = 35, .nargs = 2, .args = {A, B}, .result = -516, .piece = {IN_MEMORY(A, second), OUT_MEMORY(B, left)}},
    };
    (void)state;
    ALL(shots);
}

/* ---- processes and signals ---- */

static void test_processes(void **state)
{
    static const uint64_t limits[] = {8192 * 1024, UINT64_MAX},
                          clone3[11] = {0x3d0f00, 0, A + 16, A + 16, 0, 0x7f0000, 0x7fff80, 0x7f1000};
    static const uint32_t status[] = {0x300}, killed[] = {9};
    const struct print_shot shots[] = {
        {"prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0", .nr = 302, .nargs = 4,
         .args = {0, 3, 0, A}, .piece = {OUT_MEMORY(A, limits)}},
        {"wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 3}], 0, NULL) = 72", .nr = 61, .nargs = 4,
         .args = {(uint64_t)-1, A, 0, 0}, .result = 72, .piece = {OUT_MEMORY(A, status)}},
        {"wait4(-1, 0x7ffd0000, WNOHANG, NULL) = 0", .nr = 61, .nargs = 4, .args = {(uint64_t)-1, A, 1, 0},
         .piece = {OUT_MEMORY(A, status)}},
        {"times({tms_utime=2 /* 0.02 s */, tms_stime=0, tms_cutime=0, tms_cstime=0}) = 5", .nr = 100, .nargs = 1,
         .args = {A}, .result = 5, .piece = {{.addr = A, .bytes = LONGS(2, 0, 0, 0), .len = 32, .out = true}}},
        {"ptrace(PTRACE_GET_SYSCALL_INFO, 72, 88, {op=PTRACE_SYSCALL_INFO_EXIT, arch=AUDIT_ARCH_X86_64, "
         "instruction_pointer=0x7ffd0000, stack_pointer=0x7ffd1000, exit={rval=-ENOENT, is_error=1}}) = 33",
         .nr = 101, .nargs = 4, .args = {0x420e, 72, 88, A}, .result = 33,
         .piece = {{.addr = A, .bytes = LONGS(0xc000003e00000002ull, A, B, (uint64_t)-2, 1), .len = 33, .out = true}}},
        {"wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}], WSTOPPED, NULL) = 72", .nr = 61, .nargs = 4,
         .args = {(uint64_t)-1, A, 2, 0}, .result = 72, .piece = {OUT_MEMORY(A, killed)}},
        {"clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7ffd0000) = 72",
         .nr = 56, .nargs = 5, .args = {0x1200011, 0, 0, A, 0}, .result = 72},
        {"clone3({flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM|CLONE_SETTLS|"
         "CLONE_PARENT_SETTID|CLONE_CHILD_CLEARTID, child_tid=0x7ffd0010, parent_tid=0x7ffd0010, exit_signal=0, "
         "stack=0x7f0000, stack_size=0x7fff80, tls=0x7f1000} => {parent_tid=[72]}, 88) = 72",
         .nr = 435, .nargs = 2, .args = {B, 88}, .result = 72,
         .piece = {IN_MEMORY(B, clone3),
                   OUT_MEMORY(B, clone3),
                   {.addr = A + 16, .bytes = INTS(72), .len = 4, .out = true}}},
        {"sched_getaffinity(0, 128, [0 1]) = 8", .nr = 204, .nargs = 3, .args = {0, 128, A}, .result = 8,
         .piece = {{.addr = A, .bytes = LONGS(3), .len = 8, .out = true}}},
        {"sched_getparam(0, [0]) = 0", .nr = 143, .nargs = 2, .args = {0, A},
         .piece = {{.addr = A, .bytes = INTS(0), .len = 4, .out = true}}},
        {"futex(0x7ffd0000, FUTEX_WAKE_PRIVATE, 1) = 0", .nr = 202, .nargs = 6, .args = {A, 129, 1, 5, 6, 7}},
        {"futex(0x7ffd0000, FUTEX_WAIT_BITSET|FUTEX_CLOCK_REALTIME, 5, NULL, FUTEX_BITSET_MATCH_ANY) = 0", .nr = 202,
         .nargs = 6, .args = {A, 265, 5, 0, 0, 0xffffffff}},
        {"prctl(PR_SET_NAME, \"renamed\") = 0", .nr = 157, .nargs = 5, .args = {15, A, 1, 2, 3},
         .piece = {IN_TEXT(A, "renamed")}},
        {"prctl(PR_GET_DUMPABLE) = 1 (SUID_DUMP_USER)", .nr = 157, .nargs = 5, .args = {3, 1, 2, 3, 4}, .result = 1},
        {"prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) = 0", .nr = 157, .nargs = 5, .args = {38, 1, 0, 0, 0}},
        {"arch_prctl(ARCH_SET_FS, 0x7ffd0000) = 0", .nr = 158, .nargs = 2, .args = {0x1002, A}},
        {"personality(0xffffffff) = 0x40000 (PER_LINUX|ADDR_NO_RANDOMIZE)", .nr = 135, .nargs = 1, .args = {0xffffffff},
         .result = 0x40000},
    };
    (void)state;
    ALL(shots);
}

/* The mask that comes back lies on the stack, where no argument points. */
static void test_sigreturn(void **state)
{
    struct build b;
    (void)state;
    build__init(&b);
    build__thread(&b, 1, 71, "a");
    uint64_t call = build__enter(&b, 1, 15, 0, NULL);
    build__snippet(&b, QBK_SNIP_MEM, A, LONGS(1u << 1), 8, 8, 0, 0xff, 0);
    build__return(&b, 1, call, QBK_END_RETURNED, 0);
    shown__strace(&b, "71    rt_sigreturn({mask=[INT]})        = 0", NULL);
}

static void test_signals(void **state)
{
    static const uint64_t action[] = {0x401000, 0x14000000, 0x402000, 0},
                          ignore[] = {1, 0x04000000, 0x402000, 1u << 14};
    static const uint64_t few[] = {1u << 1 | 1u << 16}, most[] = {~(1ull << 8 | 1ull << 18)};
    static const uint64_t queued[16] = {12, 0xffffffff, 71, 7};
    const struct print_shot shots[] = {
        {"rt_sigaction(SIGUSR1, {sa_handler=0x401000, sa_mask=[], sa_flags=SA_RESTORER|SA_RESTART, "
         "sa_restorer=0x402000}, "
         "NULL, 8) = 0",
         .nr = 13, .nargs = 4, .args = {10, A, 0, 8}, .piece = {IN_MEMORY(A, action)}},
        {"rt_sigaction(SIGUSR2, NULL, {sa_handler=SIG_IGN, sa_mask=[TERM], sa_flags=SA_RESTORER, "
         "sa_restorer=0x402000}, 8) = 0",
         .nr = 13, .nargs = 4, .args = {12, 0, A, 8}, .piece = {OUT_MEMORY(A, ignore)}},
        {"rt_sigprocmask(SIG_BLOCK, [INT CHLD], NULL, 8) = 0", .nr = 14, .nargs = 4, .args = {0, A, 0, 8},
         .piece = {IN_MEMORY(A, few)}},
        {"rt_sigprocmask(SIG_SETMASK, ~[KILL STOP], NULL, 8) = 0", .nr = 14, .nargs = 4, .args = {2, A, 0, 8},
         .piece = {IN_MEMORY(A, most)}},
        {"rt_sigtimedwait([INT CHLD], {si_signo=SIGUSR2, si_code=SI_QUEUE, si_pid=71, si_uid=0, si_int=7, si_ptr=0x7}, "
         "NULL, 8) "
         "= 12 (SIGUSR2)",
         .nr = 128, .nargs = 4, .args = {A, B, 0, 8}, .result = 12,
         .piece = {IN_MEMORY(A, few), OUT_MEMORY(B, queued)}},
    };
    (void)state;
    ALL(shots);
}

/* ---- sockets ---- */

static const uint8_t inet[] = {2, 0, 0x87, 7, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0};

static void test_addresses(void **state)
{
    static const uint8_t inet6[28] = {10, 0, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    static const uint8_t netlink[] = {16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint32_t room[] = {128}, told[] = {16};
    const struct print_shot shots[] = {
        {"bind(3, {sa_family=AF_INET, sin_port=htons(34567), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0", .nr = 49,
         .nargs = 3, .args = {3, A, 16}, .piece = {IN_MEMORY(A, inet)}},
        {"connect(3, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, \"::1\", "
         "&sin6_addr), sin6_scope_id=0}, 28) = 0",
         .nr = 42, .nargs = 3, .args = {3, A, 28}, .piece = {IN_MEMORY(A, inet6)}},
        {"connect(3, {sa_family=AF_UNIX, sun_path=\"/run/x\"}, 9) = 0", .nr = 42, .nargs = 3, .args = {3, A, 9},
         .piece = {{.addr = A, .bytes = "\1\0/run/x", .len = 9}}},
        {"bind(3, {sa_family=AF_UNIX, sun_path=@\"abstract\"}, 11) = 0", .nr = 49, .nargs = 3, .args = {3, A, 11},
         .piece = {{.addr = A, .bytes = "\1\0\0abstract", .len = 11}}},
        {"bind(3, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 0", .nr = 49, .nargs = 3,
         .args = {3, A, 12}, .piece = {IN_MEMORY(A, netlink)}},
        {"accept(3, {sa_family=AF_INET, sin_port=htons(34567), sin_addr=inet_addr(\"127.0.0.1\")}, [128 => 16]) = 5",
         .nr = 43, .nargs = 3, .args = {3, A, B}, .result = 5,
         .piece = {IN_MEMORY(B, room), OUT_MEMORY(B, told), OUT_MEMORY(A, inet)}},
        {"accept(3, 0x7ffd0000, [128]) = -1 EAGAIN (Resource temporarily unavailable)", .nr = 43, .nargs = 3,
         .args = {3, A, B}, .result = -11, .piece = {IN_MEMORY(B, room)}},
        {"accept(3, NULL, NULL) = 5", .nr = 43, .nargs = 3, .args = {3, 0, 0}, .result = 5},
        {"socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) = 3", .nr = 41, .nargs = 3, .args = {16, 0x80003, 0},
         .result = 3},
        {"socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)) = 3", .nr = 41, .nargs = 3, .args = {17, 3, 0x300},
         .result = 3},
        {"setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0", .nr = 54, .nargs = 5, .args = {3, 1, 2, A, 4},
         .piece = {{.addr = A, .bytes = INTS(1), .len = 4}}},
    };
    (void)state;
    ALL(shots);
}

static void test_messages(void **state)
{
    static const uint64_t vector[] = {C, 100};
    static const uint64_t header[] = {0, 0, B, 1, B + 256, 24, 0};
    static const uint64_t rights[] = {20, 0x100000001ull, 5}; /* length, level and type, one descriptor */
    const struct print_shot shots[] = {
        {"recvmsg(11, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base=\"q\", iov_len=100}], msg_iovlen=1, "
         "msg_control=[{cmsg_len=20, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[5]}], msg_controllen=24, "
         "msg_flags=0}, 0) = 1",
         .nr = 47, .nargs = 3, .args = {11, A, 0}, .result = 1,
         .piece = {IN_MEMORY(A, header), IN_MEMORY(B, vector), OUT_MEMORY(A, header), OUT_TEXT(C, "q"),
                   OUT_MEMORY(B + 256, rights)}},
        {"recvmsg(11, {msg_namelen=0}, MSG_DONTWAIT) = -1 EAGAIN (Resource temporarily unavailable)", .nr = 47,
         .nargs = 3, .args = {11, A, 0x40}, .result = -11, .piece = {IN_MEMORY(A, header), IN_MEMORY(B, vector)}},
    };
    (void)state;
    ALL(shots);
}

/* ---- the 32-bit ABI ---- */

static void test_i386(void **state)
{
    static const uint32_t spec[] = {0, 1000};
    static const uint32_t map[] = {0, 4096, 3, 0x22, 0xffffffff, 0};
    const struct print_shot shots[] = {
        {"nanosleep({tv_sec=0, tv_nsec=1000}, NULL) = 0", .nr = 162, .abi = QBK_ABI_LINUX_I386, .nargs = 2,
         .args = {A, 0}, .piece = {IN_MEMORY(A, spec)}},
        {"pread64(3, \"abc\", 10, 4294967297) = 3", .nr = 180, .abi = QBK_ABI_LINUX_I386, .nargs = 5,
         .args = {3, A, 10, 1, 1}, .result = 3, .piece = {OUT_TEXT(A, "abc")}},
        {"mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0xf7ff4000", .nr = 90,
         .abi = QBK_ABI_LINUX_I386, .nargs = 1, .args = {A}, .result = 0xf7ff4000, .piece = {IN_MEMORY(A, map)}},
        {"fcntl64(3, F_GETFL) = 0 (flags O_RDONLY)", .nr = 221, .abi = QBK_ABI_LINUX_I386, .nargs = 3,
         .args = {3, 3, 0}},
        {"chown(\"/nope\", -1, 5) = -1 ENOENT (No such file or directory)", .nr = 182, .abi = QBK_ABI_LINUX_I386,
         .nargs = 3, .args = {A, 0xffff, 5}, .result = 0xfffffffe, .piece = {IN_TEXT(A, "/nope")}},
    };
    (void)state;
    ALL(shots);
}

/* One number for all calls of sockets: each is shown as what it means, where its arguments are known. */
static void test_socketcall(void **state)
{
    static const uint32_t connect[] = {3, B, 16}, send[] = {3, B, 5, 0x4000}, recv[] = {3, B, 64, 0},
                          accept[] = {3, B, C}, cut[] = {3, B}, pair[] = {1, 1, 0, B};
    static const uint8_t address[16] = {2, 0, 0, 80, 192, 0, 2, 1};
    static const uint32_t len[] = {16};
    static const int32_t fds[] = {4, 5};
    const struct print_shot shots[] = {
        {"connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"192.0.2.1\")}, 16) = 0", .nr = 102,
         .abi = QBK_ABI_LINUX_I386, .nargs = 2, .args = {3, A},
         .piece = {IN_MEMORY(A, connect), IN_MEMORY(B, address)}},
        {"send(3, \"hello\", 5, MSG_NOSIGNAL) = 5", .nr = 102, .abi = QBK_ABI_LINUX_I386, .nargs = 2, .args = {9, A},
         .result = 5, .piece = {IN_MEMORY(A, send), IN_TEXT(B, "hello")}},
        {"recv(3, \"abc\", 64, 0) = 3", .nr = 102, .abi = QBK_ABI_LINUX_I386, .nargs = 2, .args = {10, A}, .result = 3,
         .piece = {IN_MEMORY(A, recv), OUT_TEXT(B, "abc")}},
        {"accept(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"192.0.2.1\")}, [16]) = 4", .nr = 102,
         .abi = QBK_ABI_LINUX_I386, .nargs = 2, .args = {5, A}, .result = 4,
         .piece = {IN_MEMORY(A, accept), IN_MEMORY(C, len), OUT_MEMORY(B, address), OUT_MEMORY(C, len)}},
        {"socketpair(AF_UNIX, SOCK_STREAM, 0, [4, 5]) = 0", .nr = 102, .abi = QBK_ABI_LINUX_I386, .nargs = 2,
         .args = {8, A}, .piece = {IN_MEMORY(A, pair), OUT_MEMORY(B, fds)}},
        /* not all of the arguments there, none, and no such call */
        {"socketcall(SYS_CONNECT, [3, 2147291136, ...]) = 0", .nr = 102, .abi = QBK_ABI_LINUX_I386, .nargs = 2,
         .args = {3, A}, .piece = {IN_MEMORY(A, cut)}},
        {"socketcall(SYS_CONNECT, 0x7ffd0000) = -1 EFAULT (Bad address)", .nr = 102, .abi = QBK_ABI_LINUX_I386,
         .nargs = 2, .args = {3, A}, .result = 0xfffffff2},
        {"socketcall(0x15 /* SYS_??? */, [3, 2147291136, 16, ...]) = -1 EINVAL (Invalid argument)", .nr = 102,
         .abi = QBK_ABI_LINUX_I386, .nargs = 2, .args = {21, A}, .result = 0xffffffea,
         .piece = {IN_MEMORY(A, connect)}},
    };
    (void)state;
    ALL(shots);
}

/* ---- JSON Lines ---- */

static void test_json_fields(void **state)
{
    static const uint64_t timer[] = {1, 2, 3, 4};
    struct show_options options;
    struct build b;
    (void)state;
    build__init(&b);
    build__thread(&b, 1, 71, "a");
    uint64_t call = build__enter(&b, 1, 287, 2, LONGS(3, A)); /* timerfd_gettime */
    build__return(&b, 1, call, QBK_END_RETURNED, 0);
    build__snippet(&b, QBK_SNIP_MEM, A, timer, sizeof(timer), sizeof(timer), 0, 1, 0);
    show_options__init(&options);
    char *text = shown(&b, "jsonl", &options);
    assert_non_null(strstr(text, "\"fields\":{\"it_interval\":{\"tv_sec\":1,\"tv_nsec\":2},"
                                 "\"it_value\":{\"tv_sec\":3,\"tv_nsec\":4}}"));
    assert_non_null(strstr(text, "\"text\":\"{it_interval={tv_sec=1, tv_nsec=2}, it_value={tv_sec=3, tv_nsec=4}}\""));
    g_free(text);
    build__free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),      cmocka_unit_test(test_open),        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_descriptors), cmocka_unit_test(test_buffers),     cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_processes),   cmocka_unit_test(test_signals),     cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_messages),    cmocka_unit_test(test_i386),        cmocka_unit_test(test_socketcall),
        cmocka_unit_test(test_sigreturn),   cmocka_unit_test(test_json_fields),
    };
    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
