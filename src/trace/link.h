/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The link: a UNIX stream socket between the plugin and the qebek process, beside the ring. Carries settings to the
 * plugin, and questions about the guest's kernel from it. Both ends are the same version of qebek, so messages are
 * plain structs; both ends check every length, because the other process may have been taken over.
 *
 *   plugin                         qebek
 *     HELLO (+ ring fd)  ────────▶
 *                        ◀────────  SETTINGS
 *     FIND (+ image fd)  ────────▶  parses the image in its sandbox
 *                        ◀────────  FOUND
 *                        ◀────────  CONTROL (start, stop, new settings, end)
 *     REFUSED (why)      ────────▶     instead of a trace: the settings ask for what cannot be had
 *     DONE or EOF        ────────▶
 *
 * What a CONTROL asked for is in force from the META record on that tells of it: that is the answer.
 *
 * `qebek ctl` speaks to a qebek process that runs with --control in the same way: REQUEST, then REPLY, then the end.
 */
#ifndef QEBEK_TRACE_LINK_H
#define QEBEK_TRACE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qebek/record.h"

#define LINK_MAGIC       0x4b424551u /* "QEBK" */
#define LINK_VERSION     1u
#define LINK_MESSAGE_MAX (256u << 10)
#define LINK_REFUSED_MAX 1024u /* bytes of the text of a REFUSED, one line without an end */

enum link_type {
    LINK_HELLO = 1,
    LINK_SETTINGS,
    LINK_FIND,
    LINK_FOUND,
    LINK_CONTROL,
    LINK_DONE,
    LINK_REFUSED,
    LINK_REQUEST,
    LINK_REPLY
};

struct link_header {
    uint32_t magic;
    uint16_t version;
    uint16_t type; /* enum link_type */
    uint32_t len;  /* of the payload that follows */
    uint32_t reserved;
};

struct link_hello {
    uint32_t qemu_api; /* plugin API level that this build of the plugin is for */
    uint32_t vcpus;    /* rings for vCPUs in the ring file */
    char target[16];   /* "x86_64" */
    char qebek[32];    /* version of the plugin; must equal the reader's */
    int32_t qemu_pid;
    uint32_t reserved;
};

#define LINK_NR_MAX   4096u /* numbers below this have a bit each; all above share LINK_WATCH_UNKNOWN */
#define LINK_IDS_MAX  64u
#define LINK_COMM_MAX 32u

enum link_flags {
    LINK_LOSSY = 1u << 0,
    LINK_COMPARE_IDENTITY = 1u << 1, /* learn the current thread both ways and compare, for tests */
    LINK_NO_SWITCH_PROBE = 1u << 2,  /* always read it, for tests and for measuring */
    LINK_FD_NAMES = 1u << 3,         /* capture what descriptors stand for */
    LINK_IP = 1u << 4,               /* capture instruction and stack pointers */
    LINK_NO_GUEST = 1u << 5,         /* do not look for a kernel: numbers and registers only */
    LINK_STOPPED = 1u << 6,          /* do not trace before CONTROL starts it */
    LINK_WATCH_UNKNOWN = 1u << 7,    /* record calls with numbers that no table has */
    LINK_ENVIRONMENT = 1u << 8,      /* capture the strings of environments, not their number alone */
    LINK_FILES = 1u << 10,           /* look at files in the kernel's page cache, up to file_limit bytes of each */
    LINK_INSNS_KERNEL = 1u << 11,    /* LINK_WATCH_INSNS: what the kernel executes for it, too */
    LINK_MAPPINGS = 1u << 12,        /* follow and tell which files are mapped as code */
    LINK_OBJECTS = 1u << 9           /* tell the kernel's objects behind descriptors */
};

/* Whose code is looked at as it runs, and what of it. */
enum link_watch_what {
    LINK_WATCH_INSNS = 1u << 0, /* the blocks that it executes */
    LINK_WATCH_UNPACK = 1u << 1 /* memory that it writes and executes */
};
#define LINK_WATCHES_MAX 32u
struct link_watch {
    uint32_t what;
    int32_t pid;   /* of the process, or of one thread; 0: by name */
    char comm[16]; /* NUL-padded; a '*' at the end matches any rest */
};

/*
 * What the plugin is to do. Filters are conjunctive between kinds and disjunctive within: (a watched number) and (pid
 * is one of pids, if any are given) and (comm is one of …) and (uid is one of …).
 */
