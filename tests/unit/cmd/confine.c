/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A confined process tries what it must not be able to do, and what it must. Each in a child, as there is no way back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/confine.h"

static char dir[] = "/tmp/qebek-confine-XXXXXX";
static char inside[64], renamed[64], profile[64];

/* Each returns true if it did what it tries. */
static bool open_to_read(void)
{
    return open("/etc/passwd", O_RDONLY) >= 0;
}

static bool open_to_write(void)
{
    return open("/tmp/qebek-confine-escaped", O_WRONLY | O_CREAT, 0600) >= 0;
}

static bool remove_file(void)
{
    return unlink(profile) == 0;
}

static bool make_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool run_program(void)
{
    char *argv[] = {"/bin/true", NULL}, *environment[] = {NULL};

    execve(argv[0], argv, environment);
    return false; /* did it work, the child would exit with 0 */
}

static bool signal_parent(void)
{
    return kill(getppid(), 0) == 0;
}

static bool trace_parent(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static bool read_parent(void)
{
    char here[8];
    struct iovec local = {here, sizeof(here)}, remote = {dir, sizeof(here)};

    return process_vm_readv(getppid(), &local, 1, &remote, 1, 0) > 0;
}

static bool take_connection(void)
{
    return accept4(0, NULL, NULL, 0) >= 0 || errno != EPERM;
}

static bool mount_something(void)
{
    return syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL) == 0 || syscall(SYS_unshare, 0x10000000) == 0;
}

static bool type_for_the_user(void)
{
    return syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x") == 0 || errno != EPERM;
}

static bool read_profile(void)
{
    return open(profile, O_RDONLY) >= 0;
}

static bool write_profile(void)
{
    return open(profile, O_RDWR) >= 0;
}

static bool begin_next_file(void)
{
    int fd = open(inside, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    return fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0 && rename(inside, renamed) == 0 && unlink(renamed) == 0;
}

static void *nothing(void *unused)
{
    return unused;
}

/* What showing a trace takes: memory, a thread, a child, time, its open files. */
static bool work(void)
{
    pthread_t thread;
    pid_t child;
    int status = 1, pipes[2];
    void *map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char byte = 0;

    if (map == MAP_FAILED || pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return false;
    if (pipe2(pipes, O_CLOEXEC) < 0 || write(pipes[1], "x", 1) != 1 || read(pipes[0], &byte, 1) != 1)
        return false;
    child = fork();
    if (child == 0)
        _exit(0);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 && time(NULL) > 0 && byte == 'x';
}

/* Did `what` succeed in a child that confined itself? 2: it could not confine itself. */
static int outcome(const struct confine *confine, bool (*what)(void))
{
    pid_t pid = fork();
    int status = -1;

    assert_true(pid >= 0);
    if (pid == 0) {
        if (!(confine__now(confine) & CONFINE_SECCOMP))
            _exit(2);
        _exit(what() ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status)); /* refused, and not killed: what is refused is an error like any other */
    return WEXITSTATUS(status);
}

static void test_forbidden(void **state)
{
    static bool (*const tries[])(void) = {open_to_read,    open_to_write,   remove_file,      make_socket,
                                          run_program,     signal_parent,   trace_parent,     read_parent,
                                          take_connection, mount_something, type_for_the_user};
    const struct confine none = {.child = 0};

    (void)state;
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        int got = outcome(&none, tries[i]);

        if (got != 1)
            fail_msg("try %zu: %s", i, got == 0 ? "a confined process can do it" : "no seccomp here");
    }
}

static void test_allowed(void **state)
{
    g_autoptr(GPtrArray) dirs = g_ptr_array_new();
    const struct confine none = {.child = 0}, child = {.child = getpid()}, rotates = {.write_dirs = dirs},
                         control = {.accepts = true};

    (void)state;
    g_ptr_array_add(dirs, dir);
    assert_int_equal(outcome(&none, work), 0);
    assert_int_equal(outcome(&child, signal_parent), 0); /* the one process that it may signal */
    assert_int_equal(outcome(&rotates, begin_next_file), 0);
    assert_int_equal(outcome(&rotates, run_program), 1);
    assert_int_equal(outcome(&control, take_connection), 0); /* fails, but for another reason than that */
    assert_int_equal(outcome(&control, make_socket), 1);
    if (confine__available() & CONFINE_LANDLOCK) { /* without it, "where" cannot be told apart */
        assert_int_equal(outcome(&rotates, open_to_read), 1);
        assert_int_equal(outcome(&rotates, open_to_write), 1);
    }
}

static void test_profile(void **state)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new();
    const struct confine reads = {.read_files = files};

    (void)state;
    g_ptr_array_add(files, profile);
    assert_int_equal(outcome(&reads, read_profile), 0);
    assert_int_equal(outcome(&reads, write_profile), 1);
    assert_int_equal(outcome(&reads, open_to_write), 1);
    if (confine__available() & CONFINE_LANDLOCK)
        assert_int_equal(outcome(&reads, open_to_read), 1);
}

static int set_up(void **state)
{
    FILE *file;

    (void)state;
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(inside, sizeof(inside), "%s/next", dir);
    (void)snprintf(renamed, sizeof(renamed), "%s/renamed", dir);
    (void)snprintf(profile, sizeof(profile), "%s/profile", dir);
    file = fopen(profile, "w");
    return file ? fclose(file) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(profile) == 0 && rmdir(dir) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forbidden),
        cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_profile),
    };

    if (!(confine__available() & CONFINE_SECCOMP)) {
        print_message("this host has no seccomp: nothing to test\n");
        return 77; /* meson: skipped */
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
