/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hook modules: shared objects that watch system calls from inside qebek's plugin, with a callback before a call and
 * one after it. `qebek run --module ./mine.so[=ARGUMENTS] …` loads one; examples/ has three; docs/modules.md explains.
 * A module lives as long as one trace: its init runs before the trace begins, its exit when it has ended.
 *
 * A module includes this header, links against nothing of qebek, and exports qebek_module_init (and, if it likes,
 * qebek_module_exit). Everything it can ask for is in the table that init is given. The tracer that writes qebek's own
 * records is built on the same table.
 *
 * Threads: callbacks run on the thread of the vCPU that made the call, so with several vCPUs they run at once, and a
 * module guards what its callbacks share. pre and post of one call may run on different vCPUs, never at the same time.
 * A callback holds up the guest: it must not block. init and exit run alone, while no vCPU runs.
 *
 * Compatibility: struct members are only ever added at the end; `size` members tell which are there. A module that was
 * built for a newer QEBEK_MODULE_ABI than the host's is refused.
 */
#ifndef QEBEK_MODULE_H
#define QEBEK_MODULE_H

#include <stddef.h>
#include <stdint.h>

#include "qebek/record.h" /* enum qbk_abi, enum qbk_end */

#ifdef __cplusplus
extern "C" {
#endif

#define QEBEK_MODULE_ABI    1
#define QEBEK_MODULE_EXPORT __attribute__((visibility("default")))

/* One call of one guest thread, valid during a callback only. */
struct qebek_call;

enum qebek_verdict {
    QEBEK_SKIP = 0, /* this call is of no interest: no post callback, and no cost at its return */
    QEBEK_WATCH = 1 /* call post when it ends */
};

/* `context`: context_size bytes that belong to this call and this hook alone, zeroed before pre; NULL if the size is 0.
 */
typedef enum qebek_verdict (*qebek_pre_fn)(struct qebek_call *call, void *context, void *user);
/* Runs exactly once for each call that pre watched, whatever its end: look at qebek_host.end before the result. */
typedef void (*qebek_post_fn)(struct qebek_call *call, void *context, void *user);

struct qebek_hook {
    size_t size;         /* sizeof(struct qebek_hook) */
    qebek_pre_fn pre;    /* NULL: watch every call */
    qebek_post_fn post;  /* NULL: nothing happens at the return, and nothing is spent on it */
    void *user;          /* handed to both */
    size_t context_size; /* bytes of context for each call, at most QEBEK_CONTEXT_MAX */
};

#define QEBEK_CONTEXT_MAX 512

/* Who makes the call. Strings are the guest's and hostile. */
struct qebek_thread {
    uint64_t number;        /* qebek's own, never used twice */
    int32_t pid, tid, ppid; /* -1: not known */
    uint32_t uid;           /* 0xffffffff: not known */
    char comm[32];          /* NUL-terminated */
};

struct qebek_host {
    size_t size; /* sizeof(struct qebek_host) of the host */
    int abi;     /* QEBEK_MODULE_ABI of the host */

    /*
     * ---- registration: in qebek_module_init only ----
     * Return 0, or -ENOENT (no such service in any table), -EINVAL (a number of 8192 or more, a context that is too
     * large, neither pre nor post, not in init), -ENOSPC (64 hooks on this service already), -ENOMEM; nothing has
     * changed then. *hook is copied. Hooks on the same service run in the order of registration.
     *
     * A name means that service in every ABI of every operating system that has it ("openat", "NtReadFile").
     * hook_number takes one number of one ABI; in a guest that is not known all calls are of QBK_ABI_RAW.
     * hook_all means every number of every ABI.
     */
    int (*hook_service)(const struct qebek_host *host, const char *name, const struct qebek_hook *hook);
    int (*hook_number)(const struct qebek_host *host, enum qbk_abi abi, uint32_t nr, const struct qebek_hook *hook);
    int (*hook_all)(const struct qebek_host *host, const struct qebek_hook *hook);

    /* ---- in callbacks ---- */
    uint32_t (*nr)(struct qebek_call *call);
    enum qbk_abi (*call_abi)(struct qebek_call *call);
    const char *(*name)(struct qebek_call *call);             /* NULL if no table knows the number */
    unsigned (*depth)(struct qebek_call *call);               /* calls of this thread in flight below this one */
    uint64_t (*arg)(struct qebek_call *call, unsigned index); /* as at entry, also in post; index 0 to 19 */
    void (*thread)(struct qebek_call *call, struct qebek_thread *thread);
    /*
     * Copy guest memory of the calling process: returns how many of the first bytes could be read (fewer when a page is
     * not mapped, or not in the guest's memory just now). pre sees it as before the call, post as after it. In post 0
     * unless the end is returned, interrupted or pending: with other ends the process may not be there any more.
     */
    size_t (*read)(struct qebek_call *call, uint64_t addr, void *buf, size_t len);

    /* ---- in post only ---- */
    enum qbk_end (*end)(struct qebek_call *call);
    /* The result register; -1 and *result untouched if this end has none. 0 otherwise. */
    int (*result)(struct qebek_call *call, uint64_t *result);

    /*
     * A line into the trace (QBK_LOG), shown by every output; at most 4096 bytes, without an end of line. `call`: in a
     * callback, the call that it is about; else NULL, also from threads of the module, between init and the end of
     * exit.
     */
    void (*log)(const struct qebek_host *host, struct qebek_call *call, const char *text);
};

/*
 * Called once for each trace, before it begins. args: what follows the first '=' behind the module's path, or "".
 * Register hooks here. Return 0, or a negative errno: nothing is traced then, and qebek says why; `qebek run` does not
 * start the machine. `host` stays valid until the end of exit.
 */
QEBEK_MODULE_EXPORT int qebek_module_init(const struct qebek_host *host, const char *args);
/*
 * Called once when the trace has ended, if init succeeded: the machine ends, or its observer leaves it. All calls have
 * had their post, no callback runs any more; what is logged is in the trace. After that the module may be unmapped: its
 * threads must have ended. Not called where QEMU is killed. Optional.
 */
QEBEK_MODULE_EXPORT void qebek_module_exit(void);

#ifndef QEBEK_MODULE_HOST
/* What the module was built for, so that a host can refuse it before any of its code runs. Nothing to do about it. */
#ifdef __cplusplus
extern QEBEK_MODULE_EXPORT __attribute__((weak)) const int qebek_module_abi = QEBEK_MODULE_ABI;
#else
QEBEK_MODULE_EXPORT extern const int qebek_module_abi;
__attribute__((weak)) const int qebek_module_abi = QEBEK_MODULE_ABI;
#endif
#endif

#ifdef __cplusplus
}
#endif

#endif
