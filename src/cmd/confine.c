/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* What reading, decompressing, parsing in a child, showing, writing and ending take. */
static const int allowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(readv),
    SCMP_SYS(write),
    SCMP_SYS(pwrite64),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(fcntl),
    SCMP_SYS(dup),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(pipe2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    /* the link; making sockets is not here */
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(shutdown),
    /* memory, threads */
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(memfd_create),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(membarrier),
    /* children that parse, and QEMU's end */
    SCMP_SYS(clone),
    SCMP_SYS(clone3),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(wait4),
    SCMP_SYS(waitid),
    SCMP_SYS(seccomp),
    SCMP_SYS(prctl),
    SCMP_SYS(prlimit64),
    SCMP_SYS(setrlimit),
    SCMP_SYS(getrlimit),
    SCMP_SYS(alarm),
    /* signals, time, identity */
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getrandom),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* For outputs that open files as they go on; Landlock says where. */
static const int files_allowed[] = {
    SCMP_SYS(openat),    SCMP_SYS(open),   SCMP_SYS(rename),   SCMP_SYS(renameat),
    SCMP_SYS(renameat2), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
};

/* For a process that talks to a server. */
static const int net_allowed[] = {
    SCMP_SYS(connect),     SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getpeername),
    SCMP_SYS(getsockname), SCMP_SYS(sendmmsg),   SCMP_SYS(recvmmsg),
};
static const int families_allowed[] = {AF_UNIX, AF_INET, AF_INET6};

static bool any(const GPtrArray *array)
{
    return array && array->len > 0;
}

static int allow(scmp_filter_ctx filter, const int *calls, size_t n)
{
    int status = 0;

    for (size_t i = 0; i < n && status == 0; i++) {
        status = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, calls[i], 0, NULL);
    }
    return status;
}

/* Calls that are allowed with certain arguments only. */
static int allow_some(scmp_filter_ctx filter, const struct confine *confine, unsigned means)
{
    int status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, TCGETS, 0));

    if (status == 0) {
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, TIOCGWINSZ, 0));
    }
    if (status == 0) { /* abort() */
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
    }
    for (size_t i = 0; status == 0 && confine->connects && i < G_N_ELEMENTS(families_allowed); i++) {
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families_allowed[i], 0));
    }
    if (status == 0 && confine->connects) {
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, FIONREAD, 0));
    }
    if (status == 0 && any(confine->remove_dirs) && (means & CONFINE_LANDLOCK)) {
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(unlink), 0);
    }
    if (status == 0 && confine->accepts) {
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(accept4), 0);
    }
    if (status == 0 && confine->child > 0) {
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)confine->child, 0));
    }
    if (status == 0 && any(confine->read_files) && !any(confine->write_dirs)) {
        status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
    }
    return status;
}

static bool confine_calls(const struct confine *confine, unsigned means)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int status;

    if (!filter) {
        return false;
    }
    status = allow(filter, allowed, G_N_ELEMENTS(allowed));
    if (status == 0 && any(confine->write_dirs)) {
        status = allow(filter, files_allowed, G_N_ELEMENTS(files_allowed));
    }
    if (status == 0 && confine->connects) {
        status = allow(filter, net_allowed, G_N_ELEMENTS(net_allowed));
    }
    if (status == 0) {
        status = allow_some(filter, confine, means);
    }
    if (status == 0) {
        status = seccomp_load(filter);
    }
    seccomp_release(filter);
    return status == 0;
}

/*
 * Landlock, by bare system calls: the C library has no functions for it, and older kernel headers lack its newer parts.
 */
struct ruleset {
    uint64_t handled_access_fs;
    uint64_t handled_access_net; /* ABI 4 */
};
struct path_rule {
    uint64_t allowed_access;
    int32_t parent_fd;
} __attribute__((packed));

enum {
    FS_WRITE_FILE = 1u << 1,
    FS_READ_FILE = 1u << 2,
    FS_READ_DIR = 1u << 3,
    FS_REMOVE_DIR = 1u << 4,
    FS_REMOVE_FILE = 1u << 5,
    FS_MAKE_REG = 1u << 8,
    FS_ALL_1 = (1u << 13) - 1, /* all rights of ABI 1 */
    FS_REFER = 1u << 13,       /* ABI 2 */
    FS_TRUNCATE = 1u << 14,    /* ABI 3 */
    NET_BIND = 1u,             /* ABI 4 */
    NET_CONNECT = 2u           /* the same */
};

static long landlock_abi(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, 1u /* tell the version */);
}

static void landlock_allow(int ruleset, const GPtrArray *paths, uint64_t access)
{
    for (unsigned i = 0; paths && i < paths->len; i++) {
        struct path_rule rule = {.allowed_access = access, .parent_fd = open(paths->pdata[i], O_PATH | O_CLOEXEC)};

        if (rule.parent_fd >= 0) {
            /* A rule that is not taken only forbids more. */
            (void)syscall(SYS_landlock_add_rule, ruleset, 1 /* beneath a path */, &rule, 0u);
            close(rule.parent_fd);
        }
    }
}

static bool confine_files(const struct confine *confine)
{
    long abi = landlock_abi();
    struct ruleset rules = {.handled_access_fs = FS_ALL_1};
    uint64_t keep = FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE | FS_REMOVE_FILE | FS_REMOVE_DIR | FS_MAKE_REG;
    int ruleset;
    bool done;

    if (abi < 1) {
        return false;
    }
    rules.handled_access_fs |= (abi >= 2 ? (uint64_t)FS_REFER : 0) | (abi >= 3 ? (uint64_t)FS_TRUNCATE : 0);
    rules.handled_access_net = abi >= 4 ? NET_BIND | (confine->connects ? 0u : (unsigned)NET_CONNECT) : 0;
    keep |= (abi >= 2 ? (uint64_t)FS_REFER : 0) | (abi >= 3 ? (uint64_t)FS_TRUNCATE : 0);
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, abi >= 4 ? sizeof(rules) : sizeof(uint64_t), 0u);
    if (ruleset < 0) {
        return false;
    }
    landlock_allow(ruleset, confine->write_dirs, keep);
    landlock_allow(ruleset, confine->read_files, FS_READ_FILE);
    landlock_allow(ruleset, confine->remove_dirs, FS_REMOVE_FILE);
    done = syscall(SYS_landlock_restrict_self, ruleset, 0u) == 0;
    close(ruleset);
    return done;
}

unsigned confine__now(const struct confine *confine)
{
    unsigned means = 0;

    tzset(); /* reads a file, and later times must not need it */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return 0;
    }
    if (confine_files(confine)) {
        means |= CONFINE_LANDLOCK;
    }
    if (confine_calls(confine, means)) {
        means |= CONFINE_SECCOMP;
    }
    return means;
}

unsigned confine__available(void)
{
    unsigned means = landlock_abi() >= 1 ? CONFINE_LANDLOCK : 0;

    /* With no filter given a kernel that knows the mode complains about the address. */
    if (prctl(PR_SET_SECCOMP, 2 /* filter */, NULL) < 0 && errno == EFAULT) {
        means |= CONFINE_SECCOMP;
    }
    return means;
}
