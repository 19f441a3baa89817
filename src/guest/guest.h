/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all guests have in common inside the plugin: the state of the machine, of each vCPU and of each guest thread,
 * and the records that tell about them. guest/linux and guest/raw fill it; src/plugin drives them.
 *
 * Threads: struct guest_cpu belongs to its vCPU's host thread. struct guest_thread is touched only by the vCPU that the
 * guest thread runs on, or by a vCPU that is just creating it. struct guest is constant between renewals, save its
 * atomics.
 */
#ifndef QEBEK_GUEST_GUEST_H
#define QEBEK_GUEST_GUEST_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "calls/calls.h"
#include "guest/linux/layout.h"
#include "guest/linux/mappings.h"
#include "guest/nt/layout.h"
#include "trace/link.h"
#include "trace/ring.h"
#include "vm/vm.h"

#define GUEST_NAMES_MAX 8u    /* descriptors that one call may install and have named */
#define GUEST_LOOKED    4096u /* files of which is known that they were looked at; a power of two */
#define GUEST_FATAL_MAX 64u   /* a power of two */
#define GUEST_OBJECTS   16u   /* descriptors of a thread whose object is remembered as told; a power of two */
#define GUEST_PATH_MAX  4096u /* PATH_MAX of Linux; longer ones are cut, and flagged */

/* A descriptor that was installed during the call in flight. */
struct guest_name {
    uint32_t fd;
    uint32_t len;
    char *path; /* owned */
};

/* Does the kernel run the call that the program asked for? (guest/linux/altered.c) */
enum guest_altered {
    GUEST_AS_ASKED = 0,
    GUEST_BETWEEN, /* somebody may be changing it, or keeping it back, before it is run */
    GUEST_ALTERED  /* it ran something else, see `ran` */
};

/* NT: the end of an operation whose call has not returned yet. */
#define GUEST_EARLY 4u
struct guest_early {
    uint64_t block; /* address of its status block; 0: none */
    uint64_t information;
    uint32_t status;
};

/* The last block of code that the thread began, while nothing has told how far it got (plugin/code.c). */
struct guest_code {
    struct vm_block *block; /* NULL: there was no room for it */
    struct qbk_block told;  /* as it will be told */
    uint16_t n;             /* its instructions */
    bool waits;             /* there is one */
    bool finished;          /* its last instruction had begun, when the thread last left a vCPU */
};

/* The feeder's part of a guest thread (calls_thread.owner); zeroed at birth. */
struct guest_thread {
    uint64_t number; /* qebek's own; 0 until announced */
    uint64_t parent; /* number of the creating thread, or 0 */
    uint64_t object;
    uint64_t start_time;
    uint64_t page_table;
    uint64_t css_set; /* its cgroups, when last told */
    int32_t pid, tid, ppid;
    int32_t ns_pid, ns_tid; /* in its own pid namespace; 0: that is the initial one */
    uint32_t uid, euid, gid;
    uint32_t parent_epoch; /* guest.parent_epoch when ppid was read */
    char comm[16];
    bool skip;        /* the thread filters decide against it */
    uint32_t watched; /* enum link_watch_what: whether its code is looked at as it runs */
    bool joining;     /* the call that is just being entered began before tracing did */
    struct guest_code code;
    /* of the call in flight */
    bool signal_work;    /* the kernel looked for signals at its end; signal_result is what it had returned by then */
    bool group_exit;     /* its process is ending as a whole */
    bool status_unknown; /* … and nothing tells the status */
    bool exits_alone;    /* its process is known to go on */
    bool fatal_told;     /* a SIGNAL record for the signal that kills it was written */
    uint64_t signal_result;
    bool in_signal_work; /* on its way to user mode, looking for signals */
    bool stop_told;      /* the next do_signal_stop(0) is about the same stop */
    uint64_t siginfo;    /* kernel address of the siginfo that is being dequeued into, or 0 */
    uint8_t altered;     /* enum guest_altered */
    struct qbk_ran ran;
    unsigned n_names;
    struct guest_name name[GUEST_NAMES_MAX];
    uint64_t told[GUEST_OBJECTS]; /* marks of the objects told last, by descriptor (linux/objects.c); 0: none */
    struct {                      /* NT (guest/nt/nt.h) */
        uint8_t where;            /* enum nt_where */
        uint8_t control;          /* enum nt_control: of the call that it is in */
        uint64_t context;         /* which NtContinue was given */
        uint64_t ip;              /* where that call returns to if it fails; 0: not known */
        uint64_t sp;              /* … and with which stack pointer */
        bool waits;               /* what follows is of the call that it is in (guest/nt/io.h) */
        uint8_t stay; /* enum nt_stay: since a function of the kernel's was last looked at (plugin/functions_nt.c) */
        uint32_t wait_row;
        uint64_t wait[4];
        struct guest_early early[GUEST_EARLY];
        uint32_t next_early;
        uint64_t process; /* EPROCESS; 0: not known */
        bool told;        /* what its process is (guest/nt/process.h) … */
        uint32_t look_in; /* … else events until the next look */
        uint32_t looks;
        bool ends, ends_process; /* it asked to be ended, alone or with its process … */
        uint32_t status;         /* … with this status */
    } nt;
};

