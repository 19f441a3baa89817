/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/find/child.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__ /* its runtime needs terabytes of addresses, and more system calls: the build for tests */
#define CONFINED 0
#else
#define CONFINED 1
#endif

#define LIMIT_MS 15000 /* of the clock: its own time is limited to 5 s, and a busy host may give it little */

/* Memory management and the end: nothing else is needed to compute. */
static bool confine_child(void)
{
    static const int allowed[] = {SCMP_SYS(mmap), SCMP_SYS(munmap),  SCMP_SYS(mremap),
                                  SCMP_SYS(brk),  SCMP_SYS(madvise), SCMP_SYS(exit_group),
                                  SCMP_SYS(exit), SCMP_SYS(futex),   SCMP_SYS(mprotect)};
    const struct rlimit memory = {2048ull << 20, 2048ull << 20}, cpu = {5, 5}, none = {0, 0};
    setrlimit(RLIMIT_AS, &memory);
    setrlimit(RLIMIT_CPU, &cpu);
    setrlimit(RLIMIT_CORE, &none);
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool ok = ctx != NULL;
    for (size_t i = 0; ok && i < sizeof(allowed) / sizeof(allowed[0]); i++)
        ok = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0) == 0;
    ok = ok && seccomp_load(ctx) == 0;
    if (ctx)
        seccomp_release(ctx);
    return ok;
}

static bool wait_for(pid_t child)
{
    for (unsigned ms = 0; ms < LIMIT_MS; ms += 2) {
        int status;
        pid_t got = waitpid(child, &status, WNOHANG);
        if (got == child)
            return WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (got < 0 && errno != EINTR)
            return false;
        usleep(2000);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return false;
}

void *child__shared(size_t size)
{
    void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared == MAP_FAILED ? NULL : shared;
}

bool child__compute(bool (*work)(void *shared, const void *data), void *shared, const void *data)
{
    pid_t child = fork();
    if (child == 0) {
        if (CONFINED)
            (void)confine_child(); /* under a stricter filter of our parent's it may not load: that one holds then */
        _exit(work(shared, data) ? 0 : 1);
    }
    return child > 0 && wait_for(child);
}