struct link_settings {
    uint32_t size;         /* sizeof(struct link_settings) */
    uint32_t flags;        /* enum link_flags */
    uint32_t string_limit; /* bytes captured of a string (paths: always up to 4096) */
    uint32_t buffer_limit; /* bytes captured of each buffer */
    uint32_t vector_limit; /* elements captured of an argv, iovec … */
    uint32_t stall_ms;
    uint64_t file_limit; /* bytes of a file that are looked at, with LINK_FILES */
    uint64_t watch[QBK_ABIS][LINK_NR_MAX / 64];
    uint32_t n_pids, n_uids, n_comms, n_modules;
    int32_t pids[LINK_IDS_MAX]; /* matches pid (tgid) or tid */
    uint32_t uids[LINK_IDS_MAX];
    char comms[LINK_COMM_MAX][16]; /* NUL-padded; a '*' at the end matches any rest */
    uint32_t n_watches;
    uint32_t reserved_watches;
    struct link_watch watches[LINK_WATCHES_MAX];
    char modules[8192]; /* n_modules times "path\0arguments\0" */
    char meta[4096];    /* "key\0value\0…" for the META record: command line, versions, what outputs asked for */
    uint32_t meta_len;
    uint32_t reserved;
    char request[1024]; /* of settings that come later: what was asked for, in words, for META */
};

/*
 * A copy of the guest's kernel image travels as a memory file: `pages` bits tell which 4 KiB pages could be read
 * (1: present), at offset 0, ceil(pages/8) bytes rounded up to 4096; then the pages themselves, absent ones as zeros.
 */
/* FIND_KERNEL: code of an unknown kernel, with much around it. NT_KERNEL: a PE image that kernel code lies in.
 * NT_STUBS: one that a call of an NT kernel came from. */
enum link_find_kind { LINK_FIND_KERNEL = 0, LINK_FIND_NT_KERNEL, LINK_FIND_NT_STUBS };

struct link_find {
    uint64_t base;  /* guest virtual address of the first page, 4 KiB-aligned */
    uint64_t pages; /* at most 1 << 16 (256 MiB) */
    uint64_t entry; /* the address of kernel code that led here */
    uint32_t epoch; /* repeated in the answer */
    uint32_t attempt;
    uint64_t cr4;   /* tells 5-level paging */
    uint32_t kind;  /* enum link_find_kind */
    uint32_t extra; /* 1: one more page follows the image's (NT kernel: KUSER_SHARED_DATA) */
};

enum link_os { LINK_OS_UNKNOWN = 0, LINK_OS_LINUX = 1, LINK_OS_NT = 2 };

#define LINK_FOUND_TEXT_MAX (96u << 10) /* names of NT's services are most of it */

/* The answer. Followed by struct linux_layout or struct nt_layout. */
struct link_found {
    uint32_t epoch;
    uint32_t os;         /* enum link_os; UNKNOWN: nothing follows */
    uint32_t text_len;   /* "key\0value\0…" for the GUEST record */
    uint32_t layout_len; /* bytes of layout that follow this struct */
    char text[LINK_FOUND_TEXT_MAX];
};

enum link_control_verb {
    LINK_CONTROL_START = 1, /* record again after STOP; the kernel is looked for anew */
    LINK_CONTROL_STOP,      /* record nothing; the calls in flight end as such, the session stays */
    LINK_CONTROL_SETTINGS,  /* other filters; calls in flight keep what they were begun with */
    LINK_CONTROL_END        /* end the session: SUMMARY, then DONE */
};
struct link_control {
    uint32_t verb;
    uint32_t len; /* of the struct link_settings that follows for SETTINGS, else 0 */
};
/* The key in META of such a change; its value is what was asked for: "start", "stop", "filter …". */
#define LINK_META_CONTROL "control"

/* From `qebek ctl`: `argc` words, each ended by NUL, as on the command line: a verb, then options. */
#define LINK_REQUEST_MAX 16384u
struct link_request {
    uint32_t argc;
    uint32_t len; /* bytes of words that follow */
};
struct link_reply {
    int32_t status; /* an exit status */
    char text[508]; /* one line, or empty */
};

/*
 * Send one message, with fd attached unless -1. Blocking; no SIGPIPE. Returns 0 or -errno. Any thread; callers
 * serialise.
 */
int link__send(int sock, enum link_type type, const void *payload, size_t len, int fd);
/*
 * Make a socket at `path` for its owner alone, and listen. Nothing is taken away: -EADDRINUSE where somebody listens
 * there, -EEXIST where something else than a socket lies; a socket without a listener is replaced. Returns it or
 * -errno.
 */
int link__listen(const char *path);
/* Connect to such a socket. Returns it or -errno. */
int link__connect(const char *path);
/*
 * Receive one message into buf. *fd gets an attached descriptor (close-on-exec) or -1. timeout_ms < 0: no limit.
 * Returns the payload's length (>= 0), or -ETIMEDOUT, -EPIPE (the other end is gone), -EPROTO (nonsense), -errno.
 */
long link__receive(int sock, enum link_type *type, void *buf, size_t size, int *fd, int timeout_ms);

#endif