#define NT_DEVICE_MAX 128u /* of a device's name that a drive letter leads to */

/* NT: what was learnt of how this kernel's objects look (guest/nt/objects.h). */
struct nt_objects {
    pthread_mutex_t lock;
    bool known;      /* how headers tell the type: */
    bool by_pointer; /* by a pointer (up to Vista), else by an index */
    bool scrambled;  /* … that a cookie and the header's address are mixed into */
    uint8_t cookie;
    uint32_t type_name;    /* offset of the name in an OBJECT_TYPE */
    uint64_t table;        /* ObTypeIndexTable; 0: not found, exported types do */
    uint32_t asked, tries; /* while it is not known */
    uint32_t table_offset; /* of the handle table in an EPROCESS; 0: not found yet */
    uint32_t table_tries;
    uint32_t key_parent; /* offset of the parent in a CM_KEY_CONTROL_BLOCK; 0: not found yet */
    uint32_t key_tries;
    uint32_t letter_age;            /* files without a letter to come before letters are read again */
    char device[26][NT_DEVICE_MAX]; /* of each drive letter; "": none */
};

/* NT: what image a page of a process belongs to. */
#define NT_PLACES 32u
struct nt_place {
    uint64_t page; /* 0: none */
    int32_t pid;
    uint32_t uses;
    uint8_t len; /* of the name; 0: the page is no image's */
    char name[64];
};

struct guest;
struct integrity;    /* linux/integrity.h */
struct nt_tables;    /* nt/tables.h */
struct nt_processes; /* nt/process.h */
struct nt_io;        /* nt/io_table.c */
struct values_call;  /* values.h */

/* One vCPU. */
struct guest_cpu {
    struct vm_cpu *vm;
    struct guest *guest;
    uint64_t object;               /* the kernel's thread object that runs here; 0: not known yet */
    struct calls_thread *thread;   /* its state, or NULL if it has none (yet) */
    uint64_t mm;                   /* its address space, while mappings are followed; 0: none, or not known yet */
    uint64_t now;                  /* time stamp of the event at hand */
    uint32_t from_threads;         /* switches away from a user thread */
    uint32_t identified;           /* calls whose thread was asked for */
    bool checking;                 /* of the call at hand the thread is learnt both ways */
    uint64_t kpcr;                 /* NT on x86: where this processor has its KPCR; 0: not known yet */
    const struct nt_place *origin; /* NT: of the call at hand: not NULL if neither ntdll nor win32u made it, but … */
    uint64_t origin_address;       /* … code there */
    struct nt_place places[NT_PLACES];
    bool deferring;   /* an entry waits in `deferred` for kernel memory to become readable */
    bool between;     /* the thread here is GUEST_BETWEEN */
    uint32_t watched; /* what of the thread here (guest/watch.h) */
    struct qebek_call deferred;
    uint64_t sp; /* with LINK_IP, or a call that DECODE_RESUMES: the user's stack pointer at the last entry */
    struct qebek_call beginning;  /* the entry at hand, while its arguments are read */
    uint64_t count[QBK_COUNTERS]; /* this vCPU's share; summed at the end */
    uint8_t scratch[GUEST_PATH_MAX + 512];
} __attribute__((aligned(64)));

enum guest_phase {
    GUEST_IDLE = 0,  /* no reader, or stopped */
    GUEST_LOOKING,   /* for a kernel */
    GUEST_SWITCHING, /* found; its probes come into force with the next renewal */
    GUEST_LINUX,
    GUEST_NT,
    GUEST_RAW,  /* unknown: numbers and registers */
    GUEST_GONE, /* reset, or another kernel: what it left ends at the next renewal, with all vCPUs halted */
    GUEST_ENDED
};

/* A file that was looked at; atomics, each by itself: what is mixed up costs a look more. */
struct guest_looked {
    uint64_t inode; /* address */
    uint64_t mark;  /* of its state then */
    uint32_t looks; /* while it was large */
};

