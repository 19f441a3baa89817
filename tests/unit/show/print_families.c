// SPDX-License-Identifier: GPL-2.0-or-later
/* As print_calls.c, for families of calls with forms of their own: requests of ioctl, tracers, netlink, keys, IPC. */
#include "print.h"

#include <string.h>

#define A                  0x7ffd0000u
#define B                  0x7ffd1000u
#define C                  0x7ffd2000u
#define ALL(shots)         print__check_all(shots, sizeof(shots) / sizeof((shots)[0]))
#define IOCTL(fd, request) .nr = 16, .nargs = 3, .args = {(fd), (request), A}

/* ---- requests of ioctl ---- */

static void test_files(void **state)
{
    static const uint64_t clone[] = {3, 126976, 8192, 126976}, dedupe[] = {0, 1048576, 1, 4, 0, 0, 0};
    static const uint64_t deduped[] = {0, 1048576, 1, 4, 0, 4096, 0}, fiemap[] = {0, UINT64_MAX, 0, 1};
    static const uint64_t mapped[] = {0, UINT64_MAX, 1ull << 32, 1, 0, 34304, 4096, 0, 0, 1, 0};
    static const uint8_t label[256] = "root";
    const struct print_shot shots[] = {
        {"ioctl(4, BTRFS_IOC_CLONE_RANGE or FICLONERANGE, {src_fd=3, src_offset=126976, src_length=8192, "
         "dest_offset=126976}) = -1 EOPNOTSUPP (Operation not supported)",
         IOCTL(4, 0x4020940d), .result = -95, .piece = {IN_MEMORY(A, clone)}},
        {"ioctl(4, BTRFS_IOC_CLONE or FICLONE, 3) = 0", .nr = 16, .nargs = 3, .args = {4, 0x40049409, 3}},
        {"ioctl(3, BTRFS_IOC_FILE_EXTENT_SAME or FIDEDUPERANGE, {src_offset=0, src_length=1048576, dest_count=1, "
         "info=[{dest_fd=4, dest_offset=0}]}) = -1 EOPNOTSUPP (Operation not supported)",
         IOCTL(3, 0xc0189436), .result = -95, .piece = {IN_MEMORY(A, dedupe)}},
        {"ioctl(3, BTRFS_IOC_FILE_EXTENT_SAME or FIDEDUPERANGE, {src_offset=0, src_length=1048576, dest_count=1, "
         "info=[{dest_fd=4, dest_offset=0}]} => {info=[{bytes_deduped=4096, status=0}]}) = 0",
         IOCTL(3, 0xc0189436), .piece = {IN_MEMORY(A, dedupe), OUT_MEMORY(A, deduped)}},
        {"ioctl(3, FS_IOC_FIEMAP, {fm_start=0, fm_length=18446744073709551615, fm_flags=0, fm_extent_count=1}) = -1 "
         "EOPNOTSUPP (Operation not supported)",
         IOCTL(3, 0xc020660b), .result = -95, .piece = {IN_MEMORY(A, fiemap)}},
        {"ioctl(3, FS_IOC_FIEMAP, {fm_start=0, fm_length=18446744073709551615, fm_flags=0, fm_extent_count=1} => "
         "{fm_flags=0, fm_mapped_extents=1, fm_extents=[{fe_logical=0, fe_physical=34304, fe_length=4096, "
         "fe_flags=FIEMAP_EXTENT_LAST}]}) = 0",
         IOCTL(3, 0xc020660b), .verbose = 1, .piece = {IN_MEMORY(A, fiemap), OUT_MEMORY(A, mapped)}},
        {"ioctl(3, FS_IOC_FSGETXATTR, {fsx_xflags=FS_XFLAG_APPEND, fsx_extsize=0, fsx_nextents=2, fsx_projid=0, "
         "fsx_cowextsize=0}) = 0",
         IOCTL(3, 0x801c581f), .piece = {{.addr = A, .bytes = INTS(0x10, 0, 2, 0, 0, 0, 0), .len = 28, .out = true}}},
        {"ioctl(3, FS_IOC_GETFSLABEL, \"root\") = 0", IOCTL(3, 0x81009431), .piece = {OUT_MEMORY(A, label)}},
        {"ioctl(3, FS_IOC_SETFLAGS, [FS_INDEX_FL|FS_RESERVED_FL]) = -1 EOPNOTSUPP (Operation not supported)",
         IOCTL(3, 0x40086602), .result = -95, .piece = {{.addr = A, .bytes = INTS(0x80001000u), .len = 4}}},
    };
    (void)state;
    ALL(shots);
}

