/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hook modules: shared objects that watch system calls from inside qebek's plugin, with a callback before a call and
 * one after it. `qebek run --module ./mine.so[=ARGUMENTS] …` loads one; examples/ has three; docs/modules.md explains.
 *
 * A module includes this header, links against nothing of qebek, and exports qebek_module_init (and, if it likes,
 * qebek_module_exit). Everything it can ask for is in the table that init is given. The tracer that writes qebek's own
 * records is built on the same table.
 *
 * Threads: callbacks run on the thread of the vCPU that made the call, so with several vCPUs they run at once, and a
 * module guards what its callbacks share. pre and post of one call may run on different vCPUs, never at the same time.
 * A callback holds up the guest: it must not block.
 *
 * Compatibility: struct members are only ever added at the end; `size` members tell which are there. A module that was
 * built for a newer QEBEK_MODULE_ABI than the host's is refused.
 */
#ifndef QEBEK_MODULE_H
#define QEBEK_MODULE_H

#include <stddef.h>
#include <stdint.h>

#include "qebek/record.h" /* enum qbk_abi, enum qbk_end */

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
     * Return 0, or -ENOENT (no such service in any table), -EINVAL, -ENOMEM.
     * A name means that service in every ABI of every operating system that has it ("openat", "NtReadFile").
     * *hook is copied.
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
     * not mapped). pre sees it as before the call, post as after it.
     */
    size_t (*read)(struct qebek_call *call, uint64_t addr, void *buf, size_t len);

    /* ---- in post only ---- */
    enum qbk_end (*end)(struct qebek_call *call);
    /* The result register; -1 and *result untouched if this end has none. 0 otherwise. */
    int (*result)(struct qebek_call *call, uint64_t *result);

    /* A line into the trace (QBK_LOG), shown by every output. At most 4096 bytes. Any callback. */
    void (*log)(const struct qebek_host *host, struct qebek_call *call, const char *text);
};

/*
 * Called once, before the machine runs. args: what follows '=' after the module's path, or "". Register hooks here.
 * Return 0, or a negative errno: the machine is then not started and qebek says so. `host` stays valid for ever.
 */
QEBEK_MODULE_EXPORT int qebek_module_init(const struct qebek_host *host, const char *args);
/* Called once when the machine ends. No callback runs any more. Optional. */
QEBEK_MODULE_EXPORT void qebek_module_exit(void);

#ifndef QEBEK_MODULE_HOST
/* What the module was built for, so that a host can refuse it before any of its code runs. Nothing to do about it. */
QEBEK_MODULE_EXPORT extern const int qebek_module_abi;
__attribute__((weak)) const int qebek_module_abi = QEBEK_MODULE_ABI;
#endif

#endif