struct guest {
    enum guest_phase phase; /* atomic */
    struct calls *calls;
    struct ring_set *ring;
    struct link_settings settings;
    enum link_os os;            /* of the kernel that was found */
    struct linux_layout layout; /* in phase GUEST_LINUX */
    struct nt_layout nt;        /* in phase GUEST_NT */
    struct nt_objects objects;
    void (*on_gone)(struct guest_cpu *cpu, uint64_t object); /* NT: a thread has ended, and is about to be told so */
    uint32_t sweep_after; /* atomic; NT: events between looks for dead threads, 0: none is due */
    int32_t sweep_in;     /* atomic; events until the next */
    bool isolated;        /* kernel memory cannot be read at the user's instruction (page-table isolation) */
    bool isolation_known;
    struct integrity *integrity;       /* NULL: not watched */
    struct nt_tables *nt_tables;       /* the same of NT; its own lock */
    struct nt_processes *nt_processes; /* its own lock */
    struct linux_mappings *mappings;   /* NULL: nobody wants them */
    bool follow_switch;                /* identity is learnt at context switches */
    bool mid_life;                     /* threads may be inside calls that began before tracing did */
    unsigned n_cpus;
    struct guest_cpu *cpu;
    uint64_t next_number;               /* atomic */
    uint32_t parent_epoch;              /* atomic; raised when a process dies and its children get another parent */
    int32_t fatal_pid[GUEST_FATAL_MAX]; /* atomic; by pid: processes of which a thread took the deadly signal */
    pthread_mutex_t raw_lock;           /* held while an event of an unknown guest is handled */
    pthread_mutex_t host_ring;          /* guards the ring that is no vCPU's */
    pthread_mutex_t io_lock;            /* guards io */
    struct nt_io *io;                   /* NT: operations that are pending; NULL: none so far */
    uint32_t io_count;                  /* atomic: how many */
    bool has_modules;                   /* hooks other than the tracer's: thread filters are the tracer's alone */
    uint64_t next_look;                 /* atomic */
    struct guest_looked looked[GUEST_LOOKED];
    uint64_t object_key;        /* secret, of the marks of objects */
    uint64_t site_entries_base; /* of the inline counters, when this trace began */
    uint64_t site_returns_base;
};

static inline struct guest_thread *guest__of(struct calls_thread *thread)
{
    return thread->owner;
}

/*
 * ---- records (guest/emit.c) ----
 * `cpu` NULL: from outside any vCPU. Nothing is written where the ring cannot take it; the ring counts that.
 */
/* The thread gets its number if it has none, and a THREAD record tells who it is. */
void guest__emit_thread(struct guest *guest, struct guest_cpu *cpu, struct guest_thread *thread,
                        enum qbk_thread_why why, uint8_t os);
void guest__emit_thread_exit(struct guest_cpu *cpu, const struct guest_thread *thread, int32_t status);
/* Nothing tells whether it has ended: it is not followed any more. */
void guest__emit_forgotten(struct guest_cpu *cpu, uint64_t number);
void guest__emit_signal(struct guest_cpu *cpu, const struct guest_thread *thread, int32_t signo,
                        enum qbk_signal_how how, const uint8_t *info, size_t info_len);
void guest__emit_name(struct guest_cpu *cpu, const struct guest_thread *thread, uint64_t fd, const char *path,
                      size_t len);
/* Fills in the head of `object`. */
void guest__emit_object(struct guest_cpu *cpu, const struct guest_thread *thread, struct qbk_object *object);
/* FILE, with file->len bytes of path; fills in the head. */
void guest__emit_file(struct guest_cpu *cpu, uint64_t thread, struct qbk_file *file, const char *path);
/* PAGES with room for `room` bytes, all else 0: to be filled in, and ended. NULL: lost, and counted. */
struct qbk_pages *guest__begin_pages(struct guest_cpu *cpu, uint64_t thread, size_t room);
void guest__end_pages(struct guest_cpu *cpu, struct qbk_pages *rec);
/* With its prototype, unless that is NULL; `module` "": the kernel. False: lost, and counted. */
bool guest__emit_function(struct guest_cpu *cpu, uint32_t id, uint64_t address, const char *name, const char *module,
                          const struct qbk_prototype *prototype);
/*
 * Fills in the head, the arguments and what these lead to (guest/values.h). Returns its number; 0: lost, and counted.
 */
uint64_t guest__emit_function_enter(struct guest_cpu *cpu, uint64_t thread, const struct qbk_function_enter *rec,
                                    struct values_call *call);
/* With what its values lead to now, unless `call` is NULL. */
void guest__emit_function_return(struct guest_cpu *cpu, uint64_t thread, const struct qbk_function_return *rec,
                                 struct values_call *call);
/* False: lost, and counted. */
bool guest__emit_code(struct guest_cpu *cpu, const struct vm_block *block, uint32_t flags);
void guest__emit_blocks(struct guest_cpu *cpu, uint64_t thread, const struct qbk_block *block, uint32_t count);
/* Of the process `pid`, by `thread` (0: by none). */
void guest__emit_mapping(struct guest_cpu *cpu, uint64_t thread, int32_t pid, uint64_t mm,
                         const struct linux_mapping *mapping, enum qbk_mapping_why why);
void guest__emit_text(struct guest *guest, struct guest_cpu *cpu, enum qbk_type type, uint64_t thread, const char *text,
                      size_t len);
/* Sums all counters; call when no vCPU runs. */
void guest__emit_summary(struct guest *guest);

/* Is it the name of a thread that the pattern means? Both are of 16 bytes; a '*' at the end stands for any rest. */
bool guest__name_matches(const char *pattern, const char *comm);
/* Evaluates the thread filters of the settings anew. */
void guest__filter_thread(const struct guest *guest, struct guest_thread *thread);
/* Forgets what belongs to the call in flight. */
void guest__call_over(struct guest_thread *thread);

#endif