static void test_devices(void **state)
{
    static const uint32_t time[] = {53, 23, 2, 25, 10, 126, 0, 0, 0};
    static const uint64_t conf[] = {80, B}, after[] = {40, B}, query[] = {0, 0}, told[] = {40, 0};
    static const uint8_t interface[40] = "lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\177\0\0\1";
    const struct print_shot shots[] = {
        {"ioctl(4, RTC_RD_TIME, {tm_sec=53, tm_min=23, tm_hour=2, tm_mday=25, tm_mon=10, tm_year=126, ...}) = 0",
         IOCTL(4, 0x80247009), .piece = {OUT_MEMORY(A, time)}},
        {"ioctl(4, RTC_UIE_ON) = 0", IOCTL(4, 0x7003)},
        {"ioctl(3, SIOCGIFCONF, {ifc_len=40 /* 1 * sizeof(struct ifreq) */, ifc_buf=NULL}) = 0", IOCTL(3, 0x8912),
         .piece = {IN_MEMORY(A, query), OUT_MEMORY(A, told)}},
        {"ioctl(3, SIOCGIFCONF, {ifc_len=80 /* 2 * sizeof(struct ifreq) */ => 40 /* 1 * sizeof(struct ifreq) */, "
         "ifc_buf=[{ifr_name=\"lo\", ifr_addr={sa_family=AF_INET, sin_port=htons(0), "
         "sin_addr=inet_addr(\"127.0.0.1\")}}]}) = 0",
         IOCTL(3, 0x8912), .piece = {IN_MEMORY(A, conf), OUT_MEMORY(A, after), OUT_MEMORY(B, interface)}},
        {"ioctl(5, NS_GET_USERNS) = 6", IOCTL(5, 0xb701), .result = 6},
        {"ioctl(5, SECCOMP_IOCTL_NOTIF_RECV, {id=0x401d, pid=468, flags=0, data={nr=__NR_getppid, "
         "arch=AUDIT_ARCH_X86_64, instruction_pointer=0x4344f7, args=[0x3, 0, 0, 0, 0x4c1de0, 0]}}) = 0",
         IOCTL(5, 0xc0502100),
         .piece = {{.addr = A,
                    .bytes = LONGS(0x401d, 468, 0xc000003e0000006eull, 0x4344f7, 3, 0, 0, 0, 0x4c1de0, 0),
                    .len = 80,
                    .out = true}}},
        {"ioctl(5, SECCOMP_IOCTL_NOTIF_SEND, {id=0x401d, val=0, error=-EPERM, flags=0}) = 0", IOCTL(5, 0xc0182101),
         .piece = {{.addr = A, .bytes = LONGS(0x401d, 0, 0xffffffff), .len = 24}}},
    };
    (void)state;
    ALL(shots);
}

/* ---- tracers ---- */

static const uint64_t registers[27] = {
    1,    2,         3, 4, 5, 6, 7, 8, 9, 10, (uint64_t)-38, 12, 13, 14, 15, 110, 0x439b89, 0x33, 0x246, 0x7ffebd804258,
    0x2b, 0x2983c380};

static void test_tracers(void **state)
{
    static const uint64_t set[] = {B, 216}, larger[] = {B, 4096};
    const struct print_shot shots[] = {
        {"ptrace(PTRACE_GETREGS, 660, {r15=0x1, r14=0x2, r13=0x3, r12=0x4, rbp=0x5, rbx=0x6, r11=0x7, r10=0x8, r9=0x9, "
         "r8=0xa, rax=0xffffffffffffffda, rcx=0xc, rdx=0xd, rsi=0xe, rdi=0xf, orig_rax=0x6e, rip=0x439b89, cs=0x33, "
         "eflags=0x246, rsp=0x7ffebd804258, ss=0x2b, fs_base=0x2983c380, gs_base=0, ds=0, es=0, fs=0, gs=0}) = 0",
         .nr = 101, .nargs = 4, .args = {12, 660, 0, A}, .piece = {OUT_MEMORY(A, registers)}},
        {"ptrace(PTRACE_GETREGSET, 660, NT_PRSTATUS, {iov_base={r15=0x1, r14=0x2, r13=0x3, r12=0x4, rbp=0x5, rbx=0x6, "
         "r11=0x7, r10=0x8, r9=0x9, r8=0xa, rax=0xffffffffffffffda, rcx=0xc, rdx=0xd, rsi=0xe, rdi=0xf, orig_rax=0x6e, "
         "rip=0x439b89, cs=0x33, eflags=0x246, rsp=0x7ffebd804258, ss=0x2b, fs_base=0x2983c380, gs_base=0, ds=0, es=0, "
         "fs=0, gs=0}, iov_len=4096 => 216}) = 0",
         .nr = 101, .nargs = 4, .args = {0x4204, 660, 1, A},
         .piece = {IN_MEMORY(A, larger), OUT_MEMORY(A, set), OUT_MEMORY(B, registers)}},
        {"ptrace(PTRACE_PEEKUSER, 660, 8*ORIG_RAX, [0x6e]) = 0", .nr = 101, .nargs = 4, .args = {3, 660, 120, A},
         .piece = {{.addr = A, .bytes = LONGS(0x6e), .len = 8, .out = true}}},
        {"ptrace(PTRACE_POKEUSER, 660, 8*RAX+4, 0x7) = 0", .nr = 101, .nargs = 4, .args = {6, 660, 84, 7}},
        {"wait4(-1, [{WIFSTOPPED(s) && WSTOPSIG(s) == SIGTRAP}|PTRACE_EVENT_EXIT<<16], __WALL, NULL) = 450", .nr = 61,
         .nargs = 4, .args = {(uint64_t)-1, A, 0x40000000, 0}, .result = 450,
         .piece = {{.addr = A, .bytes = INTS(0x6057f), .len = 4, .out = true}}},
    };
    (void)state;
    ALL(shots);
}

/* ---- netlink ---- */

static void test_netlink(void **state)
{
    static const uint8_t link[] = {40, 0, 0, 0, 0x12, 0, 1, 3, 1, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0, 0,
                                   0,  0, 0, 0, 0,    0, 0, 0, 0, 0, 0, 0, 8, 0, 29, 0, 1, 0, 0, 0};
    static const uint8_t wrong[] = {52,   0,    0,  0, 2, 0, 0,  0, 7, 0, 0, 0, 0, 0, 0, 0, 0xed, 0xff,
                                    0xff, 0xff, 32, 0, 0, 0, 16, 0, 5, 0, 7, 0, 0, 0, 0, 0, 0,    0,
                                    0,    0,    0,  0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t capped[] = {36, 0, 0,  0, 2, 0, 0,  1, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0,
                                     0,  0, 32, 0, 0, 0, 16, 0, 5, 0, 7, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t several[] = {24, 0, 0,  0, 0x16, 0, 1, 3, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                      0,  0, 20, 0, 0,    0, 3, 0, 2, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t endless[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3};
    const struct print_shot shots[] = {
        {"sendto(3, [{nlmsg_len=40, nlmsg_type=0x12 /* NLMSG_??? */, nlmsg_flags=NLM_F_REQUEST|0x300, nlmsg_seq=1, "
         "nlmsg_pid=0}, "
         "\"\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x08\\x00\\x1d\\x00\\x01\\"
         "x00"
         "\\x00\\x00\"], 40, 0, NULL, 0) = 40",
         .nr = 44, .nargs = 6, .netlink = true, .args = {3, A, 40, 0, 0, 0}, .result = 40,
         .piece = {IN_MEMORY(A, link)}},
        {"recvfrom(3, [{nlmsg_len=52, nlmsg_type=NLMSG_ERROR, nlmsg_flags=0, nlmsg_seq=7, nlmsg_pid=0}, "
         "{error=-ENODEV, msg=[{nlmsg_len=32, nlmsg_type=0x10 /* NLMSG_??? */, nlmsg_flags=NLM_F_REQUEST|NLM_F_ACK, "
         "nlmsg_seq=7, nlmsg_pid=0}, "
         "\"\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\"]}], 4096, 0, NULL, "
         "NULL) = 52",
         .nr = 45, .nargs = 6, .netlink = true, .args = {3, A, 4096, 0, 0, 0}, .result = 52,
         .piece = {OUT_MEMORY(A, wrong)}},
        {"recvfrom(3, [{nlmsg_len=36, nlmsg_type=NLMSG_ERROR, nlmsg_flags=NLM_F_CAPPED, nlmsg_seq=7, nlmsg_pid=1}, "
         "{error=0, msg={nlmsg_len=32, nlmsg_type=0x10 /* NLMSG_??? */, nlmsg_flags=NLM_F_REQUEST|NLM_F_ACK, "
         "nlmsg_seq=7, nlmsg_pid=0}}], 4096, 0, NULL, NULL) = 36",
         .nr = 45, .nargs = 6, .netlink = true, .args = {3, A, 4096, 0, 0, 0}, .result = 36,
         .piece = {OUT_MEMORY(A, capped)}},
        {"recvfrom(3, [[{nlmsg_len=24, nlmsg_type=0x16 /* NLMSG_??? */, nlmsg_flags=NLM_F_REQUEST|0x300, nlmsg_seq=7, "
         "nlmsg_pid=0}, \"\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\"], [{nlmsg_len=20, nlmsg_type=NLMSG_DONE, "
         "nlmsg_flags=NLM_F_MULTI, nlmsg_seq=7, nlmsg_pid=0}, 0]], 4096, 0, NULL, NULL) = 44",
         .nr = 45, .nargs = 6, .netlink = true, .args = {3, A, 4096, 0, 0, 0}, .result = 44,
         .piece = {OUT_MEMORY(A, several)}},
        {"sendto(3, {nlmsg_len=0, nlmsg_type=0 /* NLMSG_??? */, nlmsg_flags=0, nlmsg_seq=0, nlmsg_pid=0}, 19, 0, NULL, "
         "0) = 19",
         .nr = 44, .nargs = 6, .netlink = true, .args = {3, A, 19, 0, 0, 0}, .result = 19,
         .piece = {IN_MEMORY(A, endless)}},
        {"sendto(3, \"\\x28\\x00\\x00\", 3, 0, NULL, 0) = 3", .nr = 44, .nargs = 6, .netlink = true,
         .args = {3, A, 3, 0, 0, 0}, .result = 3, .piece = {IN_MEMORY(A, link)}},
        /* Of a socket that nobody saw made, bytes. */
        {"sendto(3, \"(\\0\\0\\0\\22\\0\\1\\3\", 8, 0, NULL, 0) = 8", .nr = 44, .nargs = 6, .args = {3, A, 8, 0, 0, 0},
         .result = 8, .piece = {IN_MEMORY(A, link)}},
    };
    (void)state;
    ALL(shots);
}

/* ---- keys, IPC, the processor ---- */

static void test_facts(void **state)
{
    static const uint32_t semaphores[] = {1024000000, 32000, 1024000000, 1024000000, 32000, 500, 500, 20, 32767, 32767};
    static const uint64_t shared[] = {1, 1, 0, 0, 0, 0},
                          space[] = {18446744073692774399u, 1, 4096, 4096, 5, 0, 0, 0, 0};
    static const uint32_t queues[] = {1, 0, 8192, 16384, 32000, 16, 0, 65535};
    const struct print_shot shots[] = {
        {"keyctl(KEYCTL_CAPABILITIES, [KEYCTL_CAPS0_CAPABILITIES|KEYCTL_CAPS0_MOVE, KEYCTL_CAPS1_NS_KEY_TAG], 1024) = "
         "2",
         .nr = 250, .nargs = 5, .args = {31, A, 1024, 0, 0}, .result = 2,
         .piece = {{.addr = A, .bytes = "\x81\x02", .len = 2, .out = true}}},
        {"semctl(0, 0, IPC_INFO, {semmap=1024000000, semmni=32000, semmns=1024000000, semmnu=1024000000, semmsl=32000, "
         "semopm=500, semume=500, semusz=20, semvmx=32767, semaem=32767}) = 0",
         .nr = 66, .nargs = 4, .args = {0, 0, 3, A}, .piece = {OUT_MEMORY(A, semaphores)}},
        {"semctl(0, 0, IPC_64|0x7ffffeff /* SEM_??? */, NULL) = -1 EINVAL (Invalid argument)", .nr = 66, .nargs = 4,
         .args = {0, 0, 0x7fffffff, 0}, .result = -22},
        {"shmctl(0, SHM_INFO, {used_ids=1, shm_tot=1, shm_rss=0, shm_swp=0, swap_attempts=0, swap_successes=0}) = 0",
         .nr = 31, .nargs = 3, .args = {0, 14, A}, .piece = {OUT_MEMORY(A, shared)}},
        {"shmctl(0, IPC_INFO, {shmmax=18446744073692774399, shmmin=1, shmmni=4096, shmseg=4096, shmall=5}) = 0",
         .nr = 31, .nargs = 3, .args = {0, 3, A}, .piece = {OUT_MEMORY(A, space)}},
        {"msgctl(0, MSG_INFO, {msgpool=1, msgmap=0, msgmax=8192, msgmnb=16384, msgmni=32000, msgssz=16, msgtql=0, "
         "msgseg=65535}) = 0",
         .nr = 71, .nargs = 3, .args = {0, 12, A}, .piece = {OUT_MEMORY(A, queues)}},
        {"shmget(IPC_PRIVATE, 8388608, IPC_CREAT|SHM_HUGETLB|21<<SHM_HUGE_SHIFT|0600) = -1 ENOMEM (Cannot allocate "
         "memory)",
         .nr = 29, .nargs = 3, .args = {0, 8388608, 0x54000b80}, .result = -12},
        {"arch_prctl(ARCH_REQ_XCOMP_PERM, 0x1 /* XFEATURE_SSE */) = -1 EOPNOTSUPP (Operation not supported)", .nr = 158,
         .nargs = 2, .args = {0x1023, 1}, .result = -95},
        {"arch_prctl(ARCH_GET_XCOMP_SUPP, [0x7 /* XFEATURE_MASK_FPSSE|XFEATURE_MASK_YMM */]) = 0", .nr = 158,
         .nargs = 2, .args = {0x1021, A}, .piece = {{.addr = A, .bytes = LONGS(7), .len = 8, .out = true}}},
        {"get_thread_area({entry_number=0, ...}) = -1 ENOSYS (Function not implemented)", .nr = 211, .nargs = 1,
         .args = {A}, .result = -38, .piece = {{.addr = A, .bytes = INTS(0, 0, 0, 0), .len = 16}}},
        {"modify_ldt(1, 0x7ffd0000, 1) = 4294967274 EINVAL (Invalid argument)", .nr = 154, .nargs = 3,
         .args = {1, A, 1}, .result = 4294967274, .piece = {{.addr = A, .bytes = INTS(0, 0, 0, 0), .len = 16}}},
        {"landlock_create_ruleset({handled_access_fs=0, ...}, 4096, 0) = -1 E2BIG (Argument list too long)", .nr = 444,
         .nargs = 3, .args = {A, 4096, 0}, .result = -7, .piece = {{.addr = A, .bytes = LONGS(0, 0), .len = 16}}},
    };
    (void)state;
    ALL(shots);
}

static void test_options(void **state)
{
    const struct print_shot shots[] = {
        {"prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) = 0", .nr = 157, .nargs = 5, .args = {22, 1, 0, 0, 0}},
        {"prctl(PR_SET_NAME, \"stress-ng-epoll\"...) = 0", .nr = 157, .nargs = 5, .args = {15, A, 0, 0, 0},
         .piece = {IN_TEXT(A, "stress-ng-epoll")}},
        {"prctl(PR_SET_NAME, \"short\") = 0", .nr = 157, .nargs = 5, .args = {15, A, 0, 0, 0},
         .piece = {IN_TEXT(A, "short")}},
        {"prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0xffffffff, 0, 0) = 0", .nr = 157, .nargs = 5,
         .args = {33, 0, 0xffffffff, 0, 0}},
        {"prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0) = 0", .nr = 157, .nargs = 5,
         .args = {33, 1, 1, 0, 0}},
        {"prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, 966, 0x1 /* PIDTYPE_TGID */, 0x7ffd0000) = -1 EINVAL (Invalid "
         "argument)",
         .nr = 157, .nargs = 5, .args = {62, 0, 966, 1, A}, .result = -22},
        {"prctl(PR_SET_PTRACER, 966) = 0", .nr = 157, .nargs = 5, .args = {0x59616d61, 966, 0, 0, 0}},
        {"prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY) = 0", .nr = 157, .nargs = 5,
         .args = {0x59616d61, (uint64_t)-1, 0, 0, 0}},
        {"membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, 3) = 0", .nr = 324, .nargs = 3,
         .args = {128, 1, 3}},
        {"membarrier(MEMBARRIER_CMD_GLOBAL, 0) = 0", .nr = 324, .nargs = 3, .args = {1, 0, 3}},
        {"mmap(NULL, 4096, PROT_READ, 0xf /* MAP_??? */|MAP_ANONYMOUS|MAP_HUGETLB|21<<MAP_HUGE_SHIFT, -1, 0) = -1 "
         "EINVAL "
         "(Invalid argument)",
         .nr = 9, .nargs = 6, .args = {0, 4096, 1, 0x5404002f, (uint64_t)-1, 0}, .result = -22},
        {"mincore(0x7ffd0000, 0, []) = -1 EINVAL (Invalid argument)", .nr = 27, .nargs = 3, .args = {A, 0, B},
         .result = -22},
        {"fanotify_init(0xc /* FAN_CLASS_??? */|FAN_CLOEXEC, O_RDONLY) = -1 EINVAL (Invalid argument)", .nr = 300,
         .nargs = 2, .args = {13, 0}, .result = -22},
        {"execve(\"/nosuch\", [\"argument\", ... /* 0x7ffd1008 */], 0x7ffd2000 /* 1 var, unterminated */) = -1 ENOENT "
         "(No "
         "such file or directory)",
         .nr = 59, .nargs = 3, .args = {A, B, C}, .result = -2,
         .piece = {IN_TEXT(A, "/nosuch"),
                   {.addr = B, .bytes = LONGS(0x7ffd4000), .len = 8, .fault = true},
                   IN_TEXT(0x7ffd4000, "argument"),
                   {.addr = C, .bytes = LONGS(0x7ffd4000), .len = 8, .fault = true}}},
        {"sendfile(4, 3, [18446744073709551615], 4194304) = -1 EINVAL (Invalid argument)", .nr = 40, .nargs = 4,
         .args = {4, 3, A, 4194304}, .result = -22, .piece = {{.addr = A, .bytes = LONGS(UINT64_MAX), .len = 8}}},
        {"mmap2(NULL, 8192, PROT_READ, MAP_PRIVATE, 3, 0x7000) = 0x10000", .abi = QBK_ABI_LINUX_I386, .nr = 192,
         .nargs = 6, .args = {0, 8192, 1, 2, 3, 7}, .result = 0x10000},
    };
    (void)state;
    ALL(shots);
}

/* ---- rings, filters ---- */

static void test_rings(void **state)
{
    static const uint32_t asked[30] = {0}, given[30] = {8, 16, 0, 0, 0, 0x1fff};
    static const uint64_t buffers[] = {B, 4096, C, 100};
    const struct print_shot shots[] = {
        {"io_uring_setup(0, {flags=0, sq_thread_cpu=0, sq_thread_idle=0}) = -1 EINVAL (Invalid argument)", .nr = 425,
         .nargs = 2, .args = {0, A}, .result = -22, .piece = {IN_MEMORY(A, asked)}},
        {"io_uring_setup(8, {flags=0, sq_thread_cpu=0, sq_thread_idle=0, sq_entries=8, cq_entries=16, "
         "features=IORING_FEAT_SINGLE_MMAP|IORING_FEAT_NODROP|IORING_FEAT_SUBMIT_STABLE|IORING_FEAT_RW_CUR_POS|"
         "IORING_FEAT_CUR_PERSONALITY|IORING_FEAT_FAST_POLL|IORING_FEAT_POLL_32BITS|IORING_FEAT_SQPOLL_NONFIXED|"
         "IORING_FEAT_EXT_ARG|IORING_FEAT_NATIVE_WORKERS|IORING_FEAT_RSRC_TAGS|IORING_FEAT_CQE_SKIP|"
         "IORING_FEAT_LINKED_FILE, sq_off={head=0, tail=0, ring_mask=0, ring_entries=0, flags=0, dropped=0, array=0}, "
         "cq_off={head=0, tail=0, ring_mask=0, ring_entries=0, overflow=0, cqes=0, flags=0}}) = 4",
         .nr = 425, .nargs = 2, .args = {8, A}, .result = 4, .piece = {IN_MEMORY(A, asked), OUT_MEMORY(A, given)}},
        {"io_uring_enter(4, 0, 1, IORING_ENTER_GETEVENTS, [USR1], 8) = 1", .nr = 426, .nargs = 6,
         .args = {4, 0, 1, 1, A, 8}, .result = 1, .piece = {{.addr = A, .bytes = LONGS(1 << 9), .len = 8}}},
        {"io_uring_register(4, IORING_REGISTER_BUFFERS, [{iov_base=0x7ffd1000, iov_len=4096}, {iov_base=0x7ffd2000, "
         "iov_len=100}], 2) = 0",
         .nr = 427, .nargs = 4, .args = {4, 0, A, 2}, .piece = {IN_MEMORY(A, buffers)}},
        {"io_uring_register(4, IORING_REGISTER_FILES, [3, -1, 1], 3) = 0", .nr = 427, .nargs = 4, .args = {4, 2, A, 3},
         .piece = {{.addr = A, .bytes = INTS(3, (uint32_t)-1, 1), .len = 12}}},
        {"io_uring_register(4, 0x7777 /* IORING_REGISTER_??? */, NULL, 3) = -1 EINVAL (Invalid argument)", .nr = 427,
         .nargs = 4, .args = {4, 0x7777, 0, 3}, .result = -22},
        {"seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=2, filter=[BPF_STMT(BPF_LD|BPF_DW|BPF_XADD, 0), "
         "BPF_STMT(BPF_RET|BPF_K, SECCOMP_RET_ALLOW)]}) = 0",
         .nr = 317, .nargs = 3, .verbose = 1, .args = {1, 0, A},
         .piece = {{.addr = A, .bytes = LONGS(2, B), .len = 16},
                   {.addr = B, .bytes = LONGS(0xd8, 0x7fff000000000006), .len = 16}}},
    };
    (void)state;
    ALL(shots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),   cmocka_unit_test(test_devices), cmocka_unit_test(test_tracers),
        cmocka_unit_test(test_netlink), cmocka_unit_test(test_facts),   cmocka_unit_test(test_options),
        cmocka_unit_test(test_rings),
    };
    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
